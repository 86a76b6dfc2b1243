"""Density and attenuation of the gases that fill a cell's pores, as real gases."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .attenuation import decrement, mu_per_cm

PASCAL_PER_ATM = 101_325.0
"""Definition of the standard atmosphere."""

FORMULAS: Mapping[str, str] = MappingProxyType(
    {"argon": "Ar", "xenon": "Xe", "krypton": "Kr", "helium": "He", "nitrogen": "N2", "vacuum": ""}
)
"""Gas name to chemical formula."""

_ALIASES = {"ar": "argon", "xe": "xenon", "kr": "krypton", "he": "helium", "n2": "nitrogen", "none": "vacuum"}


def gas_name(name: str) -> str:
    """Return the one name under which a gas is known here.

    Parameters
    ----------
    name : str
        Name, symbol or "none", in any case.

    Returns
    -------
    str
        A key of `FORMULAS`.

    Raises
    ------
    ValueError
        If the gas is not known.
    """
    known = _ALIASES.get(name.strip().lower(), name.strip().lower())
    if known not in FORMULAS:
        raise ValueError(f"gas {name!r} is not known; use one of {', '.join(FORMULAS)}")
    return known


@lru_cache(maxsize=256)
def density_g_cm3(gas: str, pressure_atm: float, temperature_k: float = 298.15) -> float:
    """Return the density of a real gas, by CoolProp's equations of state [1]_.

    Parameters
    ----------
    gas : str
        Name of the gas; "vacuum" has none.
    pressure_atm : float
        Absolute pressure in atm, not negative (6 atm on a gauge is 7).
    temperature_k : float
        Temperature in K.

    Returns
    -------
    float
        Density in g cm^-3.

    Raises
    ------
    ValueError
        If the pressure or temperature is out of range, or the substance is liquid there.

    References
    ----------
    .. [1] Bell et al., Ind. Eng. Chem. Res. 53 (2014) 2498-2508.
    """
    name = gas_name(gas)
    _check_state(name, pressure_atm, temperature_k)
    if name == "vacuum" or pressure_atm == 0:
        return 0.0
    from CoolProp.CoolProp import PhaseSI, PropsSI

    state = ("T", float(temperature_k), "P", pressure_atm * PASCAL_PER_ATM, name.capitalize())
    if "liquid" in (phase := PhaseSI(*state)):
        raise ValueError(
            f"{name} is {phase} at {pressure_atm} atm and {temperature_k} K; give a state where it is a gas"
        )
    return float(PropsSI("D", *state)) / 1000.0


def _check_state(name: str, pressure_atm: float, temperature_k: float) -> None:
    if not pressure_atm >= 0:
        raise ValueError(f"pressure of {name} is {pressure_atm} atm; give an absolute pressure of 0 atm or more")
    if not 100 <= temperature_k <= 1000:
        raise ValueError(f"temperature of {name} is {temperature_k} K; give 100 to 1000 K (20 °C is 293.15 K)")


@dataclass(frozen=True)
class Gas:
    """A gas fill of the cell.

    Parameters
    ----------
    name : str
        argon, xenon, krypton, helium, nitrogen or vacuum; symbols and "none" are understood.
    pressure_atm : float
        Absolute pressure in atm.
    temperature_k : float
        Temperature in K.

    Raises
    ------
    ValueError
        If the gas is not known or its state is out of range.
    """

    name: str
    pressure_atm: float = 1.0
    temperature_k: float = 298.15

    def __post_init__(self) -> None:
        """Settle the name and check pressure and temperature."""
        object.__setattr__(self, "name", gas_name(self.name))
        _check_state(self.name, self.pressure_atm, self.temperature_k)

    @property
    def formula(self) -> str:
        """Chemical formula; empty for a vacuum."""
        return FORMULAS[self.name]

    @property
    def density_g_cm3(self) -> float:
        """Density in g cm^-3."""
        return density_g_cm3(self.name, self.pressure_atm, self.temperature_k)

    def mu_per_cm(self, energy_kev: ArrayLike) -> NDArray[np.float64]:
        """Return the linear attenuation coefficient.

        Parameters
        ----------
        energy_kev : float or array
            Photon energy in keV.

        Returns
        -------
        numpy.ndarray of float64
            µ in cm^-1, in the shape of `energy_kev`.
        """
        if self.density_g_cm3 == 0:
            return np.zeros(np.shape(energy_kev))
        return mu_per_cm(self.formula, self.density_g_cm3, energy_kev)

    def decrement(self, energy_kev: float) -> float:
        """Return delta of the refractive index n = 1 - delta + i beta.

        Parameters
        ----------
        energy_kev : float
            Photon energy in keV.

        Returns
        -------
        float
            delta, dimensionless; 0 for a vacuum.
        """
        if self.density_g_cm3 == 0:
            return 0.0
        return decrement(self.formula, self.density_g_cm3, energy_kev)

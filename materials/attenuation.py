"""Linear attenuation of a formula at a density, and the materials that cells are made of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .phases import Phase

ENERGY_RANGE_KEV = (1.0, 800.0)
"""Energies for which the tables hold, in keV."""


class Absorber(Protocol):
    """Whatever attenuates X-rays: a solid, a gas, a mixture."""

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
        ...

    def decrement(self, energy_kev: float) -> float:
        """Return delta of the refractive index n = 1 - delta + i beta.

        Parameters
        ----------
        energy_kev : float
            Photon energy in keV.

        Returns
        -------
        float
            delta, dimensionless.
        """
        ...


def decrement(formula: str, density_g_cm3: float, energy_kev: float) -> float:
    """Return delta of the refractive index n = 1 - delta + i beta of a chemical compound.

    By the forward scattering factors of Chantler [1]_, as xraydb tabulates them.

    Parameters
    ----------
    formula : str
        Chemical formula.
    density_g_cm3 : float
        Density in g cm^-3, not negative.
    energy_kev : float
        Photon energy in keV.

    Returns
    -------
    float
        delta, dimensionless; it sets the phase that the beam gathers.

    Raises
    ------
    ValueError
        If the formula cannot be read.

    References
    ----------
    .. [1] Chantler, J. Phys. Chem. Ref. Data 29 (2000) 597-1048.
    """
    mass_shares(formula)
    return density_g_cm3 * _decrement_of_unit_density(formula, float(energy_kev))


@lru_cache(maxsize=256)
def _decrement_of_unit_density(formula: str, energy_kev: float) -> float:
    """Look delta of 1 g cm^-3 up; cached, as the tables lie in a database that takes milliseconds to ask."""
    import xraydb

    return float(xraydb.xray_delta_beta(formula, 1.0, energy_kev * 1e3)[0])


def mu_per_cm(formula: str, density_g_cm3: float, energy_kev: ArrayLike) -> NDArray[np.float64]:
    """Return the linear attenuation coefficient of a chemical compound.

    Total cross-section (photo-electric, coherent and incoherent) of Elam et al. [1]_, as xraydb tabulates it,
    summed over the elements by mass.

    Parameters
    ----------
    formula : str
        Chemical formula with element symbols in their usual case, for instance "Li5.5PS4.5Br1.5".
    density_g_cm3 : float
        Density in g cm^-3, not negative.
    energy_kev : float or array
        Photon energy in keV, of any shape, within `ENERGY_RANGE_KEV`.

    Returns
    -------
    numpy.ndarray of float64
        µ in cm^-1, in the shape of `energy_kev`.

    Raises
    ------
    ValueError
        If the formula cannot be read, the density is negative or an energy is out of the tables' range.

    References
    ----------
    .. [1] Elam, Ravel & Sieber, Radiat. Phys. Chem. 63 (2002) 121-128.
    """
    if not density_g_cm3 >= 0:
        raise ValueError(f"density is {density_g_cm3} g/cm3; give a density of 0 or more")
    return density_g_cm3 * mass_attenuation_cm2_g(formula, energy_kev)


def mass_attenuation_cm2_g(formula: str, energy_kev: ArrayLike) -> NDArray[np.float64]:
    """Return the mass attenuation coefficient of a chemical compound.

    Parameters
    ----------
    formula : str
        Chemical formula.
    energy_kev : float or array
        Photon energy in keV, of any shape.

    Returns
    -------
    numpy.ndarray of float64
        µ / rho in cm^2 g^-1, in the shape of `energy_kev`.

    Raises
    ------
    ValueError
        If the formula cannot be read or an energy is out of the tables' range.
    """
    energy = np.asarray(energy_kev, dtype=np.float64)
    low, high = ENERGY_RANGE_KEV
    if energy.size and not (energy.min() >= low and energy.max() <= high):
        raise ValueError(
            f"energies reach from {energy.min():g} to {energy.max():g} keV; the tables hold from "
            f"{low:g} to {high:g} keV: give keV, not eV"
        )
    total = np.zeros(energy.shape)
    for element, share in mass_shares(formula).items():
        total += share * _element_cm2_g(element, energy.tobytes()).reshape(energy.shape)
    return total


@lru_cache(maxsize=256)
def _element_cm2_g(element: str, energies: bytes) -> NDArray[np.float64]:
    """Look an element up at energies in keV, given as the bytes of float64; cached for the bins of a spectrum."""
    import xraydb

    table = xraydb.mu_elam(element, np.frombuffer(energies) * 1e3, kind="total")
    found = np.asarray(table, dtype=np.float64)
    found.flags.writeable = False
    return found


@lru_cache(maxsize=256)
def mass_shares(formula: str) -> Mapping[str, float]:
    """Return the share of each element in the mass of a compound.

    Parameters
    ----------
    formula : str
        Chemical formula.

    Returns
    -------
    mapping of str to float
        Element symbol to mass share; the shares add up to 1.

    Raises
    ------
    ValueError
        If the formula cannot be read.
    """
    import xraydb

    try:
        counts = xraydb.chemparse(formula)
        masses = {element: n * xraydb.atomic_mass(element) for element, n in counts.items()}
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(_unreadable(formula)) from error
    total = sum(masses.values())
    if not total > 0:
        raise ValueError(_unreadable(formula))
    return MappingProxyType({element: mass / total for element, mass in masses.items()})


def _unreadable(formula: str) -> str:
    return (
        f"formula {formula!r} cannot be read; write element symbols in their usual case with numbers, "
        "for instance 'Li6PS5Cl' or 'C19H12O3'"
    )


@dataclass(frozen=True)
class Material:
    """A solid of the cell or its surroundings.

    Parameters
    ----------
    name : str
        What people call it.
    formula : str
        Chemical formula.
    density_g_cm3 : float
        Density in g cm^-3, above 0.
    phase : Phase or None
        Phase that its voxels are labelled with; None where it is no part of a cell (filters, scintillators).

    Raises
    ------
    ValueError
        If the density is not above 0.
    """

    name: str
    formula: str
    density_g_cm3: float
    phase: Phase | None = None

    def __post_init__(self) -> None:
        """Check the density."""
        if not self.density_g_cm3 > 0:
            raise ValueError(f"density of {self.name} is {self.density_g_cm3} g/cm3; give a density above 0")

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
            delta, dimensionless.
        """
        return decrement(self.formula, self.density_g_cm3, energy_kev)


_PRESETS = (
    Material("lithium", "Li", 0.534, Phase.LITHIUM),
    Material("carbon", "C", 2.0, Phase.CARBON),
    Material("graphite", "C", 2.26, Phase.CARBON),
    Material("li5.5ps4.5br1.5", "Li5.5PS4.5Br1.5", 2.0, Phase.ELECTROLYTE),
    Material("li6ps5cl", "Li6PS5Cl", 1.87, Phase.ELECTROLYTE),
    Material("steel", "Fe", 7.9, Phase.COLLECTOR),
    Material("indium", "In", 7.31, Phase.COLLECTOR),
    Material("inli", "InLi", 5.17, Phase.COLLECTOR),
    Material("peek", "C19H12O3", 1.32, Phase.CASING),
    Material("ptfe", "C2F4", 2.2, Phase.CASING),
    Material("gagg", "Gd3Al2Ga3O12", 6.63),
    Material("csi", "CsI", 4.51),
)

MATERIALS: Mapping[str, Material] = MappingProxyType({material.name: material for material in _PRESETS})
"""Materials by name. Densities are of the dense solid; InLi's follows from its NaTl-type cell of 0.679 nm."""


def material(name: str) -> Material:
    """Return a material by name, or any formula with its density.

    Parameters
    ----------
    name : str
        Name in `MATERIALS`, in any case, or "FORMULA@DENSITY" with the density in g cm^-3, as in "Al@2.70".

    Returns
    -------
    Material
        The material.

    Raises
    ------
    ValueError
        If the name is not known and is no formula with a density.
    """
    if name.lower() in MATERIALS:
        return MATERIALS[name.lower()]
    match = re.fullmatch(r"(?P<formula>[A-Za-z0-9.()]+)@(?P<density>[0-9.]+)", name)
    if match is None:
        raise ValueError(
            f"material {name!r} is not known; use one of {', '.join(MATERIALS)}, or a formula with its "
            "density in g/cm3 as in 'Al@2.70'"
        )
    mass_shares(match["formula"])
    return Material(name, match["formula"], float(match["density"]))

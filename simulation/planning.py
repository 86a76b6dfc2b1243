"""Plan a scan before the beam is on: contrast, noise, hours, and what will not work."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..materials import MATERIALS, Gas, Material, Phase, Spectrum, effective_mu_per_cm, monochromatic
from .acquisition import Acquisition
from .design import CellDesign

CM_PER_UM = 1e-4

JIG_LIMIT_ATM = 8.0
"""Highest pressure of Kodama's jig."""

ALIKE = 0.3
"""Two phases look alike if their µ differ by less than this share of the larger."""

STARVED = 0.01
"""Below this transmission an additive floor and read-out noise rule the signal."""


@dataclass(frozen=True)
class Contrast:
    """What one filling of a voxel looks like.

    Parameters
    ----------
    name : str
        Material, or gas with its pressure.
    phase : str
        Phase it stands for.
    mu_per_cm : float
        Effective µ of a thin layer in cm^-1.
    hardened_per_cm : float
        Effective µ behind the electrolyte's mean chord, in cm^-1: what beam hardening leaves of it.
    """

    name: str
    phase: str
    mu_per_cm: float
    hardened_per_cm: float


@dataclass(frozen=True)
class Plan:
    """What a scan of a cell will give.

    Parameters
    ----------
    contrasts : tuple of Contrast
        Solids, then gases.
    transmission : mapping of str to float
        Share of the beam left through the middle of a slice of each layer, casing included; dimensionless.
    noise_per_cm : mapping of str to float
        Standard deviation of µ per voxel in a slice of each layer, in cm^-1.
    lithium_std : float or None
        Standard deviation of the two-gas lithium fraction per voxel of a film's slice; None with fewer than two
        gases.
    voxels_to_average : int or None
        Voxels to average for the error asked for, noise taken as independent; None likewise.
    hours : float or None
        Time of all scans; None where the flux is not known.
    warnings : tuple of str
        What will not work, and what to do.
    """

    contrasts: tuple[Contrast, ...]
    transmission: Mapping[str, float]
    noise_per_cm: Mapping[str, float]
    lithium_std: float | None
    voxels_to_average: int | None
    hours: float | None
    warnings: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """Return the plan as plain values, for JSON.

        Returns
        -------
        dict
            The fields by name.
        """
        return asdict(self)


def plan(
    design: CellDesign,
    gases: Sequence[Gas],
    acquisition: Acquisition,
    *,
    error: float = 0.05,
    photons_per_s: float | None = None,
) -> Plan:
    """Plan scans of a cell in one or more gases.

    Parameters
    ----------
    design : CellDesign
        The cell: materials, bore and walls.
    gases : sequence of Gas
        Gas of each scan, at least one.
    acquisition : Acquisition
        Spectrum, pixel, views and photons of each scan.
    error : float
        Error of the lithium fraction to aim at, dimensionless, above 0.
    photons_per_s : float, optional
        Photons per pixel and second in the open beam; None leaves the hours open.

    Returns
    -------
    Plan
        Contrasts, noise, time and warnings.

    Raises
    ------
    ValueError
        If there is no gas, or the error or the flux is not above 0.
    """
    if not gases:
        raise ValueError("no gas was given; plan at least one scan, for instance Gas('xenon', 6)")
    if not error > 0 or (photons_per_s is not None and not photons_per_s > 0):
        raise ValueError(f"error is {error} and the flux {photons_per_s} photons/s; give more than 0")
    spectrum, solids = acquisition.spectrum, _solids(design)
    behind = _behind_electrolyte(design, spectrum)
    contrasts = [_contrast(solid.name, solid.phase, solid, spectrum, behind) for solid in solids]
    contrasts += [_contrast(_label(gas), Phase.VOID, gas, spectrum, behind) for gas in gases]
    transmission = {solid.name: _transmission(design, solid, spectrum) for solid in solids}
    noise = {name: noise_per_cm(acquisition, share) for name, share in transmission.items()}
    std = _lithium_std(gases, spectrum, noise["lithium"])
    return Plan(
        contrasts=tuple(contrasts),
        transmission=transmission,
        noise_per_cm=noise,
        lithium_std=std,
        voxels_to_average=None if std is None else max(1, int(np.ceil((std / error) ** 2))),
        hours=None if photons_per_s is None else _hours(acquisition, len(gases), photons_per_s),
        warnings=tuple(_warnings(design, gases, spectrum, transmission)),
    )


def mu_curves(
    design: CellDesign, gases: Sequence[Gas], energy_kev: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return µ(E) of a cell's materials and gases, for a plot like figure 2a of [1]_.

    Parameters
    ----------
    design : CellDesign
        The cell.
    gases : sequence of Gas
        Gases.
    energy_kev : (n,) array of float64
        Energies in keV.

    Returns
    -------
    dict of str to (n,) array
        µ in cm^-1 by name.

    References
    ----------
    .. [1] Kodama et al., Journal of Power Sources Advances 26 (2024) 100142.
    """
    curves = {solid.name: solid.mu_per_cm(energy_kev) for solid in _solids(design)}
    return curves | {_label(gas): gas.mu_per_cm(energy_kev) for gas in gases}


def noise_per_cm(acquisition: Acquisition, transmission: float) -> float:
    """Return the standard deviation of µ per voxel in the middle of a slice, ramp filter, equation 12 of [1]_.

    Parameters
    ----------
    acquisition : Acquisition
        Views, photons and pixel.
    transmission : float
        Share of the beam that is left, dimensionless, above 0.

    Returns
    -------
    float
        Standard deviation in cm^-1.

    References
    ----------
    .. [1] Chesler, Riederer & Pelc, J. Comput. Assist. Tomogr. 1 (1977) 64-74.
    """
    voxel_cm = acquisition.voxel_um * CM_PER_UM
    photons = acquisition.n_views * acquisition.photons * max(transmission, 1e-12)
    return float(np.pi / np.sqrt(12) / (voxel_cm * np.sqrt(photons)))


def _solids(design: CellDesign) -> list[Material]:
    """List the materials of a cell, lithium first."""
    names = ["lithium", *(["carbon"] if design.carbon else []), design.electrolyte.material]
    names += [design.collector.material, design.bore.casing]
    return [MATERIALS[name] for name in names]


def _label(gas: Gas) -> str:
    return gas.name if gas.formula == "" else f"{gas.name} {gas.pressure_atm:g} atm"


def _behind_electrolyte(design: CellDesign, spectrum: Spectrum) -> Spectrum:
    """Return the beam behind the mean chord of the electrolyte."""
    chord_cm = np.pi / 4 * design.bore.inner_diameter_um * CM_PER_UM
    return spectrum.filtered(MATERIALS[design.electrolyte.material], chord_cm)


def _contrast(
    name: str, phase: Phase | None, absorber: Material | Gas, spectrum: Spectrum, behind: Spectrum
) -> Contrast:
    return Contrast(
        name,
        "outside" if phase is None else phase.name.lower(),
        float(effective_mu_per_cm(absorber, spectrum)),
        float(effective_mu_per_cm(absorber, behind)),
    )


def _transmission(design: CellDesign, solid: Material, spectrum: Spectrum) -> float:
    """Return what is left of the beam through the middle of a slice of one solid, walls included."""
    bore_cm = design.bore.inner_diameter_um * CM_PER_UM
    walls_cm = 2 * sum(design.bore.walls_um[::2]) * CM_PER_UM
    depth = MATERIALS[design.bore.casing].mu_per_cm(spectrum.energy_kev) * walls_cm
    if solid.phase is not Phase.CASING:
        depth = depth + solid.mu_per_cm(spectrum.energy_kev) * bore_cm
    return float(np.exp(-depth) @ spectrum.photons)


def _lithium_std(gases: Sequence[Gas], spectrum: Spectrum, noise: float) -> float | None:
    """Return the error of the two-gas lithium fraction of a voxel: that of the gas fraction, which rules it."""
    mu = sorted(float(effective_mu_per_cm(gas, spectrum)) for gas in gases)
    if len(mu) < 2 or mu[-1] == mu[0]:
        return None
    return float(np.sqrt(2) * noise / (mu[-1] - mu[0]))


def _hours(acquisition: Acquisition, scans: int, photons_per_s: float) -> float:
    frames = acquisition.n_views + acquisition.n_flats + acquisition.n_late_flats
    return scans * frames * acquisition.photons / photons_per_s / 3600.0


def _warnings(
    design: CellDesign, gases: Sequence[Gas], spectrum: Spectrum, transmission: Mapping[str, float]
) -> list[str]:
    """Say what will not work, and what to do."""
    warnings = []
    lithium, electrolyte = MATERIALS["lithium"], MATERIALS[design.electrolyte.material]
    mu_lithium = float(effective_mu_per_cm(lithium, spectrum))
    lightest = min(gases, key=lambda gas: float(effective_mu_per_cm(gas, spectrum)))
    for gas in gases:
        mu_gas = float(effective_mu_per_cm(gas, spectrum))
        if mu_gas < 3 * mu_lithium and gas is lightest and len(gases) == 1:
            warnings.append(
                f"{_label(gas)} looks like lithium here ({mu_gas:.2f} against {mu_lithium:.2f} cm^-1); scan in "
                "xenon too"
            )
        if design.carbon is not None:
            mu_carbon = float(effective_mu_per_cm(MATERIALS["carbon"], spectrum))
            if abs(mu_gas - mu_carbon) < ALIKE * max(mu_gas, mu_carbon):
                warnings.append(_carbon_warning(gas, gases, mu_gas, mu_carbon, spectrum))
    share = transmission[electrolyte.name]
    if share < STARVED:
        warnings.append(_starvation_warning(design, electrolyte, share))
    thin, thick = (
        float(effective_mu_per_cm(electrolyte, spectrum, length))
        for length in (0.0, design.bore.inner_diameter_um * CM_PER_UM)
    )
    if thick < 0.9 * thin:
        warnings.append(
            f"beam hardening lowers the electrolyte from {thin:.0f} to {thick:.0f} cm^-1 across the cell; correct "
            "for it with the spectrum, or use a harder filter"
        )
    return warnings


def _carbon_warning(gas: Gas, gases: Sequence[Gas], mu_gas: float, mu_carbon: float, spectrum: Spectrum) -> str:
    """Word the warning that a gas looks like carbon, with the pressure that would part them."""
    remedies = []
    if len(gases) == 1:
        remedies.append("scan in argon too")
    else:
        remedies.append("the difference of the two scans tells them apart")
    for pressure in np.arange(np.ceil(gas.pressure_atm) + 1, JIG_LIMIT_ATM + 1):
        raised = float(effective_mu_per_cm(Gas(gas.name, float(pressure), gas.temperature_k), spectrum))
        if raised - mu_carbon >= ALIKE * raised:
            remedies.append(f"raise to {pressure:g} atm")
            break
    return f"{_label(gas)} looks like carbon here ({mu_gas:.2f} against {mu_carbon:.2f} cm^-1); " + ", or ".join(
        remedies
    )


def _starvation_warning(design: CellDesign, electrolyte: Material, share: float) -> str:
    """Word the warning of too little light, with an energy that would get through."""
    for energy_kev in range(15, 121):
        if _transmission(design, electrolyte, monochromatic(float(energy_kev))) > 0.1:
            return (
                f"{100 * share:.2g} % transmission through the electrolyte: expect starvation; use "
                f"{energy_kev} keV or a thinner cell"
            )
    return f"{100 * share:.2g} % transmission through the electrolyte: expect starvation; use a thinner cell"

"""Plan a scan before the beam is on: contrast, noise, hours, and what will not work."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..materials import MATERIALS, Gas, Material, Phase, Spectrum, effective_mu_per_cm
from .acquisition import Acquisition
from .advice import label, transmission_of, warnings_of
from .design import CellDesign, part_material

CM_PER_UM = 1e-4


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
class Average:
    """How many voxels must be averaged for the error that is aimed at.

    Parameters
    ----------
    what : str
        What is measured, and where.
    std_per_voxel : float
        Standard deviation of the share in one voxel, dimensionless.
    voxels : int
        Voxels to average, noise taken as independent.
    edge_um : float
        Edge of a cube of so many voxels, in µm.
    """

    what: str
    std_per_voxel: float
    voxels: int
    edge_um: float


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
    averages : tuple of Average
        The same for every share that these scans can measure.
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
    averages: tuple[Average, ...]
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
    contrasts += [_contrast(label(gas), Phase.VOID, gas, spectrum, behind) for gas in gases]
    transmission = {solid.name: transmission_of(design, solid, spectrum) for solid in solids}
    noise = {name: noise_per_cm(acquisition, share) for name, share in transmission.items()}
    contrast = _gas_contrast(gases, spectrum)
    std = None if contrast is None else float(np.sqrt(2) * noise["lithium"] / contrast)
    stds = _stds(design, gases, spectrum, noise)
    return Plan(
        contrasts=tuple(contrasts),
        transmission=transmission,
        noise_per_cm=noise,
        lithium_std=std,
        voxels_to_average=None if std is None else _voxels(std, error),
        averages=tuple(_average(what, value, error, acquisition) for what, value in stds.items()),
        hours=None if photons_per_s is None else _hours(acquisition, len(gases), photons_per_s),
        warnings=tuple(warnings_of(design, gases, acquisition, transmission)),
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
    return curves | {label(gas): gas.mu_per_cm(energy_kev) for gas in gases}


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
    names = ["lithium", *(["carbon"] if design.carbon else [])]
    parts = {
        Phase.ELECTROLYTE: design.electrolyte.material,
        Phase.COLLECTOR: design.collector.material,
        Phase.CASING: design.bore.casing,
    }
    return [MATERIALS[name] for name in names] + [part_material(name, phase) for phase, name in parts.items()]


def _behind_electrolyte(design: CellDesign, spectrum: Spectrum) -> Spectrum:
    """Return the beam behind the mean chord of the electrolyte."""
    chord_cm = np.pi / 4 * design.bore.inner_diameter_um * CM_PER_UM
    return spectrum.filtered(part_material(design.electrolyte.material, Phase.ELECTROLYTE), chord_cm)


def _contrast(
    name: str, phase: Phase | None, absorber: Material | Gas, spectrum: Spectrum, behind: Spectrum
) -> Contrast:
    return Contrast(
        name,
        "outside" if phase is None else phase.name.lower(),
        float(effective_mu_per_cm(absorber, spectrum)),
        float(effective_mu_per_cm(absorber, behind)),
    )


def _gas_contrast(gases: Sequence[Gas], spectrum: Spectrum) -> float | None:
    """Return the difference of µ between the densest and the thinnest gas in cm^-1; None without two."""
    mu = sorted(float(effective_mu_per_cm(gas, spectrum)) for gas in gases)
    return mu[-1] - mu[0] if len(mu) > 1 and mu[-1] > mu[0] else None


def _stds(design: CellDesign, gases: Sequence[Gas], spectrum: Spectrum, noise: Mapping[str, float]) -> dict[str, float]:
    """Return the error per voxel of each share that can be measured, behind the beam that reaches it."""
    electrolyte, stds = part_material(design.electrolyte.material, Phase.ELECTROLYTE), {}
    behind = _behind_electrolyte(design, spectrum)
    film, inside = _gas_contrast(gases, spectrum), _gas_contrast(gases, behind)
    if film is not None:
        stds["lithium or gas in a film's slice, from two gases"] = float(np.sqrt(2) * noise["lithium"] / film)
    solid = float(effective_mu_per_cm(electrolyte, behind))
    stds["what is missing of the electrolyte, from one scan"] = noise[electrolyte.name] / solid
    if inside is not None:
        stds["lithium told from pores inside the electrolyte, from two gases"] = float(
            np.sqrt(2) * noise[electrolyte.name] / inside
        )
    return stds


def _voxels(std: float, error: float) -> int:
    return max(1, int(np.ceil((std / error) ** 2)))


def _average(what: str, std: float, error: float, acquisition: Acquisition) -> Average:
    voxels = _voxels(std, error)
    return Average(what, std, voxels, float(voxels ** (1 / 3) * acquisition.voxel_um))


def _hours(acquisition: Acquisition, scans: int, photons_per_s: float) -> float:
    frames = acquisition.n_views + acquisition.n_flats + acquisition.n_late_flats
    return scans * frames * acquisition.photons / photons_per_s / 3600.0

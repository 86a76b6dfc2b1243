"""What each phase should read in a scan, and which pairs of phases a scan can tell apart."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..materials import Phase
from ..materials.attenuation import Absorber, Material
from ..materials.gases import Gas
from ..materials.spectra import Spectrum, effective_mu_per_cm

UM_PER_CM = 1e4
MEAN_CHORD = math.pi / 4.0
"""Mean chord of a disc over its diameter."""

SEPARABLE = 5.0
MARGINAL = 3.0
"""Distance of two phases over the noise: at 5, half-way is passed by 0.6 % of voxels; at 3, by 7 %."""

Verdict = Literal["separable", "marginal", "not separable"]


@dataclass(frozen=True)
class ExpectedMu:
    """What a phase should read.

    Parameters
    ----------
    mu_per_cm : float
        Effective µ behind the casing, over a mean chord of the bore, in cm^-1.
    low_per_cm, high_per_cm : float
        Range over the path lengths in the cell, in cm^-1: behind the casing over the whole bore, and in the
        open beam over no path. One energy has no range.
    name : str
        Material, for tables and the marks of a histogram.
    behind_electrolyte : float
        What a little of it reads behind a mean chord of the cell's electrolyte, over `mu_per_cm`, dimensionless; 1 at
        one energy and where there is no electrolyte.
    """

    mu_per_cm: float
    low_per_cm: float
    high_per_cm: float
    name: str
    behind_electrolyte: float = 1.0


@dataclass(frozen=True)
class Contrast:
    """How far two phases lie apart in one scan or in several.

    Parameters
    ----------
    first, second : Phase
        The pair.
    scans : tuple of str
        Names of the scans that were looked at together.
    contrast_per_cm : tuple of float
        µ of the second less µ of the first, for each scan, in cm^-1.
    d_prime : float or None
        Root of the summed squares of contrast over noise, dimensionless; None where the noise is unknown.
    verdict : str or None
        "separable" from 5, "marginal" from 3, else "not separable".
    """

    first: Phase
    second: Phase
    scans: tuple[str, ...]
    contrast_per_cm: tuple[float, ...]
    d_prime: float | None
    verdict: Verdict | None


def expected_mu(
    materials: Mapping[Phase, Material],
    gas: Gas,
    spectrum: Spectrum,
    *,
    path_um: float,
    casing_um: float = 0.0,
) -> dict[Phase, ExpectedMu]:
    """Return what each phase of a cell should read in a scan.

    Parameters
    ----------
    materials : mapping of Phase to Material
        Solids of the cell.
    gas : Gas
        What fills the pores; it becomes the phase void.
    spectrum : Spectrum
        Weights of the energies in the detector's signal; one bin for one energy.
    path_um : float
        Longest path through the cell, its bore, in µm.
    casing_um : float
        Path through the casing on the way, in µm; counts where `materials` name a casing.

    Returns
    -------
    dict of Phase to ExpectedMu
        The phases of `materials`, and void; also where to mark a histogram.

    Raises
    ------
    ValueError
        If a path is negative.
    """
    if not (path_um >= 0 and casing_um >= 0):
        raise ValueError(f"paths are {path_um} µm and {casing_um} µm (casing); give 0 µm or more")
    casing = materials.get(Phase.CASING)
    behind = spectrum.filtered(casing, casing_um / UM_PER_CM) if casing is not None else spectrum
    electrolyte = materials.get(Phase.ELECTROLYTE)
    chord_cm = MEAN_CHORD * path_um / UM_PER_CM
    shaded = behind.filtered(electrolyte, chord_cm) if electrolyte is not None else behind
    absorbers: dict[Phase, tuple[str, Absorber]] = {Phase.VOID: (f"{gas.name} {gas.pressure_atm:g} atm", gas)}
    absorbers |= {phase: (solid.name, solid) for phase, solid in materials.items()}
    return {
        phase: _expected(name, absorber, (spectrum, behind, shaded), path_um / UM_PER_CM)
        for phase, (name, absorber) in sorted(absorbers.items())
    }


def _expected(name: str, absorber: Absorber, beams: tuple[Spectrum, Spectrum, Spectrum], path_cm: float) -> ExpectedMu:
    """Read a phase in the open beam, behind the casing, and behind the casing and the electrolyte."""
    open_beam, behind, shaded = beams
    typical, longest = (float(mu) for mu in effective_mu_per_cm(absorber, behind, [MEAN_CHORD * path_cm, path_cm]))
    shortest = float(effective_mu_per_cm(absorber, open_beam, 0.0))
    values = (typical, longest, shortest)
    deep = float(effective_mu_per_cm(absorber, shaded, 0.0))
    return ExpectedMu(typical, min(values), max(values), name, deep / typical)


def verdict_of(d_prime: float) -> Verdict:
    """Say in words whether two phases can be told apart.

    Parameters
    ----------
    d_prime : float
        Contrast over noise, dimensionless.

    Returns
    -------
    str
        "separable" from 5, "marginal" from 3, else "not separable".
    """
    if d_prime >= SEPARABLE:
        return "separable"
    return "marginal" if d_prime >= MARGINAL else "not separable"


def contrast_table(
    levels: Mapping[str, Mapping[Phase, float]], *, noise_per_cm: Mapping[str, float] | None = None
) -> tuple[Contrast, ...]:
    """Compare every pair of phases in every scan, and in all scans together.

    Parameters
    ----------
    levels : mapping of str to mapping of Phase to float
        For each scan ("argon", "xenon") the µ of each phase in cm^-1, expected or measured.
    noise_per_cm : mapping of str to float, optional
        Standard deviation of µ in a voxel, for each scan, in cm^-1.

    Returns
    -------
    tuple of Contrast
        Pairs in the order of `Phase`; for each pair the scans one by one, then together.

    Raises
    ------
    ValueError
        If there is no scan, or a noise is missing or not positive.
    """
    if not levels:
        raise ValueError("no scan was given; give the levels of at least one")
    if noise_per_cm is not None and not all(noise_per_cm.get(scan, 0.0) > 0 for scan in levels):
        raise ValueError(f"noise is given as {dict(noise_per_cm)}; give a positive one for each of {list(levels)}")
    shared = sorted(set.intersection(*(set(phases) for phases in levels.values())))
    groups = [(scan,) for scan in levels] + ([tuple(levels)] if len(levels) > 1 else [])
    return tuple(
        _contrast(pair, scans, levels, noise_per_cm) for pair in itertools.combinations(shared, 2) for scans in groups
    )


def _contrast(
    pair: tuple[Phase, Phase],
    scans: tuple[str, ...],
    levels: Mapping[str, Mapping[Phase, float]],
    noise_per_cm: Mapping[str, float] | None,
) -> Contrast:
    first, second = pair
    contrast = tuple(float(levels[scan][second] - levels[scan][first]) for scan in scans)
    if noise_per_cm is None:
        return Contrast(first, second, scans, contrast, None, None)
    d_prime = math.hypot(*(c / noise_per_cm[scan] for c, scan in zip(contrast, scans, strict=True)))
    return Contrast(first, second, scans, contrast, d_prime, verdict_of(d_prime))

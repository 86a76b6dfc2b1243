"""What each phase reads in a scan: levels measured well inside the phases, and the noise around them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..materials import Phase
from .filters import dilate, erode, gaussian_within
from .unmixing import shares, unmixing_matrix

ROUNDS = 4
MIN_VOXELS = 200
TELLS_SCALE = 0.3
"""A phase of at least this share of the largest expected level tells by which factor a scan is off."""

EROSION = 2
SIGMAS_PX = (0.8, 1.0, 1.25, 1.5, 2.0)
"""Gaussians that are tried; the narrowest that tells lithium from the rest is taken."""

WANTED_D_PRIME = 8.0
MAD_TO_STD = 1.4826


@dataclass(frozen=True)
class Sample:
    """A part of the light rows, of all scans.

    Parameters
    ----------
    volumes : mapping of str to (n_z, n_y, n_x) array
        µ in cm^-1, for each scan.
    mask : (n_z, n_y, n_x) array of bool
        Voxels inside the bore, away from the casing.
    """

    volumes: Mapping[str, NDArray[np.float32]]
    mask: NDArray[np.bool_]

    def smoothed(self, sigma_px: float) -> list[NDArray[np.float32]]:
        """Return the volumes after a Gaussian within the mask.

        Parameters
        ----------
        sigma_px : float
            Standard deviation of the Gaussian, in voxels.

        Returns
        -------
        list of (n_z, n_y, n_x) array
            In the order of the scans.
        """
        return [gaussian_within(volume, self.mask, sigma_px) for volume in self.volumes.values()]


@dataclass(frozen=True)
class Levels:
    """Levels and noise of the light phases.

    Parameters
    ----------
    levels : mapping of str to mapping of Phase to float
        For each scan the µ of each phase, in cm^-1.
    noise_per_cm, smooth_noise_per_cm : mapping of str to float
        Standard deviation in a voxel, before and after smoothing, for each scan, in cm^-1.
    smoothing_px : float
        Standard deviation of the Gaussian, in voxels.
    counts : mapping of Phase to int
        Voxels well inside each phase; a phase with fewer than 200 keeps the level it was given, as does lithium where
        they read like another phase.
    """

    levels: Mapping[str, Mapping[Phase, float]]
    noise_per_cm: Mapping[str, float]
    smooth_noise_per_cm: Mapping[str, float]
    smoothing_px: float
    counts: Mapping[Phase, int]


def measure_levels(
    samples: Sequence[Sample], start: Mapping[str, Mapping[Phase, float]], phases: Sequence[Phase]
) -> Levels:
    """Measure what each phase reads, starting from what it should read.

    Voxels are labelled with the present levels after smoothing, the labels are eroded, and the mean of the
    unsmoothed µ within them becomes the next level. The erosion keeps mixed voxels out, and the smoothing
    keeps the choice of voxels nearly independent of the noise in them. Carbon is taken with its pores: all
    that is not lithium and lies off the larger voids. Its level then lies on the line from dense carbon to
    gas, and lithium's share of a voxel, which is its distance from that line, stays the same.

    Parameters
    ----------
    samples : sequence of Sample
        Parts of the light rows, free of dense layers.
    start : mapping of str to mapping of Phase to float
        For each scan the expected µ of each phase, in cm^-1.
    phases : sequence of Phase
        The phases to tell apart, at most one more than there are scans: lithium, then carbon, then void.

    Returns
    -------
    Levels
        With the narrowest Gaussian of `SIGMAS_PX` that parts lithium from the others by eight times the noise.
    """
    scans = tuple(start)
    expected = np.array([[start[scan][phase] for phase in phases] for scan in scans], dtype=np.float64)
    noise = np.ones(len(scans))
    chosen = SIGMAS_PX[-1]
    for sigma in SIGMAS_PX:
        # Under too narrow a Gaussian noise is sorted into phases, and their levels drift apart: each begins anew.
        levels, counts, noise, smooth_noise = _settle(samples, expected, noise, sigma)
        chosen = sigma
        if min(_least_d_prime(table, smooth_noise) for table in (levels, expected)) >= WANTED_D_PRIME:
            break
    return Levels(
        {scan: dict(zip(phases, map(float, row), strict=True)) for scan, row in zip(scans, levels, strict=True)},
        dict(zip(scans, map(float, noise), strict=True)),
        dict(zip(scans, map(float, smooth_noise), strict=True)),
        chosen,
        dict(zip(phases, map(int, counts), strict=True)),
    )


def _settle(
    samples: Sequence[Sample], levels: NDArray[np.float64], noise: NDArray[np.float64], sigma: float
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    smooth = [sample.smoothed(sigma) for sample in samples]
    inside = [erode(sample.mask, EROSION) for sample in samples]
    start = levels
    for _ in range(ROUNDS):
        matrix = unmixing_matrix(levels, noise)
        labels = [np.argmax(np.stack(shares(matrix, volumes)), axis=0) for volumes in smooth]
        levels, counts, largest = _means(samples, labels, inside, start)
    noise, smooth_noise = (
        np.array([robust_std(np.concatenate(parts)) for parts in zip(*kind, strict=True)])
        for kind in _residuals(samples, smooth, labels, inside, largest)
    )
    return levels, counts, noise, smooth_noise


def _means(
    samples: Sequence[Sample],
    labels: Sequence[NDArray[np.intp]],
    inside: Sequence[NDArray[np.bool_]],
    start: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.intp], int]:
    n_scans, n_phases = start.shape
    total, counts = np.zeros((n_scans, n_phases)), np.zeros(n_phases, dtype=np.intp)
    for sample, label, within in zip(samples, labels, inside, strict=True):
        for phase, core in enumerate(_cores(label, sample.mask, n_phases)):
            chosen = core & within
            counts[phase] += int(chosen.sum())
            for scan, volume in enumerate(sample.volumes.values()):
                total[scan, phase] += float(volume[chosen].sum(dtype=np.float64))
    means = total / np.maximum(counts, 1)
    enough = counts >= MIN_VOXELS
    # Where lithium is thin, noise in a thin layer of carbon is taken for it, and then reads like that layer.
    reads_like_another = np.argmin(((start - means[:, :1]) ** 2).sum(axis=0)) != 0
    if reads_like_another and enough[1:].any():
        enough[0] = False
    # A phase too rare to be measured moves with the others, by the factor that ties expected to measured.
    moved = np.array([_carried(start[i], total[i], counts, enough) for i in range(n_scans)])
    return np.where(enough, means, moved), counts, int(counts.argmax())


def _cores(label: NDArray[np.intp], mask: NDArray[np.bool_], n_phases: int) -> list[NDArray[np.bool_]]:
    """Voxels well inside each phase; lithium comes first, then carbon with its pores, then voids."""
    cores = [erode((label == phase) | ~mask, EROSION) for phase in range(n_phases)]
    if n_phases == 3:
        cores[1] = erode((label != 0) | ~mask, EROSION) & ~dilate(cores[2] & mask, 2 * EROSION)
    return cores


def _carried(
    start: NDArray[np.float64], total: NDArray[np.float64], counts: NDArray[np.intp], enough: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Scale what was not seen like what was; lithium alone reads too little to tell a scale."""
    known, seen = start[enough], total[enough] / counts[enough]
    if known.size == 0 or not np.abs(known).max() > TELLS_SCALE * np.abs(start).max():
        return start
    return start * float((known * seen).sum() / (known**2).sum())


def _residuals(
    samples: Sequence[Sample],
    smooth: Sequence[list[NDArray[np.float32]]],
    labels: Sequence[NDArray[np.intp]],
    inside: Sequence[NDArray[np.bool_]],
    phase: int,
) -> tuple[list[list[NDArray[np.float32]]], list[list[NDArray[np.float32]]]]:
    """Values well inside one phase, unsmoothed and smoothed, sample by sample and scan by scan."""
    raw, soft = [], []
    for sample, volumes, label, within in zip(samples, smooth, labels, inside, strict=True):
        core = erode((label == phase) | ~sample.mask, EROSION) & within
        raw.append([volume[core] for volume in sample.volumes.values()])
        soft.append([volume[core] for volume in volumes])
    return raw, soft


def robust_std(values: NDArray[np.floating]) -> float:
    """Return the standard deviation of normal noise from its median absolute deviation.

    Parameters
    ----------
    values : (n,) array
        Noise around one level, outliers allowed.

    Returns
    -------
    float
        In the unit of the values, positive; 1 where there are fewer than two.
    """
    if values.size < 2:
        return 1.0
    return max(MAD_TO_STD * float(np.median(np.abs(values - np.median(values)))), 1e-6)


def _least_d_prime(levels: NDArray[np.float64], noise: NDArray[np.float64]) -> float:
    """Distance of lithium from the phase nearest to it, over the noise."""
    scaled = levels / noise[:, None]
    distance = np.sqrt(((scaled[:, 1:] - scaled[:, :1]) ** 2).sum(axis=0))
    return float(distance.min()) if distance.size else np.inf

"""Phases from a few painted strokes: each phase a Gaussian over smoothed µ and edges, in closed form."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..materials import NOT_LABELLED, Phase

SMOOTHINGS_PX = (0.7, 1.5, 3.0)
EDGE_PX = 1.5
REACH_PX = 12
"""Voxels around a block that its features feel."""

FEWEST_VOXELS = 8
MOST_VOXELS = 20_000
SHRINKAGE = 0.1
"""Share of the pooled covariance in each phase's own, and of its diagonal in that."""

Volume = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Painter:
    """What strokes have taught: one Gaussian a phase.

    Parameters
    ----------
    phases : (n,) array of uint8
        Phases that were painted.
    means : (n, n_features) array
        Mean features of each, in standard deviations of all strokes.
    whitenings : (n, n_features, n_features) array
        Inverse of each phase's Cholesky factor.
    log_volumes : (n,) array
        Half the logarithm of each covariance's determinant.
    centre, scale : (n_features,) array
        Mean and standard deviation of the features over all strokes, in cm^-1.
    """

    phases: NDArray[np.uint8]
    means: NDArray[np.float64]
    whitenings: NDArray[np.float64]
    log_volumes: NDArray[np.float64]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]


def painting_features(volumes: Sequence[Volume]) -> NDArray[np.float32]:
    """Return what a voxel is told by: µ at three smoothings, and its edges, of every scan [1]_.

    Parameters
    ----------
    volumes : sequence of (n_z, n_y, n_x) array
        µ of each scan in cm^-1, on one grid; NaN counts as 0.

    Returns
    -------
    (4 n_scans, n_z, n_y, n_x) array of float32
        In cm^-1, and cm^-1 per voxel for edges.

    References
    ----------
    .. [1] Berg et al., ilastik: interactive machine learning for (bio)image analysis, Nat. Methods 16 (2019) 1226.
    """
    from scipy import ndimage

    found = []
    for volume in volumes:
        mu = np.nan_to_num(np.asarray(volume, np.float32))
        found += [ndimage.gaussian_filter(mu, sigma, mode="nearest") for sigma in SMOOTHINGS_PX]
        found.append(ndimage.gaussian_gradient_magnitude(mu, EDGE_PX, mode="nearest"))
    return np.stack(found)


def learn_strokes(volumes: Sequence[Volume], strokes: NDArray[np.uint8]) -> Painter:
    """Learn phases from painted voxels: regularised Gaussian classes [1]_.

    Parameters
    ----------
    volumes : sequence of (n_z, n_y, n_x) array
        µ of each scan in cm^-1, on one grid.
    strokes : (n_z, n_y, n_x) array of uint8
        Values of `Phase` where painted, 255 elsewhere.

    Returns
    -------
    Painter
        Takes volumes of the same scans.

    Raises
    ------
    ValueError
        If grids differ, fewer than two phases are painted, or one of them with fewer than 8 voxels.

    References
    ----------
    .. [1] Friedman, Regularized discriminant analysis, J. Am. Stat. Assoc. 84 (1989) 165.
    """
    if any(volume.shape != strokes.shape for volume in volumes):
        shapes = ", ".join(str(volume.shape) for volume in volumes)
        raise ValueError(f"strokes are {strokes.shape} and volumes {shapes} voxels; paint on the grid of the scans")
    painted = strokes != NOT_LABELLED
    phases, counts = np.unique(strokes[painted], return_counts=True)
    names = ", ".join(f"{_name(p)} with {n} voxels" for p, n in zip(phases, counts, strict=True)) or "nothing"
    if len(phases) < 2 or counts.min() < FEWEST_VOXELS:
        raise ValueError(f"painted is {names}; paint at least two phases, each with {FEWEST_VOXELS} voxels or more")
    samples = painting_features(volumes)[:, painted].T.astype(np.float64)
    labels = strokes[painted]
    centre, scale = samples.mean(0), samples.std(0) + 1e-9
    samples = (samples - centre) / scale
    groups = [_thinned(samples[labels == phase]) for phase in phases]
    pooled = sum(np.cov(group.T) * (len(group) - 1) for group in groups) / sum(len(group) - 1 for group in groups)
    whitenings, log_volumes = [], []
    for group in groups:
        own = (1 - SHRINKAGE) * np.cov(group.T) + SHRINKAGE * pooled
        own = (1 - SHRINKAGE) * own + SHRINKAGE * np.diag(np.diag(own) + 1e-6)
        factor = np.linalg.cholesky(own)
        whitenings.append(np.linalg.inv(factor))
        log_volumes.append(np.log(np.diag(factor)).sum())
    means = np.stack([group.mean(0) for group in groups])
    return Painter(phases.astype(np.uint8), means, np.stack(whitenings), np.array(log_volumes), centre, scale)


def paint(painter: Painter, volumes: Sequence[Volume]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Label every voxel of a block.

    Parameters
    ----------
    painter : Painter
        From `learn_strokes`.
    volumes : sequence of (n_z, n_y, n_x) array
        µ of the same scans in cm^-1, with `REACH_PX` voxels more on each side than are kept.

    Returns
    -------
    labels : (n_z, n_y, n_x) array of uint8
        The likeliest of the painted phases.
    confidence : (n_z, n_y, n_x) array of float32
        Its probability among them if each fits its Gaussian, dimensionless.
    """
    found = painting_features(volumes)
    shape = found.shape[1:]
    samples = (found.reshape(len(found), -1).T - painter.centre.astype(np.float32)) / painter.scale.astype(np.float32)
    scores = np.stack(
        [
            -0.5 * (((samples - mean.astype(np.float32)) @ white.T.astype(np.float32)) ** 2).sum(1) - np.float32(volume)
            for mean, white, volume in zip(painter.means, painter.whitenings, painter.log_volumes, strict=True)
        ]
    )
    best = scores.argmax(0)
    confidence = 1 / np.exp(scores - scores.max(0)).sum(0)
    return painter.phases[best].reshape(shape), confidence.reshape(shape).astype(np.float32)


def _thinned(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """At most 20 000 of the samples, evenly spread."""
    return samples[:: -(-len(samples) // MOST_VOXELS)]


def _name(value: int) -> str:
    return Phase(value).name.lower() if value in list(Phase) else f"value {value}"

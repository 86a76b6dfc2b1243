"""What every parallel-beam reconstruction agrees on: valid input, the angle each view stands for, the reach."""

import logging
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, Block, blocks, is_on_gpu

logger = logging.getLogger(__name__)

WIDTHS = (4, 8, 16)
"""Slices that the kernels work on side by side, in lanes of SIMD vectors."""

SAME_ANGLE = 0.1
"""Views closer than this share of the mean spacing count as one angle."""

WIDE_GAP = 5.0
"""A gap of more than this many median spacings ..."""

WIDE_GAP_RAD = math.radians(6)
"""... and of more than this angle is a missing wedge rather than a few lost frames."""


def checked_sinograms(
    sinograms: Array, theta: ArrayLike, *, centre_px: float, voxel_um: float
) -> tuple[Array, NDArray[np.float64]]:
    """Refuse sinograms that cannot be reconstructed.

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) array
        Line integrals on the host or on a GPU, dimensionless.
    theta : (n_theta,) array
        Angle of each view in rad.
    centre_px : float
        Column of the rotation axis.
    voxel_um : float
        Pixel size in µm.

    Returns
    -------
    sinograms : (n_rows, n_theta, n_cols) array
        The same data.
    theta : (n_theta,) array of float64
        The same angles.

    Raises
    ------
    TypeError
        If the sinograms are neither a NumPy nor a CuPy array, or are complex.
    ValueError
        If shapes, angles, axis or pixel size do not fit together.
    """
    if not (isinstance(sinograms, np.ndarray) or is_on_gpu(sinograms)):
        kind = f"{type(sinograms).__module__}.{type(sinograms).__qualname__}"
        raise TypeError(f"sinograms are a {kind}; give a NumPy array, or a CuPy array on a GPU")
    if sinograms.dtype.kind not in "fiub":
        raise TypeError(f"sinograms are of type {sinograms.dtype}; give real line integrals, float32 at best")
    if sinograms.ndim != 3 or 0 in sinograms.shape:
        raise ValueError(f"sinograms have shape {sinograms.shape}; give (n_rows, n_theta, n_cols), none of them 0")
    angles = np.asarray(theta, np.float64)
    if angles.shape != sinograms.shape[1:2]:
        raise ValueError(
            f"theta has shape {angles.shape} and the sinograms {sinograms.shape[1]} views; "
            "give one angle in rad per view"
        )
    if not np.isfinite(angles).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(angles))} angles are not finite; drop those views")
    n_cols = sinograms.shape[2]
    if not (np.ndim(centre_px) == 0 and 0 <= centre_px <= n_cols - 1):
        raise ValueError(
            f"centre_px is {centre_px}; the axis must project onto the detector, columns 0 to {n_cols - 1}: "
            "find it with find_centre"
        )
    if not (voxel_um > 0 and math.isfinite(voxel_um)):
        raise ValueError(f"voxel_um is {voxel_um}; give the pixel size in µm, positive and finite")
    return sinograms, angles


def view_weights(theta: ArrayLike) -> NDArray[np.float64]:
    """Return the angle that each view stands for, whatever the spacing and the range.

    A view at theta + pi measures the same lines as one at theta, so angles are folded onto a circle
    of pi, where each view stands for half the gap on either side; views at one angle share it.
    Half and full turns, with or without the end point, and many turns all sum to pi. A missing wedge
    (`WIDE_GAP`, `WIDE_GAP_RAD`) is not given to the two views at its ends: they count as if their
    neighbour were there, the sum is below pi, and a warning says so.

    Parameters
    ----------
    theta : (n_theta,) array
        Angles in rad, any order and any range.

    Returns
    -------
    (n_theta,) array of float64
        Weights in rad.

    Raises
    ------
    ValueError
        If there is no view.
    """
    folded = np.mod(np.asarray(theta, np.float64), np.pi)
    n = folded.size
    if n == 0:
        raise ValueError("theta is empty; give the angle of at least one view in rad")
    order = np.argsort(folded, kind="stable")
    ring = folded[order]
    gaps = np.diff(ring, append=ring[0] + np.pi)
    start = int(np.argmax(gaps)) + 1  # no group of equal angles straddles the widest gap
    order, ring = np.roll(order, -start), np.roll(ring, -start)
    ring[n - start :] += np.pi
    group = np.concatenate([[0], np.cumsum(np.diff(ring) > SAME_ANGLE * np.pi / n)])
    counts = np.bincount(group)
    angles = np.bincount(group, ring) / counts
    weights = np.empty(n)
    weights[order] = (_half_gaps(angles) / counts)[group]
    return weights


def _half_gaps(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half the gap on either side of each of the rising angles on a circle of pi."""
    gaps = np.diff(angles, append=angles[0] + np.pi)
    median = float(np.median(gaps))
    wide = (gaps > WIDE_GAP * median) & (gaps > WIDE_GAP_RAD)
    if wide.any():
        logger.warning(
            "views leave %.1f degrees of the half turn unmeasured: mu is biased by direction",
            math.degrees(float((gaps[wide] - median).sum())),
        )
    gaps = np.where(wide, median, gaps)
    return (gaps + np.roll(gaps, 1)) / 2


def circle_spans(n_cols: int, centre_px: float) -> NDArray[np.int64]:
    """Return the columns of each image row that every view sees.

    The image is centred on the axis, at index (n_cols - 1) / 2 of both its axes. A pixel is seen by
    every view when it lies within the axis's distance from the nearer edge of the detector.

    Parameters
    ----------
    n_cols : int
        Detector columns, also the image's rows and columns.
    centre_px : float
        Column of the rotation axis.

    Returns
    -------
    (n_cols, 2) array of int64
        First column inside the circle and one past the last; equal where the row lies outside.
    """
    reach = min(centre_px, n_cols - 1 - centre_px) + 0.5
    middle = (n_cols - 1) / 2
    square = reach**2 - (np.arange(n_cols) - middle) ** 2
    half = np.sqrt(np.maximum(square, 0))
    first = np.maximum(np.ceil(middle - half), 0)
    stop = np.minimum(np.floor(middle + half) + 1, n_cols)
    stop = np.where(square < 0, first, stop)
    return np.stack([first, np.maximum(first, stop)], axis=1).astype(np.int64)


def slice_groups(n_rows: int, widest: int = WIDTHS[-1]) -> Iterator[tuple[Block, tuple[int, ...]]]:
    """Cut slices into groups that are worked on side by side.

    Parameters
    ----------
    n_rows : int
        Number of slices.
    widest : int
        Largest group, one of `WIDTHS`.

    Yields
    ------
    tuple
        The slices as a Block, and a tuple of zeros as long as the narrowest of `WIDTHS` that holds
        them: kernels take their width from its length, which is part of its type.
    """
    for rows in blocks(n_rows, widest):
        yield rows, (0,) * next(width for width in WIDTHS if width >= len(rows))

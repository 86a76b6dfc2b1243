"""Slices of one row about several columns, for the eye to judge the axis by."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array
from .centre_views import prepare_views
from .fourier import fourier_fbp
from .half_acquisition import join_half_turns

NEAR_MIDDLE = 0.25  # of the width: an axis nearer to an edge than this is that of a half-acquisition


def parallel_slices(row: Array, theta: ArrayLike, centres: NDArray[np.float64]) -> list[NDArray[np.float32]]:
    """Reconstruct one row of a parallel-beam scan about several columns, binned to at most 700 columns.

    Half turns are joined about columns near an edge of a full turn's detector (half-acquisition).

    Parameters
    ----------
    row : (n_theta, 1, n_cols) array
        Line integrals, dimensionless.
    theta : (n_theta,) array
        Angles in rad.
    centres : (n,) array
        Columns taken for the axis, as pixel-centre indices.

    Returns
    -------
    list of (n, n) arrays of float32
        µ per binned pixel, one slice a centre, all of one size.
    """
    views = prepare_views(row, np.asarray(theta, np.float64))
    sinogram = views.sinograms[:1]
    n_columns, binned = sinogram.shape[2], np.asarray(views.to_binned(centres), np.float64)
    middle = float(np.median(binned))
    is_joined = views.full_turn and min(middle, n_columns - 1 - middle) < NEAR_MIDDLE * n_columns
    slices = []
    for centre in binned:
        if is_joined and 0 < centre < n_columns - 1:
            joined = join_half_turns(sinogram, views.theta, centre_px=float(centre))
            image = fourier_fbp(joined.sinograms, joined.theta, centre_px=joined.centre_px, voxel_um=1e4)[0]
        else:
            image = fourier_fbp(sinogram, views.theta, centre_px=float(centre), voxel_um=1e4)[0]
        slices.append(image)
    size = min(len(image) for image in slices)
    return [_middle(image, size) for image in slices]


def _middle(image: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    start = (len(image) - size) // 2
    return np.ascontiguousarray(image[start : start + size, start : start + size])

"""Add filtered cone-beam views to a volume: threads over the kernel, and a plain twin of the same sums."""

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, array_namespace, blocks, is_on_gpu, thread_map
from .cone_cuda import add_views_on_gpu
from .cone_detector import Grid
from .cone_kernels import LANES, TILE, backproject_lines
from .cone_views import ViewFilter


def add_views(volume: Array, filtered: Array, theta: NDArray[np.float64], views: ViewFilter, grid: Grid) -> None:
    """Back-project filtered views into a volume.

    Parameters
    ----------
    volume : (z, y, x) array of float32
        The window of `grid`, in cm^-1; changed in place.
    filtered : (n, rows, columns) array of float32
        From `filtered_views`, on the device of `volume`.
    theta : (n,) array
        Angles of these views in rad, in the direction of `ConeBeam.direction` 1.
    views : ViewFilter
        Rows, columns and radius of the field of view.
    grid : Grid
        Voxels and window.
    """
    if is_on_gpu(volume):
        add_views_on_gpu(volume, filtered, theta, views, grid)
        return
    beam = views.beam
    voxels_per_pixel = beam.pixels_per_mm * grid.voxel_mm / (beam.source_axis_mm - views.radius_mm)
    overhang = math.ceil(LANES * voxels_per_pixel) + 4
    rows = np.zeros((len(filtered), filtered.shape[2], filtered.shape[1] + 2 + overhang), np.float32)

    for _ in thread_map(partial(_turn_view, rows, filtered), range(len(filtered))):
        pass
    setup = np.array(
        [
            beam.source_axis_mm,
            beam.pixels_per_mm,
            beam.centre_px - views.columns[0],
            beam.row_px - views.rows[0] + 2,
            grid.voxel_mm,
            views.radius_mm,
        ]
    )
    corner = np.array([grid.centres_mm(axis)[0] for axis in range(3)])
    turns = np.stack([np.cos(theta), np.sin(theta)], axis=1)
    lines = [(block.start, block.stop) for block in blocks(volume.shape[1], TILE)]
    for _ in thread_map(partial(backproject_lines, volume, rows, turns, setup, corner), lines):
        pass


def _turn_view(rows: NDArray[np.float32], filtered: NDArray[np.float32], view: int) -> None:
    """Copy a view with its rows innermost, two rows of room before them."""
    rows[view, :, 2 : 2 + filtered.shape[1]] = filtered[view].T


def add_views_plainly(
    volume: Array, filtered: Array, theta: NDArray[np.float64], views: ViewFilter, grid: Grid
) -> None:
    """Back-project filtered views by array operations alone: the twin of both kernels.

    Parameters
    ----------
    volume : (z, y, x) array of float32
        The window of `grid`, in cm^-1; changed in place.
    filtered : (n, rows, columns) array of float32
        From `filtered_views`, on the device of `volume`.
    theta : (n,) array
        Angles of these views in rad.
    views : ViewFilter
        Rows, columns and radius of the field of view.
    grid : Grid
        Voxels and window.
    """
    xp = array_namespace(volume, filtered)
    beam = views.beam
    z, y, x = (xp.asarray(grid.centres_mm(axis)) for axis in range(3))
    y, x = y[:, None], x[None, :]
    inside = x**2 + y**2 <= views.radius_mm**2
    for view, angle in enumerate(theta):
        cosine, sine = math.cos(angle), math.sin(angle)
        shrink = 1 / (beam.source_axis_mm - x * sine + y * cosine)
        column = beam.centre_px - views.columns[0] + (x * cosine + y * sine) * beam.pixels_per_mm * shrink
        weight = xp.where(
            inside & (column >= 0) & (column < filtered.shape[2] - 1), (beam.source_axis_mm * shrink) ** 2, 0
        )
        for k in range(len(z)):
            row = beam.row_px - views.rows[0] + z[k] * beam.pixels_per_mm * shrink
            volume[k] += (weight * _bilinear(xp, filtered[view], row, column)).astype(xp.float32)


def _bilinear(xp: Any, image: Array, row: Array, column: Array) -> Array:
    """Interpolate an image; places outside take the edge's value."""
    row = xp.clip(row, 0, image.shape[0] - 1)
    column = xp.clip(column, 0, image.shape[1] - 1)
    i = xp.minimum(xp.floor(row).astype(xp.int64), max(image.shape[0] - 2, 0))
    j = xp.minimum(xp.floor(column).astype(xp.int64), max(image.shape[1] - 2, 0))
    below = xp.minimum(i + 1, image.shape[0] - 1)
    beside = xp.minimum(j + 1, image.shape[1] - 1)
    f, g = row - i, column - j
    upper = image[i, j] * (1 - g) + image[i, beside] * g
    lower = image[below, j] * (1 - g) + image[below, beside] * g
    return upper * (1 - f) + lower * f

"""Cone-beam back-projection on a GPU: `kernels/cone.cu` over a window of the volume."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, array_namespace, launch
from .cone_detector import Grid
from .cone_views import ViewFilter

KERNEL = Path(__file__).with_name("kernels") / "cone.cu"

SLICES = 8
"""Slices a thread: a view's column and weight serve them all."""

BLOCK = (32, 8, 1)
"""Threads of a block: neighbours along x read neighbouring columns."""


def add_views_on_gpu(volume: Array, filtered: Array, theta: NDArray[np.float64], views: ViewFilter, grid: Grid) -> None:
    """Back-project filtered views into a volume on the GPU that holds both.

    Parameters
    ----------
    volume : (z, y, x) CuPy array of float32
        The window of `grid`, in cm^-1; changed in place.
    filtered : (n, rows, columns) CuPy array of float32
        From `filtered_views`.
    theta : (n,) array
        Angles of these views in rad, in the direction of `ConeBeam.direction` 1.
    views : ViewFilter
        Rows, columns and radius of the field of view.
    grid : Grid
        Voxels and window.
    """
    xp = array_namespace(volume, filtered)
    beam, (n_z, n_y, n_x) = views.beam, grid.window
    turns = np.stack([np.cos(theta), np.sin(theta)], axis=1).astype(np.float32)
    first = [start - (n - 1) / 2 for start, n in zip(grid.start, grid.shape, strict=True)]
    launch(
        KERNEL,
        "back_project_cone",
        (
            xp.ascontiguousarray(filtered),
            xp.asarray(turns),
            volume,
            *filtered.shape,
            *grid.window,
            *first,
            grid.voxel_mm / beam.source_axis_mm,
            beam.pixels_per_mm * grid.voxel_mm / beam.source_axis_mm,
            float(beam.centre_px - views.columns[0]),
            float(beam.row_px - views.rows[0]),
            views.radius_mm / grid.voxel_mm,
        ),
        items=(n_x, n_y, -(-n_z // SLICES)),
        block=BLOCK,
        constants={"SLICES": SLICES},
    )

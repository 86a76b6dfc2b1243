"""Filtered back-projection of a circular cone beam (Feldkamp, Davis, Kress), slab by slab where need be."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array, array_namespace, blocks
from ..scans.geometry import ConeBeam
from .cone_backprojection import add_views
from .cone_detector import Beam, Grid, checked_beam, real_rows, rows_reached
from .cone_views import filtered_views, view_filter

BATCH_BYTES = 64 * 2**20
"""Filtered views held at a time, in bytes ..."""

MIN_BATCH = 8
"""... but at least this many views."""

Range = tuple[int, int]


def fdk(
    projections: Array,
    theta: ArrayLike,
    geometry: ConeBeam,
    *,
    voxel_um: float | None = None,
    shape: Sequence[int] | None = None,
    window: str = "ramp",
    z_range: Range | None = None,
    yx_range: tuple[Range, Range] | None = None,
) -> Array:
    """Reconstruct a circular cone-beam scan [1]_.

    A scan that goes all the way round is averaged; one that does not gets Parker's weights, and a full
    one whose detector is shifted to one side gets Wang's (see `cone_weights`). Voxels that some view
    misses to the side are 0; above and below the detector its outermost row is taken to go on.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array
        Line integrals of µ, dimensionless. Anything that is sliced like an array will do: views are read
        a batch at a time, and only the rows that `z_range` needs.
    theta : (n_theta,) array
        Angle of each view in rad, in any order and spacing; a view may come twice.
    geometry : ConeBeam
        Distances, pixel, axis; `centre_px` must be known.
    voxel_um : float, optional
        Side of a voxel in µm; by default that of a pixel scaled down to the axis.
    shape : (int, int, int), optional
        Slices, lines and columns (z, y, x) of the whole volume, centred on the axis and on the central
        ray; by default (n_rows, n_cols, n_cols).
    window : str
        Window on the ramp, see `filters.WINDOWS`.
    z_range : (int, int), optional
        Half-open range of slices to reconstruct; by default all.
    yx_range : ((int, int), (int, int)), optional
        Half-open ranges of lines and columns to reconstruct; by default all.

    Returns
    -------
    (z, y, x) array of float32
        µ in cm^-1, on the device of `projections`.

    Raises
    ------
    TypeError
        If the geometry is not a cone beam.
    ValueError
        If sizes, angles, geometry or ranges do not fit together.

    References
    ----------
    .. [1] Feldkamp, Davis & Kress, Practical cone-beam algorithm, J. Opt. Soc. Am. A 1 (1984) 612.
    """
    if len(projections.shape) != 3 or 0 in projections.shape:
        raise ValueError(f"projections have shape {projections.shape}; give (n_theta, n_rows, n_cols), none of them 0")
    n_theta, n_rows, n_cols = projections.shape
    beam = checked_beam(geometry, (n_rows, n_cols))
    angles = np.asarray(theta, np.float64) * geometry.direction
    if angles.shape != (n_theta,):
        raise ValueError(f"theta has shape {angles.shape} and there are {n_theta} views; give one angle in rad each")
    grid = _grid(beam, voxel_um, shape, z_range, yx_range)
    views = view_filter(angles, beam, grid, window)
    volume = None
    for block in blocks(len(angles), max(MIN_BATCH, BATCH_BYTES // views.bytes_per_view)):
        filtered = filtered_views(projections, block.slice, views)
        if volume is None:
            xp = array_namespace(filtered)
            volume = xp.zeros(grid.window, dtype=xp.float32)
        add_views(volume, filtered, angles[block.slice], views, grid)
    return volume


def detector_rows(
    geometry: ConeBeam,
    detector: tuple[int, int],
    z_range: Range,
    *,
    voxel_um: float | None = None,
    shape: Sequence[int] | None = None,
) -> Range:
    """Return the detector rows that some slices of a volume need.

    To reconstruct a slab from these rows alone, give `fdk` those rows, the geometry with `row_px`
    less the first of them, and the `shape` of the whole volume.

    Parameters
    ----------
    geometry : ConeBeam
        Beam of the scan.
    detector : (int, int)
        Rows and columns of the detector.
    z_range : (int, int)
        Half-open range of slices.
    voxel_um : float, optional
        As for `fdk`.
    shape : (int, int, int), optional
        As for `fdk`.

    Returns
    -------
    (int, int)
        Half-open range of rows, at least one row.
    """
    beam = checked_beam(geometry, detector)
    grid = _grid(beam, voxel_um, shape, z_range, None)
    return real_rows(beam, rows_reached(beam, grid, beam.radius_mm(is_offset=True)))


def _grid(
    beam: Beam,
    voxel_um: float | None,
    shape: Sequence[int] | None,
    z_range: Range | None,
    yx_range: tuple[Range, Range] | None,
) -> Grid:
    """Lay out the volume and its window."""
    at_axis_um = beam.pixel_mm * 1000 * beam.source_axis_mm / beam.source_detector_mm
    voxel = at_axis_um if voxel_um is None else voxel_um
    if not (voxel > 0 and math.isfinite(voxel)):
        raise ValueError(f"voxel_um is {voxel}; give the side of a voxel in µm, positive and finite")
    box = (beam.n_rows, beam.n_cols, beam.n_cols) if shape is None else tuple(int(n) for n in shape)
    if len(box) != 3 or min(box) < 1:
        raise ValueError(f"shape is {shape}; give slices, lines and columns, each at least 1")
    ranges = (z_range, *(yx_range or (None, None)))
    windows = [wanted or (0, n) for wanted, n in zip(ranges, box, strict=True)]
    for (start, stop), n, name in zip(windows, box, "zyx", strict=True):
        if not 0 <= start < stop <= n:
            raise ValueError(f"{name} range {start} to {stop} is empty or outside the {n} voxels of the volume")
    (z0, z1), (y0, y1), (x0, x1) = windows
    return Grid(voxel / 1000, (box[0], box[1], box[2]), (z0, y0, x0), (z1, y1, x1))

"""Where voxels fall on the detector of a cone beam, and a tilted detector made straight."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, array_namespace
from ..scans.geometry import ConeBeam

SPLINE_REACH = 12
"""Rows beyond a window that a cubic spline still feels above 1e-6."""


@dataclass(frozen=True)
class Grid:
    """A box of voxels centred on the axis and on the central ray, and the window of it that is wanted.

    Parameters
    ----------
    voxel_mm : float
        Side of a voxel, in mm.
    shape : (int, int, int)
        Slices, lines and columns of the whole box (z, y, x).
    start : (int, int, int)
        First voxel of the window.
    stop : (int, int, int)
        One past the last voxel of the window.
    """

    voxel_mm: float
    shape: tuple[int, int, int]
    start: tuple[int, int, int]
    stop: tuple[int, int, int]

    @property
    def window(self) -> tuple[int, int, int]:
        """Number of voxels of the window (z, y, x)."""
        z, y, x = (b - a for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x

    @property
    def farthest_mm(self) -> float:
        """Distance from the axis to the voxel of the window that is farthest from it."""
        y, x = self.centres_mm(1), self.centres_mm(2)
        return math.hypot(max(abs(y[0]), abs(y[-1])), max(abs(x[0]), abs(x[-1])))

    def centres_mm(self, axis: int) -> NDArray[np.float64]:
        """Positions of the window's voxels along an axis.

        Parameters
        ----------
        axis : int
            0 for z, 1 for y, 2 for x.

        Returns
        -------
        (n,) array of float64
            In mm, 0 on the rotation axis and on the central ray.
        """
        index = np.arange(self.start[axis], self.stop[axis])
        return (index - (self.shape[axis] - 1) / 2) * self.voxel_mm


def checked_beam(geometry: ConeBeam, n_rows: int) -> ConeBeam:
    """Refuse a cone beam that lacks what a reconstruction needs, and fill in the middle row.

    Parameters
    ----------
    geometry : ConeBeam
        The beam of a scan.
    n_rows : int
        Detector rows.

    Returns
    -------
    ConeBeam
        With `row_px` set.

    Raises
    ------
    TypeError
        If the geometry is not a cone beam.
    ValueError
        If pixel, centre or distances are missing or impossible.
    """
    if not isinstance(geometry, ConeBeam):
        raise TypeError(f"geometry is {type(geometry).__name__}; fdk needs a ConeBeam, fbp takes parallel beams")
    if not geometry.pixel_um or not geometry.pixel_um > 0:
        raise ValueError(f"pixel_um is {geometry.pixel_um}; give the pitch of the detector itself in µm")
    if geometry.centre_px is None:
        raise ValueError("centre_px is None; find the axis first, it is not guessed")
    if not 0 < geometry.source_axis_mm <= geometry.source_detector_mm:
        raise ValueError(
            f"source to axis is {geometry.source_axis_mm} mm and source to detector "
            f"{geometry.source_detector_mm} mm; the axis lies between source and detector"
        )
    if geometry.direction not in (1, -1):
        raise ValueError(f"direction is {geometry.direction}; give 1 or -1")
    return geometry if geometry.row_px is not None else replace(geometry, row_px=(n_rows - 1) / 2)


def radius_of_view_mm(geometry: ConeBeam, n_cols: int, *, is_offset: bool) -> float:
    """Return the radius around the axis that is measured from every direction.

    Parameters
    ----------
    geometry : ConeBeam
        Beam with `pixel_um` and `centre_px`.
    n_cols : int
        Detector columns.
    is_offset : bool
        True if a full turn brings each point to the wider side of the detector, too.

    Returns
    -------
    float
        Radius in mm.
    """
    pixel, centre = float(geometry.pixel_um or 0) / 1000, float(geometry.centre_px or 0)
    sides = (centre + 0.5, n_cols - 0.5 - centre)
    half_width = pixel * (max(sides) if is_offset else max(min(sides), 0.0))
    return geometry.source_axis_mm * half_width / math.hypot(half_width, geometry.source_detector_mm)


def rows_reached(geometry: ConeBeam, grid: Grid, radius_mm: float) -> tuple[int, int]:
    """Return the rows, on an endless straight detector, between which rays through a window fall.

    Parameters
    ----------
    geometry : ConeBeam
        Beam with `pixel_um` and `row_px`.
    grid : Grid
        Voxels and window.
    radius_mm : float
        Radius of the view, in mm, below the distance to the source; voxels outside are left out.

    Returns
    -------
    (int, int)
        Half-open range of row indices; may lie outside the detector.
    """
    pixel, row = float(geometry.pixel_um or 0) / 1000, float(geometry.row_px or 0)
    reach_mm = min(grid.farthest_mm, radius_mm)
    z = grid.centres_mm(0)
    reached = [
        row + height * geometry.source_detector_mm / (geometry.source_axis_mm + side * reach_mm) / pixel
        for height in (float(z[0]), float(z[-1]))
        for side in (-1, 1)
    ]
    return math.floor(min(reached)), math.floor(max(reached)) + 2


def real_rows(geometry: ConeBeam, detector: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    """Return the rows of the real detector that those of the straight one are made of.

    Parameters
    ----------
    geometry : ConeBeam
        Beam with `centre_px` and `row_px`.
    detector : (int, int)
        Rows and columns of the detector.
    wanted : (int, int)
        Half-open range of rows on an endless straight detector.

    Returns
    -------
    (int, int)
        Half-open range of rows, at least one, on the detector.
    """
    n_rows, n_cols = detector
    start, stop = wanted
    if not is_straight(geometry):
        rows, cols = np.array([[start], [stop - 1]]), np.array([[0, n_cols - 1]])
        reached, _ = straight_to_real(geometry, rows, cols)
        start = math.floor(reached.min()) - SPLINE_REACH
        stop = math.ceil(reached.max()) + 1 + SPLINE_REACH
    start = min(max(start, 0), n_rows - 1)
    return start, max(min(stop, n_rows), start + 1)


def is_straight(geometry: ConeBeam) -> bool:
    """Return True if the detector's columns run along the axis and its plane faces the source.

    Parameters
    ----------
    geometry : ConeBeam
        The beam of a scan.

    Returns
    -------
    bool
        True if no resampling is needed.
    """
    return geometry.detector_tilt_rad == geometry.detector_pitch_rad == geometry.detector_slant_rad == 0


def straight_to_real(geometry: ConeBeam, rows: Any, cols: Any) -> tuple[Any, Any]:
    """Find where on the real detector the rays fall that meet an ideal, straight one.

    The ideal detector has the real one's pixels and stands at the same distance across the central
    ray. The real one is turned about that ray's foot: first by the slant about the axis's direction,
    then by the pitch about the row direction, then by the tilt about the ray.

    Parameters
    ----------
    geometry : ConeBeam
        Beam with `centre_px` and `row_px`.
    rows, cols : arrays that broadcast
        Indices on the straight detector, in pixels.

    Returns
    -------
    rows, cols : arrays
        Indices on the real detector, in pixels.
    """
    tilt, pitch, slant = geometry.detector_tilt_rad, geometry.detector_pitch_rad, geometry.detector_slant_rad
    about_beam = _turn(0, 2, tilt)
    about_row = _turn(1, 2, pitch)
    about_axis = _turn(0, 1, slant)
    across, facing, along = (about_beam @ about_row @ about_axis).T  # columns' way, normal, rows' way
    pixel, centre, row = float(geometry.pixel_um or 0) / 1000, geometry.centre_px, geometry.row_px
    distance = geometry.source_detector_mm
    u, v = (cols - centre) * pixel, (rows - row) * pixel
    stretch = distance * facing[1] / (u * facing[0] + distance * facing[1] + v * facing[2])
    offset = (u * stretch, distance * (stretch - 1), v * stretch)
    new_cols = centre + sum(a * b for a, b in zip(offset, across, strict=True)) / pixel
    new_rows = row + sum(a * b for a, b in zip(offset, along, strict=True)) / pixel
    return new_rows, new_cols


def _turn(a: int, b: int, angle_rad: float) -> NDArray[np.float64]:
    """Matrix that turns axis `a` towards axis `b`."""
    matrix = np.eye(3)
    matrix[a, a] = matrix[b, b] = math.cos(angle_rad)
    matrix[b, a], matrix[a, b] = math.sin(angle_rad), -math.sin(angle_rad)
    return matrix


def straighten(projections: Array, geometry: ConeBeam, rows: tuple[int, int], first_row: int) -> Array:
    """Resample projections of a tilted detector onto a straight one, by cubic splines.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array of float32
        Rows `first_row` and on of the real detector; beyond its edges, edge pixels are repeated.
    geometry : ConeBeam
        Beam with `centre_px` and `row_px` of the whole detector.
    rows : (int, int)
        Rows wanted of the straight detector, half-open.
    first_row : int
        Real row that comes first in `projections`.

    Returns
    -------
    (n_theta, rows, n_cols) array of float32
        Line integrals on the straight detector.
    """
    xp = array_namespace(projections)
    ndimage: Any
    if xp.__name__.endswith("cupy"):
        from cupyx.scipy import ndimage
    else:
        from scipy import ndimage
    wanted_rows = xp.arange(*rows, dtype=xp.float64)[:, None]
    wanted_cols = xp.arange(projections.shape[2], dtype=xp.float64)[None, :]
    place_rows, place_cols = straight_to_real(geometry, wanted_rows, wanted_cols)
    places = xp.stack(xp.broadcast_arrays(place_rows - first_row, place_cols))
    result = xp.empty((projections.shape[0], *places.shape[1:]), dtype=xp.float32)
    for view in range(projections.shape[0]):
        result[view] = ndimage.map_coordinates(projections[view], places, order=3, mode="nearest")
    return result

"""Where voxels fall on the detector of a cone beam, and a tilted detector made straight."""

import importlib
import math
from dataclasses import dataclass
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
        index = np.arange(self.start[axis], self.stop[axis], dtype=np.float64)
        return (index - (self.shape[axis] - 1) / 2) * self.voxel_mm


@dataclass(frozen=True)
class Beam:
    """A cone beam with nothing missing, and the size of its detector.

    Parameters
    ----------
    source_axis_mm, source_detector_mm : float
        Distances from the source, in mm.
    pixel_mm : float
        Pixel on the detector, in mm.
    centre_px, row_px : float
        Column and row that the central ray meets.
    n_rows, n_cols : int
        Detector rows and columns.
    turns_rad : (float, float, float)
        Tilt, pitch and slant of the detector, in rad, as in `ConeBeam`.
    """

    source_axis_mm: float
    source_detector_mm: float
    pixel_mm: float
    centre_px: float
    row_px: float
    n_rows: int
    n_cols: int
    turns_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def pixels_per_mm(self) -> float:
        """Shift on the detector, in pixels, per mm at 1 mm from the source."""
        return self.source_detector_mm / self.pixel_mm

    @property
    def is_straight(self) -> bool:
        """True if the detector's columns run along the axis and its plane faces the source."""
        return self.turns_rad == (0.0, 0.0, 0.0)

    def across_mm(self) -> NDArray[np.float64]:
        """Return how far each column lies from the central ray.

        Returns
        -------
        (n_cols,) array of float64
            In mm, growing.
        """
        return (np.arange(self.n_cols, dtype=np.float64) - self.centre_px) * self.pixel_mm

    def radius_mm(self, *, is_offset: bool) -> float:
        """Return the radius around the axis that is measured from every direction.

        Parameters
        ----------
        is_offset : bool
            True if a full turn brings each point to the wider side of the detector, too.

        Returns
        -------
        float
            Radius in mm, 0 if the axis is off the detector.
        """
        sides = (self.centre_px + 0.5, self.n_cols - 0.5 - self.centre_px)
        width = self.pixel_mm * (max(sides) if is_offset else max(min(sides), 0.0))
        return self.source_axis_mm * width / math.hypot(width, self.source_detector_mm)


def checked_beam(geometry: ConeBeam, detector: tuple[int, int]) -> Beam:
    """Refuse a cone beam that lacks what a reconstruction needs, and fill in the middle row.

    Parameters
    ----------
    geometry : ConeBeam
        The beam of a scan.
    detector : (int, int)
        Detector rows and columns.

    Returns
    -------
    Beam
        The same in numbers.

    Raises
    ------
    TypeError
        If the geometry is not a cone beam.
    ValueError
        If pixel, centre or distances are missing or impossible.
    """
    if not isinstance(geometry, ConeBeam):
        raise TypeError(f"geometry is {type(geometry).__name__}; fdk needs a ConeBeam, fbp takes parallel beams")
    if geometry.pixel_um is None or not geometry.pixel_um > 0:
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
    row_px = (detector[0] - 1) / 2 if geometry.row_px is None else geometry.row_px
    return Beam(
        geometry.source_axis_mm,
        geometry.source_detector_mm,
        geometry.pixel_um / 1000,
        geometry.centre_px,
        row_px,
        *detector,
        (geometry.detector_tilt_rad, geometry.detector_pitch_rad, geometry.detector_slant_rad),
    )


def rows_reached(beam: Beam, grid: Grid, radius_mm: float) -> tuple[int, int]:
    """Return the rows, on an endless straight detector, between which rays through a window fall.

    Parameters
    ----------
    beam : Beam
        The beam.
    grid : Grid
        Voxels and window.
    radius_mm : float
        Radius of the view, in mm, below the distance to the source; voxels outside are left out.

    Returns
    -------
    (int, int)
        Half-open range of row indices; may lie outside the detector.
    """
    reach_mm = min(grid.farthest_mm, radius_mm)
    z = grid.centres_mm(0)
    reached = [
        beam.row_px + height * beam.pixels_per_mm / (beam.source_axis_mm + side * reach_mm)
        for height in (float(z[0]), float(z[-1]))
        for side in (-1, 1)
    ]
    return math.floor(min(reached)), math.floor(max(reached)) + 2


def real_rows(beam: Beam, wanted: tuple[int, int]) -> tuple[int, int]:
    """Return the rows of the real detector that those of the straight one are made of.

    Parameters
    ----------
    beam : Beam
        The beam.
    wanted : (int, int)
        Half-open range of rows on an endless straight detector.

    Returns
    -------
    (int, int)
        Half-open range of rows, at least one, on the detector.
    """
    start, stop = wanted
    if not beam.is_straight:
        rows, cols = np.array([[start], [stop - 1]]), np.array([[0, beam.n_cols - 1]])
        reached, _ = straight_to_real(beam, rows, cols)
        start = math.floor(reached.min()) - SPLINE_REACH
        stop = math.ceil(reached.max()) + 1 + SPLINE_REACH
    start = min(max(start, 0), beam.n_rows - 1)
    return start, max(min(stop, beam.n_rows), start + 1)


def straight_to_real(beam: Beam, rows: Any, cols: Any) -> tuple[Any, Any]:
    """Find where on the real detector the rays fall that meet an ideal, straight one.

    The ideal detector has the real one's pixels and stands at the same distance across the central
    ray. The real one is turned about that ray's foot: first by the slant about the axis's direction,
    then by the pitch about the row direction, then by the tilt about the ray.

    Parameters
    ----------
    beam : Beam
        The beam.
    rows, cols : arrays that broadcast
        Indices on the straight detector, in pixels.

    Returns
    -------
    rows, cols : arrays
        Indices on the real detector, in pixels.
    """
    tilt, pitch, slant = beam.turns_rad
    turned = _turn(0, 2, tilt) @ _turn(1, 2, pitch) @ _turn(0, 1, slant)
    across, facing, along = turned.T  # columns' way, normal, rows' way
    distance, pixel = beam.source_detector_mm, beam.pixel_mm
    u, v = (cols - beam.centre_px) * pixel, (rows - beam.row_px) * pixel
    stretch = distance * facing[1] / (u * facing[0] + distance * facing[1] + v * facing[2])
    offset = (u * stretch, distance * (stretch - 1), v * stretch)
    new_cols = beam.centre_px + sum(a * b for a, b in zip(offset, across, strict=True)) / pixel
    new_rows = beam.row_px + sum(a * b for a, b in zip(offset, along, strict=True)) / pixel
    return new_rows, new_cols


def _turn(a: int, b: int, angle_rad: float) -> NDArray[np.float64]:
    """Matrix that turns axis `a` towards axis `b`."""
    matrix = np.eye(3)
    matrix[a, a] = matrix[b, b] = math.cos(angle_rad)
    matrix[b, a], matrix[a, b] = math.sin(angle_rad), -math.sin(angle_rad)
    return matrix


def straighten(projections: Array, beam: Beam, rows: tuple[int, int], first_row: int) -> Array:
    """Resample projections of a tilted detector onto a straight one, by cubic splines.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array of float32
        Rows `first_row` and on of the real detector; beyond its edges, edge pixels are repeated.
    beam : Beam
        Beam and whole detector.
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
    library = "cupyx.scipy.ndimage" if xp.__name__.endswith("cupy") else "scipy.ndimage"
    ndimage = importlib.import_module(library)
    wanted_rows = xp.arange(*rows, dtype=xp.float64)[:, None]
    wanted_cols = xp.arange(projections.shape[2], dtype=xp.float64)[None, :]
    place_rows, place_cols = straight_to_real(beam, wanted_rows, wanted_cols)
    places = xp.stack(xp.broadcast_arrays(place_rows - first_row, place_cols))
    result = xp.empty((projections.shape[0], *places.shape[1:]), dtype=xp.float32)
    for view in range(projections.shape[0]):
        result[view] = ndimage.map_coordinates(projections[view], places, order=3, mode="nearest")
    return result

"""Forward and back projection of voxels, one exactly the transpose of the other, for both beams.

The shadow of a voxel is the separable footprint of Long, Fessler and Balter: a trapezoid across the
detector's columns, which in parallel beam is the exact shadow of a square, times a rectangle along its
rows, both averaged over each pixel. Line integrals keep their absolute value: the amount of every voxel
is kept in every view that sees all of its shadow.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, array_namespace, thread_map, to_host
from ..scans.geometry import ConeBeam, Geometry
from .cone_detector import checked_beam
from .footprint_kernels import LANES, backproject_line, project_view


@dataclass(frozen=True)
class _Setup:
    """Beam, sizes and room at the ends of arrays, as the kernels want them."""

    turns: NDArray[np.float64]
    beam: NDArray[np.float64]
    guards: tuple[int, int]
    shape: tuple[int, int, int]
    detector: tuple[int, int]
    obliquity_cm: NDArray[np.float32]


def forward(
    volume: Array,
    theta: ArrayLike,
    geometry: Geometry,
    *,
    voxel_um: float | None = None,
    detector: tuple[int, int] | None = None,
) -> Array:
    """Project a volume [1]_.

    Parameters
    ----------
    volume : (z, y, x) array
        µ in cm^-1, centred on the axis and, in cone beam, on the central ray.
    theta : (n_theta,) array
        Angle of each view in rad.
    geometry : ParallelBeam or ConeBeam
        Beam with `pixel_um` and `centre_px`.
    voxel_um : float, optional
        Side of a voxel in µm; by default that of a pixel, scaled down to the axis.
    detector : (int, int), optional
        Rows and columns; by default as many as the volume has slices and columns.

    Returns
    -------
    (n_theta, n_rows, n_cols) array of float32
        Line integrals, dimensionless, on the device of `volume`.

    Raises
    ------
    ValueError
        If sizes, angles and geometry do not fit together.

    References
    ----------
    .. [1] Long, Fessler & Balter, 3D forward and back-projection for X-ray CT using separable footprints,
       IEEE Trans. Med. Imaging 29 (2010) 1839.
    """
    xp = array_namespace(volume)
    if volume.ndim != 3 or 0 in volume.shape:
        raise ValueError(f"volume has shape {volume.shape}; give (z, y, x), none of them 0")
    setup = _setup(theta, geometry, voxel_um, volume.shape, detector or (volume.shape[0], volume.shape[2]))
    slices = _guarded(to_host(volume).transpose(1, 2, 0), setup.guards[0])
    result = np.empty((len(setup.turns), *setup.detector), np.float32)
    for _ in thread_map(partial(_project, result, slices, setup), range(len(result))):
        pass
    return xp.asarray(result)


def _project(result: NDArray[np.float32], slices: NDArray[np.float32], setup: _Setup, view: int) -> None:
    """Project the volume into one view of the result."""
    n_rows, n_cols = setup.detector
    before = setup.guards[1]
    rows = np.zeros((n_cols, n_rows + 2 * before), np.float32)
    project_view(rows, slices, setup.turns[view], setup.beam, setup.guards, (setup.shape[0], n_rows))
    result[view] = rows[:, before : before + n_rows].T * setup.obliquity_cm


def back(
    projections: Array,
    theta: ArrayLike,
    geometry: Geometry,
    *,
    shape: Sequence[int] | None = None,
    voxel_um: float | None = None,
) -> Array:
    """Smear projections back over a volume: the exact transpose of `forward`, no filter, no weights.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array
        Values on the detector, dimensionless for instance.
    theta : (n_theta,) array
        Angle of each view in rad.
    geometry : ParallelBeam or ConeBeam
        Beam with `pixel_um` and `centre_px`.
    shape : (int, int, int), optional
        Slices, lines and columns (z, y, x); by default (n_rows, n_cols, n_cols).
    voxel_um : float, optional
        Side of a voxel in µm; by default that of a pixel, scaled down to the axis.

    Returns
    -------
    (z, y, x) array of float32
        Sums over all rays of value times path, in cm times the unit of `projections`, on their device.

    Raises
    ------
    ValueError
        If sizes, angles and geometry do not fit together.
    """
    xp = array_namespace(projections)
    if projections.ndim != 3 or 0 in projections.shape:
        raise ValueError(f"projections have shape {projections.shape}; give (n_theta, n_rows, n_cols), none of them 0")
    n_theta, n_rows, n_cols = projections.shape
    box = (n_rows, n_cols, n_cols) if shape is None else tuple(int(n) for n in shape)
    setup = _setup(theta, geometry, voxel_um, box, (n_rows, n_cols))
    if len(setup.turns) != n_theta:
        raise ValueError(f"theta has {len(setup.turns)} angles and there are {n_theta} views; give one in rad each")
    values = to_host(projections).astype(np.float32) * setup.obliquity_cm
    views = _guarded(values.transpose(0, 2, 1), setup.guards[1])
    n_z, n_y, n_x = setup.shape
    slices = np.zeros((n_y, n_x, n_z + 2 * setup.guards[0]), np.float32)
    smear = partial(backproject_line, slices, views, setup.turns, setup.beam, setup.guards, (n_z, n_rows))
    for _ in thread_map(smear, range(n_y)):
        pass
    inside = slices[:, :, setup.guards[0] : setup.guards[0] + n_z]
    return xp.asarray(np.ascontiguousarray(inside.transpose(2, 0, 1)))


def _setup(
    theta: ArrayLike,
    geometry: Geometry,
    voxel_um: float | None,
    shape: Any,
    detector: tuple[int, int],
) -> _Setup:
    """Check what belongs together and put it into numbers."""
    angles = np.asarray(theta, np.float64)
    if angles.ndim != 1 or angles.size == 0 or not np.isfinite(angles).all():
        raise ValueError(f"theta has shape {angles.shape}; give one finite angle in rad for every view")
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"shape is {tuple(shape)}; give slices, lines and columns, each at least 1")
    if len(detector) != 2 or min(detector) < 1:
        raise ValueError(f"detector is {tuple(detector)}; give rows and columns, each at least 1")
    if isinstance(geometry, ConeBeam):
        return _cone_setup(angles, geometry, voxel_um, shape, detector)
    if geometry.pixel_um is None or not geometry.pixel_um > 0:
        raise ValueError(f"pixel_um is {geometry.pixel_um}; give the pixel at the sample in µm")
    if geometry.centre_px is None:
        raise ValueError("centre_px is None; find the axis first, it is not guessed")
    pixel = geometry.pixel_um / 1000
    voxel = _checked_voxel(voxel_um, pixel)
    beam = np.array([0, 1 / pixel, geometry.centre_px, (detector[0] - 1) / 2, voxel, (shape[0] - 1) / 2])
    guards = _guards(voxel / pixel, voxel / pixel)
    return _Setup(_turns(angles), beam, guards, tuple(shape), detector, np.full((1, 1), 0.1, np.float32))


def _cone_setup(
    angles: NDArray[np.float64], geometry: ConeBeam, voxel_um: float | None, shape: Any, detector: tuple[int, int]
) -> _Setup:
    """The same for a cone."""
    cone = checked_beam(geometry, detector)
    if not cone.is_straight:
        raise ValueError(
            f"the detector is turned by {cone.turns_rad} rad; resample the projections with cone_detector.straighten"
        )
    voxel = _checked_voxel(voxel_um, cone.pixel_mm * cone.source_axis_mm / cone.source_detector_mm)
    reach = voxel * math.hypot(shape[1], shape[2]) / 2
    if reach >= cone.source_axis_mm:
        raise ValueError(
            f"the volume reaches {reach:g} mm from the axis and the source stands at {cone.source_axis_mm:g} mm; "
            "take fewer or smaller voxels"
        )
    pixels = cone.pixels_per_mm / cone.source_axis_mm
    beam = np.array([1 / cone.source_axis_mm, pixels, cone.centre_px, cone.row_px, voxel, (shape[0] - 1) / 2])
    scales = [voxel * cone.pixels_per_mm / (cone.source_axis_mm + side * reach) for side in (1, -1)]
    u, v = cone.across_mm(), (np.arange(detector[0]) - cone.row_px) * cone.pixel_mm
    in_plane = u**2 + cone.source_detector_mm**2
    obliquity = np.sqrt((in_plane + v[:, None] ** 2) / in_plane) / 10
    turns = _turns(angles * geometry.direction)
    return _Setup(turns, beam, _guards(*scales), tuple(shape), detector, obliquity.astype(np.float32))


def _checked_voxel(voxel_um: float | None, default_mm: float) -> float:
    """Side of a voxel in mm."""
    if voxel_um is None:
        return default_mm
    if not (voxel_um > 0 and math.isfinite(voxel_um)):
        raise ValueError(f"voxel_um is {voxel_um}; give the side of a voxel in µm, positive and finite")
    return voxel_um / 1000


def _turns(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cosine and sine of every angle."""
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _guards(least: float, most: float) -> tuple[int, int]:
    """Zeros wanted before and behind slices and rows, for pixels per voxel between two bounds."""

    def room(step: float) -> int:
        return math.ceil(LANES * (step + abs(step - 1))) + LANES + 4

    return max(room(1 / least), room(1 / most)), max(room(least), room(most))


def _guarded(values: NDArray[Any], guard: int) -> NDArray[np.float32]:
    """Copy, with zeros at both ends of the last axis."""
    result = np.zeros((*values.shape[:-1], values.shape[-1] + 2 * guard), np.float32)
    result[..., guard : guard + values.shape[-1]] = values
    return result

"""Bring two scans of one cell into register, on what the gas does not change: the electrolyte's edge and texture."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..arrays import Array, to_host
from ..materials import Phase
from .rigid import RigidMove
from .rigid_fit import Piece, Registration, fitted
from .thresholds import Thresholds

SIGMA_PX = 1.0
"""Gaussian before the comparison: less noise, and a cubic spline then errs by less than 1e-3."""

CLIP = (0.5, 0.9)
"""Part of the way from lithium to the electrolyte that is compared, gas lies below: where the electrolyte thins out
slowly it gives way to lithium, which is alike in both gases, and the less of it there is in a voxel the better."""

EDGE = 0.6
"""Part of that by which values differ within two voxels of an edge that is compared."""

WALL_PX = 4.0
ROWS_BESIDE = 4
MOST_ROWS = 64
BLOCK = (32, 96, 96)
MOST_BLOCKS = 24
MARGIN = 8

LEAST_CORRELATION = 0.7
MOST_RESIDUAL_PX = 0.25
POLAR_STEPS = 1440

HEIGHT_STD_PX = 0.05
"""The collector's height counts where it is known better than this; where lithium lies on it, it is not."""

GAS_STD_PX = 0.01
"""Voxels by which gas beside the electrolyte moves its height: what noise leaves of the errors of 24 charged cells."""


def register(first: Array, second: Array, first_in: Thresholds, second_in: Thresholds) -> Registration:
    """Find the rigid move between two scans of one cell.

    The electrolyte's surfaces and bores of the two scans give the start, phase correlation of the slices in
    polar coordinates [1]_ the turn about the axis, and least squares on the clipped, smoothed volumes [2]_ all
    six numbers. What the gas fills lies below the clip. The collector gives the height, where both scans show
    it well: gas in the pores beside the electrolyte moves its blurred edge by some hundredths of a voxel. Where lithium
    lies on the collector the rays tell its surface worse than that, and of a cell that leans wrongly: there the
    electrolyte gives the height.

    Parameters
    ----------
    first, second : (n_z, n_y, n_x) array
        µ in cm^-1 of the two scans, voxels of one size; sliced, never read whole.
    first_in, second_in : Thresholds
        What `prepare` found in each scan alone.

    Returns
    -------
    Registration
        The move and its uncertainty.

    Raises
    ------
    ValueError
        If voxel sizes differ, no electrolyte is in view, or the scans do not match well enough to be believed.

    References
    ----------
    .. [1] Reddy & Chatterji, IEEE Trans. Image Processing 5 (1996) 1266-1271.
    .. [2] Lucas & Kanade, Proc. IJCAI (1981) 674-679.
    """
    if not abs(first_in.voxel_um / second_in.voxel_um - 1) < 1e-3:
        raise ValueError(
            f"voxels are {first_in.voxel_um:g} and {second_in.voxel_um:g} µm; bring both scans to one voxel size first"
        )
    start = _start(first, second, first_in, second_in)
    pieces = list(_pieces(first, second, first_in, second_in, start))
    height_std = _height_std(first_in, second_in)
    found = fitted(pieces, start, holds_height=height_std < HEIGHT_STD_PX)
    if found.correlation < LEAST_CORRELATION or not found.residual_px < MOST_RESIDUAL_PX:
        raise ValueError(
            f"the scans do not match: correlation {found.correlation:.2f} (at least {LEAST_CORRELATION}) and "
            f"residual {found.residual_px:.2f} voxels (at most {MOST_RESIDUAL_PX}) in register; check that both show "
            "the same cell"
        )
    z_std, y_std, x_std = found.shift_std_px
    z_std = math.hypot(z_std, GAS_STD_PX) if z_std else height_std
    return replace(found, shift_std_px=(z_std, y_std, x_std))


def _height_std(first_in: Thresholds, second_in: Thresholds) -> float:
    """Standard deviation of the height between both collectors, in voxels; infinite where one is out of view."""
    surfaces = first_in.collector, second_in.collector
    return math.hypot(*(math.inf if one is None else one.std for one in surfaces))


def _window(t: Thresholds, n_z: int) -> tuple[int, int]:
    """Rows from a little before the electrolyte's rough surface to well inside it."""
    if t.electrolyte is None:
        raise ValueError("no electrolyte is in view in both scans; registration needs its edge: extend the rows")
    depth = t.electrolyte.depth(np.arange(n_z))
    rows = np.flatnonzero((depth > -t.electrolyte.guard - ROWS_BESIDE) & (depth < MOST_ROWS))
    return int(rows[0]), int(rows[-1]) + 1


def _clipped(t: Thresholds, values: Array) -> NDArray[np.float32]:
    """From 0 at the lower clip to 1 at the upper one."""
    levels = next(iter(t.levels.values()))
    light, dense = min(levels[p] for p in t.light_phases), levels[Phase.ELECTROLYTE]
    low, high = (light + part * (dense - light) for part in CLIP)
    smooth = ndimage.gaussian_filter(np.asarray(to_host(values), dtype=np.float32), SIGMA_PX, mode="nearest")
    return np.clip((smooth - low) / (high - low), 0.0, 1.0)


def _start(first: Array, second: Array, a: Thresholds, b: Thresholds) -> RigidMove:
    """Shift from surfaces and bores, turn from phase correlation in polar coordinates."""
    n_z = first.shape[0]
    anchor_a, anchor_b = (t.collector if a.collector and b.collector else t.electrolyte for t in (a, b))
    dz = (anchor_b.z if anchor_b else 0.0) - (anchor_a.z if anchor_a else 0.0)
    turn = _turn(_polar(first, a), _polar(second, b))
    centre = ((n_z - 1) / 2, a.bore.y, a.bore.x)
    return RigidMove((dz, b.bore.y - a.bore.y, b.bore.x - a.bore.x), (turn, 0.0, 0.0), centre)


def _polar(volume: Array, t: Thresholds) -> NDArray[np.float64]:
    """Rows through the electrolyte's edge, averaged and unrolled about the axis: (angle, radius)."""
    start, stop = _window(t, volume.shape[0])
    mean = np.zeros(volume.shape[1:])
    for z in range(start, stop):
        mean += _clipped(t, volume[z : z + 1])[0]
    angle = 2 * np.pi * np.arange(POLAR_STEPS) / POLAR_STEPS
    radius = np.arange(2.0, max(t.bore.radius_px - WALL_PX, 4.0))
    y = t.bore.y + np.multiply.outer(np.sin(angle), radius)
    x = t.bore.x + np.multiply.outer(np.cos(angle), radius)
    polar = ndimage.map_coordinates(mean, [y, x], order=1, mode="nearest")
    return (polar - polar.mean(axis=0)) * np.sqrt(radius)


def _turn(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Angle in rad by which the second polar picture is turned against the first."""
    from skimage.registration import phase_cross_correlation

    shift, _, _ = phase_cross_correlation(second, first, upsample_factor=10, normalization=None)
    return float(2 * np.pi * shift[0] / POLAR_STEPS)


def _pieces(first: Array, second: Array, a: Thresholds, b: Thresholds, start: RigidMove) -> Iterator[Piece]:
    """Blocks of the first scan with the strongest edges, and their surroundings in the second."""
    n_z, n_y, n_x = first.shape
    rows = _window(a, n_z)
    y, x = a.bore.window(n_y, n_x)
    distance = a.bore.distance(n_y, n_x)
    corners = [
        (z0, y0, x0)
        for z0 in range(rows[0], rows[1], BLOCK[0])
        for y0 in range(y.start, y.stop, BLOCK[1])
        for x0 in range(x.start, x.stop, BLOCK[2])
        if distance[y0 : y0 + BLOCK[1], x0 : x0 + BLOCK[2]].min() < a.bore.radius_px - WALL_PX
    ]
    # Of many blocks an even choice is taken, so that turn and tilt stay well conditioned.
    chosen = np.unique(np.linspace(0, len(corners) - 1, min(MOST_BLOCKS, len(corners))).astype(int))
    for index in chosen:
        corner = corners[int(index)]
        ends = [min(c + size, n) for c, size, n in zip(corner, BLOCK, (rows[1], y.stop, x.stop), strict=True)]
        part = _read(first, a, corner, ends)
        inner = distance[corner[1] : ends[1], corner[2] : ends[2]] < a.bore.radius_px - WALL_PX
        weight = np.broadcast_to(inner, part.shape) & _edges(part)
        box = np.array([[c, e - 1] for c, e in zip(corner, ends, strict=True)], dtype=np.float64)
        moved = start.moved(np.array(np.meshgrid(*box, indexing="ij")).reshape(3, -1))
        low = [max(int(np.floor(m.min())) - MARGIN, 0) for m in moved]
        high = [min(int(np.ceil(m.max())) + MARGIN + 1, n) for m, n in zip(moved, second.shape, strict=True)]
        if weight.sum() < 100 or any(lo + 2 * MARGIN >= hi for lo, hi in zip(low, high, strict=True)):
            continue
        spline = ndimage.spline_filter(_read(second, b, (low[0], low[1], low[2]), high), order=3, output=np.float32)
        yield Piece(part, weight, corner, spline, (low[0], low[1], low[2]))


def _read(volume: Array, t: Thresholds, low: tuple[int, int, int], high: list[int]) -> NDArray[np.float32]:
    """Read a box with a margin for the smoothing, and return it clipped."""
    reach = 4
    outer = [slice(max(lo - reach, 0), min(hi + reach, n)) for lo, hi, n in zip(low, high, volume.shape, strict=True)]
    values = _clipped(t, volume[outer[0], outer[1], outer[2]])
    inner = tuple(slice(lo - o.start, hi - o.start) for lo, hi, o in zip(low, high, outer, strict=True))
    return values[inner]


def _edges(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Voxels near which the clipped volume changes."""
    return ndimage.maximum_filter(values, 5) - ndimage.minimum_filter(values, 5) > EDGE

"""Bring two scans of one cell into register, on what the gas does not change: the electrolyte's edge and texture."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..arrays import Array, to_host
from ..materials import Phase
from .rigid import RigidMove, Triple
from .thresholds import Thresholds

SIGMA_PX = 1.0
"""Gaussian before the comparison: less noise, and a cubic spline then errs by less than 1e-3."""

CLIP = (0.3, 0.7)
"""Part of the way from the light phases to the electrolyte that is compared: gas and hardening lie outside."""

WALL_PX = 4.0
ROWS_BESIDE = 4
MOST_ROWS = 64
BLOCK = (32, 96, 96)
MOST_BLOCKS = 24
MARGIN = 8
STEP_PX = 0.5
"""Half the distance over which gradients are taken."""

ROUNDS = 40
CONVERGED_PX = 1e-4
LEAST_CORRELATION = 0.7
MOST_RESIDUAL_PX = 0.25
POLAR_STEPS = 1440

TILTS = (4, 5)
"""Places of both tilts among the six numbers of a move: shift z, y, x, turn, tilts."""

UPRIGHT = 11.8
"""Sum of both tilts' squares, in their variances, that noise alone passes in 0.3 % of scans (chi-squared)."""

CORRELATED_VOXELS = (4 * np.pi * SIGMA_PX**2) ** 1.5
"""Voxels over which the smoothed noise of a comparison is one."""

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Registration:
    """A rigid move, and how far it can be trusted.

    Parameters
    ----------
    move : RigidMove
        From the first scan to the second.
    shift_std_px : (3,) tuple of float
        Standard deviation of the shift along z, y and x, from blocks that disagree, in voxels.
    rotation_std_rad : (3,) tuple of float
        Standard deviation of the rotation along z, y and x, from the noise, in rad; 0 for tilts that were set to 0,
        as noise explains them.
    residual_px : float
        Root mean square of the shifts that blocks would still like, noise included, in voxels.
    correlation : float
        Of the two scans in register, over the electrolyte's edge; dimensionless.
    blocks : int
        Number of blocks that were compared.
    """

    move: RigidMove
    shift_std_px: Triple
    residual_px: float
    correlation: float
    blocks: int
    rotation_std_rad: Triple = (0.0, 0.0, 0.0)


def register(first: Array, second: Array, first_in: Thresholds, second_in: Thresholds) -> Registration:
    """Find the rigid move between two scans of one cell.

    The electrolyte's surfaces and bores of the two scans give the start, phase correlation of the slices in
    polar coordinates [1]_ the turn about the axis, and least squares on the clipped, smoothed volumes [2]_ all
    six numbers. What the gas fills lies below the clip. The collector gives the height, where both scans show
    it: gas in the pores beside the electrolyte moves its blurred edge by some hundredths of a voxel.

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
    has_height = first_in.collector is not None and second_in.collector is not None
    free = [1, 2, 3] if has_height else [0, 1, 2, 3]
    move, correlation = _refined(pieces, start, free=[*free, *TILTS])
    std = _stds(pieces, move, free=[*free, *TILTS])
    if _is_upright(move, std):  # a tilt within its noise would only add that noise
        move, correlation = _refined(pieces, replace(move, rotation_rad=(move.rotation_rad[0], 0.0, 0.0)), free=free)
        std = _stds(pieces, move, free=free)
    wishes, weights = _wishes(pieces, move)
    mean_square = float((weights[:, None] * wishes**2).sum() / weights.sum()) if len(pieces) else np.inf
    residual = float(np.sqrt(mean_square))
    if correlation < LEAST_CORRELATION or not residual < MOST_RESIDUAL_PX:
        raise ValueError(
            f"the scans do not match: correlation {correlation:.2f} (at least {LEAST_CORRELATION}) and residual "
            f"{residual:.2f} voxels (at most {MOST_RESIDUAL_PX}) in register; check that both show the same cell"
        )
    spread = np.sqrt((weights[:, None] * wishes**2).sum(axis=0) / weights.sum() / max(len(pieces) - 1, 1))
    return Registration(move, _triple(spread), residual, correlation, len(pieces), _triple(std[3:]))


@dataclass(frozen=True)
class _Piece:
    """A block of the first scan, and the part of the second in which it may lie."""

    first: NDArray[np.float32]
    weight: NDArray[np.bool_]
    corner: tuple[int, int, int]
    spline: NDArray[np.float32]
    spline_corner: tuple[int, int, int]


def _triple(values: NDArray[np.float64]) -> Triple:
    z, y, x = (float(v) for v in values)
    return z, y, x


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
    light, dense = max(levels[p] for p in t.light_phases), levels[Phase.ELECTROLYTE]
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


def _pieces(first: Array, second: Array, a: Thresholds, b: Thresholds, start: RigidMove) -> Iterator[_Piece]:
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
        yield _Piece(part, weight, corner, spline, (low[0], low[1], low[2]))


def _read(volume: Array, t: Thresholds, low: tuple[int, int, int], high: list[int]) -> NDArray[np.float32]:
    """Read a box with a margin for the smoothing, and return it clipped."""
    reach = 4
    outer = [slice(max(lo - reach, 0), min(hi + reach, n)) for lo, hi, n in zip(low, high, volume.shape, strict=True)]
    values = _clipped(t, volume[outer[0], outer[1], outer[2]])
    inner = tuple(slice(lo - o.start, hi - o.start) for lo, hi, o in zip(low, high, outer, strict=True))
    return values[inner]


def _edges(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Voxels near which the clipped volume changes."""
    return ndimage.maximum_filter(values, 5) - ndimage.minimum_filter(values, 5) > 0.3


def _compared(piece: _Piece, move: RigidMove) -> tuple[_Floats, _Floats, _Floats, _Floats]:
    """Return values of both scans, the second one's gradient, and the points, where they overlap."""
    points = np.argwhere(piece.weight).T.astype(np.float64) + np.array(piece.corner, dtype=np.float64)[:, None]
    there = move.moved(points) - np.array(piece.spline_corner, dtype=np.float64)[:, None]
    size = np.array(piece.spline.shape, dtype=np.float64)[:, None]
    within = ((there >= 1) & (there <= size - 2)).all(axis=0)
    there, points = there[:, within], points[:, within]
    first = piece.first[piece.weight][within].astype(np.float64)
    second = ndimage.map_coordinates(piece.spline, there, order=3, prefilter=False)
    gradient = np.empty((3, there.shape[1]))
    for axis in range(3):
        shifted = np.zeros((3, 1))
        shifted[axis] = STEP_PX
        ahead, behind = (
            ndimage.map_coordinates(piece.spline, there + sign * shifted, order=3, prefilter=False, mode="nearest")
            for sign in (1, -1)
        )
        gradient[axis] = (ahead - behind) / (2 * STEP_PX)
    return first, second.astype(np.float64), gradient, points


def _design(move: RigidMove, points: _Floats, gradient: _Floats) -> NDArray[np.float64]:
    """Change of the second scan's value with shift and rotation: (6, n)."""
    arm = move.matrix @ (points - np.array(move.centre_px)[:, None])
    z, y, x = arm
    gz, gy, gx = gradient
    return np.stack([gz, gy, gx, gy * x - gx * y, gx * z - gz * x, gz * y - gy * z])


def _refined(pieces: list[_Piece], move: RigidMove, free: list[int]) -> tuple[RigidMove, float]:
    """Gauss-Newton steps in the free numbers until they are small; returns the correlation in register too."""
    correlation = 0.0
    for _ in range(ROUNDS if pieces else 0):
        normal, right = np.zeros((6, 6)), np.zeros(6)
        sums = np.zeros(6)
        for piece in pieces:
            first, second, gradient, points = _compared(piece, move)
            design = _design(move, points, gradient)
            normal += design @ design.T
            right += design @ (first - second)
            moments = (first, second, first * first, second * second, first * second)
            sums += [first.size, *(m.sum() for m in moments)]
        correlation = _correlation(sums)
        step = np.zeros(6)
        step[free] = np.linalg.lstsq(normal[np.ix_(free, free)], right[free], rcond=1e-10)[0]
        move = _stepped(move, step)
        if np.abs(step[:3]).max() < CONVERGED_PX and np.abs(step[3:]).max() < 1e-6:
            break
    return move, correlation


def _stds(pieces: list[_Piece], move: RigidMove, free: list[int]) -> _Floats:
    """Standard deviations of the six numbers, 0 for those that were not free, from what is left over in register."""
    normal, squares, n = np.zeros((6, 6)), 0.0, 0
    for piece in pieces:
        first, second, gradient, points = _compared(piece, move)
        design = _design(move, points, gradient)
        normal += design @ design.T
        squares += float(((first - second) ** 2).sum())
        n += first.size
    found = np.zeros(6)
    if n:
        inverse = np.linalg.pinv(normal[np.ix_(free, free)])
        found[free] = np.sqrt(CORRELATED_VOXELS * squares / n * np.diag(inverse).clip(0))
    return found


def _is_upright(move: RigidMove, std: _Floats) -> bool:
    """Whether noise explains both tilts."""
    tilts = np.array(move.rotation_rad[1:]) / np.maximum(std[list(TILTS)], 1e-12)
    return float(tilts @ tilts) < UPRIGHT


def _stepped(move: RigidMove, step: NDArray[np.float64]) -> RigidMove:
    """Add a small shift, and turn further by a small rotation."""
    little = RigidMove(rotation_rad=_triple(step[3:])).matrix
    total = little @ move.matrix
    # The rotation vector of a matrix near the identity, in the order z, y, x.
    angle = float(np.arccos(np.clip((np.trace(total) - 1) / 2, -1, 1)))
    vector = np.array([total[1, 2] - total[2, 1], total[2, 0] - total[0, 2], total[0, 1] - total[1, 0]]) / 2
    scale = angle / np.sin(angle) if 1e-12 < angle < np.pi - 1e-6 else 1.0
    return RigidMove(_triple(np.array(move.shift_px) + step[:3]), _triple(scale * vector), move.centre_px)


def _correlation(sums: NDArray[np.float64]) -> float:
    n, a, b, aa, bb, ab = sums
    spread = (aa - a * a / n) * (bb - b * b / n) if n else 0.0
    return float((ab - a * b / n) / np.sqrt(spread)) if spread > 0 else 0.0


def _wishes(pieces: list[_Piece], move: RigidMove) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shift that each block would still like, and how much edge it has."""
    wishes, weights = np.zeros((len(pieces), 3)), np.zeros(len(pieces))
    for index, piece in enumerate(pieces):
        first, second, gradient, _ = _compared(piece, move)
        normal = gradient @ gradient.T
        wishes[index] = np.linalg.lstsq(normal + 1e-6 * np.trace(normal) * np.eye(3), gradient @ (first - second))[0]
        weights[index] = np.trace(normal)
    return wishes, weights

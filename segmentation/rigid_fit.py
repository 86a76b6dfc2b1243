"""Fit a rigid move to blocks of two volumes: Gauss-Newton steps, what blocks would still like, and their noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .rigid import RigidMove, Triple

STEP_PX = 0.5
"""Half the distance over which gradients are taken."""

ROUNDS = 40
CONVERGED_PX = 1e-4

TILTS = (4, 5)
"""Places of both tilts among the six numbers of a move: shift z, y, x, turn, tilts."""

UPRIGHT = 0.003
"""Share of upright scans that may be told to lean."""

GROUP_PX = 16
"""Edge of the cubes in which values err together: smoothed noise, and pores whose gas moves an edge."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Registration:
    """A rigid move, and how far it can be trusted.

    Parameters
    ----------
    move : RigidMove
        From the first scan to the second.
    shift_std_px : (3,) tuple of float
        Standard deviation of the shift along z, y and x, from places that disagree, in voxels; 0 for a height that
        was held.
    rotation_std_rad : (3,) tuple of float
        Standard deviation of the rotation along z, y and x, from the same, in rad; 0 for tilts that were set to 0,
        as noise explains them.
    residual_px : float
        Root mean square of the shifts that blocks would still like, noise included, in voxels.
    correlation : float
        Of the two scans in register, over the voxels compared; dimensionless.
    blocks : int
        Number of blocks that were compared.
    """

    move: RigidMove
    shift_std_px: Triple
    residual_px: float
    correlation: float
    blocks: int
    rotation_std_rad: Triple = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Piece:
    """A block of the first scan, and the part of the second in which it may lie.

    Parameters
    ----------
    first : (n_z, n_y, n_x) array of float32
        Values of the first scan.
    weight : (n_z, n_y, n_x) array of bool
        Voxels that are compared.
    corner : tuple of int
        Voxel of the first volume at which the block starts.
    spline : (m_z, m_y, m_x) array of float32
        Coefficients of the second scan's cubic spline.
    spline_corner : tuple of int
        Voxel of the second volume at which that part starts.
    """

    first: NDArray[np.float32]
    weight: NDArray[np.bool_]
    corner: tuple[int, int, int]
    spline: NDArray[np.float32]
    spline_corner: tuple[int, int, int]


def fitted(
    pieces: Sequence[Piece],
    start: RigidMove,
    *,
    holds_height: bool = False,
    rounds: int = ROUNDS,
    is_robust: bool = False,
    upright: float = UPRIGHT,
) -> Registration:
    """Fit shift, turn and tilts by least squares [1]_; tilts that noise explains are set to 0, as they would add it.

    Whether the cell leans is asked with its height free: a lean would make up for a height that is held wrongly, and
    rays tell the height of a surface that leans wrongly.
    Standard deviations come from how cubes of `GROUP_PX` disagree [3]_: values of one cube may err together, as noise
    that was smoothed does and an edge beside which the gas changes.

    Parameters
    ----------
    pieces : sequence of Piece
        What is compared.
    start : RigidMove
        Within the reach of the gradients: about as far as the values are smooth.
    holds_height : bool
        Whether the shift along z of an upright cell stays that of `start`.
    rounds : int
        Most steps to take.
    is_robust : bool
        Whether values that differ by more than the texture itself are taken for changes of the cell, and count little
        (weights of Cauchy [2]_).
    upright : float
        Share of upright scans that may be told to lean, dimensionless: tilts more likely than that to be noise are
        set to 0.

    Returns
    -------
    Registration
        Whether it can be believed is the caller's to judge.

    References
    ----------
    .. [1] Lucas & Kanade, Proc. IJCAI (1981) 674-679.
    .. [2] Holland & Welsch, Communications in Statistics A6 (1977) 813-827.
    .. [3] Liang & Zeger, Biometrika 73 (1986) 13-22.
    """
    scale = _texture(pieces) if is_robust else np.inf
    move, correlation = _refined(pieces, start, [0, 1, 2, 3, *TILTS], rounds, scale)
    covariance, spare = _covariance(pieces, move, [0, 1, 2, 3, *TILTS], scale)
    leans = not _is_upright(move, covariance, spare, upright)
    if not leans:
        free, (z, y, x) = ([1, 2, 3] if holds_height else [0, 1, 2, 3]), move.shift_px
        shift = (start.shift_px[0] if holds_height else z, y, x)
        again = replace(move, shift_px=shift, rotation_rad=(move.turn_rad, 0.0, 0.0))
        move, correlation = _refined(pieces, again, free, rounds, scale)
        covariance, _ = _covariance(pieces, move, free, scale)
    std = np.sqrt(np.diag(covariance).clip(0))
    residual = _residual(pieces, move, scale)
    return Registration(move, _triple(std[:3]), residual, correlation, len(pieces), _triple(std[3:]))


def _triple(values: NDArray[np.float64]) -> Triple:
    z, y, x = (float(v) for v in values)
    return z, y, x


def _compared(piece: Piece, move: RigidMove) -> tuple[Floats, Floats, Floats, Floats]:
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


def _texture(pieces: Sequence[Piece]) -> float:
    """Root mean square of the first scan's values where they are compared."""
    values = [piece.first[piece.weight] for piece in pieces]
    return float(np.sqrt(np.mean(np.concatenate(values) ** 2))) if values else 1.0


def _weights(left_over: Floats, scale: float) -> Floats:
    return 1.0 / (1.0 + (left_over / scale) ** 2)


def _design(move: RigidMove, points: Floats, gradient: Floats) -> NDArray[np.float64]:
    """Change of the second scan's value with shift and rotation: (6, n)."""
    arm = move.matrix @ (points - np.array(move.centre_px)[:, None])
    z, y, x = arm
    gz, gy, gx = gradient
    return np.stack([gz, gy, gx, gy * x - gx * y, gx * z - gz * x, gz * y - gy * z])


def _refined(
    pieces: Sequence[Piece], move: RigidMove, free: list[int], rounds: int, scale: float
) -> tuple[RigidMove, float]:
    """Gauss-Newton steps in the free numbers until they are small; returns the correlation in register too."""
    correlation = 0.0
    for _ in range(rounds if pieces else 0):
        normal, right = np.zeros((6, 6)), np.zeros(6)
        sums = np.zeros(6)
        for piece in pieces:
            first, second, gradient, points = _compared(piece, move)
            design, weight = _design(move, points, gradient), _weights(first - second, scale)
            normal += (weight * design) @ design.T
            right += design @ (weight * (first - second))
            moments = (first, second, first * first, second * second, first * second)
            sums += [first.size, *(m.sum() for m in moments)]
        correlation = _correlation(sums)
        step = np.zeros(6)
        step[free] = np.linalg.lstsq(normal[np.ix_(free, free)], right[free], rcond=1e-10)[0]
        move = _stepped(move, step)
        if np.abs(step[:3]).max() < CONVERGED_PX and np.abs(step[3:]).max() < 1e-6:
            break
    return move, correlation


def _covariance(pieces: Sequence[Piece], move: RigidMove, free: list[int], scale: float) -> tuple[Floats, int]:
    """Covariance of the six numbers, 0 for those that were not free, and how many groups there are beyond these."""
    normal, scores = np.zeros((6, 6)), [np.zeros((6, 0))]
    for piece in pieces:
        first, second, gradient, points = _compared(piece, move)
        design, weight = _design(move, points, gradient), _weights(first - second, scale)
        normal += (weight * design) @ design.T
        scores.append(_group_sums(piece, points, design * (weight * (first - second))))
    score = np.concatenate(scores, axis=1)[free]
    found, spare = np.zeros((6, 6)), score.shape[1] - len(free)
    inverse = np.linalg.pinv(normal[np.ix_(free, free)])
    if spare > 0:
        found[np.ix_(free, free)] = score.shape[1] / spare * inverse @ score @ score.T @ inverse
    else:
        found[free, free] = np.inf
    return found, spare


def _group_sums(piece: Piece, points: Floats, values: Floats) -> Floats:
    """Sum values (6, n) at points over cubes of about `GROUP_PX` that fill the block: (6, n_groups)."""
    size = np.array(piece.first.shape)[:, None]
    parts = np.maximum(np.rint(size / GROUP_PX), 1).astype(int)
    cube = ((points - np.array(piece.corner)[:, None]) * parts // size).astype(int)
    _, group = np.unique(np.ravel_multi_index(tuple(cube), tuple(parts[:, 0])), return_inverse=True)
    return np.stack([np.bincount(group, row) for row in values])


def _is_upright(move: RigidMove, covariance: Floats, spare: int, chance: float) -> bool:
    """Whether noise explains both tilts: T-squared of Hotelling, as F with two degrees of freedom."""
    if spare <= 0:
        return True
    matrix = move.matrix
    tilts = np.array([matrix[2, 0], -matrix[1, 0]])
    squared = float(tilts @ np.linalg.pinv(covariance[np.ix_(TILTS, TILTS)]) @ tilts)
    return squared < spare * (chance ** (-2 / spare) - 1)


def _stepped(move: RigidMove, step: NDArray[np.float64]) -> RigidMove:
    """Add a small shift, and turn further by a small rotation."""
    from scipy.spatial.transform import Rotation

    little = RigidMove(rotation_rad=_triple(step[3:])).matrix
    total = little @ move.matrix
    # Vectors here stand in the order z, y, x, which turns the other way round.
    vector = Rotation.from_matrix(total.T).as_rotvec()
    return RigidMove(_triple(np.array(move.shift_px) + step[:3]), _triple(vector), move.centre_px)


def _correlation(sums: NDArray[np.float64]) -> float:
    n, a, b, aa, bb, ab = sums
    spread = (aa - a * a / n) * (bb - b * b / n) if n else 0.0
    return float((ab - a * b / n) / np.sqrt(spread)) if spread > 0 else 0.0


def _residual(pieces: Sequence[Piece], move: RigidMove, scale: float) -> float:
    """Root mean square of the shifts that each block would still like, weighed with its edges."""
    squares, total = 0.0, 0.0
    for piece in pieces:
        first, second, gradient, _ = _compared(piece, move)
        weight = _weights(first - second, scale)
        normal, right = (weight * gradient) @ gradient.T, gradient @ (weight * (first - second))
        wish = np.linalg.lstsq(normal + 1e-6 * np.trace(normal) * np.eye(3), right)[0]
        squares += float(np.trace(normal) * (wish @ wish))
        total += float(np.trace(normal))
    return float(np.sqrt(squares / total)) if total > 0 else np.inf

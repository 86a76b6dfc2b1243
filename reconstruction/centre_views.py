"""What the search for the centre looks at: a few rows with structure, cleaned, binned, in order of angle."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d, median_filter, uniform_filter1d

from ..arrays import Array, to_host

MAX_COLUMNS = 700  # columns after binning
MAX_VIEWS = 720  # views in a half turn after averaging neighbours
ROWS_USED = 6
ROWS_TRIED = 64
PAIRS_TRIED = 24
ROUNDING = 1e-5  # of the strongest absorption; float32 and its filters leave less
AIR_LEVEL = 0.05  # of the strongest absorption; more at the edges means truncation
STRIPE_WIDTH = 15  # columns; narrower features that stand still in angle are taken for stripes


@dataclass(frozen=True)
class Views:
    """Sinograms of a few rows, folded into one turn and sorted.

    Parameters
    ----------
    sinograms : (n_rows, n_views, n_cols) array of float32
        Line integrals, cleaned and binned.
    theta : (n_views,) array of float64
        Rising angles within one turn, in rad.
    full_turn : bool
        True if the angles go all the way round, so that most views have one opposite.
    half_turn : bool
        True if every direction is measured: the angles, folded into a half turn, leave no wide gap.
    truncated : bool
        True if the projections do not fall off to air at both edges of the detector.
    bin_px : int
        Detector columns in one binned column.
    moving : float
        Share of what changes from view to view that neighbouring views have in common, 0 (noise) to 1.
    """

    sinograms: NDArray[np.float32]
    theta: NDArray[np.float64]
    full_turn: bool
    half_turn: bool
    truncated: bool
    bin_px: int
    moving: float

    def to_columns(self, binned: ArrayLike) -> Any:
        """Turn positions in binned columns into detector columns.

        Parameters
        ----------
        binned : array
            Positions in binned columns, as pixel-centre indices.

        Returns
        -------
        array
            The same places in detector columns, as pixel-centre indices.
        """
        return np.asarray(binned) * self.bin_px + (self.bin_px - 1) / 2

    def to_binned(self, columns: ArrayLike) -> Any:
        """Turn positions in detector columns into binned columns.

        Parameters
        ----------
        columns : array
            Positions in detector columns, as pixel-centre indices.

        Returns
        -------
        array
            The same places in binned columns, as pixel-centre indices.
        """
        return (np.asarray(columns) - (self.bin_px - 1) / 2) / self.bin_px


def prepare_views(projections: Array, theta: NDArray[np.float64]) -> Views:
    """Pick rows, fill NaN and Inf, sort and average views, bin columns, suppress stripes.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array
        Line integrals, dimensionless.
    theta : (n_theta,) array
        Angles in rad, in any order.

    Returns
    -------
    Views
        At most 6 rows, 700 columns and 720 views a half turn.
    """
    folded = np.mod(theta, 2 * np.pi)
    order = np.argsort(folded, kind="stable")
    turn = folded[order]
    start = (int(np.argmax(np.diff(turn, append=turn[0] + 2 * np.pi))) + 1) % turn.size
    order, turn = np.roll(order, -start), np.roll(turn, -start)
    turn[turn.size - start :] += 2 * np.pi  # rises from the end of the widest gap
    n_columns = projections.shape[2]
    bin_px = _bin_of(n_columns)
    rows = _rows_with_structure(projections, order)
    stack = np.stack([to_host(projections[:, row : row + 1])[:, 0] for row in rows.tolist()])
    stack = stack.astype(np.float32)[:, order]
    stack = _bin_columns(_filled(stack), bin_px)
    stack, turn = _merged(stack, turn)
    gap = float(np.max(np.diff(turn, append=turn[0] + 2 * np.pi)))
    step = float(np.median(np.diff(turn))) if turn.size > 1 else 2 * np.pi
    half = np.sort(np.mod(turn, np.pi))
    half_gap = float(np.max(np.diff(half, append=half[0] + np.pi)))
    stack = _without_stripes(stack)
    return Views(
        sinograms=stack,
        theta=turn,
        full_turn=gap < max(4 * step, math.radians(3)),
        half_turn=half_gap < max(3 * step, math.radians(2)),
        truncated=_is_truncated(stack),
        bin_px=bin_px,
        moving=_moving(stack),
    )


def detail(sinograms: NDArray[np.float32], scale: float, *, fade_edges: bool = True) -> NDArray[np.float32]:
    """Keep features narrower than `scale` columns and fade them out at the detector's edges.

    A truncated projection ends in a step at the edge, which would match its mirror image at the middle of the
    detector; without its slow part it does not.

    Parameters
    ----------
    sinograms : (..., n_cols) array
        Line integrals.
    scale : float
        Standard deviation of the Gaussian that is subtracted, in columns.
    fade_edges : bool
        False keeps detail up to the edges, for opposite views that overlap only there.

    Returns
    -------
    (..., n_cols) array
        The same without slow variation.
    """
    n_columns = sinograms.shape[-1]
    slow, width = sinograms, 2 * round(scale) + 1  # odd; three such boxes make a Gaussian of this scale
    for _ in range(3):
        slow = uniform_filter1d(slow, width, axis=-1, mode="nearest")
    fast = sinograms - slow
    if not fade_edges:
        return fast
    ramp = max(2, n_columns // 12)
    edge = np.sin(np.pi / 2 * (np.arange(ramp) + 0.5) / ramp) ** 2
    fade = np.ones(n_columns, np.float32)
    fade[:ramp], fade[n_columns - ramp :] = edge, edge[::-1]
    return fast * fade


def _rows_with_structure(projections: Array, order: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the rows whose neighbouring views share most detail.

    Noise differs from view to view, the object hardly: the covariance of neighbours is signal, the rest
    noise.
    """
    n_theta, n_rows, n_columns = projections.shape
    tried = np.unique(np.linspace(0, n_rows - 1, min(n_rows, ROWS_TRIED)).round().astype(int))
    first = np.unique(np.linspace(0, n_theta - 2, min(n_theta - 1, PAIRS_TRIED)).round().astype(int))
    bin_px = _bin_of(n_columns)
    pair, strongest = [], 0.0
    for place in (first, first + 1):
        views = np.stack([to_host(projections[i : i + 1])[0][tried] for i in order[place].tolist()])
        views = _bin_columns(_filled(views.astype(np.float32)), bin_px)
        strongest = max(strongest, float(np.abs(views).max()))
        views = gaussian_filter1d(views, 1.0, axis=-1)
        pair.append(detail(views, views.shape[-1] / 32))
    shared, share = _in_common(pair[0], pair[1], (0, 2), ROUNDING * strongest)
    worth = share**2 * shared**0.25  # clean rows first, then strong ones
    best = np.argsort(-worth, kind="stable")[:ROWS_USED]
    best = best[worth[best] >= 0.25 * worth[best[0]]] if worth[best[0]] > 0 else best[:1]
    return np.sort(tried[best])


def _is_truncated(stack: NDArray[np.float32]) -> bool:
    """Tell whether the outermost columns carry more than a few per cent of the strongest absorption."""
    width = max(2, stack.shape[-1] // 50)
    edges = np.stack([stack[..., :width], stack[..., -width:]])
    level = float(np.abs(np.median(edges, axis=(2, 3))).max())
    return level > AIR_LEVEL * float(np.percentile(np.abs(stack), 95))


def _moving(stack: NDArray[np.float32]) -> float:
    """Return the share of what moves that neighbouring views have in common, in the best row."""
    rounding = ROUNDING * float(np.abs(stack).max())
    smooth = gaussian_filter1d(stack - np.median(stack, axis=1, keepdims=True), 1.0, axis=-1)
    smooth = detail(smooth, stack.shape[-1] / 32)
    return float(_in_common(smooth[:, :-1], smooth[:, 1:], (1, 2), rounding)[1].max())


def _in_common(
    one: NDArray[np.float32], two: NDArray[np.float32], axes: tuple[int, int], rounding: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the covariance over `axes`, not below zero, and its share of the variance, beyond rounding errors."""
    shared = np.clip(np.mean(one * two, axis=axes), 0, None)
    total = np.mean(one * one + two * two, axis=axes) / 2
    return shared, shared / (total + rounding**2 + np.finfo(np.float32).tiny)


def _filled(stack: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace NaN and Inf by the median of the finite samples of the same row (0 where there are none)."""
    bad = ~np.isfinite(stack)
    if not bad.any():
        return stack
    known = np.where(bad, np.nan, stack)
    lost = bad.all(axis=-1, keepdims=True)
    middle = np.nanmedian(np.where(lost, 0, known), axis=-1, keepdims=True)
    return np.where(bad, middle, stack)


def _bin_of(n_columns: int) -> int:
    return max(1, math.ceil(n_columns / MAX_COLUMNS))


def _bin_columns(stack: NDArray[np.float32], bin_px: int) -> NDArray[np.float32]:
    """Average groups of `bin_px` columns; a remainder at the right is dropped."""
    n_binned = stack.shape[-1] // bin_px
    return stack[..., : n_binned * bin_px].reshape(*stack.shape[:-1], n_binned, bin_px).mean(axis=-1)


def _merged(stack: NDArray[np.float32], turn: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Average views at the same angle, and neighbours where there are more than the search needs."""
    reach = float(turn[-1] - turn[0])
    step = float(np.median(np.diff(turn))) if turn.size > 1 else reach
    group = math.ceil(np.pi / MAX_VIEWS / step - 0.01) if step > 0 else 1
    closest = max(group * step * (1 - 1e-6), 0.1 * reach / turn.size)
    slot = np.floor((turn - turn[0]) / closest + 0.5).astype(int) if reach > 0 else np.zeros(turn.size, int)
    starts = np.flatnonzero(np.diff(slot, prepend=-1))
    counts = np.diff(starts, append=turn.size)
    angles = np.add.reduceat(turn, starts) / counts
    mean = np.add.reduceat(stack, starts, axis=1) / counts[:, None]
    return mean.astype(np.float32), angles


def _without_stripes(stack: NDArray[np.float32]) -> NDArray[np.float32]:
    """Subtract what stands still in angle and is narrow in columns: rings of the reconstruction.

    Wide features that stand still are kept; they may be a tube round the axis.
    """
    still = np.median(stack, axis=1, keepdims=True)
    return stack - (still - median_filter(still, (1, 1, STRIPE_WIDTH), mode="nearest"))

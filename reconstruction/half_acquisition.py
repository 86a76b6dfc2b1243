"""Full turns with the axis near one edge of the detector: two half views joined into one of nearly twice the width."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, array_namespace
from .centre import Centre, agreement_px, overlap_centre
from .centre_overlap import whole_range
from .centre_views import prepare_views
from .shifts import shift_projections


@dataclass(frozen=True)
class FullSinograms:
    """Half views joined to whole ones.

    Parameters
    ----------
    sinograms : (n_rows, n_half, n_wide) array of float32
        Line integrals over half a turn.
    theta : (n_half,) array of float64
        Angles in rad.
    centre_px : float
        Column of the rotation axis in them, as a pixel-centre index.
    """

    sinograms: Array
    theta: NDArray[np.float64]
    centre_px: float


def find_offset_centre(projections: Array, theta: ArrayLike, *, search_px: tuple[float, float] | None = None) -> Centre:
    """Find an axis near an edge of the detector from a full turn, by the overlap of opposite views.

    Every view is compared with the mirror image of the one half a turn later where the two overlap, at two
    scales of detail, by their correlation coefficient times the root of the overlap's share of all detail.
    What stands still from view to view (tubes round the axis, stripes) is left out where enough moves. An
    overlap of 10 % of the width is found in noise of 1e5 photons; at 3e4 it comes out as ambiguous.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array
        Line integrals, dimensionless.
    theta : (n_theta,) array
        Angles in rad, over a full turn.
    search_px : (low, high), optional
        Range of centres, as pixel-centre indices; None is all but 2 % of the width at either edge.

    Returns
    -------
    Centre
        Column, verdict ("resolved", "at-edge" or "ambiguous") and confidence; a candidate for each scale.

    Raises
    ------
    ValueError
        If the angles do not go all the way round, or the range is empty.
    """
    views = prepare_views(projections, np.asarray(theta, dtype=np.float64))
    n_columns = projections.shape[2]
    low, high = search_px if search_px is not None else whole_range(n_columns)
    if not views.full_turn:
        raise ValueError("the angles do not cover a full turn; half-acquisition needs 360 degrees: use find_centre")
    if not 0 <= low < high <= n_columns - 1:
        raise ValueError(f"search_px is {low:g} to {high:g}; give low < high within 0 to {n_columns - 1}")
    return overlap_centre(views, low, high, agreement_px(n_columns))


def joined_columns(n_cols: int, centre_px: float) -> tuple[int, float]:
    """Return how wide joined views are, and where their axis lies.

    Parameters
    ----------
    n_cols : int
        Columns of the detector.
    centre_px : float
        Column of the rotation axis, as a pixel-centre index.

    Returns
    -------
    n_wide : int
        Columns of the joined views.
    centre_px : float
        Column of the axis in them.
    """
    whole = math.floor(2 * centre_px - (n_cols - 1))
    start = min(0, whole + 1)  # one column at the end of the mirrored view is lost to interpolation
    return max(n_cols, whole + n_cols) - start, centre_px - start


def half_turn(theta: ArrayLike) -> NDArray[np.float64]:
    """Return the angles that joined views have.

    Parameters
    ----------
    theta : (n_theta,) array
        Angles of a full turn in rad, in any order.

    Returns
    -------
    (n_half,) array of float64
        Angles of its first half, rising, in rad.
    """
    turn = _full_turn(np.asarray(theta, dtype=np.float64))[1]
    return turn[turn < turn[0] + np.pi - 1e-9]


def join_half_turns(sinograms: Array, theta: ArrayLike, *, centre_px: float) -> FullSinograms:
    """Join every view of the first half turn with the mirrored view half a turn later.

    The view's own columns stay as they are; the opposite view is mirrored about the axis, interpolated in
    angle where no view is exactly opposite and in columns by cubic convolution. Across the overlap one fades
    into the other.

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) array
        Line integrals over a full turn, dimensionless.
    theta : (n_theta,) array
        Angles in rad, in any order.
    centre_px : float
        Column of the rotation axis, as a pixel-centre index, from `find_offset_centre`.

    Returns
    -------
    FullSinograms
        Half a turn of views, about 2 max(c, n_cols - 1 - c) columns wide.

    Raises
    ------
    ValueError
        If the axis is off the detector or the angles do not cover a full turn.
    """
    xp = array_namespace(sinograms)
    n_rows, _, n_columns = sinograms.shape
    if not 0 < centre_px < n_columns - 1:
        raise ValueError(f"centre_px is {centre_px:g}; the axis must lie within the columns, 0 to {n_columns - 1}")
    order, turn = _full_turn(np.asarray(theta, dtype=np.float64))
    first = np.flatnonzero(turn < turn[0] + np.pi - 1e-9)
    before, after, weight = _opposites(turn, turn[first] + np.pi)
    frames = sinograms.astype(xp.float32)
    share = xp.asarray(weight, dtype=xp.float32)[:, None]
    opposite = (1 - share) * frames[:, xp.asarray(order[before])] + share * frames[:, xp.asarray(order[after])]
    own = frames[:, xp.asarray(order[first])]
    lag = 2 * centre_px - (n_columns - 1)  # from the mirrored view's first column to the own view's
    whole = math.floor(lag)
    mirrored = shift_projections(opposite[:, :, ::-1], np.tile([0.0, lag - whole], (n_rows, 1)))
    wide, wide_centre_px = joined_columns(n_columns, centre_px)
    start = round(centre_px - wide_centre_px)
    stop = start + wide
    shared = (max(lag, 0.0), n_columns - 1 + min(lag, 0.0))
    across = np.clip((np.arange(start, stop) - shared[0]) / max(shared[1] - shared[0], 1e-6), 0, 1)
    fade = np.cos(np.pi / 2 * across) ** 2 if lag >= 0 else np.sin(np.pi / 2 * across) ** 2
    own_weight = xp.asarray(fade, dtype=xp.float32)
    joined = xp.zeros((n_rows, first.size, wide), dtype=xp.float32)
    joined[:, :, -start : -start + n_columns] += own_weight[-start : -start + n_columns] * own
    place = slice(max(whole, start) - start, whole + n_columns - start)
    joined[:, :, place] += (1 - own_weight[place]) * mirrored[:, :, max(start - whole, 0) :]
    return FullSinograms(joined, turn[first], wide_centre_px)


def _full_turn(theta: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Sort angles into one turn, and refuse a turn with a wide gap."""
    folded = np.mod(theta, 2 * np.pi)
    order = np.argsort(folded, kind="stable")
    turn = folded[order]
    gap = float(np.max(np.diff(turn, append=turn[0] + 2 * np.pi)))
    if gap > max(5 * 2 * np.pi / theta.size, np.deg2rad(3)):
        raise ValueError(
            f"the angles leave a gap of {np.rad2deg(gap):.1f} degrees; joining half turns needs a full turn of 360"
        )
    return order, turn


def _opposites(
    turn: NDArray[np.float64], wanted: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return the views before and after each wanted angle, and the weight of the later one."""
    ring = np.concatenate([turn, turn[:1] + 2 * np.pi])
    after = np.clip(np.searchsorted(ring, wanted - 1e-9), 1, turn.size)
    gap = np.maximum(ring[after] - ring[after - 1], 1e-12)
    weight = np.clip((wanted - ring[after - 1]) / gap, 0, 1)
    return after - 1, after % turn.size, weight

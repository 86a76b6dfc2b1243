"""Full turns with the axis near one edge of the detector: two half views joined into one of nearly twice the width."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, array_namespace
from .centre import Candidate, Centre
from .centre_conjugate import opposite_views
from .centre_views import Views, detail, prepare_views
from .shifts import shift_projections

LEAST_OVERLAP = 0.02  # of the width, on either side of the axis
STILL = 0.2  # share of what moves that neighbouring views must have in common to rely on it
CLEAR_LEAD = 0.35  # of the best centre over any other
DETAIL_SHARES = (32, 16)


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
    least = max(LEAST_OVERLAP * n_columns, 4.0)
    low, high = search_px if search_px is not None else (least, n_columns - 1 - least)
    if not views.full_turn:
        raise ValueError("the angles do not cover a full turn; half-acquisition needs 360 degrees: use find_centre")
    if not 0 <= low < high <= n_columns - 1:
        raise ValueError(f"search_px is {low:g} to {high:g}; give low < high within 0 to {n_columns - 1}")
    candidates, ends = [], []
    for share in DETAIL_SHARES:
        scale = max(3.0, views.sinograms.shape[-1] / share)
        centre, lead, at_end = _best_overlap(views, low, high, scale)
        candidates.append(Candidate(centre, lead, f"overlap, detail below 1/{share} of the width"))
        ends.append(at_end)
    candidates.sort(key=lambda candidate: -candidate.score)
    best, other = candidates
    apart = abs(best.centre_px - other.centre_px)
    tolerance = max(1.0, n_columns / 1000)
    confidence = float(best.score * np.exp(-((apart / tolerance) ** 2)))
    if any(ends):
        return Centre(best.centre_px, "at-edge", confidence / 2, tuple(candidates))
    clear = best.score >= CLEAR_LEAD and apart <= tolerance
    return Centre(
        best.centre_px, "resolved" if clear else "ambiguous", confidence if clear else confidence / 2, tuple(candidates)
    )


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
    start = min(0, whole + 1)  # one column at the end of the mirrored view is lost to interpolation
    stop = max(n_columns, whole + n_columns)
    wide = stop - start
    shared = (max(lag, 0.0), n_columns - 1 + min(lag, 0.0))
    across = np.clip((np.arange(start, stop) - shared[0]) / max(shared[1] - shared[0], 1e-6), 0, 1)
    fade = np.cos(np.pi / 2 * across) ** 2 if lag >= 0 else np.sin(np.pi / 2 * across) ** 2
    own_weight = xp.asarray(fade, dtype=xp.float32)
    joined = xp.zeros((n_rows, first.size, wide), dtype=xp.float32)
    joined[:, :, -start : -start + n_columns] += own_weight[-start : -start + n_columns] * own
    place = slice(max(whole, start) - start, whole + n_columns - start)
    joined[:, :, place] += (1 - own_weight[place]) * mirrored[:, :, max(start - whole, 0) :]
    return FullSinograms(joined, turn[first], centre_px - start)


def _best_overlap(views: Views, low: float, high: float, scale: float) -> tuple[float, float, bool]:
    """Return the centre of best correlation over the overlap, its lead, and whether the range does not hold it.

    The lead is over all other centres on the detector; the range does not hold the centre if the best is the last one
    tried or a better one lies beyond.
    """
    fine = detail(views.sinograms, scale, fade_edges=False)
    if views.moving > STILL:
        fine = fine - np.mean(fine, axis=1, keepdims=True)  # what stands still matches itself anywhere
    conjugate = opposite_views(fine, views.theta)
    if conjugate is None:
        return (low + high) / 2, 0.0, False
    n_columns = fine.shape[-1]
    binned, disagreement = conjugate.score(n_columns)
    row_energy = np.sum(fine.astype(np.float64) ** 2, axis=1)
    total = np.maximum(row_energy.sum(axis=1, keepdims=True), 1e-30)
    summed = np.concatenate([[0.0], np.cumsum(np.mean(row_energy / total, axis=0))])
    edges = np.arange(n_columns + 1) - 0.5
    first, last = np.maximum(2 * binned - (n_columns - 1), 0) - 0.5, np.minimum(2 * binned, n_columns - 1) + 0.5
    shared = np.interp(last, edges, summed) - np.interp(first, edges, summed)
    correlation = np.where(shared > 1e-6, -disagreement / np.sqrt(np.maximum(shared, 1e-6)), 0.0)
    centres = views.to_columns(binned)
    edge = max(LEAST_OVERLAP * n_columns, 4.0)
    anywhere = np.flatnonzero((binned >= edge) & (binned <= n_columns - 1 - edge))
    tried = np.flatnonzero((centres >= low) & (centres <= high))
    best = int(tried[correlation[tried].argmax()])
    others = anywhere[np.abs(binned[anywhere] - binned[best]) > 2 * scale]
    peak = float(correlation[best])
    lead = 1 - max(0.0, float(correlation[others].max()) / peak) if peak > 0 and others.size else 0.0
    beyond = not low <= centres[anywhere[correlation[anywhere].argmax()]] <= high
    at_end = beyond or best in (tried[0], tried[-1])
    around = slice(best - 1, best + 2)
    bend = np.polyfit(centres[around] - centres[best], correlation[around], 2) if not at_end else (0.0, 0.0, 0.0)
    shift = -bend[1] / (2 * bend[0]) if bend[0] < 0 else 0.0
    return float(centres[best] + shift), float(np.clip(lead, 0, 1)), at_end


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

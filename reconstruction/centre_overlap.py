"""The centre of a full turn from where opposite views overlap, wherever on the detector the axis is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .centre_conjugate import opposite_views
from .centre_matches import Match
from .centre_views import Views, detail

LEAST_OVERLAP = 0.02  # of the width, on either side of the axis
STILL = 0.2  # share of what moves that neighbouring views must have in common to rely on it
CLEAR_LEAD = 0.35  # of the best centre over any other
DETAIL_SHARES = (32, 16)
NEAR = 1.0  # column to either side of the best centre, within which it is placed


def whole_range(n_columns: int) -> tuple[float, float]:
    """Return all centres that leave an overlap to compare.

    Parameters
    ----------
    n_columns : int
        Columns of the detector.

    Returns
    -------
    (float, float)
        First and last centre, as pixel-centre indices.
    """
    least = max(LEAST_OVERLAP * n_columns, 4.0)
    return least, n_columns - 1 - least


def overlap_matches(views: Views, low: float, high: float) -> list[Match]:
    """Compare opposite views of a full turn where they overlap, at two scales of detail.

    Parameters
    ----------
    views : Views
        Prepared views of a full turn.
    low, high : float
        Range of centres, in columns.

    Returns
    -------
    list of Match
        One for each scale, the more distinct one first; `beyond` where the range does not hold the centre.
    """
    matches = []
    for share in DETAIL_SHARES:
        scale = max(3.0, views.sinograms.shape[-1] / share)
        centre_px, lead, at_end = _best_overlap(views, low, high, scale)
        method = f"overlap, detail below 1/{share} of the width"
        matches.append(Match(method, centre_px, lead, at_end, lead >= CLEAR_LEAD))
    return sorted(matches, key=lambda match: -match.lead)


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
    return peak_of(views, Agreement(binned, correlation, shared), low, high, scale)


@dataclass(frozen=True)
class Agreement:
    """How well views agree with their mirrored opposites, over the centre.

    Parameters
    ----------
    binned : (n,) array
        Centres, evenly spaced, in binned columns.
    correlation : (n,) array
        Correlation over the overlap times the root of its share, dimensionless.
    shared : (n,) array
        Share of all detail that lies in the overlap, 0 to 1.
    """

    binned: NDArray[np.float64]
    correlation: NDArray[np.float64]
    shared: NDArray[np.float64]


def peak_of(views: Views, agreement: Agreement, low: float, high: float, scale: float) -> tuple[float, float, bool]:
    """Return the best centre in a range, its lead over all others, and whether the range does not hold it.

    Parameters
    ----------
    views : Views
        Prepared views.
    agreement : Agreement
        Over all centres on the detector.
    low, high : float
        Range of centres, in columns.
    scale : float
        Scale of detail, in binned columns; centres within two of it are no rivals.

    Returns
    -------
    float
        Centre, in columns.
    float
        One minus the next best agreement over the best, 0 to 1.
    bool
        True if the best is the last one tried or a better one lies beyond.
    """
    binned, correlation, centres = agreement.binned, agreement.correlation, views.to_columns(agreement.binned)
    n_columns, step = views.sinograms.shape[-1], float(binned[1] - binned[0])
    edge = max(LEAST_OVERLAP * n_columns, 4.0)
    anywhere = np.flatnonzero((binned >= edge) & (binned <= n_columns - 1 - edge))
    tried = np.flatnonzero((centres >= low) & (centres <= high))
    if tried.size == 0:
        tried = np.array([int(np.abs(centres - (low + high) / 2).argmin())])
    best = int(tried[correlation[tried].argmax()])
    others = anywhere[np.abs(binned[anywhere] - binned[best]) > 2 * scale]
    peak = float(correlation[best])
    lead = 1 - max(0.0, float(correlation[others].max()) / peak) if peak > 0 and others.size else 0.0
    beyond = not low <= centres[anywhere[correlation[anywhere].argmax()]] <= high
    if beyond or best in (tried[0], tried[-1]):
        return float(centres[best]), float(np.clip(lead, 0, 1)), True
    reach = max(1, round(NEAR / step))
    near = slice(max(best - reach, 0), best + reach + 1)  # the root of the share leans towards more overlap
    exact = correlation[near] / np.sqrt(np.maximum(agreement.shared[near], 1e-6))
    top = 1 + int(exact[1:-1].argmax())
    before, here, after = exact[top - 1 : top + 2]
    bend = before - 2 * here + after
    shift = np.clip(0.5 * (before - after) / bend, -1, 1) if bend < 0 else 0.0
    return float(views.to_columns(binned[near.start + top] + shift * step)), float(np.clip(lead, 0, 1)), False

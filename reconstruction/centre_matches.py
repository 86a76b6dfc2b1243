"""Where mirrored views agree: the best centre at each scale of detail, and its lead over all others."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .centre_conjugate import Conjugate, double_wedge, opposite_views, seam
from .centre_views import Views, detail

DETAIL = (32, 16)  # scales of detail, as shares of the detector's width
COUNTS = 0.4  # smallest lead for a vote
BEYOND = 1.2  # how much better a match outside the range must be to matter


@dataclass(frozen=True)
class Match:
    """The best centre of one measure within the range searched.

    Parameters
    ----------
    method : str
        Name of the measure.
    centre_px : float
        Column of the rotation axis, as a pixel-centre index.
    lead : float
        One minus the next best agreement over the best, dimensionless; 0 is no lead.
    beyond : bool
        True if mirrored views agree clearly better about a centre outside the range.
    counts : bool
        True if the centre is fit to vote.
    """

    method: str
    centre_px: float
    lead: float
    beyond: bool
    counts: bool


def mirror_matches(views: Views, low: float, high: float) -> list[Match]:
    """Match mirrored views by detail at two scales, as a whole, and across the seam of a half turn.

    Detail is blind to truncation and drift; the whole is not, but bears the most noise. So of a truncated
    scan the whole counts only where it confirms detail to a pixel, and of a half turn that is not truncated
    the finest detail does not count. The seam never does: it is part of the double wedge.

    Parameters
    ----------
    views : Views
        Prepared views.
    low, high : float
        Range of centres, in columns.

    Returns
    -------
    list of Match
        Two by detail, the more distinct one first, then the whole, then the seam where there is one.
    """
    n_columns = views.sinograms.shape[-1]
    method, measure = ("opposite views", opposite_views) if views.full_turn else ("double wedge", double_wedge)
    by_detail = []
    for share in DETAIL:
        scale = max(3.0, n_columns / share)
        conjugate = measure(detail(views.sinograms, scale), views.theta)
        match = _match(views, conjugate, f"{method}, detail below 1/{share} of the width", low, high, scale)
        noisy = share == max(DETAIL) and not views.full_turn and not views.truncated
        by_detail.append(replace(match, counts=match.counts and not noisy))
    by_detail.sort(key=lambda match: -match.lead)
    whole = _match(views, measure(views.sinograms, views.theta), method, low, high, n_columns / DETAIL[-1])
    reach = views.bin_px * (1 if views.truncated else n_columns / DETAIL[-1])
    confirmed = any(m.counts and abs(m.centre_px - whole.centre_px) <= reach for m in by_detail)
    matches = [*by_detail, replace(whole, counts=confirmed)]
    if not views.full_turn:
        scale = n_columns / DETAIL[-1]
        across = seam(detail(views.sinograms, scale), views.theta)
        match = _match(views, across, "opposite views across the seam", low, high, scale)
        matches.append(replace(match, counts=False))
    return matches


def _match(views: Views, conjugate: Conjugate | None, method: str, low: float, high: float, scale: float) -> Match:
    """Find the centre at which mirrored views agree best, and its lead over all beyond two scales of detail."""
    if conjugate is None:
        middle = (low + high) / 2
        return Match(method, middle, 0.0, False, False)
    binned, disagreement = conjugate.score(views.sinograms.shape[-1])
    centres = views.to_columns(binned)
    in_range = np.flatnonzero((centres >= low) & (centres <= high))
    if in_range.size == 0:
        in_range = np.array([int(np.abs(centres - (low + high) / 2).argmin())])
    inside = int(in_range[disagreement[in_range].argmin()])
    edge = 2 * scale  # mirrored views overlap too little there
    wide = np.flatnonzero((binned >= edge) & (binned <= binned[-1] - edge))
    anywhere = int(wide[disagreement[wide].argmin()])
    deepest = disagreement[inside]
    others = disagreement[wide[np.abs(binned[wide] - binned[inside]) > 2 * scale]]
    lead = 1 - max(0.0, float(others.min() / deepest)) if deepest < 0 else 0.0
    outside = not low <= centres[anywhere] <= high and disagreement[anywhere] < BEYOND * deepest
    return Match(method, _vertex(centres, disagreement, inside), lead, outside, lead >= COUNTS)


def _vertex(centres: NDArray[np.float64], values: NDArray[np.float64], index: int) -> float:
    """Return the lowest point of the parabola through a sample and its two neighbours."""
    if not 0 < index < centres.size - 1:
        return float(centres[index])
    before, here, after = values[index - 1 : index + 2]
    bend = before - 2 * here + after
    shift = 0.5 * (before - after) / bend if bend > 0 else 0.0
    return float(centres[index] + np.clip(shift, -1, 1) * (centres[1] - centres[0]))

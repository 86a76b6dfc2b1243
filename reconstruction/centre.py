"""The column of the rotation axis, with a verdict: several methods that share no weakness must agree."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array
from .centre_matches import DETAIL, Match, mirror_matches
from .centre_overlap import overlap_matches, whole_range
from .centre_sharpness import sharpest
from .centre_views import Views, detail, prepare_views

Verdict = Literal["resolved", "at-edge", "ambiguous", "flat"]

DISTINCT = 0.5  # smallest lead of the best centre over any other for a clear match
STILL = 0.65  # smallest lead where nothing moves from view to view, as in a tube round the axis
CLEAR = 0.7  # lead at both scales of detail that needs no other method to confirm it
STRONG_GAIN = 0.05  # gain in sharpness at which it is as exact as the matches of a half turn
SHARP_GAIN = 0.012  # smallest gain in sharpness that counts
STRUCTURE = 0.1  # smallest share of what moves that is no noise
LEAST_VIEWS, LEAST_COLUMNS = 4, 16


@dataclass(frozen=True)
class Candidate:
    """One method's answer.

    Parameters
    ----------
    centre_px : float
        Column of the rotation axis, as a pixel-centre index.
    score : float
        Lead over other centres, 0 (none) to 1, dimensionless; comparable within one method only.
    method : str
        Name of the method.
    """

    centre_px: float
    score: float
    method: str


@dataclass(frozen=True)
class Centre:
    """The rotation axis on the detector, and how far it can be trusted.

    Parameters
    ----------
    centre_px : float
        Column of the rotation axis, as a pixel-centre index (the middle of n columns is (n - 1) / 2).
    verdict : {"resolved", "at-edge", "ambiguous", "flat"}
        "resolved": methods agree. "at-edge": the best centre lies at or beyond the edge of the range
        searched. "ambiguous": methods disagree, or no centre stands out. "flat": there is nothing in the
        projections to find a centre from.
    confidence : float
        0 to 1: lead of the best centre over any other, times how well the methods agree.
    candidates : tuple of Candidate
        Answers of the methods, the best first.
    """

    centre_px: float
    verdict: Verdict
    confidence: float
    candidates: tuple[Candidate, ...] = ()


def find_centre(projections: Array, theta: ArrayLike, *, search_px: tuple[float, float] | None = None) -> Centre:
    """Find the column of the rotation axis from the line integrals of a parallel-beam scan.

    Views half a turn apart mirror each other about the axis: all such pairs of a full turn are correlated,
    and a half turn is completed by its own mirror image [1]_; both at two scales of detail and on the whole,
    which fail in different ways (noise, truncation, drift). Independently, the sharpest reconstruction is
    looked for close by [2]_. The median is returned. Of a full turn, opposite views are also compared wherever
    they overlap, which finds an axis near an edge of the detector (half-acquisition). A few rows with the most
    structure are used, binned to at most 700 columns.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array
        Line integrals of µ, dimensionless.
    theta : (n_theta,) array
        Angles in rad, in any order and over any number of turns.
    search_px : (low, high), optional
        Range of centres to choose from, as pixel-centre indices; None is the middle half of the detector, for
        full turns all but 2 % of its width at either edge.

    Returns
    -------
    Centre
        Column, verdict, confidence and what each method found.

    Raises
    ------
    ValueError
        If shapes do not match, angles are not finite, there are too few views or columns, or the range is
        empty or outside the detector.

    References
    ----------
    .. [1] Vo et al., Optics Express 22 (2014) 19078, doi:10.1364/OE.22.019078.
    .. [2] Donath, Beckmann & Schreyer, J. Opt. Soc. Am. A 23 (2006) 1048, doi:10.1364/JOSAA.23.001048.
    """
    angles = np.asarray(theta, dtype=np.float64)
    low, high = checked_search(projections, angles, search_px)
    views, tolerance = prepare_views(projections, angles), agreement_px(projections.shape[2])
    found = _by_mirror(views, low, high, tolerance)
    if not views.full_turn:
        return found
    anywhere = (low, high) if search_px is not None else whole_range(projections.shape[2])
    return _with_overlap(found, overlap_centre(views, *anywhere, tolerance), tolerance, (low, high))


def agreement_px(n_columns: int) -> float:
    """Return the distance of two centres that counts as agreement.

    Parameters
    ----------
    n_columns : int
        Columns of the detector.

    Returns
    -------
    float
        In columns, 1 at least.
    """
    return max(1.0, n_columns / 1000)


def overlap_centre(views: Views, low: float, high: float, tolerance: float) -> Centre:
    """Find the centre of a full turn by the overlap of opposite views alone.

    Parameters
    ----------
    views : Views
        Prepared views of a full turn.
    low, high : float
        Range of centres, in columns.
    tolerance : float
        Distance that counts as agreement, in columns.

    Returns
    -------
    Centre
        "resolved" where both scales of detail agree and one is distinct; a candidate for each.
    """
    best, other = overlap_matches(views, low, high)
    candidates = (_candidate(best), _candidate(other))
    apart = abs(best.centre_px - other.centre_px)
    confidence = float(best.lead * np.exp(-((apart / tolerance) ** 2)))
    if best.beyond or other.beyond:
        return Centre(best.centre_px, "at-edge", confidence / 2, candidates)
    if not (best.counts and apart <= tolerance):
        return Centre(best.centre_px, "ambiguous", confidence / 2, candidates)
    return Centre(best.centre_px, "resolved", confidence, candidates)


def _by_mirror(views: Views, low: float, high: float, tolerance: float) -> Centre:
    """Let mirrored views and the sharpness of the image vote, within a range well inside the detector."""
    matches = mirror_matches(views, low, high)
    if matches[0].lead < STILL and views.moving < STRUCTURE:
        return Centre((low + high) / 2, "flat", 0.0, tuple(_candidate(match) for match in matches))
    voters = [match.centre_px for match in matches if match.counts]
    start = float(np.median(voters or [matches[0].centre_px]))
    sharp = _sharpest(views, start)
    enough = SHARP_GAIN / 4 if any(abs(sharp.centre_px - v) <= tolerance for v in voters) else SHARP_GAIN
    if sharp.score >= enough and low <= sharp.centre_px <= high:
        voters.append(sharp.centre_px)
    else:
        sharp = replace(sharp, score=0.0)
    centre_px = float(np.median(voters or [start]))
    if not views.full_turn and sharp.score >= STRONG_GAIN and abs(sharp.centre_px - centre_px) <= tolerance:
        centre_px = (centre_px + sharp.centre_px) / 2  # the seam leans a half turn's matches, noise the sharpest
    centre_px = float(np.clip(centre_px, low, high))
    apart = np.abs(np.array(voters or [start]) - centre_px)
    off = abs(sharp.centre_px - start) if sharp.score > 0 else None
    if any(match.beyond for match in matches[:2]) or min(centre_px - low, high - centre_px) < tolerance / 4:
        verdict: Verdict = "at-edge"
    elif np.sum(apart <= tolerance) < 2 or _is_doubtful(views, matches, off, tolerance):
        verdict = "ambiguous"
    else:
        verdict = "resolved"
    confidence = float(np.clip(matches[0].lead, 0, 1) * np.exp(-((np.median(apart) / tolerance) ** 2)))
    found = (*(_candidate(match) for match in matches), sharp)
    return _ranked(
        Centre(centre_px, verdict, confidence if verdict == "resolved" else confidence / 2, found), tolerance
    )


def _with_overlap(found: Centre, overlap: Centre, tolerance: float, middle: tuple[float, float]) -> Centre:
    """Join what mirrored views say of the middle of the detector with what their overlap says of all of it.

    An axis outside the middle is the overlap's to find: there mirrored views match what is cut off at the
    detector's edges instead. Within it the two must agree.
    """
    candidates = (*found.candidates, *overlap.candidates)
    agree = abs(found.centre_px - overlap.centre_px) <= tolerance
    clear, outside = overlap.verdict == "resolved", not middle[0] <= overlap.centre_px <= middle[1]
    chosen = found
    if clear and found.verdict != "flat" and (outside or not agree):
        sharp = [c.centre_px for c in found.candidates if c.method == "sharpness" and c.score > 0]
        confirmed = found.verdict == "ambiguous" and any(abs(c - overlap.centre_px) <= tolerance for c in sharp)
        chosen = overlap if outside or confirmed else replace(found, verdict="ambiguous")
    elif clear and found.verdict == "ambiguous" and overlap.confidence >= CLEAR:
        chosen = replace(found, verdict="resolved")  # mirrored views and their overlap outvote sharpness
    elif found.verdict == "resolved" and not agree and overlap.confidence > found.confidence / 2:
        chosen = replace(found, verdict="ambiguous", confidence=found.confidence / 2)
    return _ranked(replace(chosen, candidates=candidates), tolerance)


def _ranked(found: Centre, tolerance: float) -> Centre:
    """Put the candidates that agree with the centre first, the clearest of them before the others."""
    order = sorted(found.candidates, key=lambda c: (abs(c.centre_px - found.centre_px) > tolerance, -c.score))
    return replace(found, candidates=tuple(order))


def checked_search(
    projections: Array, theta: NDArray[np.float64], search_px: tuple[float, float] | None
) -> tuple[float, float]:
    """Refuse what cannot be searched.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array
        Line integrals, dimensionless.
    theta : (n_theta,) array
        Angles in rad.
    search_px : (low, high) or None
        Range asked for, as pixel-centre indices.

    Returns
    -------
    (float, float)
        The range, by default the middle half of the detector.

    Raises
    ------
    ValueError
        If shapes, angles or the range are at fault.
    """
    if projections.ndim != 3 or theta.shape != projections.shape[:1]:
        raise ValueError(
            f"projections are {projections.shape} and theta {theta.shape}; "
            "give (n_theta, n_rows, n_cols) line integrals and one angle for each view"
        )
    n_theta, n_rows, n_columns = projections.shape
    if n_theta < LEAST_VIEWS or n_rows < 1 or n_columns < LEAST_COLUMNS:
        raise ValueError(
            f"projections are {projections.shape}; the search for the centre needs {LEAST_VIEWS} views, one row "
            f"and {LEAST_COLUMNS} columns at least: set centre_px by hand"
        )
    if not np.isfinite(theta).all():
        raise ValueError(
            f"{np.count_nonzero(~np.isfinite(theta))} of {n_theta} angles are NaN or Inf; give angles in rad"
        )
    low, high = search_px if search_px is not None else ((n_columns - 1) / 4, 3 * (n_columns - 1) / 4)
    if not 0 <= low < high <= n_columns - 1:
        raise ValueError(
            f"search_px is {low:g} to {high:g}; give low < high within the detector's columns, 0 to {n_columns - 1}"
        )
    return float(low), float(high)


def _candidate(match: Match) -> Candidate:
    return Candidate(match.centre_px, float(np.clip(match.lead, 0, 1)), match.method)


def _sharpest(views: Views, start: float) -> Candidate:
    """Look for the sharpest reconstruction near `start`, without the rim that truncation leaves."""
    scale = views.sinograms.shape[-1] / DETAIL[-1]
    sinograms = detail(views.sinograms, scale) if views.truncated else views.sinograms
    centre, gain = sharpest(sinograms, views.theta, float(views.to_binned(start)))
    return Candidate(float(views.to_columns(centre)), min(1.0, gain), "sharpness")


def _is_doubtful(views: Views, matches: list[Match], off: float | None, tolerance: float) -> bool:
    """Tell whether the matches alone are not to be trusted.

    Parameters
    ----------
    views : Views
        Prepared views.
    matches : list of Match
        Two by detail, then the whole.
    off : float or None
        Distance of the sharpest reconstruction from the matches, in columns; None where none is sharpest.
    tolerance : float
        Distance that counts as agreement, in columns.

    Returns
    -------
    bool
        True if no centre stands out, sharpness contradicts, or nothing independent confirms a half turn.
    """
    if matches[0].lead < DISTINCT or (off is not None and off > tolerance):
        return True
    if not views.half_turn:
        return off is None or off > tolerance / 2
    confirmed = views.full_turn or off is not None or matches[2].counts
    return not confirmed and min(match.lead for match in matches[:2]) < CLEAR

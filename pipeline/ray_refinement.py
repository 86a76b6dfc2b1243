"""What the rays of a pair of scans tell beyond their volumes: the last hundredths of a pixel."""

import logging
from dataclasses import replace

import numpy as np

from ..reconstruction.same_rays import Offsets, find_offsets, find_shift
from .ray_pairs import RayPair

FINE_ROWS = 32
FINE_ROUNDS = 2
FINE_STD_PX = 0.02
"""Offsets of rays that are less well known than this are left out."""

FINE_MOST_PX = 0.6
"""Offsets above this are no leftover of the registration, but a fault."""

SURE = 2.0
"""Standard deviations by which rays must differ from the volumes to be believed on height and turn."""

log = logging.getLogger(__name__)


def refined(pair: RayPair) -> RayPair:
    """Bring the rays of both scans closer together than the volumes could be.

    Axes that were found a few hundredths of a pixel off shift the projections of half a turn in a way that no rigid
    move of a volume undoes, and at the electrolyte's edge such a shift is gas that is not there. Height and turn of the
    volumes are known to 0.02 voxel and 0.05 degrees in noise, which the pores feel: they are found better from the
    slopes of the rays along rows and views.

    Parameters
    ----------
    pair : RayPair
        In register as far as the volumes are.

    Returns
    -------
    RayPair
        With what was found added; the same where the rays have no edges to tell it from, or too much is left.
    """
    rows = np.flatnonzero(pair.is_electrolyte(np.arange(pair.layout.shape[0])))
    if rows.size == 0:
        return pair
    height = min(FINE_ROWS, pair.rows_at_once, rows.size)
    first = int(rows[rows.size // 2]) - height // 2
    beside = _beside(pair, first, height)
    return beside if beside is pair else _levelled(beside, first, height)


def _beside(pair: RayPair, first: int, height: int) -> RayPair:
    """Find how far the columns of both scans lie beside each other."""
    fine = pair
    for _ in range(FINE_ROUNDS):
        argon, xenon = fine.sinograms(first, first + height)
        more = find_offsets(xenon, argon, pair.xenon.theta)
        now = fine.fine
        total = Offsets(now.constant_px + more.constant_px, now.x_px + more.x_px, now.y_px + more.y_px, more.std_px)
        if more.std_px > FINE_STD_PX:
            return pair
        fine = replace(fine, fine=total)
    if np.abs(fine.fine.at(pair.xenon.theta)).max() > FINE_MOST_PX:
        log.warning(
            "the rays of both scans lie up to %.2f px apart after registration; look at both centres",
            float(np.abs(fine.fine.at(pair.xenon.theta)).max()),
        )
        return pair
    return fine


def _levelled(pair: RayPair, first: int, height: int) -> RayPair:
    """Mend height and turn of the move where rays tell them well enough."""
    theta = pair.xenon.theta
    step = float(theta[-1] - theta[0]) / max(len(theta) - 1, 1)
    is_even = bool(np.abs(np.diff(theta) - step).max(initial=0.0) < 1e-3 * abs(step))  # else no view can be turned
    levelled = pair
    for _ in range(FINE_ROUNDS):
        argon, xenon = levelled.sinograms(first, first + height)
        (by_px, std_px), (by_views, std_views) = (find_shift(xenon, argon, axis) for axis in (0, 1))
        (z, y, x), (turn, tilt_y, tilt_x) = levelled.move.shift_px, levelled.move.rotation_rad
        if SURE * std_px < abs(by_px) < FINE_MOST_PX:
            z += by_px
        rim_px = abs(step) * pair.bore.radius_px
        if is_even and SURE * rim_px * std_views < rim_px * abs(by_views) < FINE_MOST_PX:
            turn += by_views * step
        move = replace(levelled.move, shift_px=(z, y, x), rotation_rad=(turn, tilt_y, tilt_x))
        levelled = replace(levelled, move=move)
    return levelled

"""What the rays of a pair of scans tell beyond their volumes: the last hundredths of a pixel."""

import logging
from dataclasses import replace

import numpy as np

from ..reconstruction.same_rays import Offsets, find_offsets
from .ray_pairs import RayPair

FINE_ROWS = 16
FINE_ROUNDS = 2
FINE_STD_PX = 0.02
"""Offsets of rays that are less well known than this are left out."""

FINE_MOST_PX = 0.6
"""Offsets above this are no leftover of the registration, but a fault."""

log = logging.getLogger(__name__)


def refined(pair: RayPair) -> RayPair:
    """Bring the rays of both scans closer together than the volumes could be.

    Axes that were found a few hundredths of a pixel off shift the projections of half a turn in a way that no rigid
    move of a volume undoes, and at the electrolyte's edge such a shift is gas that is not there.

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

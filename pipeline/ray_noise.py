"""What a pair of scans tells of its own faults before it is decomposed: noise that all views share, and blur."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..reconstruction.fourier import fourier_fbp
from .pair_shares import decomposed
from .ray_pairs import Floats, RayPair
from .ray_sides import Side
from .steps import Rings

MOST_ROWS = 64
SECOND = 6.0
"""Variance of a second difference of white noise, over that of the noise."""

MEDIAN_OF_NORMAL = 0.6745
"""Median of the absolute value of normal noise, over its standard deviation."""

WALL_MARGIN_PX = 2.0
LEAST_COLUMNS = 6
"""Columns of the wall from which noise is read; else those of the cell."""

EDGE_REACH_PX = 6.0
EDGE_BIN_PX = 0.25
ONE_STD = 0.1587
"""Share of normal noise below minus one standard deviation."""

LEAST_BLUR_PX = 12.0**-0.5
"""Standard deviation of a pixel's own width: an image is no sharper."""

MOST_BLUR_PX = 2.0
"""An edge wider than this is no blur but a rough pellet, or a gap."""


def with_faults(pair: RayPair) -> RayPair:
    """Measure on some rows of electrolyte the noise that all views share and the blur of the rays.

    Parameters
    ----------
    pair : RayPair
        In register.

    Returns
    -------
    RayPair
        With `steady` and `blur_px`; the same where no row lies in the electrolyte.
    """
    rows = np.flatnonzero(pair.is_electrolyte(np.arange(pair.layout.shape[0])))
    if rows.size < 3:
        return pair
    height = min(MOST_ROWS, max(pair.rows_at_once, 3), rows.size)
    first = int(rows[rows.size // 2]) - height // 2
    row_px = round(pair.move.shift_px[0])
    low = int(np.clip(first + row_px, 0, max(pair.argon.integrals.shape[1] - height, 0)))
    steady = _left(pair, pair.argon, low, height), _left(pair, pair.xenon, first, height)
    return replace(pair, steady=steady, blur_px=_edge_blur(pair, first, height))


def _left(pair: RayPair, side: Side, first: int, height: int) -> float:
    """Steady noise of a scan, told in the wall, where nothing changes along the rows, and what stripe filters leave."""
    bare = replace(side, steps=tuple(step for step in side.steps if not isinstance(step, Rings)))
    raw, mended = (one.rows(first, first + height) for one in (bare, side))
    off = np.abs(np.arange(raw.shape[2]) - side.centre_px)
    cell = off < pair.bore.radius_px
    wall = off > pair.bore.radius_px + WALL_MARGIN_PX
    if pair.outer_um is not None:
        wall &= off < pair.outer_um / pair.layout.voxel_um - WALL_MARGIN_PX
    whole, left = (steady_std(rays[:, :, cell]) for rays in (raw, mended))
    if pair.outer_um is None or wall.sum() < LEAST_COLUMNS:
        return left
    return steady_std(raw[:, :, wall]) * (min(left / whole, 1.0) if whole > 0 else 1.0)


def steady_std(rays: Floats) -> float:
    """Measure the noise that all views share: that of the flats, and of gains that drifted after them.

    Half-scans of alternate views do not see it. The mean of all views changes from row to row by it and by what is left
    of the views' own noise, which their alternating sum tells; rows are independent, and the cell is alike in them.
    Flats are taken in the open beam, so that the noise is one of line integrals for all columns.

    Parameters
    ----------
    rays : (n_rows, n_theta, n_cols) array of float32
        Line integrals before rays are moved, dimensionless; at least 3 rows.

    Returns
    -------
    float
        Standard deviation of the line integrals, dimensionless.
    """
    even = rays[:, : 2 * (rays.shape[1] // 2)]
    signs = np.where(np.arange(even.shape[1]) % 2, -1, 1).astype(np.float32)[:, None]
    total, own = (_variance_along_rows(part.mean(axis=1, dtype=np.float64)) for part in (even, signs * even))
    return math.sqrt(max(total - own, 0.0))


def _variance_along_rows(image: NDArray[np.float64]) -> float:
    """Variance of white noise in an image that changes slowly along its rows, a few odd pixels left aside."""
    bent = np.abs(image[2:] - 2 * image[1:-1] + image[:-2])
    return (float(np.median(bent)) / MEDIAN_OF_NORMAL) ** 2 / SECOND if bent.size else 0.0


def _edge_blur(pair: RayPair, first: int, height: int) -> float:
    """Standard deviation of the blur from the pellet's edge in electrolyte's share, in pixels."""
    if pair.is_cut:
        return LEAST_BLUR_PX
    argon, xenon = pair.sinograms(first, first + height)
    solid, _, _ = decomposed(argon, xenon, pair.model, wall_cm=pair.wall_cm, threads=pair.threads)
    share = fourier_fbp(
        np.ascontiguousarray(solid),
        pair.xenon.theta,
        centre_px=pair.xenon.centre_px,
        voxel_um=pair.layout.voxel_um,
        threads=pair.threads,
    ).mean(axis=0)
    return edge_blur(share, pair.bore.distance(*share.shape), pair.bore.radius_px)


def edge_blur(share: Floats, distance_px: NDArray[np.floating], radius_px: float) -> float:
    """Measure how wide an edge on a circle is.

    Parameters
    ----------
    share : (n_y, n_x) array
        1 inside the circle and 0 outside it, blurred; dimensionless.
    distance_px : (n_y, n_x) array
        Distance of each voxel from the circle's middle.
    radius_px : float
        Radius of the circle.

    Returns
    -------
    float
        Half the distance between the radii where the share has fallen by 16 % and by 84 %, in pixels: the standard
        deviation of a Gaussian blur, the pixel's width included. That width alone where there is no such edge.
    """
    edges = np.arange(max(radius_px - EDGE_REACH_PX, 0.0), radius_px + EDGE_REACH_PX, EDGE_BIN_PX)
    place = np.digitize(distance_px.ravel(), edges)
    counts = np.bincount(place, minlength=len(edges) + 1)[1:-1]
    totals = np.bincount(place, weights=share.ravel(), minlength=len(edges) + 1)[1:-1]
    seen = counts > 0
    radii, profile = 0.5 * (edges[1:] + edges[:-1])[seen], totals[seen] / counts[seen]
    if len(profile) < 3:
        return LEAST_BLUR_PX
    level = float(np.median(profile[: len(profile) // 4]))
    falling = np.minimum.accumulate(profile)
    if not level > 0.5 or not falling[-1] < ONE_STD * level:
        return LEAST_BLUR_PX
    inner, outer = np.interp([-(1 - ONE_STD) * level, -ONE_STD * level], -falling, radii)
    width_px = 0.5 * float(outer - inner)
    return width_px if LEAST_BLUR_PX <= width_px <= MOST_BLUR_PX else LEAST_BLUR_PX

"""Lithium finer than a voxel: what electrolyte and gas leave over, row by row, against undisturbed electrolyte.

Sums of the unconstrained shares are taken over whole rows of the electrolyte and rings about its axis, so that noise
and partial voxels cancel; lithium that was labelled is taken off. Reference is the electrolyte farthest from the
anode at the same radius, or the same rows of the scan before charging.
"""

from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, to_host
from ..materials import Phase
from .excess import CURRIE
from .inventory import Amount

RINGS = 6
REFERENCE_SHARE = 0.25
LEAST_ROWS = 6
SKIN_ROWS = 2
"""Rows beyond the roughness of the interface that are still blurred with what lies before it."""

MODEL_STD = 0.004
"""Standard deviation of a share that every row has in common: beam, materials and scatter are not known exactly."""

CLIPPED = 4.0
"""Differences of neighbouring rows beyond so many of their standard deviations are not noise."""

MEDIAN_OF_NORMAL = 0.6745
"""Median of the absolute value of normal noise, over its standard deviation."""

FIRST_ROWS = 4
GUESSED = 0.5
"""Relative standard deviation of what is taken for the rows that the interface hides."""


@dataclass(frozen=True, eq=False)
class RowShares:
    """Mean shares of each row and ring of the electrolyte, in order away from the anode.

    Parameters
    ----------
    electrolyte, gas : (n_rows, n_rings) array of float64
        Mean unconstrained shares, dimensionless; NaN where nothing is transmitted.
    lithium : (n_rows, n_rings) array of float64
        Share of voxels labelled lithium.
    weights : (n_rings,) array of float64
        Share of each ring in the area; they add up to 1.
    first : int
        Index of the first row, counted from the anode.
    row_um : float
        Height of a row, in µm.
    """

    electrolyte: NDArray[np.float64]
    gas: NDArray[np.float64]
    lithium: NDArray[np.float64]
    weights: NDArray[np.float64]
    first: int
    row_um: float


@dataclass(frozen=True, eq=False)
class MixedZone:
    """Lithium in the electrolyte beyond what was labelled.

    Parameters
    ----------
    amount : Amount
        Over the area, in µm, with its standard deviation. Negative within its noise where there is none.
    detection_limit_um : float
        Least amount that is told from none, in µm.
    reference : {"before", "same radius"}
        What it was taken relative to.
    by_row : (n_rows,) array of float64
        Lithium's share of each row beyond what was labelled, dimensionless.
    first : int
        Index of the first row, counted from the anode.
    reaches_um : float
        How far from the interface a row holds more than its noise, in µm.
    """

    amount: Amount
    detection_limit_um: float
    reference: str
    by_row: NDArray[np.float64]
    first: int
    reaches_um: float


def row_shares(
    electrolyte: Array,
    gas: Array,
    labels: Array,
    *,
    radius_px: NDArray[np.floating],
    reach_px: float,
    rows: range,
    row_um: float,
) -> RowShares:
    """Average shares over rows and rings.

    Parameters
    ----------
    electrolyte, gas : (n_z, n_y, n_x) array
        Unconstrained shares, dimensionless; sliced row by row.
    labels : (n_z, n_y, n_x) array of uint8
        Values of `Phase`.
    radius_px : (n_y, n_x) array
        Distance of each column from the axis, in voxels.
    reach_px : float
        Columns farther out are left out: the wall blurs into them.
    rows : range
        Rows of the volume in order away from the anode.
    row_um : float
        Height of a row, in µm.

    Returns
    -------
    RowShares
        Means.
    """
    ring = rings_of_one_area(radius_px, reach_px)
    counts = np.bincount(ring.ravel(), minlength=RINGS + 1)[:RINGS].astype(np.float64)
    found = np.full((3, len(rows), RINGS), np.nan)
    for place, z in enumerate(rows):
        planes = [np.asarray(to_host(v[z : z + 1])[0]) for v in (electrolyte, gas, labels)]
        parts = (planes[0], planes[1], planes[2] == Phase.LITHIUM)
        for k, part in enumerate(parts):
            found[k, place] = ring_means(part, ring)
    return RowShares(found[0], found[1], found[2], counts / counts.sum(), 0, row_um)


def rings_of_one_area(radius_px: NDArray[np.floating], reach_px: float) -> NDArray[np.int64]:
    """Cut a disc into rings of one area.

    Parameters
    ----------
    radius_px : (n_y, n_x) array
        Distance of each column from the axis, in voxels.
    reach_px : float
        Radius of the disc, in voxels.

    Returns
    -------
    (n_y, n_x) array of int64
        Ring of each column, from 0 in the middle; `RINGS` beyond the disc.
    """
    return np.minimum((RINGS * (radius_px / reach_px) ** 2).astype(np.int64), RINGS)


def ring_means(plane: NDArray[np.generic], ring: NDArray[np.int64]) -> NDArray[np.float64]:
    """Average a slice over rings.

    Parameters
    ----------
    plane : (n_y, n_x) array
        Any quantity.
    ring : (n_y, n_x) array of int64
        From `rings_of_one_area`.

    Returns
    -------
    (RINGS,) array of float64
        Means; NaN where a voxel of the ring is NaN.
    """
    counts = np.bincount(ring.ravel(), minlength=RINGS + 1)[:RINGS]
    total = np.bincount(ring.ravel(), weights=plane.astype(np.float64).ravel(), minlength=RINGS + 1)
    found: NDArray[np.float64] = total[:RINGS] / np.maximum(counts, 1.0)
    return found


def mixed_zone(shares: RowShares, *, begins: float, hidden_rows: float, before: RowShares | None = None) -> MixedZone:
    """Add up the lithium that electrolyte and gas leave over.

    Parameters
    ----------
    shares : RowShares
        Rows from the interface to the end of the electrolyte in view.
    begins : float
        Row, counted from the anode, at which the electrolyte begins.
    hidden_rows : float
        Rows over which the interface is rough: they are taken to hold what the next rows hold.
    before : RowShares, optional
        The same rows of the registered scan before charging.

    Returns
    -------
    MixedZone
        Amount with its standard deviation and detection limit.

    Raises
    ------
    ValueError
        If too few rows of the electrolyte are in view.
    """
    index = shares.first + np.arange(len(shares.electrolyte))
    clear = np.isfinite(shares.electrolyte).all(axis=1) & (index > begins + hidden_rows + SKIN_ROWS)
    if before is not None:
        clear &= np.isfinite(before.electrolyte).all(axis=1)
    rows = np.flatnonzero(clear)
    n_reference = max(round(REFERENCE_SHARE * rows.size), LEAST_ROWS)
    if rows.size < n_reference + LEAST_ROWS:
        raise ValueError(
            f"{rows.size} rows of the electrolyte lie clear of its surfaces; {n_reference + LEAST_ROWS} are needed to "
            "tell lithium in it from undisturbed electrolyte: extend the rows of the scan"
        )
    reference, zone = rows[-n_reference:], rows[: rows.size - n_reference]
    by_row = _by_row(shares, before, reference)
    noise = _row_noise(by_row, rows)
    base_std = noise / sqrt(reference.size)
    slope = _step(by_row[reference])
    if before is None and slope > 2 * noise * sqrt(4 / reference.size):
        # lithium may reach into the reference: the rows farthest off hold least of it
        reference = reference[-max(n_reference // 3, LEAST_ROWS) :]
        by_row, base_std = _by_row(shares, before, reference), hypot(noise / sqrt(reference.size), slope)
    reached = CURRIE * hypot(base_std, MODEL_STD)
    if before is not None and float(by_row[reference].mean()) > reached:  # before charging they held none, and count
        zone = rows
    hidden = max(float(zone[0] + shares.first) - 0.5 - begins, 0.0)
    weights = np.ones(zone.size)
    weights[:FIRST_ROWS] += hidden / weights[:FIRST_ROWS].size  # the hidden rows hold what the first ones hold
    first_mean = float(by_row[zone[:FIRST_ROWS]].mean())
    um = shares.row_um * float(weights @ by_row[zone])
    stds = (
        noise * float(np.linalg.norm(weights)),
        hypot(base_std, MODEL_STD) * float(weights.sum()),
        hidden * GUESSED * first_mean,
    )
    std_um = shares.row_um * hypot(*stds)
    held = np.flatnonzero(by_row[zone] > CURRIE * hypot(noise, base_std, MODEL_STD))
    reaches = 0.0 if held.size == 0 else shares.row_um * (float(zone[held[-1]] + shares.first) + 0.5 - begins)
    known = "same radius" if before is None else "before"
    return MixedZone(Amount(um, std_um), CURRIE * std_um, known, by_row, shares.first, reaches)


def _by_row(shares: RowShares, before: RowShares | None, reference: NDArray[np.intp]) -> NDArray[np.float64]:
    """Lithium by row beyond what was labelled."""
    if before is None:
        lithium = _left_over(shares, reference)
    else:
        solid = before.electrolyte[reference].mean(axis=0)
        lithium = (before.electrolyte - shares.electrolyte) / solid - (shares.gas - before.gas) + before.lithium
    found: NDArray[np.float64] = (lithium - shares.lithium) @ shares.weights
    return found


def _row_noise(by_row: NDArray[np.float64], rows: NDArray[np.intp]) -> float:
    """Noise of a row, from differences of neighbours wherever the electrolyte is clear: few rows would tell it badly.

    Lithium changes from row to row too, where it ends: what stands out from the other differences is left out.
    """
    steps = np.diff(by_row[rows])
    least = CLIPPED * float(np.median(np.abs(steps))) / MEDIAN_OF_NORMAL
    return float(np.sqrt(np.mean(steps[np.abs(steps) <= least] ** 2) / 2))


def _step(rows: NDArray[np.float64]) -> float:
    """Difference of the means of the first rows and of the last ones."""
    half = rows.size // 2
    return abs(float(rows[:half].mean() - rows[half:].mean()))


def _left_over(shares: RowShares, reference: NDArray[np.intp]) -> NDArray[np.float64]:
    """Share of lithium by row and ring, zero on average in the reference rows of each ring."""
    solid, pore = shares.electrolyte[reference].mean(axis=0), shares.gas[reference].mean(axis=0)
    return 1.0 - shares.electrolyte / solid - (shares.gas - pore)

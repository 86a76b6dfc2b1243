"""Counts to line integrals: dark and flat correction, flats that drift, beam intensity, minus logarithm."""

import operator
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from ..arrays import Array, array_namespace, to_host
from .artefacts import repair_dead_pixels, repair_nonfinite

DARKEST = 1e-6  # transmission given to samples of a block in which nothing is above zero


@dataclass(frozen=True)
class CountReport:
    """How many samples had no logarithm, and were replaced. Reports of blocks add up.

    Parameters
    ----------
    n_nonfinite : int
        Samples that were NaN or Inf.
    n_nonpositive : int
        Samples at or below zero: no photon was counted above the dark.
    n_pixels : int
        Samples seen.
    n_floored : int
        Samples above zero, yet below the floor: raised to it, so that the order of samples is kept.
    """

    n_nonfinite: int = 0
    n_nonpositive: int = 0
    n_pixels: int = 0
    n_floored: int = 0

    def __add__(self, other: "CountReport") -> "CountReport":
        return CountReport(*map(operator.add, astuple(self), astuple(other)))

    @property
    def n_repaired(self) -> int:
        """Number of samples that were replaced, for whatever cause."""
        return self.n_nonfinite + self.n_nonpositive + self.n_floored


def dead_pixels(flat: Array, dark: Array) -> Array:
    """Mark the pixels that see no beam, and refuse flats in which most do not.

    Parameters
    ----------
    flat : (n_rows, n_cols) or (n_theta, n_rows, n_cols) array
        Mean detector counts with the sample out, one for all projections or one for each.
    dark : (n_rows, n_cols) array
        Mean detector counts with the shutter closed.

    Returns
    -------
    (n_rows, n_cols) array of bool
        True where flat - dark is zero, negative or not finite (in any of the flats).

    Raises
    ------
    ValueError
        If half of the pixels or more see no beam.
    """
    xp = array_namespace(flat, dark)
    beam = flat.astype(xp.float32) - dark.astype(xp.float32)
    dead = ~(xp.isfinite(beam) & (beam > 0))
    if beam.ndim == 3:
        dead = xp.any(dead, axis=0)
    count = int(dead.sum())
    if 2 * count >= dead.size:
        raise ValueError(
            f"zero flats: flat is not brighter than dark in {count} of {dead.size} pixels "
            f"(median flat {float(xp.median(flat)):g}, median dark {float(xp.median(dark)):g} counts); "
            "more than half must be brighter: check that flats were taken with the beam on, "
            "and that flats and darks are not exchanged"
        )
    return dead


def transmission(projections: Array, flat: Array, dark: Array, *, dead: Array | None = None) -> Array:
    """Divide the beam and the detector out of raw counts.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array
        Detector counts with the sample in.
    flat : (n_rows, n_cols) or (n_theta, n_rows, n_cols) array
        Mean detector counts with the sample out, one for all projections or one for each (`flat_at`).
    dark : (n_rows, n_cols) array
        Mean detector counts with the shutter closed.
    dead : (n_rows, n_cols) array of bool, optional
        Pixels to be filled from their neighbours, as `dead_pixels` or `bad_pixels` mark them. None looks for
        pixels without beam in `flat` and `dark`; give it where many blocks share one flat.

    Returns
    -------
    (n_theta, n_rows, n_cols) array of float32
        I / I0 of Beer-Lambert [1]_, dimensionless, on the device of `projections`.

    Raises
    ------
    ValueError
        If the detector sizes differ, or half of the pixels or more see no beam.

    References
    ----------
    .. [1] Kak & Slaney, Principles of Computerized Tomographic Imaging (1988), section 4.1.
    """
    xp = array_namespace(projections, flat, dark)
    if not flat.shape[-2:] == dark.shape == projections.shape[1:]:
        raise ValueError(
            f"flat is {flat.shape[-2:]}, dark {dark.shape} and projections {projections.shape[1:]} pixels; "
            "crop all three to the same region of interest"
        )
    if flat.ndim == 3 and flat.shape[0] != projections.shape[0]:
        raise ValueError(
            f"there are {flat.shape[0]} flats and {projections.shape[0]} projections; "
            "give their mean, or one flat for each projection from flat_at"
        )
    if dead is None:
        dead = dead_pixels(flat, dark)
    dark = dark.astype(xp.float32)
    beam = flat.astype(xp.float32) - dark
    result = (projections.astype(xp.float32) - dark) / xp.where(dead, 1, beam)
    return repair_dead_pixels(result, dead) if bool(dead.any()) else result


def mean_flats(flats: Array, flat_positions: Array) -> tuple[Array, Array]:
    """Average the flats that were taken at the same time.

    Parameters
    ----------
    flats : (n_flats, n_rows, n_cols) array
        Detector counts with the sample out.
    flat_positions : (n_flats,) array of int
        Index of the projection that follows each flat, as in `Scan.flat_positions`.

    Returns
    -------
    (n_times, n_rows, n_cols) array of float32
        Mean flat of each time, in order of time.
    (n_times,) NumPy array of int
        Positions of these times.

    Raises
    ------
    ValueError
        If there is not one position for each flat.
    """
    xp = array_namespace(flats)
    positions = np.asarray(to_host(flat_positions))
    if flats.shape[0] == 0 or positions.shape != flats.shape[:1]:
        raise ValueError(
            f"there are {flats.shape[0]} flats and {positions.size} flat positions; give one for each flat"
        )
    times = np.unique(positions)
    means = [xp.mean(flats[xp.asarray(np.flatnonzero(positions == t))], axis=0, dtype=xp.float32) for t in times]
    return xp.stack(means), times


def flat_at(flats: Array, flat_positions: Array, index: Array) -> Array:
    """Interpolate the flats linearly in time to the time of each projection.

    The detector takes one frame after the other, so a flat at position p lies at time p - 1/2. Before the
    first and after the last flat the nearest one holds.

    Parameters
    ----------
    flats : (n_flats, n_rows, n_cols) array
        Flats, or their means from `mean_flats` (where many blocks share them, call that once).
    flat_positions : (n_flats,) array of int
        Index of the projection that follows each flat.
    index : (n,) array of int
        Projections for which flats are wanted.

    Returns
    -------
    (n, n_rows, n_cols) array of float32
        One flat for each projection, in counts, on the device of `flats`.

    Raises
    ------
    ValueError
        If there is not one position for each flat.
    """
    xp = array_namespace(flats)
    means, times = mean_flats(flats, flat_positions)
    place = np.interp(np.asarray(to_host(index), dtype=float), times - 0.5, np.arange(len(times)))
    before = np.minimum(place.astype(int), max(len(times) - 2, 0))
    after = np.minimum(before + 1, len(times) - 1)
    weight = xp.asarray((place - before).astype(np.float32))[:, None, None]
    return (1 - weight) * means[xp.asarray(before)] + weight * means[xp.asarray(after)]


def normalise_air(transmission: Array, columns: Sequence[tuple[int, int]]) -> Array:
    """Scale each row of each projection so that the mean transmission of air is 1.

    This takes out a beam that flickers or decays between flats. With several ranges of air the scale runs
    linearly from one to the next across the object.

    Parameters
    ----------
    transmission : (n_theta, n_rows, n_cols) array
        I / I0, dimensionless.
    columns : sequence of (start, stop)
        Ranges of columns in which every projection sees air only, from left to right.

    Returns
    -------
    (n_theta, n_rows, n_cols) array of float32
        Scaled I / I0. Its line integrals carry the noise of the mean, that of a pixel over the root of the
        number of columns, the same for all pixels of a row between two ranges.

    Raises
    ------
    ValueError
        If a range is empty or outside the detector, or no beam is seen in it.
    """
    xp = array_namespace(transmission)
    n_columns = transmission.shape[2]
    for start, stop in columns:
        if not 0 <= start < stop <= n_columns:
            raise ValueError(
                f"air columns {start} to {stop} do not lie in the detector's 0 to {n_columns}; "
                "give start < stop within it"
            )
    if not columns:
        raise ValueError("no range of air columns was given; give at least one (start, stop)")
    levels = xp.stack([xp.mean(transmission[:, :, a:b], axis=2, dtype=xp.float32) for a, b in columns])
    if not bool(xp.all(levels > 0)):
        raise ValueError(
            f"mean transmission in the air columns {list(columns)} falls to {float(levels.min()):g}; "
            "it must be above 0: choose columns that the sample never covers"
        )
    middles = np.array([(a + b - 1) / 2 for a, b in columns])
    place = np.interp(np.arange(n_columns), middles, np.arange(len(columns)))
    scale = xp.zeros(transmission.shape, dtype=xp.float32)
    for k, level in enumerate(levels):
        share = xp.asarray(np.clip(1 - np.abs(place - k), 0, None).astype(np.float32))
        scale += share * level[:, :, None]
    return transmission / scale


def transmission_floor(flat: Array, dark: Array) -> Array:
    """Return the transmission of half a count, below which a detector tells nothing.

    Parameters
    ----------
    flat : (n_rows, n_cols) array
        Mean detector counts with the sample out.
    dark : (n_rows, n_cols) array
        Mean detector counts with the shutter closed.

    Returns
    -------
    (n_rows, n_cols) array of float32
        Half a count over the beam, dimensionless; over the median beam where a pixel is dead.
    """
    xp = array_namespace(flat, dark)
    beam = flat.astype(xp.float32) - dark.astype(xp.float32)
    live = xp.isfinite(beam) & (beam > 0)
    typical = xp.median(beam[live])
    return (0.5 / xp.where(live, beam, typical)).astype(xp.float32)


def line_integrals(
    transmission: Array, *, floor: float | Array | None = None, nonfinite: str = "refuse"
) -> tuple[Array, CountReport]:
    """Take minus the logarithm of transmission, with every sample finite and every repair counted.

    Samples at or below zero (starved rays) become `floor`, and so do positive ones below it. Near the floor
    the result is biased low: it says "at least this much".

    Parameters
    ----------
    transmission : (n_theta, n_rows, n_cols) array
        I / I0, dimensionless.
    floor : float or (n_rows, n_cols) array, optional
        Smallest transmission that means anything, dimensionless, best from `transmission_floor`. None takes
        it from the samples given: half of the smallest positive one, or half of the noise that the negative
        ones show if that is more. Blocks of one scan should share one floor.
    nonfinite : {"refuse", "repair"}
        What to do with NaN and Inf: stop, or replace each by the median of its neighbours.

    Returns
    -------
    (n_theta, n_rows, n_cols) array of float32
        Line integrals of µ, -ln(I / I0), dimensionless.
    CountReport
        How many samples were replaced and why.

    Raises
    ------
    ValueError
        If samples are NaN or Inf and `nonfinite` is "refuse", or all are, or `nonfinite` is another word.
    """
    xp = array_namespace(transmission)
    if nonfinite not in ("refuse", "repair"):
        raise ValueError(f'nonfinite is "{nonfinite}"; give "refuse" or "repair"')
    n_nonfinite = int(xp.sum(~xp.isfinite(transmission)))
    if n_nonfinite and nonfinite == "refuse":
        raise ValueError(
            f"{n_nonfinite} of {transmission.size} samples of the transmission are NaN or Inf; "
            "all must be finite: check projections, flats and darks, "
            'or set nonfinite="repair" to fill them from their neighbours'
        )
    samples = repair_nonfinite(transmission)[0] if n_nonfinite else transmission
    dark_rays = samples <= 0
    n_nonpositive = int(xp.sum(dark_rays))
    if floor is None:
        floor = _floor_of(xp, samples, dark_rays) if n_nonpositive else 0.0
    n_floored = int(xp.sum(samples < floor)) - int(xp.sum(dark_rays & (samples < floor)))
    integrals = -xp.log(xp.maximum(samples, xp.asarray(floor, dtype=samples.dtype)))
    report = CountReport(n_nonfinite, n_nonpositive, int(transmission.size), n_floored)
    return integrals.astype(xp.float32), report


def _floor_of(xp: Any, samples: Array, dark_rays: Array) -> float:
    """Return half of the smallest positive sample, or half of the noise about zero if that is more."""
    noise = float(xp.sqrt(xp.mean(samples[dark_rays].astype(xp.float64) ** 2)))
    positive = samples[~dark_rays]
    smallest = float(positive.min()) if positive.size else DARKEST
    return max(smallest / 2, noise / 2)

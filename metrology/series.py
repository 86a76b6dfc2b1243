"""Many scans of one cell: change maps, growth, local current density, lithium against charge, onsets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, array_namespace
from ..materials.lithium import areal_capacity_mah_per_cm2
from .inventory import Amount

SECONDS_PER_HOUR = 3600.0
BINS = 240
BASELINE_BINS = 20
PERSISTENT_BINS = 3
ONSET_STDS = 8.0
MAD_TO_STD = 1.4826

INLI_V = 0.622
"""Potential of the indium-lithium two-phase electrode against lithium, in V."""


@dataclass(frozen=True)
class Trend:
    """Straight line through lithium found against lithium expected, scan by scan.

    Parameters
    ----------
    slope : float
        Share of the charge that is found as lithium, dimensionless: 1 if all of it is.
    slope_std : float
        Its standard deviation.
    offset_um : float
        Lithium found at charge 0, in µm: what the first scans did not see, or took for lithium.
    offset_um_std : float
        Its standard deviation, in µm.
    chi2_per_dof : float or None
        Mean squared deviation from the line in standard deviations; None for two scans.
    """

    slope: float
    slope_std: float
    offset_um: float
    offset_um_std: float
    chi2_per_dof: float | None


@dataclass(frozen=True)
class Onset:
    """Where a voltage trace leaves the course it had.

    Parameters
    ----------
    time_s : float
        When, in s.
    kind : {"rise", "drop", "noise"}
        Steeper upwards, steeper downwards (a short), or restless.
    rate_before_v_per_h : float
        Median rate of the voltage before, in V h^-1.
    rate_after_v_per_h : float
        Rate at the onset, in V h^-1.
    """

    time_s: float
    kind: Literal["rise", "drop", "noise"]
    rate_before_v_per_h: float
    rate_after_v_per_h: float


def change_map(before_um: Array, after_um: Array) -> Array:
    """Return how much thicker each column became.

    Parameters
    ----------
    before_um, after_um : (n_y, n_x) array
        Thickness maps of two registered scans, in µm, NaN where not measured.

    Returns
    -------
    (n_y, n_x) array
        Difference in µm, negative where lithium was stripped; NaN where either was not measured.

    Raises
    ------
    ValueError
        If the maps differ in shape.
    """
    array_namespace(before_um, after_um)
    if tuple(before_um.shape) != tuple(after_um.shape):
        raise ValueError(
            f"maps are {tuple(before_um.shape)} and {tuple(after_um.shape)} columns; register both scans on one grid"
        )
    return after_um - before_um


def growth_rate_um_per_h(before_um: Array, after_um: Array, duration_s: float) -> Array:
    """Return how fast each column grew between two scans.

    Parameters
    ----------
    before_um, after_um : (n_y, n_x) array
        Thickness maps of two registered scans, in µm.
    duration_s : float
        Time for which current flowed between them, in s.

    Returns
    -------
    (n_y, n_x) array
        Growth in µm h^-1.

    Raises
    ------
    ValueError
        If the maps differ in shape, or the duration is not positive.
    """
    if not duration_s > 0:
        raise ValueError(f"the duration is {duration_s} s; give the time that current flowed, above 0")
    return change_map(before_um, after_um) * (SECONDS_PER_HOUR / duration_s)


def local_current_density_ma_per_cm2(before_um: Array, after_um: Array, duration_s: float) -> Array:
    """Return the current density that each column must have had, `dh rho F / (M dt)`.

    Parameters
    ----------
    before_um, after_um : (n_y, n_x) array
        Thickness maps of two registered scans, in µm.
    duration_s : float
        Time for which current flowed between them, in s.

    Returns
    -------
    (n_y, n_x) array
        Current density in mA cm^-2, positive where lithium was plated.

    Raises
    ------
    ValueError
        If the maps differ in shape, or the duration is not positive.
    """
    return growth_rate_um_per_h(before_um, after_um, duration_s) * areal_capacity_mah_per_cm2(1.0)


def lithium_trend(found: Sequence[Amount], expected_um: Sequence[float]) -> Trend:
    """Fit a line through lithium found against lithium expected, weighted by its uncertainty.

    Parameters
    ----------
    found : sequence of Amount
        Lithium of each scan, each with a standard deviation.
    expected_um : sequence of float
        Thickness that the charge passed before each scan predicts, in µm.

    Returns
    -------
    Trend
        Slope and offset.

    Raises
    ------
    ValueError
        If there are fewer than two scans, lengths differ, a standard deviation is missing, or all scans were
        taken at one charge.
    """
    if len(found) != len(expected_um) or len(found) < 2:
        raise ValueError(f"{len(found)} amounts and {len(expected_um)} charges; give at least two of both")
    stds = np.array([amount.std_um or np.nan for amount in found])
    if not (stds > 0).all():
        raise ValueError("an amount has no standard deviation; a weighted line needs one for each scan")
    x, y = np.asarray(expected_um, dtype=np.float64), np.array([amount.um for amount in found])
    weight = 1 / stds**2
    mean = np.average(x, weights=weight)
    spread = float((weight * (x - mean) ** 2).sum())
    if spread == 0:
        raise ValueError(f"all scans were taken at {x[0]:g} µm expected; a line needs two charges")
    slope = float((weight * (x - mean) * y).sum() / spread)
    offset = float(np.average(y, weights=weight) - slope * mean)
    residual = float((weight * (y - offset - slope * x) ** 2).sum())
    return Trend(
        slope=slope,
        slope_std=spread**-0.5,
        offset_um=offset,
        offset_um_std=float((1 / weight.sum() + mean**2 / spread) ** 0.5),
        chi2_per_dof=residual / (x.size - 2) if x.size > 2 else None,
    )


def first_in_electrolyte(
    amounts: Sequence[Amount | None], limits_um: Sequence[float], depths_um: Sequence[float | None]
) -> tuple[int, float | None] | None:
    """Find the first scan with lithium in the electrolyte that no later scan takes back.

    Parameters
    ----------
    amounts : sequence of Amount or None
        Lithium in the electrolyte of each scan; None where not measured.
    limits_um : sequence of float
        Detection limit of each scan, in µm.
    depths_um : sequence of float or None
        Depth of the lithium in each scan, in µm.

    Returns
    -------
    (index, depth_um) or None
        Scan and depth; None if no scan shows any.
    """
    first = None
    for index, (amount, limit) in enumerate(zip(amounts, limits_um, strict=True)):
        if amount is None:
            continue
        if amount.um <= limit:
            first = None
        elif first is None:
            first = index
    return None if first is None else (first, depths_um[first])


def voltage_vs_lithium(voltage_v: ArrayLike, counter: Literal["Li", "InLi"]) -> NDArray[np.float64]:
    """Return a cell's voltage against a lithium electrode.

    Parameters
    ----------
    voltage_v : array
        Voltage of the studied electrode against the counter electrode, in V.
    counter : {"Li", "InLi"}
        Counter electrode; indium-lithium lies 0.622 V above lithium.

    Returns
    -------
    array of float64
        Voltage against Li/Li+, in V.

    Raises
    ------
    ValueError
        If the counter electrode is neither.
    """
    if counter not in ("Li", "InLi"):
        raise ValueError(f"the counter electrode is {counter!r}; known are 'Li' and 'InLi'")
    return np.asarray(voltage_v, dtype=np.float64) + (INLI_V if counter == "InLi" else 0.0)


def unstable_onset(time_s: ArrayLike, voltage_v: ArrayLike) -> Onset | None:
    """Find where a trace at constant current leaves its course: rises or drops steeply, or becomes restless.

    The trace is cut into 240 bins of time. Rate and restlessness of each bin are held against the median of
    all bins before it; the first of three bins in a row that lie 8 robust standard deviations off is the onset.

    Parameters
    ----------
    time_s : (n,) array
        Time in s, growing, current flowing all along.
    voltage_v : (n,) array
        Voltage in V.

    Returns
    -------
    Onset or None
        None if the trace keeps its course.

    Raises
    ------
    ValueError
        If lengths differ, or the trace has fewer than 60 samples.
    """
    time, voltage = (np.asarray(a, dtype=np.float64) for a in (time_s, voltage_v))
    if time.shape != voltage.shape or time.size < 60:
        raise ValueError(f"{time.size} times and {voltage.size} voltages; give at least 60 of both")
    edges = np.linspace(time[0], time[-1], min(BINS, time.size // 2) + 1)
    owner = np.clip(np.searchsorted(edges, time, side="right") - 1, 0, edges.size - 2)
    groups = [np.flatnonzero(owner == k) for k in range(edges.size - 1)]
    groups = [group for group in groups if group.size]
    middle = np.array([time[group].mean() for group in groups])
    level = np.array([np.median(voltage[group]) for group in groups])
    rate = np.gradient(level, middle) * SECONDS_PER_HOUR
    unrest = np.array([np.abs(np.diff(voltage[group])).mean() if group.size > 1 else 0.0 for group in groups])
    resolution = max(float(np.median(np.abs(np.diff(voltage)))), 1e-6)
    rate_floor = resolution / float(np.median(np.diff(middle))) * SECONDS_PER_HOUR
    kind: Literal["rise", "drop", "noise"] = "noise"
    at = _departure(unrest, resolution)
    if at is None:
        at = _departure(rate, rate_floor)
        if at is None:
            return None
        kind = "rise" if rate[at] > np.median(rate[:at]) else "drop"
    return Onset(float(middle[at]), kind, float(np.median(rate[:at])), float(rate[at]))


def _departure(values: NDArray[np.float64], floor: float) -> int | None:
    """First of some values in a row that lie far off the median of all before."""
    run = 0
    for k in range(BASELINE_BINS, values.size):
        past = values[: k - run]
        centre = np.median(past)
        std = max(MAD_TO_STD * float(np.median(np.abs(past - centre))), floor)
        run = run + 1 if abs(values[k] - centre) > ONSET_STDS * std else 0
        if run == PERSISTENT_BINS:
            return k - run + 1
    return None

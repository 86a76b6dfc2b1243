"""What a cycler did to a cell: time, current and voltage, and the charge they add up to."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SECONDS_PER_HOUR = 3600.0
DISAGREEMENT = 0.001
"""Relative difference of integral and counter above which it is reported."""


@dataclass(frozen=True)
class Finding:
    """Something about a cycler file that its reader should know.

    Parameters
    ----------
    kind : str
        Short name, for instance "time-backwards", "gap", "counter-disagrees".
    message : str
        What was found, with its numbers, and what was done about it.
    """

    kind: str
    message: str


@dataclass(frozen=True)
class CyclerRecord:
    """One cycler file, in one unit each; current positive where the instrument calls it charge.

    Parameters
    ----------
    time_s : (n,) array of float64
        Time since the start of the test, in s.
    current_ma : (n,) array of float64
        Current in mA, positive on charge.
    voltage_v : (n,) array of float64 or None
        Cell voltage in V; None where the file has none.
    step : (n,) array of int64
        Running number of the step, 1 first: it grows whenever a step begins, also in loops.
    step_index : (n,) array of int64
        Number of the step in the schedule, as in the file: repeats in loops. Equal to `step` if not given.
    cycle : (n,) array of int64
        Cycle as counted by the instrument; all 1 where the file has none.
    step_time_s : (n,) array of float64 or None
        Time since the step began, in s.
    wall_time_s : (n,) array of float64 or None
        Clock of the computer, in s since 1970; NaN where unreadable.
    counter_mah : (n,) array of float64 or None
        Net charge since the first sample by the instrument's own counter, in mAh, signed as the current.
    findings : tuple of Finding
        What is odd about the file.
    path : Path or None
        The file.
    format : str
        Its kind, for instance "Neware NDAX".
    """

    time_s: NDArray[np.float64]
    current_ma: NDArray[np.float64]
    voltage_v: NDArray[np.float64] | None
    step: NDArray[np.int64]
    step_index: NDArray[np.int64]
    cycle: NDArray[np.int64]
    step_time_s: NDArray[np.float64] | None = None
    wall_time_s: NDArray[np.float64] | None = None
    counter_mah: NDArray[np.float64] | None = None
    findings: tuple[Finding, ...] = ()
    path: Path | None = None
    format: str = "memory"


@dataclass(frozen=True)
class PlatedCharge:
    """Charge of a part of a record, positive where lithium is plated on the electrode that is studied.

    Parameters
    ----------
    charge_mah : float
        Plated less stripped, in mAh: by the instrument's counter where there is one, else by integration.
    charge_mah_std : float or None
        Half the difference between counter and integral, in mAh; None without a counter.
    plated_mah : float
        Charge that plated, in mAh, by the same source.
    stripped_mah : float
        Charge that stripped, in mAh, not negative, by the same source.
    integrated_mah : float
        Net charge from current and time, in mAh.
    counter_mah : float or None
        Net charge by the instrument's counter, in mAh.
    duration_s : float
        Time of the selected steps, in s.
    source : {"counter", "integral"}
        What `charge_mah` rests on.
    findings : tuple of Finding
        Those of the record, and a disagreement between counter and integral.
    """

    charge_mah: float
    charge_mah_std: float | None
    plated_mah: float
    stripped_mah: float
    integrated_mah: float
    counter_mah: float | None
    duration_s: float
    source: Literal["counter", "integral"]
    findings: tuple[Finding, ...]


def plated_charge_mah(
    record: CyclerRecord,
    *,
    steps: Collection[int] | None = None,
    cycles: Collection[int] | None = None,
    plating: Literal["charge", "discharge"] = "charge",
) -> PlatedCharge:
    """Add up the charge of chosen steps, from current and time and by the instrument's own counter.

    The integral follows the samples (trapezoids within a step); the counter follows the instrument, which
    samples faster than it stores. Where they differ by more than 0.1 % a finding says so.

    Parameters
    ----------
    record : CyclerRecord
        What `read_cycler` returned.
    steps : collection of int, optional
        Running numbers of the steps to add (`record.step`); None takes all.
    cycles : collection of int, optional
        Cycles to add (`record.cycle`); None takes all. With `steps`, both must hold.
    plating : {"charge", "discharge"}
        What the instrument calls the direction that plates: "charge" in a full or anode-free cell and in a
        Li|Li cell that starts with it, "discharge" where carbon or copper is cycled against lithium.

    Returns
    -------
    PlatedCharge
        Net, plated and stripped charge in mAh.

    Raises
    ------
    ValueError
        If the record has no such step or cycle, or `plating` is neither word.
    """
    if plating not in ("charge", "discharge"):
        raise ValueError(f"plating is {plating!r}; say 'charge' or 'discharge', as the instrument calls it")
    sign = 1.0 if plating == "charge" else -1.0
    chosen = _chosen(record.step, steps, "step") & _chosen(record.cycle, cycles, "cycle")
    if not chosen.any():
        raise ValueError(f"no sample lies in steps {steps} of cycles {cycles}; select steps of those cycles")
    intervals, parts_ma_s = interval_charges(record)
    integral = sign * parts_ma_s[chosen] / SECONDS_PER_HOUR
    integrated = float(integral.sum())
    counted, increments = None, integral
    if record.counter_mah is not None:
        increments = sign * np.diff(record.counter_mah, prepend=record.counter_mah[0])[chosen]
        counted = float(increments.sum())
    return PlatedCharge(
        charge_mah=integrated if counted is None else counted,
        charge_mah_std=None if counted is None else abs(counted - integrated) / 2,
        plated_mah=float(increments[increments > 0].sum()),
        stripped_mah=float(np.abs(increments[increments < 0]).sum()),
        integrated_mah=integrated,
        counter_mah=counted,
        duration_s=float(intervals[chosen].sum()),
        source="integral" if counted is None else "counter",
        findings=record.findings + _disagreement(integrated, counted),
    )


def interval_charges(record: CyclerRecord) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the length and the charge of the interval that ends at each sample.

    Within a step the current runs straight from sample to sample. The interval that leads into a step belongs
    to that step at its first current: as long as its step time says, or the time since the last sample where
    there is none, but at most the step's usual sampling interval. Time that runs backwards counts as none.

    Parameters
    ----------
    record : CyclerRecord
        Samples in the order of the file.

    Returns
    -------
    interval_s : (n,) array of float64
        Length in s, never negative.
    charge_ma_s : (n,) array of float64
        Charge in mA s, signed as the current.
    """
    time, current = record.time_s, record.current_ma
    interval = np.maximum(np.diff(time, prepend=time[:1]), 0.0)
    mean = (current + np.concatenate([current[:1], current[:-1]])) / 2
    starts = step_starts(record.step)
    lead = interval[starts]
    if record.step_time_s is not None:
        lead = np.minimum(lead, np.maximum(record.step_time_s[starts], 0.0))
    else:
        lead = np.minimum(lead, _usual_interval(interval, starts))
    interval[starts], mean[starts] = lead, current[starts]
    return interval, interval * mean


def step_starts(step: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return where steps begin.

    Parameters
    ----------
    step : (n,) array of int64
        Running number of the step of each sample.

    Returns
    -------
    (n_steps,) array of int
        Index of the first sample of each step, 0 first.
    """
    return np.flatnonzero(np.diff(step, prepend=step[:1] - 1))


def _usual_interval(interval: NDArray[np.float64], starts: NDArray[np.intp]) -> NDArray[np.float64]:
    """Median interval between the samples of each step; 0 for a step of one sample."""
    inner = [part[1:] for part in np.split(interval, starts[1:])]
    return np.array([np.median(part) if part.size else 0.0 for part in inner])


def _chosen(values: NDArray[np.int64], wanted: Collection[int] | None, name: str) -> NDArray[np.bool_]:
    if wanted is None:
        return np.ones(values.shape, dtype=bool)
    absent = sorted(set(wanted) - set(np.unique(values).tolist()))
    if absent:
        raise ValueError(
            f"the record has no {name} {absent[0]}; it has {values.min()} to {values.max()}: choose from those"
        )
    return np.isin(values, list(wanted))


def _disagreement(integrated: float, counted: float | None) -> tuple[Finding, ...]:
    if counted is None or counted == integrated:
        return ()
    ratio = integrated / counted if counted else float("inf")
    if abs(ratio - 1) <= DISAGREEMENT:
        return ()
    cause = "; the time axis may have half its true length" if abs(ratio - 0.5) < 0.05 else ""
    message = (
        f"current and time give {integrated:.6g} mAh and the instrument's counter {counted:.6g} mAh "
        f"({100 * (ratio - 1):+.2f} %){cause}; the counter was taken"
    )
    return (Finding("counter-disagrees", message),)

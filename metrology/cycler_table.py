"""From a cycler's table to its record: one unit each, one running counter, and what is odd about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cycler_columns import KIND, declared, numbers, scale_of, wall_seconds
from .cycler_record import SECONDS_PER_HOUR, CyclerRecord, Finding, interval_charges, step_starts

GAP_FACTOR = 20.0
GAP_S = 60.0
GAP_TOLERANCE = 0.02
CLOCK_GAP_S = 60.0
GAP_TOLERANCE = 0.02


@dataclass(frozen=True)
class Table:
    """A table as a file holds it.

    Parameters
    ----------
    header : sequence of str
        Column headers.
    cells : sequence of sequences
        One sequence of cells per header, all of one length.
    has_comma_decimals : bool
        Whether a comma separates decimals.
    """

    header: Sequence[str]
    cells: Sequence[Sequence[Any]]
    has_comma_decimals: bool = False


def record_of_table(
    table: Table, *, columns: Mapping[str, str] | None = None, units: Mapping[str, str] | None = None
) -> CyclerRecord:
    """Read a cycler's table into a record, and note what is odd about it.

    Parameters
    ----------
    table : Table
        Headers and cells.
    columns : mapping of str to str, optional
        Quantity to column header, for tables whose headers are not understood.
    units : mapping of str to str, optional
        Quantity to unit, for tables that do not state it.

    Returns
    -------
    CyclerRecord
        In s, mA, V and mAh, without path.

    Raises
    ------
    ValueError
        If time or current is not there, a unit is missing or unknown, or there are no rows.
    """
    index, unit = declared(table.header, columns, units)
    if "time" not in index and "step_time" in index:
        index["time"] = index["step_time"]
    if "time" not in index or not {"current", "increment"} & set(index):
        missing = "time" if "time" not in index else "current"
        names = ", ".join(text.strip() for text in table.header)
        raise ValueError(
            f"no column holds the {missing}; the table has {names}: name it, columns={{{missing!r}: ...}}, "
            "or open the file of a step in which current flowed"
        )
    if not table.cells or not len(table.cells[0]):
        raise ValueError("the table has headers but no rows; export the file again")
    unit.setdefault("time", unit.get("step_time", ""))
    values = {name: _column(table, name, index[name], unit) for name in index if name in KIND}
    counts: dict[str, NDArray[np.int64]] = {
        name: _whole(numbers(table.cells[index[name]], has_comma_decimals=table.has_comma_decimals))
        for name in ("step_count", "step_index", "cycle")
        if name in index
    }
    wall = wall_seconds(table.cells[index["wall_time"]]) if "wall_time" in index else None
    states = table.cells[index["state"]] if "state" in index else None
    return assemble(values, counts, wall_time_s=wall, states=states)


def assemble(
    values: Mapping[str, NDArray[np.float64]],
    counts: Mapping[str, NDArray[np.int64]],
    *,
    wall_time_s: NDArray[np.float64] | None = None,
    states: Sequence[Any] | None = None,
) -> CyclerRecord:
    """Put columns that are in s, mA, V and mAh together into a record with its findings.

    Parameters
    ----------
    values : mapping of str to (n,) array of float64
        `time` and `current` or `increment`; `voltage`, `step_time` and counters where there are any.
    counts : mapping of str to (n,) array of int64
        Any of `step_count`, `step_index`, `cycle`.
    wall_time_s : (n,) array of float64, optional
        Clock of the computer in s since 1970.
    states : sequence of (n,) str, optional
        State of each sample; those of a discharge give unsigned currents their sign.

    Returns
    -------
    CyclerRecord
        With its findings.
    """
    findings: list[Finding] = []
    step = _running_step(counts, values.get("step_time"), values["time"].size)
    time = _sound_time(values["time"], values.get("step_time"), step, findings)
    time = time - time[0]
    current = _signed_current(values, time, states, findings)
    ones = np.ones(time.shape, dtype=np.int64)
    record = CyclerRecord(
        time_s=time,
        current_ma=current,
        voltage_v=values.get("voltage"),
        step=step,
        step_index=counts.get("step_index", step),
        cycle=counts.get("cycle", ones),
        step_time_s=values.get("step_time"),
        wall_time_s=wall_time_s,
    )
    counter = _counter(values, record, findings)
    _check_voltage(record, findings)
    record = replace(record, counter_mah=counter)
    _check_gaps(record, findings)
    _check_clock(record, findings)
    return replace(record, findings=tuple(findings))


def _column(table: Table, name: str, index: int, unit: Mapping[str, str]) -> NDArray[np.float64]:
    values = numbers(table.cells[index], has_comma_decimals=table.has_comma_decimals)
    return values * scale_of(name, unit.get(name, ""))


def _whole(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.nan_to_num(values, nan=-1).astype(np.int64)


def _running_step(
    counts: Mapping[str, NDArray[np.int64]], step_time: NDArray[np.float64] | None, length: int
) -> NDArray[np.int64]:
    """Count steps as they were run: schedule numbers repeat in loops, so any change begins a new one."""
    changes: list[NDArray[np.bool_]] = [np.diff(values) != 0 for name, values in counts.items() if name != "cycle"]
    if not changes and "cycle" in counts:
        changes.append(np.diff(counts["cycle"]) != 0)
    if step_time is not None:
        changes.append(np.diff(step_time) < 0)
    if not changes:
        return np.ones(length, dtype=np.int64)
    is_new = np.logical_or.reduce(changes)
    return np.concatenate([[1], 1 + np.cumsum(is_new)]).astype(np.int64)


def _sound_time(
    time: NDArray[np.float64],
    step_time: NDArray[np.float64] | None,
    step: NDArray[np.int64],
    findings: list[Finding],
) -> NDArray[np.float64]:
    """Rebuild a time that runs backwards, or is half as long as its steps, from the time within steps."""
    if np.isnan(time).any():
        raise ValueError(f"{int(np.isnan(time).sum())} samples have no time; delete those rows first")
    backwards = int((np.diff(time) < 0).sum())
    if step_time is None:
        if backwards:
            findings.append(Finding("time-backwards", _BACKWARDS.format(n=backwards)))
        return time
    rebuilt = _time_of_steps(step_time, step)
    span, true_span = float(time[-1] - time[0]), float(rebuilt[-1] - rebuilt[0])
    is_half = true_span > 0 and abs(span / true_span - 0.5) < 0.05
    if not backwards and not is_half:
        return time
    findings.append(
        Finding(
            "time-backwards" if backwards else "time-half",
            f"the test time runs backwards at {backwards} samples and spans {span:g} s, its steps "
            f"{true_span:g} s; it was rebuilt from the time within the steps",
        )
    )
    return rebuilt


_BACKWARDS = (
    "the test time runs backwards at {n} samples; those intervals carry no charge in the integral: "
    "export the step time as well, from which time can be rebuilt"
)


def _time_of_steps(step_time: NDArray[np.float64], step: NDArray[np.int64]) -> NDArray[np.float64]:
    interval = np.diff(step_time, prepend=0.0)
    starts = step_starts(step)
    interval[starts] = step_time[starts]
    return np.cumsum(np.maximum(interval, 0.0))


def _signed_current(
    values: Mapping[str, NDArray[np.float64]],
    time: NDArray[np.float64],
    states: Sequence[Any] | None,
    findings: list[Finding],
) -> NDArray[np.float64]:
    if "current" not in values:
        interval = np.diff(time, prepend=time[:1])
        charge = values["increment"] * SECONDS_PER_HOUR
        findings.append(
            Finding(
                "current-derived",
                "the file has no current; it was derived from the counter, so the two are not independent",
            )
        )
        return np.divide(charge, interval, out=np.zeros_like(charge), where=interval > 0)
    blank = np.isnan(values["current"])
    current = np.where(blank, 0.0, values["current"])
    if blank.any():
        findings.append(Finding("blank-current", f"{int(blank.sum())} samples without current were taken as 0"))
    if (current < 0).any() or not (current > 0).any() or _SIGNED & set(values):
        return current
    said = [_direction(state) for state in states] if states is not None else [0]
    is_discharge = np.array(said) < 0
    if is_discharge.any():
        n = int(is_discharge.sum())
        findings.append(Finding("sign-from-state", f"{n} currents without sign are discharge by their state"))
        return np.where(is_discharge, -current, current)
    if 1 not in said:
        findings.append(
            Finding(
                "sign-unknown",
                "no current is negative and no state tells charge from discharge; all was taken as charge",
            )
        )
    return current


_SIGNED = frozenset({"net_counter", "increment", "charge_counter", "discharge_counter"})


def _direction(state: Any) -> int:
    """1 for a state of charge, -1 for one of discharge, 0 for any other."""
    text = str(state).strip().lower()
    if text == "d" or "dchg" in text or "disch" in text:
        return -1
    return 1 if text == "c" or "chg" in text or "charg" in text else 0


def _counter(
    values: Mapping[str, NDArray[np.float64]], record: CyclerRecord, findings: list[Finding]
) -> NDArray[np.float64] | None:
    """Net running charge by the instrument's counter, whichever way it counts."""
    starts = step_starts(record.step)
    if "net_counter" in values:
        parts = _increments(values["net_counter"], starts)
    elif "increment" in values:
        parts = values["increment"].copy()
    elif {"charge_counter", "discharge_counter"} & set(values):
        zero = np.zeros(record.time_s.shape)
        charged, discharged = (values.get(f"{name}_counter", zero) for name in ("charge", "discharge"))
        parts = _grown(charged) - _grown(np.abs(discharged))
    elif "counter" in values:
        parts = _with_sign(_increments(values["counter"], starts), values["counter"], record, findings)
    else:
        findings.append(Finding("no-counter", "the file has no capacity counter to compare the integral with"))
        return None
    parts[0] = 0.0
    return np.cumsum(np.nan_to_num(parts))


def _increments(counter: NDArray[np.float64], starts: NDArray[np.intp]) -> NDArray[np.float64]:
    """Differences of a counter that may begin anew with a step."""
    parts = np.diff(counter, prepend=counter[:1])
    begins = starts[1:]
    is_reset = np.abs(counter[begins]) < 0.5 * np.abs(counter[begins - 1])
    parts[begins[is_reset]] = counter[begins[is_reset]]
    return parts


def _grown(counter: NDArray[np.float64]) -> NDArray[np.float64]:
    """Differences of a counter that only grows; where it falls, it began anew."""
    parts = np.diff(counter, prepend=counter[:1])
    return np.where(parts < 0, counter, parts)


def _with_sign(
    parts: NDArray[np.float64],
    counter: NDArray[np.float64],
    record: CyclerRecord,
    findings: list[Finding],
) -> NDArray[np.float64]:
    """Give a counter that only counts upwards the sign of each step's current."""
    if np.nanmin(counter) < 0:
        return parts
    starts = step_starts(record.step)
    _, charge = interval_charges(record)
    is_discharge = (np.add.reduceat(charge, starts) < 0) & (np.add.reduceat(parts, starts) > 0)
    if not is_discharge.any():
        return parts
    findings.append(
        Finding(
            "counter-unsigned",
            f"the counter counts discharge upwards; {int(is_discharge.sum())} steps took the sign of their current",
        )
    )
    lengths = np.diff(np.append(starts, parts.size))
    return np.where(np.repeat(is_discharge, lengths), -parts, parts)


def _check_voltage(record: CyclerRecord, findings: list[Finding]) -> None:
    if record.voltage_v is None:
        findings.append(Finding("no-voltage", "the file has no voltage"))
    elif np.nanmax(np.abs(record.voltage_v)) < 1e-3:
        findings.append(Finding("no-voltage", "the voltage never leaves 0 by 1 mV: no cell was connected"))
    if not record.current_ma.any():
        findings.append(Finding("rest-only", "no current flowed: the file holds rest only"))


def _check_gaps(record: CyclerRecord, findings: list[Finding]) -> None:
    """Report long silences within a step while a current flows."""
    interval, charge = interval_charges(record)
    starts = step_starts(record.step)
    lengths = np.diff(np.append(starts, interval.size))
    usual = np.repeat([np.median(part) for part in np.split(interval, starts[1:])], lengths)
    is_gap = (interval > np.maximum(GAP_FACTOR * usual, GAP_S)) & (record.current_ma != 0)
    is_gap[starts] = False
    if record.counter_mah is not None:  # a slow log of an even current is no gap
        counted = np.diff(record.counter_mah, prepend=0.0) * SECONDS_PER_HOUR
        is_gap &= np.abs(counted - charge) > GAP_TOLERANCE * np.abs(charge)
    if is_gap.any():
        lost = float(np.abs(charge[is_gap]).sum() / SECONDS_PER_HOUR)
        findings.append(
            Finding(
                "gap",
                f"{int(is_gap.sum())} gaps of up to {interval[is_gap].max():g} s within steps; the current was "
                f"taken to run straight across them, {lost:.4g} mAh of the integral",
            )
        )


def _check_clock(record: CyclerRecord, findings: list[Finding]) -> None:
    """Compare the computer's clock with the test time."""
    if record.wall_time_s is None:
        return
    clock = np.diff(record.wall_time_s)
    backwards = int((clock < 0).sum())
    if backwards:
        findings.append(
            Finding(
                "clock-backwards",
                f"the computer's clock runs backwards at {backwards} samples, by up to {-np.nanmin(clock):g} s; "
                "the test time was used",
            )
        )
    paused = clock - np.diff(record.time_s)
    is_pause = paused > CLOCK_GAP_S
    pace = np.nanmedian(np.diff(record.time_s)) / (np.nanmedian(clock) or np.nan) if clock.size else np.nan
    if abs(pace - 0.5) < 0.05:
        findings.append(
            Finding(
                "time-half",
                f"the test time runs at {pace:.3f} of the computer's clock: it may have half its true length, "
                "and the integral half its charge; check the export",
            )
        )
    elif is_pause.any():
        findings.append(
            Finding(
                "clock-gap",
                f"by the computer's clock the test stood still {int(is_pause.sum())} times, for up to "
                f"{np.nanmax(paused):g} s; the test time was used",
            )
        )

"""What a run folder's ledger tells of the run: its state, how far it is, what went wrong and what is left to do.

Read from the ledger and the lock alone, so it is right while a run works, after a crash, and without a queue's
accounting.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .ledger import is_locked, read_lines

STATE = ".xelith"
LEDGER = "ledger.jsonl"
SCANS = "series.json"
"""Names of a series' scans, in the state folder of the series."""

SENT = "sent"
ENDED = {"done": "done", "failed": "failed", "stopped": "stopped", "corrupt": "corrupt", SENT: "waiting"}


@dataclass(frozen=True)
class StageStatus:
    """How far one stage is.

    Parameters
    ----------
    name : str
        For instance "xenon/volume".
    done, total : int
        Blocks.
    seconds_per_block : float or None
        As measured since the run was last started; None before two blocks are done.
    """

    name: str
    done: int
    total: int
    seconds_per_block: float | None = None


@dataclass(frozen=True)
class RunStatus:
    """The state of one run folder.

    Parameters
    ----------
    folder : Path
        The run folder.
    sample : str or None
        As the run named it; None before it was first started.
    state : str
        waiting, running, done, failed, stopped (by a signal), interrupted (its process is gone without a word),
        corrupt (chunks on disk are not what was written) or, in a batch, lost (its job left the queue and never began).
    progress : float
        Share of the estimated work that is done, 0 to 1.
    remaining_s : float or None
        Estimated time left, in s, at the pace so far; 0 when done, None where nothing is known.
    error : str or None
        Why it failed, in one line.
    stages : tuple of StageStatus
        In the order of the work.
    started, changed : str or None
        When it was last started, and when its ledger last grew; ISO 8601, UTC.
    holder : str or None
        Process and machine of the last start.
    note : str or None
        What a batch knows of a run that has not begun.
    """

    folder: Path
    sample: str | None
    state: str
    progress: float = 0.0
    remaining_s: float | None = None
    error: str | None = None
    stages: tuple[StageStatus, ...] = ()
    started: str | None = None
    changed: str | None = None
    holder: str | None = None
    note: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the state for a script.

        Returns
        -------
        dict
            JSON-able.
        """
        return asdict(self) | {"folder": str(self.folder)}


@dataclass
class _Ledger:
    """What matters of a ledger's lines, gathered in one pass."""

    marks: dict[str, str] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    blocks: dict[str, dict[int, str]] = field(default_factory=dict)
    times: dict[str, list[float]] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    start: Mapping[str, Any] = field(default_factory=dict)
    started: str | None = None
    changed: str | None = None
    last: str = ""
    error: str | None = None


def _gather(path: Path) -> _Ledger:
    found = _Ledger()
    for line in read_lines(path):
        at = line.get("at")
        found.changed = at if isinstance(at, str) else found.changed
        if "event" in line:
            _take_event(found, line)
            continue
        stage, block, facts = line["stage"], line["block"], line["facts"]
        if block == -2:
            found.marks[stage] = line["print"]
            if isinstance(total := facts.get("blocks"), int):
                found.totals[stage] = total
        elif block >= 0:
            found.blocks.setdefault(stage, {})[block] = line["print"]
            if isinstance(elapsed := line.get("elapsed"), int | float):
                found.times.setdefault(stage, []).append(float(elapsed))
    return found


def _take_event(found: _Ledger, line: Mapping[str, Any]) -> None:
    found.last, facts = line["event"], line["facts"]
    if found.last == "started":
        found.start, found.started, found.error = facts, found.changed, None
        found.plan = facts["plan"] if isinstance(facts.get("plan"), dict) else {}
        found.times.clear()
    elif found.last in ("failed", "corrupt"):
        found.error = str(facts.get("error", "unknown"))


def run_status(folder: Path) -> RunStatus:
    """Tell the state of a run folder from its ledger and its lock.

    Parameters
    ----------
    folder : Path
        A run folder, or one that will become one.

    Returns
    -------
    RunStatus
        "waiting" where nothing was started yet.
    """
    state_folder = folder / STATE
    is_held = is_locked(state_folder)
    found = _gather(state_folder / LEDGER)
    state = "running" if is_held else ENDED.get(found.last, "interrupted" if found.last else "waiting")
    stages = _stages(found)
    progress, remaining = _ahead(found, stages)
    if state == "done":
        progress, remaining = 1.0, 0.0
    sample = found.start.get("sample")
    return RunStatus(
        folder,
        sample if isinstance(sample, str) else None,
        state,
        progress=round(progress, 4),
        remaining_s=remaining,
        error=found.error if state in ("failed", "corrupt") else None,
        stages=stages,
        started=found.started,
        changed=found.changed,
        holder=found.start.get("holder"),
    )


def series_status(folder: Path, scans: Sequence[RunStatus]) -> RunStatus:
    """Tell the state of a series from its own ledger and those of its scans.

    Parameters
    ----------
    folder : Path
        Folder of the series.
    scans : sequence of RunStatus
        Its scans.

    Returns
    -------
    RunStatus
        Progress counts scans that are done; "waiting" until they are held against each other.
    """
    own, n_done = run_status(folder), sum(scan.state == "done" for scan in scans)
    is_done = own.state == "done"
    return replace(
        own,
        stages=(StageStatus("scans", n_done, len(scans)),),
        progress=1.0 if is_done else round(n_done / max(len(scans), 1), 4),
        remaining_s=0.0 if is_done else None,
    )


def scans_of_series(folder: Path) -> list[Path]:
    """Return the run folders of a series that `xelith series` works on.

    Parameters
    ----------
    folder : Path
        Folder of the series.

    Returns
    -------
    list of Path
        In its order; empty where the folder is no series.
    """
    try:
        names = json.loads((folder / STATE / SCANS).read_text(encoding="utf8"))
    except (OSError, ValueError, RecursionError):
        return []
    is_fine = isinstance(names, list) and all(isinstance(n, str) and n.strip(".") and "/" not in n for n in names)
    return [folder / name for name in names] if is_fine else []


def _stages(found: _Ledger) -> tuple[StageStatus, ...]:
    names = dict.fromkeys((*found.plan, *found.totals))
    stages = []
    for name in names:
        mark, blocks = found.marks.get(name), found.blocks.get(name, {})
        total = found.totals.get(name, _planned(found.plan, name, "blocks"))
        done = sum(print_ == mark for print_ in blocks.values()) if mark is not None else 0
        times = found.times.get(name, [])
        pace = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else None
        stages.append(StageStatus(name, min(done, int(total)), int(total), pace))
    return tuple(stages)


def _planned(plan: Mapping[str, Any], name: str, key: str) -> float:
    entry = plan.get(name)
    value = entry.get(key) if isinstance(entry, dict) else None
    return float(value) if isinstance(value, int | float) else 0.0


def _ahead(found: _Ledger, stages: tuple[StageStatus, ...]) -> tuple[float, float | None]:
    """Share of the planned seconds that is done, and the seconds left at the pace so far."""
    planned = {s.name: _planned(found.plan, s.name, "seconds") / max(s.total, 1) for s in stages}
    whole = sum(planned[s.name] * s.total for s in stages)
    if whole <= 0:
        blocks = sum(s.total for s in stages)
        return (sum(s.done for s in stages) / blocks if blocks else 0.0), None
    progress = sum(planned[s.name] * s.done for s in stages) / whole
    timed = [s for s in stages if s.seconds_per_block is not None and planned[s.name] > 0]
    paces = [(s.seconds_per_block or 0.0) / planned[s.name] for s in timed]
    slowness = sum(paces) / len(paces) if paces else 1.0
    left = 0.0
    for s in stages:
        pace = planned[s.name] * slowness if s.seconds_per_block is None else s.seconds_per_block
        left += pace * (s.total - s.done)
    return progress, round(max(left, 0.0), 1)

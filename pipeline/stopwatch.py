"""How long each step takes, measured where it runs and added up in the ledger."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from .ledger import read_lines
from .steps import Step

_spent: ContextVar[dict[str, float] | None] = ContextVar("xelith_step_seconds", default=None)


@contextmanager
def collecting() -> Iterator[dict[str, float]]:
    """Collect the seconds of the steps that run in this thread.

    Yields
    ------
    dict of float
        Seconds by name of the step, filled as they end.
    """
    spent: dict[str, float] = {}
    token = _spent.set(spent)
    try:
        yield spent
    finally:
        _spent.reset(token)


def timed(steps: Iterable[Step]) -> Iterator[Step]:
    """Go through steps; what happens to one until the next is asked for is its time.

    Parameters
    ----------
    steps : iterable of Step
        The steps of a chain.

    Yields
    ------
    Step
        One after another.
    """
    for step in steps:
        started = time.perf_counter()
        try:
            yield step
        finally:
            if (spent := _spent.get()) is not None:
                name = str(step.model_dump()["step"])
                spent[name] = spent.get(name, 0.0) + time.perf_counter() - started


def rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    """Return seconds as they stand in the ledger.

    Parameters
    ----------
    seconds : mapping
        Seconds by name.

    Returns
    -------
    dict of float
        To a tenth of a millisecond.
    """
    return {name: round(value, 4) for name, value in seconds.items()}


def step_seconds(ledger: Path) -> dict[str, float]:
    """Add up what the blocks of a run took, step by step.

    Parameters
    ----------
    ledger : Path
        The run's ledger.

    Returns
    -------
    dict of float
        Seconds of work by step, of all threads and workers and of every start of the run, largest first; "flat-field"
        has what is left of the first pass, "other" of the second.
    """
    latest: dict[tuple[str, int], Mapping[str, Any]] = {}
    for line in read_lines(ledger):
        if "stage" in line and line["block"] >= 0 and isinstance(line["facts"].get("seconds"), dict):
            latest[line["stage"], line["block"]] = line["facts"]["seconds"]
    total: dict[str, float] = {}
    for (stage, _), seconds in latest.items():
        known = {name: float(v) for name, v in seconds.items() if isinstance(v, int | float) and name != "block"}
        left = float(seconds.get("block", 0.0)) - sum(known.values())
        known["flat-field" if stage.endswith("/integrals") else "other"] = max(left, 0.0)
        for name, value in known.items():
            total[name] = total.get(name, 0.0) + value
    return {name: round(value, 3) for name, value in sorted(total.items(), key=lambda pair: -pair[1])}

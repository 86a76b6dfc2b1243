"""How the runs of a batch are: their ledgers, and the queue for those whose jobs have not begun."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from .batch import Batch, BatchSeries, Item
from .slurm import queued
from .status import RunStatus

ASK_S = 15
"""How long the queue may take to answer, in s; its silence leaves a run waiting."""


def batch_states(batch: Batch) -> list[RunStatus]:
    """Return the state of every run and then of every series.

    A run whose job the queue no longer knows, and that never began, is "lost": its job was cancelled while it waited,
    or died before it could write a word. Without `squeue`, or where it does not answer, such a run is "waiting".

    Parameters
    ----------
    batch : Batch
        The batch.

    Returns
    -------
    list of RunStatus
        In the order of the items, and of the series; those that wait say since when.
    """
    entries: list[Item | BatchSeries] = [*batch.items, *batch.series]
    first = batch.states()
    waiting = [entry.job for entry, run in zip(entries, first, strict=True) if run.state == "waiting" and entry.job]
    if not waiting:
        return [_told(run, entry, waiting) for run, entry in zip(first, entries, strict=True)]
    known = queued(waiting, timeout_s=ASK_S)
    # Ledgers are read once more: whoever had left the queue by now has written what it did.
    return [_told(run, entry, known) for run, entry in zip(batch.states(), entries, strict=True)]


def _told(run: RunStatus, entry: Item | BatchSeries, known: Sequence[str] | set[str]) -> RunStatus:
    if run.state != "waiting":
        return run
    if entry.job is None:
        return replace(run, note="not sent; `xelith submit --retry failed` sends it")
    if entry.job not in known:
        why = f"job {entry.job} is not in the queue and never began; `xelith submit --retry failed` sends it again"
        return replace(run, state="lost", note=why)
    return replace(run, note=f"job {entry.job}{_age(entry.sent)}")


def _age(sent: str | None) -> str:
    """How long ago a job was sent, as the clock has it."""
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(sent or "")).total_seconds()
    except (ValueError, TypeError):
        return ""
    minutes = max(round(seconds / 60), 0)
    return f", sent {minutes // 60} h {minutes % 60:02d} min ago"

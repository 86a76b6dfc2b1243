"""Progress bars of a run, one a stage."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text

from .job import Advance
from .json_log import json_logs


class RateColumn(ProgressColumn):
    """Blocks a second, or a minute where they take longer."""

    def render(self, task: Task) -> Text:
        """Write the rate of a bar.

        Parameters
        ----------
        task : Task
            The bar.

        Returns
        -------
        Text
            Empty until it is known.
        """
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        return Text(f"{speed:.1f}/s" if speed >= 1 else f"{60 * speed:.1f}/min", style="progress.data.speed")


@contextmanager
def shown(*, quiet: bool = False, log: str = "text") -> Iterator[Advance]:
    """Show the progress of a run: as bars, as JSON lines on standard error, or not at all.

    Parameters
    ----------
    quiet : bool
        True shows no bars; JSON lines are still written where they are asked for.
    log : str
        text or json.

    Yields
    ------
    callable
        To be told of every finished block.

    Raises
    ------
    ValueError
        If `log` is neither.
    """
    if log == "json":
        with json_logs(sys.stderr) as advance:
            yield advance
        return
    if log != "text":
        raise ValueError(f"--log is {log!r}; give text or json")
    with Progress(quiet=quiet) as progress:
        yield progress.advance


class Progress:
    """Bars on standard error, one for each stage that reports.

    Parameters
    ----------
    quiet : bool
        True shows nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._bars = RichProgress(
            TextColumn("{task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            RateColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=quiet,
        )
        self._tasks: dict[str, object] = {}

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tasks:
            self._bars.stop()

    def advance(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage has come; called from any thread.

        Parameters
        ----------
        stage : str
            Name of the stage.
        done : int
            Blocks finished.
        total : int
            Blocks in all.
        """
        if not self._tasks:
            self._bars.start()  # not before there is something to show: a refused input is one line
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        self._bars.update(self._tasks[stage], completed=done, total=total)  # type: ignore[arg-type]

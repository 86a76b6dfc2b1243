"""Progress bars of a run, one a stage."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress


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

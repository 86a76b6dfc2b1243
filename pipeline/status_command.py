"""`xelith status`: how runs and batches are, from their ledgers."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from .status import RunStatus

YELLOW = ("stopped", "interrupted", "lost")
STYLES = {"done": "green", "running": "cyan", "failed": "red"} | dict.fromkeys(YELLOW, "yellow")


def status(
    folder: Annotated[Path, typer.Argument(help="Run folder, or folder of a batch.")] = Path("xelith-run"),
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Compare every chunk on disk, and of a copy in a store; the next run mends it."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Say how every run is: state, progress, time left, errors. Exit status 1 if one failed, is lost or corrupt."""
    from .integrity import verify_run
    from .publishing import verify_copy

    runs = _runs(folder)
    corrupt = {str(run.folder): [*verify_run(run.folder), *verify_copy(run.folder)] for run in runs} if verify else {}
    if as_json:
        counts = Counter(run.state for run in runs)
        found: dict[str, Any] = {"states": dict(counts), "runs": [run.as_dict() for run in runs]}
        if verify:
            found["corrupt"] = corrupt
        typer.echo(json.dumps(found))
    else:
        from rich.console import Console

        Console().print(_table(runs, folder))
        for place, chunks in corrupt.items():
            for chunk in chunks:
                typer.echo(f"corrupt: {chunk if '://' in chunk else f'{place}/{chunk}'}")
        if verify and not any(corrupt.values()):
            typer.echo("every chunk is as it was written")
    if any(run.state in ("failed", "lost") for run in runs) or any(corrupt.values()):
        raise typer.Exit(1)


def _runs(folder: Path) -> "list[RunStatus]":
    """Runs of a batch, of one folder, or of the folders inside a folder."""
    from .batch import RECORD, load_batch
    from .batch_states import batch_states
    from .status import STATE, run_status, scans_of_series, series_status

    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}; give the --out of `xelith run` or of `xelith submit`")
    if (folder / RECORD).is_file():
        return batch_states(load_batch(folder))
    if scans := [run_status(path) for path in scans_of_series(folder)]:
        return [*scans, series_status(folder, scans)]
    if (folder / STATE).is_dir():
        return [run_status(folder)]
    inside = sorted(path for path in folder.iterdir() if (path / STATE).is_dir())
    if not inside:
        raise FileNotFoundError(f"{folder} holds no run; give the --out of `xelith run` or of `xelith submit`")
    return [run_status(path) for path in inside]


def _name(run: Path, folder: Path) -> str:
    """Name of a run below the folder that was asked for."""
    below = run.absolute().relative_to(folder.absolute()) if run.absolute().is_relative_to(folder.absolute()) else run
    return str(below) if below.name else run.absolute().name


def _table(runs: "Sequence[RunStatus]", folder: Path) -> "Table":
    from rich.table import Table
    from rich.text import Text

    counts = Counter(run.state for run in runs)
    title = ", ".join(f"{number} {state}" for state, number in counts.most_common())
    table = Table(title=Text(title), title_justify="left")
    for heading in ("run", "state", "done", "blocks", "time left", "now, or why not"):
        table.add_column(heading, overflow="fold")
    for run in runs:
        at_work = next((stage for stage in run.stages if stage.done < stage.total), None)
        note = run.error or run.note or (f"{at_work.name}" if at_work is not None and run.state != "waiting" else "")
        blocks = f"{sum(s.done for s in run.stages)}/{sum(s.total for s in run.stages)}"
        table.add_row(
            Text(_name(run.folder, folder)),
            Text(run.state, style=STYLES.get(run.state, "")),
            f"{100 * run.progress:.0f} %",
            blocks,
            _duration(run.remaining_s) if run.state != "waiting" else "",
            Text(note),
        )
    return table


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"

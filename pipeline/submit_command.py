"""`xelith submit`, and the command that its jobs run."""

import json
from pathlib import Path
from typing import Annotated

import typer


def submit(
    configs: Annotated[
        list[Path] | None,
        typer.Argument(help="Configurations, series files, or folders of them; one job a scan."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder of the batch; every run gets a folder below it.")
    ] = Path("xelith-batch"),
    retry: Annotated[
        str | None,
        typer.Option(help="`failed`: send again what failed, was stopped, interrupted or taken from the queue."),
    ] = None,
    watch: Annotated[
        Path | None,
        typer.Option(help="Wait for scans in this folder and run CONFIG on each; without CONFIG, for configurations."),
    ] = None,
    at_once: Annotated[int | None, typer.Option(min=1, help="Most jobs that run at a time.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="How long to watch; default until stopped.")] = None,
    settled_s: Annotated[
        float, typer.Option(min=0, help="Seconds that a file must not have grown before it is taken.")
    ] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Send configurations to SLURM, one job each, one for every series, and one that writes a page when all have ended.

    `xelith status` on the same folder tells how they are.
    """
    from . import submission

    if retry not in (None, "failed"):
        raise ValueError(f"--retry is {retry!r}; the one thing that can be sent again is `failed`")
    if watch is None and not configs and retry is None:
        raise ValueError("nothing to send; give configurations, --retry failed, or --watch FOLDER")

    def tell(jobs: dict[str, str]) -> None:
        if as_json:
            typer.echo(json.dumps({"batch": str(out), "jobs": jobs}))
            return
        for name, job in jobs.items():
            typer.echo(f"{name}: job {job}")
        if not jobs:
            typer.echo("nothing to send: every run is done, waiting or at work")

    if watch is not None:
        if configs and len(configs) > 1:
            raise ValueError(f"--watch takes one configuration as a template, not {len(configs)}")
        template = configs[0] if configs else None
        submission.watch(
            watch, out, template=template, at_once=at_once, told=tell, seconds=seconds, settled_s=settled_s
        )
        return
    jobs = submission.resubmit(out, at_once=at_once) if retry else {}
    if configs:
        jobs |= submission.submit(configs, out, at_once=at_once)
    tell(jobs)


def batch_item(
    root: Annotated[Path, typer.Argument(help="Folder of the batch.")],
    index: Annotated[int, typer.Argument(help="Number of the item.")],
) -> None:
    """Run one item of a batch; what a job of `xelith submit` calls."""
    from .submission import run_item

    run_item(root, index)


def batch_series(
    root: Annotated[Path, typer.Argument(help="Folder of the batch.")],
    index: Annotated[int, typer.Argument(help="Number of the series.")],
) -> None:
    """Evaluate one series of a batch; what a job of `xelith submit` calls when the scans of the series have ended."""
    from .submission import run_series_item

    run_series_item(root, index)

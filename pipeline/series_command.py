"""`xelith series`: many scans of one cell, each run and held against the one before."""

from pathlib import Path
from typing import Annotated

import typer


def series(
    config: Annotated[Path, typer.Argument(help="YAML with the key series: a list of configurations.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the series.")],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print series.json.")] = False,
) -> None:
    """Run every scan of a cell, and follow its lithium: growth, local current density, lithium against charge."""
    import json

    from .progress import shown
    from .series import run_series

    with shown(quiet=quiet or as_json) as advance:
        found = run_series(config, out, advance=advance)
    if as_json:
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False, default=str))
        return
    for row in found["scans"]:
        um, std = row["measured_um"], row["measured_um_std"]
        text = "not measured" if um is None else f"{um:.1f} ± {std or 0:.1f} µm"
        expected = row["expected_um"]
        typer.echo(f"{row['scan']}: {text}" + ("" if expected is None else f", expected {expected:.1f} µm"))
    typer.echo(f"series: {out / 'series.json'}")

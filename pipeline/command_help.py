"""Examples at the end of each command's help, and what `--version --verbose` prints."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.table import Table

EXAMPLES = {
    "demo": ("xelith demo --out demo-run",),
    "run": ("xelith run cell7.yaml --out cell7 --preview", "xelith run cell7.yaml --out cell7"),
    "check": ("xelith check cell7.yaml", "xelith check cell7.yaml --json"),
    "inspect": (
        "xelith inspect scan.h5 --thumbnail view.png",
        "xelith inspect tiffs/ --pixel-um 0.54 --theta-range 0 180",
    ),
    "centre": ("xelith centre scan.h5 --sheet centres.png",),
    "simulate": (
        "xelith simulate --cell kodama-process-3 --seed 4 --out twin",
        "xelith run twin/run.yaml --out twin/run",
    ),
    "plan": ("xelith plan --gas argon:1 --gas xenon:6 --photons-per-s 100",),
    "export": ("xelith export cell7 --out cell7.tif", "xelith export cell7 --what labels --out labels.tif"),
    "report": ("xelith report cell7", "xelith report beamtime/"),
    "view": ("xelith view cell7", "xelith view scan.h5"),
    "init": ("xelith init", "xelith init cell7.yaml --argon ar.h5 --xenon xe.h5 --yes"),
    "schema": ("xelith schema > xelith.schema.json",),
    "submit": ("xelith submit configs/ timelapse.yaml --out beamtime",),
    "series": ("xelith series timelapse.yaml --out timelapse",),
    "status": ("xelith status beamtime",),
    "train": (
        "xelith train cell7 --labels strokes.tif --out first.tif",
        "xelith train cell7 --labels strokes.tif --method network --out own.safetensors",
    ),
    "evaluate": ("xelith evaluate cell7 --truth truth.tif --out scores",),
}


def add_examples(app: typer.Typer) -> None:
    """Put each command's examples at the end of its help.

    Parameters
    ----------
    app : typer.Typer
        With its commands.
    """
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        if name in EXAMPLES:
            lines = EXAMPLES[name]
            command.epilog = "Examples:\n\n" + "\n\n".join(lines) if len(lines) > 1 else f"Example: {lines[0]}"


def parts_table() -> "Table":
    """Lay out what is installed, and what each missing part would give.

    Returns
    -------
    rich.table.Table
        Versions in the title.
    """
    from rich.table import Table
    from rich.text import Text

    from .parts import installed_parts, versions_text

    table = Table(title=Text(versions_text()), title_justify="left")
    table.add_column("part")
    table.add_column("installed")
    table.add_column("gives")
    for part in installed_parts():
        style = "yellow" if part.state == "missing" else "green"
        table.add_row(part.name, Text(part.state, style=style), Text(part.gives))
    return table

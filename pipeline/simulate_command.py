"""`xelith simulate` and `xelith plan` on the command line."""

import json
from pathlib import Path
from typing import Annotated

import typer

CELLS = "demo, kodama-process-1 to -3, kodama-no-interlayer, kodama-uncharged, kodama-delaminated or ham-symmetric."
Cell = Annotated[str | None, typer.Option(help=CELLS)]

Setup = Annotated[str | None, typer.Option(help="demo, kodama-nano3dx, ham-versa or beamline-25kev.")]
GasOption = Annotated[list[str] | None, typer.Option(help="name:pressure_atm of a scan; give it once a scan.")]
File = Annotated[
    Path | None,
    typer.Argument(help="YAML with what differs from the presets: cell, charge, setup, gases, poses, seed."),
]


def simulate(
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for scans, truth and configuration.")],
    file: File = None,
    cell: Cell = None,
    setup: Setup = None,
    gas: GasOption = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the cell and its noise; default 0.")] = None,
    diameter_um: Annotated[float | None, typer.Option(help="Bore of a smaller cell, with --height-um.")] = None,
    height_um: Annotated[float | None, typer.Option(help="Height of a smaller cell.")] = None,
    rows: Annotated[int | None, typer.Option(help="Detector rows.")] = None,
    columns: Annotated[int | None, typer.Option(help="Detector columns.")] = None,
    views: Annotated[int | None, typer.Option(help="Projections.")] = None,
    voxel_um: Annotated[
        float | None, typer.Option(help="Voxel of the truth; by default no larger than the scan's.")
    ] = None,
    before: Annotated[bool, typer.Option("--before", help="Scan the same cell before its charge, too.")] = False,
    file_format: Annotated[str, typer.Option("--format", help="data-exchange, nxtomo or tiff.")] = "data-exchange",
    memory_gib: Annotated[float, typer.Option(min=0.25, help="Memory to keep to, in GiB.")] = 4.0,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads; by default one a core.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
) -> None:
    """Make a cell of known truth and scan it: raw files, truth, and a run.yaml that processes them.

    Run it again after an interruption and it makes what is missing.
    """
    from .experiment import simulate as make
    from .progress import Progress
    from .twin_design import Size, design_twin

    size = Size(diameter_um, height_um, rows, columns, views, voxel_um)
    design = design_twin(cell=cell, setup=setup, gases=gas, size=size, seed=seed, file=file)
    with Progress(quiet=quiet) as progress:
        config = make(
            out,
            design,
            file_format=file_format,
            before=before,
            memory_gib=memory_gib,
            threads=threads,
            advance=progress.advance,
        )
    typer.echo(str(config))


def plan(
    file: File = None,
    cell: Cell = None,
    setup: Setup = None,
    gas: GasOption = None,
    error: Annotated[float, typer.Option(help="Error of the lithium fraction to aim at.")] = 0.05,
    photons_per_s: Annotated[float | None, typer.Option(help="Photons per pixel and second, for the hours.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw µ over energy into this PNG or SVG.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Say what a scan of a cell will show: contrast, noise, hours, and what will not work."""
    from .scan_plan import plan_table, planned, save_mu_curves
    from .twin_design import design_twin

    named = file is not None
    design = design_twin(
        cell=cell or (None if named else "kodama-process-3"),
        setup=setup or (None if named else "kodama-nano3dx"),
        gases=gas,
        file=file,
    )
    found = planned(design, error=error, photons_per_s=photons_per_s)
    if plot is not None:
        save_mu_curves(plot, design)
    if as_json:
        typer.echo(json.dumps(found.summary(), default=str))
        return
    from rich.console import Console

    Console().print(plan_table(found))

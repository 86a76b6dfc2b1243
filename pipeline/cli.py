"""The command line. Heavy modules are imported by the command that needs them."""

import json
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import __version__
from .allocation import COMMANDS, keep_memory
from .command_help import add_examples, parts_table
from .evaluate_command import evaluate
from .init_command import init
from .series_command import series
from .simulate_command import plan, simulate
from .status_command import status
from .stopping import STATUS, Stopped, stop_on_signals
from .submit_command import batch_item, batch_series, submit
from .train_command import train

app = typer.Typer(
    name="xelith",
    help="X-ray CT of lithium solid-state cells: from raw projections in argon and xenon to a lithium balance.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the run; made where missing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
ScanPath = Annotated[Path, typer.Argument(help="HDF5 or TIFF file, or folder of TIFFs, with raw projections.")]
PixelUm = Annotated[float | None, typer.Option(help="Detector pixel at the sample in µm, where the file lacks it.")]
ThetaRange = Annotated[
    tuple[float, float] | None,
    typer.Option(help="First angle and end of the range in degrees; the last view stands one step before the end."),
]
EnergyKev = Annotated[float | None, typer.Option(help="Photon energy in keV, where the file lacks it.")]
AllowOutside = Annotated[bool, typer.Option("--allow-outside", help="Follow links and paths out of the scan's folder.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")]
Log = Annotated[str, typer.Option("--log", help="text: progress bars; json: logs and progress as JSON lines.")]


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", help="With --version: what is installed, and what each missing part would give."),
    ] = False,
) -> None:
    if version:
        typer.echo(f"xelith {__version__}")
        if verbose:
            _print(parts_table())
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


@app.command()
def demo(
    out: Out = Path("demo-run"),
    seed: Annotated[int, typer.Option(help="Seed of the simulated cell and its noise.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Simulate a small cell in argon and in xenon, run everything, print its lithium balance.

    Needs no input and no GPU. Run it again and it finds its work done.
    """
    from .demo import prepare_demo
    from .progress import Progress
    from .run import run_config

    with Progress(quiet=quiet) as progress:
        config_path = prepare_demo(out, seed=seed, advance=progress.advance)
        results = run_config(config_path, out, advance=progress.advance)
    _show(results, out)


@app.command()
def run(
    config: Annotated[Path, typer.Argument(help="YAML configuration of the run.")],
    out: Out = Path("xelith-run"),
    preview: Annotated[
        bool, typer.Option("--preview", help="Binned, every fourth view, three slices: pictures in seconds.")
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Let this configuration take over the folder of another one.")
    ] = False,
    quiet: Quiet = False,
    log: Log = "text",
    as_json: AsJson = False,
) -> None:
    """Do what a configuration asks and is not done yet; run it again after any interruption."""
    from .preview import preview_config
    from .progress import shown
    from .run import run_config

    with shown(quiet=quiet or as_json, log=log) as advance:
        if preview:
            pictures = preview_config(config, out, advance=advance)
        else:
            results = run_config(config, out, advance=advance, update=update)
    if preview:
        found = {"preview": [str(path) for path in pictures]}
        typer.echo(json.dumps(found) if as_json else "\n".join(found["preview"]))
    elif as_json:
        typer.echo(json.dumps(results))
    else:
        _show(results, out)


@app.command()
def check(
    config: Annotated[Path, typer.Argument(help="YAML configuration of the run.")],
    as_json: AsJson = False,
) -> None:
    """Say whether a configuration is valid, its files are there, and how much memory, disk and time it takes."""
    from .checking import check_config

    plan = check_config(config)
    if as_json:
        typer.echo(json.dumps(plan.as_dict()))
    else:
        _print(plan.table())
    if not plan.runnable:
        raise typer.Exit(2)


@app.command()
def inspect(
    scan: ScanPath,
    pixel_um: PixelUm = None,
    theta_range: ThetaRange = None,
    energy_kev: EnergyKev = None,
    allow_outside: AllowOutside = False,
    thumbnail: Annotated[Path | None, typer.Option(help="Write a picture of the middle projection here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print what is in a scan's files and what is missing for a reconstruction, with the remedy."""
    from .looking import inspection_table, write_thumbnail

    hints = _hints(pixel_um, theta_range, energy_kev, allow_outside)
    facts, table = inspection_table(scan, hints)
    if thumbnail is not None:
        write_thumbnail(scan, hints, thumbnail)
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        _print(table)


@app.command()
def centre(
    scan: ScanPath,
    pixel_um: Annotated[float | None, typer.Option(help="Detector pixel in µm; only a cone beam needs it.")] = None,
    theta_range: ThetaRange = None,
    allow_outside: AllowOutside = False,
    search: Annotated[tuple[float, float] | None, typer.Option(help="Columns to search between.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="Write slices at the candidates as a contact sheet PNG.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find the column of the rotation axis; exit status 0 even if the verdict is not `resolved`: read it."""
    from .looking import find_scan_centre

    hints = _hints(pixel_um, theta_range, None, allow_outside)
    found, axis = find_scan_centre(scan, hints, search_px=search, sheet=sheet)
    typer.echo(json.dumps(found) if as_json else axis.text())


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Run folder, or one OME-Zarr image in it.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="TIFF file, or folder with --slices.")],
    scan: Annotated[str, typer.Option(help="Which scan of the run: xenon, argon, ...")] = "xenon",
    what: Annotated[str, typer.Option(help="volume (one TIFF), slices (a folder) or labels.")] = "volume",
    dtype: Annotated[str, typer.Option(help="float32, or uint16 with the range in the tags.")] = "float32",
    level: Annotated[int, typer.Option(help="Level of the pyramid; 0 is the full image.")] = 0,
) -> None:
    """Write a volume, its slices or its labels as TIFF with voxel size, for ImageJ, Dragonfly and Avizo."""
    from .export import export_tiff

    group = folder if folder.name.endswith(".ome.zarr") else folder / f"{scan}.ome.zarr"
    if not group.is_dir():
        there = ", ".join(sorted(path.name for path in folder.glob("*.ome.zarr"))) or "none"
        raise FileNotFoundError(
            f"no image {group.name} in {folder} (images there: {there}); run it first, or name --scan"
        )
    typer.echo(str(export_tiff(group, out, what=what, dtype=dtype, level=level)))


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="Run folder, or a folder with several of them.")]) -> None:
    """Write report.html of a finished run anew; for a folder of runs, an index.html over them."""
    from .report import write_report
    from .report_index import write_index
    from .status import STATE

    is_run = (folder / "results.json").is_file()
    if not is_run and ((folder / STATE).is_dir() or not folder.is_dir()):
        raise FileNotFoundError(f"no results.json in {folder}; run `xelith run CONFIG --out {folder}` first")
    typer.echo(str(write_report(folder) if is_run else write_index(folder)))


@app.command()
def view(path: Annotated[Path, typer.Argument(help="Run folder, *.ome.zarr, thickness.tif or raw scan.")]) -> None:
    """Look at a run, a part of it or a raw scan in napari, and correct axis, levels and labels."""
    from .viewer import view as open_window

    open_window(path)


@app.command()
def schema() -> None:
    """Print the JSON schema of the configuration, for editors that complete YAML."""
    from .config import Config

    typer.echo(json.dumps(Config.model_json_schema(), indent=2))


app.command()(init)
app.command()(simulate)
app.command()(plan)
app.command()(submit)
app.command()(series)
app.command()(status)
app.command()(train)
app.command()(evaluate)
app.command("batch-item", hidden=True)(batch_item)
app.command("batch-series", hidden=True)(batch_series)
add_examples(app)


def _hints(
    pixel_um: float | None, theta_range: tuple[float, float] | None, energy_kev: float | None, allow_outside: bool
) -> dict[str, Any]:
    hints = {
        "pixel_um": pixel_um,
        "theta_range_deg": theta_range,
        "energy_kev": energy_kev,
        "allow_outside": allow_outside or None,
    }
    return {name: value for name, value in hints.items() if value is not None}


def _show(results: dict[str, Any], out: Path) -> None:
    from .report import balance_table

    _print(balance_table(results))
    typer.echo(f"report: {out / 'report.html'}")


def _print(renderable: Any) -> None:
    from rich.console import Console

    Console().print(renderable)


def main() -> None:
    """Run the command line; exit status 0 only on success, 2 where the input is at fault."""
    if sys.argv[1:2] and sys.argv[1] in COMMANDS:
        keep_memory()  # before the first thread
    terminal = logging.StreamHandler()
    least = logging.getLevelNamesMapping().get(os.environ.get("XELITH_LOG", "").upper(), logging.WARNING)
    terminal.addFilter(lambda record: record.levelno >= least or getattr(record, "shown", False))
    logging.basicConfig(format="%(levelname)s: %(message)s", handlers=[terminal])
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it finds wrong comes as our own error
    stop_on_signals()
    try:
        app()
    except Stopped:
        _complain("stopped; run the same command again to go on")
        logging.shutdown()
        sys.stdout.flush()
        os._exit(STATUS)  # without waiting for the blocks in work: what is not in the ledger is done again
    except (ValueError, TypeError, OSError, ImportError) as error:
        from .run_events import one_line

        _complain(one_line(error))
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # of writes that the error left behind in zarr's loop,
        warnings.filterwarnings("ignore", message="coroutine .* was never awaited")  # and of those not yet begun
        sys.exit(2)
    except MemoryError:
        _complain("out of memory; lower compute.memory_gib, or take region.bin: 2")
        sys.exit(1)


def _complain(message: str) -> None:
    typer.echo(f"xelith: {message}", err=True)


if __name__ == "__main__":
    main()

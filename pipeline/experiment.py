"""`xelith simulate`: a cell made up, scanned into raw files, with its truth and a configuration that runs them."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from .. import __version__
from ..materials import Phase
from ..scans import write_data_exchange, write_nxtomo, write_tiff_stack
from ..simulation import Cell, Charge, Pose, TruthGrid, balance_of, build_cell, streamed, truth_grid
from ..simulation.twin import centred
from .job import Advance
from .ledger import fingerprint
from .map_files import write_map
from .store import ImageLayout, create_image, plan_layout, publish, write_slab, write_text
from .twin_config import config_text
from .twin_design import TwinDesign

FORMATS = {
    "data-exchange": (write_data_exchange, ".h5"),
    "nxtomo": (write_nxtomo, ".nxs"),
    "tiff": (write_tiff_stack, ""),
}
STAMP = "simulation.json"
BEFORE_SEEDS = 2**40
"""First seed of the scans before charging, far from those after it: their photons are others."""


def simulate(
    folder: Path,
    design: TwinDesign,
    *,
    file_format: str = "data-exchange",
    before: bool = False,
    memory_gib: float = 4.0,
    threads: int | None = None,
    advance: Advance,
) -> Path:
    """Make a cell, scan it in each gas, and write scans, truth and a configuration that runs them.

    What is there already from the same design is not made again, so that an interrupted simulation goes on.

    Parameters
    ----------
    folder : Path
        New or empty folder, or one that holds part of the same simulation.
    design : TwinDesign
        The twin.
    file_format : str
        data-exchange, nxtomo or tiff.
    before : bool
        Whether to scan the same cell before its charge too, into the folder `before`.
    memory_gib : float
        Memory to keep to, in GiB; what is written does not depend on it.
    threads : int, optional
        Threads to use; None is one per core.
    advance : callable
        Told of every finished step, view and row.

    Returns
    -------
    Path
        The configuration, `run.yaml`.

    Raises
    ------
    ValueError
        If the format is not known, the folder holds other files, or the cell cannot be made.
    """
    if file_format not in FORMATS:
        raise ValueError(f"format {file_format!r} is not known; choose from {', '.join(FORMATS)}")
    bore, scan_um = design.preset.design.bore, design.acquisition.voxel_um
    if bore.voxel_um > scan_um:
        raise ValueError(
            f"voxels of the truth are {bore.voxel_um:g} µm, those of the scan {scan_um:g} µm; make the truth's as fine"
        )
    stamp, config = _stamp(design, file_format, before=before), folder / "run.yaml"
    _claim(folder, stamp)
    if config.exists():
        return config
    states = {"": design.preset.charge} | ({"before": Charge(0.0)} if before else {})
    for place, charge in states.items():
        cell = build_cell(
            design.preset.design,
            charge,
            seed=design.seed,
            memory_gib=memory_gib,
            progress=lambda done, steps: advance("cell", done, steps),
        )
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / STAMP, stamp)
        first = len(design.gases) * design.seed + (BEFORE_SEEDS if place else 0)
        _write_state(folder / place, design, cell, first, file_format, memory_gib, threads, advance)
    write_text(config, config_text(design, FORMATS[file_format][1], before=before))
    return config


def _stamp(design: TwinDesign, file_format: str, *, before: bool) -> str:
    """Write down all that decides what is made."""
    acquisition = design.acquisition
    spectrum = acquisition.spectrum
    values = {
        "xelith": __version__,
        "seed": design.seed,
        "format": file_format,
        "before": before,
        "cell": asdict(design.preset.design),
        "charge": asdict(design.preset.charge),
        "scan": asdict(replace(acquisition, spectrum=None)),  # type: ignore[arg-type]
        "spectrum": {
            "name": spectrum.name,
            "mean_kev": spectrum.mean_kev,
            "sha256": fingerprint(spectrum.energy_kev.tolist(), spectrum.photons.tolist()),
        },
        "gases": {name: asdict(gas) for name, gas in design.gases.items()},
        "poses": {name: asdict(pose) for name, pose in design.poses.items()},
        "true_centre_px": acquisition.axis_px,
    }
    return json.dumps(values, indent=1) + "\n"


def _claim(folder: Path, stamp: str) -> None:
    """Refuse a folder that holds anything but a part of this simulation, or the mark of one that made nothing."""
    if not folder.exists() or (folder.is_dir() and {path.name for path in folder.iterdir()} <= {STAMP}):
        return
    if not (folder / STAMP).is_file():
        raise ValueError(f"{folder} holds files; give a new or empty --out")
    if (folder / STAMP).read_text(encoding="utf8") != stamp:
        raise ValueError(f"{folder} holds another simulation, see {STAMP} in it; give a new or empty --out")
    for half in (*folder.glob(".*.partial-*"), *folder.glob("before/.*.partial-*")):
        shutil.rmtree(half) if half.is_dir() else half.unlink()


def _write_state(
    folder: Path,
    design: TwinDesign,
    cell: Cell,
    first_seed: int,
    file_format: str,
    memory_gib: float,
    threads: int | None,
    advance: Advance,
) -> None:
    """Write scans and truth of a cell, but for what is there."""
    folder.mkdir(exist_ok=True)
    acquisition, (write, ending) = design.acquisition, FORMATS[file_format]
    middle = centred(cell, acquisition)
    for index, (name, gas) in enumerate(design.gases.items()):
        path = folder / f"{name}{ending}"
        if path.exists():
            continue
        stage = f"{folder.name}/{name}" if folder.name == "before" else name

        def _report(done: int, stage: str = stage) -> None:
            advance(f"{stage}: simulated", done, acquisition.n_views)

        scan = streamed(
            cell,
            gas,
            acquisition,
            seed=first_seed + index,
            pose=_pose(middle, design.poses.get(name)),
            threads=threads,
            memory_gib=memory_gib,
            progress=_report,
        )
        write(path, replace(scan, provenance=dict(scan.provenance) | {"sample": f"simulated {cell.name}"}))
    write_truth(folder, cell, truth_grid(cell, acquisition, middle), memory_gib=memory_gib, advance=advance)


def _pose(middle: Pose, beside: Pose | None) -> Pose:
    """Return where the cell stands in a scan: in the middle of the rows, and moved from there."""
    if beside is None:
        return middle
    return replace(middle.moved(beside.shift_um), turn_rad=beside.turn_rad)


def write_truth(folder: Path, cell: Cell, grid: TruthGrid, *, memory_gib: float, advance: Advance) -> None:
    """Write the truth of a cell, slab by slab: balance, phases, and shares of phases and of lithium metal.

    `truth.ome.zarr` holds the phases, `truth.ome.zarr/fractions/NAME` the shares, `truth.json` the balance and
    `truth_thickness.tif` the lithium over each pixel of the electrode in µm; the JSON is written last.

    Parameters
    ----------
    folder : Path
        Where it goes; what is there is kept.
    cell : Cell
        The cell.
    grid : TruthGrid
        Its grid.
    memory_gib : float
        Memory to keep to, in GiB.
    advance : callable
        Told of every finished row.
    """
    target = folder / "truth.ome.zarr"
    if (folder / "truth.json").exists() and target.exists():
        return
    height = next((n for n in (16, 8, 4) if n * _row_bytes(grid) < 0.5 * memory_gib * 2**30), 2)
    layout = plan_layout(grid.shape, voxel_um=grid.voxel_um, slab=height)
    partial = target.with_name(target.name + ".partial")
    create_image(partial, layout, name="truth", dtype=np.uint8, attributes={"quantity": "phase, as simulated"})
    zarr.open_group(partial / "fractions", mode="a", zarr_format=3)
    shares = {phase.name.lower(): phase for phase in Phase if phase is not Phase.LITHIUM}
    for name in (*shares, "lithium"):
        _create_share(partial / "fractions" / name, layout, name)
    film_um = np.zeros(grid.shape[1:], dtype=np.float32)
    for slab in layout.slabs:
        rows = grid.rows(slab.start, slab.stop)
        write_slab(partial, layout, slab, rows.labels)
        for name, phase in shares.items():
            write_slab(partial / "fractions" / name, layout, slab, rows.fractions[phase])
        write_slab(partial / "fractions" / "lithium", layout, slab, rows.lithium)
        film_um += rows.film_um
        advance("truth", slab.stop, grid.shape[0])
    publish(partial, target)
    write_map(folder / "truth_thickness.tif", grid.thickness_um(film_um), grid.voxel_um)
    write_text(folder / "truth.json", json.dumps(balance_of(cell).summary(), indent=1) + "\n")


def _row_bytes(grid: TruthGrid) -> int:
    """Memory that a row of the truth takes while it is put together: shares twice, and what ranks them."""
    return (8 * len(Phase) + 24) * grid.shape[1] * grid.shape[2]


def _create_share(path: Path, layout: ImageLayout, name: str) -> None:
    what = "lithium metal, mixtures included" if name == "lithium" else name
    attributes: Mapping[str, Any] = {"quantity": f"share of the voxel that is {what}", "unit": "1"}
    create_image(path, layout, name=name, dtype=np.float32, attributes=attributes, compressed=True)

"""`xelith demo`: a simulated cell whose scans and truth are written to disk, as if they had come from a beamline."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from .. import __version__
from ..simulation.truth import Truth
from .job import Advance
from .ledger import Ledger, fingerprint
from .run import STATE
from .store import create_image, plan_layout, write_slab, write_text


def prepare_demo(folder: Path, *, seed: int, advance: Advance) -> Path:
    """Simulate the demo's scans into a folder, unless they are there, and write its configuration.

    Parameters
    ----------
    folder : Path
        The run folder.
    seed : int
        Seed of the cell and of the noise.
    advance : callable
        Told of every finished scan.

    Returns
    -------
    Path
        The configuration.

    Raises
    ------
    ValueError
        If the folder holds other files.
    """
    strangers = folder.is_dir() and not (folder / STATE).is_dir() and any(folder.iterdir())
    if strangers:
        names = ", ".join(sorted(path.name for path in folder.iterdir())[:3])
        raise ValueError(f"{folder} holds other files ({names}); give an empty or new --out")
    raw = folder / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(folder / STATE / "demo.jsonl")
    mark = fingerprint(seed, __version__)
    files = [raw / name for name in ("argon.h5", "xenon.h5", "truth.json", "truth.ome.zarr")]
    if not (ledger.done("demo", 0, mark) and all(path.exists() for path in files)):
        _simulate(raw, seed, advance)
        ledger.record("demo", 0, mark)
    config = folder / "demo.yaml"
    text = _config_text(seed)
    if not config.exists() or config.read_text(encoding="utf8") != text:
        write_text(config, text)
    return config


def _simulate(raw: Path, seed: int, advance: Advance) -> None:
    from ..scans.writing import write_data_exchange
    from ..simulation.demo import demo_acquisition, demo_scans

    views = demo_acquisition().n_views
    _, scans, truth = demo_scans(seed, progress=lambda name, done: advance(f"{name}: simulated", done, views))
    for name, scan in scans.items():
        write_data_exchange(raw / f"{name}.h5", scan, overwrite=True)
    _write_labels(raw / "truth.ome.zarr", truth)
    write_text(raw / "truth.json", json.dumps(truth.summary(), indent=1))


def _write_labels(target: Path, truth: Truth) -> None:
    """Write the phase that fills most of each voxel, on the grid of the reconstruction."""
    n_z, n_y, n_x = truth.labels.shape
    layout = plan_layout((n_z, n_y, n_x), voxel_um=truth.voxel_um)
    create_image(target, layout, name="truth", dtype=np.uint8, attributes={"quantity": "phase, as simulated"})
    for slab in layout.slabs:
        write_slab(target, layout, slab, truth.labels[slab.slice])


def _config_text(seed: int) -> str:
    text = resources.files("xelith.configs").joinpath("demo.yaml").read_text(encoding="utf8")
    values: dict[str, Any] = yaml.safe_load(text)
    name = values["sample"]
    return text.replace(f"sample: {name}", f"sample: {name}, seed {seed}")

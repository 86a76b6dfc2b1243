"""Small cells of known truth, scanned, reconstructed, segmented and measured by a run: for coverage of intervals."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from xelith.materials import Gas, lithium
from xelith.pipeline.run import run_config
from xelith.scans.writing import write_data_exchange
from xelith.simulation.acquisition import Acquisition, Pose
from xelith.simulation.charge import Charge
from xelith.simulation.design import Bore, Carbon, CellDesign, Collector, Film
from xelith.simulation.presets import Preset
from xelith.simulation.setups import demo_setup, resized
from xelith.simulation.twin import twin

VOXEL_UM = 3.0
GASES = {"argon": Gas("argon", 1.0), "xenon": Gas("xenon", 6.0)}


def acquisition(photons: float = 3e4) -> Acquisition:
    """240 views of 56 x 120 pixels of 3 µm."""
    small = resized(demo_setup(), n_rows=56, n_cols=120, n_views=240)
    return replace(small, detector=replace(small.detector, pixel_um=VOXEL_UM), photons=photons)


def design(film: Film | None = None, *, collector: Collector | None = None, **changes: Any) -> CellDesign:
    """A process-3 cell 0.27 mm wide."""
    parts: dict[str, Any] = {
        "bore": Bore(inner_diameter_um=270.0, height_um=180.0, voxel_um=1.5, walls_um=(12.0, 9.0, 15.0)),
        "collector": collector or Collector(thickness_um=22.0),
        "film": film or Film(correlation_um=40.0, pockets=4, bare_spots=1),
        "carbon": Carbon(),
        "name": "kodama-process-3",
    }
    return CellDesign(**parts | changes)


def write_cell(
    preset: Preset,
    folder: Path,
    *,
    seed: int,
    noise_seed: int | None = None,
    photons: float = 3e4,
    declared: float = 1.0,
) -> Path:
    """Scan a cell into a folder, with its truth and the configuration of its run.

    `declared` is the charge that the configuration states, over that which passed; `noise_seed` tells other scans of
    the cell of one seed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    poses = dict.fromkeys(GASES, Pose(shift_um=(-5.2, 0.0, 0.0)))
    made = twin(preset, acquisition(photons), GASES, seed=seed, noise_seed=noise_seed, poses=poses, threads=1)
    for name, scan in made.scans.items():
        write_data_exchange(folder / f"{name}.h5", scan, overwrite=True)
    (folder / "truth.json").write_text(json.dumps(made.truth.summary()), encoding="utf8")
    capacity = preset.charge.areal_capacity_mah_per_cm2 * declared
    config: dict[str, Any] = {
        "sample": f"cell {seed}",
        "source": {"tube": "Mo", "kv": 44, "filters": [{"formula": "Al", "mm": 0.2}]},
        "scans": {n: {"path": f"{n}.h5", "gas": {"name": n, "pressure_atm": g.pressure_atm}} for n, g in GASES.items()},
        "cell": {
            "preset": "kodama-process-3",
            "inner_diameter_mm": 0.27,
            "outer_diameter_mm": 0.342,
            "collector_end": "low",
        },
        "truth": "truth.json",
        "compute": {"memory_gib": 2},
    }
    if capacity > 0:
        config["charge"] = {"current_density_ma_per_cm2": 0.2, "duration_min": capacity / 0.2 * 60}
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf8")
    return path


def random_cell(seed: int) -> tuple[Preset, float]:
    """A cell with a random film, carbon and charge, and the photons of its scan."""
    rng = np.random.default_rng(1000 + seed)
    film = Film(
        roughness_um=float(rng.uniform(1.5, 6.0)),
        correlation_um=float(rng.uniform(25.0, 60.0)),
        pockets=int(rng.integers(0, 8)),
        pocket_um=float(rng.uniform(8.0, 15.0)),
        bare_spots=int(rng.integers(0, 3)),
        bare_um=float(rng.uniform(8.0, 16.0)),
    )
    carbon = Carbon(thickness_um=float(rng.uniform(18, 26)), porosity=float(rng.uniform(0.2, 0.4)))
    thickness_um = float(rng.uniform(30.0, 75.0))
    collector = Collector(thickness_um=float(rng.uniform(19.0, 23.0)))
    made = design(film, collector=collector, carbon=carbon)
    capacity = thickness_um * float(lithium.areal_capacity_mah_per_cm2(1.0))
    return Preset(made, Charge(capacity), ""), float(10 ** rng.uniform(4.0, 4.6))


def measured(config: Path, out: Path) -> dict[str, Any]:
    """Run a configuration without progress bars."""
    return run_config(config, out, advance=lambda stage, done, total: None)


def measured_cell(seed: int, folder: Path) -> dict[str, float]:
    """Film, balance and truth of a random cell, in µm."""
    preset, photons = random_cell(seed)
    results = measured(write_cell(preset, folder, seed=seed, photons=photons), folder / "run")
    balance, truth = results["balance"], results["truth"]
    return {
        "seed": seed,
        "photons": photons,
        "true_um": truth["mean_thickness_um"],
        "film_um": balance["film_um"],
        "film_um_std": balance["film_um_std"],
        "measured_um": balance["measured_um"],
        "measured_um_std": balance["measured_um_std"],
        "closure": balance["closure"],
    }

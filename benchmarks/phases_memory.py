"""Peak memory of a whole run with two gases, phases, fractions, metrology and report, stage by stage.

    python benchmarks/phases_memory.py --times 3 --memory-gib 1

The demo's cell (two scans of 360 views of 90 x 240 pixels), scanned with pixels `times` as fine, so that the cell stays
what it is and the volumes grow with the cube. Memory is the sum of the resident memory of this process and its
children, sampled 20 times a second, less the same after a run of the demo as it is.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from engine_memory import GIB, Watch

from xelith.pipeline.allocation import keep_memory
from xelith.pipeline.run import run_config
from xelith.scans.writing import write_data_exchange
from xelith.simulation.demo import DEMO, GASES, POSE
from xelith.simulation.setups import demo_setup
from xelith.simulation.twin import twin


def write_cell(folder: Path, times: int, compute: dict[str, Any]) -> Path:
    """Scan the demo's cell with finer pixels, and write the configuration that runs it."""
    setup = demo_setup()
    old = setup.detector
    sizes = {"n_rows": old.n_rows * times, "n_cols": old.n_cols * times, "pixel_um": old.pixel_um / times}
    fine = replace(setup, detector=replace(old, **sizes), centre_px=(setup.centre_px + 0.5) * times - 0.5)
    design = DEMO.design
    truth = replace(design, bore=replace(design.bore, voxel_um=min(design.bore.voxel_um, fine.voxel_um)))
    made = twin(replace(DEMO, design=truth), fine, GASES, seed=0, poses=dict.fromkeys(GASES, POSE), threads=2)
    (folder / "raw").mkdir(parents=True)
    for name, scan in made.scans.items():
        write_data_exchange(folder / "raw" / f"{name}.h5", scan)
    (folder / "raw" / "truth.json").write_text(json.dumps(made.truth.summary()))
    values = yaml.safe_load(resources.files("xelith.configs").joinpath("demo.yaml").read_text(encoding="utf8"))
    path = folder / "cell.yaml"
    path.write_text(yaml.safe_dump(values | {"compute": compute}))
    return path


def measure(config: Path, folder: Path) -> dict[str, Any]:
    """Run a configuration and return its peaks."""
    watch = Watch()
    before, clock = watch.resident(), time.perf_counter()
    peaks: dict[str, float] = {}
    at = {"stage": "opening"}

    def advance(stage: str, done: int, total: int) -> None:
        if stage != at["stage"]:
            peaks[at["stage"]] = round((watch.peak - before) / GIB, 3)
            at["stage"], watch.peak = stage, watch.resident()

    watch.start()
    results = run_config(config, folder, advance=advance)
    watch.stop()
    peaks[at["stage"]] = round((watch.peak - before) / GIB, 3)
    return {
        "peak_above_imports_gib": max(peaks.values()),
        "peaks_gib": peaks,
        "seconds": round(time.perf_counter() - clock, 1),
        "film_um": results["deposit"]["mean_thickness_um"],
        "verdict": results["balance"]["verdict"],
        "load": os.getloadavg()[0],
    }


def main() -> None:
    """Run the demo as it is, then enlarged."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, nargs="+", default=[3])
    parser.add_argument("--memory-gib", type=float, default=1.0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--make", type=Path, help="only simulate, into this folder: simulation takes memory of its own")
    parser.add_argument("--plain", action="store_true", help="leave the C library's allocator as it is")
    asked = parser.parse_args()
    if not asked.plain:
        keep_memory()  # as the command line does
    if asked.make is not None:
        write_cell(asked.make, asked.times[0], {"memory_gib": asked.memory_gib})
        return
    folder, compute = Path(tempfile.mkdtemp(dir=asked.folder)), {"memory_gib": asked.memory_gib}
    try:
        warm = write_cell(folder / "warm", 1, compute)
        run_config(warm, folder / "warm" / "out", advance=lambda *_: None)
        for times in asked.times:
            command = [sys.executable, __file__, "--make", str(folder / str(times)), "--times", str(times)]
            subprocess.run([*command, "--memory-gib", str(asked.memory_gib)], check=True)
            scans = sum(path.stat().st_size for path in (folder / str(times) / "raw").glob("*.h5"))
            found = measure(folder / str(times) / "cell.yaml", folder / str(times) / "out")
            volume = 2 * 4 * (90 * times) * (240 * times) ** 2
            sizes = {"times": times, **compute, "scans_gib": scans / GIB, "volumes_gib": volume / GIB}
            print(json.dumps(sizes | found), flush=True)
            shutil.rmtree(folder / str(times))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

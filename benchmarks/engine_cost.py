"""What the engine costs: CPU time per slice over the height of a scan, and beside the same functions called by hand.

    python benchmarks/engine_cost.py --views 360 --columns 384 --rows 128 256 512 1024

CPU time, not time on the clock, so that other work on the machine disturbs little. By hand: the frames read from the
same file in one piece, corrected and reconstructed by the same functions with the arrays in memory, nothing written.
"""

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from engine_memory import write_config, write_scan

from xelith.arrays import blocks
from xelith.pipeline.chain import correct_block, reconstruct_slab
from xelith.pipeline.fields import open_fields
from xelith.pipeline.loading import load_config
from xelith.pipeline.opening import open_entry
from xelith.pipeline.run import run_config
from xelith.pipeline.selection import select_theta
from xelith.pipeline.steps import Layout


def by_hand(config_path: Path) -> dict[str, float]:
    """CPU seconds of the same chain with everything in memory."""
    config = load_config(config_path)
    opened = open_entry(config, "main")
    scan, chosen = opened.scan, opened.selection
    assert scan is not None and chosen is not None and scan.theta is not None
    steps = {layout: tuple(s for s in config.chain("main") if s.reads is layout) for layout in Layout}
    started = time.process_time()
    fields = open_fields(scan, chosen)
    n_theta = chosen.shape[0]
    parts = []
    for block in blocks(n_theta, 64):
        first, last = max(block.start - 1, 0), min(block.stop + 1, n_theta)
        frames = chosen.read(scan.projections, first, last)
        halo = (block.start - first, last - block.stop)
        parts.append(correct_block(frames, fields, steps[Layout.PROJECTIONS], first_view=first, halo=halo).integrals)
    integrals = np.concatenate(parts)
    corrected = time.process_time()
    theta = select_theta(scan.theta, chosen)
    for slab in blocks(chosen.shape[1], 32):
        sinograms = np.ascontiguousarray(np.swapaxes(integrals[:, slab.slice], 0, 1))
        reconstruct_slab(
            sinograms, theta, steps[Layout.SINOGRAMS], centre_px=(chosen.shape[2] - 1) / 2, voxel_um=5.0, threads=1
        )
    done = time.process_time()
    return {"corrections_s": corrected - started, "reconstruction_s": done - corrected}


def measure(folder: Path, sizes: tuple[int, int, int], compute: dict[str, Any]) -> dict[str, Any]:
    """Run one scan both ways and return CPU seconds."""
    folder.mkdir(parents=True)
    write_scan(folder / "scan.h5", *sizes)
    with h5py.File(folder / "scan.h5") as file:
        file["exchange/theta"][:]
    config = write_config(folder, compute)
    marks: dict[str, float] = {}
    started, clock = time.process_time(), time.perf_counter()

    def advance(stage: str, done: int, total: int) -> None:
        marks.setdefault(stage, time.process_time())

    run_config(config, folder / "out", advance=advance)
    seconds = time.perf_counter() - clock
    ended = time.process_time()
    passes = marks["main: centre"] - marks["main: projections"], marks["report"] - marks["main: volume"]
    hand = by_hand(config)
    whole = sum(hand.values())
    shutil.rmtree(folder)
    return {
        "views_rows_columns": list(sizes),
        "compute": compute,
        "run_cpu_s": round(ended - started, 2),
        "first_pass_cpu_s": round(passes[0], 2),
        "second_pass_cpu_s": round(passes[1], 2),
        "both_passes_cpu_ms_per_slice": round(1e3 * sum(passes) / sizes[1], 3),
        "by_hand_cpu_s": {name: round(value, 2) for name, value in hand.items()},
        "passes_over_by_hand": round(sum(passes) / whole, 3),
        "run_clock_s": round(seconds, 1),
    }


def main() -> None:
    """Compile everything on a small scan, then measure each height."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--views", type=int, default=360)
    parser.add_argument("--rows", type=int, nargs="+", default=[128, 256, 512, 1024])
    parser.add_argument("--columns", type=int, default=384)
    parser.add_argument("--memory-gib", type=float, default=1.0)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    compute = {"memory_gib": asked.memory_gib, "threads": 1}
    try:
        measure(folder / "warm", (64, 16, 96), compute)
        for rows in asked.rows:
            print(json.dumps(measure(folder / str(rows), (asked.views, rows, asked.columns), compute)), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

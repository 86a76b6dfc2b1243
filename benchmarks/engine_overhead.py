"""What the engine adds to the same functions called by hand on the same file, in CPU time and on the clock.

    python benchmarks/engine_overhead.py --views 900 --rows 128 --columns 1024 --rounds 3 --threads 1 2

By hand: the frames are read from the file in blocks of 64 views, corrected, kept in memory, reconstructed in slabs of
32 rows and kept in memory: no scratch, nothing hashed, no pyramid, no checksums, nothing that could go on after a
crash. Once the volume is only made, once it is also written to an uncompressed zarr array, slab by slab, as a user
would. The engine does all it does in a run: scratch, hashes, pyramid, checksums, ledger, data on the disk itself. The
axis is given to both. Rounds are interleaved; printed are medians, and the ratios of each round.
"""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import zarr
from clocks import Clocks, clocks
from engine_memory import write_config, write_scan

from xelith.arrays import Block, blocks, thread_map
from xelith.pipeline.allocation import keep_memory
from xelith.pipeline.chain import correct_block, reconstruct_slab
from xelith.pipeline.engine import reconstruct
from xelith.pipeline.fields import open_fields
from xelith.pipeline.job import Job
from xelith.pipeline.ledger import Ledger
from xelith.pipeline.loading import load_config
from xelith.pipeline.opening import Opened, open_entry
from xelith.pipeline.selection import select_theta
from xelith.pipeline.status import LEDGER, STATE
from xelith.pipeline.steps import Layout

VIEWS, SLAB = 64, 32


def by_hand(opened: Opened, steps: dict[Layout, Any], threads: int, target: Path | None) -> tuple[Clocks, ...]:
    """Correct and reconstruct with everything in memory; write the volume where a target is given."""
    scan, chosen = opened.scan, opened.selection
    assert scan is not None and chosen is not None and scan.theta is not None
    n_theta, n_rows, n_cols = chosen.shape
    marks = [clocks()]
    fields = open_fields(scan, chosen)
    integrals = np.empty(chosen.shape, np.float32)

    def correct(block: Block) -> None:
        first, last = max(block.start - 1, 0), min(block.stop + 1, n_theta)
        frames = chosen.read(scan.projections, first, last)
        halo = (block.start - first, last - block.stop)
        done = correct_block(frames, fields, steps[Layout.PROJECTIONS], first_view=first, halo=halo)
        integrals[block.slice] = done.integrals

    list(thread_map(correct, blocks(n_theta, VIEWS), threads=threads))
    marks.append(clocks())
    volume = np.empty((n_rows, n_cols, n_cols), np.float32)
    array: Any = None
    if target is not None:
        chunks = (SLAB, min(n_cols, 256), min(n_cols, 256))
        array = zarr.create_array(target, shape=volume.shape, chunks=chunks, dtype="f4", compressors=None)
    theta, facts = select_theta(scan.theta, chosen), {"centre_px": (n_cols - 1) / 2, "voxel_um": 5.0, "threads": 1}

    def make(slab: Block) -> None:
        sinograms = np.ascontiguousarray(np.swapaxes(integrals[:, slab.slice], 0, 1))
        volume[slab.slice] = reconstruct_slab(sinograms, theta, steps[Layout.SINOGRAMS], **facts)
        if array is not None:
            array[slab.slice] = volume[slab.slice]

    list(thread_map(make, blocks(n_rows, SLAB), threads=threads))
    return (*marks, clocks())


def by_engine(opened: Opened, config: Any, threads: int, folder: Path) -> tuple[Clocks, ...]:
    """Do the same with the engine, as a run does."""
    assert opened.scan is not None and opened.selection is not None
    seen: dict[str, Clocks] = {}

    def advance(stage: str, done: int, total: int) -> None:
        seen.setdefault(stage, clocks())

    job = Job(
        name="main",
        scan=opened.scan,
        selection=opened.selection,
        chain=config.chain("main"),
        folder=folder,
        compute=config.compute.model_copy(update={"threads": threads}),
        advance=advance,
    )
    (folder / STATE).mkdir(parents=True)
    started = clocks()
    reconstruct(job, Ledger(folder / STATE / LEDGER), "benchmark")
    return started, seen["main: volume"], seen["main: quality"]


def spent(marks: tuple[Clocks, ...]) -> dict[str, float]:
    """Seconds of CPU and on the clock, of both passes and of each."""
    first, second = ([b - a for a, b in zip(*pair, strict=True)] for pair in pairwise(marks))
    names = ("cpu_s", "clock_s")
    both = {name: first[k] + second[k] for k, name in enumerate(names)}
    passes = {"first": first, "second": second}
    return both | {f"{at}_{name}": part[k] for at, part in passes.items() for k, name in enumerate(names)}


def write_shares(ledger: Path) -> dict[str, float]:
    """Share of writing, with the pyramid and the checksums, in the time of the blocks of each pass."""
    lines = [json.loads(line) for line in ledger.read_text().split("\n") if line]
    shares = {}
    for stage in ("integrals", "volume"):
        seconds = [x["facts"]["seconds"] for x in lines if x.get("stage") == f"main/{stage}" and x["block"] >= 0]
        shares[f"{stage}_write_share"] = sum(s["write"] for s in seconds) / sum(s["block"] for s in seconds)
    return shares


def measure(folder: Path, config_path: Path, threads: int, rounds: int) -> dict[str, Any]:
    """Interleave the three ways, and compare them."""
    config = load_config(config_path)
    opened = open_entry(config, "main")
    steps = {layout: tuple(s for s in config.chain("main") if s.reads is layout) for layout in Layout}
    ways: dict[str, Callable[[Path], tuple[Clocks, ...]]] = {
        "by_hand": lambda at: by_hand(opened, steps, threads, None),
        "by_hand_and_zarr": lambda at: by_hand(opened, steps, threads, at),
        "engine": lambda at: by_engine(opened, config, threads, at),
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    shares: dict[str, float] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            target = folder / name
            found[name].append(spent(way(target)))
            print(json.dumps({"threads": threads, "way": name} | found[name][-1]), flush=True)
            if name == "engine":
                shares = write_shares(target / STATE / LEDGER)
            shutil.rmtree(target, ignore_errors=True)
            os.sync()  # so that one way does not wait for what another has left to write
    ratios = {
        f"engine_over_{name}_{clock}": [
            round(e[f"{clock}_s"] / h[f"{clock}_s"], 3) for e, h in zip(found["engine"], found[name], strict=True)
        ]
        for name in ("by_hand", "by_hand_and_zarr")
        for clock in ("cpu", "clock")
    }
    return {
        "threads": threads,
        "medians_s": {n: {k: round(median(r[k] for r in rs), 3) for k in rs[0]} for n, rs in found.items()},
        "ratios": {name: {"median": median(values), "rounds": values} for name, values in ratios.items()},
        "write_shares": {name: round(value, 3) for name, value in shares.items()},
        "load": os.getloadavg()[0],
    }


def main() -> None:
    """Compile everything on a small scan, then measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--views", type=int, default=900)
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--columns", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--memory-gib", type=float, default=4.0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--plain", action="store_true", help="leave the C library's allocator as it is")
    asked = parser.parse_args()
    if not asked.plain:
        keep_memory()  # as the command line does
    folder = Path(tempfile.mkdtemp(dir=asked.folder))
    try:
        for name, sizes in (("warm", (70, 40, 96)), ("scan", (asked.views, asked.rows, asked.columns))):
            (folder / name).mkdir()
            write_scan(folder / name / "scan.h5", *sizes)
            config = write_config(folder / name, {"memory_gib": asked.memory_gib}, centre_px=(sizes[2] - 1) / 2)
            for threads in asked.threads if name == "scan" else [1]:
                result = measure(folder / name, config, threads, asked.rounds if name == "scan" else 1)
                if name == "scan":
                    print(json.dumps({"views_rows_columns": list(sizes)} | result), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

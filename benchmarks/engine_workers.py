"""How much faster two workers, or two threads, take a scan from frames to µ than one.

    python benchmarks/engine_workers.py --views 720 --rows 256 --columns 512 --rounds 3

Each way reconstructs the same scan, its axis given: one and two threads of this process, and one and two Dask workers
of one thread each (`scheduler: local`), started and warmed before. Rounds are interleaved. The clock tells of other
work on the machine too; CPU seconds (of all processes) tell what two cost more than one, as they share cache and
memory. What a run does once (axis, quality, report) is left out here, and stands in docs/explanation/scaling.md.
"""

import argparse
import json
import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from clocks import Clocks, clocks
from engine_memory import write_config, write_scan

from xelith.pipeline.cluster import open_workers
from xelith.pipeline.compute import Compute
from xelith.pipeline.engine import reconstruct
from xelith.pipeline.job import Job
from xelith.pipeline.ledger import Ledger
from xelith.pipeline.loading import load_config
from xelith.pipeline.opening import open_entry
from xelith.pipeline.status import LEDGER, STATE

WAYS = {
    "1 thread": {"threads": 1},
    "2 threads": {"threads": 2},
    "1 worker": {"scheduler": "local", "workers": 1, "threads": 1},
    "2 workers": {"scheduler": "local", "workers": 2, "threads": 1},
}
Marks = dict[str, Clocks]


def passes(config_path: Path, compute: Compute, workers: Any, folder: Path) -> dict[str, float]:
    """Reconstruct once; seconds of both passes."""
    config = load_config(config_path)
    opened = open_entry(config, "main")
    assert opened.scan is not None and opened.selection is not None
    seen: Marks = {}

    def advance(stage: str, done: int, total: int) -> None:
        if stage not in seen:
            seen[stage] = clocks()

    chain = config.chain("main")
    job = Job("main", opened.scan, opened.selection, chain, folder, compute, advance=advance, workers=workers)
    (folder / STATE).mkdir(parents=True)
    start = clocks()
    reconstruct(job, Ledger(folder / STATE / LEDGER), "benchmark")
    shutil.rmtree(folder)
    os.sync()
    first, second = ([b - a for a, b in zip(*pair, strict=True)] for pair in _pairs(start, seen))
    return {
        "cpu_s": first[0] + second[0],
        "clock_s": first[1] + second[1],
        "first_clock_s": first[1],
        "second_clock_s": second[1],
    }


def _pairs(start: tuple[float, float], seen: Marks) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    return [(start, seen["main: volume"]), (seen["main: volume"], seen["main: quality"])]


def main() -> None:
    """Warm every way on a small scan, then go round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--views", type=int, default=720)
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-gib", type=float, default=2.0)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    found: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
    sizes = {"warm": (130, 64, 96), "scan": (asked.views, asked.rows, asked.columns)}
    configs = {}
    for name, size in sizes.items():
        (folder / name).mkdir()
        write_scan(folder / name / "scan.h5", *size)
        configs[name] = write_config(folder / name, {}, centre_px=(size[2] - 1) / 2)
    try:
        with ExitStack() as stack:
            computes = {n: Compute(memory_gib=asked.memory_gib, device="cpu", **way) for n, way in WAYS.items()}
            workers = {name: stack.enter_context(open_workers(compute)) for name, compute in computes.items()}
            for name, compute in computes.items():
                passes(configs["warm"], compute, workers[name], folder / "out")
            for number in range(asked.rounds):
                for name, compute in computes.items():
                    found[name].append(passes(configs["scan"], compute, workers[name], folder / "out"))
                    print(json.dumps({"round": number, "way": name} | found[name][-1]), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    medians = {name: {key: round(median(r[key] for r in rs), 3) for key in rs[0]} for name, rs in found.items()}
    ratios = {}
    for kind in ("threads", "workers"):
        pairs = list(zip(found[f"1 {kind[:-1]}"], found[f"2 {kind}"], strict=True))
        ratios |= {f"{kind}_{key}": round(median(a[key] / b[key] for a, b in pairs), 3) for key in pairs[0][0]}
    facts = {"views_rows_columns": sizes["scan"], "medians": medians, "one_over_two": ratios}
    print(json.dumps(facts | {"load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main()

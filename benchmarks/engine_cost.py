"""What a slice costs over the height of a scan: whole runs, in CPU time and on the clock.

    python benchmarks/engine_cost.py --views 360 --columns 384 --rows 128 1024 --rounds 3

Heights are interleaved, so that other work on the machine meets all of them. What a run does once (axis, quality,
results, report) is told apart from its two passes. `engine_overhead.py` puts the passes beside the same functions
called by hand, `engine_workers.py` two workers beside one.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from engine_memory import write_config, write_scan

from xelith.pipeline.allocation import keep_memory
from xelith.pipeline.run import run_config


def measure(config: Path, folder: Path, n_rows: int) -> dict[str, float]:
    """Run one scan; milliseconds a slice in both passes, and seconds of all else."""
    marks: dict[str, tuple[float, float]] = {}
    started = time.process_time(), time.perf_counter()

    def advance(stage: str, done: int, total: int) -> None:
        marks.setdefault(stage, (time.process_time(), time.perf_counter()))

    run_config(config, folder, advance=advance)
    ended = time.process_time(), time.perf_counter()
    found = {}
    for k, name in enumerate(("cpu", "clock")):
        passes = marks["main: centre"][k] - started[k] + marks["main: quality"][k] - marks["main: volume"][k]
        found[f"passes_{name}_ms_per_slice"] = 1e3 * passes / n_rows
        found[f"once_{name}_s"] = ended[k] - started[k] - passes
    return found


def main() -> None:
    """Compile everything on a small scan, then go round the heights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--views", type=int, default=360)
    parser.add_argument("--rows", type=int, nargs="+", default=[128, 1024])
    parser.add_argument("--columns", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory-gib", type=float, default=1.0)
    parser.add_argument("--plain", action="store_true", help="leave the C library's allocator as it is")
    asked = parser.parse_args()
    if not asked.plain:
        keep_memory()  # as the command line does
    folder = Path(tempfile.mkdtemp())
    found: dict[int, list[dict[str, float]]] = {rows: [] for rows in asked.rows}
    try:
        configs = {}
        for rows, size in [(0, (64, 16, 96)), *((n, (asked.views, n, asked.columns)) for n in asked.rows)]:
            (folder / str(rows)).mkdir()
            write_scan(folder / str(rows) / "scan.h5", *size)
            compute: dict[str, Any] = {"memory_gib": asked.memory_gib, "threads": asked.threads}
            configs[rows] = write_config(folder / str(rows), compute)
        for number in range(asked.rounds + 1):
            for rows in asked.rows if number else [0]:
                one = measure(configs[rows], folder / "out", rows or 16)
                shutil.rmtree(folder / "out")
                os.sync()
                if number:
                    found[rows].append(one)
                    print(json.dumps({"round": number, "rows": rows} | one), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for rows, ones in found.items():
        facts = {"views_rows_columns": (asked.views, rows, asked.columns), "threads": asked.threads}
        medians = {key: round(median(one[key] for one in ones), 3) for key in ones[0]}
        print(json.dumps(facts | medians | {"load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main()

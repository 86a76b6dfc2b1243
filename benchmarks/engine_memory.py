"""Peak memory, time and bytes read of a whole `xelith run`, above what importing and a first small run take.

    python benchmarks/engine_memory.py --memory-gib 1 --views 2560 --rows 1024 --columns 1280

Writes a scan of a disc in 16-bit counts (HDF5, frame by frame), runs it, and prints one JSON object. Memory is the sum
of the resident memory of this process and its children, sampled 20 times a second, less the same after a small run.
"""

import argparse
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import dask
import h5py
import numpy as np
import psutil
import yaml

from xelith.pipeline.allocation import keep_memory
from xelith.pipeline.run import run_config
from xelith.scans import hdf_chunks

GIB = 2**30
NOTES = "XELITH_UNPACKED_NOTES"
FLAT, DARK, PIXEL_UM, MU_PER_CM = 40_000.0, 200.0, 5.0, 6.0


def write_scan(path: Path, n_theta: int, n_rows: int, n_cols: int, *, packed: int = 0) -> None:
    """Write counts behind a centred disc, with noise of one frame moved on from view to view; packed in gzip chunks."""
    s = np.arange(n_cols) - (n_cols - 1) / 2
    chord_cm = 2 * np.sqrt(np.clip((0.4 * n_cols) ** 2 - s**2, 0, None)) * PIXEL_UM * 1e-4
    light = DARK + (FLAT - DARK) * np.exp(-MU_PER_CM * chord_cm * 256 / n_cols)
    noise = np.random.default_rng(0).normal(0, 30, (n_rows, n_cols))
    with h5py.File(path, "w") as file:
        facts = {"chunks": (packed, n_rows, n_cols), "compression": "gzip", "compression_opts": 1} if packed else {}
        data = file.create_dataset("exchange/data", (n_theta, n_rows, n_cols), "u2", **facts)
        for start in range(0, n_theta, packed or 1):
            views = range(start, min(start + (packed or 1), n_theta))
            data[views.start : views.stop] = [np.clip(light + np.roll(noise, 37 * v, axis=1), 0, 65535) for v in views]
        file["exchange/data_white"] = np.full((4, n_rows, n_cols), FLAT, "u2")
        file["exchange/data_dark"] = np.full((4, n_rows, n_cols), DARK, "u2")
        file["exchange/theta"] = np.arange(n_theta) * 180.0 / n_theta


def write_config(folder: Path, compute: dict[str, Any], **entry: Any) -> Path:
    """Write a configuration that removes rings, and finds the axis unless the scan's entry gives it."""
    values = {
        "sample": "disc",
        "source": {"energy_kev": 25},
        "scans": {"main": {"path": "scan.h5", "pixel_um": PIXEL_UM} | entry},
        "compute": compute,
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def thread_bytes_read() -> int:
    """Bytes that this thread has read so far."""
    facts = Path(f"/proc/self/task/{threading.get_native_id()}/io").read_text()
    return int(facts.split()[1])


def dask_setup(worker: Any) -> None:
    """Count in a Dask worker too, which is started with this file as its preload."""
    note_chunks(Path(os.environ[NOTES]))


def note_chunks(notes: Path) -> Callable[[], None]:
    """Add a line to a file for every chunk of the projections that this process unpacks, until told to stop."""
    unpack = hdf_chunks.unpacked_chunk

    def noted(data: h5py.Dataset, origin: tuple[int, ...], filters: tuple[int, ...]) -> Any:
        with notes.open("a") as file:
            file.write(f"{origin}\n")
        return unpack(data, origin, filters)

    def stop() -> None:
        hdf_chunks.unpacked_chunk = unpack

    hdf_chunks.unpacked_chunk = noted
    return stop


@contextmanager
def counting(notes: Path, *, has_workers: bool) -> Iterator[None]:
    """Note every chunk of the projections that is unpacked, here or in a Dask worker that is started meanwhile."""
    notes.touch()
    os.environ[NOTES] = str(notes)
    stop = note_chunks(notes)
    try:
        with preloaded() if has_workers else nullcontext():
            yield
    finally:
        stop()


def preloaded() -> dask.config.set:
    """Let Dask workers that are started meanwhile load this file."""
    import distributed  # noqa: F401  (its defaults stand before they are changed)

    return dask.config.set({"distributed.worker.preload": [__file__]})


class Watch(threading.Thread):
    """Samples the resident memory of this process and its children; counts the bytes it reads itself for that."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = self.own_bytes = 0
        self._done = threading.Event()
        self._process = psutil.Process()

    def resident(self) -> int:
        """Bytes held now."""
        total = 0
        for process in (self._process, *self._process.children(recursive=True)):
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total

    def run(self) -> None:
        """Sample until stopped."""
        while not self._done.wait(0.05):
            before = thread_bytes_read()
            self.peak = max(self.peak, self.resident())
            self.own_bytes += thread_bytes_read() - before

    def stop(self) -> None:
        """End the sampling."""
        self._done.set()
        self.join()


def measure(folder: Path, sizes: tuple[int, int, int], compute: dict[str, Any], *, packed: int = 0) -> dict[str, Any]:
    """Run one scan and return its figures."""
    folder.mkdir(parents=True)
    write_scan(folder / "scan.h5", *sizes, packed=packed)
    config = write_config(folder, compute)
    size = (folder / "scan.h5").stat().st_size
    watch = Watch()
    before = watch.resident()
    read = psutil.Process().io_counters().read_chars
    watch.start()
    clock = time.perf_counter()
    stages: dict[str, float] = {}
    counted: dict[str, int] = {}

    def advance(stage: str, done: int, total: int) -> None:
        stages.setdefault(stage, time.perf_counter() - clock)
        counted[stage] = psutil.Process().io_counters().read_chars - watch.own_bytes

    has_workers = compute.get("scheduler", "threads") != "threads"
    with counting(folder / "unpacked", has_workers=has_workers):
        results = run_config(config, folder / "out", advance=advance)
    seconds = time.perf_counter() - clock
    watch.stop()
    n_theta, n_rows, n_cols = sizes
    unpacked = len((folder / "unpacked").read_text().splitlines())
    bytes_read = counted["main: projections"] - read
    lines = [json.loads(text) for text in (folder / "out/.xelith/ledger.jsonl").read_text().split("\n") if text]
    blocks = {name: [x for x in lines if x.get("stage") == f"main/{name}"] for name in ("integrals", "volume")}
    spent = {
        name: {
            key: round(sum(line["facts"]["seconds"].get(key, 0) for line in found if line["block"] >= 0), 2)
            for key in ("read", "write", "block")
        }
        for name, found in blocks.items()
    }
    return {
        "views_rows_columns": list(sizes),
        "compute": compute,
        "projections_gib": round(2 * n_theta * n_rows * n_cols / GIB, 3),
        "volume_gib": round(4 * n_rows * n_cols**2 / GIB, 3),
        "peak_above_imports_gib": round((watch.peak - before) / GIB, 3),
        "seconds": round(seconds, 1),
        "seconds_per_slice": round(seconds / n_rows, 4),
        "block_seconds": spent,
        "stage_starts_s": {name: round(value, 1) for name, value in stages.items()},
        "input_bytes_read_over_file_size": None if has_workers else round(bytes_read / size, 3),
        "chunks_unpacked_over_chunks": round(unpacked / -(-n_theta // packed), 3) if packed else None,
        "centre_px": results["scans"]["main"]["centre_px"],
        "load": os.getloadavg()[0],
    }


def main() -> None:
    """Run a small scan to import and compile everything, then the scan that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memory-gib", type=float, default=1.0)
    parser.add_argument("--views", type=int, default=720)
    parser.add_argument("--rows", type=int, nargs="+", default=[256])
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--packed", type=int, default=0, help="frames in a gzip chunk of the scan; default: not packed")
    parser.add_argument("--scheduler", default="threads")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--workers", type=int, help="with --scheduler local")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--plain", action="store_true", help="leave the C library's allocator as it is")
    asked = parser.parse_args()
    if not asked.plain:
        keep_memory()  # as the command line does
    compute: dict[str, Any] = {"memory_gib": asked.memory_gib, "scheduler": asked.scheduler}
    if asked.threads:
        compute["threads"] = asked.threads
    if asked.workers:
        compute["workers"] = asked.workers
    folder = Path(tempfile.mkdtemp(dir=asked.folder))
    try:
        measure(folder / "warm", (64, 16, 96), {"memory_gib": 0.5})
        for rows in asked.rows:
            sizes = (asked.views, rows, asked.columns)
            print(json.dumps(measure(folder / str(rows), sizes, compute, packed=asked.packed)), flush=True)
            shutil.rmtree(folder / str(rows))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

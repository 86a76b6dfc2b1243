"""CPU time of the Fourier transforms inside `fourier_fbp`: its own, SciPy's and MKL's, one thread each, in turns.

    python benchmarks/transforms.py --peer PYTHON
    python benchmarks/transforms.py --peer PYTHON --columns 2048 --views 1500 --slices 8 --page PAGE

PYTHON is an interpreter that has mkl_fft (pip install mkl_fft). Forward: every view, padded. Back: the half plane of
frequencies to the image. What `fourier_fbp` measures includes the filter, the choice of samples, the turn of memory
that puts slices side by side, the kernel's transform divided out and the crop; a library's figure is its bare
transforms, MKL's into memory that is there already.
Each library is run in a process of its own, a round each in turns; the table holds medians and the least.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
Stage = Callable[[], Any]


def random(shape: tuple[int, ...]) -> Any:
    """Single-precision noise."""
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def library_stages(fft: Any, sizes: dict[str, int], *, takes_out: bool) -> tuple[Stage, Stage]:
    """Forward and back with a library's functions, slice by slice, into memory that is there where it can."""
    views, half = random((sizes["slices"], sizes["views"], sizes["columns"])), sizes["grid"] // 2 + 1
    grid = (random((sizes["slices"], sizes["grid"], half)) + 1j).astype(np.complex64)
    spectrum = np.empty((sizes["views"], sizes["length"] // 2 + 1), np.complex64)
    columns, image = np.empty_like(grid[0]), np.empty((sizes["grid"], sizes["grid"]), np.float32)
    into = [{"out": array} if takes_out else {} for array in (spectrum, columns, image)]

    def forward() -> None:
        for sinogram in views:
            fft.rfft(sinogram, n=sizes["length"], axis=1, **into[0])

    def back() -> None:
        for plane in grid:
            fft.irfft(fft.ifft(plane, axis=0, **into[1]), n=sizes["grid"], axis=1, **into[2])

    return forward, back


def own_stages(sizes: dict[str, int]) -> tuple[Stage, Stage]:
    """Forward and back as `fourier_fbp` does it."""
    from concurrent.futures import ThreadPoolExecutor

    from xelith.reconstruction import fourier, slice_fft
    from xelith.reconstruction.gridding import TAPS
    from xelith.reconstruction.parallel_beam import slice_groups

    n_views, n_cols, n = sizes["views"], sizes["columns"], sizes["grid"]
    theta, pool = np.arange(n_views) * np.pi / n_views, ThreadPoolExecutor(1)
    plan = fourier._plan(theta, n_cols, (n_cols - 1) / 2, 1.0, "ramp")
    filters = fourier._filters(plan, pool)
    groups, kept = list(slice_groups(sizes["slices"])), plan.polar.kept
    n_lanes, half = len(groups[0][1]), plan.polar.length // 2
    spectra, grid = fourier._aligned(n_views * kept.size * 2 * n_lanes), random((n * fourier._row_step(n, n_lanes),))
    part, volume = random((sizes["slices"], n_views, n_cols)), np.zeros((sizes["slices"], n_cols, n_cols), np.float32)
    tables = slice_fft.twiddles(half), slice_fft.twiddles(2 * half)
    back_tables = slice_fft.twiddles(n // 2), slice_fft.twiddles(n)

    def forward() -> None:
        for rows, lanes in groups:
            slices = part[rows.slice]
            slice_fft.transform_views(
                lanes, slices.reshape(-1), slices.shape, slice_fft.factors(half), tables,
                kept, filters, plan.signs, spectra, 0, n_views,
            )  # fmt: skip

    def back() -> None:
        for rows, lanes in groups:
            step, image = fourier._row_step(n, len(lanes)), volume[rows.slice]
            slice_fft.transform_columns(lanes, grid, TAPS, step, slice_fft.factors(n), back_tables[1], 0, n // 2 + 1)
            slice_fft.rows_to_image(
                lanes, grid, TAPS, step, slice_fft.factors(n // 2), back_tables, plan.spans, plan.deapodise,
                image.reshape(-1), (len(image), n_cols), 0, n_cols,
            )  # fmt: skip
            grid[:] = 1.0  # in place: without this the values would grow to infinity

    return forward, back


def stages(library: str, sizes: dict[str, int]) -> tuple[Stage, Stage, str]:
    """Forward, back and version of a library."""
    if library == "fourier_fbp":
        return *own_stages(sizes), "this checkout"
    if library == "SciPy":
        import scipy
        import scipy.fft as fft

        return *library_stages(fft, sizes, takes_out=False), scipy.__version__
    import mkl_fft

    return *library_stages(mkl_fft, sizes, takes_out=True), mkl_fft.__version__


def child(library: str, sizes: dict[str, int]) -> None:
    """Measure one round in this process and print it."""
    forward, back, version = stages(library, sizes)
    seconds = []
    for stage in (forward, back):
        stage()
        start = time.process_time()
        stage()
        seconds.append(time.process_time() - start)
    print(json.dumps([*seconds, version]))


def one_round(python: str, library: str, sizes: dict[str, int]) -> list[Any]:
    """Run a child and read its answer."""
    command = [python, __file__, "--child", library, "--sizes", json.dumps(sizes)]
    done = subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, text=True, check=True)
    answer: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def table(python: str | None, sizes: dict[str, int], rounds: int) -> list[str]:
    """The table, a line each."""
    libraries = {"fourier_fbp": sys.executable, "SciPy": sys.executable} | ({"MKL": python} if python else {})
    answers: dict[str, list[list[Any]]] = {name: [] for name in libraries}
    for _ in range(rounds):
        for name, interpreter in libraries.items():
            answers[name].append(one_round(interpreter, name, sizes))
    lines = [
        f"{sizes['views']} views x {sizes['columns']} columns, padded to {sizes['length']}, grid of {sizes['grid']}^2, "
        f"{sizes['slices']} slices; {platform.machine()}, one thread, median of {rounds} rounds (least).",
        "",
        "| transforms | forward, CPU ms a slice | back, CPU ms a slice | sum |",
        "|---|---|---|---|",
    ]
    for name, found in answers.items():
        times = [[1000 * value / sizes["slices"] for value in column] for column in list(zip(*found, strict=True))[:2]]
        cells = [f"{statistics.median(column):.1f} ({min(column):.1f})" for column in times]
        both = sum(statistics.median(column) for column in times)
        lines.append(f"| {name} ({found[0][2]}) | {cells[0]} | {cells[1]} | {both:.1f} |")
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, default in (("columns", 1024), ("views", 1000), ("slices", 16), ("rounds", 5)):
        parser.add_argument(f"--{option}", type=int, default=default)
    parser.add_argument("--peer", help="interpreter that has mkl_fft")
    parser.add_argument("--page", type=Path, help="add the table to this page")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--sizes", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child, json.loads(given.sizes))
        return
    from xelith.reconstruction.fourier import _grid_size
    from xelith.reconstruction.polar import polar_samples

    sizes = {name: getattr(given, name) for name in ("columns", "views", "slices")}
    sizes |= {"length": polar_samples(given.columns, "ramp").length, "grid": _grid_size(given.columns)}
    lines = table(given.peer, sizes, given.rounds)
    print("\n".join(lines))
    if given.page is not None:
        before = (
            given.page.read_text(encoding="utf-8") if given.page.exists() else "# Transforms inside `fourier_fbp`\n"
        )
        given.page.write_text("\n".join([before.rstrip(), "", *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()

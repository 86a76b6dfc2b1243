"""Reconstruction on a GPU: time a slice, updates a second, parity with the host, and ASTRA on the same card.

    python benchmarks/gpu.py
    python benchmarks/gpu.py --columns 2048 --views 1500 --slices 64 --cone 1024 --page docs/benchmarks/gpu.md

Without CuPy and a device it says so and stops. ASTRA takes part where it is installed (pip install astra-toolbox).
An update is one view added to one pixel of the round field of view; `fourier_fbp` makes the same image without
them, and is given the same count. "on the card" starts and ends with arrays there, "host to host" moves them both
ways as well.
"""

import argparse
import functools
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fdk as cone
import numpy as np
import parallel_phantom
from numpy.typing import NDArray

from xelith.arrays.gpu import gpu_problem, open_device
from xelith.reconstruction.fbp import fbp
from xelith.reconstruction.fdk import fdk
from xelith.reconstruction.fourier import fourier_fbp

CHECKED = 2
"""Slices that are reconstructed on the host as well."""

Reconstruct = Callable[[Any], Any]


def median_seconds(work: Callable[[], Any], wait: Callable[[], None], rounds: int) -> float:
    """Median time of a call that is done once before, unmeasured."""
    times = []
    for _ in range(rounds + 1):
        wait()
        start = time.perf_counter()
        work()
        wait()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def rms_difference(there: NDArray[np.float32], here: NDArray[np.float32]) -> float:
    """Relative root mean square difference."""
    return float(np.sqrt(np.mean((there - here) ** 2) / np.mean(here**2)))


def measured(name: str, reconstruct: Reconstruct, few: Reconstruct, data: NDArray[np.float32], rounds: int) -> str:
    """One row of the table: all slices on the card and host to host, a few of them on card and host."""
    import cupy

    wait = cupy.cuda.Device().synchronize
    there = cupy.asarray(data)
    on_card = median_seconds(lambda: reconstruct(there), wait, rounds)
    moved = median_seconds(lambda: open_device("gpu").run(reconstruct, data), wait, rounds)
    parity = rms_difference(cupy.asnumpy(few(there)), few(data))
    return row(f"`{name}`", data, on_card, moved, f"{parity:.1e}")


def row(name: str, data: NDArray[np.float32], on_card: float | None, moved: float, parity: str) -> str:
    """Times as a row of the table."""
    sinograms = data.swapaxes(0, 1) if "fdk" in name.lower() else data
    slices, views, columns = sinograms.shape
    updates = slices * views * math.pi / 4 * columns**2
    best = moved if on_card is None else on_card
    cell = "-" if on_card is None else f"{1000 * on_card / slices:.2f}"
    return f"| {name} | {cell} | {1000 * moved / slices:.2f} | {updates / best / 1e9:.0f} | {parity} |"


def astra_fbp(data: NDArray[np.float32], theta: NDArray[np.float64], pixel_cm: float) -> NDArray[np.float32]:
    """ASTRA's filtered back-projection of every slice, centred axis."""
    import astra

    n = data.shape[2]
    volume = np.empty((len(data), n, n), np.float32)
    for image, sinogram in zip(volume, data, strict=True):
        geometry = astra.create_proj_geom("parallel", 1.0, n, theta), astra.create_vol_geom(n, n)
        given = astra.data2d.create("-sino", geometry[0], sinogram)
        made = astra.data2d.create("-vol", geometry[1])
        settings = astra.astra_dict("FBP_CUDA") | {"ProjectionDataId": given, "ReconstructionDataId": made}
        run = astra.algorithm.create(settings)
        astra.algorithm.run(run)
        image[:] = astra.data2d.get(made) / pixel_cm
        astra.algorithm.delete(run)
        astra.data2d.delete([given, made])
    return volume


def astra_fdk(data: NDArray[np.float32], theta: NDArray[np.float64]) -> NDArray[np.float32]:
    """ASTRA's FDK of the whole volume; lengths in voxels."""
    import astra

    _, rows, columns = data.shape
    voxel = cone.WIDTH_MM / columns * cone.SOURCE_AXIS_MM / cone.SOURCE_DETECTOR_MM
    pixel = cone.WIDTH_MM / columns / voxel
    behind = cone.SOURCE_DETECTOR_MM - cone.SOURCE_AXIS_MM
    beam = astra.create_proj_geom(
        "cone", pixel, pixel, rows, columns, theta, cone.SOURCE_AXIS_MM / voxel, behind / voxel
    )
    box = astra.create_vol_geom(columns, columns, rows)
    given = astra.data3d.create("-sino", beam, np.ascontiguousarray(data.swapaxes(0, 1)))
    made = astra.data3d.create("-vol", box)
    run = astra.algorithm.create(
        astra.astra_dict("FDK_CUDA") | {"ProjectionDataId": given, "ReconstructionDataId": made}
    )
    astra.algorithm.run(run)
    volume = astra.data3d.get(made)
    astra.algorithm.delete(run)
    astra.data3d.delete([given, made])
    return volume


def astra_rows(parallel: NDArray[np.float32], projections: NDArray[np.float32], rounds: int) -> list[str]:
    """ASTRA's rows, or none where it is not installed."""
    try:
        import astra
    except ImportError:
        return ["| ASTRA | not installed | | | |"]
    theta = np.arange(parallel.shape[1]) * np.pi / parallel.shape[1]
    name = f"ASTRA {astra.__version__}"
    flat = median_seconds(lambda: astra_fbp(parallel, theta, 1e-4), lambda: None, rounds)
    rows = [row(f"{name} FBP_CUDA", parallel, None, flat, "")]
    turn = cone.angles(len(projections))
    whole = median_seconds(lambda: astra_fdk(projections, turn), lambda: None, rounds)
    return [*rows, row(f"{name} FDK_CUDA", projections, None, whole, "")]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, default in (("columns", 2048), ("views", 1500), ("slices", 64), ("cone", 1024), ("rounds", 5)):
        parser.add_argument(f"--{option}", type=int, default=default)
    parser.add_argument("--page", type=Path, help="write the table here as well")
    given = parser.parse_args()
    if problem := gpu_problem():
        raise SystemExit(f"no GPU: {problem}")
    n, theta = given.columns, np.arange(given.views) * np.pi / given.views
    sinogram = parallel_phantom.sinogram(n, theta, (n - 1) / 2)
    parallel = np.ascontiguousarray(np.broadcast_to(sinogram, (given.slices, *sinogram.shape)))
    projections, beam = cone.line_integrals(given.cone, given.views), cone.beam(given.cone)
    turn, middle, rounds = cone.angles(given.views), (given.cone // 2, given.cone // 2 + CHECKED), given.rounds
    lines = [
        f"{open_device('gpu').name}, float32, median of {rounds} rounds. Parallel beam: {given.slices} slices of "
        f"{given.views} views x {n} columns; cone beam: {given.views} views of {given.cone} x {given.cone} to "
        f"{given.cone}^3.",
        "",
        "| method | ms a slice, on the card | ms a slice, host to host | 10^9 updates/s | RMS difference to the host |",
        "|---|---|---|---|---|",
    ]
    for method in (fourier_fbp, fbp):
        run = functools.partial(method, theta=theta, centre_px=(n - 1) / 2, voxel_um=1.0)
        lines.append(measured(method.__name__, run, lambda s, run=run: run(s[:CHECKED]), parallel, rounds))
    whole = functools.partial(fdk, theta=turn, geometry=beam)
    lines.append(measured("fdk", whole, functools.partial(whole, z_range=middle), projections, rounds))
    lines += astra_rows(parallel, projections, rounds)
    print("\n".join(lines))
    if given.page is not None:
        given.page.write_text("\n".join(["# Reconstruction on a GPU", "", *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()

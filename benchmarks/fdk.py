"""Cone-beam reconstruction on the CPU: updates a second, memory, accuracy, and a peer that runs without a GPU.

    python benchmarks/fdk.py
    python benchmarks/fdk.py --size 256 --views 360 --rounds 3 --peer PYTHON --page docs/benchmarks/fdk.md

PYTHON is an interpreter that has itk-rtk (pip install itk-rtk), the one pip-installable package with FDK on a
CPU; ASTRA, TIGRE and tomocupy have it on a GPU only. Every method runs in a process of its own, in turns.
An update is one view added to one voxel; voxels outside the field of view, which only the peer works on,
are not counted. On a machine that others use too, time on the clock misleads: CPU time is given as well.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BALLS = ((0.0, 0.0, 0.0, 2.0), (3.0, 1.0, 1.0, 1.0), (-1.0, -3.5, -2.0, 1.2), (0.5, 3.0, 3.2, 0.8))
"""Middle (x, y, z) and radius in mm of balls of 1 cm^-1."""

SOURCE_AXIS_MM, SOURCE_DETECTOR_MM, WIDTH_MM = 60.0, 120.0, 22.0
"""Distances, and the width of the square detector: 5.2 degrees to either side."""

CODE = """
import json, resource, sys, time
import numpy as np
sys.path.insert(0, {here!r})
from fdk import {method} as method
size, views, folder = {size}, {views}, {folder!r}
projections = np.load(folder + "/projections.npy", mmap_mode="r")
run = method(projections, size, views)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
clock, cpu = time.perf_counter(), time.process_time()
volume = run()
clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if volume is not None:
    np.save(folder + "/{method}.npy", volume)
print(json.dumps({{"clock_s": clock, "cpu_s": cpu, "peak_mib": peak / 1024, "added_mib": (peak - before) / 1024}}))
"""


def angles(views: int) -> NDArray[np.float64]:
    """A full turn."""
    return np.arange(views) * 2 * np.pi / views


def line_integrals(size: int, views: int) -> NDArray[np.float32]:
    """Chords of the balls, mean of 2 x 2 rays a pixel."""
    step = WIDTH_MM / size
    result = np.zeros((views, size, size), np.float32)
    for dv, du in np.ndindex(2, 2):
        u = ((np.arange(size) + du / 2 - 0.25) - (size - 1) / 2) * step
        v = (((np.arange(size) + dv / 2 - 0.25) - (size - 1) / 2) * step)[:, None]
        length = np.sqrt(u**2 + v**2 + SOURCE_DETECTOR_MM**2)
        for view, angle in enumerate(angles(views)):
            c, s = np.cos(angle), np.sin(angle)
            for x, y, z, radius in BALLS:
                across, depth = x * c + y * s, SOURCE_AXIS_MM - x * s + y * c
                along = (u * across + v * z + SOURCE_DETECTOR_MM * depth) / length
                inside = radius**2 - (across**2 + depth**2 + z**2) + along**2
                result[view] += (2 * np.sqrt(np.maximum(inside, 0)) / 40).astype(np.float32)
    return result


def beam(size: int) -> Any:
    """The geometry."""
    from xelith.scans.geometry import ConeBeam

    return ConeBeam(WIDTH_MM * 1000 / size, SOURCE_AXIS_MM, SOURCE_DETECTOR_MM, (size - 1) / 2)


def xelith_whole(projections: Any, size: int, views: int) -> Any:
    """The whole volume at once; compiled before."""
    from xelith.reconstruction.fdk import fdk

    fdk(np.zeros((4, 8, 8)), angles(4), beam(8))
    return lambda: fdk(projections, angles(views), beam(size))


def xelith_slabs(projections: Any, size: int, views: int) -> Any:
    """Slabs of a sixteenth, written to disk one by one as a volume larger than memory would be."""
    from xelith.reconstruction.fdk import fdk

    fdk(np.zeros((4, 8, 8)), angles(4), beam(8))
    thick = size // 16

    def run() -> None:
        with tempfile.TemporaryFile() as file:
            for start in range(0, size, thick):
                fdk(projections, angles(views), beam(size), z_range=(start, start + thick)).tofile(file)

    return run


def rtk(projections: Any, size: int, views: int) -> Any:
    """FDK of RTK on the CPU; its axis of rotation is y, and it counts in mm."""
    import itk
    from itk import RTK

    pixel, voxel = WIDTH_MM / size, WIDTH_MM / size * SOURCE_AXIS_MM / SOURCE_DETECTOR_MM
    kind = itk.Image[itk.F, 3]
    geometry = RTK.ThreeDCircularProjectionGeometry.New()
    for angle in angles(views):
        geometry.AddProjection(SOURCE_AXIS_MM, SOURCE_DETECTOR_MM, float(np.degrees(angle)))
    stack = itk.image_from_array(np.ascontiguousarray(projections))
    stack.SetSpacing([pixel, pixel, 1.0])
    stack.SetOrigin([-(size - 1) / 2 * pixel, -(size - 1) / 2 * pixel, 0.0])
    empty = RTK.ConstantImageSource[kind].New()
    empty.SetSize([size] * 3)
    empty.SetSpacing([voxel] * 3)
    empty.SetOrigin([-(size - 1) / 2 * voxel] * 3)
    empty.SetConstant(0.0)
    method = RTK.FDKConeBeamReconstructionFilter[kind].New()
    method.SetGeometry(geometry)
    method.SetInput(0, empty.GetOutput())
    method.SetInput(1, stack)

    def run(kept: Any = (empty, stack, geometry)) -> Any:  # a filter does not keep its sources alive
        method.Update()
        return itk.array_from_image(method.GetOutput()).transpose(1, 0, 2) * 10  # (y, z, x) per mm to per cm

    return run


def accuracy(volume: NDArray[np.float32], size: int) -> dict[str, float]:
    """Mean µ and RMS error well inside the balls, in whichever direction of turning fits."""
    voxel = WIDTH_MM / size * SOURCE_AXIS_MM / SOURCE_DETECTOR_MM
    z, y, x = np.meshgrid(*[(np.arange(size) - (size - 1) / 2) * voxel] * 3, indexing="ij", sparse=True)
    inside = np.zeros(volume.shape, bool)
    for bx, by, bz, radius in BALLS:
        inside |= (x - bx) ** 2 + (y - by) ** 2 + (z - bz) ** 2 < (radius - 3 * voxel) ** 2
    seen = (volume, volume[:, ::-1], volume[:, :, ::-1], volume[:, ::-1, ::-1])
    errors = [float(np.sqrt(((turned[inside] - 1) ** 2).mean())) for turned in seen]
    best = int(np.argmin(errors))
    return {"mean": float(seen[best][inside].mean()), "rms": errors[best]}


def measure(method: str, python: str, size: int, views: int, folder: Path) -> dict[str, float]:
    """Run a method once in a process of its own."""
    code = CODE.format(here=str(Path(__file__).parent), method=method, size=size, views=views, folder=str(folder))
    found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(found.stdout.splitlines()[-1])


def table(rows: dict[str, list[dict[str, float]]], quality: dict[str, dict[str, float]], updates: float) -> str:
    """Medians over rounds, as Markdown."""
    cores = os.cpu_count() or 1
    names = {"xelith_whole": "`fdk`, whole volume", "xelith_slabs": "`fdk`, 16 slabs", "rtk": "RTK 2.7 (itk-rtk), CPU"}
    lines = [
        "| method | clock s | CPU s | 10^9 updates/s, clock | the same of CPU time | CPU time to `fdk` | "
        "memory added MiB | mean µ in the balls | RMS error |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    first = statistics.median(run["cpu_s"] for run in rows["xelith_whole"])
    for method, runs in rows.items():
        clock, cpu, added = (statistics.median(run[key] for run in runs) for key in ("clock_s", "cpu_s", "added_mib"))
        seen = quality.get(method)
        lines.append(
            f"| {names[method]} | {clock:.2f} | {cpu:.2f} | {updates / clock / 1e9:.2f} | "
            f"{updates / cpu * cores / 1e9:.2f} | {cpu / first:.2f} | {added:.0f} | "
            + (f"{seen['mean']:.4f} | {seen['rms']:.4f} |" if seen else "the same | the same |")
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write the page if one is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256, help="rows, columns and slices")
    parser.add_argument("--views", type=int, default=360)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", help="interpreter that has itk-rtk")
    parser.add_argument("--page", type=Path, help="Markdown file to write")
    given = parser.parse_args()
    methods = {"xelith_whole": sys.executable, "xelith_slabs": sys.executable}
    if given.peer:
        methods["rtk"] = given.peer
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in methods}
    quality = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "projections.npy", line_integrals(given.size, given.views))
        for _ in range(given.rounds):
            for method, python in methods.items():
                rows[method].append(measure(method, python, given.size, given.views, folder))
        for method in methods:
            if (folder / f"{method}.npy").exists():
                quality[method] = accuracy(np.load(folder / f"{method}.npy"), given.size)
    y, x = np.indices((given.size, given.size)) - (given.size - 1) / 2
    updates = float((np.hypot(x, y) < given.size / 2).sum()) * given.size * given.views
    text = (
        f"{given.views} views of {given.size} x {given.size} pixels to {given.size}^3 voxels, median of "
        f"{given.rounds} rounds; {os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f} at the "
        f"end, {datetime.date.today().isoformat()}; the volume alone is {given.size**3 * 4 / 2**20:.0f} MiB.\n\n"
        + table(rows, quality, updates)
    )
    print(text)
    if given.page:
        given.page.parent.mkdir(parents=True, exist_ok=True)
        with given.page.open("a") as page:
            page.write(text + "\n\n")


if __name__ == "__main__":
    main()

"""Views a second and peak memory of the twin's scans, parallel and cone beam, and of Kodama's whole scan.

Usage: python benchmarks/simulation_throughput.py [PIXELS ...] [--cone]; each size is scanned as PIXELS columns by
PIXELS / 2 rows, with a truth twice as fine, a tube's spectrum, noise included. With --kodama CELL a full-size cell is
built for the nano3DX (1250 x 1650 pixels of 0.54 µm, truth of 0.5 µm, fringes) and some of its views are made, within
--memory-gib. With --training N small cells of 128 pixels are built, scanned in two gases and averaged to their truth.
"""

import argparse
import resource
import time
from dataclasses import replace

from xelith.materials import Gas
from xelith.simulation import PRESETS, SETUPS, Cone, acquire, build_cell, resized, shrunk, streamed, twin
from xelith.simulation.twin import centred

PIXEL_UM = 2.0


def main() -> None:
    """Print one line a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pixels", nargs="*", type=int, default=[])
    parser.add_argument("--cone", action="store_true")
    parser.add_argument("--views", type=int, default=16)
    parser.add_argument("--kodama", metavar="CELL")
    parser.add_argument("--memory-gib", type=float, default=4.0)
    parser.add_argument("--training", type=int, metavar="N")
    arguments = parser.parse_args()
    if arguments.kodama:
        whole_scan(arguments.kodama, arguments.memory_gib)
    elif arguments.training:
        training_cells(arguments.training)
    else:
        for pixels in arguments.pixels or [512, 1024]:
            one_size(pixels, arguments.views, cone=arguments.cone)


def peak_mib() -> float:
    """Return the most memory this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def rates(count: int, start: float, used: float) -> str:
    """Say how many views were made a second since a moment."""
    wall, cpu = time.perf_counter() - start, time.process_time() - used
    return f"{count / wall:.3g} views/s by the clock, {count / cpu:.3g} views per second of one core"


def one_size(pixels: int, views: int, *, cone: bool) -> None:
    """Build and scan a cell of one size."""
    wide_um, high_um = pixels * PIXEL_UM, pixels / 2 * PIXEL_UM
    small = shrunk(PRESETS["kodama-process-3"], 0.8 * wide_um, high_um + 8, voxel_um=PIXEL_UM / 2)
    start = time.perf_counter()
    cell = build_cell(small.design, small.charge)
    built = time.perf_counter() - start
    scan = resized(SETUPS["demo"](), n_rows=pixels // 2, n_cols=pixels, n_views=views)
    scan = replace(scan, n_flats=1, n_darks=1)
    if cone:
        detector = replace(scan.detector, pixel_um=2 * PIXEL_UM)
        scan = replace(scan, detector=detector, cone=Cone(20.0, 40.0))
    pose = centred(cell, scan)
    acquire(cell, Gas("xenon", 6), replace(scan, n_views=1), pose=pose)  # compiles
    start, used = time.perf_counter(), time.process_time()
    acquire(cell, Gas("xenon", 6), scan, pose=pose)
    print(
        f"{pixels} columns x {pixels // 2} rows, {'cone' if cone else 'parallel'}: cell {built:.1f} s, "
        f"{rates(views, start, used)}, peak {peak_mib():.0f} MiB"
    )


def whole_scan(name: str, memory_gib: float) -> None:
    """Build a full-size cell and make the first views of its scan on the nano3DX."""
    preset, scan = PRESETS[name], SETUPS["kodama-nano3dx"]()
    design = replace(preset.design, bore=replace(preset.design.bore, voxel_um=0.5))
    start, used = time.perf_counter(), time.process_time()
    cell = build_cell(design, preset.charge, memory_gib=memory_gib)
    wall, used = time.perf_counter() - start, time.process_time() - used
    print(
        f"{name}: {' x '.join(map(str, cell.labels.shape))} voxels built in {wall:.0f} s by the clock, {used:.0f} s of "
        f"one core, peak {peak_mib():.0f} MiB",
        flush=True,
    )
    made = streamed(cell, Gas("xenon", 6), scan, pose=centred(cell, scan), memory_gib=memory_gib)
    start, used = time.perf_counter(), time.process_time()
    made.projections[:1]
    print(f"first block of views: {time.perf_counter() - start:.0f} s by the clock", flush=True)
    views = len(made.projections.made)
    print(f"{views} views: {rates(views, start, used)}, peak {peak_mib():.0f} MiB")


def training_cells(count: int) -> None:
    """Build small cells at random, scan them in argon and in xenon, and average their truth."""
    names = sorted(PRESETS)
    beam = SETUPS["demo"]()
    scan = resized(replace(beam, spectrum=beam.spectrum.coarser(2.0)), n_rows=96, n_cols=128, n_views=180)
    for first in (True, False):
        start, used = time.perf_counter(), time.process_time()
        for seed in range(1 if first else count):
            small = shrunk(PRESETS[names[seed % len(names)]], 192.0, 200.0, voxel_um=1.0)
            twin(small, scan, {"argon": Gas("argon", 1), "xenon": Gas("xenon", 6)}, seed=seed)
    wall, used = time.perf_counter() - start, time.process_time() - used
    print(
        f"{count} cells: {3600 * count / wall:.0f} an hour by the clock, {3600 * count / used:.0f} per hour of one "
        f"core, peak {peak_mib():.0f} MiB"
    )


if __name__ == "__main__":
    main()

"""Views a second and peak memory of the twin's scans, parallel and cone beam.

Usage: python benchmarks/simulation_throughput.py [PIXELS ...] [--cone]; each size is scanned as PIXELS columns by
PIXELS / 2 rows, with a truth twice as fine, a tube's spectrum, noise included.
"""

import argparse
import resource
import time
from dataclasses import replace

from xelith.materials import Gas
from xelith.simulation import PRESETS, SETUPS, Cone, acquire, build_cell, resized, shrunk
from xelith.simulation.twin import centred

VIEWS = 16
PIXEL_UM = 2.0


def main() -> None:
    """Print one line a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pixels", nargs="*", type=int, default=[512, 1024])
    parser.add_argument("--cone", action="store_true")
    arguments = parser.parse_args()
    for pixels in arguments.pixels:
        wide_um, high_um = pixels * PIXEL_UM, pixels / 2 * PIXEL_UM
        small = shrunk(PRESETS["kodama-process-3"], 0.8 * wide_um, high_um + 8, voxel_um=PIXEL_UM / 2)
        start = time.perf_counter()
        cell = build_cell(small.design, small.charge)
        built = time.perf_counter() - start
        scan = resized(SETUPS["demo"](), n_rows=pixels // 2, n_cols=pixels, n_views=VIEWS)
        scan = replace(scan, n_flats=1, n_darks=1)
        if arguments.cone:
            detector = replace(scan.detector, pixel_um=2 * PIXEL_UM)
            scan = replace(scan, detector=detector, cone=Cone(20.0, 40.0))
        pose = centred(cell, scan)
        acquire(cell, Gas("xenon", 6), replace(scan, n_views=1), pose=pose)  # compiles
        start, used = time.perf_counter(), time.process_time()
        acquire(cell, Gas("xenon", 6), scan, pose=pose)
        wall, used = time.perf_counter() - start, time.process_time() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{pixels} columns x {pixels // 2} rows, {'cone' if arguments.cone else 'parallel'}: cell {built:.1f} s, "
            f"{VIEWS / wall:.2f} views/s by the clock, {VIEWS / used:.2f} views per second of one core, "
            f"peak {peak:.0f} MiB"
        )


if __name__ == "__main__":
    main()

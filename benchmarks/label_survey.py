"""Survey of a 500 x 1000 x 1000 label volume: time of each part and peak memory.

Run with `python benchmarks/label_survey.py [planes rows columns]`; it needs about 3 GiB at the default size.
"""

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xelith.materials import Phase
from xelith.metrology.electrolyte import inspect_electrolyte
from xelith.metrology.film import film_map
from xelith.metrology.frame import find_frame
from xelith.metrology.growth import trace_growth
from xelith.metrology.stack import Stack
from xelith.metrology.survey import interfaces_of, survey_labels

VOXEL_UM = 0.54


def cell(shape: tuple[int, int, int], seed: int = 0) -> NDArray[np.uint8]:
    """Return a round cell: collector, carbon, rough film, electrolyte with filaments, specks and pores."""
    n_z, n_y, n_x = shape
    rng = np.random.default_rng(seed)
    labels = np.full(shape, Phase.ELECTROLYTE, np.uint8)
    labels[:20], labels[20:40], labels[-20:] = Phase.COLLECTOR, Phase.CARBON, Phase.COLLECTOR
    top = 40 + n_z // 8 + (rng.random((n_y, n_x)) * 4).astype(int)
    for z in range(40, int(top.max())):
        labels[z][z < top] = Phase.LITHIUM
    for _ in range(300):
        y, x, depth = rng.integers(5, n_y - 9), rng.integers(5, n_x - 9), rng.integers(n_z // 25, n_z // 2)
        labels[40 + n_z // 8 : 40 + n_z // 8 + depth, y : y + 4, x : x + 4] = Phase.LITHIUM
    for phase in (Phase.LITHIUM, Phase.VOID):
        for _ in range(2000):
            z, y, x = rng.integers(n_z // 3, n_z - 30), rng.integers(5, n_y - 9), rng.integers(5, n_x - 9)
            labels[z : z + 3, y : y + 4, x : x + 4] = phase
    y, x = np.mgrid[:n_y, :n_x]
    labels[:, np.hypot(y - (n_y - 1) / 2, x - (n_x - 1) / 2) > 0.48 * n_x] = Phase.OUTSIDE
    return labels


def timed(name: str, function: Callable[[], Any]) -> Any:
    """Run a function and print how long it took and the peak memory so far."""
    start = time.perf_counter()
    result = function()
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{name:28s} {time.perf_counter() - start:7.1f} s   peak {peak_gib:5.2f} GiB")
    return result


def main() -> None:
    """Time the parts, then the whole."""
    shape = tuple(int(n) for n in sys.argv[1:4]) or (500, 1000, 1000)
    labels = cell(shape)
    survey_labels(cell((100, 64, 64)), voxel_um=VOXEL_UM)  # compiles
    print(f"{shape[0]} x {shape[1]} x {shape[2]} voxels, {labels.nbytes / 2**30:.2f} GiB of labels")
    frame = timed("frame", lambda: find_frame(labels, voxel_um=VOXEL_UM))
    stack, faces = Stack(labels, VOXEL_UM, frame.axis, frame.anode), interfaces_of(frame)
    timed("film", lambda: film_map(stack, faces.near_px))
    timed("growth", lambda: trace_growth(stack, faces))
    timed("electrolyte", lambda: inspect_electrolyte(stack, faces, electrode=frame.electrode))
    found = timed("whole survey", lambda: survey_labels(labels, voxel_um=VOXEL_UM))
    print(f"film {found.deposit.mean_thickness_um:.2f} µm, deepest {found.penetration.max_depth_um:.1f} µm")


if __name__ == "__main__":
    main()

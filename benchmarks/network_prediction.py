"""Time and peak memory of labelling by the network: python -m benchmarks.network_prediction [rows columns]."""

import resource
import sys
import time

import numpy as np

from xelith.arrays import Block
from xelith.segmentation.prediction import SLAB_ROWS, Predictor
from xelith.segmentation.unet import Reference, shipped_weights

REFERENCES = {"argon": Reference(1.15, 60.0), "xenon": Reference(1.27, 60.0)}


class Noise:
    """A volume that is made as it is read, so that its own size does not count."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.shape = shape

    def __getitem__(self, key: tuple[slice, slice, slice]) -> np.ndarray:
        """Return noise of the size asked for."""
        size = [len(range(*part.indices(n))) for part, n in zip(key, self.shape, strict=True)]
        return np.random.default_rng(1).standard_normal(size, dtype=np.float32)


def main() -> None:
    """Time a tile in both precisions, then a slab of a large volume."""
    tile = [np.random.default_rng(2).standard_normal((96, 96, 96), dtype=np.float32)] * 2
    for half in (True, False):
        predictor = Predictor(shipped_weights(["argon", "xenon"]), REFERENCES, half_precision=half)
        predictor.tile(tile)
        clock, used = time.perf_counter(), time.process_time()
        for _ in range(3):
            labels = predictor.tile(tile)[0]
        wall, used = (time.perf_counter() - clock) / 3, (time.process_time() - used) / 3
        name = "bfloat16" if predictor.half_precision else "float32"
        speed = labels.size / 1e6
        print(f"96^3 in {name}: {speed / wall:.1f} Mvoxel/s, {speed / used:.1f} Mvoxel per core-second", flush=True)
    rows, columns = (int(v) for v in sys.argv[1:3]) if len(sys.argv) > 2 else (192, 1024)
    volume = Noise((rows, columns, columns))
    predictor = Predictor(shipped_weights(["argon", "xenon"]), REFERENCES)
    before, clock, used = _peak_gib(), time.perf_counter(), time.process_time()
    slab = Block(1, rows // 2, min(rows // 2 + SLAB_ROWS, rows))
    labels, _ = predictor.slab(dict.fromkeys(REFERENCES, volume), slab)
    wall, used, speed = time.perf_counter() - clock, time.process_time() - used, labels.size / 1e6
    print(
        f"slab of {labels.shape}: {speed / wall:.1f} Mvoxel/s, {speed / used:.1f} per core-second, halo read; peak "
        f"memory {_peak_gib():.2f} GiB ({before:.2f} before)"
    )


def _peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()

"""Labelling by the network beside MONAI's sliding window: time, equal labels, memory.

python -m benchmarks.network_prediction [--weights FILE] [--threads 2] [--rounds 3] [--slices 2048]
"""

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from xelith.arrays import blocks
from xelith.segmentation.prediction import Predictor, slab_rows
from xelith.segmentation.training_set import make_example
from xelith.segmentation.unet import Reference, Weights, features, network_of, shipped_weights, weights_from_bytes

SEED = 900_003
SCANS = ("argon", "xenon")
ROI, OVERLAP = 96, 0.25


class Mirrored:
    """A small volume continued by its mirror images, made as it is read, so that its own size does not count."""

    def __init__(self, values: np.ndarray, shape: tuple[int, int, int]) -> None:
        self.values, self.shape = values, shape

    def __getitem__(self, key: tuple[slice, slice, slice]) -> np.ndarray:
        """Return the part asked for."""
        places = []
        for part, n, small in zip(key, self.shape, self.values.shape, strict=True):
            turned = np.arange(n)[part] % (2 * small)
            places.append(np.where(turned < small, turned, 2 * small - 1 - turned))
        return self.values[np.ix_(*places)].astype(np.float32)


def twin(shape: tuple[int, int, int], n_scans: int) -> tuple[dict[str, Mirrored], dict[str, Reference]]:
    """Return a held-out cell, continued by its mirror images to a size."""
    example, scans = make_example(SEED), SCANS[2 - n_scans :]
    index = [SCANS.index(scan) for scan in scans]
    references = {
        scan: Reference(1.0, max(1 / float(example.dense[i]), 1.01)) for scan, i in zip(scans, index, strict=True)
    }
    return {scan: Mirrored(example.mu[i], shape) for scan, i in zip(scans, index, strict=True)}, references


def ours(predictor: Predictor, volumes: dict[str, Mirrored]) -> np.ndarray:
    """Label a volume slab by slab, with its confidence."""
    shape = next(iter(volumes.values())).shape
    return np.concatenate([predictor.slab(volumes, rows)[0] for rows in blocks(shape[0], slab_rows(*shape[1:]))])


def sliding(weights: Weights, seen: Any, **options: Any) -> np.ndarray:
    """Label the same by MONAI's sliding window, float32, without confidence."""
    import torch
    from monai.inferers import sliding_window_inference

    with torch.inference_mode():
        logits = sliding_window_inference(seen, ROI, 1, network_of(weights), overlap=OVERLAP, **options)
        return logits[0].argmax(0).to(torch.uint8).numpy()


def timed(call: Callable[[], np.ndarray]) -> tuple[np.ndarray, float, float]:
    """Return the labels, the seconds of the clock and those of the cores."""
    clock, used = time.perf_counter(), time.process_time()
    labels = call()
    return labels, time.perf_counter() - clock, time.process_time() - used


def compare(weights: Weights, shape: tuple[int, int, int], rounds: int) -> None:
    """Time both on one volume in turns."""
    import torch

    volumes, references = twin(shape, len(weights.scans))
    whole = (slice(None),) * 3
    seen = torch.from_numpy(features([v[whole] for v in volumes.values()], list(references.values())))[None]
    seen = seen.to(memory_format=torch.channels_last_3d)
    predictor = Predictor(weights, references)
    ways = {
        f"ours, {'bfloat16' if predictor.half_precision else 'float32'}": lambda: ours(predictor, volumes),
        f"MONAI sliding window, float32, {ROI}^3, overlap {OVERLAP}": lambda: sliding(weights, seen),
    }
    for call in ways.values():
        call()  # the first one compiles and allocates
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    labels = {}
    for _ in range(rounds):
        for name, call in ways.items():
            labels[name], *spent = timed(call)
            times[name].append((spent[0], spent[1]))
    first, second = (np.array(times[name]) for name in ways)
    million = np.prod(shape) / 1e6
    print(f"{' x '.join(map(str, shape))} voxels, {torch.get_num_threads()} threads, {rounds} rounds\n")
    print("| | Mvoxel/s | Mvoxel per core-second | time ratio |\n|---|---|---|---|")
    for name, spent in zip(ways, (first, second), strict=True):
        ratio = np.median(spent[:, 0] / first[:, 0])
        wall, core = million / np.median(spent, axis=0)
        print(f"| {name} | {wall:.1f} | {core:.1f} | {ratio:.1f} |")
    a, b = labels.values()
    print(f"\nequal labels: {100 * (a == b).mean():.2f} %")


def memory(weights: Weights, slices: int) -> None:
    """Label one slab of a volume that is as large as one likes; its halo is read."""
    volumes, references = twin((4096, slices, slices), len(weights.scans))
    predictor = Predictor(weights, references)
    before, rows = _peak_gib(), blocks(4096, slab_rows(slices, slices))[3]
    (labels, _), wall, core = timed(lambda: predictor.slab(volumes, rows))  # type: ignore[arg-type, return-value]
    print(
        f"slab of {labels.shape}: {labels.size / 1e6 / wall:.1f} Mvoxel/s, {labels.size / 1e6 / core:.1f} per "
        f"core-second; peak {_peak_gib():.2f} GiB ({before:.2f} before)"
    )


def _peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Read the command line; the slab goes first, as memory peaks only once."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="in the place of those that ship for two gases")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shape", type=int, nargs=3, default=(176, 224, 224))
    parser.add_argument("--slices", type=int, help="edge of the slices of a large volume; its slab alone is timed")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    weights = shipped_weights(SCANS) if given.weights is None else weights_from_bytes(given.weights.read_bytes())
    if given.slices:
        memory(weights, given.slices)
    else:
        compare(weights, tuple(given.shape), given.rounds)


if __name__ == "__main__":
    main()

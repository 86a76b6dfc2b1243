"""What the blur alone leaves of the pores: carbon parted from void without any noise, by one who knows all else.

python -m benchmarks.blur_ceiling

The held-out cells of `benchmarks.segmentation_table`, scanned with next to no noise. A reader is told every voxel but
whether it is carbon or void, and parts these half-way between their µ in the argon scan. What is then still wrong was
lost to blur and to voxels that hold both; no reader of single voxels does better, with any number of photons.
"""

import numpy as np

from benchmarks.held_out_cells import CHARGED, Condition, scan
from xelith.materials.phases import Phase
from xelith.segmentation.evaluation import iou_table

QUIET = Condition("no noise", sigma_per_cm=0.02)
SCORED = (Phase.VOID, Phase.LITHIUM, Phase.CARBON, Phase.ELECTROLYTE)


def main() -> None:
    """Print IoU of each phase, by cell and in all."""
    sums = np.zeros((2, len(Phase)))
    for seed in (800001, 800002):
        for name in CHARGED:
            case = scan(name, seed, QUIET)
            argon, expected = case.volumes["argon"], case.expected["argon"]
            labels = case.truth.labels.copy()
            light = (labels == Phase.CARBON) | (labels == Phase.VOID)
            told = light & (labels == Phase.CARBON).any()  # without a carbon layer there is nothing to part
            half = (expected[Phase.CARBON].mu_per_cm + expected[Phase.VOID].mu_per_cm) / 2
            labels[told] = np.where(argon[told] > half, Phase.CARBON, Phase.VOID)
            parts = np.array(iou_table(np.where(case.known, labels, np.uint8(255)), case.truth.labels))
            sums += parts
            print(f"{name} {seed}: {_said(parts)}", flush=True)
    print(f"all: {_said(sums)}")


def _said(parts: np.ndarray) -> str:
    iou = parts[0] / np.maximum(parts[1], 1)
    values = ", ".join(f"{phase.name.lower()} {iou[phase]:.3f}" for phase in SCORED if parts[1][phase])
    present = [iou[phase] for phase in SCORED if parts[1][phase]]
    return f"{values}; mean {np.mean(present):.3f}"


if __name__ == "__main__":
    main()

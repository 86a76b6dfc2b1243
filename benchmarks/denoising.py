"""Does denoising before segmentation help starved scans? Held-out twins by the physics, with and without.

python -m benchmarks.denoising --out build/denoising.jsonl
"""

import argparse
import itertools
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.held_out_cells import BORE_UM, designs
from xelith.materials import MATERIALS, Gas, Phase, effective_mu_per_cm, tube
from xelith.reconstruction.flat_field import line_integrals
from xelith.reconstruction.fourier import fourier_fbp
from xelith.reconstruction.rings import remove_mean
from xelith.segmentation.contrast import expected_mu
from xelith.segmentation.denoising import denoised_slabs, light_phases
from xelith.segmentation.evaluation import iou_table
from xelith.segmentation.labelling import CEILING_STDS
from xelith.segmentation.layout import CellLayout
from xelith.segmentation.preparation import prepare
from xelith.segmentation.thresholds import Thresholds, apply
from xelith.segmentation.training_set import FBP_NOISE
from xelith.simulation import Acquisition, Detector, Pose, build_cell, truth_of
from xelith.simulation.light import light_path
from xelith.simulation.projection import expected_views

Volumes = dict[str, NDArray[np.float32]]
GASES = {"argon": Gas("argon", 1.0), "xenon": Gas("xenon", 6.0)}
SIGMA_PER_CM = {"3e4": 0.75, "1e4": 1.3, "3e3": 2.4}
"""Noise of µ in light rows by the ramp filter, for photons per 0.54 µm pixel and view."""

CELLS = ("process 3", "process 1")
SHAPE, VOXEL_UM, N_VIEWS = (96, 120), 1.08, 340
SCORED = (Phase.VOID, Phase.LITHIUM, Phase.CARBON, Phase.ELECTROLYTE)
STEPS, BATCH, PATCH_PX = 4000, 8, 64
BEYOND_UM = 900.0
"""Electrolyte beside the narrow bore, whose noise its rows have."""


def scan(name: str, seed: int, sigma_per_cm: float) -> dict[str, Any]:
    """Scan a cell in both gases; reconstruct it from all views, and from every second one."""
    design, charge = designs()[name]
    cell = build_cell(design, charge, seed=seed)
    beam = tube("Mo", 44.0, filters=[("Al", 0.2)]).trimmed(1e-3).coarser(1.5)
    pose = Pose((-5.0, 0.0, 0.0))
    poses = {"argon": pose.moved((0.1 * VOXEL_UM, -0.1 * VOXEL_UM, 0.05 * VOXEL_UM)), "xenon": pose}
    acquisition = Acquisition(Detector(*SHAPE, pixel_um=VOXEL_UM, blur_px=0.8), beam, n_views=N_VIEWS)
    truth, rng = truth_of(cell, acquisition, pose), np.random.default_rng([seed, 78])
    dense = MATERIALS[design.electrolyte.material]
    depth = float(effective_mu_per_cm(dense, beam, BEYOND_UM * 1e-4)) * BEYOND_UM * 1e-4
    solid = truth.fractions[Phase.ELECTROLYTE].sum(axis=(1, 2))
    share = np.exp(-min(depth, 5.0) * solid / max(float(solid.max()), 1e-6))[:, None]
    photons = (FBP_NOISE / (VOXEL_UM * 1e-4 * sigma_per_cm)) ** 2 / N_VIEWS * share
    found: dict[str, Volumes] = {"whole": {}, "even": {}, "odd": {}}
    for gas, fill in GASES.items():
        expected = expected_views(light_path(cell, fill, acquisition, poses[gas]), acquisition.theta)
        counts = rng.poisson(expected * photons) + 0.3 * rng.standard_normal(expected.shape)
        integrals, _ = line_integrals((counts / photons).astype(np.float32), floor=(0.5 / photons).astype(np.float32))
        sinograms = remove_mean(np.ascontiguousarray(integrals.transpose(1, 0, 2), dtype=np.float32))
        for part, views in (("whole", slice(None)), ("even", slice(0, None, 2)), ("odd", slice(1, None, 2))):
            found[part][gas] = fourier_fbp(
                np.ascontiguousarray(sinograms[:, views]),
                acquisition.theta[views],
                centre_px=acquisition.axis_px,
                voxel_um=VOXEL_UM,
                window="shepp-logan",
                threads=1,
            )
    solids = {Phase.CARBON: MATERIALS["carbon"], Phase.CASING: MATERIALS["peek"], Phase.LITHIUM: MATERIALS["lithium"]}
    solids[Phase.ELECTROLYTE] = dense
    levels = {gas: expected_mu(solids, fill, beam, path_um=BORE_UM, casing_um=14.0) for gas, fill in GASES.items()}
    return found | {"truth": truth, "expected": levels}


def thresholds(case: dict[str, Any], scans: tuple[str, ...]) -> Thresholds:
    """What the scans as they are tell of the cell."""
    present = [Phase.COLLECTOR, Phase.ELECTROLYTE, Phase.CARBON]
    layout = CellLayout.of(present, inner_diameter_um=BORE_UM, collector_end="low")
    volumes = {gas: case["whole"][gas] for gas in scans}
    return prepare(volumes, layout, voxel_um=VOXEL_UM, expected={gas: case["expected"][gas] for gas in scans})


def noise_to_inverse(case: dict[str, Any], t: Thresholds, rows: tuple[int, int]) -> Volumes:
    """Denoise by a small U-Net that learns one half of the views from the other (doi:10.1109/TCI.2020.3019647)."""
    import torch
    from monai.networks.nets import UNet

    torch.manual_seed(0)
    rng, n = np.random.default_rng(0), len(t.scans)
    units = [t.noise_per_cm[scan] for scan in t.scans]
    ceilings = [max(t.levels[s][p] for p in t.light_phases) + CEILING_STDS * t.noise_per_cm[s] for s in t.scans]
    halves = [
        np.stack([np.minimum(case[half][s], c) / u for s, u, c in zip(t.scans, units, ceilings, strict=True)])
        for half in ("even", "odd")
    ]
    halves = [half.astype(np.float32) for half in halves]
    network = UNet(2, 3 * n, n, (16, 32, 64), (2, 2), num_res_units=1, norm="batch")
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        seen, wanted = [], []
        for _ in range(BATCH):
            first, second = rng.permutation(2)
            spans = (rows, *[(0, k - PATCH_PX + 1) for k in halves[0].shape[2:]])
            z, y, x = (int(rng.integers(*span)) for span in spans)
            cut = (..., slice(y, y + PATCH_PX), slice(x, x + PATCH_PX))
            seen.append(window(halves[first], z)[cut])
            wanted.append(halves[second][:, z][cut])
        optimiser.zero_grad()
        found = network(torch.from_numpy(np.stack(seen)))
        torch.nn.functional.mse_loss(found, torch.from_numpy(np.stack(wanted))).backward()
        optimiser.step()
        rate.step()
    network.eval()
    with torch.inference_mode():
        planes = [
            sum(network(torch.from_numpy(window(half, z)[None]))[0].numpy() for half in halves) / 2
            for z in range(SHAPE[0])
        ]
    smooth = np.stack(planes, axis=1)
    parts = zip(t.scans, units, ceilings, smooth, strict=True)
    return {s: (v * u + np.maximum(case["whole"][s] - c, 0)).astype(np.float32) for s, u, c, v in parts}


def window(half: NDArray[np.float32], z: int) -> NDArray[np.float32]:
    """A slice of all scans with its neighbours, as channels."""
    rows = np.clip([z - 1, z, z + 1], 0, half.shape[1] - 1)
    return np.ascontiguousarray(half[:, rows].reshape(-1, *half.shape[2:]))


def score(case: dict[str, Any], labels: NDArray[np.uint8], lithium: NDArray[np.float32]) -> dict[str, float]:
    """IoU of each phase and their mean, and the film from labels and from shares over the true one."""
    truth = case["truth"]
    inside = np.isfinite(truth.thickness_um)
    known = inside[None] & (truth.labels != Phase.OUTSIDE) & (truth.labels != Phase.CASING)
    both, either = iou_table(np.where(known, labels, np.uint8(255)), truth.labels)
    iou = {phase.name.lower(): float(both[phase] / max(either[phase], 1)) for phase in SCORED}
    amounts = {"film_labels": labels == Phase.LITHIUM, "film": np.nan_to_num(lithium)}
    true = float(truth.lithium.sum(axis=0)[inside].mean())
    film = {name: float(part.sum(axis=0)[inside].mean()) / true - 1 for name, part in amounts.items()}
    return iou | {"mean": float(np.mean(list(iou.values())))} | film


def measured(case: dict[str, Any], scans: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Scores without denoising, with total variation, and with the network."""
    t = thresholds(case, scans)
    given = {scan: case["whole"].get(scan) if scan in scans else None for scan in GASES}
    plain = apply(t, given["argon"], given["xenon"], 0)
    light = np.flatnonzero(np.isin(plain[0], (Phase.VOID, Phase.LITHIUM, Phase.CARBON)).sum(axis=(1, 2)) > 500)
    smooth = dict(zip(t.scans, denoised_slabs(t, [case["whole"][scan] for scan in t.scans]), strict=True))
    ways = {"total variation": smooth}
    ways["Noise2Inverse"] = noise_to_inverse(case, t, (int(light[0]), int(light[-1]) + 1))
    found = {"as it is": score(case, *plain)}
    for name, volumes in ways.items():
        named, _ = apply(replace(t, smoothing_px=0.0), volumes.get("argon"), volumes.get("xenon"), 0)
        phases = light_phases(plain[0], named)
        found[name] = score(case, *apply(t, given["argon"], given["xenon"], 0, phases=phases))
    return found


def main() -> None:
    """Measure what is not measured yet, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/denoising.jsonl"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[900001])
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    lines = given.out.read_text(encoding="utf8").splitlines() if given.out.exists() else []
    rows = [json.loads(line) for line in lines]
    for seed, name, dose in itertools.product(given.seeds, CELLS, SIGMA_PER_CM):
        key = [name, seed, dose]
        if any(row["key"] == key for row in rows):
            continue
        clock, case = time.monotonic(), scan(name, seed, SIGMA_PER_CM[dose])
        pairs = {"two gases": ("argon", "xenon"), "xenon": ("xenon",)}
        rows.append({"key": key, "scores": {title: measured(case, scans) for title, scans in pairs.items()}})
        with given.out.open("a", encoding="utf8") as record:
            record.write(json.dumps(rows[-1]) + "\n")
        print(f"{key}: {time.monotonic() - clock:.0f} s", flush=True)
    for row in rows:
        for scans, ways in row["scores"].items():
            for way, values in ways.items():
                print(f"| {row['key']} | {scans} | {way} | " + " | ".join(f"{v:.3f}" for v in values.values()) + " |")


if __name__ == "__main__":
    main()

"""Score every method of telling phases on held-out twins, and write the table of docs/benchmarks/segmentation.md.

python -m benchmarks.segmentation_table --out table.json
"""

import argparse
import json
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from xelith.materials import MATERIALS, Gas, Phase, monochromatic, tube
from xelith.segmentation.contrast import expected_mu
from xelith.segmentation.evaluation import iou_table
from xelith.segmentation.forest import label_from_scribbles
from xelith.segmentation.layout import CellLayout
from xelith.segmentation.prediction import Predictor
from xelith.segmentation.preparation import prepare
from xelith.segmentation.thresholds import apply
from xelith.segmentation.training_designs import ScanDraw
from xelith.segmentation.training_set import majority, reconstructed
from xelith.segmentation.unet import Reference, shipped_weights
from xelith.simulation import (
    Acquisition,
    Bore,
    Carbon,
    CellDesign,
    Charge,
    Collector,
    Deposit,
    Detector,
    Electrolyte,
    Film,
    Optics,
    Pose,
    build_cell,
    truth_of,
)

VOXEL_UM, SHAPE = 1.08, (96, 120)
SIGMA_PER_CM = 0.75
"""Noise of 1000 views of 3e4 photons per 0.54 µm pixel, binned to 1.08 µm, by the ramp filter."""

SCORED = (Phase.VOID, Phase.LITHIUM, Phase.CARBON, Phase.ELECTROLYTE)
UM_PER_MAH = 4.849
INSIDE = Deposit(film=0.0, mass=0.75, mixed=0.25, mass_um=35.0, mass_height_um=15.0)


def designs() -> dict[str, tuple[CellDesign, Charge]]:
    """Return the held-out cells: every type at its true scale, cut to a narrow bore."""
    base = CellDesign(
        bore=Bore(96.0, 112.0, voxel_um=0.6, walls_um=(7.0,)),
        collector=Collector(11.0),
        film=Film(2.5, 25.0, pockets=3, pocket_um=8.0, bare_spots=1, bare_um=8.0),
        carbon=Carbon(22.0),
    )
    bare = replace(base, film=replace(base.film, pockets=0, bare_spots=0))
    inside = replace(base, carbon=Carbon(28.0, porosity=0.45), deposit=INSIDE)
    lost = replace(base, carbon=None, deposit=replace(INSIDE, mass=0.7, mixed=0.3, mass_height_um=0.0))
    sulphide = Electrolyte("li6ps5cl", void_share=0.01, void_um=6.0)
    short = replace(base, carbon=None, electrolyte=sulphide, film=replace(bare.film, foil_um=12.0))
    short = replace(short, deposit=Deposit(film=0.6, filaments=0.4, filament_um=5.0), counter=(("lithium", 10.0),))
    charged = {
        "process 3": (base, 35.0),
        "process 3, thin": (base, 15.0),
        "process 1": (inside, 6.0),
        "process 2": (replace(inside, carbon=Carbon(18.0)), 5.0),
        "no interlayer": (lost, 7.0),
        "symmetric": (short, 12.0),
    }
    cells = {name: (design, Charge(um / UM_PER_MAH)) for name, (design, um) in charged.items()}
    empty = {"process 3": bare, "process 1": replace(bare, carbon=inside.carbon), "no interlayer": lost}
    for name, design in empty.items():
        part = replace(design, film=bare.film, deposit=Deposit())
        cells[f"uncharged {name}"] = (part, Charge(0.0))
    cells["delaminated"] = (replace(bare, film=replace(bare.film, gap_um=30.0)), Charge(0.0))
    return cells


def scan(design: CellDesign, charge: Charge, seed: int, sigma: float, with_tube: bool) -> dict:
    """Build a cell, scan it in both gases and reconstruct it."""
    beam = tube("Mo", 44.0, filters=[("Al", 0.2)]).trimmed(1e-3).coarser(1.5) if with_tube else monochromatic(17.48)
    cell = build_cell(design, charge, seed=seed)
    pose = Pose((-5.0, 0.0, 0.0))
    moved = pose.moved((0.1 * VOXEL_UM, -0.1 * VOXEL_UM, 0.05 * VOXEL_UM))
    gases = {"argon": Gas("argon", 1.0), "xenon": Gas("xenon", 6.0)}
    carbon = float(MATERIALS["carbon"].mu_per_cm(beam.energy_kev) @ beam.photons)
    draw = ScanDraw(
        beam, gases, {"argon": moved, "xenon": pose}, Optics(), 170, 0.8, sigma / carbon, 3e-4, True, "shepp-logan",
        900.0, 0.0,
    )  # fmt: skip
    acquisition = Acquisition(Detector(*SHAPE, pixel_um=VOXEL_UM, blur_px=0.8), beam, n_views=draw.n_views)
    truth, rng = truth_of(cell, acquisition, pose), np.random.default_rng([seed, 77])
    volumes = {
        gas: reconstructed(cell, fill, acquisition, draw, draw.poses[gas], truth, rng) for gas, fill in gases.items()
    }
    solids = {Phase.CARBON: MATERIALS["carbon"], Phase.CASING: MATERIALS["peek"], Phase.LITHIUM: MATERIALS["lithium"]}
    solids[Phase.ELECTROLYTE] = MATERIALS[design.electrolyte.material]
    expected = {gas: expected_mu(solids, fill, beam, path_um=96.0, casing_um=14.0) for gas, fill in gases.items()}
    return {"volumes": volumes, "truth": truth, "expected": expected, "design": design, "solids": solids}


def physics(case: dict, scans: tuple[str, ...]) -> np.ndarray:
    """Label by the physics thresholds, as a run does without a network."""
    present = [Phase.COLLECTOR, Phase.ELECTROLYTE, *([Phase.CARBON] if case["design"].carbon else [])]
    layout = CellLayout.of(present, inner_diameter_um=96.0, collector_end="low")
    volumes = {gas: case["volumes"][gas] for gas in scans}
    expected = {gas: case["expected"][gas] for gas in scans}
    found = prepare(volumes, layout, voxel_um=VOXEL_UM, expected=expected)
    return apply(found, volumes.get("argon"), volumes.get("xenon"), 0)[0]


def network(case: dict, scans: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Label by the shipped network: labels and confidence."""
    references = {}
    for gas in scans:
        light = case["expected"][gas][Phase.CARBON if gas == "argon" else Phase.VOID].mu_per_cm
        volume = case["volumes"][gas]
        dense = volume[volume > 0.4 * case["expected"][gas][Phase.ELECTROLYTE].mu_per_cm]
        references[gas] = Reference(light, max(float(np.median(dense)), 3 * light))
    return Predictor(shipped_weights(list(scans)), references).tile([case["volumes"][gas] for gas in sorted(scans)])


def threshold(case: dict, known: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Label the xenon scan by the three global thresholds that are best for this very cell, chosen with its truth."""
    mu = case["volumes"]["xenon"]
    centres = [Phase.LITHIUM, Phase.VOID, Phase.CARBON, Phase.ELECTROLYTE, Phase.COLLECTOR]
    levels = [float(np.median(mu[known & (labels == p)])) if (known & (labels == p)).any() else np.nan for p in centres]
    order = [i for i in np.argsort(levels) if np.isfinite(levels[i])]
    edges = [(levels[a] + levels[b]) / 2 for a, b in pairwise(order)]
    return np.array([centres[i] for i in order], np.uint8)[np.digitize(mu, edges)]


def forest(case: dict, labels: np.ndarray, seed: int) -> np.ndarray:
    """Label by a random forest on both scans from 0.2 % of the true labels, in discs."""
    rng, scribbles = np.random.default_rng(seed), np.full(labels.shape, 255, np.uint8)
    for phase in np.unique(labels[labels != 255]):
        places = np.argwhere(labels == phase)
        for z, y, x in places[rng.integers(0, len(places), 25)]:
            cut = (z, slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2))
            scribbles[cut] = labels[cut]
    return label_from_scribbles(list(case["volumes"].values()), scribbles).labels


def lithium_um(labels: np.ndarray, inside: np.ndarray) -> float:
    """Mean lithium per column of the electrode, in µm."""
    return float((labels == Phase.LITHIUM).sum(axis=0)[inside].mean() * VOXEL_UM)


def main() -> None:
    """Score all methods on all cells, and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("segmentation_table.json"))
    parser.add_argument("--sigma", type=float, default=SIGMA_PER_CM, help="noise of µ by the ramp filter, in cm^-1")
    parser.add_argument("--seeds", type=int, nargs="+", default=[800001, 800002])
    parser.add_argument("--skip-forest", action="store_true")
    given = parser.parse_args()
    rows, sums = [], {}
    for seed in given.seeds:
        for index, (name, (design, charge)) in enumerate(designs().items()):
            clock = time.monotonic()
            case = scan(design, charge, seed + 10 * index, given.sigma, with_tube=(seed + index) % 2 == 1)
            truth = majority(case["truth"])
            exact = case["truth"].labels
            inside = np.isfinite(case["truth"].thickness_um)
            known = inside[None] & (exact != Phase.OUTSIDE) & (exact != Phase.CASING)
            labels = {}
            labels["network, two gases"], confidence = network(case, ("argon", "xenon"))
            labels["network, xenon"], _ = network(case, ("xenon",))
            for title, scans in (("physics, two gases", ("argon", "xenon")), ("physics, xenon", ("xenon",))):
                try:
                    labels[title] = physics(case, scans)
                except ValueError as error:
                    print(f"{title} refuses {name}: {error}", flush=True)
            labels["best global thresholds, xenon"] = threshold(case, known, truth)
            if not given.skip_forest:
                labels["random forest, two gases"] = forest(case, truth, seed)
            for method, found in labels.items():
                both, either = iou_table(np.where(known, found, np.uint8(255)), exact)
                row = {"cell": name, "seed": seed, "method": method, "both": both.tolist(), "either": either.tolist()}
                row["lithium_um"], row["true_um"] = lithium_um(found, inside), lithium_um(exact, inside)
                if method == "network, two gases":
                    right = (found == exact)[known]
                    row["confidence"], row["right"] = float(confidence[known].mean()), float(right.mean())
                rows.append(row)
                kind = sums.setdefault(method, np.zeros((2, len(Phase))))
                kind += [both, either]
            print(f"{name} {seed} {time.monotonic() - clock:.0f} s", flush=True)
            given.out.write_text(json.dumps({"sigma_per_cm": given.sigma, "rows": rows}, indent=1))
    for method, (both, either) in sums.items():
        iou = both / np.maximum(either, 1)
        mean = np.mean([iou[p] for p in SCORED])
        print(f"| {method} | " + " | ".join(f"{iou[p]:.3f}" for p in SCORED) + f" | {mean:.3f} |")


if __name__ == "__main__":
    main()

"""Do the intervals of the two-gas shares hold the truth? Simulated cells through the run's own chain.

python -m benchmarks.fraction_intervals --out build/fraction-intervals.jsonl
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy import ndimage

from xelith.materials import Gas, Phase
from xelith.materials.lithium import areal_capacity_mah_per_cm2
from xelith.pipeline.run import run_config
from xelith.pipeline.two_gas import open_two_gas
from xelith.scans.writing import write_data_exchange
from xelith.segmentation.block_sums import BlockSums, block_sums
from xelith.segmentation.fractions import CONFIDENCE, split
from xelith.simulation import (
    Acquisition,
    Bore,
    CellDesign,
    Charge,
    Collector,
    Deposit,
    Electrolyte,
    Film,
    Pose,
    Truth,
    acquire,
    build_cell,
    truth_of,
)
from xelith.simulation.presets import Preset
from xelith.simulation.setups import demo_setup, resized

GASES = {"argon": Gas("argon", 1.0), "xenon": Gas("xenon", 6.0)}
KINDS = ("narrow", "wide")
BLOCKS = {8: 2, 16: 4}
"""Edges of blocks in voxels, and in blocks of a run."""

PURE = 1e-6
"""Blocks with a smaller share of lithium are pure electrolyte."""

LEAST_BLOCKS = 30
"""Fewer blocks tell neither a spread nor a share inside."""

EDGE = 0.05
"""Blocks through which no share changes by more than this a voxel, blurred, hold no strong edge."""


def preset(kind: str, seed: int) -> Preset:
    """A cell without interlayer: a dark mass, a mixed zone around it, and pores in the electrolyte."""
    rng = np.random.default_rng([seed, 11])
    narrow = kind == "narrow"
    scale = 1.0 if narrow else 3.0
    bore = Bore(270.0 * scale, 190.0 * scale, voxel_um=1.5 * scale, walls_um=(36.0 * scale,))
    deposit = Deposit(
        film=0.0,
        mass=0.35,
        mixed=0.65,
        mixed_fraction=float(rng.uniform(0.1, 0.35)),
        mass_um=60.0 * scale,
        mass_height_um=20.0 * scale,
    )
    design = CellDesign(
        bore=bore,
        collector=Collector(22.0 * scale),
        film=Film(pockets=0, bare_spots=0, roughness_um=2.0 * scale, correlation_um=40.0 * scale),
        carbon=None,
        electrolyte=Electrolyte(void_share=float(rng.uniform(0.005, 0.03)), void_um=6.0 * scale),
        deposit=deposit,
        name="kodama-no-interlayer",
    )
    lithium_um = float(rng.uniform(6.0, 12.0)) * scale
    return Preset(design, Charge(float(areal_capacity_mah_per_cm2(lithium_um))), "")


def acquisition(kind: str, seed: int) -> Acquisition:
    """240 views of 60 x 120 pixels of 3 µm, or of 9 µm for a cell as wide as Kodama's."""
    rng = np.random.default_rng([seed, 12])
    small = resized(demo_setup(), n_rows=60, n_cols=120, n_views=240)
    pixel_um = 3.0 if kind == "narrow" else 9.0
    photons = float(10 ** rng.uniform(4.4, 4.7))
    return replace(small, detector=replace(small.detector, pixel_um=pixel_um), photons=photons)


def drawn_move(seed: int, state: str) -> tuple[NDArray[np.float64], float]:
    """How far the cell moves between the fills: shift z, y, x in pixels, and turn in rad."""
    rng = np.random.default_rng([seed, 13])
    drawn = {name: (rng.uniform(-0.4, 0.4, 3), float(rng.normal(0, 2e-3))) for name in ("before", "scans")}
    return drawn[state]


def write_cell(kind: str, seed: int, folder: Path) -> tuple[Truth, Truth]:
    """Scan a cell in both gases before and after its charge, a little moved between the fills; its truth each time."""
    folder.mkdir(parents=True, exist_ok=True)
    made, scan = preset(kind, seed), acquisition(kind, seed)
    pixel_um = scan.detector.pixel_um
    start = Pose((-2.0 * pixel_um, 0.0, 0.0))
    entries: dict[str, Any] = {}
    truths = []
    for state, charge in {"before": Charge(0.0), "scans": made.charge}.items():
        cell, (by_px, turn_rad) = build_cell(made.design, charge, seed=seed), drawn_move(seed, state)
        z, y, x = by_px * pixel_um
        poses = {"xenon": start, "argon": replace(start.moved((z, y, x)), turn_rad=turn_rad)}
        truths.append(truth_of(cell, scan, start))
        entries[state] = {}
        for index, (name, gas) in enumerate(GASES.items()):
            number = 4 * seed + 2 * (state == "scans") + index
            frames = acquire(cell, gas, scan, seed=number, pose=poses[name], threads=1)
            write_data_exchange(folder / f"{state}-{name}.h5", frames, overwrite=True)
            fill = {"name": name, "pressure_atm": gas.pressure_atm}
            entries[state][name] = {"path": f"{state}-{name}.h5", "gas": fill}
    write_run(folder, f"{kind} {seed}", made.design.bore, entries)
    return truths[1], truths[0]


def write_run(folder: Path, sample: str, bore: Bore, entries: dict[str, Any]) -> None:
    """Write the configuration of a cell's scans."""
    config = {
        "sample": sample,
        "source": {"tube": "Mo", "kv": 44, "filters": [{"formula": "Al", "mm": 0.2}]},
        "cell": {
            "preset": "kodama-no-interlayer",
            "inner_diameter_mm": bore.inner_diameter_um * 1e-3,
            "outer_diameter_mm": (bore.inner_diameter_um + 2 * sum(bore.walls_um)) * 1e-3,
            "collector_end": "low",
        },
        "compute": {"memory_gib": 2},
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(config | entries), encoding="utf8")


def true_shares(truth: Truth) -> dict[str, NDArray[np.float64]]:
    """True shares of the voxels: lithium metal, gas, and electrolyte without the lithium in it."""
    lithium = truth.lithium.astype(np.float64)
    solid = truth.fractions[Phase.ELECTROLYTE] + truth.fractions[Phase.LITHIUM] - lithium
    return {"lithium": lithium, "pore": truth.fractions[Phase.VOID].astype(np.float64), "solid": solid}


def measured_cell(kind: str, seed: int, folder: Path) -> dict[str, Any]:
    """Simulate and run a cell, and compare the shares of its blocks and its registration with the truth."""
    truths = write_cell(kind, seed, folder)
    run_config(folder / "run.yaml", folder / "run", advance=lambda stage, done, total: None)
    sums, true, registered = [], [], []
    for where, truth in zip(("run", "run/before"), truths, strict=True):
        results = json.loads((folder / where / "results.json").read_text(encoding="utf8"))
        found = open_two_gas(folder / where / "xenon.ome.zarr")
        if found is None:
            return {"kind": kind, "seed": seed, "reason": results["two_gas"]["reason"]}
        registered.append(results["registration"])
        sums.append(found.sums)
        true.append(true_shares(truth))
    full = (sums[0].counts == sums[0].block_px ** 3) & (sums[1].counts == sums[1].block_px ** 3)
    edges = ndimage.gaussian_gradient_magnitude(true[0]["solid"], 0.8) > EDGE
    row: dict[str, Any] = {"kind": kind, "seed": seed, "reason": None, "registration": moves(kind, seed, registered)}
    for edge, factor in BLOCKS.items():
        row[str(edge)] = errors(sums, true, full, ndimage.binary_dilation(edges, iterations=2), factor)
    balance = json.loads((folder / "run" / "results.json").read_text(encoding="utf8"))["balance"]
    names = ("in_electrolyte_um", "mixed_zone_um", "mixed_zone_um_std", "measured_um", "measured_um_std")
    row["balance"] = {name: balance[name] for name in names}
    row["true_um"] = {name: getattr(truths[0], name) for name in ("in_electrolyte_um", "mixed_zone_um", "film_um")}
    return row


def moves(kind: str, seed: int, registered: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Errors of the registration of argon to xenon, charged and before, in voxels and degrees."""
    scan, found = acquisition(kind, seed), []
    for state, result in zip(("scans", "before"), registered, strict=True):
        by_px, turn_rad = drawn_move(seed, state)
        shift = [um / scan.voxel_um - px for um, px in zip(result["shift_um"], by_px, strict=True)]
        found.append({"shift_px": shift, "turn_deg": result["rotation_deg"] - float(np.degrees(turn_rad))})
    return found


def errors(
    sums: list[BlockSums],
    true: list[dict[str, NDArray[np.float64]]],
    full: NDArray[np.bool_],
    edges: NDArray[np.bool_],
    factor: int,
) -> dict[str, Any]:
    """Errors and stated standard deviations of all blocks that are at least half full."""
    parts = [kept(part, full).joined(factor) for part in sums]
    counts = parts[0].counts
    chosen = counts >= 0.5 * parts[0].block_px ** 3
    means = [
        {n: block_sums(np.where(full, block_sums(v, 4), 0), factor) / np.maximum(counts, 1) for n, v in shares.items()}
        for shares in true
    ]
    alone, relative = split(parts[0]), split(parts[0], before=parts[1])
    new = means[0]["lithium"] - means[1]["lithium"]
    found = {
        "lithium": (alone.lithium - means[0]["lithium"], alone.std),
        "pore": (alone.pore - means[0]["pore"], alone.pore_std),
        "solid": (alone.solid - means[0]["solid"], alone.solid_std),
        "relative": (relative.lithium - new, relative.std),
    }
    values = {n: [error[chosen].tolist(), std[chosen].tolist()] for n, (error, std) in found.items()}
    near = block_sums(edges, parts[0].block_px)[chosen] > 0.02 * parts[0].block_px ** 3
    return values | {"new": new[chosen].tolist(), "edge": near.tolist(), "counts": counts[chosen].tolist()}


def kept(part: BlockSums, full: NDArray[np.bool_]) -> BlockSums:
    """Leave out the blocks of a run that its scan before charging does not hold in full."""
    names = ("solid", "pore", "counts", "solid_noise", "pore_noise")
    return replace(part, **{name: np.where(full, getattr(part, name), 0.0) for name in names})


def table(rows: list[dict[str, Any]]) -> list[str]:
    """One line for each kind of cell, edge of block and share."""
    lines = [
        "| cells | block / voxels | share | blocks | mean error | spread | stated std | inside | stated / spread |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        for edge in BLOCKS:
            of = [row[str(edge)] for row in rows if row["kind"] == kind and row["reason"] is None]
            for share in ("relative", "lithium", "pore", "solid"):
                for clean in (False, True):
                    if sum(len(part["edge"]) - clean * sum(part["edge"]) for part in of) >= LEAST_BLOCKS:
                        lines.append(line(f"{kind}, {len(of)}", edge, share, of, clean=clean))
    return lines


def line(name: str, edge: int, share: str, of: list[dict[str, Any]], *, clean: bool) -> str:
    """Errors of one share over the blocks of several cells."""
    error, std = (np.concatenate([part[share][i] for part in of]) for i in (0, 1))
    if clean:
        keep = ~np.concatenate([part["edge"] for part in of])
        error, std = error[keep], std[keep]
    inside = float((np.abs(error) <= CONFIDENCE * std).mean())
    title = f"{share}, no edge" if clean else share
    spread, stated = float(error.std()), float(np.sqrt((std**2).mean()))
    return (
        f"| {name} | {edge} | {title} | {error.size} | {error.mean():+.4f} | {spread:.4f} | {stated:.4f} | "
        f"{100 * inside:.1f} % | {stated / spread:.2f} |"
    )


def summary(rows: list[dict[str, Any]]) -> list[str]:
    """What the cells say as a whole: pure electrolyte, the mixed zone, and the registration."""
    done = [row for row in rows if row["reason"] is None]
    lines = []
    for kind in KINDS:
        cells = [row for row in done if row["kind"] == kind]
        if not cells:
            continue
        pure, zone = [], []
        for row in cells:
            part = row["8"]
            new, count = np.array(part["new"]), np.array(part["counts"])
            error, std = (np.array(v) for v in part["relative"])
            is_pure, is_zone = new < PURE, new > 0.02
            pure.append(float(np.average(error[is_pure], weights=count[is_pure])))
            hit = float((np.abs(error) <= CONFIDENCE * std)[is_zone].mean())
            zone.append((float(((error + new) * count)[is_zone].sum() / (new * count)[is_zone].sum()), hit))
        ratios, hits = np.array(zone).T
        lines.append(
            f"{kind}: lithium of pure electrolyte against before: mean {np.mean(pure):+.4f}, cells scatter by "
            f"{np.std(pure, ddof=1):.4f}; lithium of blocks with more than 0.02 of it: {np.mean(ratios):.3f} of the "
            f"truth ({ratios.min():.2f} to {ratios.max():.2f}), inside the interval in {100 * np.mean(hits):.1f} %"
        )
        shifts = np.abs([move["shift_px"] for row in cells for move in row["registration"]])
        turns = np.abs([move["turn_deg"] for row in cells for move in row["registration"]])
        lines.append(
            f"{kind}: {len(turns)} moves: error of the shift z, y, x {np.round(np.sqrt((shifts**2).mean(axis=0)), 3)} "
            f"voxels rms, {shifts.max():.3f} at most; turn {np.sqrt((turns**2).mean()):.4f} degrees rms, "
            f"{turns.max():.4f} at most"
        )
    return lines


def main() -> None:
    """Measure the cells that are not measured yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/fraction-intervals.jsonl"))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(1, 11)))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    lines = given.out.read_text(encoding="utf8").splitlines() if given.out.exists() else []
    rows = [json.loads(line) for line in lines]
    for seed in given.seeds:
        for kind in given.kinds:
            if any((row["kind"], row["seed"]) == (kind, seed) for row in rows):
                continue
            clock = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                rows.append(measured_cell(kind, seed, Path(folder)))
            with given.out.open("a", encoding="utf8") as record:
                record.write(json.dumps(rows[-1]) + "\n")
            print(f"{kind} {seed}: {time.monotonic() - clock:.0f} s {rows[-1]['reason'] or ''}", flush=True)
    print("\n".join([*table(rows), "", *summary(rows)]))


if __name__ == "__main__":
    main()

"""Is a cell that was taken off the stage to be charged found again? Moved twins through the run's own chain.

python -m benchmarks.before_registration --out build/before-registration.jsonl
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.fraction_intervals import GASES, acquisition, preset, true_shares, write_run
from xelith.pipeline.ledger import Ledger
from xelith.pipeline.relative_shares import relative_fractions
from xelith.pipeline.run import run_config
from xelith.pipeline.two_gas import open_two_gas
from xelith.scans.writing import write_data_exchange
from xelith.segmentation.block_sums import block_sums
from xelith.segmentation.fractions import CONFIDENCE
from xelith.segmentation.rigid import RigidMove
from xelith.simulation import Acquisition, Cell, Charge, Pose, Truth, acquire, build_cell, truth_of
from xelith.simulation.presets import Preset

MOVES = {
    "still": ((0.0, 0.0, 0.0), 0.0, 0.0),
    "3 degrees": ((5.3, -3.7, 2.4), 3.0, 0.0),
    "37 degrees": ((5.3, -3.7, 2.4), 37.0, 0.0),
    "37 degrees, tilted by 0.5": ((5.3, -3.7, 2.4), 37.0, 0.5),
    "-163 degrees, tilted by 0.5": ((-2.6, 4.1, -1.2), -163.0, 0.5),
}
"""Shift z, y, x in voxels, turn and tilt in degrees."""

ROWS_DOWN = 8.0
"""Rows by which the charged cell stands lower than the detector begins."""


def tall(made: Preset) -> Preset:
    """The same cell with a thick collector and a taller bore, so that the view stays inside it wherever it is put."""
    bore, collector = made.design.bore, made.design.collector
    more = 0.1 * bore.inner_diameter_um
    bore = replace(bore, height_um=bore.height_um + 2 * more)
    collector = replace(collector, thickness_um=collector.thickness_um + more)
    return replace(made, design=replace(made.design, bore=bore, collector=collector))


def tilted(cell: Cell, tilt_deg: float, seed: int) -> Cell:
    """Lean the inside of a cell about the x axis through its middle.

    Its fine grid is read at the nearest voxel of a place that wavers by half a voxel: on average that is the place
    itself, where plain rounding would move nothing by less than half a voxel.
    """
    labels = np.asarray(cell.labels)
    move, rng = lean(labels.shape, tilt_deg), np.random.default_rng(seed)
    offset = np.array(move.centre_px) - move.matrix.T @ np.array(move.centre_px)
    found = np.empty_like(labels)
    for z in range(len(labels)):
        grid = np.indices(labels.shape[1:]).reshape(2, -1)
        places = move.matrix.T @ np.vstack([np.full(grid.shape[1], z), grid]) + offset[:, None]
        near = np.rint(places + rng.uniform(-0.5, 0.5, places.shape)).astype(int)
        most = np.array(labels.shape)[:, None] - 1
        found[z] = labels[tuple(near.clip(0, most))].reshape(labels.shape[1:])
    return replace(cell, labels=found)


def lean(shape: tuple[int, ...], tilt_deg: float) -> RigidMove:
    """The move of a lean, between voxels of a cell."""
    z, y, x = ((n - 1) / 2 for n in shape)
    return RigidMove((0.0, 0.0, 0.0), (0.0, 0.0, float(np.radians(tilt_deg))), (z, y, x))


def places(points: NDArray[np.float64], cell: Cell, scan: Acquisition, pose: Pose, tilt_deg: float) -> Any:
    """Where points (z, y, x) of a cell, in µm from its lowest slice and its axis, lie in the scan's volume."""
    n = np.asarray(cell.labels).shape
    middle = np.array([[n[0] / 2 * cell.voxel_um], [0.0], [0.0]])
    leaning = RigidMove(rotation_rad=(0.0, 0.0, float(np.radians(tilt_deg)))).matrix
    turned = RigidMove(rotation_rad=(pose.turn_rad, 0.0, 0.0)).matrix
    found = turned @ (leaning @ (points - middle) + middle) + np.array(pose.shift_um)[:, None]
    n_cols = scan.detector.n_cols
    return found / scan.detector.pixel_um + np.array([[-0.5], [(n_cols - 1) / 2], [(n_cols - 1) / 2]])


def write_moved(kind: str, seed: int, move: str, folder: Path) -> tuple[Truth, Cell, Acquisition, tuple[Pose, Pose]]:
    """Scan a cell in both gases after its charge, and before it somewhere else on the stage."""
    folder.mkdir(parents=True, exist_ok=True)
    made, scan = tall(preset(kind, seed)), acquisition(kind, seed)
    pixel_um = scan.detector.pixel_um
    start = Pose((-ROWS_DOWN * pixel_um, 0.0, 0.0))
    shift, turn_deg, tilt_deg = MOVES[move]
    z, y, x = (px * pixel_um for px in shift)
    elsewhere = replace(start.moved((z, y, x)), turn_rad=float(np.radians(turn_deg)))
    entries: dict[str, Any] = {"before": {}, "scans": {}}
    charged = build_cell(made.design, made.charge, seed=seed)
    fresh = build_cell(made.design, Charge(0.0), seed=seed)
    if tilt_deg:
        fresh = tilted(fresh, tilt_deg, seed)
    for state, cell, pose in (("before", fresh, elsewhere), ("scans", charged, start)):
        for index, (name, gas) in enumerate(GASES.items()):
            frames = acquire(cell, gas, scan, seed=4 * seed + 2 * (state == "scans") + index, pose=pose, threads=1)
            write_data_exchange(folder / f"{state}-{name}.h5", frames, overwrite=True)
            fill = {"name": name, "pressure_atm": gas.pressure_atm}
            entries[state][name] = {"path": f"{state}-{name}.h5", "gas": fill}
    write_run(folder, f"{kind} {seed}, {move}", made.design.bore, entries)
    return truth_of(charged, scan, start), charged, scan, (start, elsewhere)


def measured_cell(kind: str, seed: int, move: str, folder: Path) -> dict[str, Any]:
    """Simulate and run a moved cell; errors of its registration, its blocks and its mixed zone."""
    truth, cell, scan, poses = write_moved(kind, seed, move, folder)
    results = run_config(folder / "run.yaml", folder / "run", advance=lambda stage, done, total: None)
    found = results["registration_before"]
    row: dict[str, Any] = {"kind": kind, "seed": seed, "move": move, "reason": found["reason"]}
    if found["reason"] is not None:
        return row
    stated = load_move(folder / "run")
    low, high = (0.35 * cell.height_um, 0.8 * cell.height_um)
    reach = 0.6 * cell.radius_um
    axes = ([low, 0.5 * (low + high), high], [-reach, 0.0, reach], [-reach, 0.0, reach])
    points = np.array(np.meshgrid(*axes, indexing="ij")).reshape(3, -1)
    true = [places(points, cell, scan, pose, tilt) for pose, tilt in zip(poses, (0.0, MOVES[move][2]), strict=True)]
    off = stated.moved(true[0]) - true[1]
    row["shift_px"] = off.mean(axis=1).tolist()
    row["rms_px"] = float(np.sqrt((off**2).sum(axis=0).mean()))
    row["std_px"] = [um / scan.voxel_um for um in found["shift_um_std"]]
    row["turn_deg"] = (found["rotation_deg"] - MOVES[move][1] + 180) % 360 - 180
    row["turn_deg_std"] = found["rotation_deg_std"]
    row["tilt_deg"] = found["tilt_deg"] - MOVES[move][2]
    row |= {key: found[key] for key in ("residual_um", "correlation")}
    row["blocks"] = {str(4 * n): block_errors(folder / "run", stated, true_shares(truth), n) for n in (2, 4)}
    names = ("in_electrolyte_um", "mixed_zone_um", "mixed_zone_um_std")
    row["balance"] = {name: results["balance"][name] for name in names}
    row["true_um"] = {name: getattr(truth, name) for name in names[:2]}
    return row


def load_move(run: Path) -> RigidMove:
    """The move that a run has found, from its ledger."""
    found = Ledger(run / ".xelith" / "ledger.jsonl").facts("before/registration")["found"]["move"]
    return RigidMove(**{name: tuple(value) for name, value in found.items()})


def block_errors(run: Path, move: RigidMove, true: dict[str, NDArray[np.float64]], factor: int) -> dict[str, Any]:
    """Errors and stated standard deviations of lithium relative to before, in blocks that are at least half full."""
    image = run / "xenon.ome.zarr"
    now, before = open_two_gas(image), open_two_gas(run / "before" / "xenon.ome.zarr")
    if now is None or before is None:
        raise ValueError(f"{run} was not decomposed")
    fine = relative_fractions(now, before, image / "fractions" / "before", move, factor=1)
    full = fine.counts == fine.block_px**3
    found = relative_fractions(now, before, image / "fractions" / "before", move, factor=factor)
    chosen = found.counts >= 0.5 * found.block_px**3
    sums = block_sums(np.where(full, block_sums(true["lithium"], fine.block_px), 0.0), factor)
    new = (sums / np.maximum(found.counts, 1.0))[chosen]
    return {"error": (found.lithium[chosen] - new).tolist(), "std": found.std[chosen].tolist(), "new": new.tolist()}


def table(rows: list[dict[str, Any]]) -> list[str]:
    """One line for each move."""
    heads = (
        "before charging",
        "cells",
        "shift z, y, x: rms error / voxels",
        "turn: rms error / degrees",
        "tilt: rms error / degrees",
        "over the electrolyte / voxels rms",
        "blocks of 8: mean error, spread, stated, inside",
        "of 16",
    )
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for move in MOVES:
        of = [row for row in rows if row["move"] == move and row["reason"] is None]
        if not of:
            continue
        shift = np.sqrt(np.mean(np.square([row["shift_px"] for row in of]), axis=0))
        turn, tilt, rms = (np.sqrt(np.mean(np.square([r[n] for r in of]))) for n in ("turn_deg", "tilt_deg", "rms_px"))
        blocks = [_blocks(of, edge) for edge in ("8", "16")]
        shifts = ", ".join(f"{v:.3f}" for v in shift)
        lines.append(
            f"| {move} | {len(of)} | {shifts} | {turn:.3f} | {tilt:.3f} | {rms:.3f} | {blocks[0]} | {blocks[1]} |"
        )
    return lines


def _blocks(rows: list[dict[str, Any]], edge: str) -> str:
    error, std = (np.concatenate([row["blocks"][edge][name] for row in rows]) for name in ("error", "std"))
    inside = 100 * float((np.abs(error) <= CONFIDENCE * std).mean())
    return f"{error.mean():+.4f}, {error.std():.4f}, {np.sqrt((std**2).mean()):.4f}, {inside:.1f} %"


def zones(rows: list[dict[str, Any]]) -> list[str]:
    """The mixed zone of each cell beside its truth."""
    return [
        f"{row['kind']} {row['seed']}, {row['move']}: mixed zone {row['balance']['mixed_zone_um']:.2f} ± "
        f"{row['balance']['mixed_zone_um_std']:.2f} of {row['true_um']['mixed_zone_um']:.2f} µm, bodies "
        f"{row['balance']['in_electrolyte_um']:.2f} of {row['true_um']['in_electrolyte_um']:.2f} µm"
        for row in rows
        if row["reason"] is None and row["balance"]["mixed_zone_um"] is not None
    ]


def main() -> None:
    """Measure the cells that are not measured yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/before-registration.jsonl"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--kinds", nargs="+", default=["narrow"])
    parser.add_argument("--moves", nargs="+", choices=list(MOVES), default=list(MOVES))
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    lines = given.out.read_text(encoding="utf8").splitlines() if given.out.exists() else []
    rows = [json.loads(line) for line in lines]
    for seed, move, kind in ((s, m, k) for s in given.seeds for k in given.kinds for m in given.moves):
        if any((row["kind"], row["seed"], row["move"]) == (kind, seed, move) for row in rows):
            continue
        clock = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measured_cell(kind, seed, move, Path(folder)))
        with given.out.open("a", encoding="utf8") as record:
            record.write(json.dumps(rows[-1]) + "\n")
        print(f"{kind} {seed}, {move}: {time.process_time() - clock:.0f} s {rows[-1]['reason'] or ''}", flush=True)
    print("\n".join([*table(rows), "", *zones(rows)]))


if __name__ == "__main__":
    main()

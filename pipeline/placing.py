"""The cell before charging on the grid of the charged scan: found by its electrolyte's texture, moved, and compared.

Between both scans a cell is taken off the stage. Its electrolyte is registered (`segmentation.texture_registration`),
and the shares before charging are resampled slab by slab: their sums over the blocks of the charged scan stay in
`xenon.ome.zarr/fractions/before`, with means over its rows, and lithium relative to before in `.../fractions/relative`.
"""

import logging
import math
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from ..arrays import Block
from ..materials import Phase
from ..metrology.mixed_zone import RINGS
from ..segmentation.fractions import Fractions
from ..segmentation.rigid import SPLINE_REACH, RigidMove
from ..segmentation.rigid_fit import Registration
from ..segmentation.texture import Texture
from ..segmentation.texture_registration import register_texture
from .before import Stage
from .cluster import Workers
from .config import Config
from .job import Advance
from .ledger import Ledger, fingerprint
from .phase_map import Labelled
from .placed_task import BYTES_PER_VOXEL as VOXEL_BYTES
from .placed_task import PARTS, ROWS, PlacedTask
from .planning import slabs_at_once
from .relative_shares import relative_fractions, write_relative
from .store import ImageLayout, open_level, publish
from .tasks import Facts
from .two_gas import TwoGas

log = logging.getLogger(__name__)

STAGE = "before"

NEAR_SHARE = 1 / 3
"""Share of the charged electrolyte, counted from the anode, that is not compared: lithium may have changed it."""

NOT_PLACED = "the scans before charging were not brought into register, and are compared by rows and rings alone"


@dataclass(frozen=True, eq=False)
class Placed:
    """The cell before charging, in the place where the charged scan has it.

    Parameters
    ----------
    registration : Registration
        From the charged scan to that before charging, in voxels.
    voxel_um : float
        Edge of a voxel, in µm.
    rows : (n_z, 3, RINGS) array of float32 or None
        Means of the shares of electrolyte, gas and labelled lithium before charging over the rows and rings of the
        charged scan; NaN where unknown. None where the shares of either state are not there.
    relative : Fractions or None
        Shares in blocks of the charged scan, lithium relative to before.
    """

    registration: Registration
    voxel_um: float
    rows: NDArray[np.float32] | None = None
    relative: Fractions | None = None


def place_before(
    config: Config, now: Stage, before: Stage, image: Path, ledger: Ledger, *, advance: Advance, workers: Workers
) -> Placed | str:
    """Find the cell before charging in the charged scan, and move its shares there.

    Parameters
    ----------
    config : Config
        Memory, and whether to register at all.
    now, before : Stage
        What both states have shown.
    image : Path
        Image of the charged run, beside which the sums are written.
    ledger : Ledger
        What is done.
    advance : callable
        Told of every finished slab.
    workers : Workers
        Who moves the slabs.

    Returns
    -------
    Placed or str
        Or why the cell was not found: the two states are then compared by rows and rings alone.
    """
    mark = fingerprint("placed", now.mark, before.mark, config.registration.model_dump(mode="json"))
    advance("register before", 0, 1)
    found = _registered(config, now, before, ledger, mark)
    advance("register before", 1, 1)
    if isinstance(found, str):
        log.warning("%s: %s", NOT_PLACED, found)
        for name in ("before", "relative"):  # of an earlier run, which found it
            shutil.rmtree(image / "fractions" / name, ignore_errors=True)
        return found
    placed = Placed(found, now.labelled.layout.voxel_um if isinstance(now.labelled, Labelled) else math.nan)
    log.info(
        "the cell was moved by %s voxels (z, y, x) and turned by %.2f degrees after the scan before charging",
        np.round([-px for px in found.move.shift_px], 2).tolist(),
        -math.degrees(found.move.turn_rad),
    )
    shares = [stage.shares for stage in (now, before) if isinstance(stage.shares, TwoGas)]
    if len(shares) < 2:
        return placed
    folder = _moved_sums(config, (now, before), found.move, image, ledger, mark, advance=advance, workers=workers)
    rows = np.asarray(zarr.open_group(folder, mode="r")["rows"], np.float32)
    factor = shares[0].fractions.block_px // shares[0].sums.block_px
    relative = relative_fractions(shares[0], shares[1], folder, found.move, factor=factor)
    write_relative(folder.with_name("relative"), relative, placed.voxel_um)
    return replace(placed, rows=rows, relative=relative)


def registration_facts(placed: Placed | str | None) -> dict[str, Any]:
    """Return what results.json says of the registration of the scan before charging.

    Parameters
    ----------
    placed : Placed or str or None
        What was found; or why nothing was; None without scans before charging.

    Returns
    -------
    dict
        Where the cell stood before charging, seen from the charged scan: shift (z, y, x) in voxels and µm, of the
        voxel that turn and tilt are about; turn about the axis and tilt in degrees, residual in µm; how both states
        were compared; None where not measured.
    """
    names = ("shift_px", "about_px", "shift_um", "shift_um_std", "rotation_deg", "rotation_deg_std", "tilt_deg")
    if placed is None or isinstance(placed, str):
        compared = None if placed is None else "rows and rings"
        return {**dict.fromkeys((*names, "residual_um", "correlation")), "compared": compared, "reason": placed}
    found, um = placed.registration, placed.voxel_um
    return {
        "shift_px": list(found.move.shift_px),
        "about_px": list(found.move.centre_px),
        "shift_um": [um * px for px in found.move.shift_px],
        "shift_um_std": [um * px for px in found.shift_std_px],
        "rotation_deg": math.degrees(found.move.turn_rad),
        "rotation_deg_std": math.degrees(found.rotation_std_rad[0]),
        "tilt_deg": math.degrees(found.move.tilt_rad),
        "residual_um": um * found.residual_px,
        "correlation": found.correlation,
        "compared": "rows and rings" if placed.relative is None else "voxels",
        "reason": None,
    }


def relative_summary(placed: Placed | str | None) -> dict[str, Any]:
    """Return what results.json says of lithium relative to before.

    Parameters
    ----------
    placed : Placed or str or None
        What was found; or why nothing was; None without scans before charging.

    Returns
    -------
    dict
        Mean over the blocks that both states have, with its standard deviation, and that of one full block; None
        where not measured.
    """
    names = ("relative_lithium", "relative_lithium_std", "relative_block_std", "relative_block_um")
    if not isinstance(placed, Placed) or placed.relative is None or not (placed.relative.counts > 0).any():
        return dict.fromkeys(names)
    parts = placed.relative
    weights, seen = parts.counts / parts.counts.sum(), parts.counts > 0
    full = parts.counts > 0.5 * parts.block_px**3
    return {
        "relative_lithium": float((weights[seen] * parts.lithium[seen]).sum()),
        "relative_lithium_std": float(np.sqrt((weights[seen] ** 2 * parts.std[seen] ** 2).sum())),
        "relative_block_std": float(parts.std[full].mean()) if full.any() else None,
        "relative_block_um": parts.block_px * placed.voxel_um,
    }


def _registered(config: Config, now: Stage, before: Stage, ledger: Ledger, mark: str) -> Registration | str:
    """Register both states, or find it done; the answer is kept in the ledger."""
    stage = f"{STAGE}/registration"
    if not ledger.done(stage, 0, mark):
        try:
            ledger.record(stage, 0, mark, {"found": asdict(register_texture(*_textures(config, now, before)))})
        except ValueError as error:
            ledger.record(stage, 0, mark, {"reason": str(error)})
    facts = ledger.facts(stage)
    if "found" not in facts:
        return str(facts["reason"])
    found = facts["found"]
    return Registration(
        RigidMove(*(tuple(found["move"][name]) for name in ("shift_px", "rotation_rad", "centre_px"))),
        tuple(found["shift_std_px"]),
        found["residual_px"],
        found["correlation"],
        found["blocks"],
        tuple(found["rotation_std_rad"]),
    )


def _textures(config: Config, now: Stage, before: Stage) -> tuple[Texture, Texture]:
    """The electrolyte of both states: their shares of it where both have them, else µ in a gas that both have."""
    if config.registration.method == "none":
        raise ValueError("registration.method is none")
    for stage, name in ((now, "charged scan"), (before, "scan before charging")):
        if not isinstance(stage.labelled, Labelled):
            raise ValueError(f"the phases of the {name} were not told apart: {stage.labelled.reason}")
    states = [stage.labelled for stage in (now, before) if isinstance(stage.labelled, Labelled)]
    shares = [stage.shares for stage in (now, before)]
    gas = next((g for g in ("xenon", "argon") if all(g in s.thresholds.levels for s in states)), None)
    if gas is None:
        raise ValueError("the scans before and after charging have no gas in common; scan both in xenon")
    found = []
    for state, share in zip(states, shares, strict=True):
        t = state.thresholds
        levels = t.levels[gas]
        light = levels.get(Phase.VOID, levels[Phase.LITHIUM])
        volume, reads = state.aligned.volumes[gas], (light, levels[Phase.ELECTROLYTE])
        if all(isinstance(s, TwoGas) for s in shares) and isinstance(share, TwoGas):
            volume, reads = share.electrolyte, (0.0, 1.0)
        found.append(Texture(volume, reads, t.bore, _deep_rows(state), t.voxel_um))
    first, stop = found[0].rows
    near = round(NEAR_SHARE * (stop - first))
    surface = states[0].thresholds.electrolyte
    rows = (first + near, stop) if surface is None or surface.end == "high" else (first, stop - near)
    return replace(found[0], rows=rows, labels=open_level(states[0].labels)), found[1]


def _deep_rows(labelled: Labelled) -> tuple[int, int]:
    """Rows that the electrolyte fills, its rough surface and a counter electrode left out."""
    t, rows = labelled.thresholds, np.arange(labelled.layout.shape[0])
    if t.electrolyte is None:
        raise ValueError("the electrolyte's surface is not in view; extend the rows")
    deep = np.flatnonzero((t.electrolyte.depth(rows) > t.electrolyte.settled) & ~t.is_counter(rows))
    return (int(deep[0]), int(deep[-1]) + 1) if deep.size else (0, 0)


def _moved_sums(
    config: Config,
    states: tuple[Stage, Stage],
    move: RigidMove,
    image: Path,
    ledger: Ledger,
    mark: str,
    *,
    advance: Advance,
    workers: Workers,
) -> Path:
    """Sums of the moved shares over the blocks and rows of the charged scan, slab by slab; what is done stays."""
    final = image / "fractions" / "before"
    (labelled, fresh), (shares, own) = [s.labelled for s in states], [s.shares for s in states]
    if not (isinstance(labelled, Labelled) and isinstance(fresh, Labelled)):
        raise TypeError("both states must be labelled")
    if not (isinstance(shares, TwoGas) and isinstance(own, TwoGas)):
        raise TypeError("both states must be decomposed")
    if final.exists() and ledger.done(STAGE, -1, mark):
        return final
    layout, block_px, partial = labelled.layout, shares.sums.block_px, final.with_name("before.partial")
    if not (partial.exists() and ledger.done(STAGE, -2, mark)):
        _create(partial, layout, block_px, shares.sums.counts.shape)
        ledger.record(STAGE, -2, mark, {"blocks": len(layout.slabs)})
        todo = list(layout.slabs)
    else:
        todo = [slab for slab in layout.slabs if not ledger.done(STAGE, slab.index, mark)]
    plane = layout.shape[1], layout.shape[2]
    row_bytes = VOXEL_BYTES * max(plane[0] * plane[1], own.electrolyte.shape[1] * own.electrolyte.shape[2])
    spread = _spread_rows(move, plane)
    fits = int(0.3 * config.compute.memory_gib * 2**30 / row_bytes) - spread
    at_once = int(np.clip(fits // block_px * block_px, block_px, layout.slab))
    t = fresh.thresholds
    task = PlacedTask(
        own.electrolyte,
        own.gas,
        open_level(fresh.labels),
        (t.collector, t.electrolyte),
        move,
        plane,
        labelled.thresholds.bore,
        t.bore,
        partial,
        block_px,
        at_once,
    )
    total = len(layout.slabs)
    finished = iter(range(total - len(todo) + 1, total + 1))
    advance("shares before charging", total - len(todo), total)

    def record(slab: Block, facts: Facts) -> None:
        ledger.record(STAGE, slab.index, mark, facts)
        advance("shares before charging", next(finished), total)

    if todo:
        needs = float(row_bytes * (at_once + spread))
        workers.run(task, todo, record, at_once=slabs_at_once(config.compute, needs, threaded=1))
    publish(partial, final)
    ledger.record(STAGE, -1, mark)
    return final


def _spread_rows(move: RigidMove, plane: tuple[int, int]) -> int:
    """Rows that one row of the charged scan needs of the other one: its lean, and the reach of splines."""
    corners = np.array([[0.0] * 4, [0.0, 0.0, plane[0], plane[0]], [0.0, plane[1], 0.0, plane[1]]])
    return int(np.ptp(move.moved(corners)[0])) + 2 * SPLINE_REACH + 2


def _create(path: Path, layout: ImageLayout, block_px: int, blocks: tuple[int, ...]) -> None:
    shutil.rmtree(path, ignore_errors=True)
    group = zarr.create_group(path, zarr_format=3)
    chunks = (min(layout.slab // block_px, blocks[0]), *blocks[1:])
    for name in PARTS:
        group.create_array(name, shape=blocks, chunks=chunks, dtype="f4", fill_value=0, dimension_names=("z", "y", "x"))
    size = (layout.shape[0], len(ROWS), RINGS)
    group.create_array(
        "rows",
        shape=size,
        chunks=(layout.slab, *size[1:]),
        dtype="f4",
        fill_value=np.nan,
        dimension_names=("z", "share", "ring"),
    )
    group.attrs["xelith"] = {"voxel_um": layout.voxel_um, "block_px": block_px, "shares": list(ROWS)}

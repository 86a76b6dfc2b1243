"""Two gases in a run: from the line integrals of an argon and a xenon scan to shares of electrolyte and of gas.

For each slab of rows the argon sinograms are brought onto the rays of the xenon scan, both are decomposed ray by ray
into the path through electrolyte and the path through gas (`reconstruction.two_gas`), and each path is reconstructed.
Written beside the xenon image, on its grid, float32 and dimensionless: `xenon.ome.zarr/fractions/electrolyte` and
`.../fractions/gas`; NaN in rows that the collector fills. Over blocks of voxels in the electrolyte sums are kept
(`xenon.ome.zarr/fractions/blocks`). `open_two_gas` opens them all.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from ..arrays import Block
from ..arrays.blocks import thread_count
from ..segmentation.block_sums import BlockSums
from ..segmentation.fractions import Fractions, coarsened, split
from .beams import scans_by_gas, source_spectrum
from .config import Config
from .engine import MOST_REPAIRS, take_back
from .job import Advance, Job, Reconstructed, stage_scratch
from .ledger import Ledger, fingerprint
from .phase_map import Labelled, Unlabelled
from .planning import slabs_at_once
from .ray_noise import with_faults
from .ray_pairs import RayPair, cannot_pair, pair_of
from .ray_refinement import refined
from .scratch import CorruptScratch
from .store import ImageLayout, create_image, open_level, publish
from .tasks import Facts
from .two_gas_task import BLOCK_PX, PARTS, SharesTask

log = logging.getLogger(__name__)

STAGE = "two-gas"
NAMES = ("electrolyte", "gas", "blocks")


@dataclass(frozen=True)
class TwoGas:
    """Shares of electrolyte and gas of a run, on the grid of its xenon image.

    Parameters
    ----------
    electrolyte, gas : zarr.Array
        (n_z, n_y, n_x) share of each voxel, float32, dimensionless, unconstrained; NaN where nothing is transmitted.
        Lithium (and closed pores) are what is missing to 1. Read when sliced.
    voxel_um : float
        Edge of a voxel, in µm.
    sums : BlockSums
        Sums over small blocks of the voxels inside the electrolyte; `segmentation.fractions.split` makes shares of
        them, also relative to a scan before charging.
    block_std : float
        Standard deviation of lithium's share that `fractions` joins blocks for.
    outside_share : float
        Share of the rays whose answer lies beyond the tables: starved ones.
    biased : bool
        Whether the view cuts the cell off, so that shares are uncertain.
    """

    electrolyte: Any
    gas: Any
    voxel_um: float
    sums: BlockSums
    block_std: float
    outside_share: float
    biased: bool

    @property
    def fractions(self) -> Fractions:
        """Shares of lithium, electrolyte and open pore in blocks as large as the noise asks for."""
        return split(coarsened(self.sums, self.block_std))


def open_two_gas(image: Path) -> TwoGas | None:
    """Open what the decomposition of a run has left beside its xenon image.

    Parameters
    ----------
    image : Path
        OME-Zarr group of the xenon scan, `DIR/xenon.ome.zarr`.

    Returns
    -------
    TwoGas or None
        None where no pair was decomposed.
    """
    folder = image / "fractions"
    if not _are_there(folder):
        return None
    group = zarr.open_group(folder / "blocks", mode="r")
    facts: Any = group.attrs["xelith"]
    solid, pore, counts, *noise = (np.asarray(group[name], np.float64) for name in PARTS)
    return TwoGas(
        open_level(folder / "electrolyte"),
        open_level(folder / "gas"),
        facts["voxel_um"],
        BlockSums(solid, pore, counts, facts["block_px"], *noise),
        facts["block_std"],
        facts["outside_share"],
        facts["biased"],
    )


def _are_there(folder: Path) -> bool:
    """Whether all arrays of this version have their final names; their chunks may be damaged."""
    if not all((folder / name).is_dir() for name in NAMES):
        return False
    group = zarr.open_group(folder / "blocks", mode="r")
    return all(name in group for name in PARTS)


def two_gas_summary(found: TwoGas | str) -> dict[str, Any]:
    """Return what results.json says of the decomposition.

    Parameters
    ----------
    found : TwoGas or str
        Shares, or why there are none.

    Returns
    -------
    dict
        Means over the electrolyte: shares of electrolyte, gas and lithium with its standard deviation; the edge of
        the blocks in µm with the standard deviation of one; all None where nothing was decomposed, with the reason.
    """
    names = ("electrolyte", "gas", "lithium", "lithium_std", "block_um", "block_std", "outside_share", "biased")
    if isinstance(found, str):
        return {"reason": found, **dict.fromkeys(names)}
    if not (found.sums.counts > 0).any():
        return {"reason": "no row of the view lies inside the electrolyte", **dict.fromkeys(names)}
    parts = found.fractions
    weights = parts.counts / parts.counts.sum()
    seen = parts.counts > 0
    means = [float((weights[seen] * part[seen]).sum()) for part in (parts.solid, parts.pore, parts.lithium)]
    full = parts.counts > 0.5 * parts.block_px**3
    return {
        "reason": None,
        "electrolyte": means[0],
        "gas": means[1],
        "lithium": means[2],
        "lithium_std": float(np.sqrt((weights[seen] ** 2 * parts.std[seen] ** 2).sum())),
        "block_um": parts.block_px * found.voxel_um,
        "block_std": float(parts.std[full].mean()) if full.any() else None,
        "outside_share": found.outside_share,
        "biased": found.biased,
    }


def decompose_scans(
    config: Config,
    jobs: Mapping[str, tuple[Job, str]],
    volumes: Mapping[str, Reconstructed],
    labelled: Labelled | Unlabelled,
    ledger: Ledger,
    *,
    advance: Advance,
) -> TwoGas | str:
    """Decompose the argon and the xenon scan of a run, slab by slab.

    Parameters
    ----------
    config : Config
        The configuration.
    jobs : mapping
        For each scan that was reconstructed here, how, and the fingerprint of its input.
    volumes : mapping
        Finished volumes by scan.
    labelled : Labelled or Unlabelled
        Registration, bore and surfaces; or why there are none.
    ledger : Ledger
        What is done.
    advance : callable
        Told of every finished slab.

    Returns
    -------
    TwoGas or str
        What is on disk, or why nothing was decomposed.

    Raises
    ------
    ValueError
        If the configuration asks for it and it cannot be done.
    """
    if config.two_gas.decompose == "off":
        return "two_gas.decompose is off"
    scans = scans_by_gas(config)
    reason = cannot_pair(config, {gas: jobs.get(name) for gas, name in scans.items()}, labelled)
    if reason is None and isinstance(labelled, Labelled):
        image = volumes[scans["xenon"]].image
        mark = _mark(config, scans, volumes, labelled)
        slabs = volumes[scans["xenon"]].layout.slabs
        is_whole = all(ledger.done(STAGE, block, mark) for block in (-1, *(slab.index for slab in slabs)))
        done = open_two_gas(image) if is_whole else None
        if done is not None:
            return done
        try:
            pair = {gas: jobs[name] for gas, name in scans.items()}
            once = partial(_decomposed, config, pair, volumes, labelled, ledger, mark, advance)
            return _mended(once, [job for job, _ in pair.values()], ledger)
        except ValueError as error:
            reason = str(error)
            if config.two_gas.decompose == "auto":
                log.warning("the pair was not decomposed into electrolyte and gas: %s", error)
    if config.two_gas.decompose == "on":
        raise ValueError(f"two_gas.decompose is on, but {reason}")
    return reason or "the phases were not told apart"


def _mended(once: Callable[[], TwoGas], jobs: Sequence[Job], ledger: Ledger) -> TwoGas:
    """Decompose; line integrals that turn out to be damaged on disk are redone, and the rest goes on."""
    for _attempt in range(MOST_REPAIRS):
        try:
            return once()
        except CorruptScratch as error:
            for job in jobs:
                if error.path.is_relative_to(job.scratch):
                    take_back(job, ledger, error.views)
    return once()


def _decomposed(
    config: Config,
    jobs: Mapping[str, tuple[Job, str]],
    volumes: Mapping[str, Reconstructed],
    labelled: Labelled,
    ledger: Ledger,
    mark: str,
    advance: Advance,
) -> TwoGas:
    pair = pair_of(config, jobs, volumes, labelled, ledger)
    if config.registration.method == "auto":
        pair = refined(pair)
    return _written(with_faults(pair), jobs["xenon"][0], config.two_gas.block_std, ledger, mark, advance)


def _mark(config: Config, scans: Mapping[str, str], volumes: Mapping[str, Reconstructed], labelled: Labelled) -> str:
    found = labelled.aligned.registration
    t = labelled.thresholds
    return fingerprint(
        [volumes[name].mark for name in scans.values()],
        config.two_gas.model_dump(mode="json"),
        config.cell.model_dump(mode="json"),
        [_spectrum_mark(config, name) for name in scans.values()],
        [config.scans[name].model_dump(mode="json") for name in scans.values()],
        None if found is None else found.move,
        [t.bore, t.collector, t.electrolyte],
    )


def _spectrum_mark(config: Config, scan: str) -> list[float] | None:
    spectrum = source_spectrum(config, scan)
    return None if spectrum is None else [*spectrum.energy_kev.tolist(), *spectrum.photons.tolist()]


def _written(pair: RayPair, job: Job, block_std: float, ledger: Ledger, mark: str, advance: Advance) -> TwoGas:
    """Do the slabs that are missing, and give them their final names."""
    folder = job.image / "fractions"
    zarr.open_group(folder, mode="a", zarr_format=3)
    is_mending = ledger.done(STAGE, -1, mark) and _are_there(folder)
    unfinished = {name: folder / (name if is_mending else f"{name}.partial") for name in NAMES}
    layout = pair.layout
    block_px = min(BLOCK_PX, layout.slab)
    fresh = not all(p.exists() for p in unfinished.values()) or not ledger.done(STAGE, -2, mark)
    if fresh:
        for name in NAMES[:2]:
            about = {"quantity": f"share of {name}", "unit": "dimensionless", "method": "two-gas ray decomposition"}
            create_image(unfinished[name], layout, name=name, attributes=about)
        _create_blocks(unfinished["blocks"], layout, block_px)
        ledger.record(STAGE, -2, mark, {"blocks": len(layout.slabs)})
        for slab in layout.slabs:
            ledger.forget(STAGE, slab.index, "the shares are new")
    total = len(layout.slabs)
    todo = [slab for slab in layout.slabs if not ledger.done(STAGE, slab.index, mark)]
    finished = iter(range(total - len(todo) + 1, total + 1))
    advance("electrolyte and gas", total - len(todo), total)

    def record(slab: Block, facts: Facts) -> None:
        ledger.record(STAGE, slab.index, mark, facts)
        advance("electrolyte and gas", next(finished), total)

    at_once = slabs_at_once(job.compute, pair.slab_bytes, threaded=1)
    threads = pair.threads if job.compute.scheduler == "threads" else job.compute.threads
    if at_once > 1:
        threads = max(1, thread_count(job.compute.threads) // at_once)
    scratch = stage_scratch(job.folder, STAGE)
    targets = {f"{job.image.name}/fractions/{name}": unfinished[name] for name in NAMES}
    task = SharesTask.of(pair, targets, block_px, scratch=scratch, threads=threads)
    if todo:
        job.workers.run(task, todo, record, at_once=at_once)
    blocks_group = zarr.open_group(unfinished["blocks"], mode="r+")
    outside = sum(int(ledger.facts(STAGE, slab.index)["outside"]) for slab in layout.slabs)
    rays = max(pair.n_views * sum(pair.is_open(np.arange(layout.shape[0]))) * layout.shape[2], 1)
    facts = {
        "voxel_um": layout.voxel_um,
        "block_px": block_px,
        "block_std": block_std,
        "outside_share": float(outside / rays),
        "biased": pair.is_cut,
    }
    blocks_group.attrs["xelith"] = facts
    for name in () if is_mending else NAMES:
        publish(unfinished[name], folder / name)
    ledger.record(STAGE, -1, mark)
    found = open_two_gas(job.image)
    if found is None:
        raise OSError(f"{folder} lacks what was just written; check the disk")
    return found


def _create_blocks(path: Path, layout: ImageLayout, block_px: int) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)
    group = zarr.create_group(path, zarr_format=3)
    shape = tuple(-(-n // block_px) for n in layout.shape)
    chunks = (min(layout.slab // block_px, shape[0]), *shape[1:])
    for name in PARTS:
        group.create_array(name, shape=shape, chunks=chunks, dtype="f4", fill_value=0, dimension_names=("z", "y", "x"))

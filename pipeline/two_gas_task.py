"""Shares of electrolyte and gas in one slab, as a record that a thread, a process or another machine can run."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from ..arrays import Block, open_device
from ..arrays.blocks import thread_count
from ..segmentation.block_sums import BlockSums
from ..segmentation.bore import radial_profile
from .checksums import save_slab, sums_on_disk
from .pair_shares import shares_of_rows
from .ray_pairs import COPIES, RayPair
from .tasks import Facts, Stored, store_record

BLOCK_PX = 4
PARTS = ("solid", "pore", "counts", "solid_noise", "pore_noise")
RIM_PX = 3.0
"""Columns this close to the wall of the bore, or to a gap along it, are left out of blocks: what is there blurs in."""

FloatPair = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class SharesTask:
    """One slab of a pair of scans, from line integrals on scratch to its own chunks of three arrays.

    Parameters
    ----------
    pair : RayPair
        Both scans; its tables are left to `model`.
    model : Stored
        Tables of line integrals over paths, in files.
    electrolyte, gas : Path
        Images to write to.
    blocks : Path
        Group of sums over small blocks to write to.
    block_px : int
        Edge of such a block, in voxels.
    names : tuple of str
        Names that the two images and the group have once they are finished, below the run folder.
    threads : int or None
        Threads to use; None is one per core of the machine that runs the task.
    """

    pair: RayPair
    model: Stored
    electrolyte: Path
    gas: Path
    blocks: Path
    block_px: int
    names: tuple[str, ...]
    threads: int | None

    @classmethod
    def of(
        cls, pair: RayPair, targets: Mapping[str, Path], block_px: int, *, scratch: Path, threads: int | None
    ) -> "SharesTask":
        """Leave the tables of a pair to files.

        Parameters
        ----------
        pair : RayPair
            Both scans.
        targets : mapping of str to Path
            Images of electrolyte and gas, and group of the blocks, by the names that they will have below the run.
        block_px : int
            Edge of a block, in voxels.
        scratch : Path
            Folder of the files.
        threads : int or None
            Threads of one slab.

        Returns
        -------
        SharesTask
            Small enough to be sent anywhere.
        """
        model = store_record(pair.model, scratch)
        electrolyte, gas, blocks = targets.values()
        small = replace(pair, model=model.record)
        return cls(small, model, electrolyte, gas, blocks, block_px, tuple(targets), threads)

    def __call__(self, slab: Block) -> Facts:
        """Decompose the slab and write it; the answer counts rays beyond the tables, and sums the chunks."""
        tables = self.model.load()
        model = replace(tables, **{name: np.array(getattr(tables, name)) for name in self.model.arrays})
        pair = replace(self.pair, model=model, threads=thread_count(self.threads))
        shares, noise, n_outside = slab_shares(pair, slab)
        images = zip(self.names, (self.electrolyte, self.gas), shares, strict=False)
        sums = {name: save_slab(path, pair.layout, slab, share) for name, path, share in images}
        _add_blocks(zarr.open_group(self.blocks, mode="r+"), pair, slab, shares, noise, self.block_px)
        sums[self.names[2]] = sums_on_disk(self.blocks, [f"{part}/c/{slab.index}/0/0" for part in PARTS])
        return {"outside": n_outside, "crc32c": sums}


def _add_blocks(
    group: zarr.Group,
    pair: RayPair,
    slab: Block,
    shares: FloatPair,
    noise: FloatPair,
    block_px: int,
) -> None:
    """Sum up the voxels of a slab that lie inside the electrolyte."""
    n_y, n_x = shares[0].shape[1:]
    rows = np.arange(slab.start, slab.stop)
    deep = pair.is_electrolyte(rows)
    reach_px = _reach_px(shares[0][deep], pair) if deep.any() else 0.0
    counted = deep[:, None, None] & (pair.bore.distance(n_y, n_x) <= reach_px - RIM_PX)
    sums = BlockSums.of(*shares, counted, block_px=block_px, noise=noise)
    place = slice(slab.start // block_px, slab.start // block_px + sums.counts.shape[0])
    for name in PARTS:
        group[name][place] = getattr(sums, name).astype(np.float32)  # type: ignore[index]


def _reach_px(solid: NDArray[np.float32], pair: RayPair) -> float:
    """Radius of the pellet: that of the bore, or less where a gap lies between them or the view ends."""
    bore, (n_y, n_x) = pair.bore, solid.shape[1:]
    off = float(np.hypot(bore.y - (n_y - 1) / 2, bore.x - (n_x - 1) / 2))
    view_px = min(pair.xenon.centre_px, n_x - 1 - pair.xenon.centre_px) - off
    profile = radial_profile(solid.mean(axis=0), bore)[: int(min(bore.radius_px, view_px))]
    core = float(np.median(profile[: max(len(profile) // 2, 1)]))
    fallen = np.flatnonzero(profile < 0.5 * core)
    fallen = fallen[fallen >= len(profile) // 2]
    return float(fallen[0]) if fallen.size else min(bore.radius_px, view_px)


def slab_shares(pair: RayPair, slab: Block) -> tuple[FloatPair, FloatPair, int]:
    """Decompose a slab and reconstruct its shares, as many rows at a time as the memory holds.

    Parameters
    ----------
    pair : RayPair
        Both scans.
    slab : Block
        Rows of the xenon image.

    Returns
    -------
    tuple of (len(slab), n_y, n_x) array of float32
        Shares of electrolyte and gas, dimensionless; NaN in rows that the collector fills.
    tuple of (len(slab), n_y, n_x) array of float32
        Noise of each, dimensionless.
    int
        Rays beyond the tables.
    """
    shape = (len(slab), *pair.layout.shape[1:])
    volumes = tuple(np.full(shape, np.nan, np.float32) for _ in range(4))
    rows = np.arange(slab.start, slab.stop)
    places = np.flatnonzero(pair.is_open(rows))  # the collector lies at one end, so that they follow one another
    n_outside = 0
    for first in range(0, len(places), pair.rows_at_once):
        part = slice(places[first], places[min(first + pair.rows_at_once, len(places)) - 1] + 1)
        argon, xenon = pair.sinograms(slab.start + part.start, slab.start + part.stop)
        needs = COPIES * (argon.nbytes + xenon.nbytes)
        work = partial(shares_of_rows, pair, first_row=int(slab.start + part.start))
        found, n = open_device(pair.device).run(work, argon, xenon, needs=needs)
        n_outside += n
        for volume, share in zip(volumes, found, strict=True):
            volume[part] = share
    return (volumes[0], volumes[1]), (volumes[2], volumes[3]), n_outside

"""Lithium relative to the scan before charging, in blocks of the charged scan, and its file."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from ..segmentation.block_sums import BlockSums
from ..segmentation.fractions import Fractions, split
from ..segmentation.rigid import RigidMove
from .placed_task import PARTS
from .store import publish
from .two_gas import TwoGas

RELATIVE = ("lithium", "lithium_std", "electrolyte", "gas", "counts")


def relative_fractions(now: TwoGas, before: TwoGas, folder: Path, move: RigidMove, *, factor: int) -> Fractions:
    """Return lithium relative to before in blocks that both states fill.

    Parameters
    ----------
    now, before : TwoGas
        Shares of both states, each on its own grid.
    folder : Path
        Group of the moved sums, `xenon.ome.zarr/fractions/before`.
    move : RigidMove
        From the charged scan to that before charging.
    factor : int
        Small blocks along the edge of a block.

    Returns
    -------
    Fractions
        Shares on the charged scan's blocks; the standard deviation of lithium holds the noise of both states.
    """
    group: Any = zarr.open_group(folder, mode="r")
    solid, pore, counts = (np.asarray(group[name], np.float64) for name in PARTS)
    edge = now.sums.block_px
    full = (now.sums.counts == edge**3) & (counts == edge**3)
    moved = _kept(BlockSums(solid, pore, counts, edge), full).joined(factor)
    found = split(_kept(now.sums, full).joined(factor), before=moved)
    return replace(found, std=np.hypot(found.std, _std_before(before, found, move, factor)))


def _kept(sums: BlockSums, full: NDArray[np.bool_]) -> BlockSums:
    """Leave out blocks that either state does not fill: their sums would run over different voxels."""
    solid, pore, counts, *noise = (
        None if part is None else np.where(full, part, 0.0)
        for part in (sums.solid, sums.pore, sums.counts, sums.solid_noise, sums.pore_noise)
    )
    return BlockSums(solid, pore, counts, sums.block_px, *noise)


def _std_before(before: TwoGas, found: Fractions, move: RigidMove, factor: int) -> NDArray[np.float64]:
    """Standard deviation of lithium before charging in each block, taken where the block came from.

    Sums over blocks feel the blur of a spline at their faces alone, so that their noise is that of the unmoved ones.
    """
    own = split(before.sums.joined(factor))
    edge, shape = found.block_px, np.array(found.counts.shape)
    per_voxel = own.std * np.sqrt(np.maximum(own.counts, 1.0))
    centres = (np.indices(found.counts.shape).reshape(3, -1) + 0.5) * edge - 0.5
    places = np.floor((move.moved(centres) + 0.5) / edge).astype(int)
    most = np.array(own.counts.shape)[:, None] - 1
    taken = per_voxel[tuple(places.clip(0, most))].reshape(shape)
    known = np.isfinite(per_voxel)
    typical = float(np.median(per_voxel[known])) if known.any() else np.nan
    taken = np.where(np.isfinite(taken), taken, typical)
    return np.where(found.counts > 0, taken / np.sqrt(np.maximum(found.counts, 1.0)), np.nan)


def write_relative(path: Path, found: Fractions, voxel_um: float) -> None:
    """Write shares relative to before, block by block: small arrays, written whole.

    Parameters
    ----------
    path : Path
        Group to make; one that stands there is replaced.
    found : Fractions
        From `relative_fractions`.
    voxel_um : float
        Edge of a voxel, in µm.
    """
    partial = path.with_name("relative.partial")
    shutil.rmtree(partial, ignore_errors=True)
    group = zarr.create_group(partial, zarr_format=3)
    for name, part in zip(RELATIVE, (found.lithium, found.std, found.solid, found.pore, found.counts), strict=True):
        group.create_array(name, data=np.asarray(part, np.float32), dimension_names=("z", "y", "x"))
    group.attrs["xelith"] = {
        "voxel_um": voxel_um,
        "block_px": found.block_px,
        "block_um": found.block_px * voxel_um,
        "quantity": "shares of blocks, lithium relative to the scan before charging",
        "unit": "dimensionless",
    }
    publish(partial, path)


def read_relative(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], int] | None:
    """Read lithium from what `write_relative` has written.

    Parameters
    ----------
    path : Path
        The group.

    Returns
    -------
    lithium, lithium_std, counts : (m_z, m_y, m_x) array of float64
        Shares and their standard deviations, dimensionless, and voxels of each block.
    block_px : int
        Edge of a block, in voxels. None in place of all where there is no such group.
    """
    if not path.is_dir():
        return None
    group: Any = zarr.open_group(path, mode="r")
    lithium, std, counts = (np.asarray(group[name], np.float64) for name in ("lithium", "lithium_std", "counts"))
    return lithium, std, counts, int(group.attrs["xelith"]["block_px"])

"""Lithium in the blocks of a run against the true shares of a simulated cell, and its intervals."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..segmentation.block_sums import block_sums
from ..segmentation.evaluation import score_intervals
from .relative_shares import read_relative
from .store import open_level
from .two_gas import open_two_gas


def compared_shares(image: Path, truth: Path) -> dict[str, Any] | None:
    """Compare lithium's share of blocks with the truth.

    Where a run has compared with the scan before charging, its shares relative to that are taken: lithium that was
    not there before.

    Parameters
    ----------
    image : Path
        OME-Zarr group of a run's image, whose shares of two gases lie under `fractions`.
    truth : Path
        `truth.ome.zarr` of the simulated cell, on the same grid.

    Returns
    -------
    dict or None
        Scores over the blocks that count in full, their edge in µm, and whether they are relative to before; None
        where either has no shares, or no block counts in full.
    """
    share = truth / "fractions" / "lithium"
    two_gas = open_two_gas(image) if share.is_dir() else None
    if two_gas is None:
        return None
    relative = read_relative(image / "fractions" / "relative")
    own = two_gas.fractions
    lithium, std, counts, block_px = relative or (own.lithium, own.std, own.counts, own.block_px)
    true = block_sums(np.asarray(open_level(share)[:]), block_px) / block_px**3
    score = score_intervals(np.where(counts == block_px**3, lithium, np.nan), std, true)
    if score is None:
        return None
    return asdict(score) | {"block_um": block_px * two_gas.voxel_um, "is_relative": relative is not None}

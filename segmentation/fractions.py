"""Lithium, electrolyte and open pore where they are finer than a voxel, from two gases.

The electrolyte's share is known finely, the gas's only over many voxels, so the deficit 1 - f_SE is split into lithium
and pore over blocks. Nothing is clipped: negative shares are noise, and cancel in sums, means and balances.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Array, array_namespace
from .block_sums import BlockSums
from .filters import ndimage_of

CONFIDENCE = 1.96
"""Standard deviations of a 95 % interval of normal noise."""

BLOCK_SIZES = (2, 4, 8, 16, 32, 64)
NEIGHBOURHOOD = 2.0
"""Width of the Gaussian, in blocks, over which the variance of noise is averaged: deep rays have more of it."""

LEAST_BLOCKS = 8
"""Blocks from which a standard deviation may be taken."""

Pair = tuple[Array, Array]
"""Electrolyte's share and open pore's share of one scan pair, (n_z, n_y, n_x) each, dimensionless."""


@dataclass(frozen=True, eq=False)
class Fractions:
    """Unconstrained shares of each block of voxels.

    Parameters
    ----------
    lithium, solid, pore : (m_z, m_y, m_x) array of float64
        Mean share of the voxels that count, dimensionless; they add up to 1. Relative to the scan before
        charging where there is one: lithium is then what is new, and 1 is what solid and pore were together.
        NaN where no voxel counts.
    std, solid_std, pore_std : (m_z, m_y, m_x) array of float64
        Standard deviations of `lithium`, `solid` and `pore`, from two half-scans; NaN where they were not given.
    counts : (m_z, m_y, m_x) array of float64
        Voxels that count.
    block_px : int
        Edge of a block in voxels; blocks at the far faces may be cut short.
    is_relative : bool
        Whether voids that xenon cannot enter are known from a scan before charging.
    """

    lithium: Array
    solid: Array
    pore: Array
    std: Array
    solid_std: Array
    pore_std: Array
    counts: Array
    block_px: int
    is_relative: bool

    @property
    def interval(self) -> Pair:
        """Lower and upper end of the 95 % interval of lithium.

        Without a scan before charging a closed void looks like lithium, so that the lower end is never above
        zero lithium.

        Returns
        -------
        tuple of (m_z, m_y, m_x) arrays
            Shares, dimensionless.
        """
        xp = array_namespace(self.lithium)
        least = self.lithium if self.is_relative else xp.minimum(self.lithium, xp.zeros_like(self.lithium))
        return least - CONFIDENCE * self.std, self.lithium + CONFIDENCE * self.std

    @property
    def total_voxels(self) -> float:
        """Lithium of all blocks together, in voxels."""
        xp = array_namespace(self.lithium)
        return float(xp.sum(xp.where(self.counts > 0, self.lithium * self.counts, 0.0)))


def two_gas_fractions(
    solid: Array,
    pore: Array,
    *,
    block_px: int,
    mask: Array | None = None,
    halves: Sequence[Pair] | None = None,
    before: Pair | None = None,
) -> Fractions:
    """Split what is not electrolyte into lithium and open pore, block by block.

    Parameters
    ----------
    solid, pore : (n_z, n_y, n_x) array
        Shares of electrolyte and of open pore, reconstructed from the decomposed paths of a registered pair of
        scans in argon and xenon; unconstrained, dimensionless.
    block_px : int
        Edge of a block in voxels; `block_size` finds one from the noise.
    mask : (n_z, n_y, n_x) array of bool, optional
        Voxels that count; leave out what lies within two blur widths of a strong edge, but only where shares of
        blocks are asked for, not sums over columns.
    halves : sequence of two (solid, pore), optional
        The same from alternate views, for the noise; as neighbouring voxels are correlated, no other way tells
        the noise of a block.
    before : (solid, pore), optional
        The same of the cell before charging, registered. Voids that were there before are then no lithium.

    Returns
    -------
    Fractions
        On the device of the volumes.

    Raises
    ------
    ValueError
        If shapes differ, or there are not two halves.
    """
    given = [solid, pore, *([] if mask is None else [mask]), *(before or ()), *(v for h in halves or () for v in h)]
    shapes = {tuple(v.shape) for v in given}
    if len(shapes) > 1:
        raise ValueError(f"volumes have the shapes {sorted(shapes)}; register all to one grid first")
    xp = array_namespace(*given)
    counted = xp.ones(solid.shape, dtype=bool) if mask is None else mask
    if halves is not None and len(halves) != 2:
        raise ValueError(f"{len(halves)} half-scans were given; give two, of alternate views")
    noise = None
    if halves is not None:
        (solid_a, pore_a), (solid_b, pore_b) = halves
        noise = 0.5 * (solid_b - solid_a), 0.5 * (pore_b - pore_a)
    sums = BlockSums.of(solid, pore, counted, block_px=block_px, noise=noise)
    return split(sums, before=None if before is None else BlockSums.of(*before, counted, block_px=block_px))


def split(sums: BlockSums, *, before: BlockSums | None = None) -> Fractions:
    """Split what is not electrolyte into lithium and open pore, from sums over blocks.

    Parameters
    ----------
    sums : BlockSums
        Of the shares of electrolyte and open pore, and of lithium's noise where it is known.
    before : BlockSums, optional
        The same of the cell before charging, in the same blocks.

    Returns
    -------
    Fractions
        Shares of each block.

    Raises
    ------
    ValueError
        If the blocks of both scans differ.
    """
    xp = array_namespace(sums.counts)
    solid, pore = sums.mean(sums.solid), sums.mean(sums.pore)
    lithium = 1.0 - solid - pore
    if before is not None:
        if before.counts.shape != sums.counts.shape or before.block_px != sums.block_px:
            raise ValueError(
                f"blocks are {sums.counts.shape} of {sums.block_px} voxels, before charging {before.counts.shape} of "
                f"{before.block_px}; register both to one grid and use one block size"
            )
        lithium = lithium - (1.0 - before.mean(before.solid) - before.mean(before.pore))
    std, solid_std, pore_std = _stds(sums)
    if before is not None and before.solid_noise is not None:
        std = xp.hypot(std, _stds(before)[0])
    is_relative = before is not None
    return Fractions(lithium, solid, pore, std, solid_std, pore_std, sums.counts, sums.block_px, is_relative)


def _stds(sums: BlockSums) -> tuple[Array, Array, Array]:
    """Standard deviations of lithium, solid and pore in each block; NaN where the noise is not known."""
    xp = array_namespace(sums.counts)
    if sums.solid_noise is None or sums.pore_noise is None:
        unknown = xp.full(sums.counts.shape, np.nan)
        return unknown, unknown, unknown
    parts = (sums.solid_noise + sums.pore_noise, sums.solid_noise, sums.pore_noise)
    lithium, solid, pore = (_std(sums.mean(part), sums.counts) for part in parts)
    return lithium, solid, pore


def _std(noise: Array, counts: Array) -> Array:
    """Noise of a share in blocks of each count, from half the difference of two half-scans.

    The mean of both halves is the full scan, and has the noise of half their difference. Blocks with as many
    voxels and in one neighbourhood have as much noise: variances, scaled by the count, are averaged around each.
    """
    xp = array_namespace(counts)
    seen = (counts > 0).astype(xp.float64)
    square = xp.where(counts > 0, noise, 0.0) ** 2 * counts
    smooth = ndimage_of(counts).gaussian_filter
    around = [smooth(part, NEIGHBOURHOOD, mode="constant") for part in (square, seen)]
    per_voxel = around[0] / xp.maximum(around[1], 1e-12)
    return xp.where(counts > 0, xp.sqrt(per_voxel / xp.maximum(counts, 1.0)), np.nan)


def coarsened(sums: BlockSums, wanted_std: float) -> BlockSums:
    """Join blocks until lithium's share is known well enough in a full one, or no more than eight are left.

    Parameters
    ----------
    sums : BlockSums
        With noise, in small blocks.
    wanted_std : float
        Standard deviation to be reached in a full block, dimensionless, above 0.

    Returns
    -------
    BlockSums
        In blocks of the first size that reaches it, else in the largest that leaves eight full ones.

    Raises
    ------
    ValueError
        If the sums have no noise, or `wanted_std` is not above 0.
    """
    if not wanted_std > 0:
        raise ValueError(f"wanted_std is {wanted_std}; give a share above 0")
    if sums.solid_noise is None:
        raise ValueError("these sums have no noise; give it to BlockSums.of")
    best, factor = sums, 1
    while True:
        joined = sums.joined(factor)
        xp = array_namespace(joined.counts)
        full = joined.counts > 0.5 * joined.block_px**3
        if int(xp.sum(full)) < LEAST_BLOCKS:
            return best
        best = joined
        if float(xp.mean(split(joined).std[full])) <= wanted_std:
            return best
        factor *= 2


def block_size(halves: Sequence[Pair], wanted_std: float, *, mask: Array | None = None) -> int:
    """Find the smallest block in which lithium's share is known well enough.

    Parameters
    ----------
    halves : sequence of two (solid, pore)
        Shares from alternate views, (n_z, n_y, n_x) each.
    wanted_std : float
        Standard deviation to be reached in a full block, dimensionless, above 0.
    mask : (n_z, n_y, n_x) array of bool, optional
        Voxels that count.

    Returns
    -------
    int
        Edge of the block in voxels: 2, 4, 8 and so on to 64.

    Raises
    ------
    ValueError
        If no block that the volume holds eight times reaches the wanted value.
    """
    if not wanted_std > 0:
        raise ValueError(f"wanted_std is {wanted_std}; give a share above 0")
    solid, pore = halves[0]
    reached = np.inf
    for edge in BLOCK_SIZES:
        found = two_gas_fractions(solid, pore, block_px=edge, mask=mask, halves=halves)
        xp = array_namespace(found.counts)
        full = found.counts > 0.5 * edge**3
        if int(xp.sum(full)) < LEAST_BLOCKS:
            break
        reached = float(xp.mean(found.std[full]))
        if reached <= wanted_std:
            return edge
    raise ValueError(
        f"lithium's share is known to {reached:.3g} at best in blocks that fit, {wanted_std:.3g} is wanted; "
        "scan longer or ask for less"
    )


def on_simplex(lithium: Array, solid: Array, pore: Array) -> tuple[Array, Array, Array]:
    """Move shares to the nearest ones that are not negative and add up to 1, for display only.

    Parameters
    ----------
    lithium, solid, pore : array
        Unconstrained shares of one shape, dimensionless.

    Returns
    -------
    tuple of array
        The same three, the orthogonal projection on the simplex [1]_. Their mean over noise is biased.

    References
    ----------
    .. [1] Duchi et al., Proc. ICML (2008) 272-279.
    """
    xp = array_namespace(lithium, solid, pore)
    shares = xp.stack([lithium, solid, pore])
    largest = -xp.sort(-shares, axis=0)
    total = xp.cumsum(largest, axis=0)
    rank = xp.arange(1, 4, dtype=shares.dtype).reshape(3, *([1] * lithium.ndim))
    kept = xp.sum(largest - (total - 1) / rank > 0, axis=0)
    excess = (xp.take_along_axis(total, kept[None] - 1, axis=0)[0] - 1) / kept
    clipped = xp.maximum(shares - excess, xp.zeros((), dtype=shares.dtype))
    return clipped[0], clipped[1], clipped[2]

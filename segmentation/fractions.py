"""Lithium, electrolyte and open pore where they are finer than a voxel, from two gases.

The electrolyte's share is known finely, the gas's only over many voxels, so the deficit 1 - f_SE is split into lithium
and pore over blocks. Nothing is clipped: negative shares are noise, and cancel in sums, means and balances.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Array, array_namespace

CONFIDENCE = 1.96
"""Standard deviations of a 95 % interval of normal noise."""

BLOCK_SIZES = (2, 4, 8, 16, 32, 64)
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
    std : (m_z, m_y, m_x) array of float64
        Standard deviation of `lithium`, from two half-scans; NaN where they were not given.
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


def block_sums(volume: Array, block_px: int) -> Array:
    """Add up blocks of voxels.

    Parameters
    ----------
    volume : (n_z, n_y, n_x) array
        Any quantity.
    block_px : int
        Edge of a block in voxels, at least 1; the last block of an axis may be cut short.

    Returns
    -------
    (m_z, m_y, m_x) array of float64
        Sums; they add up to the sum of the volume.

    Raises
    ------
    ValueError
        If `block_px` is below 1.
    """
    if block_px < 1:
        raise ValueError(f"block_px is {block_px}; give blocks of at least 1 voxel")
    xp = array_namespace(volume)
    padded = xp.zeros([-(-n // block_px) * block_px for n in volume.shape], dtype=xp.float64)
    padded[tuple(slice(0, n) for n in volume.shape)] = volume
    m_z, m_y, m_x = (n // block_px for n in padded.shape)
    return padded.reshape(m_z, block_px, m_y, block_px, m_x, block_px).sum(axis=(1, 3, 5))


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
    counts = block_sums(counted, block_px)
    means = [_means(volume, counted, counts, block_px) for volume in (solid, pore)]
    lithium = 1.0 - means[0] - means[1]
    if before is not None:
        lithium = lithium - (1.0 - sum(_means(volume, counted, counts, block_px) for volume in before))
    std = xp.full(counts.shape, np.nan)
    if halves is not None:
        std = _std(halves, counted, counts, block_px)
    return Fractions(lithium, means[0], means[1], std, counts, block_px, before is not None)


def _means(volume: Array, counted: Array, counts: Array, block_px: int) -> Array:
    xp = array_namespace(volume)
    total = block_sums(xp.where(counted, volume, xp.zeros((), dtype=volume.dtype)), block_px)
    return xp.where(counts > 0, total / xp.maximum(counts, 1.0), np.nan)


def _std(halves: Sequence[Pair], counted: Array, counts: Array, block_px: int) -> Array:
    """Noise of lithium in blocks of each count, from the difference of two half-scans.

    The mean of both halves is the full scan, and has the noise of half their difference. Blocks with as many
    voxels have as much noise: the variance of all blocks is scaled by the count.
    """
    if len(halves) != 2:
        raise ValueError(f"{len(halves)} half-scans were given; give two, of alternate views")
    xp = array_namespace(counts)
    lithium = [-sum(_means(volume, counted, counts, block_px) for volume in half) for half in halves]
    difference = xp.where(counts > 0, 0.5 * (lithium[0] - lithium[1]), 0.0)
    seen = counts > 0
    per_voxel = xp.sum(difference**2 * counts) / max(int(xp.sum(seen)), 1)
    return xp.where(seen, xp.sqrt(per_voxel / xp.maximum(counts, 1.0)), np.nan)


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

"""Sums over cubes of voxels: shares that mean something only over many voxels, added up slab by slab."""

from dataclasses import dataclass

import numpy as np

from ..arrays import Array, array_namespace


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


@dataclass(frozen=True, eq=False)
class BlockSums:
    """Sums of shares over the voxels of each block that count.

    Parameters
    ----------
    solid, pore : (m_z, m_y, m_x) array of float64
        Sums of the shares of electrolyte and of open pore, dimensionless.
    counts : (m_z, m_y, m_x) array of float64
        Voxels that count.
    block_px : int
        Edge of a block in voxels; blocks at the far faces may be cut short.
    solid_noise, pore_noise : (m_z, m_y, m_x) array of float64 or None
        Sums of the noise of both shares: half the difference of two half-scans of alternate views; None where not
        known. That of lithium is the sum of both with its sign turned.
    """

    solid: Array
    pore: Array
    counts: Array
    block_px: int
    solid_noise: Array | None = None
    pore_noise: Array | None = None

    @classmethod
    def of(
        cls, solid: Array, pore: Array, counted: Array, *, block_px: int, noise: tuple[Array, Array] | None = None
    ) -> "BlockSums":
        """Add up a volume, or a slab of whole blocks of it.

        Parameters
        ----------
        solid, pore : (n_z, n_y, n_x) array
            Shares of electrolyte and open pore, dimensionless; values that do not count may be anything.
        counted : (n_z, n_y, n_x) array of bool
            Voxels that count.
        block_px : int
            Edge of a block in voxels.
        noise : (solid, pore), optional
            (n_z, n_y, n_x) noise of both shares, dimensionless.

        Returns
        -------
        BlockSums
            On the device of the volumes.
        """
        xp = array_namespace(solid)
        sums = [
            None if part is None else block_sums(xp.where(counted, part, xp.zeros((), dtype=part.dtype)), block_px)
            for part in (solid, pore, *(noise or (None, None)))
        ]
        return cls(sums[0], sums[1], block_sums(counted, block_px), block_px, sums[2], sums[3])

    def joined(self, factor: int) -> "BlockSums":
        """Return the sums over blocks that are a whole number of times as large.

        Parameters
        ----------
        factor : int
            1 or more.

        Returns
        -------
        BlockSums
            Blocks of `factor` times the edge.
        """
        if factor == 1:
            return self
        parts = [
            None if part is None else block_sums(part, factor)
            for part in (self.solid, self.pore, self.counts, self.solid_noise, self.pore_noise)
        ]
        return BlockSums(parts[0], parts[1], parts[2], self.block_px * factor, parts[3], parts[4])

    def mean(self, total: Array) -> Array:
        """Divide sums by the number of voxels.

        Parameters
        ----------
        total : (m_z, m_y, m_x) array
            One of the sums.

        Returns
        -------
        (m_z, m_y, m_x) array of float64
            Means, dimensionless; NaN where no voxel counts.
        """
        xp = array_namespace(total)
        return xp.where(self.counts > 0, total / xp.maximum(self.counts, 1.0), np.nan)

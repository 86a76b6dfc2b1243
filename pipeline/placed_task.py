"""One slab of the cell before charging, moved onto the grid of the charged scan: sums over its blocks and its rows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from ..arrays import Block
from ..materials import Phase
from ..metrology.mixed_zone import RINGS, ring_means, rings_of_one_area
from ..segmentation.block_sums import BlockSums
from ..segmentation.bore import Bore
from ..segmentation.rigid import RigidMove
from ..segmentation.surfaces import Surface
from .tasks import Facts
from .two_gas_task import RIM_PX

PARTS = ("solid", "pore", "counts")
ROWS = ("electrolyte", "gas", "lithium")
BYTES_PER_VOXEL = 64
"""What is held while a voxel is resampled: two shares, their splines in float64, places and masks."""

BESIDE_NAN = 2.0
"""Rows beside those that transmit nothing which are left out: a spline feels them."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PlacedTask:
    """A slab of the charged scan's grid, filled from the scans before charging.

    Parameters
    ----------
    electrolyte, gas : array
        (n_z, n_y, n_x) shares before charging on their own grid, dimensionless; NaN in rows of the collector.
    labels : array
        (n_z, n_y, n_x) values of `Phase` on that grid.
    surfaces : tuple of Surface or None
        Of collector and electrolyte there.
    move : RigidMove
        From the charged scan to that before charging.
    plane : (n_y, n_x)
        Size of a slice of the charged scan.
    bore : Bore
        Of the charged scan, in voxels.
    bore_before : Bore
        Of the scan before charging.
    target : Path
        Group to write to.
    block_px : int
        Edge of a block, in voxels.
    rows_at_once : int
        Rows resampled at a time; a multiple of `block_px`.
    """

    electrolyte: Any
    gas: Any
    labels: Any
    surfaces: tuple[Surface | None, Surface | None]
    move: RigidMove
    plane: tuple[int, int]
    bore: Bore
    bore_before: Bore
    target: Path
    block_px: int
    rows_at_once: int

    def __call__(self, slab: Block) -> Facts:
        """Sum up the slab; the answer counts voxels that lie in undisturbed electrolyte."""
        group: Any = zarr.open_group(self.target, mode="r+")
        ring = rings_of_one_area(self.bore.distance(*self.plane), self.bore.radius_px - RIM_PX)
        rows = np.full((len(slab), len(ROWS), RINGS), np.nan)
        parts = []
        for first in range(slab.start, slab.stop, self.rows_at_once):
            stop = min(first + self.rows_at_once, slab.stop)
            shares, seen, deep = self.moved_shares(first, stop)
            parts.append(BlockSums.of(shares[0], shares[1], deep, block_px=self.block_px))
            for z in range(stop - first):
                for k, share in enumerate(shares):
                    plane = np.where(seen[z], share[z], np.float32(np.nan))
                    rows[first - slab.start + z, k] = ring_means(plane, ring)
        place = slice(slab.start // self.block_px, -(-slab.stop // self.block_px))
        for name in PARTS:
            group[name][place] = np.concatenate([getattr(p, name) for p in parts]).astype(np.float32)
        group["rows"][slab.slice] = rows.astype(np.float32)
        return {"deep": float(sum(p.counts.sum() for p in parts))}

    def moved_shares(
        self, first: int, stop: int
    ) -> tuple[tuple[Floats, Floats, Floats], NDArray[np.bool_], NDArray[np.bool_]]:
        """Resample some rows.

        Parameters
        ----------
        first, stop : int
            Half-open range of rows of the charged scan.

        Returns
        -------
        tuple of (stop - first, n_y, n_x) array of float32
            Shares of electrolyte, gas and labelled lithium before charging, dimensionless.
        seen : (stop - first, n_y, n_x) array of bool
            Voxels that the scan before charging has, off its collector.
        deep : (stop - first, n_y, n_x) array of bool
            Those in its electrolyte, off the rough surface and the wall.
        """
        window = slice(0, self.plane[0]), slice(0, self.plane[1])
        shares = [self.move.resampled(Filled(v), first, stop, window) for v in (self.electrolyte, self.gas)]
        lithium = self.move.resampled(IsLithium(self.labels), first, stop, window, order=1)
        z, y, x = self._places(first, stop)
        n_z, n_y, n_x = self.electrolyte.shape
        collector, electrolyte = self.surfaces
        seen = (z > 0) & (z < n_z - 1) & (y > 0) & (y < n_y - 1) & (x > 0) & (x < n_x - 1)
        if collector is not None:
            seen &= collector.depth(z) < -BESIDE_NAN
        off = np.hypot(y - self.bore_before.y, x - self.bore_before.x)
        deep = seen & (off <= self.bore_before.radius_px - RIM_PX / 2)
        if electrolyte is not None:
            deep &= electrolyte.depth(z) > electrolyte.settled
        return (shares[0], shares[1], lithium), seen, deep

    def _places(self, first: int, stop: int) -> tuple[Floats, Floats, Floats]:
        """Where each voxel lies in the scan before charging: z, y and x."""
        matrix = self.move.matrix
        start = self.move.moved(np.array([[float(first)], [0.0], [0.0]]))[:, 0]
        z, y, x = np.ogrid[: stop - first, : self.plane[0], : self.plane[1]]
        found = [
            (start[k] + matrix[k, 0] * z + matrix[k, 1] * y + matrix[k, 2] * x).astype(np.float32) for k in range(3)
        ]
        return found[0], found[1], found[2]


@dataclass(frozen=True)
class Filled:
    """A volume whose rows of NaN repeat the nearest row that has values, so that splines stay finite.

    Parameters
    ----------
    volume : array
        (n_z, n_y, n_x), read when sliced.
    """

    volume: Any

    @property
    def shape(self) -> tuple[int, int, int]:
        """Size of the volume."""
        n_z, n_y, n_x = self.volume.shape
        return n_z, n_y, n_x

    def __getitem__(self, part: tuple[slice, ...]) -> Floats:
        """Read a box."""
        values = np.array(self.volume[part], dtype=np.float32)
        known = np.isfinite(values).all(axis=(1, 2))
        if known.all():
            return values
        if not known.any():
            return np.zeros_like(values)
        there = np.flatnonzero(known)
        nearest = np.abs(np.arange(len(values))[:, None] - there).argmin(axis=1)
        return values[there[nearest]]


@dataclass(frozen=True)
class IsLithium:
    """Labels as the share of lithium in each voxel.

    Parameters
    ----------
    labels : array
        (n_z, n_y, n_x) values of `Phase`, read when sliced.
    """

    labels: Any

    @property
    def shape(self) -> tuple[int, int, int]:
        """Size of the volume."""
        n_z, n_y, n_x = self.labels.shape
        return n_z, n_y, n_x

    def __getitem__(self, part: tuple[slice, ...]) -> Floats:
        """Read a box."""
        return (np.asarray(self.labels[part]) == Phase.LITHIUM).astype(np.float32)

"""A label volume seen from the anode: stack axis first, the anode at low indices, read slab by slab."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, blocks, to_host
from .thickness import check_labels, check_phases
from .voxels import VoxelSize, axis_index, map_voxel_um

Side = Literal["low", "high"]
PLANES_PER_SLAB = 16


@dataclass(frozen=True, eq=False)
class Stack:
    """Labels in the order in which lithium grows: index 0 lies at the anode's end.

    Parameters
    ----------
    labels : (n_z, n_y, n_x) array of uint8
        Values of `Phase`, 255 where not labelled. Anything that is sliced like an array will do; only slabs of
        it are read.
    voxel_um : float or (3,) sequence of float
        Edge of a cubic voxel, or the edges (z, y, x), in µm.
    axis : int
        Stack axis of the cell.
    anode : {"low", "high"}
        End of `axis` at which the anode lies.

    Raises
    ------
    TypeError
        If labels are not uint8.
    ValueError
        If labels are empty or not 3-D, or `anode` is neither word.
    """

    labels: Array
    voxel_um: VoxelSize
    axis: int = 0
    anode: Side = "low"

    def __post_init__(self) -> None:
        """Check what can be checked without reading."""
        check_labels(self.labels)
        axis_index(self.axis)
        if self.anode not in ("low", "high"):
            raise ValueError(f"anode is {self.anode!r}; say 'low' or 'high', the end of the axis at which it lies")

    @property
    def depth(self) -> int:
        """Number of planes."""
        return int(self.labels.shape[axis_index(self.axis)])

    @property
    def shape(self) -> tuple[int, int]:
        """Columns as (rows, columns) of a map."""
        rest = [n for i, n in enumerate(self.labels.shape) if i != axis_index(self.axis)]
        return rest[0], rest[1]

    @property
    def depth_um(self) -> float:
        """Edge of a voxel along the stack, in µm."""
        return map_voxel_um(self.voxel_um, self.axis)[0]

    @property
    def pixel_um(self) -> tuple[float, float]:
        """Edges of a column along the rows and columns of a map, in µm."""
        return map_voxel_um(self.voxel_um, self.axis)[1]

    @property
    def voxel_um3(self) -> float:
        """Volume of a voxel, in µm^3."""
        return self.depth_um * self.pixel_um[0] * self.pixel_um[1]

    def slabs(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Read the planes from the anode on.

        Parameters
        ----------
        start : int
            First plane, counted from the anode.
        stop : int, optional
            One past the last plane; None reads to the end.

        Yields
        ------
        first : int
            Index of the slab's first plane, counted from the anode.
        slab : (n, n_y, n_x) array of uint8
            Planes on the host, in order away from the anode.

        Raises
        ------
        ValueError
            If a label is no phase.
        """
        stop = self.depth if stop is None else min(stop, self.depth)
        for block in blocks(max(stop - start, 0), PLANES_PER_SLAB):
            first, last = start + block.start, start + block.stop
            part = slice(first, last)
            if self.anode == "high":
                part = slice(self.depth - last, self.depth - first)
            where = [slice(None)] * 3
            where[axis_index(self.axis)] = part
            slab = np.moveaxis(np.asarray(to_host(self.labels[tuple(where)])), axis_index(self.axis), 0)
            slab = np.ascontiguousarray(slab if self.anode == "low" else slab[::-1])
            check_phases(slab)
            yield first, slab

    def oriented_px(self, index_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn an index along the axis of the volume into one counted from the anode, and back.

        Parameters
        ----------
        index_px : array of float64
            Pixel-centre index; any shape.

        Returns
        -------
        array of float64
            The same place counted from the other end where the anode lies at high indices.
        """
        return index_px if self.anode == "low" else self.depth - 1 - index_px

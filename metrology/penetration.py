"""How deep lithium has grown from the anode into the electrolyte, and what lies there unconnected."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array
from .growth import Growth, Isolated, trace_growth
from .interfaces import Interfaces, find_interfaces
from .stack import Side, Stack
from .voxels import VoxelSize


@dataclass(frozen=True, eq=False)
class Penetration:
    """Lithium beyond the anode's interface.

    Parameters
    ----------
    depth_um : (n_y, n_x) array of float32
        Depth of the deepest connected lithium of each column below the interface, in µm; 0 where none.
    column_um : (n_y, n_x) array of float32
        Connected lithium beyond the interface over the column's area, in µm; 0 where `depth_um` is.
    max_depth_um : float
        Largest of `depth_um`, in µm.
    volume_um3 : float
        Volume of connected lithium beyond the interface, in µm^3: the sum over `column_um`.
    electrolyte_crossed : float
        Largest share of the electrolyte that connected lithium crosses in one column, dimensionless, 1 = all.
    is_shorted : bool
        True if connected lithium reaches the counter side of the electrolyte.
    film_volume_um3 : float
        Volume of the lithium on the anode's side of the interface, and of roughness beyond it, in µm^3.
    tolerance_um : float
        Where the deepest lithium of a column is less deep than this, it is roughness of the film.
    isolated : Isolated
        Pieces in the electrolyte that nothing connects to either electrode.
    counter_volume_um3 : float
        Volume of lithium in the electrolyte that hangs on its counter side and not on the anode, in µm^3.
    """

    depth_um: NDArray[np.float32]
    column_um: NDArray[np.float32]
    max_depth_um: float
    volume_um3: float
    electrolyte_crossed: float
    is_shorted: bool
    film_volume_um3: float
    tolerance_um: float
    isolated: Isolated
    counter_volume_um3: float = 0.0

    @property
    def isolated_volume_um3(self) -> float:
        """Volume of all isolated pieces, in µm^3."""
        return float(self.isolated.volume_um3.sum())

    @property
    def isolated_count(self) -> int:
        """Number of isolated pieces."""
        return int(self.isolated.volume_um3.size)


def measure_penetration(
    labels: Array,
    *,
    voxel_um: VoxelSize,
    axis: int = 0,
    anode: Side = "low",
    interface_px: ArrayLike | None = None,
    counter_px: ArrayLike | None = None,
    degree: int = 1,
) -> Penetration:
    """Measure the lithium that has grown from the anode into the electrolyte.

    Lithium is connected if it touches, by face, edge or corner, lithium on the anode's side of the interface,
    or comes as near to the interface as that is rough: a filament one voxel wide that runs aslant holds together.
    The volume is read twice, slab by slab, and may be larger than memory.

    Parameters
    ----------
    labels : (n_z, n_y, n_x) array of uint8
        Values of `Phase`, 255 where not labelled; sliced along `axis` only.
    voxel_um : float or (3,) sequence of float
        Edge of a cubic voxel, or the edges (z, y, x), in µm.
    axis : int
        Stack axis of the cell.
    anode : {"low", "high"}
        Whether the anode lies at low or high indices of `axis`.
    interface_px : float or (n_y, n_x) array, optional
        Where the electrolyte begins, as a pixel-centre index along `axis` (a face lies at half an index).
        None fits a smooth surface to the first electrolyte voxel of each column, robust against growths.
    counter_px : float or (n_y, n_x) array, optional
        Where the electrolyte ends, likewise.
    degree : int
        Degree of the fitted surfaces: 1 plane, 2 parabolic.

    Returns
    -------
    Penetration
        Depths, volumes and shares; zeros where there is no lithium in the electrolyte.

    Raises
    ------
    TypeError
        If labels are not uint8.
    ValueError
        If labels are empty, not 3-D or hold no electrolyte, or the electrolyte ends before it begins.
    """
    stack = Stack(labels, voxel_um, axis, anode)
    return penetration_of(
        stack, find_interfaces(stack, interface_px=interface_px, counter_px=counter_px, degree=degree)
    )


def penetration_of(stack: Stack, faces: Interfaces, *, growth: Growth | None = None) -> Penetration:
    """Measure the lithium beyond an interface that is known already.

    Parameters
    ----------
    stack : Stack
        Labels seen from the anode.
    faces : Interfaces
        Where the electrolyte begins and ends.
    growth : Growth, optional
        What `trace_growth` returned; None traces it.

    Returns
    -------
    Penetration
        Depths, volumes and shares.
    """
    growth = trace_growth(stack, faces) if growth is None else growth
    deepest = growth.deepest_px
    depth = np.where(np.isfinite(deepest), deepest + 0.5 - faces.near_px, 0.0)
    is_deep = depth > faces.tolerance_px
    depth = np.where(is_deep, depth, 0.0)
    voxels = np.where(is_deep, growth.voxels, 0)
    film_voxels = growth.film_voxels + int(growth.voxels.sum() - voxels.sum())
    crossed = np.minimum(depth / (faces.far_px - faces.near_px), 1.0)
    return Penetration(
        depth_um=(depth * stack.depth_um).astype(np.float32),
        column_um=(voxels * stack.depth_um).astype(np.float32),
        max_depth_um=float(depth.max() * stack.depth_um),
        volume_um3=float(voxels.sum() * stack.voxel_um3),
        electrolyte_crossed=float(crossed.max()),
        is_shorted=bool((is_deep & (deepest >= faces.far_px - 1)).any()),
        film_volume_um3=film_voxels * stack.voxel_um3,
        tolerance_um=faces.tolerance_px * stack.depth_um,
        isolated=growth.isolated,
        counter_volume_um3=growth.counter_voxels * stack.voxel_um3,
    )

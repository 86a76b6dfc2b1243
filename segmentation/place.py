"""Where the voxels of a slab lie in the cell: in the bore, in the collector, in or beside the electrolyte."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from .bore import Bore
from .surfaces import Surface

WALL_VOXELS = 1.5
"""Width of the rim of the bore into which the casing is blurred."""


@dataclass(frozen=True, eq=False)
class Place:
    """Distances and regions of a slab, as arrays that broadcast to it.

    Parameters
    ----------
    xp : module
        Namespace of the slab.
    shape : tuple of int
        (n_z, n_y, n_x) of the slab.
    rows : (n_z, 1, 1) array of float64
        Row of the volume.
    bore, inner : (1, n_y, n_x) array of bool
        Columns within the bore, and those that the casing is not blurred into.
    in_collector, in_electrolyte : (n_z, 1, 1) array of float64
        Depth of the row in the layer, in rows; minus infinity where there is no such layer.
    clean : (n_z, 1, 1) array of bool
        Rows that the collector does not touch.
    beside_electrolyte : (n_z, 1, 1) array of bool
        Rows that the electrolyte touches.
    deep_electrolyte : (n_z, 1, 1) array of bool
        Rows that it fills.
    """

    xp: Any
    shape: tuple[int, int, int]
    rows: Array
    bore: Array
    inner: Array
    in_collector: Array
    in_electrolyte: Array
    clean: Array
    beside_electrolyte: Array
    deep_electrolyte: Array

    @property
    def mask(self) -> Array:
        """(n_z, n_y, n_x) array of bool: voxels whose µ is their own."""
        return self.inner & self.clean


def place_slab(
    shape: tuple[int, int, int],
    z0: int,
    *,
    bore: Bore,
    collector: Surface | None,
    electrolyte: Surface | None,
    xp: Any = np,
) -> Place:
    """Return where the voxels of a slab lie.

    Parameters
    ----------
    shape : tuple of int
        (n_z, n_y, n_x) of the slab.
    z0 : int
        Row of the volume at which the slab starts.
    bore : Bore
        Axis and radius, in columns of the slab.
    collector, electrolyte : Surface or None
        Surfaces in rows of the volume.
    xp : module
        Namespace for the arrays.

    Returns
    -------
    Place
        On the device of `xp`.
    """
    rows = xp.asarray(np.arange(z0, z0 + shape[0], dtype=np.float64))[:, None, None]
    radius = xp.asarray(bore.distance(*shape[1:]))[None]
    never = xp.full(rows.shape, -np.inf)
    in_collector = never if collector is None else collector.depth(rows)
    in_electrolyte = never if electrolyte is None else electrolyte.depth(rows)
    return Place(
        xp,
        shape,
        rows,
        radius <= bore.radius_px,
        radius <= bore.radius_px - WALL_VOXELS,
        in_collector,
        in_electrolyte,
        in_collector < -0.5 - (0 if collector is None else collector.guard),
        in_electrolyte > (0 if electrolyte is None else -electrolyte.guard),
        in_electrolyte > (0 if electrolyte is None else electrolyte.settled),
    )

"""The size of a voxel, given as one number or one per axis."""

from collections.abc import Sequence

import numpy as np

VoxelSize = float | Sequence[float]
"""Edge of a cubic voxel in µm, or the three edges (z, y, x) in µm."""


def voxel_zyx_um(voxel_um: VoxelSize) -> tuple[float, float, float]:
    """Return the edges of a voxel along z, y and x.

    Parameters
    ----------
    voxel_um : float or (3,) sequence of float
        Edge of a cubic voxel, or the edges (z, y, x), in µm.

    Returns
    -------
    tuple of float
        (z, y, x) edges in µm, each positive.

    Raises
    ------
    ValueError
        If there are not one or three numbers, or one is not positive and finite.
    """
    edges = np.atleast_1d(np.asarray(voxel_um, dtype=np.float64))
    if edges.shape not in {(1,), (3,)}:
        raise ValueError(f"voxel_um is {voxel_um!r}; give one edge in µm, or three as (z, y, x)")
    if not np.all(np.isfinite(edges) & (edges > 0)):
        raise ValueError(f"voxel_um is {voxel_um!r}; a voxel's edge is positive and finite, in µm")
    z, y, x = (float(edge) for edge in np.broadcast_to(edges, (3,)))
    return z, y, x


def axis_index(axis: int) -> int:
    """Return an axis of a volume as 0, 1 or 2.

    Parameters
    ----------
    axis : int
        Axis of a (z, y, x) volume; negative numbers count from the end.

    Returns
    -------
    int
        0, 1 or 2.

    Raises
    ------
    ValueError
        If a volume has no such axis.
    """
    if not -3 <= axis < 3:
        raise ValueError(f"axis is {axis}; a volume has the axes 0 (z), 1 (y) and 2 (x)")
    return axis % 3


def map_voxel_um(voxel_um: VoxelSize, axis: int) -> tuple[float, tuple[float, float]]:
    """Split a voxel's edges into the one along a map's columns and the two in its plane.

    Parameters
    ----------
    voxel_um : float or (3,) sequence of float
        Edge of a cubic voxel, or the edges (z, y, x), in µm.
    axis : int
        Axis of the volume along which the columns run.

    Returns
    -------
    depth_um : float
        Edge along the columns, in µm.
    pixel_um : tuple of float
        Edges along the map's rows and columns, in µm.
    """
    edges = list(voxel_zyx_um(voxel_um))
    depth_um = edges.pop(axis_index(axis))
    return depth_um, (edges[0], edges[1])

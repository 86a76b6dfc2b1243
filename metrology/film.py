"""The film: lithium on the anode's side of the electrolyte, as a map."""

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, to_host
from .stack import Stack
from .thickness import ThicknessSum
from .voxels import axis_index


def film_map(
    stack: Stack, near_px: NDArray[np.float64] | None, *, fractions: Array | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Add up the lithium of each column between the anode's end and the electrolyte.

    Parameters
    ----------
    stack : Stack
        Labels seen from the anode.
    near_px : (n_y, n_x) array or None
        Index at which the electrolyte begins, counted from the anode; None adds up whole columns.
    fractions : (n_z, n_y, n_x) array of float32, optional
        Lithium fraction of the same volume, unclipped, used instead of the label lithium.

    Returns
    -------
    thickness_um : (n_y, n_x) array of float32
        Column thickness along the stack, in µm; NaN where more than a tenth of the column is not labelled.
    unlabelled_um : (n_y, n_x) array of float32
        Height of the unlabelled voxels of each column, in µm.

    Raises
    ------
    ValueError
        If fractions have another shape than the labels.
    """
    if fractions is not None and tuple(fractions.shape) != tuple(stack.labels.shape):
        raise ValueError(
            f"fractions are {tuple(fractions.shape)} and labels {tuple(stack.labels.shape)}; give one shape to both"
        )
    total = ThicknessSum(stack.depth_um)
    for first, slab in stack.slabs():
        index = np.arange(first, first + slab.shape[0])[:, None, None]
        within = None if near_px is None else index < near_px
        shares = None if fractions is None else _planes(fractions, stack, first, slab.shape[0])
        total.add(slab, fractions=shares, within=within)
    return total.thickness_um(), total.unlabelled_um()


def _planes(volume: Array, stack: Stack, first: int, count: int) -> NDArray[np.float32]:
    """Read the planes of a second volume that belong to a slab of the labels."""
    part = slice(first, first + count)
    if stack.anode == "high":
        part = slice(stack.depth - first - count, stack.depth - first)
    axis = axis_index(stack.axis)
    where = tuple(part if i == axis else slice(None) for i in range(3))
    slab = np.moveaxis(np.asarray(to_host(volume[where]), dtype=np.float32), axis, 0)
    return slab if stack.anode == "low" else slab[::-1]

"""Lithium by Faraday's law, to the voxel: scale a rough film until its voxels hold the charge."""

from collections.abc import Mapping

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..materials import lithium

PARTS = 4096
"""Parts of a voxel in which heights are counted."""


def lithium_voxels(areal_capacity_mah_per_cm2: float, columns: int, voxel_um: float) -> int:
    """Return how many voxels of dense lithium a charge plates.

    Parameters
    ----------
    areal_capacity_mah_per_cm2 : float
        Charge over electrode area in mAh cm^-2, not negative.
    columns : int
        Columns of voxels of the electrode.
    voxel_um : float
        Edge of a voxel in µm.

    Returns
    -------
    int
        Number of voxels, rounded to the nearest whole one.

    Raises
    ------
    ValueError
        If the charge is negative.
    """
    if not areal_capacity_mah_per_cm2 >= 0:
        raise ValueError(
            f"areal capacity is {areal_capacity_mah_per_cm2} mAh/cm2; give 0 or more (plating is positive)"
        )
    return round(lithium.thickness_um(areal_capacity_mah_per_cm2) / voxel_um * columns)


def film_columns(
    relief: NDArray[np.float64], where: NDArray[np.bool_], voxels: int, *, counted: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return whole-voxel column heights of a rough film that holds exactly a given number of voxels.

    The relief is shifted up or down until its positive part holds the volume, and the fractions of a voxel are
    dealt out by the largest remainder.

    Parameters
    ----------
    relief : (n, n) array of float64
        Height of the film's surface over its mean, in voxels.
    where : (n, n) array of bool
        Columns that may hold film; the others stay empty.
    voxels : int
        Volume to place in the columns that are counted, in voxels.
    counted : (n, n) array of bool
        Columns of the electrode; the others (outside the tube) follow the relief and are not counted.

    Returns
    -------
    (n, n) array of int64
        Height of each column in voxels.

    Raises
    ------
    ValueError
        If no counted column may hold film.
    """
    if voxels == 0:
        return np.zeros(relief.shape, dtype=np.int64)
    bearing = where & counted
    heights = relief[bearing]
    if heights.size == 0:
        raise ValueError("no column of the electrode may hold film; leave some of it free of bare spots")
    fixed = np.rint(relief * PARTS).astype(np.int64)
    shift = _shift(fixed[bearing], voxels * PARTS)
    exact = np.where(where, np.maximum(fixed + shift, 0), 0)
    whole = exact // PARTS
    missing = voxels - int(whole[bearing].sum())
    index = np.flatnonzero(bearing)
    remainder = (exact % PARTS).ravel()[index]
    # A stable sort breaks ties by place; all numbers are whole, so that the result does not depend on the machine.
    dealt = index[np.argsort(-remainder, kind="stable")[:missing]]
    whole.ravel()[dealt] += 1
    return whole


def _shift(heights: NDArray[np.int64], volume: int) -> int:
    """Return the largest shift with which the positive part of some heights adds up to a volume at most."""
    mean = volume // heights.size
    low, high = mean - int(heights.max()) - 1, mean - int(heights.min()) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if int(np.maximum(heights + middle, 0).sum()) <= volume:
            low = middle
        else:
            high = middle
    return low


def split_voxels(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Split a number of voxels by shares, to the voxel.

    Parameters
    ----------
    total : int
        Voxels to split.
    shares : mapping of str to float
        Share of each place; they add up to 1.

    Returns
    -------
    dict of str to int
        Voxels of each place, by the largest remainder; they add up to `total`.
    """
    exact = {name: share * total for name, share in shares.items()}
    whole = {name: int(value) for name, value in exact.items()}
    missing = total - sum(whole.values())
    for name in sorted(exact, key=lambda n: whole[n] - exact[n])[:missing]:
        whole[name] += 1
    return whole


def tops_of(heights: list[NDArray[np.int64]], n_z: int) -> NDArray[np.int32]:
    """Return the tops of layers that lie on each other, column by column from z = 0 up.

    Parameters
    ----------
    heights : list of (n, n) array of int64
        Height of each layer in voxels, not negative.
    n_z : int
        Slices of the cell.

    Returns
    -------
    (n_layers, n, n) array of int32
        Slice one past the last of each layer.

    Raises
    ------
    ValueError
        If a height is negative or the layers are higher than the cell.
    """
    for layer, height in enumerate(heights):
        if height.min() < 0:
            raise ValueError(f"layer {layer} is {height.min()} voxels thick in places; give layers of 0 or more")
    tops = np.cumsum(heights, axis=0, dtype=np.int32)
    if tops[-1].max() > n_z:
        raise ValueError(f"the layers are up to {tops[-1].max()} voxels high, the cell {n_z}; give a taller cell")
    return tops


@njit(nogil=True, cache=True)
def fill_layers(labels, start, tops, codes):  # type: ignore[no-untyped-def]
    """Write layers into slices of a cell, in place.

    Parameters
    ----------
    labels : (n_slices, n, n) array of uint8
        Slices of a cell.
    start : int
        Which slice comes first.
    tops : (n_layers, n, n) array of int32
        Top of each layer, as `tops_of` returns them.
    codes : (n_layers + 1,) array of uint8
        Label of each layer, and of what lies above the last.
    """
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                layer = 0
                while layer < tops.shape[0] and z + start >= tops[layer, y, x]:
                    layer += 1
                labels[z, y, x] = codes[layer]

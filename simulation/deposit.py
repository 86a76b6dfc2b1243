"""Lithium by Faraday's law, to the voxel: scale a rough film until its voxels hold the charge."""

from collections.abc import Mapping

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.optimize import brentq

from ..materials import lithium


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
    mean = voxels / heights.size
    low, high = mean - heights.max() - 1.0, mean - heights.min() + 1.0
    shift = brentq(lambda s: np.maximum(heights + s, 0).sum() - voxels, low, high, xtol=1e-12, maxiter=200)
    exact = np.where(where, np.maximum(relief + shift, 0), 0.0)
    whole = np.floor(exact).astype(np.int64)
    missing = voxels - int(whole[bearing].sum())
    index = np.flatnonzero(bearing)
    remainder = (exact - whole).ravel()[index]
    # A stable sort breaks ties by place, so that the result does not depend on the machine.
    dealt = index[np.argsort(-remainder, kind="stable")[:missing]]
    whole.ravel()[dealt] += 1
    return whole


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


def stack_layers(heights: list[NDArray[np.int64]], codes: list[int], n_z: int, *, fill: int) -> NDArray[np.uint8]:
    """Return labels of layers lying on each other, column by column from z = 0 up.

    Parameters
    ----------
    heights : list of (n, n) array of int64
        Height of each layer in voxels, not negative.
    codes : list of int
        Label of each layer.
    n_z : int
        Slices of the result.
    fill : int
        Label above the last layer.

    Returns
    -------
    (n_z, n, n) array of uint8
        Labels, in memory with z running fastest, as the projector reads them.

    Raises
    ------
    ValueError
        If a height is negative or the layers are higher than the cell.
    """
    for height, code in zip(heights, codes, strict=True):
        if height.min() < 0:
            raise ValueError(f"layer {code} is {height.min()} voxels thick in places; give layers of 0 or more")
    tops = np.cumsum(heights, axis=0)
    if tops[-1].max() > n_z:
        raise ValueError(f"the layers are up to {tops[-1].max()} voxels high, the cell {n_z}; give a taller cell")
    labels = np.full((*tops.shape[1:], n_z), fill, dtype=np.uint8)
    _fill_columns(labels, tops, np.array(codes, dtype=np.uint8))
    return np.moveaxis(labels, 2, 0)


@njit(nogil=True, cache=True)
def _fill_columns(labels, tops, codes):  # type: ignore[no-untyped-def]
    """Write each layer into each column, from the top of the one below to its own."""
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            bottom = 0
            for layer in range(codes.shape[0]):
                labels[y, x, bottom : tops[layer, y, x]] = codes[layer]
                bottom = tops[layer, y, x]

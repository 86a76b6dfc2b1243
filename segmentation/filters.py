"""Filters of labels and of µ that see a few voxels around each one, on host and GPU arrays."""

import importlib
from typing import Any

import array_api_compat

from ..arrays import Array, array_namespace

TRUNCATE = 2.5
"""Reach of a Gaussian in units of its sigma."""


def ndimage_of(array: Array) -> Any:
    """Return SciPy's ndimage, or CuPy's for a GPU array.

    Parameters
    ----------
    array : array
        NumPy or CuPy array.

    Returns
    -------
    module
        `scipy.ndimage` or `cupyx.scipy.ndimage`.
    """
    name = "cupyx.scipy.ndimage" if array_api_compat.is_cupy_array(array) else "scipy.ndimage"
    return importlib.import_module(name)


def gaussian_within(values: Array, mask: Array, sigma_px: float) -> Array:
    """Smooth with a Gaussian that takes nothing from outside a mask.

    Parameters
    ----------
    values : (n_z, n_y, n_x) array
        Any quantity; finite within the mask.
    mask : (n_z, n_y, n_x) array of bool
        Voxels that count.
    sigma_px : float
        Standard deviation of the Gaussian, in voxels; 0 smooths nothing.

    Returns
    -------
    (n_z, n_y, n_x) array of float32
        Weighted mean of the neighbours within the mask; 0 where there are none.
    """
    xp = array_namespace(values, mask)
    if sigma_px == 0:
        return xp.where(mask, values, 0).astype(xp.float32)
    ndimage = ndimage_of(values)
    weight = mask.astype(xp.float32)
    kept = xp.where(mask, values, xp.float32(0)).astype(xp.float32)
    total = ndimage.gaussian_filter(kept, sigma_px, truncate=TRUNCATE, mode="nearest")
    share = ndimage.gaussian_filter(weight, sigma_px, truncate=TRUNCATE, mode="nearest")
    return xp.where(share > 1e-3, total / xp.where(share > 1e-3, share, 1), 0).astype(xp.float32)


def dilate(mask: Array, steps: int) -> Array:
    """Grow a region by steps across voxel faces.

    Parameters
    ----------
    mask : (n_z, n_y, n_x) array of bool
        The region.
    steps : int
        How many voxels to grow, counted along the axes; 0 grows nothing.

    Returns
    -------
    (n_z, n_y, n_x) array of bool
        The larger region.
    """
    if steps == 0:
        return mask
    ndimage = ndimage_of(mask)
    return ndimage.binary_dilation(mask, ndimage.generate_binary_structure(3, 1), iterations=steps)


def erode(mask: Array, steps: int) -> Array:
    """Shrink a region by steps across voxel faces; the edge of the array is no edge of the region.

    Parameters
    ----------
    mask : (n_z, n_y, n_x) array of bool
        The region.
    steps : int
        How many voxels to shrink, counted along the axes.

    Returns
    -------
    (n_z, n_y, n_x) array of bool
        The smaller region.
    """
    return ~dilate(~mask, steps)


def specks(mask: Array, *, smallest: int, extent: int) -> Array:
    """Mark the parts of a region that are too small to be trusted.

    Parameters
    ----------
    mask : (n_z, n_y, n_x) array of bool
        The region; its parts are connected across faces.
    smallest : int
        Parts of fewer voxels are specks ...
    extent : int
        ... where they reach over no more than this many rows. The limit makes the answer for a row depend on
        `extent + 1` rows to either side only, so that a volume can be worked through in slabs.

    Returns
    -------
    (n_z, n_y, n_x) array of bool
        The specks.
    """
    xp = array_namespace(mask)
    ndimage = ndimage_of(mask)
    parts, count = ndimage.label(mask)
    if int(count) == 0:
        return xp.zeros(mask.shape, dtype=bool)
    size = xp.bincount(parts.ravel(), minlength=int(count) + 1)
    rows = xp.arange(mask.shape[0])[:, None, None]
    index = xp.arange(int(count) + 1)
    spread = xp.broadcast_to(rows, mask.shape)
    low = xp.asarray(ndimage.minimum(spread, parts, index))
    high = xp.asarray(ndimage.maximum(spread, parts, index))
    small = (size < smallest) & (high - low + 1 <= extent)
    small[0] = False
    return small[parts]

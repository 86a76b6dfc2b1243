"""Filters of labels and of µ that see a few voxels around each one, on host and GPU arrays."""

import importlib
from typing import Any

import array_api_compat

from ..arrays import Array, array_namespace

TRUNCATE = 2.5
"""Reach of a Gaussian in units of its sigma."""

SCARCE = 1e-3
"""Share of a Gaussian within the mask below which there is nothing to average."""


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


def gaussian_within(
    values: Array, mask: Array, sigma_px: float | tuple[float, float, float], *, share: Array | None = None
) -> Array:
    """Smooth with a Gaussian that takes nothing from outside a mask.

    Parameters
    ----------
    values : (n_z, n_y, n_x) array
        Any quantity; finite within the mask.
    mask : (n_z, n_y, n_x) array of bool
        Voxels that count.
    sigma_px : float or (3,) tuple of float
        Standard deviation of the Gaussian, in voxels, along all axes or along each; 0 smooths nothing.
    share : array, optional
        `mask_share(mask, sigma_px)` where it is known already; of any shape that fits.

    Returns
    -------
    (n_z, n_y, n_x) array of float32
        Weighted mean of the neighbours within the mask; 0 where there are none.
    """
    xp = array_namespace(values, mask)
    kept = xp.where(mask, values, xp.float32(0)).astype(xp.float32)
    if sigma_px == 0:
        return kept
    total = ndimage_of(values).gaussian_filter(kept, sigma_px, truncate=TRUNCATE, mode="nearest")
    seen = mask_share(mask, sigma_px) if share is None else share
    total /= xp.maximum(seen, xp.float32(SCARCE))
    total *= seen > SCARCE
    return total


def mask_share(mask: Array, sigma_px: float | tuple[float, float, float]) -> Array:
    """Return how much of a Gaussian around each voxel lies within a mask.

    Parameters
    ----------
    mask : (n_z, n_y, n_x) array of bool
        Voxels that count. A mask of columns may have one row, and a mask of rows one column: the share of
        their product is the product of their shares.
    sigma_px : float or (3,) tuple of float
        Standard deviation of the Gaussian, in voxels.

    Returns
    -------
    array of float32
        Between 0 and 1, in the shape of `mask`.
    """
    xp = array_namespace(mask)
    weight = mask.astype(xp.float32)
    return ndimage_of(mask).gaussian_filter(weight, sigma_px, truncate=TRUNCATE, mode="nearest")


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


def specks(mask: Array, *, smallest: int) -> Array:
    """Mark the parts of a region that are too small to be trusted.

    Parameters
    ----------
    mask : (n_z, n_y, n_x) array of bool
        The region; its parts are connected across faces.
    smallest : int
        Parts of fewer voxels are specks. They reach over fewer rows than that too, so that the answer for a
        row depends on `smallest` rows to either side only.

    Returns
    -------
    (n_z, n_y, n_x) array of bool
        The specks.
    """
    xp = array_namespace(mask)
    parts, count = ndimage_of(mask).label(mask)
    small = xp.bincount(parts.ravel(), minlength=int(count) + 1) < smallest
    small[0] = False
    return small[parts]

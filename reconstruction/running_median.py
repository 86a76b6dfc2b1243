"""Medians over a sliding window: a sorted window for many lines side by side on the host, cupyx on a GPU."""

import importlib
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..arrays import Array, array_namespace

LANES = 64
"""Lines that a kernel works on side by side."""


def running_median(array: Array, size: int) -> Array:
    """Return the median over `size` samples along the last axis but one, end samples repeated beyond the ends.

    The lines lie side by side along the last axis, so that the host's SIMD lanes run over them.

    Parameters
    ----------
    array : (..., n, n_lines) array of float32
        Any leading axes; NaN is not allowed.
    size : int
        Samples in the window, odd.

    Returns
    -------
    (..., n, n_lines) array of float32
        Medians, on the same device.

    Raises
    ------
    ValueError
        If `size` is even or below 1.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"the median's window is {size} samples; it must be odd and at least 1")
    xp = array_namespace(array)
    if xp.__name__.endswith("cupy"):
        ndimage: Any = importlib.import_module("cupyx.scipy.ndimage")
        return ndimage.median_filter(array, (1,) * (array.ndim - 2) + (size, 1), mode="nearest")
    stack = np.ascontiguousarray(array, np.float32).reshape(-1, *array.shape[-2:])
    out = np.empty_like(stack)
    for lines, medians in zip(stack, out, strict=True):
        _medians(lines, size // 2, medians)
    return out.reshape(array.shape)


@njit(nogil=True, cache=True)
def _medians(lines: NDArray[np.float32], half: int, out: NDArray[np.float32]) -> None:
    """Keep the window sorted: shift down what lies above the sample that leaves, then bubble in the new one."""
    length, n_lines = lines.shape
    size = 2 * half + 1
    window = np.empty((size, LANES), np.float32)
    leaving, entering = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    for first in range(0, n_lines, LANES):
        lanes = min(LANES, n_lines - first)
        window[:] = np.inf
        leaving[:] = np.inf
        entering[:] = 0
        for j in range(-half, length + half):
            new, old = min(max(j, 0), length - 1), min(max(j - size, 0), length - 1)
            for lane in range(lanes):
                entering[lane] = lines[new, first + lane]
            if j >= half + 1:
                for lane in range(lanes):
                    leaving[lane] = lines[old, first + lane]
            for k in range(size - 1):
                for lane in range(LANES):
                    kept = window[k + 1, lane] if window[k, lane] >= leaving[lane] else window[k, lane]
                    window[k, lane] = min(kept, entering[lane])
                    entering[lane] = max(kept, entering[lane])
            for lane in range(LANES):
                window[size - 1, lane] = entering[lane]
            if j >= half:
                for lane in range(lanes):
                    out[j - half, first + lane] = window[half, lane]

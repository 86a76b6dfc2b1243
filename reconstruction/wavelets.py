"""Daubechies wavelets: filters and one level of the transform in two dimensions, edges mirrored."""

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, array_namespace


@cache
def daubechies(order: int) -> NDArray[np.float64]:
    """Return the low-pass filter with the given number of vanishing moments and least phase.

    It follows from the half-band polynomial P(y) = sum_k C(order - 1 + k, k) y^k, y = (2 - z - 1/z) / 4, of which
    the roots inside the unit circle are kept [1]_.

    Parameters
    ----------
    order : int
        Vanishing moments, 1 to 10; 1 is the Haar wavelet.

    Returns
    -------
    (2 * order,) array of float64
        Filter whose sum is the root of 2.

    Raises
    ------
    ValueError
        If `order` is not 1 to 10.

    References
    ----------
    .. [1] Daubechies, Comm. Pure Appl. Math. 41 (1988) 909, doi:10.1002/cpa.3160410705.
    """
    if not 1 <= order <= 10:
        raise ValueError(f"the wavelet's order is {order}; it must be 1 to 10")
    halves = np.roots([math.comb(order - 1 + k, k) for k in reversed(range(order))])
    kept = []
    for y in halves:  # z + 1/z = 2 - 4 y
        pair = np.roots([1, 4 * y - 2, 1])
        kept.append(pair[np.abs(pair).argmin()])
    response = np.real(np.poly(np.concatenate([kept, -np.ones(order)])))
    response *= math.sqrt(2) / response.sum()
    response.setflags(write=False)
    return response


def analyse(images: Array, order: int) -> tuple[Array, Array, Array, Array]:
    """Split images into their smooth part and three kinds of detail at half the resolution.

    Parameters
    ----------
    images : (n, n_y, n_x) array of float32
        Images.
    order : int
        Vanishing moments of the wavelet.

    Returns
    -------
    smooth, flat, upright, diagonal : (n, m_y, m_x) array of float32
        Low-pass in both directions; high-pass along y; high-pass along x; high-pass in both, with
        m = (n + 2 * order - 1) // 2.
    """
    xp = array_namespace(images)
    low_y, high_y = _split(xp, images, order, 1)
    smooth, upright = _split(xp, low_y, order, 2)
    flat, diagonal = _split(xp, high_y, order, 2)
    return smooth, flat, upright, diagonal


def synthesise(smooth: Array, flat: Array, upright: Array, diagonal: Array, order: int) -> Array:
    """Put together what `analyse` split.

    Parameters
    ----------
    smooth, flat, upright, diagonal : (n, m_y, m_x) array of float32
        As `analyse` returns them.
    order : int
        Vanishing moments of the wavelet.

    Returns
    -------
    (n, 2 m_y - 2 * order + 2, 2 m_x - 2 * order + 2) array of float32
        Images; one sample longer than the original where its length was odd.
    """
    xp = array_namespace(smooth)
    low_y = _join(xp, smooth, upright, order, 2)
    high_y = _join(xp, flat, diagonal, order, 2)
    return _join(xp, low_y, high_y, order, 1)


def _high_pass(low: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the quadrature mirror of a low-pass filter."""
    return low[::-1] * np.where(np.arange(low.size) % 2, -1.0, 1.0)


def _split(xp: Any, images: Array, order: int, axis: int) -> tuple[Array, Array]:
    """Convolve with both filters along an axis, mirrored at the ends, and keep every second sample."""
    low = daubechies(order)
    taps = low.size
    length = images.shape[axis]
    reach = [(0, 0)] * images.ndim
    reach[axis] = (taps - 1, taps - 1)
    padded = xp.moveaxis(xp.pad(images, reach, mode="symmetric"), axis, -1)
    n_out = (length + taps - 1) // 2
    halves = []
    for response in (low[::-1], _high_pass(low)[::-1]):
        total = xp.zeros((*padded.shape[:-1], n_out), dtype=xp.float32)
        for k, weight in enumerate(response):
            total += xp.float32(weight) * padded[..., taps - k : taps - k + 2 * n_out : 2][..., :n_out]
        halves.append(xp.moveaxis(total, -1, axis))
    return halves[0], halves[1]


def _join(xp: Any, low_part: Array, high_part: Array, order: int, axis: int) -> Array:
    """Put zeros between samples, convolve with the mirrored filters and add: the adjoint of `_split` inside."""
    low = daubechies(order)
    taps = low.size
    parts = [xp.moveaxis(part, axis, -1) for part in (low_part, high_part)]
    n_in = parts[0].shape[-1]
    total = xp.zeros((*parts[0].shape[:-1], 2 * n_in + taps), dtype=xp.float32)
    for part, response in zip(parts, (low, _high_pass(low)), strict=True):
        for k, weight in enumerate(response):
            total[..., k : k + 2 * n_in : 2] += xp.float32(weight) * part
    return xp.moveaxis(total[..., taps - 2 : 2 * n_in], -1, axis)

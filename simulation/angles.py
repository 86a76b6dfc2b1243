"""Cosine and sine by sums and products alone, so that every processor rounds them alike."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

QUARTER_HIGH, QUARTER_LOW = 1.5707963267341256, 6.077100506506192e-11
"""A quarter turn in rad, in two parts: products of the first with small whole numbers are exact."""

TERMS = 9
"""Terms of the series behind the first; for angles up to an eighth of a turn the next is below 1e-19."""


def cos_sin(angle: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return cosine and sine.

    Libraries differ in the last bit from processor to processor; these do not, and err by 2e-16 at most.

    Parameters
    ----------
    angle : float or array
        Angle in rad, of some turns at most.

    Returns
    -------
    cos, sin : numpy.ndarray of float64
        In the shape of `angle`.
    """
    value = np.asarray(angle, dtype=np.float64)
    quarters = np.rint(value / (QUARTER_HIGH + QUARTER_LOW))
    rest = (value - quarters * QUARTER_HIGH) - quarters * QUARTER_LOW
    squared = rest * rest
    even, odd = np.ones_like(rest), np.ones_like(rest)
    for term in range(TERMS, 0, -1):
        even = 1 - squared / ((2 * term - 1) * (2 * term)) * even
        odd = 1 - squared / (2 * term * (2 * term + 1)) * odd
    sine = rest * odd
    turn = quarters.astype(np.int64) % 4
    cos = np.choose(turn, [even, -sine, -even, sine])
    sin = np.choose(turn, [sine, even, -sine, -even])
    return cos, sin


def turned(wave: NDArray[Any], angle: NDArray[Any]) -> NDArray[np.complex64]:
    """Return `wave exp(i angle)`, rounded alike by every processor.

    Parameters
    ----------
    wave : (n, m) array of float32 or complex64
        Amplitude, in any unit.
    angle : (n, m) array of float32 or float64
        Angle in rad.

    Returns
    -------
    (n, m) array of complex64
        In the unit of `wave`.
    """
    result = np.array(wave, dtype=np.complex64, order="C")
    _turn(result.ravel(), np.ascontiguousarray(angle).ravel())
    return result


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def _turn(wave, angle):  # type: ignore[no-untyped-def]
    """Turn `wave` in place; the series of `cos_sin`, number by number."""
    for i in range(wave.shape[0]):
        value = np.float64(angle[i])
        quarters = np.rint(value / (QUARTER_HIGH + QUARTER_LOW))
        rest = (value - quarters * QUARTER_HIGH) - quarters * QUARTER_LOW
        squared = rest * rest
        even, odd = 1.0, 1.0
        for term in range(TERMS, 0, -1):
            even = 1.0 - squared * (1.0 / ((2 * term - 1) * (2 * term))) * even
            odd = 1.0 - squared * (1.0 / (2 * term * (2 * term + 1))) * odd
        sine = rest * odd
        turn = int(quarters) % 4
        cos = np.float32(even if turn == 0 else -sine if turn == 1 else -even if turn == 2 else sine)
        sin = np.float32(sine if turn == 0 else even if turn == 1 else -sine if turn == 2 else -even)
        real, imag = wave[i].real, wave[i].imag
        wave[i] = complex(real * cos - imag * sin, real * sin + imag * cos)

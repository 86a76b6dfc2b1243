"""Cosine and sine by sums and products alone, so that every processor rounds them alike."""

import numpy as np
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

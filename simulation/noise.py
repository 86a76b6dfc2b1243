"""Counts from expected counts: Poisson noise whose draws do not depend on the order of work."""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import ndtri

FEW = 50.0
"""Below this mean the Poisson distribution is summed term by term; above it a series is exact to a count."""


def stream(seed: int, purpose: int, index: int) -> np.random.Generator:
    """Return a source of random numbers that belongs to one frame.

    Counter-based [1]_: the numbers depend on the three keys alone, so frames may be made in any order, on any
    number of threads.

    Parameters
    ----------
    seed : int
        Seed of the scan, not negative.
    purpose : int
        What the numbers are for; streams of different purpose are independent.
    index : int
        Frame.

    Returns
    -------
    numpy.random.Generator
        The source.

    References
    ----------
    .. [1] Salmon et al., Proc. SC11 (2011), article 16.
    """
    return np.random.Generator(np.random.Philox(key=[seed, purpose], counter=[0, 0, 0, index]))


def poisson_counts(mean: NDArray[np.float32], uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn uniform random numbers into Poisson counts, one for one.

    The quantile function is evaluated, so that a pixel's count depends on its own mean and draw alone: summed
    below a mean of 50, by the Cornish-Fisher series [1]_ above.

    Parameters
    ----------
    mean : array of float32
        Expected counts, not negative, of any shape.
    uniform : array of float64
        Draws from [0, 1), in the same shape.

    Returns
    -------
    numpy.ndarray of float64
        Whole numbers of counts.

    References
    ----------
    .. [1] Cornish & Fisher, Revue de l'Institut International de Statistique 5 (1938) 307-320.
    """
    counts = np.empty(mean.shape)
    normal = ndtri(np.maximum(uniform, 1e-16))
    _quantile(mean.ravel(), uniform.ravel(), normal.ravel(), counts.ravel())
    return counts


@njit(nogil=True, cache=True, error_model="numpy")
def _quantile(mean, uniform, normal, counts):  # type: ignore[no-untyped-def]
    """Evaluate the Poisson quantile function pixel by pixel."""
    for i in range(mean.shape[0]):
        expected = np.float64(mean[i])
        if expected < FEW:
            term = np.exp(-expected)
            total, count = term, 0
            while total < uniform[i] and count < 500:
                count += 1
                term *= expected / count
                total += term
            counts[i] = count
        else:
            z, root = normal[i], np.sqrt(expected)
            series = expected + root * z + (z * z - 1.0) / 6.0 + (z - z * z * z) / (72.0 * root)
            counts[i] = max(np.floor(series + 0.5), 0.0)

"""Where the spectra of views are sampled, and the factor each sample gets before it is gridded."""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .filters import ramp_response
from .slice_fft import fast_length

MARGIN, LEAST_MARGIN_PX = 0.125, 32
"""Zeros behind a view, as a share of it, that coarse steps in frequency leave to the filter's tails."""

TAPER = 10.0
"""Shape of the step from fine to coarse steps in frequency; a larger one is longer and wraps less."""


@dataclass(frozen=True)
class PolarSamples:
    """The samples that are kept of every view's spectrum.

    Parameters
    ----------
    length : int
        Padded length M of a view in pixels; frequencies are k / M cycles per pixel.
    kept : (n_kept,) array of int64
        The k that are kept: all below `n_fine`, every second one beyond.
    n_fine : int
        Number of samples in steps of 1.
    weights : (n_kept,) array of float64
        Windowed ramp times the share of frequency that each sample stands for, in 1 / pixel^2.
    """

    length: int
    kept: NDArray[np.int64]
    n_fine: int
    weights: NDArray[np.float64]

    def runs(self, n: int) -> list[tuple[int, int, np.float32, np.float32]]:
        """Return the samples' radii on a Cartesian grid.

        Parameters
        ----------
        n : int
            Cells of the grid between the sampling frequency's halves, -1/2 and 1/2 cycles per pixel.

        Returns
        -------
        list of tuple
            Of the fine and of the coarse samples: place of the first in `kept`, number, radius of the
            first and step, both in cells.
        """
        cell = n / self.length
        n_coarse = self.kept.size - self.n_fine
        return [
            (0, self.n_fine, np.float32(0), np.float32(cell)),
            (self.n_fine, n_coarse, np.float32((self.n_fine + 1) * cell), np.float32(2 * cell)),
        ]


def polar_samples(n_cols: int, window: str) -> PolarSamples:
    """Choose the samples of a view's spectrum: fine steps near zero, twice as coarse ones beyond.

    The ramp's kink at zero makes filtered views that never end, and needs steps of 1 / 2 n or finer.
    Away from zero the filter is smooth and its kernel short, and 1 / (1 + MARGIN) n is enough. So the
    ramp is split by a smooth step: low frequencies are sampled finely, the rest coarsely.

    Parameters
    ----------
    n_cols : int
        Detector columns.
    window : str
        One of `filters.WINDOWS`.

    Returns
    -------
    PolarSamples
        The samples and their weights.

    Raises
    ------
    ValueError
        If `window` is not in `filters.WINDOWS`.
    """
    half = fast_length(n_cols + max(math.ceil(MARGIN * n_cols), LEAST_MARGIN_PX))
    k = np.arange(half + 1)
    n_step = min(2 * math.ceil(TAPER * half / (math.pi * (half - n_cols))), half)
    fine = np.ones(half + 1)  # share of the ramp that is sampled finely
    if n_step < half:
        t = np.linspace(-1, 1, n_step + 1)
        rise = np.cumsum(np.i0(TAPER * np.sqrt(1 - t * t)))
        fine = np.append(1 - rise / rise[-1], np.zeros(half - n_step))
    even = k % 2 == 0
    share = np.where(even, 2 - fine, fine)
    share[[0, -1]] /= 2  # each is its own mirror image, which adds the other half
    kept = k[even | (k <= n_step)]
    weights = share * ramp_response(2 * half, window) / (2 * half)
    return PolarSamples(2 * half, kept, n_step + 1, weights[kept])


@njit(nogil=True, cache=True)
def fill_factors(factors, turns, scale, kept, weights, first, stop):  # type: ignore[no-untyped-def]
    """Write factors[p, i] = scale[p] weights[i] exp(2 pi i kept[i] turns[p]).

    Parameters
    ----------
    factors : (n_views, n_kept) array of complex64
        Written in rows first <= p < stop.
    turns : (n_views,) array of float64
        Column of the axis over the padded length.
    scale : (n_views,) array of float64
        Factor of each view.
    kept : (n_kept,) array of int64
        Samples kept, rising.
    weights : (n_kept,) array of float64
        Factor of each sample.
    first, stop : int
        Views to work on.
    """  # numpydoc ignore=PR01
    for p in range(first, stop):
        turn = np.exp(2j * np.pi * turns[p])
        phase, k = complex(scale[p]), 0
        for i in range(kept.size):
            while k < kept[i]:
                phase *= turn
                k += 1
            factors[p, i] = phase * weights[i]

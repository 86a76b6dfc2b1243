"""Ramp filters whose grey values are absolute: the band-limited kernel, sampled in space, under a window."""

import difflib

import numpy as np
import scipy.fft
from numpy.typing import NDArray

WINDOWS = ("ramp", "shepp-logan", "cosine", "hamming", "hann")
"""Windows on the ramp, from the sharpest to the smoothest."""


def window_response(frequency: NDArray[np.float64], window: str) -> NDArray[np.float64]:
    """Return the window that multiplies the ramp.

    Parameters
    ----------
    frequency : (n,) array
        Frequencies in cycles per pixel, 0 to 0.5.
    window : str
        One of `WINDOWS`; "ramp" is no window.

    Returns
    -------
    (n,) array of float64
        1 at frequency 0, dimensionless.

    Raises
    ------
    ValueError
        If `window` is not in `WINDOWS`.
    """
    if window == "ramp":
        return np.ones_like(frequency)
    if window == "shepp-logan":
        return np.sinc(frequency)
    if window == "cosine":
        return np.cos(np.pi * frequency)
    if window == "hamming":
        return 0.54 + 0.46 * np.cos(2 * np.pi * frequency)
    if window == "hann":
        return 0.5 + 0.5 * np.cos(2 * np.pi * frequency)
    nearest = difflib.get_close_matches(str(window), WINDOWS, n=1, cutoff=0)[0]
    raise ValueError(f"window is {window!r}, not one of {', '.join(WINDOWS)}; did you mean {nearest!r}?")


def padded_length(n_cols: int) -> int:
    """Return an even, fast FFT length in which the ramp does not wrap onto the detector.

    Parameters
    ----------
    n_cols : int
        Detector columns.

    Returns
    -------
    int
        At least 2 n_cols + 2: filtered values are right one pixel beyond either edge as well.
    """
    half = scipy.fft.next_fast_len(n_cols + 1, real=True)
    return 2 * half


def ramp_response(length: int, window: str = "ramp") -> NDArray[np.float64]:
    """Return the transfer function of the windowed band-limited ramp on a padded length.

    The ramp's impulse response is sampled in space and transformed [1]_. Sampling |f| instead sets
    the response at f = 0 to nothing, which takes several per cent of µ away however one pads.

    Parameters
    ----------
    length : int
        Even padded length in pixels, at least twice the detector's columns (see `padded_length`).
    window : str
        One of `WINDOWS`.

    Returns
    -------
    (length // 2 + 1,) array of float64
        Response at frequencies k / length cycles per pixel, in 1 / pixel: multiply a projection's
        `rfft` of that length by it.

    Raises
    ------
    ValueError
        If `length` is odd or not positive, or `window` is not in `WINDOWS`.

    References
    ----------
    .. [1] Kak & Slaney, Principles of Computerized Tomographic Imaging (1988), equation 3.61.
    """
    if length < 2 or length % 2:
        raise ValueError(f"filter length is {length}; give an even number of pixels, at least 2")
    distance = np.arange(length // 2 + 1)
    half = np.zeros(length // 2 + 1)
    half[0] = 0.25
    half[1::2] = -1 / (np.pi * distance[1::2]) ** 2
    kernel = np.concatenate([half, half[-2:0:-1]])
    frequency = np.arange(length // 2 + 1) / length
    return scipy.fft.rfft(kernel).real * window_response(frequency, window)

"""What scintillator, lens and scatter add to the beam: blur, undone on counts, and a floor, measured and subtracted."""

import importlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, array_namespace

SHADOW_LEVEL = 0.05  # transmission below which a pixel may lie in a shadow that lets nothing through
SHADOW_MARGIN = 3  # pixels kept away from a shadow's edge
LEAST_SHADOW = 50  # pixels that a floor is measured in


@dataclass(frozen=True)
class Floor:
    """Light that reaches the detector by other ways than straight through the sample.

    Parameters
    ----------
    level : float
        Share of the open beam, dimensionless.
    std : float
        Standard deviation of `level`, from the spread between frames, dimensionless.
    n_pixels : int
        Pixels of a frame in which it was measured; 0 if it was given.
    """

    level: float
    std: float
    n_pixels: int


def deblur(frames: Array, *, sigma_px: float, noise: float = 0.05) -> Array:
    """Undo a Gaussian blur of the detector, as far as noise allows (Wiener [1]_).

    Blur mixes intensities, not line integrals, so this comes before the logarithm. The filter is
    H (1 + n^2) / (H^2 + n^2) with the Gaussian's transform H: levels and sums are kept. Frames are mirrored at their
    edges.

    Parameters
    ----------
    frames : (n_theta, n_rows, n_cols) array
        Counts less dark, or transmission.
    sigma_px : float
        Standard deviation of the blur, in pixels; 0 leaves frames as they are.
    noise : float
        Noise over signal n where the filter turns over, dimensionless; it amplifies by 1 / 2n at most.

    Returns
    -------
    (n_theta, n_rows, n_cols) array of float32
        Sharper and noisier frames.

    Raises
    ------
    ValueError
        If `sigma_px` is negative or `noise` is not positive.

    References
    ----------
    .. [1] Gonzalez & Woods, Digital Image Processing (2018), section 5.8.
    """
    if not (sigma_px >= 0 and noise > 0):
        raise ValueError(f"sigma_px is {sigma_px} and noise {noise}; give 0 or more, and a positive noise")
    xp = array_namespace(frames)
    frames = frames.astype(xp.float32)
    if sigma_px == 0:
        return frames
    fft: Any = importlib.import_module("cupyx.scipy.fft" if xp.__name__.endswith("cupy") else "scipy.fft")
    squared = [(np.arange(n) / (2 * n)) ** 2 for n in frames.shape[1:]]  # of the frequencies of a cosine transform
    transfer = np.exp(-2 * (math.pi * sigma_px) ** 2 * (squared[0][:, None] + squared[1]))
    inverse = transfer * (1 + noise**2) / (transfer**2 + noise**2)
    spectrum = fft.dctn(frames, type=2, axes=(1, 2)) * xp.asarray(inverse, dtype=xp.float32)
    return fft.idctn(spectrum, type=2, axes=(1, 2)).astype(xp.float32)


def measure_floor(transmission: Array, shadow: Array | None = None) -> Floor:
    """Measure the additive floor in the shadow of something that lets nothing through, as a steel collector.

    Parameters
    ----------
    transmission : (n_theta, n_rows, n_cols) array
        I / I0, dimensionless, negative values kept.
    shadow : (n_rows, n_cols) array of bool, optional
        Pixels in the shadow in every frame. None takes those below 5 % in the mean frame and their neighbours' too,
        3 pixels from the shadow's edge; give it where the sample itself is as dark.

    Returns
    -------
    Floor
        Mean transmission there and its standard deviation.

    Raises
    ------
    ValueError
        If fewer than 50 pixels lie in the shadow.
    """
    xp = array_namespace(transmission)
    if shadow is None:
        shadow = shadow_of(xp.mean(transmission, axis=0, dtype=xp.float32))
    n_pixels = int(shadow.sum())
    if n_pixels < LEAST_SHADOW:
        raise ValueError(
            f"{n_pixels} pixels lie in a shadow (transmission below {SHADOW_LEVEL:.0%}); a floor needs {LEAST_SHADOW}: "
            "give the floor by hand, or include rows of the collector"
        )
    frames = xp.mean(transmission[:, shadow].astype(xp.float64), axis=1)
    spread = float(xp.std(frames)) if frames.shape[0] > 1 else float(xp.std(transmission[0, shadow]))
    count = frames.shape[0] if frames.shape[0] > 1 else n_pixels
    return Floor(float(xp.mean(frames)), spread / math.sqrt(max(count - 1, 1)), n_pixels)


def shadow_of(mean: Array) -> Array:
    """Return the pixels in which next to nothing is transmitted, away from the edge of the shadow.

    Parameters
    ----------
    mean : (n_rows, n_cols) array
        Transmission, mean over the views, dimensionless.

    Returns
    -------
    (n_rows, n_cols) array of bool
        True below 5 %, 3 pixels from where it is more.
    """
    return _eroded(array_namespace(mean), mean < SHADOW_LEVEL)


def subtract_floor(transmission: Array, floor: Floor | float, *, in_flats: bool = True) -> Array:
    """Subtract an additive floor before the logarithm is taken.

    Parameters
    ----------
    transmission : (n_theta, n_rows, n_cols) array
        I / I0, dimensionless.
    floor : Floor or float
        Share of the open beam, dimensionless.
    in_flats : bool
        True if the flats bear the floor too (glare of scintillator and lens): an open beam then stays at 1. False if
        only the sample makes it (scatter).

    Returns
    -------
    (n_theta, n_rows, n_cols) array of float32
        I / I0 without the floor; negative values are kept.

    Raises
    ------
    ValueError
        If the floor is not below 1.
    """
    xp = array_namespace(transmission)
    level = floor.level if isinstance(floor, Floor) else float(floor)
    if not level < 1:
        raise ValueError(f"the floor is {level:g} of the open beam; it must be below 1, and is usually below 0.05")
    rest = transmission.astype(xp.float32) - xp.float32(level)
    return rest / xp.float32(1 - level) if in_flats else rest


def _eroded(xp: Any, mask: Array) -> Array:
    """Keep the pixels whose neighbours within `SHADOW_MARGIN` are all in the mask; beyond the frame nothing counts."""
    result = mask
    for axis in (0, 1):
        n = mask.shape[axis]
        whole = result
        for step in range(-SHADOW_MARGIN, SHADOW_MARGIN + 1):
            index = xp.clip(xp.arange(n) + step, 0, n - 1)
            result = result & xp.take(whole, index, axis=axis)
    return result

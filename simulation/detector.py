"""The detector: photons in, whole counts out, with the faults that flat fields mend and those they do not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .fields import gaussian_field
from .noise import poisson_counts, stream

_PATTERN, _FLAT, _DARK, _VIEW, _BEAM = range(5)
"""Purposes of the random streams; each frame of each purpose has its own."""


@dataclass(frozen=True)
class Detector:
    """An integrating detector of square pixels that stores 16-bit counts.

    Parameters
    ----------
    n_rows : int
        Rows, along the rotation axis.
    n_cols : int
        Columns, across it.
    pixel_um : float
        Pixel at the sample in µm, above 0.
    blur_px : float
        Standard deviation of the blur of focal spot and scintillator, in pixels, not negative. It acts on expected
        counts.
    dark_counts : float
        Mean offset in counts, not negative.
    read_noise_counts : float
        Standard deviation of the read-out in counts, not negative.
    gain_std : float
        Standard deviation of the pixels' gain, dimensionless; flats measure it.
    drift_std : float
        Standard deviation of each pixel's change of gain after the flats, dimensionless: ring artefacts.
    zingers : float
        Mean number of pixels per frame that stray radiation hits, not negative.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    n_rows: int
    n_cols: int
    pixel_um: float
    blur_px: float = 0.5
    dark_counts: float = 100.0
    read_noise_counts: float = 3.0
    gain_std: float = 0.02
    drift_std: float = 0.0005
    zingers: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.n_rows < 1 or self.n_cols < 1:
            raise ValueError(f"the detector has {self.n_rows} x {self.n_cols} pixels; give at least one each way")
        if not self.pixel_um > 0:
            raise ValueError(f"the pixel is {self.pixel_um} µm; give more than 0 µm")
        for name in ("blur_px", "dark_counts", "read_noise_counts", "gain_std", "drift_std", "zingers"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} of the detector is {getattr(self, name)}; give 0 or more")

    @property
    def shape(self) -> tuple[int, int]:
        """(n_rows, n_cols)."""
        return self.n_rows, self.n_cols


@dataclass(frozen=True, eq=False)
class Patterns:
    """What is fixed about a detector and its beam for the whole of a scan.

    Parameters
    ----------
    beam : (n_rows, n_cols) array of float32
        Photons of the open beam over their mean, dimensionless.
    change : (n_rows, n_cols) array of float32
        Another such profile, of mean 0 and standard deviation 1: what a drift of the profile adds.
    gain : (n_rows, n_cols) array of float32
        Counts per photon while flats are taken.
    drifted_gain : (n_rows, n_cols) array of float32
        Counts per photon while projections are taken.
    dark : (n_rows, n_cols) array of float32
        Mean offset in counts.
    """

    beam: NDArray[np.float32]
    change: NDArray[np.float32]
    gain: NDArray[np.float32]
    drifted_gain: NDArray[np.float32]
    dark: NDArray[np.float32]


def patterns(detector: Detector, *, seed: int) -> Patterns:
    """Draw the fixed patterns of a detector.

    Parameters
    ----------
    detector : Detector
        The detector.
    seed : int
        Seed of the scan, not negative.

    Returns
    -------
    Patterns
        A smooth beam profile of a few per cent, gain and offset of every pixel.
    """
    generator = stream(seed, _PATTERN, 0)
    smooth_px = 0.5 * max(detector.shape)
    beam = 1 + 0.02 * gaussian_field(detector.shape, smooth_px, generator)
    gain = 1 + detector.gain_std * generator.standard_normal(detector.shape)
    drift = 1 + detector.drift_std * generator.standard_normal(detector.shape)
    dark = detector.dark_counts + np.sqrt(detector.dark_counts) * 0.1 * generator.standard_normal(detector.shape)
    gain = np.maximum(gain, 0.1)
    change = gaussian_field(detector.shape, smooth_px, generator)
    arrays = (np.maximum(beam, 0.5), change, gain, gain * drift, np.maximum(dark, 0.0))
    return Patterns(*(array.astype(np.float32) for array in arrays))


def expose_flat(
    detector: Detector, fixed: Patterns, photons: NDArray[np.float32], *, seed: int, index: int
) -> NDArray[np.uint16]:
    """Take a frame of the open beam.

    Parameters
    ----------
    detector : Detector
        The detector.
    fixed : Patterns
        Its patterns.
    photons : (n_rows, n_cols) array of float32
        Expected photons in each pixel.
    seed : int
        Seed of the scan.
    index : int
        Which flat.

    Returns
    -------
    (n_rows, n_cols) array of uint16
        Counts.
    """
    return _read_out(detector, photons, fixed.gain, fixed.dark, stream(seed, _FLAT, index))


def expose_dark(detector: Detector, fixed: Patterns, *, seed: int, index: int) -> NDArray[np.uint16]:
    """Take a frame with the shutter closed.

    Parameters
    ----------
    detector : Detector
        The detector.
    fixed : Patterns
        Its patterns.
    seed : int
        Seed of the scan.
    index : int
        Which dark.

    Returns
    -------
    (n_rows, n_cols) array of uint16
        Counts.
    """
    nothing = np.zeros(detector.shape, dtype=np.float32)
    return _read_out(detector, nothing, fixed.gain, fixed.dark, stream(seed, _DARK, index))


def expose_view(
    detector: Detector, fixed: Patterns, photons: NDArray[np.float32], *, seed: int, index: int
) -> NDArray[np.uint16]:
    """Take a projection.

    Parameters
    ----------
    detector : Detector
        The detector.
    fixed : Patterns
        Its patterns.
    photons : (n_rows, n_cols) array of float32
        Expected photons in each pixel, blur included.
    seed : int
        Seed of the scan.
    index : int
        Which view.

    Returns
    -------
    (n_rows, n_cols) array of uint16
        Counts.
    """
    return _read_out(detector, photons, fixed.drifted_gain, fixed.dark, stream(seed, _VIEW, index))


def flicker(seed: int, index: int) -> float:
    """Return the normal deviate by which the beam of one frame departs from its mean.

    Parameters
    ----------
    seed : int
        Seed of the scan.
    index : int
        Frame, in order of time over flats, views and late flats.

    Returns
    -------
    float
        Draw of a standard normal distribution.
    """
    return float(stream(seed, _BEAM, index).standard_normal())


def _read_out(
    detector: Detector,
    expected: NDArray[np.float32],
    gain: NDArray[np.float32],
    dark: NDArray[np.float32],
    generator: np.random.Generator,
) -> NDArray[np.uint16]:
    """Draw photons, amplify, add offset, read noise and zingers, round and saturate."""
    photons = poisson_counts(expected, generator.random(expected.shape))
    signal = photons * gain + dark
    signal += detector.read_noise_counts * generator.standard_normal(expected.shape)
    if detector.zingers > 0:
        hits = generator.integers(0, signal.size, generator.poisson(detector.zingers))
        signal.ravel()[hits] += generator.exponential(2e4, len(hits))
    return np.clip(np.rint(signal), 0, np.iinfo(np.uint16).max).astype(np.uint16)

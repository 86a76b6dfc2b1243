"""Propagation fringes: phase that the cell gives the beam, turned into intensity on the way to the detector."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from .angles import turned

WAVELENGTH_UM_KEV = 1.239842e-3
"""Wavelength times photon energy, in µm keV."""

MARGIN = 32
"""Fine cells that the frame is continued by at each edge, against wrap-around."""


def propagate(
    intensity: NDArray[np.float32],
    phase: NDArray[np.float32],
    *,
    step_um: tuple[float, float],
    energy_kev: float,
    distance_mm: float,
) -> NDArray[np.float32]:
    """Return the intensity at a distance behind the cell, by Fresnel's transfer function [1]_.

    One energy stands for the spectrum, as the phase hardly changes over it; the blur of source and detector
    follows when pixels are averaged.

    Parameters
    ----------
    intensity : (n_rays, n_slices) array of float32
        Intensity just behind the cell, over the open beam's.
    phase : (n_rays, n_slices) array of float32
        Phase just behind the cell in rad, negative where matter holds the wave back less than vacuum does.
    step_um : (ray, slice)
        Distance of neighbouring rays and slices in µm.
    energy_kev : float
        Photon energy in keV.
    distance_mm : float
        Distance in mm, not negative.

    Returns
    -------
    (n_rays, n_slices) array of float32
        Intensity at the detector, over the open beam's.

    References
    ----------
    .. [1] Paganin, Coherent X-Ray Optics (2006), section 1.4.
    """
    if distance_mm == 0:
        return intensity
    padded = np.pad(turned(np.sqrt(np.maximum(intensity, 0)), phase), MARGIN, mode="edge")
    shape = [scipy.fft.next_fast_len(n) for n in padded.shape]
    padded = np.pad(padded, [(0, n - m) for n, m in zip(shape, padded.shape, strict=True)], mode="wrap")
    wave = scipy.fft.fft2(padded)
    squared = (
        scipy.fft.fftfreq(shape[0], step_um[0])[:, None] ** 2 + scipy.fft.fftfreq(shape[1], step_um[1])[None, :] ** 2
    )
    turn = np.pi * WAVELENGTH_UM_KEV / energy_kev * distance_mm * 1e3
    arrived = scipy.fft.ifft2(turned(wave, -turn * squared))[MARGIN:, MARGIN:][
        : intensity.shape[0], : intensity.shape[1]
    ]
    return arrived.real**2 + arrived.imag**2

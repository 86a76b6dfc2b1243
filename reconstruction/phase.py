"""Single-distance phase retrieval: fringes of propagation turned back into the thickness of one material."""

import math
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..arrays import Array, array_namespace
from ..materials.attenuation import Absorber

HC_KEV_UM = 1.23984198e-3  # Planck's constant times the speed of light
REACH = 8.0  # decay lengths of the filter that are padded at each edge


def delta_beta(material: Absorber, energy_kev: float) -> float:
    """Return delta / beta of a material's refractive index n = 1 - delta + i beta.

    Parameters
    ----------
    material : Absorber
        Material, for instance `materials.attenuation.material("li6ps5cl")`.
    energy_kev : float
        Photon energy in keV.

    Returns
    -------
    float
        delta / beta, dimensionless.
    """
    mu_per_um = float(np.asarray(material.mu_per_cm(energy_kev))) * 1e-4
    beta = mu_per_um * (HC_KEV_UM / energy_kev) / (4 * math.pi)
    return material.decrement(energy_kev) / beta


def retrieve_phase(
    transmission: Array,
    *,
    pixel_um: float,
    distance_mm: float,
    energy_kev: float,
    delta_beta: float,
    magnification: float = 1.0,
) -> Array:
    """Filter transmission so that minus its logarithm is the line integral of µ of one material (Paganin [1]_).

    The filter is 1 / (1 + pi lambda z (delta / beta) f^2), 1 at frequency zero, so that the mean is kept and so is µ of
    the material that `delta_beta` belongs to. It widens the edges of materials of smaller delta / beta and leaves
    fringes at those of larger. Edges of the frame are repeated.

    Parameters
    ----------
    transmission : (n_theta, n_rows, n_cols) array
        I / I0, dimensionless.
    pixel_um : float
        Pixel on the detector, in µm.
    distance_mm : float
        Distance from the sample to the detector, in mm.
    energy_kev : float
        Photon energy, in keV.
    delta_beta : float
        delta / beta of the material, dimensionless; 0 leaves the input as it is.
    magnification : float
        Source to detector over source to sample, dimensionless; 1 is a parallel beam. Pixel and distance are divided
        by it.

    Returns
    -------
    (n_theta, n_rows, n_cols) array of float32
        I / I0 as if the sample touched the detector, dimensionless.

    Raises
    ------
    ValueError
        If pixel, energy or magnification are not positive, or distance or delta / beta are negative.

    References
    ----------
    .. [1] Paganin et al., J. Microscopy 206 (2002) 33, doi:10.1046/j.1365-2818.2002.01010.x.
    """
    for name, value, unit in (("pixel_um", pixel_um, "µm"), ("energy_kev", energy_kev, "keV")):
        if not value > 0:
            raise ValueError(f"{name} is {value} {unit}; it must be positive")
    if not magnification >= 1:
        raise ValueError(f"magnification is {magnification}; it must be 1 (parallel beam) or more")
    if not (distance_mm >= 0 and delta_beta >= 0):
        raise ValueError(f"distance_mm is {distance_mm} and delta_beta {delta_beta}; neither may be negative")
    xp = array_namespace(transmission)
    frames = transmission.astype(xp.float32)
    area = distance_mm * 1e3 / magnification * HC_KEV_UM / energy_kev * delta_beta / (4 * math.pi)
    length_px = math.sqrt(area) * magnification / pixel_um  # 1 / e of the filter's response, at the sample
    reach = math.ceil(REACH * length_px)
    if reach == 0:
        return frames
    n_rows, n_columns = frames.shape[1:]
    pads = [_padding(n, reach) for n in (n_rows, n_columns)]
    padded = xp.pad(frames, ((0, 0), *pads), mode="edge")
    response = xp.asarray(_response(padded.shape[1:], length_px))
    filtered = xp.fft.irfft2(xp.fft.rfft2(padded) * response, s=padded.shape[1:])
    first_row, first_column = pads[0][0], pads[1][0]
    result = filtered[:, first_row : first_row + n_rows, first_column : first_column + n_columns]
    return result.astype(xp.float32)


def _padding(n: int, reach: int) -> tuple[int, int]:
    """Return the samples to add before and after, `reach` at least and a fast length in all."""
    length = scipy.fft.next_fast_len(n + 2 * reach, real=True)
    return reach, length - n - reach


@lru_cache(maxsize=1)
def _response(shape: tuple[int, int], length_px: float) -> NDArray[np.float32]:
    """Return 1 / (1 + (2 pi f length)^2) on the half plane of a real transform; f in cycles per pixel.

    Kept from call to call: views come one by one, and all have the same.
    """
    rows, columns = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])
    response = (1 / (1 + (2 * math.pi * length_px) ** 2 * (rows**2 + columns**2))).astype(np.float32)
    response.setflags(write=False)
    return response

"""The centre from the sharpness of the reconstruction: a wrong one doubles every edge."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from .fourier import fourier_fbp

BLUR = 1.2  # columns: quietens noise before the gradient is taken
VIEWS_USED = 360  # views used; more only add cost


STEP = 0.8  # columns, of the first pass: 16 centres, one call's worth
SPAN = 6.0  # columns to either side of the start
FINE_STEP = 0.2
ROWS_USED = 3
REACH = 0.9  # of the distance from the axis to the nearer edge of the detector, beyond which nothing is sharp


def sharpest(sinograms: NDArray[np.float32], theta: NDArray[np.float64], start: float) -> tuple[float, float]:
    """Find the centre of the sharpest reconstruction near `start`.

    Parameters
    ----------
    sinograms : (n_rows, n_views, n_cols) array of float32
        Line integrals; at most 3 rows are used.
    theta : (n_views,) array
        Angles in rad.
    start : float
        Where to look, as a pixel-centre index; 6 columns to either side are tried.

    Returns
    -------
    float
        Centre, as a pixel-centre index.
    float
        How much sharper it is than 4 to 6 columns away, as a share; 0 if the sharpest one tried was the last.
    """
    rows = sinograms[np.linspace(0, len(sinograms) - 1, min(len(sinograms), ROWS_USED)).round().astype(int)]
    n_columns = sinograms.shape[-1]
    centres = start + np.arange(-SPAN, SPAN + STEP / 2, STEP)
    centres = centres[(centres >= 1) & (centres <= n_columns - 2)]
    if centres.size < 5:
        return start, 0.0
    reach = REACH * min(start, n_columns - 1 - start)
    blur = _summed(blur_of(rows, theta, centres, reach=reach))
    best = int(blur.argmin())
    if best in (0, centres.size - 1) or not blur[best] > 0:
        return float(centres[best]), 0.0
    away = np.abs(centres - centres[best]) >= min(4.0, SPAN - 2 * STEP)
    gain = float(np.median(blur[away]) / blur[best] - 1) if away.any() else 0.0
    fine = centres[best] + np.arange(-4, 5) * FINE_STEP
    curve = _summed(blur_of(rows, theta, fine, reach=reach))
    a, b, _ = np.polyfit(fine - centres[best], curve, 2)
    vertex = -b / (2 * a) if a > 0 else 0.0
    return float(centres[best] + np.clip(vertex, -STEP, STEP)), max(gain, 0.0)


def _summed(blur: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add rows up, each relative to its own smallest blur."""
    least = blur.min(axis=1, keepdims=True)
    return np.sum(np.divide(blur, least, out=np.zeros_like(blur), where=least > 0), axis=0)


def blur_of(
    sinograms: NDArray[np.float32], theta: NDArray[np.float64], centres: NDArray[np.float64], *, reach: float
) -> NDArray[np.float64]:
    """Reconstruct about each centre and measure how little the gradients are concentrated in edges.

    The measure is the L1 norm of the image's gradient over its L2 norm [1]_ [2]_. A shift of the axis keeps
    the spectrum's modulus, and so the L2 norm nearly, and doubles edges, which the L1 norm counts. The views
    are blurred first, which blurs the image alike in all directions.

    Parameters
    ----------
    sinograms : (n_rows, n_views, n_cols) array
        Line integrals.
    theta : (n_views,) array
        Angles in rad.
    centres : (n_centres,) array
        Axes to try, as pixel-centre indices.
    reach : float
        Radius about the axis, in columns, within which gradients count.

    Returns
    -------
    (n_rows, n_centres) array
        Blur, dimensionless; smallest at the true centre.

    References
    ----------
    .. [1] Donath, Beckmann & Schreyer, J. Opt. Soc. Am. A 23 (2006) 1048, doi:10.1364/JOSAA.23.001048.
    .. [2] Hurley & Rickard, IEEE Trans. Inf. Theory 55 (2009) 4723, doi:10.1109/TIT.2009.2027527.
    """
    n_rows, n_views, n_columns = sinograms.shape
    keep = np.unique(np.linspace(0, n_views - 1, min(n_views, VIEWS_USED)).round().astype(int))
    result = np.empty((n_rows, centres.size))
    middle = (n_columns - 1) / 2
    y, x = np.ogrid[:n_columns, :n_columns]
    disc = ((y - middle) ** 2 + (x - middle) ** 2 < min(reach, middle - 2) ** 2)[:-1, :-1]
    for row in range(n_rows):
        smooth = gaussian_filter1d(sinograms[row, keep], BLUR, axis=-1, mode="nearest")
        images = fourier_fbp(_moved(smooth, centres - middle), theta[keep], centre_px=middle, voxel_um=1e4)
        for k, image in enumerate(images):
            result[row, k] = blur(image, disc)
    return result


def blur(image: NDArray[np.float32], disc: NDArray[np.bool_]) -> float:
    """Measure how little an image's gradient is concentrated in edges: its L1 norm over its L2 norm.

    Parameters
    ----------
    image : (n, n) array of float32
        A slice.
    disc : (n - 1, n - 1) array of bool
        Where gradients count.

    Returns
    -------
    float
        Dimensionless; 0 for an empty image.
    """
    across, along = image[:-1, 1:] - image[:-1, :-1], image[1:, :-1] - image[:-1, :-1]
    squared = (across * across + along * along)[disc]
    norm = np.sqrt(np.sum(squared, dtype=np.float64))
    return float(np.sum(np.sqrt(squared), dtype=np.float64) / norm) if norm > 0 else 0.0


def _moved(sinogram: NDArray[np.float32], shifts: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return one copy of the sinogram for each shift, moved left by it; the edges are repeated."""
    n_columns = sinogram.shape[1]
    reach = int(np.ceil(np.abs(shifts).max())) + 8
    length = scipy.fft.next_fast_len(n_columns + 2 * reach, real=True)
    padded = np.pad(sinogram, ((0, 0), (reach, length - n_columns - reach)), mode="edge")
    spectrum = scipy.fft.rfft(padded, axis=1)
    omega = 2 * np.pi * np.arange(spectrum.shape[1]) / length
    copies = [
        scipy.fft.irfft(spectrum * np.exp(1j * omega * shift).astype(np.complex64), length, axis=1)[
            :, reach : reach + n_columns
        ]
        for shift in shifts
    ]
    return np.stack(copies).astype(np.float32)

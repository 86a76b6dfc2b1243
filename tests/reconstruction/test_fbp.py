import numpy as np
import pytest

from xelith.reconstruction.fbp import fbp
from xelith.reconstruction.filters import padded_length, ramp_response
from xelith.reconstruction.parallel_beam import circle_spans, view_weights


def fbp_plainly(sinogram, theta, centre_px, voxel_um, window):
    """Convolve in space, interpolate with numpy.interp one column beyond the detector, and sum."""
    n_cols = sinogram.shape[1]
    length = 8 * n_cols + 8
    spectrum = np.fft.rfft(sinogram, length) * ramp_response(length, window)
    filtered = np.fft.irfft(spectrum, length)[:, np.r_[-1, 0 : n_cols + 1]]
    y, x = np.mgrid[:n_cols, :n_cols] - (n_cols - 1) / 2
    image = np.zeros((n_cols, n_cols))
    for view, angle, weight in zip(filtered, theta, view_weights(theta), strict=True):
        s = x * np.cos(angle) + y * np.sin(angle) + centre_px
        image += weight * np.interp(s, np.arange(-1, n_cols + 1), view)
    spans = circle_spans(n_cols, centre_px)
    inside = (np.arange(n_cols) >= spans[:, :1]) & (np.arange(n_cols) < spans[:, 1:])
    return image * inside / (voxel_um * 1e-4)


def test_wide_slices_lose_no_precision():
    n_cols, n_theta, centre_px, rows = 2048, 4, 1020.3, slice(1000, 1040)
    sinogram = np.random.default_rng(0).normal(size=(n_theta, n_cols)).astype(np.float32)
    theta = np.arange(n_theta) * np.pi / n_theta + 0.1
    image = fbp(sinogram[None], theta, centre_px=centre_px, voxel_um=1e4)[0, rows]
    length = padded_length(n_cols)
    filtered = np.fft.irfft(np.fft.rfft(sinogram, length) * ramp_response(length), length)
    y, x = np.mgrid[rows, :n_cols] - (n_cols - 1) / 2
    expected = np.zeros(y.shape)
    for view, angle, weight in zip(filtered, theta, view_weights(theta), strict=True):
        s = x * np.cos(angle) + y * np.sin(angle) + centre_px
        expected += weight * np.interp(s, np.arange(n_cols), view[:n_cols])
    inside = slice(20, -20)  # beyond lies what the guards of the detector interpolate
    error = (image - expected)[:, inside]
    # white noise, where an error in place counts most; places in single precision alone gave 1.2e-3
    assert np.sqrt((error**2).mean()) < 1e-5 * np.sqrt((expected[:, inside] ** 2).mean())


@pytest.mark.parametrize("window", ["ramp", "hamming"])
@pytest.mark.parametrize(("n_cols", "centre_px", "n_theta"), [(40, 19.5, 30), (37, 14.2, 63), (70, 40.0, 5)])
def test_fbp_equals_plain_sums(n_cols, centre_px, n_theta, window):
    rng = np.random.default_rng(n_cols)
    sinograms = rng.normal(size=(2, n_theta, n_cols)).astype(np.float32)
    theta = rng.uniform(-10, 10, n_theta)
    volume = fbp(sinograms, theta, centre_px=centre_px, voxel_um=3.0, window=window)
    for image, sinogram in zip(volume, sinograms, strict=True):
        expected = fbp_plainly(sinogram, theta, centre_px, 3.0, window)
        # float32 filters and sums; windows are sampled at other frequencies than the twin's
        tolerance = 2e-5 if window == "ramp" else 1e-3
        np.testing.assert_allclose(image, expected, atol=tolerance * np.abs(expected).max())

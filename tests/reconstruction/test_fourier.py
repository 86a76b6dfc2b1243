import tracemalloc

import numpy as np
import pytest

from xelith.reconstruction import fourier
from xelith.reconstruction.fourier import fourier_fbp, working_bytes


def blob(theta, n_cols, centre_px, x=5.0, y=3.0, sigma=3.0):
    """Sinogram and image of a Gaussian of 1 per pixel: so smooth that only the method errs."""
    s = np.arange(n_cols) - centre_px - (x * np.cos(theta) + y * np.sin(theta))[:, None]
    sinogram = np.sqrt(2 * np.pi) * sigma * np.exp(-((s / sigma) ** 2) / 2)
    r = np.arange(n_cols) - (n_cols - 1) / 2
    square = (r[None, :] - x) ** 2 + (r[:, None] - y) ** 2
    return sinogram[None].astype(np.float32), np.exp(-square / (2 * sigma**2))


@pytest.mark.parametrize("turn", [np.pi, 2 * np.pi])
@pytest.mark.parametrize(("n_cols", "centre_px"), [(64, 31.5), (65, 32.0), (64, 25.3), (71, 45.0), (160, 79.5)])
def test_smooth_object_is_exact(n_cols, centre_px, turn):
    theta = np.arange(300) * turn / 300 + 0.1
    sinogram, expected = blob(theta, n_cols, centre_px)
    image = fourier_fbp(sinogram, theta, centre_px=centre_px, voxel_um=1e4)[0]
    seen = image != 0
    # aliasing of the kernel is 1e-4 of the object, most of it outside it
    np.testing.assert_allclose(image[seen], expected[seen], atol=5e-5)


def test_response_is_kept_up_to_nyquist():
    n_cols, centre = 64, 31.0
    view = np.zeros((1, 1, n_cols), np.float32)
    view[0, 0] = np.cos(np.pi * (np.arange(n_cols) - centre)) * np.hanning(n_cols)
    # one view along x: columns of the image lie half a pixel from the detector's, so it is read at quarters
    image = fourier_fbp(view, [0.0], centre_px=centre - 0.5, voxel_um=1e4)[0]
    row = image[n_cols // 2]
    assert np.abs(row).max() == pytest.approx(np.pi * 0.5 * np.hanning(n_cols).max(), rel=0.02)


@pytest.mark.parametrize("n_rows", [1, 16])
def test_wide_images_take_fewer_slices_side_by_side(monkeypatch, n_rows):
    rng = np.random.default_rng(0)
    sinograms = rng.normal(size=(n_rows, 20, 48)).astype(np.float32)
    theta = np.arange(20) * np.pi / 20
    expected = fourier_fbp(sinograms, theta, centre_px=23.5, voxel_um=1e4)
    monkeypatch.setattr(fourier, "WORKING_BYTES", 1000)
    assert working_bytes(n_rows, 20, 48) == working_bytes(1, 20, 48)
    narrow = fourier_fbp(sinograms, theta, centre_px=23.5, voxel_um=1e4)
    np.testing.assert_allclose(narrow, expected, atol=1e-5 * np.abs(expected).max())


def test_memory_is_as_announced():
    sinograms = np.zeros((16, 60, 200), np.float32)
    theta = np.arange(60) * np.pi / 60
    options = {"centre_px": 99.5, "voxel_um": 1.0, "threads": 1}
    fourier_fbp(sinograms, theta, **options)  # compiled code and imports are not counted
    tracemalloc.start()
    volume = fourier_fbp(sinograms, theta, **options)
    peak = tracemalloc.get_traced_memory()[1] - volume.nbytes
    tracemalloc.stop()
    announced = working_bytes(16, 60, 200)
    assert 0.9 * announced < peak < announced + 2**20


def test_memory_at_1024_columns_is_below_300_mib():
    assert working_bytes(32, 1000, 1024) < 300 * 2**20

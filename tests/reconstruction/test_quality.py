import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import erf

from xelith.reconstruction.quality import (
    edge_sharpness,
    noise_of_halves,
    resolution_px,
    ring_correlation,
    rings_of_halves,
)

N = 200


def discs(blur_px, mu=2.0):
    """Discs whose rims fall off like an error function of the given blur."""
    y, x = np.indices((N, N)) - (N - 1) / 2
    image = np.zeros((N, N))
    for cx, cy, r, value in ((0, 0, 70, mu), (20, -15, 18, -mu), (-28, 22, 14, -0.8 * mu)):
        image += value * 0.5 * (1 - erf((np.hypot(x - cx, y - cy) - r) / (blur_px * np.sqrt(2))))
    return image.astype(np.float32)


def noise(sigma, seed):
    return np.random.default_rng(seed).normal(0, sigma, (N, N)).astype(np.float32)


@pytest.mark.parametrize("blur_px", [0.8, 1.5, 2.3])
@pytest.mark.parametrize("sigma", [0.0, 0.15])
def test_the_blur_of_edges_is_known(blur_px, sigma):
    found = edge_sharpness(discs(blur_px) + noise(sigma, 1), noise=sigma)
    assert found is not None
    assert found.n_edges >= 20
    # 4 % without noise: edges bend; with it, halves are found to a quarter of a pixel, which adds in squares
    assert found.blur_px == pytest.approx(blur_px, rel=0.04 if sigma == 0 else 0.15)
    assert found.width_px == pytest.approx(2.5631 * found.blur_px, rel=1e-6)


def test_noise_alone_has_no_edges():
    assert edge_sharpness(noise(1.0, 0), noise=1.0) is None
    assert edge_sharpness(np.zeros((N, N), np.float32), noise=0.0) is None


def test_noise_of_halves_is_that_of_the_whole():
    first, second = discs(1.0) + noise(0.6, 1), discs(1.0) + noise(0.6, 2)
    assert noise_of_halves(first, second) == pytest.approx(0.6 / np.sqrt(2), rel=0.03)
    assert ((first + second) / 2 - discs(1.0)).std() == pytest.approx(0.6 / np.sqrt(2), rel=0.03)


def test_resolution_is_where_the_shared_spectrum_sinks_into_noise():
    """A white scene blurred by a Gaussian in white noise: signal over noise of a half is known at each frequency."""
    blur_px, sigma = 1.6, 0.05
    scene = gaussian_filter(np.random.default_rng(3).normal(size=(N, N)), blur_px)
    halves = (scene + noise(sigma, 4)).astype(np.float32), (scene + noise(sigma, 5)).astype(np.float32)
    # FRC = s / (s + 1) = 1/7 at s = 1/6, with s = exp(-(2 pi f blur)^2) / sigma^2
    frequency = np.sqrt(np.log(6 / sigma**2)) / (2 * np.pi * blur_px)
    assert resolution_px([halves]) == pytest.approx(1 / frequency, rel=0.05)
    rates, curve = ring_correlation(*halves)
    assert rates[-1] == pytest.approx(0.5)
    assert curve[5] > 0.95 and abs(curve[-10:].mean()) < 0.1


def test_resolution_of_equal_halves_is_the_pixels_own_and_of_noise_none():
    scene = noise(1.0, 6)
    assert resolution_px([(scene, scene)]) == 2.0
    assert resolution_px([(noise(1.0, 7), noise(1.0, 8))]) is None
    assert resolution_px([]) is None


@pytest.mark.parametrize("strength", [0.0, 0.02, 0.1])
def test_rings_are_told_from_noise(strength):
    y, x = np.indices((N, N)) - (N - 1) / 2
    radius = np.rint(np.hypot(x, y)).astype(int)
    rings = np.random.default_rng(9).normal(0, strength, radius.max() + 1)[radius].astype(np.float32)
    found = rings_of_halves(discs(1.0) + rings + noise(0.3, 10), discs(1.0) + rings + noise(0.3, 11))
    # white rings lose a tenth of their strength to the median; noise of 0.3 leaves some 0.008
    assert found == pytest.approx(strength, abs=0.01 + 0.2 * strength)

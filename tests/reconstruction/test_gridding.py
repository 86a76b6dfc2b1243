import numpy as np
import pytest

from xelith.reconstruction.gridding import DEGREE, HALF, TAPS, Kernel, spread_band


@pytest.mark.parametrize("oversampling", [1.25, 1.3, 2.0])
def test_polynomials_are_the_kernel(oversampling):
    kernel = Kernel(oversampling)
    table = kernel.polynomials().reshape(DEGREE + 1, 2 * HALF)
    t = np.linspace(0, 1, 21)
    for i in range(TAPS):
        expected = kernel.values(t + i - TAPS / 2)
        for lane in (i, HALF + i):
            # a hundred times below the kernel's aliasing
            np.testing.assert_allclose(np.polyval(table[:, lane], 2 * t - 1), expected, atol=3e-6)
    np.testing.assert_array_equal(table[:, TAPS:HALF], 0)


def test_transform_is_the_kernels_integral():
    kernel = Kernel(1.25)
    z = (np.arange(60000) + 0.5) / 10000 - TAPS / 2
    position = np.array([0.0, 0.1, -0.25, 0.4, 0.7])
    expected = [(kernel.values(z) * np.cos(2 * np.pi * p * z)).mean() * TAPS for p in position]
    np.testing.assert_allclose(kernel.transform(position), expected, rtol=1e-6, atol=1e-6)


def test_aliases_are_small_at_the_grid_used():
    kernel, x = Kernel(1.25), np.linspace(-0.4, 0.4, 41)
    aliases = sum(np.abs(kernel.transform(x + m)) for m in (-2, -1, 1, 2))
    assert (aliases / kernel.transform(x)).max() < 2e-3
    assert np.median(aliases / kernel.transform(x)) < 1e-4


def spread_plainly(n, spectra, rays, radii, kernel):
    """Periodic full plane, sample by sample and then its mirror image: the twin of spread_band."""
    plane = np.zeros((n, n, spectra.shape[-1]), complex)
    for p, (du, dv) in enumerate(rays):
        for k, radius in enumerate(radii):
            for sign, value in ((1, spectra[p, k]), (-1, spectra[p, k].conj())):
                u, v = sign * radius * du, sign * radius * dv
                iu, iv = (int(np.ceil(w - TAPS / 2)) + np.arange(TAPS) for w in (u, v))
                wu, wv = kernel.values(iu - u), kernel.values(iv - v)
                plane[np.ix_(iv % n, iu % n)] += (wv[:, None] * wu)[:, :, None] * value
    return plane


@pytest.mark.parametrize("width", [4, 8, 16])
@pytest.mark.parametrize("band", [5, 24])
def test_bands_hold_the_periodic_plane_up_to_nyquist(width, band):
    rng = np.random.default_rng(band)
    n, n_columns, n_views = 24, 13, 17
    theta = np.linspace(-np.pi / 2, np.pi / 2, n_views) * 0.9999  # whole cells would be ties of rounding
    rays = np.stack([np.cos(theta), np.sin(theta)], axis=1).astype(np.float32)
    fine, coarse = (0, 5, np.float32(0.01), np.float32(0.75)), (5, 6, np.float32(4.49), np.float32(1.5))
    radii = np.concatenate([0.01 + 0.75 * np.arange(5), 4.49 + 1.5 * np.arange(6)])
    assert radii[-1] > n / 2 - 0.1  # the last sample's kernel reaches round to the other side
    values = rng.normal(size=(n_views, 11, width)) + 1j * rng.normal(size=(n_views, 11, width))
    spectra = np.stack([values.real, values.imag], axis=2).astype(np.float32).reshape(-1)
    kernel = Kernel(1.25)
    grid = np.full(n * (n_columns + 2 * TAPS) * 2 * width, np.nan, np.float32)
    for first in range(0, n, band):
        arguments = (grid, (n, n_columns), spectra, rays, fine, coarse, kernel.polynomials())
        spread_band((0,) * width, *arguments, first, min(first + band, n))
    parts = grid.reshape(n, n_columns + 2 * TAPS, 2, width)[:, TAPS:-TAPS]
    expected = spread_plainly(n, values, rays.astype(float), radii, kernel)[:, :n_columns]
    np.testing.assert_allclose(parts[:, :, 0] + 1j * parts[:, :, 1], expected, atol=2e-5 * np.abs(expected).max())


def test_grid_without_samples_is_zero():
    grid = np.full(8 * (5 + 2 * TAPS) * 8, np.nan, np.float32)
    nothing = (0, 0, np.float32(0), np.float32(1))
    rays = np.zeros((0, 2), np.float32)
    table = Kernel(1.25).polynomials()
    spread_band((0,) * 4, grid, (8, 5), np.zeros(0, np.float32), rays, nothing, nothing, table, 0, 8)
    np.testing.assert_array_equal(grid, 0)

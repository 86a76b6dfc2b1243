import numpy as np
import pytest

from xelith.reconstruction.slice_fft import (
    factors,
    fast_length,
    rows_to_image,
    transform_columns,
    transform_views,
    twiddles,
)

WIDTHS = (4, 8, 16)


def lanes_last(values, width):
    """Complex (..., n_slices) to flat float32 of real and imaginary lanes; missing slices repeat the last."""
    short = width - values.shape[-1]
    values = np.concatenate([values, np.repeat(values[..., -1:], short, axis=-1)], axis=-1)
    return np.stack([values.real, values.imag], axis=-2).astype(np.float32).reshape(-1)


def from_lanes(flat, *shape):
    parts = flat.reshape(*shape[:-1], 2, shape[-1])
    return parts[..., 0, :] + 1j * parts[..., 1, :]


def noise(*shape):
    rng = np.random.default_rng(sum(shape))
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


@pytest.mark.parametrize(
    ("minimum", "length"), [(0, 8), (8, 8), (9, 12), (13, 16), (49, 60), (1152, 1152), (1281, 1296)]
)
def test_fast_lengths(minimum, length):
    assert fast_length(minimum) == length


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 8, 10, 12, 16, 18, 30, 60, 640, 1152, 1280, 2560, 5120])
def test_factors_multiply_to_the_length(n):
    found = factors(n)
    assert np.prod(found) == n
    assert set(found) <= {2, 3, 4, 5, 8}


@pytest.mark.parametrize("n", [0, 1, 7, 22, 26])
def test_lengths_with_other_primes_are_refused(n):
    with pytest.raises(ValueError, match=f"transform length is {n}; only products of 2, 3 and 5"):
        factors(n)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("n", [8, 12, 16, 20, 24, 36, 40, 60, 96, 100, 240, 360])
def test_columns_are_inverse_transforms(n, width):
    n_columns, pad = 5, 2
    values = noise(n, n_columns + 2 * pad, width)
    grid = lanes_last(values, width)
    transform_columns((0,) * width, grid, pad, (n_columns + 2 * pad) * 2 * width, factors(n), twiddles(n), 1, 4)
    expected = values.copy()
    expected[:, pad + 1 : pad + 4] = np.fft.ifft(values[:, pad + 1 : pad + 4], axis=0) * n
    result = from_lanes(grid, n, n_columns + 2 * pad, width)
    np.testing.assert_allclose(result, expected, atol=3e-6 * np.abs(expected).max())  # float32


@pytest.mark.parametrize(("n_slices", "width"), [(4, 4), (3, 4), (8, 8), (16, 16), (9, 16)])
@pytest.mark.parametrize("n_cols", [1, 5, 16, 37, 48])
def test_views_are_filtered_real_transforms(n_cols, n_slices, width):
    half, n_views = fast_length(n_cols + 3), 6
    sinograms = np.random.default_rng(n_cols).normal(size=(n_slices, n_views, n_cols)).astype(np.float32)
    kept = np.array([0, 1, 2, 3, half // 2, half - 1, half])
    filters = noise(n_views, kept.size)
    signs = np.array([1, -1, 1, 1, -1, 1], np.float32)
    spectra = np.zeros(n_views * kept.size * 2 * width, np.float32)
    transform_views(
        (0,) * width, sinograms.reshape(-1), sinograms.shape, factors(half),
        (twiddles(half), twiddles(2 * half)), kept, filters.astype(np.complex64).view(np.float32).reshape(-1),
        signs, spectra, 1, 6,
    )  # fmt: skip
    expected = 2 * np.fft.rfft(sinograms, 2 * half)[:, :, kept] * filters  # each factor is half of its own
    expected = np.where(signs[:, None] < 0, expected.conj(), expected).transpose(1, 2, 0)
    result = from_lanes(spectra, n_views, kept.size, width)[..., :n_slices]
    np.testing.assert_allclose(result[1:], expected[1:], atol=3e-6 * np.abs(expected).max())
    np.testing.assert_array_equal(result[0], 0)


@pytest.mark.parametrize(("n_slices", "width"), [(4, 4), (3, 4), (8, 8), (16, 16), (11, 16)])
@pytest.mark.parametrize(("n", "n_cols"), [(12, 1), (12, 17), (20, 32), (24, 37)])
def test_rows_are_cut_from_inverse_real_transforms(n, n_cols, n_slices, width):
    pad, origin = 3, (n_cols - 1) // 2
    half_plane = noise(2 * n, n + 1, n_slices)
    half_plane[:, [0, n]] = half_plane[:, [0, n]].real  # a real row has real ends
    grid = np.pad(half_plane, ((0, 0), (pad, pad), (0, 0)))
    weights = np.random.default_rng(1).uniform(1, 2, n_cols).astype(np.float32)
    first = np.abs(np.arange(n_cols) - origin) // 3
    spans = np.stack([first, np.maximum(first, n_cols - first // 2)], axis=1)
    volume = np.zeros((n_slices, n_cols, n_cols), np.float32)
    rows_to_image(
        (0,) * width, lanes_last(grid, width), pad, (n + 1 + 2 * pad) * 2 * width, factors(n),
        (twiddles(n), twiddles(2 * n)), spans, weights, volume.reshape(-1), (n_slices, n_cols), 0, n_cols,
    )  # fmt: skip
    places = (np.arange(n_cols) - origin) % (2 * n)
    image = np.fft.irfft(half_plane, axis=1) * 2 * n
    expected = image.transpose(2, 0, 1)[:, places][:, :, places] * np.outer(weights, weights)
    columns = np.arange(n_cols)
    expected *= (columns >= spans[:, :1]) & (columns < spans[:, 1:])
    np.testing.assert_allclose(volume, expected, atol=3e-6 * np.abs(expected).max())

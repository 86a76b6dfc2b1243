import numpy as np
import pytest

from xelith.reconstruction.filters import WINDOWS, ramp_response
from xelith.reconstruction.polar import fill_factors, polar_samples


def filter_fully(view, window):
    length = 16 * view.size + 16  # so long that nothing wraps
    return np.fft.irfft(np.fft.rfft(view, length) * ramp_response(length, window), length)[: view.size]


def filter_sparsely(view, window):
    polar = polar_samples(view.size, window)
    spectrum = np.fft.rfft(view, polar.length)[polar.kept] * polar.weights
    waves = np.exp(2j * np.pi * np.outer(np.arange(view.size), polar.kept) / polar.length)
    return 2 * (waves @ spectrum).real  # the mirror image adds the conjugate


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("n_cols", [1, 2, 9, 40, 101, 320, 1024])
def test_kept_samples_filter_a_disc_as_the_full_spectrum_does(n_cols, window):
    view = np.sqrt(np.clip(1 - (np.linspace(-1.2, 1.3, n_cols)) ** 2, 0, None)) + 1e-3
    full = filter_fully(view, window)
    # the kink of the response at Nyquist wraps round by 1 / (32 pixels)^2; beyond 100 columns that is nothing
    tolerance = 1e-3 if n_cols <= 101 else 1e-4
    assert np.abs(filter_sparsely(view, window) - full).max() < tolerance * np.abs(full).max()


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("n_cols", [9, 101, 1024])
def test_kept_samples_filter_noise_as_the_full_spectrum_does(n_cols, window):
    view = np.random.default_rng(n_cols).normal(size=n_cols)
    full = filter_fully(view, window)
    assert np.abs(filter_sparsely(view, window) - full).max() < 2e-3 * np.abs(full).max()


@pytest.mark.parametrize("n_cols", [64, 500, 1024, 2048])
def test_most_samples_are_coarse(n_cols):
    polar = polar_samples(n_cols, "ramp")
    steps = np.diff(polar.kept)
    assert polar.kept[0] == 0
    assert polar.kept[-1] == polar.length // 2  # Nyquist is kept
    assert set(steps[: polar.n_fine - 1]) == {1}
    assert set(steps[polar.n_fine - 1 :]) <= {2}
    if n_cols >= 500:
        assert polar.kept.size < 0.65 * n_cols


@pytest.mark.parametrize("n_cols", [3, 64, 1024])
def test_runs_give_every_sample_its_radius(n_cols):
    polar, n = polar_samples(n_cols, "ramp"), 1280
    radii = np.concatenate([start + step * np.arange(count) for _, count, start, step in polar.runs(n)])
    np.testing.assert_allclose(radii, polar.kept * n / polar.length, rtol=1e-6)
    assert [first for first, *_ in polar.runs(n)] == [0, polar.n_fine]


def test_factors_turn_each_view_about_its_axis():
    polar = polar_samples(100, "cosine")
    turns, scale = np.array([0.21, 0.2251, -0.3]), np.array([1.0, 2.0, -0.5])
    factors = np.zeros((3, polar.kept.size), np.complex64)
    fill_factors(factors, turns, scale, polar.kept, polar.weights, 0, 2)
    expected = np.exp(2j * np.pi * np.outer(turns, polar.kept)) * np.outer(scale, polar.weights)
    np.testing.assert_allclose(factors[:2], expected[:2], atol=1e-6 * np.abs(expected).max())
    np.testing.assert_array_equal(factors[2], 0)


def test_unknown_window_is_refused():
    with pytest.raises(ValueError, match="did you mean 'cosine'"):
        polar_samples(64, "cosin")

import numpy as np
import pytest

from xelith.reconstruction.filters import WINDOWS, padded_length, ramp_response, window_response


@pytest.mark.parametrize("n_cols", [1, 2, 7, 64, 101, 640, 2048])
def test_padded_length_is_even_and_holds_the_detector_twice(n_cols):
    length = padded_length(n_cols)
    assert length % 2 == 0
    assert 2 * n_cols + 2 <= length <= 2.5 * n_cols + 8


@pytest.mark.parametrize("length", [2, 4, 6, 100, 512])
def test_ramp_is_the_band_limited_kernel_sampled_in_space(length):
    kernel = np.fft.irfft(ramp_response(length), length)
    distance = np.minimum(np.arange(length), length - np.arange(length))
    odd = distance % 2 == 1
    assert kernel[0] == pytest.approx(0.25)
    np.testing.assert_allclose(kernel[odd], -1 / (np.pi * distance[odd]) ** 2, atol=1e-15)
    np.testing.assert_allclose(kernel[~odd][1:], 0, atol=1e-15)


def test_ramp_keeps_a_mean_where_sampling_in_frequency_loses_it():
    length = 256
    response = ramp_response(length)
    assert response[0] > 0  # |f| would be 0 here, which is what costs 6.5 per cent of mu
    np.testing.assert_allclose(response[20:-20], np.arange(20, length // 2 - 19) / length, atol=2e-5)


@pytest.mark.parametrize("window", WINDOWS)
def test_window_keeps_the_mean_and_never_amplifies(window):
    frequency = np.linspace(0, 0.5, 101)
    response = window_response(frequency, window)
    assert response[0] == pytest.approx(1)
    assert (np.diff(response) <= 1e-15).all()
    np.testing.assert_allclose(
        ramp_response(200, window), ramp_response(200) * window_response(np.arange(101) / 200, window)
    )


def test_windows_at_nyquist():
    ends = [float(window_response(np.array([0.5]), window)[0]) for window in WINDOWS]
    assert ends == pytest.approx([1, 2 / np.pi, 0, 0.08, 0], abs=1e-15)
    assert ends[WINDOWS.index("ramp")] == 1


@pytest.mark.parametrize(("wrong", "near"), [("han", "hann"), ("shepp logan", "shepp-logan"), ("ram-lak", "ramp")])
def test_unknown_window_names_the_nearest(wrong, near):
    with pytest.raises(ValueError, match=f"window is '{wrong}'.*did you mean '{near}'"):
        ramp_response(64, wrong)


@pytest.mark.parametrize("length", [0, -2, 7])
def test_odd_filter_length_is_refused(length):
    with pytest.raises(ValueError, match=f"filter length is {length}; give an even number"):
        ramp_response(length)

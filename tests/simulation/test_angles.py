"""Cosine and sine by sums and products: as good as the library's, and the same everywhere."""

import numpy as np
import pytest

from xelith.simulation.angles import cos_sin, turned


def test_they_are_cosine_and_sine():
    angle = np.linspace(-4 * np.pi, 4 * np.pi, 20_011)
    cos, sin = cos_sin(angle)
    # two roundings of a float64 near 1
    assert np.abs(cos - np.cos(angle)).max() < 3e-16
    assert np.abs(sin - np.sin(angle)).max() < 3e-16


@pytest.mark.parametrize(("turn", "expected"), [(0.0, (1, 0)), (0.5, (0, 1)), (1.0, (-1, 0)), (-0.5, (0, -1))])
def test_quarter_turns_are_exact_to_the_angles_own_rounding(turn, expected):
    assert np.allclose(cos_sin(turn * np.pi), expected, rtol=0, atol=2e-16)


def test_a_turned_wave_is_the_complex_exponential():
    rng = np.random.default_rng(0)
    amplitude, angle = rng.random((30, 40)).astype(np.float32), rng.uniform(-300, 300, (30, 40))
    for kind in (np.float64, np.float32):
        rounded = angle.astype(kind)
        wave = turned(amplitude, rounded)
        assert wave.dtype == np.complex64
        # 2e-7: float32 results, of angles that are exact as given
        np.testing.assert_allclose(wave, amplitude * np.exp(1j * rounded.astype(float)), rtol=0, atol=2e-7)

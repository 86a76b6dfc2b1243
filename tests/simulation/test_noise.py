"""Poisson counts by quantile: exact where it can be, right mean and variance, one draw a pixel."""

import numpy as np
import pytest
from scipy.stats import poisson

from xelith.simulation.noise import poisson_counts, stream


@pytest.mark.parametrize("mean", [0.0, 0.3, 4.0, 49.5])
def test_few_counts_are_the_exact_quantile(mean):
    uniform = stream(0, 0, 0).random(20_000)
    expected = poisson.ppf(uniform, np.float64(np.float32(mean)))
    np.testing.assert_array_equal(poisson_counts(np.full(20_000, mean, np.float32), uniform), np.maximum(expected, 0))


@pytest.mark.parametrize("mean", [50.0, 300.0, 4e4])
def test_many_counts_are_the_quantile_to_a_count(mean):
    uniform = stream(0, 0, 1).random(20_000)
    difference = poisson_counts(np.full(20_000, mean, np.float32), uniform) - poisson.ppf(uniform, mean)
    assert np.abs(difference).max() <= 1
    assert np.mean(difference != 0) < 0.01


@pytest.mark.parametrize("mean", [0.5, 8.0, 60.0, 3e4])
def test_the_mean_equals_the_variance(mean):
    n = 200_000
    counts = poisson_counts(np.full(n, mean, np.float32), stream(7, 0, 0).random(n))
    # five standard errors of mean and variance of n Poisson draws
    assert counts.mean() == pytest.approx(mean, abs=5 * np.sqrt(mean / n))
    assert counts.var() == pytest.approx(mean, abs=5 * np.sqrt((2 * mean**2 + mean) / n))


def test_a_pixel_depends_on_its_own_draw_alone():
    uniform = stream(1, 2, 3).random((4, 5))
    mean = np.full((4, 5), 900, np.float32)
    changed = mean.copy()
    changed[0, 0] = 2.0
    first, second = poisson_counts(mean, uniform), poisson_counts(changed, uniform)
    assert first[0, 0] != second[0, 0]
    np.testing.assert_array_equal(first.ravel()[1:], second.ravel()[1:])


def test_streams_differ_by_every_key_and_repeat():
    keys = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    draws = [stream(*key).random() for key in keys]
    assert len(set(draws)) == len(keys)
    assert [stream(*key).random() for key in keys] == draws

import numpy as np
import pytest
from scipy import ndimage

from xelith.metrology.uncertainty import (
    between,
    covers,
    film_variances_um2,
    propagate,
    resample,
    sampling_std_um,
)


def test_linear_function_is_propagated_exactly():
    found = propagate(lambda v: 2 * v["a"] - 3 * v["b"], {"a": (1.0, 0.1), "b": (2.0, 0.2)})
    assert found.value == -4
    assert found.std == pytest.approx(np.hypot(0.2, 0.6))
    assert found.variances == pytest.approx({"a": 0.04, "b": 0.36})


def test_product_agrees_with_draws():
    rng = np.random.default_rng(20)
    found = propagate(lambda v: v["q"] / v["area"], {"q": (0.1, 0.002), "area": (0.008, 0.0002)})
    draws = rng.normal(0.1, 0.002, 20000) / rng.normal(0.008, 0.0002, 20000)
    assert found.std == pytest.approx(draws.std(), rel=0.03)


def test_impossible_std_is_refused():
    with pytest.raises(ValueError, match="standard deviation of a is -1"):
        propagate(lambda v: v["a"], {"a": (1.0, -1.0)})


def test_resampling_finds_the_spread_of_a_threshold():
    found = resample(lambda shift: 60 + 5 * shift["threshold"], {"threshold": 0.2}, draws=400)
    assert found.std == pytest.approx(1.0, rel=0.1)  # 400 draws know it to 3.5 %
    assert found.mean == pytest.approx(60, abs=0.2)
    assert (found.low, found.high) == pytest.approx((58, 62), abs=0.4)
    again = resample(lambda shift: 60 + 5 * shift["threshold"], {"threshold": 0.2}, draws=400)
    np.testing.assert_array_equal(found.values, again.values)
    with pytest.raises(ValueError, match="1 draws show no spread"):
        resample(lambda shift: 0.0, {}, draws=1)


def test_mean_of_a_view_scatters_as_foretold():
    rng = np.random.default_rng(21)
    means, foretold = [], []
    for _ in range(60):
        field = 60 + 5 * ndimage.gaussian_filter(rng.normal(size=(128, 128)), 4, mode="wrap") * 4 * np.sqrt(4 * np.pi)
        view = field[:64, :64]
        means.append(view.mean())
        # exp(-r^2 / 4 sigma^2) is 0.2 at 2.54 sigma; its area integral is 4 pi sigma^2, of radius 2 sigma
        foretold.append(
            sampling_std_um(view, area_in_view_cm2=64 * 64e-8, correlation_length_um=2 * 4.0 * np.sqrt(np.log(5)))
        )
    # 60 views know the scatter to 9 %, and 0.2 is not where the area integral puts the edge
    assert np.mean(foretold) == pytest.approx(np.std(means), rel=0.4)


def test_whole_electrode_in_view_leaves_nothing_to_chance():
    rough = np.random.default_rng(22).normal(60, 5, (32, 32))
    options = {"correlation_length_um": 2.0, "area_in_view_cm2": 1e-5}
    assert sampling_std_um(rough, area_cm2=1e-5, **options) == 0
    half = sampling_std_um(rough, area_cm2=2e-5, **options)
    assert half == pytest.approx(sampling_std_um(rough, **options) / np.sqrt(2))
    assert sampling_std_um(rough, area_in_view_cm2=1e-5, correlation_length_um=None) is None
    assert sampling_std_um(np.full((3, 3), np.nan), **options) is None


def test_film_variances_name_their_causes():
    found = film_variances_um2(
        65.0,
        voxel_um=0.5,
        voxel_relative_std=0.01,
        surface_stds_voxels={"collector surface": 1.0, "electrolyte surface": 0.5},
        sampling_std_um=0.3,
        unlabelled_um=1.2,
    )
    assert found == pytest.approx(
        {
            "voxel calibration": 0.65**2,
            "collector surface": 0.25,
            "electrolyte surface": 0.0625,
            "area outside the view": 0.09,
            "unlabelled rows": 1.2**2 / 12,
        }
    )
    assert film_variances_um2(65.0, voxel_um=0.5) == {}


def test_interval_becomes_an_amount():
    amount = between(0.0, 1.2)
    assert amount.um == 0.6
    draws = np.random.default_rng(23).uniform(0, 1.2, 100_000)
    assert amount.std_um == pytest.approx(draws.std(), rel=0.01)
    with pytest.raises(ValueError, match="lower end first"):
        between(1.0, 0.0)


def test_coverage_of_a_normal_number_is_95_per_cent():
    draws = np.random.default_rng(24).normal(10, 2, 5000)
    assert np.mean([covers(v, 2.0, 10.0) for v in draws]) == pytest.approx(0.95, abs=0.012)

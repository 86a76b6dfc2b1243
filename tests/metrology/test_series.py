import numpy as np
import pytest

from xelith.metrology.inventory import Amount
from xelith.metrology.series import (
    change_map,
    first_in_electrolyte,
    growth_rate_um_per_h,
    lithium_trend,
    local_current_density_ma_per_cm2,
    unstable_onset,
    voltage_vs_lithium,
)


def test_change_growth_and_local_current(xp):
    before, after = xp.full((3, 4), 10.0), xp.full((3, 4), 10.0 + 0.2 * 4.849)
    assert float(change_map(before, after).max()) == pytest.approx(0.9698)
    assert float(growth_rate_um_per_h(before, after, 7200.0).max()) == pytest.approx(0.4849)
    # 0.2 mA cm^-2 for one hour plates 0.97 µm
    assert float(local_current_density_ma_per_cm2(before, after, 3600.0).max()) == pytest.approx(0.2, rel=1e-3)
    assert float(local_current_density_ma_per_cm2(after, before, 3600.0).max()) == pytest.approx(-0.2, rel=1e-3)


def test_unmeasured_columns_stay_unmeasured():
    before, after = np.ones((2, 2)), np.ones((2, 2))
    after[0, 0] = np.nan
    assert np.isnan(change_map(before, after)[0, 0])


def test_maps_on_two_grids_are_refused():
    with pytest.raises(ValueError, match="register both scans on one grid"):
        change_map(np.ones((2, 2)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="duration is 0 s"):
        growth_rate_um_per_h(np.ones((2, 2)), np.ones((2, 2)), 0)


def test_trend_finds_the_share_of_the_charge():
    rng = np.random.default_rng(31)
    expected = np.linspace(0, 60, 13)
    slopes, stds = [], []
    for _ in range(300):
        found = [Amount(float(0.9 * e + 1.5 + rng.normal(0, 0.8)), 0.8) for e in expected]
        trend = lithium_trend(found, expected.tolist())
        slopes.append(trend.slope)
        stds.append(trend.slope_std)
    assert np.mean(slopes) == pytest.approx(0.9, abs=3 * np.std(slopes) / np.sqrt(300))
    assert np.std(slopes) == pytest.approx(np.mean(stds), rel=0.15)  # 300 draws know it to 4 %
    assert trend.offset_um == pytest.approx(1.5, abs=4 * trend.offset_um_std)
    assert lithium_trend(found[:2], expected[:2].tolist()).chi2_per_dof is None


def test_trend_that_cannot_be_fitted_is_refused():
    with pytest.raises(ValueError, match="give at least two of both"):
        lithium_trend([Amount(1, 1)], [1.0])
    with pytest.raises(ValueError, match="has no standard deviation"):
        lithium_trend([Amount(1, 1), Amount(2)], [1.0, 2.0])
    with pytest.raises(ValueError, match="a line needs two charges"):
        lithium_trend([Amount(1, 1), Amount(2, 1)], [5.0, 5.0])


def test_first_lithium_in_the_electrolyte():
    amounts = [None, Amount(0.1), Amount(0.9), Amount(0.2), Amount(0.8), Amount(2.0)]
    limits, depths = [0.5] * 6, [None, 0.0, 8.0, 0.0, 12.0, 40.0]
    assert first_in_electrolyte(amounts, limits, depths) == (4, 12.0)  # the third scan was taken back
    assert first_in_electrolyte(amounts[:4], limits[:4], depths[:4]) is None


def test_indium_counter_electrode():
    np.testing.assert_allclose(voltage_vs_lithium([-0.65, 0.0], "InLi"), [-0.028, 0.622])
    np.testing.assert_allclose(voltage_vs_lithium([0.1], "Li"), [0.1])
    with pytest.raises(ValueError, match="counter electrode is 'Na'"):
        voltage_vs_lithium([0.1], "Na")


def trace(seed, shape):
    rng = np.random.default_rng(seed)
    time = np.arange(0, 3500 * 60, 30.0)
    return time, 2.0 + 1e-6 * time + shape(time) + rng.normal(0, 2e-4, time.size), rng


def test_steep_rise_at_2600_of_3500_min():
    time, voltage, _ = trace(32, lambda t: np.maximum(t - 2600 * 60, 0) * 2e-5)
    found = unstable_onset(time, voltage)
    assert found.kind == "rise"
    assert found.time_s == pytest.approx(2600 * 60, abs=2 * 3500 * 60 / 240)  # two bins
    assert found.rate_after_v_per_h > 3 * found.rate_before_v_per_h


def test_drop_of_a_short():
    time, voltage, _ = trace(33, lambda t: -np.maximum(t - 1500 * 60, 0) * 5e-5)
    found = unstable_onset(time, voltage)
    assert found.kind == "drop"
    assert found.time_s == pytest.approx(1500 * 60, abs=2 * 3500 * 60 / 240)


def test_restless_voltage():
    time, voltage, rng = trace(34, np.zeros_like)
    late = time > 2000 * 60
    voltage[late] += rng.normal(0, 0.01, late.sum())
    found = unstable_onset(time, voltage)
    assert found.kind == "noise"
    assert found.time_s == pytest.approx(2000 * 60, abs=2 * 3500 * 60 / 240)


@pytest.mark.parametrize("seed", range(8))
def test_even_course_has_no_onset(seed):
    time, voltage, _ = trace(seed, lambda t: 0.05 * np.exp(-t / 6000))
    assert unstable_onset(time, voltage) is None


def test_short_traces_are_refused():
    with pytest.raises(ValueError, match="at least 60"):
        unstable_onset(np.arange(10), np.zeros(10))

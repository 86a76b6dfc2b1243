import numpy as np
import pytest

from xelith.metrology.coulometry import charge_mah, charge_of_density, charge_over_area


def test_constant_current_is_current_times_time():
    assert charge_mah(2.0, np.array([0.0, 900.0, 3600.0])) == pytest.approx(2.0)


def test_ramp_is_exact_and_stripping_is_negative():
    time = np.linspace(0, 7200, 10)
    assert charge_mah(time / 7200, time) == pytest.approx(1.0)
    assert charge_mah(-time / 7200, time) == pytest.approx(-1.0)


def test_plating_and_stripping_cancel():
    time = np.arange(0, 7201.0)
    current = np.where(time < 3600, 1.0, -1.0)
    assert charge_mah(current, time) == pytest.approx(0, abs=1 / 3600)  # one sample stands on the switch


@pytest.mark.parametrize(
    ("current", "time", "message"),
    [
        ([1, 1], [0, 1, 2], "one current for each time"),
        ([1], [0], "give at least two"),
        ([1, np.nan], [0, 1], "NaN or Inf"),
        ([1, 1, 1], [0, 5, 4], r"falls from 5 to 4 s at sample 2"),
    ],
)
def test_bad_records_are_refused(current, time, message):
    with pytest.raises(ValueError, match=message):
        charge_mah(current, time)


def test_kodamas_charge_is_64_7_um():
    charge = charge_of_density(0.2, 4000, area_cm2=0.00785)
    assert charge.areal_capacity_mah_per_cm2 == pytest.approx(13.3333, abs=1e-4)
    assert charge.expected_thickness_um == pytest.approx(64.7, abs=0.05)
    assert charge.charge_mah == pytest.approx(0.1046667, abs=1e-6)
    assert charge.expected_thickness_um_std is None


def test_density_and_total_charge_agree():
    by_density = charge_of_density(0.2, 4000, area_cm2=0.00785)
    by_charge = charge_over_area(by_density.charge_mah, 0.00785)
    assert by_charge.expected_thickness_um == pytest.approx(by_density.expected_thickness_um)
    assert by_charge.areal_capacity_mah_per_cm2 == pytest.approx(by_density.areal_capacity_mah_per_cm2)


def test_spread_follows_a_thousand_draws():
    rng = np.random.default_rng(6)
    charge = charge_over_area(
        0.1, 0.008, total_std_mah=0.0005, area_std_cm2=0.0001, efficiency=0.95, efficiency_std=0.01
    )
    draws = [
        charge_over_area(q, a, efficiency=e).expected_thickness_um
        for q, a, e in zip(
            rng.normal(0.1, 0.0005, 4000),
            rng.normal(0.008, 0.0001, 4000),
            rng.normal(0.95, 0.01, 4000),
            strict=True,
        )
    ]
    # 4000 draws know a standard deviation to 1.1 %; 5 % is over four of those
    assert charge.expected_thickness_um_std == pytest.approx(np.std(draws), rel=0.05)
    assert sum(v for _, v in charge.variances_um2) == pytest.approx(charge.expected_thickness_um_std**2)
    assert "efficiency 0.95 +- 0.01 (declared)" in charge.assumptions


def test_efficiency_lowers_what_is_expected():
    whole, part = charge_of_density(0.2, 4000), charge_of_density(0.2, 4000, efficiency=0.8)
    assert part.expected_thickness_um == pytest.approx(0.8 * whole.expected_thickness_um)
    assert part.areal_capacity_mah_per_cm2 == whole.areal_capacity_mah_per_cm2


def test_impossible_inputs_are_refused():
    with pytest.raises(ValueError, match="duration is -1 min"):
        charge_of_density(0.2, -1)
    with pytest.raises(ValueError, match="electrode area is 0 cm"):
        charge_over_area(1, 0)
    with pytest.raises(ValueError, match="electrode area is -1 cm"):
        charge_of_density(0.2, 1, area_cm2=-1)
    with pytest.raises(ValueError, match=r"efficiency is 1\.2"):
        charge_of_density(0.2, 1, efficiency=1.2)


def test_warm_lithium_is_thicker():
    cold, warm = charge_of_density(0.2, 4000), charge_of_density(0.2, 4000, temperature_k=333.15)
    assert warm.expected_thickness_um / cold.expected_thickness_um - 1 == pytest.approx(0.0049, abs=1e-4)
    assert "lithium is dense, 0.534 g/cm3 at 298.15 K" in cold.assumptions
    assert "lithium is dense, 0.5314 g/cm3 at 333.15 K" in warm.assumptions
    with pytest.raises(ValueError, match="temperature is 500 K"):
        charge_over_area(1, 1, temperature_k=500)

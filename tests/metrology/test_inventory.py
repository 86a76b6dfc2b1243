import dataclasses

import pytest

from xelith.metrology.coulometry import charge_of_density
from xelith.metrology.inventory import Amount, balance, error_budget


def charge(efficiency=1.0, std=0.006):
    return charge_of_density(0.2, 4000, density_std_ma_per_cm2=std, efficiency=efficiency)


def test_process_3_adds_up():
    result = balance(charge(), film=Amount(62.9, 1.4), in_electrolyte=Amount(1.1, 0.3))
    assert result.measured_um == pytest.approx(64.0)
    assert result.measured_um_std == pytest.approx((1.4**2 + 0.3**2) ** 0.5)
    assert result.closure == pytest.approx(0.99, abs=0.002)
    assert (result.verdict, result.finding) == ("consistent", "film")
    assert result.missing == ("mixed_zone_um", "in_carbon_um", "isolated_um")
    assert any("a gas pair decomposed ray by ray" in line for line in result.advice)


def test_changing_the_charge_changes_no_measured_number():
    terms = {"film": Amount(62.9, 1.4), "in_electrolyte": Amount(1.1, 0.3), "in_carbon": Amount(2.0, 0.5)}
    judged = {"closure", "verdict", "advice"}
    first, second, none = (
        {k: v for k, v in dataclasses.asdict(balance(c, **terms)).items() if k not in judged}
        for c in (charge(), charge(0.4), None)
    )
    assert first == second == none


def test_a_fifth_missing_is_not_consistent():
    result = balance(charge(std=0.001), film=Amount(0.8 * 64.7, 0.8))
    assert result.closure == pytest.approx(0.80, abs=0.005)
    assert result.verdict == "not-consistent"


def test_verdict_turns_at_two_sigma():
    expected = charge(std=0.0)
    assert balance(expected, film=Amount(expected.expected_thickness_um - 1.99, 1.0)).verdict == "consistent"
    assert balance(expected, film=Amount(expected.expected_thickness_um + 2.01, 1.0)).verdict == "not-consistent"


@pytest.mark.parametrize(
    ("terms", "finding"),
    [
        ({"film": Amount(10, 1), "in_electrolyte": Amount(40, 2)}, "lithium-in-electrolyte"),
        (
            {"film": Amount(10, 1), "in_electrolyte": Amount(6, 1), "isolated": Amount(6, 1)},
            "lithium-in-electrolyte",
        ),
        ({"film": Amount(10, 1), "mixed_zone": Amount(30, 2)}, "mixed-zone"),
        ({"film": Amount(1, 1), "in_carbon": Amount(30, 2)}, "lithium-in-carbon"),
        ({"film": Amount(10, 1), "mixed_zone": Amount(30, 20)}, "film"),  # 30 +- 20 is noise
        ({"film": Amount(0.5, 1)}, None),
        ({"film": Amount(-3, 1)}, None),
        ({}, None),
    ],
)
def test_finding_names_where_most_lithium_is(terms, finding):
    assert balance(charge(), **terms).finding == finding


def test_bridge_is_a_short_whatever_else_there_is():
    assert balance(charge(), film=Amount(60, 1), is_shorted=True).finding == "shorted"


def test_nothing_measured_is_not_a_silent_zero():
    result = balance(charge())
    assert (result.measured_um, result.closure, result.verdict) == (None, None, "not-measured")
    assert len(result.missing) == 5


def test_without_charge_or_uncertainty_there_is_no_verdict():
    assert balance(None, film=Amount(60, 1)).verdict == "not-measured"
    unsure = balance(charge(std=0.0), film=Amount(60))
    assert unsure.verdict == "not-measured"
    assert unsure.measured_um_std is None
    assert any("no uncertainty is known" in line for line in unsure.advice)


def test_uncharged_cell_measures_nothing_and_closes_on_nothing():
    result = balance(charge_of_density(0.0, 0), film=Amount(0.1, 0.2))
    assert result.closure is None
    assert (result.verdict, result.finding) == ("consistent", None)


def test_declared_terms_are_named():
    result = balance(charge(), film=Amount(60, 1), in_carbon=Amount(3, 1, is_declared=True))
    assert result.declared == ("in_carbon_um",)


def test_error_budget_ranks_causes():
    budget = error_budget({"threshold": 0.25, "area": 1.0, "noise": 0.0})
    assert [part.name for part in budget] == ["area", "threshold", "noise"]
    assert budget[0].std_um == 1.0
    assert sum(part.share for part in budget) == pytest.approx(1)
    assert error_budget({"area": 0.0}) == ()


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_impossible_variance_is_refused(bad):
    with pytest.raises(ValueError, match="variance of area"):
        error_budget({"area": bad})

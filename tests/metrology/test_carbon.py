import numpy as np
import pytest

from xelith.metrology.carbon import declared_uptake, loading_mg_per_cm2, pore_filling


def test_graphite_of_one_mah_per_cm2_is_4_849_um():
    amount = declared_uptake(372.0, 1000 / 372.0)
    assert amount.um == pytest.approx(4.849, abs=0.001)
    assert amount.is_declared


def test_loading_of_a_layer():
    assert loading_mg_per_cm2(10.0, 1.5) == pytest.approx(1.5)  # 10 µm are 1e-3 cm


def test_declared_spread():
    amount = declared_uptake(300, 2.0, capacity_std_mah_per_g=30, loading_std_mg_per_cm2=0.1)
    assert amount.std_um / amount.um == pytest.approx(np.hypot(0.1, 0.05))


def test_pores_half_filled():
    amount = pore_filling((1.3, 0.0), (0.65, 0.0), thickness_um=(20, 0), porosity=(0.4, 0))
    assert (amount.um, amount.std_um) == pytest.approx((4.0, 0.0))  # whatever adsorption makes of the uptake
    assert pore_filling((0.5, 0.1), (0.55, 0.1), thickness_um=(20, 1), porosity=(0.4, 0.1)).um < 0


def test_pore_filling_spread_agrees_with_draws():
    rng = np.random.default_rng(25)
    given = {"thickness_um": (20, 1.0), "porosity": (0.4, 0.03)}
    amount = pore_filling((0.8, 0.02), (0.5, 0.02), **given)
    b, a, t, p = (rng.normal(m, s, 40000) for m, s in ((0.8, 0.02), (0.5, 0.02), (20, 1), (0.4, 0.03)))
    assert amount.std_um == pytest.approx(((1 - a / b) * t * p).std(), rel=0.03)


def test_impossible_carbon_is_refused():
    with pytest.raises(ValueError, match="neither can be negative"):
        declared_uptake(-1, 1)
    with pytest.raises(ValueError, match="without any, its loss says nothing"):
        pore_filling((0.0, 0), (0.1, 0), thickness_um=(1, 0), porosity=(1, 0))

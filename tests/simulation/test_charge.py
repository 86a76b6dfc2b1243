"""The charge: what plates, what the protocol says, and refusals."""

import pytest

from xelith.simulation import Charge


def test_an_honest_charge_plates_all_of_it():
    charge = Charge(13.3)
    assert charge.plated_mah_per_cm2 == 13.3
    assert charge.declared_mah_per_cm2 == 13.3


def test_faraday_breaks_in_every_way():
    charge = Charge(10.0, efficiency=0.8, shorted_share=0.25, declared_area_share=1.25)
    assert charge.plated_mah_per_cm2 == pytest.approx(6.0)
    assert charge.declared_mah_per_cm2 == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"areal_capacity_mah_per_cm2": -1.0}, r"areal capacity is -1.0 mAh/cm2; give 0 or more"),
        ({"efficiency": 1.1}, r"efficiency of the charge is 1.1; give a share"),
        ({"shorted_share": -0.1}, r"shorted_share of the charge is -0.1"),
        ({"declared_area_share": 0.0}, r"declared_area_share is 0.0; give more than 0"),
    ],
)
def test_impossible_charges_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Charge(**({"areal_capacity_mah_per_cm2": 1.0} | changes))

"""Designs: every number has its range, and the parts must fit each other."""

import pytest

from xelith.simulation import Bore, Carbon, CellDesign, Collector, Deposit, Electrolyte, Film


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        (Bore, {"inner_diameter_um": 0}, r"inner_diameter_um of the bore is 0; give more than 0"),
        (Bore, {"walls_um": (10.0, 5.0)}, r"walls of the tubes are \(10.0, 5.0\) µm; .* a wall last"),
        (Bore, {"walls_um": (10.0, 0.0, 5.0)}, r"walls of the tubes are \(10.0, 0.0, 5.0\) µm"),
        (Bore, {"casing": "steel"}, r"material 'steel' does not fit here; use one of peek"),
        (Collector, {"thickness_um": -1.0}, r"thickness_um of the collector is -1.0; give 0 or more"),
        (Collector, {"material": "lead"}, r"material 'lead' does not fit here; use one of steel"),
        (Film, {"correlation_um": 0.0}, r"correlation_um of the film is 0; give more than 0"),
        (Film, {"roughness_um": float("nan")}, r"roughness_um of the film is nan"),
        (Carbon, {"porosity": 1.5}, r"porosity of the carbon is 1.5; give a share from 0 to 1"),
        (Electrolyte, {"material": "steel"}, r"use one of li5.5ps4.5br1.5, li6ps5cl"),
        (Electrolyte, {"void_share": -0.1}, r"void_share of the electrolyte is -0.1"),
        (Deposit, {"film": 0.5}, r"they must add up to 1"),
        (Deposit, {"film": 1.5, "mass": -0.5}, r"film of the deposit is 1.5"),
        (CellDesign, {"counter": (("inli", -5.0),)}, r"layer of inli is -5.0 µm thick"),
        (CellDesign, {"counter": (("peek", 5.0),)}, r"material 'peek' does not fit here"),
        (
            CellDesign,
            {"carbon": None, "deposit": Deposit(film=0.9, in_carbon=0.1)},
            r"0.1 of the lithium is to lie in carbon, but there is none",
        ),
    ],
)
def test_impossible_parts_are_refused(part, changes, message):
    with pytest.raises(ValueError, match=message):
        part(**changes)


def test_sizes_follow_from_the_parts():
    design = CellDesign(counter=(("lithium", 30.0), ("steel", 40.0)))
    assert design.counter_um == 70.0
    assert design.bore.radius_um == design.bore.inner_diameter_um / 2
    assert sum(Deposit(film=0.5, mass=0.5).shares.values()) == 1

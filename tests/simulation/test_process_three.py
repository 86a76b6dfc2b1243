"""The process-3 cell: Faraday's volume to the voxel, layers in order, gas where it belongs, refusals."""

import dataclasses

import numpy as np
import pytest

from xelith.materials import Phase, lithium
from xelith.simulation.process_three import (
    CARBON,
    COLLECTOR,
    ELECTROLYTE,
    LITHIUM,
    VOID,
    ProcessThree,
    double_tube,
    process_three,
)


@pytest.mark.parametrize(("capacity", "seed"), [(4.0, 0), (2.0, 1), (0.1, 2)])
def test_the_lithium_is_faradays_to_the_voxel(small_design, capacity, seed):
    cell = process_three(small_design, capacity, seed=seed)
    expected = lithium.volume_um3(capacity * cell.area_cm2)
    assert cell.lithium_um3() == pytest.approx(expected, abs=0.51)  # half of a voxel of 1 µm^3


def test_layers_lie_in_order(small_cell):
    labels = np.where(small_cell.inside, small_cell.labels, ELECTROLYTE)
    height = {code: np.nonzero(labels == code)[0].mean() for code in (COLLECTOR, LITHIUM, CARBON)}
    assert height[COLLECTOR] < height[LITHIUM] < height[CARBON]
    assert np.all(small_cell.labels[:8] == COLLECTOR)
    assert np.all(small_cell.labels[8:] != COLLECTOR)


def test_the_film_is_as_rough_as_asked(small_design):
    design = dataclasses.replace(small_design, bare_spots=0, inner_diameter_um=200.0)
    cell = process_three(design, 4.0)
    film = (cell.labels == LITHIUM).sum(axis=0)[cell.inside]
    # 15 %: 150 independent patches
    assert film.std() == pytest.approx(design.roughness_um, rel=0.15)


def test_a_bare_spot_holds_gas_in_place_of_film(small_cell, small_design):
    film = (small_cell.labels == LITHIUM).sum(axis=0)
    bare = (film == 0) & small_cell.inside
    # 15 %: a disc of 8 voxels radius
    assert bare.sum() == pytest.approx(np.pi * small_design.bare_um**2, rel=0.15)
    assert np.all(small_cell.labels[8:24][:, bare] == VOID)


def test_carbon_is_as_porous_as_asked_and_voids_are_rare(small_design):
    design = dataclasses.replace(small_design, inner_diameter_um=200.0, bare_spots=0, pockets=0)
    cell = process_three(design, 4.0)
    counts = cell.voxel_counts()
    electrolyte_voids = ((cell.labels == VOID) & (np.arange(64)[:, None, None] > 48))[:, cell.inside].sum()
    pores = counts[VOID] - electrolyte_voids
    # 0.05: the pores of a thin layer are few, and some voids of the electrolyte lie as low
    assert pores / (pores + counts[CARBON]) == pytest.approx(design.porosity, abs=0.05)
    assert electrolyte_voids / counts[ELECTROLYTE] < 4 * design.void_share


def test_an_uncharged_cell_has_no_lithium_and_no_gap(small_design):
    cell = process_three(small_design, 0.0)
    assert cell.lithium_um3() == 0
    assert np.isin(cell.labels[8:12][:, cell.inside], (CARBON, VOID)).all()


def test_the_seed_decides(small_design, small_cell):
    again = process_three(small_design, 20.0 / 4.849, seed=3)
    other = process_three(small_design, 20.0 / 4.849, seed=4)
    np.testing.assert_array_equal(small_cell.labels, again.labels)
    assert not np.array_equal(small_cell.labels, other.labels)
    assert small_cell.parameters["seed"] == 3


def test_every_tissue_has_its_phase(small_cell):
    assert [tissue.phase for tissue in small_cell.tissues] == [
        Phase.VOID,
        Phase.LITHIUM,
        Phase.CARBON,
        Phase.ELECTROLYTE,
        Phase.COLLECTOR,
    ]
    assert [ring.phase for ring in double_tube(50.0, (1, 2, 3))] == [Phase.CASING, Phase.VOID, Phase.CASING]
    assert [ring.outer_radius_um for ring in double_tube(50.0, (1, 2, 3))] == [51, 53, 56]


def test_a_charge_without_room_is_refused(small_design):
    with pytest.raises(ValueError, match=r"13.3 mAh/cm2 plate up to .* µm of lithium; .* less charge or a taller"):
        process_three(small_design, 13.3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"carbon_um": -2.0}, r"carbon_um of the cell is -2.0; give 0 or more"),
        ({"voxel_um": 0.0}, r"voxel_um of the cell is 0; give more than 0 µm"),
        ({"electrolyte": "steel"}, r"electrolyte 'steel' is not known"),
        ({"tube_um": (1.0, 0.0, 2.0)}, r"walls of the tubes are \(1.0, 0.0, 2.0\) µm"),
    ],
)
def test_impossible_designs_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        ProcessThree(**changes)

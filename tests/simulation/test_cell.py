"""The cell record: counted areas and volumes, and parts that must fit."""

import numpy as np
import pytest

from xelith.materials import MATERIALS, Phase
from xelith.simulation.cell import Cell, Ring, disc, min_side
from xelith.simulation.tissues import OPEN_VOID, Fill, Site, Tissue, solid

TISSUES = (
    OPEN_VOID,
    solid(MATERIALS["lithium"], Site.FILM),
    Tissue("zone", Phase.ELECTROLYTE, ((MATERIALS["lithium"], 0.25), (Fill.GAS, 0.75)), Site.MIXED_ZONE),
)


def a_cell(labels=None, **changes):
    labels = np.zeros((5, 24, 24), np.uint8) if labels is None else labels
    return Cell(**{"labels": labels, "tissues": TISSUES, "voxel_um": 2.0, "radius_um": 20.0} | changes)


def test_the_area_is_that_of_the_tube():
    cell = Cell(np.zeros((1, 402, 402), np.uint8), TISSUES, 0.5, 100.0)
    # 0.1 %: columns of voxels along a circle of 200 voxels
    assert cell.area_cm2 == pytest.approx(np.pi * 0.01**2, rel=1e-3)


def test_lithium_is_counted_in_the_tube_by_place():
    labels = np.zeros((5, 24, 24), np.uint8)
    labels[1] = 1
    labels[2:4] = 2
    cell = a_cell(labels)
    plane_um3 = cell.inside.sum() * 8.0
    assert cell.lithium_um3(Site.FILM) == pytest.approx(plane_um3)
    assert cell.lithium_um3(Site.MIXED_ZONE) == pytest.approx(0.5 * plane_um3)
    assert cell.lithium_um3() == pytest.approx(1.5 * plane_um3)
    assert cell.voxel_counts().tolist() == [2 * cell.inside.sum(), cell.inside.sum(), 2 * cell.inside.sum()]


def test_rings_carry_their_phase_and_size():
    cell = a_cell(rings=(Ring(25.0, MATERIALS["peek"]), Ring(30.0, Fill.GAS)))
    assert cell.outer_radius_um == 30.0
    assert [ring.phase for ring in cell.rings] == [Phase.CASING, Phase.VOID]
    assert a_cell().outer_radius_um == 20.0
    assert cell.height_um == 10.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": np.zeros((5, 20, 20), np.uint8)}, r"needs a square of at least 22 voxels of 2 µm"),
        ({"labels": np.full((5, 24, 24), 3, np.uint8)}, r"reach 3, but there are 3 tissues"),
        ({"rings": (Ring(15.0, Fill.GAS),)}, r"list the rings from the inside out"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        a_cell(**changes)


def test_a_disc_is_centred_on_even_and_odd_squares():
    for n in (9, 10):
        mask = disc(n, 3.2)
        assert np.array_equal(mask, mask[::-1, ::-1])
        assert np.array_equal(mask, mask.T)
    assert min_side(10.0, 1.0) == 22
    assert min_side(10.1, 1.0) == 24

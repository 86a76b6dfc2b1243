import numpy as np
import pytest

from xelith.materials import Phase
from xelith.metrology.surface_area import surface_um2
from xelith.metrology.survey import survey_labels
from xelith.metrology.terms import connected_lithium, isolated_range_um, new_lithium

LI, SE, C = (int(Phase[n]) for n in ("LITHIUM", "ELECTROLYTE", "COLLECTOR"))


def cell():
    """Collector, film of 6, electrolyte with a rod that stands on the film and a cube that touches nothing."""
    labels = np.full((60, 40, 40), SE, np.uint8)
    labels[:10] = LI
    labels[:4] = C
    labels[10:30, 10:14, 10:14] = LI
    labels[40:45, 25:30, 25:30] = LI
    labels[57:] = C
    return labels


def test_amounts_are_volumes_over_the_area():
    survey = survey_labels(cell(), voxel_um=2.0, axis=0, anode="low")
    grown = connected_lithium(survey, surface_std_um=0.5)
    assert grown.um == pytest.approx(20 * 16 * 2.0 / 1600)
    assert isolated_range_um(survey) == pytest.approx((0, 125 * 2.0 / 1600))
    assert new_lithium(survey, surface_std_um=0.5).um == pytest.approx(125 * 2.0 / 1600)


def test_a_moved_surface_moves_the_amount_by_its_area():
    survey = survey_labels(cell(), voxel_um=2.0, axis=0, anode="low")
    little, much = (connected_lithium(survey, surface_std_um=s).std_um for s in (0.0, 3.0))
    assert little == pytest.approx(10 * 8.0 / (1600 * 4.0))  # one speck
    walls = (4 * 20 * 4 + 16) * 4.0 / 1.5  # the rod's sides and its tip, in um^2
    assert much == pytest.approx(np.hypot(3.0 * walls / (1600 * 4.0), little), rel=0.05)


def test_without_electrolyte_there_are_no_terms():
    labels = cell()
    labels[labels == SE] = int(Phase.CARBON)
    survey = survey_labels(labels, voxel_um=2.0, axis=0, anode="low")
    assert connected_lithium(survey, surface_std_um=1.0) is None
    assert isolated_range_um(survey) is None
    assert new_lithium(survey, surface_std_um=1.0) is None


def test_a_volume_that_ends_in_the_electrolyte_says_so():
    assert survey_labels(cell(), voxel_um=2.0, axis=0, anode="low").counter_in_view
    assert not survey_labels(cell()[:50], voxel_um=2.0, axis=0, anode="low").counter_in_view


def test_surface_of_a_ball():
    z, y, x = np.mgrid[:61, :61, :61] - 30.0
    ball = z**2 + y**2 + x**2 <= 25.0**2
    expected = 4 * np.pi * 25.0**2 * 0.25
    assert surface_um2(ball, voxel_um=(0.5, 0.5, 0.5)) == pytest.approx(
        expected, rel=0.02
    )  # raster of a curved surface


def test_what_hardly_leaves_the_interface_may_be_none():
    labels = cell()
    rng = np.random.default_rng(0)
    labels[10:13] = np.where(rng.random((3, 40, 40)) < 0.5, SE, int(Phase.CARBON))
    labels[10:30, 10:14, 10:14] = SE
    survey = survey_labels(labels, voxel_um=2.0, axis=0, anode="low")
    deep = survey.penetration.tolerance_um / 2.0
    labels[10 : 11 + int(1.5 * deep), 10:14, 10:14] = LI
    shallow = connected_lithium(survey_labels(labels, voxel_um=2.0, axis=0, anode="low"), surface_std_um=0.0)
    labels[10 : 11 + int(4 * deep), 10:14, 10:14] = LI
    grown = connected_lithium(survey_labels(labels, voxel_um=2.0, axis=0, anode="low"), surface_std_um=0.0)
    assert shallow.std_um >= 0.5 * shallow.um > 0
    assert grown.std_um < 0.2 * grown.um

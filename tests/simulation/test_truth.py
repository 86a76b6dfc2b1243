"""The truth on the reconstruction's grid: shares add up, volume is kept, the balance is Faraday's."""

import numpy as np
import pytest

from xelith.materials import Phase
from xelith.simulation import Pose, truth_of


@pytest.fixture(scope="module")
def truth(small_cell, small_scan, small_pose):
    return truth_of(small_cell, small_scan, small_pose)


def test_shares_add_up_to_one(truth):
    assert truth.fractions.shape == (len(Phase), 28, 66, 66)
    np.testing.assert_allclose(truth.fractions.sum(axis=0), 1.0, atol=1e-5)  # float32
    assert truth.fractions.min() >= 0


def test_the_volume_is_kept(truth, small_cell):
    # the film lies in the view, so that nothing is lost at its ends
    assert truth.lithium.sum() * 8.0 == pytest.approx(small_cell.lithium_um3(), rel=1e-5)
    assert truth.volume_um3 == small_cell.lithium_um3()


def test_the_balance_is_faradays(truth):
    assert truth.film_um == pytest.approx(20.0, abs=0.002)
    summary = truth.summary()
    assert summary["mean_thickness_um"] == truth.film_um
    assert summary["in_electrolyte_um"] == summary["mixed_zone_um"] == summary["in_carbon_um"] == 0
    assert summary["volume_um3"] == pytest.approx(truth.film_um * summary["area_cm2"] * 1e8)


def test_the_map_averages_to_the_mean_thickness(truth):
    electrode = np.isfinite(truth.thickness_um)
    assert electrode.sum() * 4e-8 == pytest.approx(truth.area_cm2, rel=0.02)  # 1257 pixels, cut at half
    assert np.nanmean(truth.thickness_um) == pytest.approx(truth.film_um, rel=0.01)
    assert np.nanmin(truth.thickness_um) == 0  # the bare spot


def test_labels_are_the_largest_share_and_match_the_fine_grid(truth, small_cell):
    labels = truth.labels
    assert labels.dtype == np.uint8
    assert labels[0, 33, 33] == Phase.COLLECTOR
    assert labels[27, 33, 33] == Phase.ELECTROLYTE
    assert labels[10, 0, 0] == Phase.OUTSIDE
    # row 10 covers 24.6 to 26.6 µm; the fine columns over pixel (40, 25) are 56:58 and 26:28 of 82
    middle = small_cell.labels[25, 56:58, 26:28]
    assert len(np.unique(middle)) > 1 or labels[10, 40, 25] == small_cell.tissues[middle[0, 0]].phase
    for radius_px, phase in ((22, Phase.CASING), (25.4, Phase.VOID), (29, Phase.CASING), (32.4, Phase.OUTSIDE)):
        assert labels[10, 33, round(32.5 + radius_px)] == phase


def test_the_collectors_surface_lies_between_rows(truth):
    # 8 µm of collector, the view from 4.6: 3.4 µm are one row and 0.7 of the next
    profile = truth.fractions[Phase.COLLECTOR, :, 33, 33]
    np.testing.assert_allclose(profile[:3], [1.0, 0.7, 0.0], atol=1e-5)


def test_a_cell_off_the_axis_is_refused(small_cell, small_scan):
    with pytest.raises(ValueError, match=r"truth is known on the axis"):
        truth_of(small_cell, small_scan, Pose(shift_um=(-4.6, 1.0, 0.0)))

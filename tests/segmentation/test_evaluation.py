"""Scores of labels that are wrong by a known amount."""

import numpy as np
import pytest

from xelith.materials import Phase
from xelith.segmentation.evaluation import (
    check_labels,
    evaluate,
    filament_rates,
    iou_table,
    score_intervals,
    worst_slices,
)


@pytest.fixture
def cell():
    truth = np.full((30, 20, 20), Phase.ELECTROLYTE, np.uint8)
    truth[:5], truth[5:15], truth[15:18] = Phase.COLLECTOR, Phase.LITHIUM, Phase.CARBON
    return truth


def test_the_truth_scores_full_marks(cell):
    found = evaluate(cell, cell, voxel_um=1.08)
    assert found.mean_iou == 1.0 and found.thickness_bias_um == 0.0 and found.volume_closure == 1.0
    assert all(score.surface_dice == 1.0 for score in found.phases.values())
    assert Phase.VOID not in found.phases


def test_a_film_one_voxel_too_thick_is_told_in_every_score(cell):
    labels = cell.copy()
    labels[15] = Phase.LITHIUM
    found = evaluate(labels, cell, voxel_um=2.0)
    lithium, carbon = found.phases[Phase.LITHIUM], found.phases[Phase.CARBON]
    assert lithium.iou == pytest.approx(10 / 11) and lithium.dice == pytest.approx(20 / 21)
    assert lithium.recall == 1.0 and lithium.precision == pytest.approx(10 / 11)
    assert carbon.iou == pytest.approx(2 / 3) and lithium.surface_dice == 1.0
    assert found.thickness_bias_um == pytest.approx(2.0) and found.thickness_rmse_um == pytest.approx(2.0)
    assert found.volume_closure == pytest.approx(1.1)
    labels[16] = Phase.LITHIUM
    assert evaluate(labels, cell, voxel_um=2.0).phases[Phase.LITHIUM].surface_dice == pytest.approx(0.5)


def test_voxels_without_label_do_not_count(cell):
    labels = np.where(cell == Phase.CARBON, np.uint8(255), cell)
    labels[0, 0, 0] = Phase.VOID
    truth = cell.copy()
    truth[0, 0, 0] = 255
    assert evaluate(labels, truth, voxel_um=1.0).mean_iou == 1.0
    both, either = iou_table(labels, truth)
    assert both.tolist() == either.tolist() and either[Phase.VOID] == 0


def test_confidence_is_checked_against_how_often_it_is_right(cell):
    rng = np.random.default_rng(1)
    wrong = rng.random(cell.shape) < 0.25
    labels = np.where(wrong, np.uint8(Phase.VOID), cell)
    sure = evaluate(labels, cell, voxel_um=1.0, confidence=np.full(cell.shape, 0.75, np.float32))
    assert sure.calibration_error < 0.01  # 12000 draws: 0.004
    over = evaluate(labels, cell, voxel_um=1.0, confidence=np.full(cell.shape, 0.95, np.float32))
    assert over.calibration_error == pytest.approx(0.2, abs=0.01)
    assert over.reliability[-1][2] == cell.size


def test_filaments_are_counted_by_width():
    truth = np.full((40, 24, 24), Phase.ELECTROLYTE, np.uint8)
    truth[:, 3, 3] = truth[:, 8:11, 8:11] = truth[:, 16:21, 16:21] = Phase.LITHIUM
    labels = truth.copy()
    labels[:, 3, 3] = Phase.ELECTROLYTE
    assert filament_rates(labels, truth) == {1: (0, 1), 2: (0, 0), 3: (1, 1), 5: (1, 1)}


def test_the_worst_slice_comes_first(cell):
    labels = cell.copy()
    labels[20, 2:18, 2:18] = labels[21:23, 2:18, 2:18] = Phase.VOID
    assert worst_slices(labels, cell, count=1) == [21]


def test_gas_between_the_tubes_is_none_of_the_cells(cell):
    truth, labels = (np.pad(cell, ((0, 0), (0, 0), (0, 4)), constant_values=Phase.CASING) for _ in range(2))
    truth[..., 21:23] = Phase.VOID  # a run calls it casing
    found = evaluate(labels, truth, voxel_um=1.0)
    assert Phase.VOID not in found.phases and found.mean_iou == 1.0 and found.phases[Phase.CASING].iou == 1.0
    truth[4, 3, 3] = Phase.VOID
    assert evaluate(labels, truth, voxel_um=1.0).phases[Phase.VOID].true_voxels == 1
    labels[5:15, :10] = Phase.VOID  # half of the film is missed, over the columns of the bore alone
    assert evaluate(labels, truth, voxel_um=1.0).thickness_bias_um == pytest.approx(-5.0)


def test_without_a_voxel_thickness_is_not_given(cell):
    found = evaluate(cell, cell, voxel_um=None)
    assert found.thickness_bias_um is None and found.thickness_rmse_um is None and found.volume_closure == 1.0


def test_phases_without_a_surface_have_no_surface_score():
    lithium = np.full((4, 5, 6), Phase.LITHIUM, np.uint8)
    found = evaluate(lithium, np.full_like(lithium, Phase.VOID), voxel_um=1.0)
    assert found.phases[Phase.LITHIUM].iou == 0 and found.phases[Phase.LITHIUM].surface_dice is None


def test_intervals_of_blocks_are_scored():
    rng = np.random.default_rng(2)
    true, std = rng.random((20, 20, 20)), np.full((20, 20, 20), 0.01)
    found = true + 0.01 * rng.standard_normal(true.shape)
    found[0] = np.nan
    score = score_intervals(found, std, true)
    assert score.blocks == 19 * 400
    assert score.inside == pytest.approx(0.95, abs=0.01)  # 7600 draws: 0.0025
    assert score.error_std == pytest.approx(score.stated_std, rel=0.03) and abs(score.mean_error) < 5e-4
    assert score_intervals(found, std / 2, true).inside < 0.7
    assert score_intervals(found[:1], std[:1], true[:1]) is None


@pytest.mark.parametrize(
    ("confidence", "message"),
    [
        (np.full((30, 20, 20), 90.0), r"runs from 90 to 90; give probabilities"),
        (np.full((30, 20, 20), np.nan), r"runs from nan to nan; give probabilities"),
        (np.full((30, 20), 0.5), r"the confidence is \(30, 20\), the labels \(30, 20, 20\) voxels"),
    ],
)
def test_what_is_no_confidence_is_refused(cell, confidence, message):
    with pytest.raises(ValueError, match=message):
        evaluate(cell, cell, voxel_um=1.0, confidence=confidence)


def test_strange_labels_are_refused(cell):
    with pytest.raises(ValueError, match=r"the voxel is -2 µm; give more than 0 µm"):
        evaluate(cell, cell, voxel_um=-2.0)

    with pytest.raises(ValueError, match="labels hold the values"):
        check_labels(np.array([0, 7, 255], np.uint8))
    with pytest.raises(TypeError, match="give whole numbers"):
        check_labels(cell.astype(np.float32))
    with pytest.raises(ValueError, match="bring them to one grid"):
        evaluate(cell, cell[:-1], voxel_um=1.0)
    with pytest.raises(ValueError, match="no voxel is labelled in both"):
        evaluate(np.full_like(cell, 255), cell, voxel_um=1.0)

"""Phases from strokes: a cell of three phases from a few of its voxels, and blocks as the whole."""

import numpy as np
import pytest

from xelith.materials import NOT_LABELLED, Phase
from xelith.segmentation.painted import REACH_PX, learn_strokes, paint

SHAPE = (24, 40, 40)
LEVELS = {Phase.LITHIUM: (0.1, 0.1), Phase.VOID: (0.0, 1.3), Phase.CARBON: (1.15, 1.15)}


@pytest.fixture(scope="module")
def cell():
    """Three slabs in argon and xenon, with noise that hides a single voxel; strokes on a few voxels of each."""
    truth = np.empty(SHAPE, np.uint8)
    truth[:8], truth[8:16], truth[16:] = Phase.LITHIUM, Phase.VOID, Phase.CARBON
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.5, (2, *SHAPE)).astype(np.float32)
    scans = []
    for place in (0, 1):
        table = np.zeros(256, np.float32)
        for phase, levels in LEVELS.items():
            table[phase] = levels[place]
        scans.append(table[truth] + noise[place])
    strokes = np.full(SHAPE, NOT_LABELLED, np.uint8)
    for z in (3, 12, 20):
        strokes[z, 10, 5:35] = truth[z, 10, 5:35]
        strokes[z, 25, 5:35] = truth[z, 25, 5:35]
    return scans, truth, strokes


def test_strokes_on_a_thousandth_of_the_voxels_label_the_rest(cell):
    scans, truth, strokes = cell
    labels, confidence = paint(learn_strokes(scans, strokes), scans)
    assert (strokes != NOT_LABELLED).mean() < 0.01
    inner = np.ones(SHAPE, bool)
    inner[6:10], inner[14:18] = False, False  # within two voxels of a face, smoothing mixes the sides
    assert (labels == truth)[inner].mean() > 0.97
    assert confidence.min() >= 1 / 3 and confidence.max() <= 1
    assert confidence[inner].mean() > confidence[~inner].mean()


def test_one_scan_cannot_tell_what_it_does_not_show(cell):
    scans, truth, strokes = cell
    labels, _ = paint(learn_strokes(scans[:1], strokes), scans[:1])  # argon: lithium and void look the same
    light = truth != Phase.CARBON
    assert (labels == truth)[light].mean() < 0.8


def test_blocks_with_a_margin_are_the_whole(cell):
    scans, _, strokes = cell
    painter = learn_strokes(scans, strokes)
    whole, _ = paint(painter, scans)
    start = 4
    part, _ = paint(painter, [scan[:, start : start + 30] for scan in scans])
    np.testing.assert_array_equal(part[:, REACH_PX : 30 - REACH_PX], whole[:, start + REACH_PX : start + 30 - REACH_PX])


def test_missing_values_are_no_phase_of_their_own(cell):
    scans, _, strokes = cell
    holed = [scan.copy() for scan in scans]
    for scan in holed:
        scan[0, 0, :5] = np.nan
    labels, confidence = paint(learn_strokes(holed, strokes), holed)
    assert set(np.unique(labels)) <= set(LEVELS) and np.isfinite(confidence).all()


def test_too_little_paint_is_refused(cell):
    scans, _, strokes = cell
    with pytest.raises(ValueError, match="painted is nothing; paint at least two phases, each with 8 voxels"):
        learn_strokes(scans, np.full(SHAPE, NOT_LABELLED, np.uint8))
    one = np.where(strokes == Phase.VOID, strokes, NOT_LABELLED).astype(np.uint8)
    with pytest.raises(ValueError, match="painted is void with 60 voxels; paint at least two phases"):
        learn_strokes(scans, one)
    with pytest.raises(ValueError, match=r"strokes are \(1, 40, 40\) and volumes .* paint on the grid"):
        learn_strokes(scans, strokes[:1])

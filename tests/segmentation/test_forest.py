"""A forest from a few strokes: on a made-up volume, on two scans, and on a real grey image with a mask."""

import numpy as np
import pytest
import tifffile

from xelith.materials import Phase
from xelith.segmentation import forest
from xelith.segmentation.evaluation import iou_table
from xelith.segmentation.forest import check_scribbles, label_from_scribbles

pytest.importorskip("sklearn")


def strokes(truth, share, rng, radius=2):
    """Label discs of a few pixels at random places with the truth, until a share is labelled."""
    scribbles = np.full(truth.shape, 255, np.uint8)
    phases = np.unique(truth)
    z, y, x = np.indices(truth.shape)
    while (scribbles != 255).mean() < share:
        places = np.argwhere(truth == rng.choice(phases))
        at = places[rng.integers(len(places))]
        near = (z == at[0]) & ((y - at[1]) ** 2 + (x - at[2]) ** 2 <= radius**2)
        scribbles[near] = truth[near]
    return scribbles


def test_a_layered_volume_follows_its_scribbles():
    rng = np.random.default_rng(1)
    truth = np.full((20, 32, 32), Phase.ELECTROLYTE, np.uint8)
    truth[:12], truth[:6] = Phase.CARBON, Phase.LITHIUM
    mu = np.array([0, 0, 0.1, 1.2, 5.0])[truth] + rng.normal(0, 0.3, truth.shape)
    told = []
    found = label_from_scribbles(
        [mu.astype(np.float32)], strokes(truth, 0.02, rng), advance=lambda *done: told.append(done)
    )
    both, either = iou_table(found.labels, truth)
    assert (both[[2, 3, 4]] / either[[2, 3, 4]]).min() > 0.8
    assert found.confidence.max() <= 1 and found.confidence.min() >= 1 / 3
    assert told[-1] == (2, 2)


def test_slabs_join_without_seam(monkeypatch):
    rng = np.random.default_rng(2)
    mu = rng.normal(0, 1, (80, 12, 12)).astype(np.float32)
    whole = forest.features_of([mu], forest.Block(0, 0, 80))
    part = forest.features_of([mu], forest.Block(1, 32, 40))
    assert np.abs(whole[32:40] - part).max() < 0.02 * whole.std()  # the Gaussian's tail beyond twice its width


@pytest.mark.data
def test_a_real_image_reaches_its_mask_from_two_hundredths_of_its_pixels(data_dir):
    folder = data_dir / "volumes" / "cylindrical_cell"
    grey = tifffile.imread(folder / "im_1.tif")[None].astype(np.float32)
    mask = tifffile.imread(folder / "mask_1.tif")[None] > 0
    truth = np.where(mask, np.uint8(Phase.CARBON), np.uint8(Phase.VOID))
    scribbles = strokes(truth, 0.015, np.random.default_rng(0))
    assert (scribbles != 255).mean() <= 0.02
    found = label_from_scribbles([grey], scribbles)
    both, either = iou_table(found.labels, truth)
    iou = both[[Phase.VOID, Phase.CARBON]] / either[[Phase.VOID, Phase.CARBON]]
    assert iou.min() >= 0.8


def test_values_that_are_not_finite_are_refused():
    volume, scribbles = np.zeros((4, 12, 12), np.float32), np.full((4, 12, 12), 255, np.uint8)
    scribbles[1, 2, :6], scribbles[2, 8, :6], volume[3, 1, :2] = Phase.VOID, Phase.LITHIUM, np.nan
    with pytest.raises(ValueError, match=r"holds 2 values that are not finite in slices 0 to 3; crop it"):
        label_from_scribbles([volume], scribbles)


def test_scribbles_that_cannot_be_learnt_from_are_refused():
    with pytest.raises(ValueError, match="use its own grid"):
        check_scribbles(np.zeros((2, 3, 3), np.uint8), (2, 3, 4))
    with pytest.raises(ValueError, match="at least two"):
        check_scribbles(np.array([[[1, 255, 1]]], np.uint8), (1, 1, 3))
    with pytest.raises(ValueError, match="labels hold the values"):
        check_scribbles(np.array([[[1, 2, 9]]], np.uint8), (1, 1, 3))

"""Fine-tuning on scribbles: what is held out is not learnt from, and a stopped training goes on."""

import numpy as np
import pytest

from xelith.materials import Phase
from xelith.segmentation import scribbles as module
from xelith.segmentation.scribbles import Effort, fine_tune, scribble_batch, split_scribbles
from xelith.segmentation.unet import Reference, build_network, weights_of

torch = pytest.importorskip("torch")
pytest.importorskip("monai")
REFERENCES = {"xenon": Reference(1.27, 60.0)}


@pytest.fixture
def case(monkeypatch):
    monkeypatch.setattr(module, "CROP", 16)
    rng = np.random.default_rng(1)
    truth = np.full((20, 24, 24), Phase.LITHIUM, np.uint8)
    truth[10:] = Phase.ELECTROLYTE
    mu = np.where(truth == Phase.LITHIUM, 0.1, 60.0) + rng.normal(0, 0.3, truth.shape)
    scribbles = np.where(rng.random(truth.shape) < 0.05, truth, np.uint8(255))
    return {"xenon": mu.astype(np.float32)}, scribbles


def test_a_label_is_learnt_from_or_held_out():
    rng = np.random.default_rng(2)
    labels = np.where(rng.random((40, 64, 64)) < 0.02, np.uint8(2), np.uint8(255))
    labels[0, 0, 0] = 5
    learnt, held = split_scribbles(labels, seed=0)
    twice = (learnt != 255) & (held != 255)
    assert twice.sum() == 1 and labels[twice] == 5  # too rare to be parted
    np.testing.assert_array_equal(np.minimum(learnt, held), labels)
    assert 0.05 < (held != 255).sum() / (labels != 255).sum() < 0.4


def test_crops_hold_the_labels_of_their_voxels(case):
    volumes, scribbles = case
    inputs, labels = scribble_batch(
        [volumes["xenon"]], [REFERENCES["xenon"]], scribbles, np.random.default_rng(3), size=4
    )
    assert inputs.shape == (4, 2, 16, 16, 16)
    dense = inputs[:, 1]
    assert (dense[labels == Phase.ELECTROLYTE] > 0.9).all() and (dense[labels == Phase.LITHIUM] < 0.1).all()


def test_a_volume_smaller_than_a_crop_is_filled_up(monkeypatch):
    monkeypatch.setattr(module, "CROP", 16)
    labels = np.array([2, 4, 255], np.uint8).repeat(4).reshape(1, 3, 4)
    inputs, found = scribble_batch([labels.astype(np.float32)], [Reference(1, 2)], labels, np.random.default_rng(1))
    assert inputs.shape == (2, 2, 16, 16, 16) and (found != 255).sum() == 2 * 8


def test_training_on_scribbles_goes_on_from_what_was_saved(case):
    volumes, scribbles = case
    torch.manual_seed(1)
    start = weights_of(build_network(1), ["xenon"], temperature=1.7)
    kept = []

    def save(state, better, scores):
        kept.append((state, better, scores))

    effort = Effort(steps=2, every=1, patience=5)
    first = fine_tune(volumes, REFERENCES, scribbles, start, effort=effort, save=save)
    assert first["steps"] == 2 and [one[2]["step"] for one in kept] == [1, 2]
    assert all(better is None or better.temperature == 1.7 for _, better, _ in kept)
    after = fine_tune(
        volumes, REFERENCES, scribbles, start, effort=Effort(steps=3, every=1, patience=5), saved=kept[-1][0], save=save
    )
    assert after["steps"] == 3 and after["before"] == first["before"] and after["best"] >= first["best"]


def test_scans_that_the_weights_do_not_know_are_refused(case):
    volumes, scribbles = case
    two = weights_of(build_network(2), ["argon", "xenon"])
    with pytest.raises(ValueError, match="the weights are for argon and xenon, the volumes are xenon"):
        fine_tune(volumes, REFERENCES, scribbles, two)

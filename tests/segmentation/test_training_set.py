"""Training cells: the same seed gives the same example, of every kind, with the truth on the grid of the scan."""

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from xelith.materials import Phase
from xelith.segmentation import training_set
from xelith.segmentation.training_batches import draw_batch, turned
from xelith.segmentation.training_designs import KINDS, NO_LITHIUM, draw_cell
from xelith.segmentation.training_set import make_example
from xelith.simulation import build_cell


@pytest.fixture(scope="module")
def example():
    patch = pytest.MonkeyPatch()
    patch.setattr(training_set, "SHAPE", (40, 48))
    yield make_example(12)
    patch.undo()


def test_an_example_is_a_pair_with_its_truth(example):
    assert example.mu.shape == (2, *example.labels.shape) == (2, 40, 48, 48)
    assert example.mu.dtype == np.float16 and np.isfinite(example.mu).all()
    assert set(np.unique(example.labels)) <= {*map(int, Phase), 255}
    deep = binary_erosion(example.labels == Phase.ELECTROLYTE, iterations=2)
    assert deep.sum() > 100
    for mu, dense in zip(example.mu.astype(np.float32), example.dense, strict=True):
        # the reference is off by 5 % on purpose, and noise moves the median of a hundred voxels by a few per cent
        assert np.median(mu[deep]) * dense == pytest.approx(1.0, abs=0.3)


def test_the_same_seed_gives_the_same_example(example, monkeypatch):
    monkeypatch.setattr(training_set, "SHAPE", (40, 48))
    again = make_example(12)
    np.testing.assert_array_equal(again.mu, example.mu)
    np.testing.assert_array_equal(again.labels, example.labels)


@pytest.mark.parametrize("kind", KINDS)
def test_cells_without_charge_hold_no_lithium_and_the_others_do(kind):
    for seed in range(20):
        try:
            cell = build_cell(*draw_cell(np.random.default_rng([seed, 1]), kind, (40, 48), 1.08), seed=seed)
            break
        except ValueError:
            continue
    assert (cell.lithium_um3() == 0) == (kind in NO_LITHIUM)


def test_batches_are_cut_from_the_examples_and_keep_their_labels(example):
    inputs, labels = draw_batch([example, example], ["xenon"], np.random.default_rng(1), crop=32)
    assert inputs.shape == (2, 2, 32, 32, 32) and labels.shape == (2, 32, 32, 32)
    dense = inputs[:, 1]
    # the electrolyte reads 1 in its own unit, and everything but the collector less
    assert np.median(dense[labels == Phase.ELECTROLYTE]) > 2 * np.median(dense[labels == Phase.CASING])


def test_turning_moves_inputs_and_labels_alike():
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 7, (4, 5, 5)).astype(np.uint8)
    inputs = np.stack([labels, labels]).astype(np.float32)
    for _ in range(10):
        seen, found = turned(inputs, labels, rng)
        np.testing.assert_array_equal(seen[0], found)

"""Labels in slabs: what goes in comes out, in less memory."""

import pickle

import numpy as np
import pytest

from xelith.simulation.slabs import PackedLabels, Workpiece, count_voxels, empty_labels

SHAPE = (37, 20, 20)


@pytest.fixture
def labels():
    grown = np.zeros(SHAPE, np.uint8)
    grown[10:25] = 3
    grown[20:, 5:9] = 11
    return grown


@pytest.fixture
def packed(labels):
    held = PackedLabels(SHAPE)
    for index in range(3):
        held.put(index, labels[16 * index : 16 * index + 16])
    return held


def test_any_range_of_slices_comes_back(labels, packed):
    for place in (slice(None), slice(3, 4), slice(15, 33), slice(36, 50), slice(9, 9)):
        np.testing.assert_array_equal(packed[place], labels[place])
    assert packed.max() == 11
    assert packed.packed_bytes < labels.nbytes / 10


def test_packed_labels_travel(labels, packed):
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(packed))[:], labels)


def test_changes_are_kept(labels, packed):
    inside = np.ones(SHAPE[1:], bool)
    for held in (labels, packed):
        work = Workpiece(held, inside)
        for start, part in work.slabs(12, 18):
            part[max(12 - start, 0) : 18 - start] = 7
        assert work.count(7) == 6 * 400
        assert sum(len(part) for _, part in work.read()) == SHAPE[0]
    np.testing.assert_array_equal(packed[:], labels)


def test_columns_outside_do_not_count(labels):
    inside = np.zeros(SHAPE[1:], bool)
    inside[6, 6] = True
    counts = count_voxels(labels, inside, 12)
    assert counts.shape == (37, 12)
    assert counts[:, 11].sum() == 17
    assert counts.sum() == 37


def test_large_labels_are_packed_and_small_ones_are_not():
    assert isinstance(empty_labels((64, 128, 128), 0.001), PackedLabels)
    whole = empty_labels((64, 128, 128), 1.0)
    assert isinstance(whole, np.ndarray)
    assert not whole.any()

import numpy as np
import pytest

from xelith.materials import Phase
from xelith.metrology.growth import trace_growth
from xelith.metrology.interfaces import Interfaces
from xelith.metrology.stack import Stack

LI, SE = int(Phase.LITHIUM), int(Phase.ELECTROLYTE)


def field(shape=(40, 10, 10), near=9.5):
    labels = np.full(shape, SE, np.uint8)
    labels[4:10] = LI
    return labels, Interfaces(np.full(shape[1:], near), np.full(shape[1:], shape[0] - 0.5))


def test_columns_and_film_are_counted():
    labels, faces = field()
    labels[10:30, 4, 4] = LI
    growth = trace_growth(Stack(labels, 1.0), faces, keep_volume=True)
    assert growth.film_voxels == 600
    assert growth.voxels[4, 4] == 20
    assert growth.deepest_px[4, 4] == 29
    assert np.isneginf(growth.deepest_px[0, 0])
    assert growth.first == 10
    assert growth.kept().sum() == 20


def test_gap_plane_in_the_kept_volume_is_empty():
    labels, faces = field()
    labels[10:30, 4, 4] = LI
    faces = Interfaces(faces.near_px, faces.far_px, tolerance_px=5.0)
    growth = trace_growth(Stack(labels, 1.0), faces, keep_volume=True)
    assert growth.first == 15
    assert growth.kept().shape[0] == 15
    assert growth.voxels.sum() == 20


def test_lithium_joined_only_in_the_film_is_connected():
    labels, faces = field()
    labels[4:10] = SE
    labels[4, 2, 2:8] = LI
    labels[4:20, 2, 2] = LI
    labels[4:25, 2, 7] = LI
    labels[22, 8, 8] = LI
    growth = trace_growth(Stack(labels, 1.0), faces)
    assert growth.voxels.sum() == 10 + 15
    np.testing.assert_array_equal(growth.isolated.volume_um3, [1.0])
    np.testing.assert_array_equal(growth.isolated.distance_um, [12.0])


def test_counter_electrode_counts_nowhere():
    labels, _ = field()
    labels[30:] = LI  # a lithium counter electrode
    labels[25:30, 7, 7] = LI  # and what hangs on it
    labels[10:15, 2, 2] = LI
    labels[20, 5, 5] = LI
    faces = Interfaces(np.full((10, 10), 9.5), np.full((10, 10), 29.5))
    growth = trace_growth(Stack(labels, 1.0), faces)
    assert growth.film_voxels == 600
    assert growth.voxels.sum() == 5
    assert growth.counter_voxels == 5
    np.testing.assert_array_equal(growth.isolated.volume_um3, [1.0])
    labels[15:30, 2, 2] = LI  # a bridge: only its way through the electrolyte counts
    shorted = trace_growth(Stack(labels, 1.0), faces)
    assert shorted.voxels.sum() == 20 + 5
    assert shorted.counter_voxels == 0


def test_tilted_interface_counts_by_column():
    labels, faces = field()
    slope = np.broadcast_to(np.linspace(5.0, 14.0, 10), (10, 10))
    growth = trace_growth(Stack(labels, 1.0), Interfaces(slope, faces.far_px))
    index = np.arange(40)[:, None, None]
    np.testing.assert_array_equal(growth.voxels, ((labels == LI) & (index > slope)).sum(0))
    assert growth.film_voxels == ((labels == LI) & (index <= slope)).sum()


def test_volume_that_was_not_kept_is_refused():
    labels, faces = field()
    with pytest.raises(ValueError, match="keep_volume=True"):
        trace_growth(Stack(labels, 1.0), faces).kept()

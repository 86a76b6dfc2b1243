import numpy as np
import pytest
from scipy import ndimage

from xelith.materials import Phase
from xelith.metrology.growth import trace_growth
from xelith.metrology.interfaces import find_interfaces
from xelith.metrology.penetration import measure_penetration
from xelith.metrology.stack import Stack

C, LI, SE = int(Phase.COLLECTOR), int(Phase.LITHIUM), int(Phase.ELECTROLYTE)


def cell(film=5, electrolyte=30, width=21):
    """Collector below, film on it, electrolyte above."""
    labels = np.full((3 + film + electrolyte + 2, width, width), SE, np.uint8)
    labels[:3] = C
    labels[3 : 3 + film] = LI
    labels[-2:] = C
    return labels


def test_even_film_has_no_depth():
    result = measure_penetration(cell(), voxel_um=1.0)
    assert result.max_depth_um == 0
    assert result.volume_um3 == 0
    assert result.electrolyte_crossed == 0
    assert not result.is_shorted


@pytest.mark.parametrize("anode", ["low", "high"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_straight_filament(anode, axis):
    labels = cell()
    labels[8:20, 10, 10] = LI
    volume = labels if anode == "low" else labels[::-1]
    voxel_um = np.roll((2.0, 3.0, 5.0), axis)
    result = measure_penetration(np.moveaxis(volume, 0, axis), voxel_um=tuple(voxel_um), axis=axis, anode=anode)
    assert result.max_depth_um == pytest.approx(12 * voxel_um[axis])
    assert result.volume_um3 == pytest.approx(12 * 30)
    assert result.electrolyte_crossed == pytest.approx(12 / 30)
    assert (result.depth_um > 0).sum() == 1
    assert result.isolated_count == 0


def test_slanting_filament_holds_together_by_corners():
    labels = cell()
    for i in range(9):
        labels[8 + i, 6 + i, 6 + i] = LI
    result = measure_penetration(labels, voxel_um=1.0)
    assert result.max_depth_um == pytest.approx(9, abs=0.01)  # the fit leans on the filament by a hair
    assert result.volume_um3 == 9


def test_isolated_lithium_is_apart():
    labels = cell()
    labels[20:22, 4:6, 4:6] = LI
    labels[25, 15, 15] = LI
    result = measure_penetration(labels, voxel_um=0.5)
    assert result.isolated_volume_um3 == pytest.approx(9 * 0.125)
    assert result.isolated_count == 2
    assert result.max_depth_um == 0


def test_bridge_is_a_short():
    labels = cell()
    labels[8:38, 10, 10] = LI
    result = measure_penetration(labels, voxel_um=1.0)
    assert result.electrolyte_crossed == 1.0
    assert result.is_shorted


def test_one_voxel_short_of_a_short_is_none():
    labels = cell()
    labels[8:37, 10, 10] = LI
    result = measure_penetration(labels, voxel_um=1.0)
    assert not result.is_shorted
    assert result.electrolyte_crossed == pytest.approx(29 / 30)


def test_given_interface_moves_the_depth():
    labels = cell()
    labels[8:20, 10, 10] = LI
    result = measure_penetration(labels, voxel_um=1.0, interface_px=np.full((21, 21), 9.5), counter_px=37.5)
    assert result.max_depth_um == 10


def test_lithium_on_a_bare_collector_is_rooted_there():
    labels = cell(film=0)
    labels[3:9, 5:9, 5:9] = LI
    result = measure_penetration(labels, voxel_um=1.0)
    assert result.max_depth_um == 6
    assert result.isolated_count == 0


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="no electrolyte"):
        measure_penetration(np.full((4, 4, 4), LI, np.uint8), voxel_um=1)
    with pytest.raises(ValueError, match="anode is 'left'"):
        measure_penetration(cell(), voxel_um=1, anode="left")
    with pytest.raises(ValueError, match="ends before it begins"):
        measure_penetration(cell(), voxel_um=1, interface_px=30, counter_px=20)


def test_slabs_and_larger_than_memory_volumes_give_the_same_numbers():
    rng = np.random.default_rng(11)
    labels = cell(electrolyte=60, width=40)
    labels[8:][rng.random(labels[8:].shape) < 0.04] = LI
    labels[-2:] = C

    class Lazy:
        shape, dtype = labels.shape, labels.dtype

        def __getitem__(self, key):
            assert key[0].stop - key[0].start <= 16
            return labels[key]

    kinds = {"interface_px": 7.5, "counter_px": 67.5}
    whole, lazy = (measure_penetration(v, voxel_um=0.54, **kinds) for v in (labels, Lazy()))
    np.testing.assert_array_equal(whole.depth_um, lazy.depth_um)
    np.testing.assert_array_equal(whole.isolated.volume_um3, lazy.isolated.volume_um3)
    pieces, _ = ndimage.label(labels == LI, structure=np.ones((3, 3, 3)))
    index = np.arange(labels.shape[0])[:, None, None]
    rooted = np.isin(pieces, np.unique(pieces[(labels == LI) & (index <= 8)]))
    beyond = (labels == LI) & (index > 7.5)
    assert whole.volume_um3 == pytest.approx((rooted & beyond).sum() * 0.54**3)
    far = np.isin(pieces, np.unique(pieces[(labels == LI) & (index >= 67)]))
    assert whole.isolated_volume_um3 == pytest.approx((~rooted & ~far & beyond).sum() * 0.54**3)
    assert whole.counter_volume_um3 == pytest.approx((~rooted & far & beyond).sum() * 0.54**3)
    assert whole.film_volume_um3 == pytest.approx(((labels == LI) & ~beyond).sum() * 0.54**3)


def test_no_lithium_is_counted_twice_or_lost():
    rng = np.random.default_rng(12)
    labels = cell()
    labels[8:38][rng.random((30, 21, 21)) < 0.1] = LI
    result = measure_penetration(labels, voxel_um=1.0)
    total = result.film_volume_um3 + result.volume_um3 + result.isolated_volume_um3 + result.counter_volume_um3
    assert total == pytest.approx((labels == LI).sum())
    assert result.column_um.sum() == pytest.approx(result.volume_um3)


def test_distance_of_isolated_pieces():
    labels = cell()
    labels[20:22, 4, 4] = LI
    labels[30, 15, 15] = LI
    isolated = measure_penetration(labels, voxel_um=(0.5, 1, 1)).isolated
    np.testing.assert_allclose(isolated.volume_um3, [1.0, 0.5])
    np.testing.assert_allclose(isolated.distance_um, [6.0, 11.0])


def test_roughness_of_a_film_is_no_depth():
    rng = np.random.default_rng(13)
    labels = cell(width=60)
    rough = 8 + rng.integers(0, 3, (60, 60))
    labels[8:12][np.arange(8, 12)[:, None, None] < rough] = LI
    result = measure_penetration(labels, voxel_um=1.0)
    assert result.max_depth_um == 0
    assert result.volume_um3 == 0
    assert result.film_volume_um3 == (labels == LI).sum()
    assert result.tolerance_um == pytest.approx(3 * np.sqrt(2 / 3), rel=0.1)  # of three equal heights
    labels[8:25, 30, 30] = LI
    assert measure_penetration(labels, voxel_um=1.0).max_depth_um == pytest.approx(16, abs=0.2)


def test_grown_lithium_is_cut_to_its_planes():
    labels = cell()
    labels[8:20, 10, 10] = LI
    labels[30, 3, 3] = LI
    stack = Stack(labels, 1.0)
    growth = trace_growth(stack, find_interfaces(stack), keep_volume=True)
    assert (growth.first, growth.volume.shape) == (8, (12, 21, 21))
    assert growth.volume.sum() == 12
    empty = Stack(cell(), 1.0)
    assert trace_growth(empty, find_interfaces(empty), keep_volume=True).volume.shape == (0, 21, 21)
    assert trace_growth(stack, find_interfaces(stack)).volume is None

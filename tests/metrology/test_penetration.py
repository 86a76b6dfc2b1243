import numpy as np
import pytest

from xelith.materials import Phase
from xelith.metrology.penetration import measure_penetration

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
    assert result.max_depth_um == 9
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

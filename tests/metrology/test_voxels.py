import pytest

from xelith.metrology.voxels import axis_index, map_voxel_um, voxel_zyx_um


def test_one_edge_serves_all_axes_and_three_are_kept():
    assert voxel_zyx_um(0.54) == (0.54, 0.54, 0.54)
    assert voxel_zyx_um((1, 2, 3)) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(("axis", "expected"), [(0, (1, (2, 3))), (1, (2, (1, 3))), (-1, (3, (1, 2)))])
def test_map_keeps_the_order_of_the_other_axes(axis, expected):
    assert map_voxel_um((1, 2, 3), axis) == expected


@pytest.mark.parametrize("bad", [0, -1.0, float("nan"), (1, 2, 0), float("inf")])
def test_edge_must_be_positive(bad):
    with pytest.raises(ValueError, match="positive and finite, in µm"):
        voxel_zyx_um(bad)


def test_two_edges_are_refused():
    with pytest.raises(ValueError, match=r"one edge in µm, or three as \(z, y, x\)"):
        voxel_zyx_um((1, 2))


def test_fourth_axis_is_refused():
    with pytest.raises(ValueError, match="axis is 3"):
        axis_index(3)

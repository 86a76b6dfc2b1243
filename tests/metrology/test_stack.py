import numpy as np
import pytest

from xelith.metrology.stack import Stack


def ramp():
    return np.broadcast_to(np.arange(40, dtype=np.uint8)[:, None, None] % 7, (40, 3, 5)).copy()


@pytest.mark.parametrize("anode", ["low", "high"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slabs_run_from_the_anode(anode, axis):
    volume = ramp() if anode == "low" else ramp()[::-1]
    stack = Stack(np.moveaxis(volume, 0, axis), voxel_um=1, axis=axis, anode=anode)
    slabs = list(stack.slabs())
    assert [index for index, _ in slabs] == [0, 16, 32]
    np.testing.assert_array_equal(np.concatenate([slab for _, slab in slabs]), ramp())
    part = np.concatenate([slab for _, slab in stack.slabs(5, 30)])
    np.testing.assert_array_equal(part, ramp()[5:30])
    assert stack.shape == (3, 5)
    assert stack.depth == 40


def test_only_slabs_are_read():
    class Lazy:
        shape, dtype = (1000, 4, 4), np.dtype("uint8")
        reads = 0

        def __getitem__(self, key):
            self.reads += key[0].stop - key[0].start
            return np.zeros((key[0].stop - key[0].start, 4, 4), np.uint8)

    lazy = Lazy()
    next(Stack(lazy, voxel_um=1).slabs())
    assert lazy.reads == 16


def test_edges_follow_the_axis():
    stack = Stack(ramp(), voxel_um=(1, 2, 3), axis=2)
    assert stack.depth_um == 3
    assert stack.pixel_um == (1, 2)
    assert stack.voxel_um3 == 6


def test_indices_turn_round():
    stack = Stack(ramp(), voxel_um=1, anode="high")
    assert stack.oriented_px(np.array(0.0)) == 39
    assert stack.oriented_px(stack.oriented_px(np.array(7.5))) == 7.5
    assert Stack(ramp(), voxel_um=1).oriented_px(np.array(7.5)) == 7.5


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="anode is 'top'"):
        Stack(ramp(), voxel_um=1, anode="top")
    with pytest.raises(TypeError, match="uint8"):
        Stack(ramp().astype(int), voxel_um=1)
    bad = ramp()
    bad[39] = 77
    with pytest.raises(ValueError, match="labels hold 77"):
        list(Stack(bad, voxel_um=1).slabs())

import numpy as np
import pytest
from scipy import ndimage

from xelith.metrology.connectivity import Joiner, Replay


def by_planes(volume):
    joiner = Joiner(volume.shape[1:])
    for plane in volume:
        joiner.number(plane)
    pieces = joiner.pieces()
    replay = Replay(volume.shape[1:], pieces)
    return np.stack([replay.number(plane).copy() for plane in volume])


@pytest.mark.parametrize("share", [0.02, 0.08, 0.12, 0.3, 0.9])
@pytest.mark.parametrize("shape", [(9, 17, 13), (1, 8, 8), (12, 1, 9), (5, 7, 1), (1, 1, 1)])
def test_pieces_are_those_of_scipy(share, shape):
    volume = np.random.default_rng(7).random(shape) < share
    ours = by_planes(volume)
    theirs, count = ndimage.label(volume, structure=np.ones((3, 3, 3)))
    assert ours.max(initial=0) == count
    pairs = np.unique(np.stack([ours.ravel(), theirs.ravel()]), axis=1)
    assert pairs.shape[1] == count + (not volume.all())  # one to one, and background to background


def test_nothing_and_everything():
    assert by_planes(np.zeros((3, 4, 5), bool)).max() == 0
    assert (by_planes(np.ones((3, 4, 5), bool)) == 1).all()


def test_arms_that_meet_late_are_one():
    volume = np.zeros((6, 3, 9), bool)
    volume[:, 1, [0, 4, 8]] = True
    volume[5, 1] = True
    assert by_planes(volume).max() == 1


def test_more_pieces_than_the_first_plane_could_hold():
    volume = np.zeros((8, 9, 9), bool)
    volume[::2, ::2, ::2] = True
    assert by_planes(volume).max() == 4 * 25

"""Bodies inside a layer: exact counts, hosts kept, filaments that cross, voids that meet their share."""

import numpy as np
import pytest
from scipy.ndimage import label

from xelith.simulation.cell import disc
from xelith.simulation.inclusions import (
    add_balls,
    add_cracks,
    add_voids,
    filament,
    relabel,
    scattered_balls,
    take_lowest,
    voxels_of_balls,
)


@pytest.fixture
def block():
    labels = np.ones((40, 42, 42), np.uint8)
    labels[:10] = 0
    return labels


INSIDE = disc(42, 20.0)


@pytest.mark.parametrize("score", ["random", "flat"])
def test_exactly_the_lowest_voxels_are_taken(block, score):
    rng = np.random.default_rng(0)
    values = rng.random(block.shape).astype(np.float32) if score == "random" else np.zeros(block.shape, "f4")
    allowed = (block == 1) & INSIDE
    take_lowest(block, allowed, values, 5000, 7)
    taken = block == 7
    assert taken.sum() == 5000
    assert not np.any(taken & ~allowed)
    assert values[taken].max() <= values[allowed & ~taken].min()


def test_more_lithium_than_room_is_refused(block):
    with pytest.raises(ValueError, match=r"10 voxels of lithium are to lie where only 3 voxels are free"):
        take_lowest(block, np.arange(block.size).reshape(block.shape) < 3, block.astype("f4"), 10, 7)


def test_balls_stop_at_the_count_and_keep_to_their_host(block):
    rng = np.random.default_rng(1)
    balls = scattered_balls(0.0, 39.0, 18.0, 4.0, 42, rng)
    add_balls(block, INSIDE, balls, count=3333, host=1, code=7)
    assert (block == 7).sum() == 3333
    assert np.all(block[:10] == 0)
    assert not np.any((block == 7) & ~INSIDE)


def test_too_few_balls_or_too_small_a_host_say_so(block):
    with pytest.raises(ValueError, match=r"10000 voxels of lithium are to lie in balls that have room for 123"):
        add_balls(block, INSIDE, iter([(np.array([25.0, 20, 20]), 3.0)]), count=10_000, host=1, code=7)
    endless = scattered_balls(0.0, 39.0, 18.0, 4.0, 42, np.random.default_rng(1))
    with pytest.raises(ValueError, match=r"give less charge or a larger host"):
        add_balls(block, INSIDE, endless, count=10**6, host=1, code=7)
    before = block.copy()
    add_balls(block, INSIDE, iter([]), count=0, host=1, code=7)
    np.testing.assert_array_equal(block, before)


def test_voxels_of_balls_are_listed_once(block):
    balls = [(np.array([20.0, 20, 20]), 3.0), (np.array([22.0, 20, 20]), 3.0), (np.array([0.0, 0, 0]), 3.0)]
    places = voxels_of_balls(block, INSIDE, balls, host=1)
    assert len(np.unique(places, axis=0)) == len(places)
    near = [np.linalg.norm(places - centre, axis=1) <= 3.0 for centre, _ in balls[:2]]
    assert np.all(near[0] | near[1])
    relabel(block, places, 7)
    assert (block == 7).sum() == len(places)


def test_a_filament_is_one_body_from_foot_to_top(block):
    rng = np.random.default_rng(2)
    balls = filament(np.array([9.0, 20.0, 22.0]), 39.0, 4.0, rng)
    relabel(block, voxels_of_balls(block, INSIDE, balls, host=1), 7)
    bodies, count = label(block == 7)
    assert count == 1
    assert (block[10] == 7).any()
    assert (block[39] == 7).any()
    area = (block[15:35] == 7).sum(axis=(1, 2)).mean()
    # 60 %: the width varies, the filament leans, and whole voxels round it up
    assert area == pytest.approx(np.pi * 4, rel=0.6)
    assert bodies.max() == 1


@pytest.mark.parametrize("closed_share", [0.0, 1.0])
def test_voids_meet_their_share(block, closed_share):
    rng = np.random.default_rng(3)
    before = (block == 1).sum()
    add_voids(block, INSIDE, share=0.05, radius=2.5, host=1, codes=(2, 3), closed_share=closed_share, generator=rng)
    # 1 %: the last void may go beyond; voids outside the tube count too
    assert ((block == 2) | (block == 3)).sum() / before == pytest.approx(0.05 * INSIDE.mean(), abs=0.01)
    assert (block == (2 if closed_share else 3)).sum() == 0
    assert np.all(block[:10] == 0)


def test_cracks_are_flat(block):
    add_cracks(block, 1, 12.0, host=1, code=2, generator=np.random.default_rng(4))
    places = np.argwhere(block == 2)
    spread = np.sqrt(np.linalg.eigvalsh(np.cov(places.T)))
    assert spread[0] < 1.0  # two voxels wide
    assert spread[2] > 3.0


def test_nothing_is_opened_where_the_host_is_missing(block):
    rng = np.random.default_rng(5)
    before = block.copy()
    add_voids(block, INSIDE, share=0.5, radius=2, host=9, codes=(2, 3), closed_share=0.0, generator=rng)
    add_cracks(block, 3, 5.0, host=9, code=2, generator=rng)
    np.testing.assert_array_equal(block, before)

"""Bodies inside a layer: exact counts, hosts kept, and the same voxels whole or slab by slab."""

import numpy as np
import pytest

from xelith.simulation.cell import disc
from xelith.simulation.inclusions import Bodies, balls, carve, carve_count, take_lowest, voxels_of
from xelith.simulation.morphology import random_rotation
from xelith.simulation.slabs import PackedLabels, Workpiece

INSIDE = disc(42, 20.0)


def start():
    labels = np.ones((40, 42, 42), np.uint8)
    labels[:10] = 0
    return labels


def packed():
    labels = PackedLabels((40, 42, 42))
    for index in range(3):
        labels.put(index, start()[16 * index : 16 * index + 16])
    return labels


@pytest.fixture(params=[start, packed], ids=["whole", "packed"])
def work(request):
    return Workpiece(request.param(), INSIDE)


@pytest.mark.parametrize("score", ["random", "flat"])
def test_exactly_the_lowest_voxels_are_taken(work, score):
    values = np.zeros((40, 42, 42), "f4")
    if score == "random":
        values = np.random.default_rng(0).random(values.shape).astype(np.float32)
    take_lowest(work, lambda a, b: values[a:b], count=5000, host=1, code=7)
    taken, allowed = work.labels[:] == 7, (start() == 1) & INSIDE
    assert taken.sum() == 5000
    assert not np.any(taken & ~allowed)
    assert values[taken].max() <= values[allowed & ~taken].min() + 1 / 1024  # ranks of a 1024th
    if score == "flat":  # of equals the lower slices come first
        assert np.nonzero(taken)[0].max() == np.nonzero(taken)[0].min() + 5000 // INSIDE.sum()


def test_only_some_rows_may_change(work):
    take_lowest(work, lambda a, b: np.zeros((b - a, 42, 42), "f4"), count=50, host=1, code=7, rows=(17, 20))
    assert set(np.nonzero(work.labels[:] == 7)[0]) == {17}


def test_more_lithium_than_room_is_refused(work):
    free = 30 * int(INSIDE.sum())
    with pytest.raises(ValueError, match=rf"99999 voxels of lithium are to lie where only {free} voxels are free"):
        take_lowest(work, lambda a, b: np.zeros((b - a, 42, 42), "f4"), count=99_999, host=1, code=7)
    take_lowest(work, lambda a, b: np.zeros((b - a, 42, 42), "f4"), count=0, host=1, code=7)
    np.testing.assert_array_equal(work.labels[:], start())


def test_a_ball_is_round_and_whole(work):
    body = balls([(np.array([25.2, 20.4, 20.0]), 6.0, 0)])
    z, y, x = np.ogrid[:40, :42, :42]
    inside_ball = (z - 25) ** 2 + (y - 20) ** 2 + (x - 20) ** 2 <= 36
    assert voxels_of(work, body, host=1)[0] == inside_ball.sum()
    carve(work, body, host=1, codes=np.array([7], np.uint8))
    np.testing.assert_array_equal(work.labels[:] == 7, inside_ball)
    tiny = balls([(np.array([35.0, 20.0, 20.0]), 0.1, 0)])
    assert voxels_of(work, tiny, host=1).tolist() == [1]  # the voxel in the middle always counts


def test_of_overlapping_bodies_the_first_takes_a_voxel(work):
    places = [(np.array([25.0, 20, 20]), 4.0, 0), (np.array([27.0, 20, 20]), 4.0, 1)]
    counts = voxels_of(work, balls(places), host=1)
    assert counts[0] == voxels_of(work, balls(places[:1]), host=1)[0]
    union = voxels_of(work, balls([(centre, radius, 0) for centre, radius, _ in places]), host=1)[0]
    assert counts.sum() == union < 2 * counts[0]


def test_an_ellipsoid_is_turned_and_keeps_to_its_host(work):
    turn = random_rotation(np.random.default_rng(5))
    axes = np.array([2.0, 8.0, 5.0])
    body = Bodies(np.array([[25.0, 20, 20]]), axes[None], turn[None], np.array([0]))
    carve(work, body, host=1, codes=np.array([7], np.uint8))
    places = np.argwhere(work.labels[:] == 7)
    # 5 %: whole voxels at the surface
    assert len(places) == pytest.approx(4 / 3 * np.pi * axes.prod(), rel=0.05)
    spread = np.linalg.eigvalsh(np.cov(places.T))
    np.testing.assert_allclose(np.sqrt(5 * spread), np.sort(axes), rtol=0.1)
    low = Bodies(np.array([[5.0, 20, 20]]), axes[None], turn[None], np.array([0]))
    carve(work, low, host=1, codes=np.array([9], np.uint8))
    assert np.all(work.labels[:10] == 0)


def test_bodies_stop_at_the_count(work):
    rng = np.random.default_rng(1)
    drawn = balls((rng.uniform((0, 0, 0), (40, 42, 42)), rng.uniform(2, 6), group) for group in range(60))
    carve_count(work, drawn, count=3333, host=1, code=7)
    labels = work.labels[:]
    assert (labels == 7)[:, INSIDE].sum() == 3333
    assert np.all(labels[:10] == 0)


def test_too_few_bodies_say_so(work):
    one = balls([(np.array([25.0, 20, 20]), 3.0, 0)])
    with pytest.raises(ValueError, match=r"10000 voxels of lithium are to lie in balls that have room for 123"):
        carve_count(work, one, count=10_000, host=1, code=7)
    carve_count(work, balls([]), count=0, host=1, code=7)
    carve(work, balls([]), host=1, codes=np.zeros(0, np.uint8))
    np.testing.assert_array_equal(work.labels[:], start())


def test_packed_and_whole_labels_come_to_the_same():
    results = []
    for labels in (start(), packed()):
        work = Workpiece(labels, INSIDE)
        rng = np.random.default_rng(2)
        drawn = balls((rng.uniform((0, 0, 0), (40, 42, 42)), rng.uniform(2, 6), group) for group in range(60))
        carve_count(work, drawn, count=2500, host=1, code=7)
        values = rng.random((40, 42, 42)).astype(np.float32)
        take_lowest(work, lambda a, b, values=values: values[a:b], count=4000, host=1, code=8)
        results.append(work.labels[:])
    np.testing.assert_array_equal(*results)

"""Where bodies lie: filaments that cross, voids that meet their share, flat cracks."""

import numpy as np
import pytest
from scipy.ndimage import label

from xelith.simulation.cell import disc
from xelith.simulation.inclusions import balls, carve
from xelith.simulation.scatter import cracks, filament, flat_voids, scattered_balls
from xelith.simulation.slabs import Workpiece

INSIDE = disc(42, 20.0)


@pytest.fixture
def work():
    labels = np.ones((40, 42, 42), np.uint8)
    labels[:10] = 0
    return Workpiece(labels, INSIDE)


def test_a_filament_is_one_body_from_foot_to_top(work):
    drawn = filament(np.array([9.0, 20.0, 22.0]), 39.0, 4.0, np.random.default_rng(2))
    carve(work, balls((centre, radius, 0) for centre, radius in drawn), host=1, codes=np.array([7], np.uint8))
    bodies, count = label(work.labels == 7)
    assert count == 1
    assert (work.labels[10] == 7).any()
    assert (work.labels[39] == 7).any()
    area = (work.labels[15:35] == 7).sum(axis=(1, 2)).mean()
    # 60 %: the width varies, the filament leans, and whole voxels round it up
    assert area == pytest.approx(np.pi * 4, rel=0.6)
    assert bodies.max() == 1


@pytest.mark.parametrize("closed_share", [0.0, 1.0])
def test_voids_meet_their_share(work, closed_share):
    rng = np.random.default_rng(3)
    wanted = 0.05 * 30 * INSIDE.sum()
    places = scattered_balls(10.0, 39.0, 20.0, 2.5, 42, rng)
    voids, closed = flat_voids(places, wanted, belongs=lambda c: c[0] >= 10, closed_share=closed_share, generator=rng)
    assert closed.all() if closed_share else not closed.any()
    carve(work, voids, host=1, codes=np.full(voids.count, 2, np.uint8))
    # 20 %: voids overlap, reach beyond the host, and the last goes beyond the share
    assert (work.labels == 2).sum() == pytest.approx(wanted, rel=0.2)
    assert np.all(work.labels[:10] == 0)


def test_voids_that_find_no_host_end(work):
    rng = np.random.default_rng(3)
    places = scattered_balls(10.0, 39.0, 20.0, 2.5, 42, rng)
    voids, closed = flat_voids(places, 100.0, belongs=lambda c: False, closed_share=0.5, generator=rng)
    assert voids.count == len(closed) == 0


def test_cracks_are_flat(work):
    rng = np.random.default_rng(4)
    broken = cracks(scattered_balls(15.0, 30.0, 5.0, 12.0, 42, rng), 1, rng)
    carve(work, broken, host=1, codes=np.array([2], np.uint8))
    places = np.argwhere(work.labels == 2)
    spread = np.sqrt(np.linalg.eigvalsh(np.cov(places.T)))
    assert spread[0] < 1.0  # two voxels wide
    assert spread[2] > 3.0

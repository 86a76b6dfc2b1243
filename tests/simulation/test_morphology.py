"""Random shapes: the statistics they promise."""

import numpy as np
import pytest

from xelith.simulation.morphology import lenses, points_in_disc, random_rotation


def test_lenses_are_paraboloids_that_do_not_add_up():
    heights = lenses(41, np.array([[0.0, 0.0], [0.0, 3.0]]), np.array([8.0, 8.0]), np.array([4.0, 4.0]))
    assert heights.max() == 4.0
    assert heights[20, 20 - 8] == 0
    assert heights[20, 20 - 4] == pytest.approx(4.0 * 0.75)


def test_points_lie_evenly_in_the_disc():
    points = points_in_disc(20_000, 3.0, np.random.default_rng(3))
    radius = np.hypot(*points.T)
    assert radius.max() <= 3.0
    assert (radius < 1.5).mean() == pytest.approx(0.25, abs=0.02)  # five standard errors
    assert np.abs(points.mean(axis=0)).max() < 0.06


def test_turns_are_rotations():
    turn = random_rotation(np.random.default_rng(4))
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1.0)

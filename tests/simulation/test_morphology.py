"""Random shapes: the statistics they promise."""

import numpy as np
import pytest

from xelith.simulation.morphology import carve_ellipsoid, gaussian_field, lenses, points_in_disc, pores


def test_a_field_has_the_promised_deviation_and_correlation():
    length = 6
    field = gaussian_field((600, 500), length, np.random.default_rng(0))
    # 5 %: the field holds some 2500 independent patches
    assert field.std() == pytest.approx(1.0, rel=0.05)
    for axis in (0, 1):
        a, b = np.moveaxis(field, axis, 0)[:-length], np.moveaxis(field, axis, 0)[length:]
        assert (a * b).mean() == pytest.approx(np.exp(-1), abs=0.05)


def test_a_field_is_not_periodic_at_its_edges():
    field = gaussian_field((400, 400), 10.0, np.random.default_rng(1))
    assert abs((field[0] * field[-1]).mean()) < 0.5 * (field[0] * field[1]).mean()


@pytest.mark.parametrize("porosity", [0.0, 0.1, 0.45])
def test_pores_fill_their_share(porosity):
    hollow = pores((60, 60, 60), porosity, 3.0, np.random.default_rng(2))
    # 0.03: five standard errors of some 3000 independent pores
    assert hollow.mean() == pytest.approx(porosity, abs=0.03)


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


def test_an_ellipsoid_is_carved_out_of_its_host_only():
    labels = np.ones((40, 50, 60), np.uint8)
    labels[:20] = 2
    centre, axes = np.array([20.0, 25.0, 30.0]), np.array([10.0, 12.0, 15.0])
    changed = carve_ellipsoid(labels, centre, axes, host=1, code=7)
    assert changed == (labels == 7).sum()
    assert np.all(labels[:20] == 2)
    # 5 %: the upper half, with the whole slice of the middle
    assert changed == pytest.approx(2 / 3 * np.pi * 10 * 12 * 15 * (1 + 0.75 / 10), rel=0.05)
    assert carve_ellipsoid(labels, np.array([-50.0, 0, 0]), axes, host=1, code=7) == 0


def test_impossible_shapes_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"correlation length is 0 pixels"):
        gaussian_field((8,), 0, rng)
    with pytest.raises(ValueError, match=r"porosity is 1.2; give a share from 0"):
        pores((8, 8), 1.2, 2.0, rng)

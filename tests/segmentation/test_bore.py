import numpy as np
import pytest

from xelith.segmentation.bore import Bore, find_bore, outer_radius, radial_profile


def disc(shape, centre, radius, *, fine=5):
    y, x = ((np.arange(n * fine) + 0.5) / fine - 0.5 for n in shape)
    inside = np.hypot(y[:, None] - centre[0], x[None] - centre[1]) <= radius
    return inside.reshape(shape[0], fine, shape[1], fine).mean(axis=(1, 3))


@pytest.mark.parametrize("centre", [(40.0, 40.0), (38.3, 41.7)])
def test_axis_and_radius_come_from_a_filled_slice(centre):
    rng = np.random.default_rng(1)
    plane = 50 * disc((81, 80), centre, 30.0) + rng.normal(0, 2.0, (81, 80))
    bore = find_bore(plane)
    assert (bore.y, bore.x) == pytest.approx(centre, abs=0.05)
    # counting pixels of a blurred, noisy disc is good to a tenth of a voxel
    assert bore.radius_px == pytest.approx(30.0, abs=0.1)
    assert bore.source == "found"


def test_a_given_bore_is_taken_where_the_slice_says_otherwise():
    plane = 50 * disc((81, 81), (40, 40), 30.0)
    assert find_bore(plane, diameter_px=59.0).radius_px == pytest.approx(30.0, abs=0.1)
    given = find_bore(plane, diameter_px=40.0)
    assert (given.radius_px, given.source) == (20.0, "given")


def test_a_view_narrower_than_the_bore_is_the_bore():
    bore = find_bore(50 * disc((81, 81), (40, 40), 70.0))
    assert (bore.radius_px, bore.source) == (40.5, "view")


def test_the_casing_ends_where_the_gas_begins():
    plane = 0.9 * (disc((101, 101), (50, 50), 42.0) - disc((101, 101), (50, 50), 30.0)) + 0.02
    bore = Bore(50.0, 50.0, 30.0)
    assert outer_radius(plane, bore) == pytest.approx(42.0, abs=0.6)  # rings are one voxel wide
    assert outer_radius(np.full((101, 101), 0.9), bore) is None
    assert outer_radius(plane[20:81, 20:81], Bore(30.0, 30.0, 30.0)) is None


def test_the_radial_profile_of_a_cone_is_a_line():
    y, x = np.mgrid[:41, :41]
    profile = radial_profile(np.hypot(y - 20, x - 20), Bore(20.0, 20.0, 10.0))
    np.testing.assert_allclose(profile, np.arange(21), atol=0.25)  # voxels of a ring lie off its middle

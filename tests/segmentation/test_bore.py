import numpy as np
import pytest
from scipy import ndimage

from xelith.segmentation import ExpectedMu
from xelith.segmentation.bore import Bore, check_bore, find_bore, outer_radius, radial_profile


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


def slab(*, electrolyte=60.0, wall=(60.0, 80.0), gas=0.02, shape=(201, 201)):
    """Electrolyte, a wall of casing around it and gas between and beyond, by radius in voxels, blurred."""
    middle = tuple((n - 1) / 2 for n in shape)
    within = [disc(shape, middle, radius) for radius in (electrolyte, *wall)]
    plane = gas + (50 - gas) * within[0] + (1.0 - gas) * (within[2] - within[1])
    return ndimage.gaussian_filter(plane, 0.7)


def checked(plane, diameter_px, gas=0.02):
    known = {"electrolyte": 50.0, "casing": 1.0, "gas": gas}
    materials = {name: ExpectedMu(mu, 0.9 * mu, 1.1 * mu, name) for name, mu in known.items()}
    check_bore(plane, diameter_px=diameter_px, voxel_um=2.0, **materials)


@pytest.mark.parametrize("gas", [0.02, 1.45])
@pytest.mark.parametrize(
    ("declared_px", "message"),
    [
        (500.0, r"measures 0\.24 mm in the scan \(120 voxels of 2 µm\), but 1 mm are declared"),
        (
            132.0,
            r"but 0\.264 mm are declared; they may differ by 5 % or 3 voxels: give cell: \{inner_diameter_mm: 0\.24",
        ),
        (108.0, r"but 0\.216 mm are declared.*or mend the pixel size"),
    ],
)
def test_a_declared_bore_that_the_scan_contradicts_is_refused(declared_px, message, gas):
    with pytest.raises(ValueError, match=message):
        checked(slab(gas=gas), declared_px, gas)


@pytest.mark.parametrize("declared_px", [115.0, 120.0, 125.0])
def test_a_declared_bore_close_to_the_measured_one_is_let_through(declared_px):
    checked(slab(), declared_px)


@pytest.mark.parametrize("gas", [0.02, 1.45])
def test_a_gap_around_the_electrolyte_does_not_contradict_a_wider_bore(gas):
    checked(slab(electrolyte=52.0, gas=gas), 120.0, gas)


@pytest.mark.parametrize("view", [slice(30, 171), slice(45, 156)])
def test_with_the_wall_out_of_view_nothing_contradicts_a_bore(view):
    plane = slab(electrolyte=90.0, wall=(90.0, 98.0))[view, view]
    checked(plane, 180.0)
    assert find_bore(plane, diameter_px=180.0).source == "given"


def test_a_slice_without_electrolyte_contradicts_nothing():
    checked(slab() / 50, 150.0)


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

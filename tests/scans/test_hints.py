"""Hints: names, kinds and bounds, and what they become."""

import numpy as np
import pytest

from xelith.scans import ConeBeam, ParallelBeam, ScanError
from xelith.scans.hints import Hints, geometry_from, hints_from, merged, theta_from


def test_unknown_hint_names_the_nearest():
    with pytest.raises(TypeError, match="'pixel_mu' is no hint for a scan; did you mean 'pixel_um'"):
        hints_from({"pixel_mu": 0.54})
    with pytest.raises(TypeError, match="known are allow_outside, angles, .*theta_step_deg"):
        hints_from({"zzzz": 1})
    with pytest.raises(TypeError, match="'trusted' is no hint"):
        hints_from({"trusted": ["flats"]})


def test_none_is_not_given():
    assert hints_from({"pixel_um": None, "flats": None}) == Hints()


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("pixel_um", 0, "give a number above 0"),
        ("pixel_um", "wide", "give a number above 0"),
        ("pixel_um", True, "give a number above 0"),
        ("energy_kev", -1, "give a number above 0"),
        ("exposure_s", float("nan"), "give a number above 0"),
        ("centre_px", float("inf"), "give a finite number"),
        ("theta_range_deg", [0, 90, 180], "give first and last angle"),
        ("theta_range_deg", "0-180", "give first and last angle"),
        ("theta_range_deg", [0, "x"], "give a finite number"),
        ("theta_range_deg", [90, 90], "must differ from the first"),
        ("is_line_integral", "yes", "give true or false"),
        ("allow_outside", 1, "give true or false"),
    ],
)
def test_values_out_of_bounds(name, value, rule):
    with pytest.raises(ScanError, match=f"{name} is .*{rule}"):
        hints_from({name: value})


def test_numbers_in_texts_are_numbers():
    assert hints_from({"pixel_um": "0.54", "centre_px": -3}).pixel_um == 0.54


def test_angles_given_twice():
    with pytest.raises(ScanError, match="angles are given twice, as theta_range_deg and angles"):
        hints_from({"theta_range_deg": [0, 180], "angles": "a.txt"})


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        ({"theta_range_deg": (0, 180)}, [0, 45, 90, 135]),  # the last angle is left out
        ({"theta_range_deg": (10, -350)}, [10, -80, -170, -260]),
        ({"theta_step_deg": 0.18}, [0, 0.18, 0.36, 0.54]),
        ({"theta_deg": [3, 1, 2]}, [3, 1, 2]),  # as many as given; check_scan compares
    ],
)
def test_theta(hint, expected):
    np.testing.assert_allclose(np.degrees(theta_from(hints_from(hint), 4)), expected)


def test_no_theta():
    assert theta_from(Hints(), 4) is None


@pytest.mark.parametrize("value", [[[1, 2]], ["x"], [], [1, float("nan")], 5, [[1], [1, 2]]])
def test_theta_that_is_no_list(value):
    with pytest.raises(ScanError, match="theta_deg is not a list of finite numbers"):
        theta_from(Hints(theta_deg=value), 4)


def test_user_overrides_sidecar():
    user = hints_from({"pixel_um": 1.0, "theta_step_deg": 1.0, "flats": "mine"})
    side = hints_from(
        {"pixel_um": 2.0, "energy_kev": 25.0, "theta_range_deg": [0, 180], "flats": "its", "darks": "its"},
        trusted=False,
    )
    both = merged(user, side)
    assert (both.pixel_um, both.energy_kev, both.flats, both.darks) == (1.0, 25.0, "mine", "its")
    assert both.theta_range_deg is None  # the user's angles replace the sidecar's, whatever their form
    assert "flats" in both.trusted
    assert "darks" not in both.trusted


def test_sidecar_cannot_allow_outside():
    assert not merged(Hints(), Hints(allow_outside=True)).allow_outside


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"beam": "parallel"}, ParallelBeam(0.54)),
        ({}, ParallelBeam(0.54)),
        ({"pixel_um": 1.0, "centre_px": 3.5}, ParallelBeam(1.0, 3.5)),
        ({"source_axis_mm": 20, "source_detector_mm": 80}, ConeBeam(0.54, 20.0, 80.0)),
        (
            {
                "beam": "cone",
                "source_axis_mm": 20,
                "source_detector_mm": 80,
                "direction": -1,
                "row_px": 2,
                "pixel_um": 50,
            },
            ConeBeam(50.0, 20.0, 80.0, row_px=2.0, direction=-1),
        ),
        (ParallelBeam(3.0), ParallelBeam(3.0)),
    ],
)
def test_geometry(value, expected):
    found = geometry_from(value, pixel_um=0.54)
    assert found == expected
    assert type(getattr(found, "direction", 1)) is int


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("cone", "geometry is 'cone'; give a mapping"),
        ({"beam": "fan"}, "geometry has beam 'fan'; give parallel or cone"),
        ({"source_axis": 20}, "geometry of a parallel beam has no 'source_axis'"),
        ({"beam": "cone", "source_axis_m": 1}, "has no 'source_axis_m'; did you mean 'source_axis_mm'"),
        ({"beam": "cone", "source_axis_mm": 20}, "lacks source_detector_mm; both distances are needed"),
        ({"source_axis_mm": 0, "source_detector_mm": 80}, r"geometry.source_axis_mm is 0; give a number above 0"),
        ({"source_axis_mm": 1, "source_detector_mm": 8, "direction": 2}, "geometry.direction is 2; give 1 or -1"),
    ],
)
def test_geometry_that_is_wrong(value, message):
    with pytest.raises(ScanError, match=message):
        geometry_from(value, pixel_um=None)

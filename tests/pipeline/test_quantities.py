"""Numbers as a reader sees them: rounded by their uncertainty, with their unit."""

import math

import pytest

from xelith.pipeline.quantities import is_interval, is_number, name_and_unit, number, percent, quantity


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (64.68, "64.7"),
        (103.44, "103.4"),
        (0.106, "0.106"),
        (0, "0.0"),
        (-0.0001, "−1.00 × 10⁻⁴"),
        (-2.0, "−2.00"),
        (3210000.0, "3.21 × 10⁶"),
        (9.2e-5, "9.20 × 10⁻⁵"),
        (math.nan, "not measured"),
    ],
)
def test_number(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "std", "text"),
    [
        (64.68, 1.234, "64.7 ± 1.2 µm"),
        (64.654, 0.65, "64.7 ± 0.7 µm"),
        (64.68, 0.0512, "64.68 ± 0.05 µm"),
        (64.68, 0.0312, "64.680 ± 0.031 µm"),
        (64.68, 0.97, "64.7 ± 1.0 µm"),
        (64.68, 0.949, "64.7 ± 0.9 µm"),
        (640.2, 12.3, "640 ± 12 µm"),
        (-0.01, 0.3, "−0.01 ± 0.30 µm"),
        (-0.001, 0.3, "0.00 ± 0.30 µm"),
        (64.68, None, "64.7 µm"),
        (64.68, 0.0, "64.7 µm"),
        ([0, 3.1], None, "0.00 to 3.10 µm"),
        (None, 1.0, "not measured"),
        (math.nan, 1.0, "not measured"),
    ],
)
def test_quantity(value, std, text):
    assert quantity(value, std, "µm") == text


def test_percent():
    assert percent(0.987, 0.015) == "98.7 ± 1.5 %"
    assert percent(None) == "not measured"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("mean_thickness_um", ("mean thickness", "µm")),
        ("volume_um3", ("volume", "µm³")),
        ("noise_per_cm", ("noise", "cm⁻¹")),
        ("areal_capacity_mah_per_cm2", ("areal capacity", "mAh cm⁻²")),
        ("seconds", ("time taken", "s")),
        ("coverage", ("coverage", "")),
    ],
)
def test_name_and_unit(key, expected):
    assert name_and_unit(key) == expected


def test_kinds():
    assert is_number(1)
    assert not any(is_number(v) for v in (True, None, "1", math.inf))
    assert is_interval([0, 1.5])
    assert not any(is_interval(v) for v in ([0], [0, None], "01", None))

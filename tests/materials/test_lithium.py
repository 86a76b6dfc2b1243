"""Faraday's law: Kodama's charge as the design prints it, and inverses."""

import pytest

from xelith.materials import lithium


def test_kodamas_charge_plates_64_7_um():
    capacity = lithium.areal_charge_mah_per_cm2(0.2, 4000)
    assert capacity == pytest.approx(13.333, abs=1e-3)
    assert f"{lithium.thickness_um(capacity):.1f}" == "64.7"


def test_one_mah_per_cm2_plates_4_849_um():
    assert f"{lithium.thickness_um(1.0):.3f}" == "4.849"
    assert lithium.thickness_um(-1.0) == -lithium.thickness_um(1.0)


def test_thickness_and_capacity_are_inverse():
    assert lithium.areal_capacity_mah_per_cm2(lithium.thickness_um(13.3)) == pytest.approx(13.3, rel=1e-14)


def test_volume_is_thickness_times_area():
    area_cm2, capacity = 0.00785, 13.3
    expected = lithium.thickness_um(capacity) * area_cm2 * 1e8
    assert lithium.volume_um3(capacity * area_cm2) == pytest.approx(expected, rel=1e-14)


def test_a_negative_duration_is_refused():
    with pytest.raises(ValueError, match=r"duration is -1 min; give 0 minutes or more"):
        lithium.areal_charge_mah_per_cm2(0.2, -1)

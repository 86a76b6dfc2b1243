"""The charge as a configuration gives it, and maps as files."""

import numpy as np
import pytest
import tifffile

from xelith.materials import Phase
from xelith.metrology import survey_labels
from xelith.pipeline.charging import charge_of, electrode_area_cm2
from xelith.pipeline.config import Cell, ChargeEntry, Config, ScanEntry
from xelith.pipeline.map_files import write_map
from xelith.pipeline.measured_numbers import cut_notes
from xelith.pipeline.sections import Metrology


def config_with(charge=None, **changes) -> Config:
    return Config(sample="s", scans={"main": ScanEntry(path="a.h5")}, charge=charge, **changes)


def test_three_ways_to_the_same_charge():
    density = charge_of(config_with(ChargeEntry(current_density_ma_per_cm2=0.2, duration_min=4000)))
    total = charge_of(config_with(ChargeEntry(charge_mah=0.2 * 4000 / 60 * 0.5, area_cm2=0.5)))
    assert density.expected_thickness_um == pytest.approx(total.expected_thickness_um)
    assert round(density.expected_thickness_um, 1) == pytest.approx(64.7)
    assert charge_of(config_with()) is None


def test_uncertainty_of_area_and_current_reach_the_thickness():
    entry = ChargeEntry(charge_mah=1, area_cm2=1, area_cm2_std=0.03, current_share_std=0.04)
    charge = charge_of(config_with(entry))
    assert charge.expected_thickness_um_std == pytest.approx(0.05 * charge.expected_thickness_um, rel=0.01)


def test_a_cycler_file_gives_the_charge(data_dir):
    path = data_dir / "cycler/arbin/bs542_004_gr_li_50ua_50mv_1v_191020_Channel_11.xlsx"
    plated = {}
    for direction in ("charge", "discharge"):
        entry = ChargeEntry(file=path, area_cm2=1.0, plating=direction, cycles=(1,))
        plated[direction] = charge_of(config_with(entry)).charge_mah
    assert plated["charge"] == pytest.approx(-plated["discharge"])
    assert abs(plated["charge"]) > 0


def test_a_counter_that_misses_its_currents_widens_the_charge(tmp_path):
    path = tmp_path / "cell.csv"
    path.write_text("Time (s),Current (mA),Capacity (mAh)\n0,1,0\n3600,1,0.98\n")
    charge = charge_of(config_with(ChargeEntry(file=path, area_cm2=1.0, current_share_std=0)))
    assert charge.charge_mah == pytest.approx(0.98)
    # half the difference of counter and integral
    assert charge.expected_thickness_um_std / charge.expected_thickness_um == pytest.approx(0.01 / 0.98)


def test_area_is_given_or_that_of_the_bore():
    cell = Cell(preset="kodama-process-3")
    assert electrode_area_cm2(config_with(cell=cell)) == pytest.approx(np.pi / 4 * 0.01)
    assert electrode_area_cm2(config_with(cell=cell, metrology=Metrology(area_cm2=0.3))) == 0.3
    assert electrode_area_cm2(config_with()) is None


def test_maps_carry_their_pixel(tmp_path):
    values = np.array([[1.5, np.nan], [0.0, 3.0]], np.float32)
    write_map(tmp_path / "map.tif", values, 2.5)
    with tifffile.TiffFile(tmp_path / "map.tif") as tiff:
        np.testing.assert_array_equal(tiff.asarray(), values)
        numerator, denominator = tiff.pages[0].tags["XResolution"].value
        assert numerator / denominator == pytest.approx(1 / 2.5)
        assert tiff.imagej_metadata["unit"] == "um"
    assert not list(tmp_path.glob("*.partial"))


def test_a_view_that_cuts_the_film_is_told():
    labels = np.full((30, 6, 6), Phase.ELECTROLYTE, np.uint8)
    labels[:12] = Phase.LITHIUM
    whole = labels.copy()
    whole[:2] = Phase.COLLECTOR
    assert cut_notes(survey_labels(whole, voxel_um=1.0)) == ()
    assert "at least as thick as stated" in cut_notes(survey_labels(labels, voxel_um=1.0))[0]
    assert cut_notes(None) == ()
    ends = whole[: int(np.argmax((whole == Phase.ELECTROLYTE).any(axis=(1, 2))))]
    assert "ends before the electrolyte" in cut_notes(survey_labels(ends, voxel_um=1.0, anode="low"))[0]

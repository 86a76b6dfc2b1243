"""Cells made up on the command line: scans that the readers read, truth beside them, plans with their warnings."""

import json

import numpy as np
import pytest

from xelith.pipeline.experiment import (
    CELLS,
    FORMATS,
    Size,
    chosen,
    gas_of,
    plan_table,
    planned,
    save_mu_curves,
    simulate,
)
from xelith.pipeline.loading import load_config
from xelith.pipeline.store import open_level
from xelith.scans import open_scan
from xelith.simulation import SETUPS

SMALL = Size(diameter_um=120, height_um=84, rows=36, columns=90, views=12)


def quiet(stage: str, done: int, total: int) -> None:
    """Stand in for progress bars."""


def make(folder, **changes):
    names = {"cell": "kodama-process-3", "setup": "demo", "size": SMALL, "seed": 1, "advance": quiet} | changes
    return simulate(folder, **names)


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_format_is_read_back_with_its_truth(tmp_path, file_format):
    config = load_config(make(tmp_path / "twin", file_format=file_format))
    assert set(config.scans) == {"argon", "xenon"}
    for entry in config.scans.values():
        scan = open_scan(entry.path, **entry.hints())
        assert scan.shape == (12, 36, 90)
        assert scan.missing == ()
        assert scan.geometry.pixel_um == pytest.approx(2.0)
        assert np.asarray(scan.projections[0:1]).dtype.kind == "u"
    stated = json.loads(config.truth.read_text())
    assert stated["mean_thickness_um"] > 0
    labels = open_level(tmp_path / "twin" / "truth.ome.zarr")[:]
    assert labels.shape == (36, 90, 90)
    assert {2, 4} <= set(np.unique(labels).tolist())


def test_the_charge_is_that_of_the_cell(tmp_path):
    config = load_config(make(tmp_path / "twin"))
    preset, _ = chosen("kodama-process-3", "demo", SMALL)
    capacity = config.charge.current_density_ma_per_cm2 * config.charge.duration_min / 60
    assert capacity == pytest.approx(preset.charge.areal_capacity_mah_per_cm2, rel=1e-6)
    assert load_config(make(tmp_path / "other", cell="kodama-uncharged")).charge is None


def test_every_name_is_known():
    for cell in CELLS:
        assert chosen(cell, "demo", Size())[0].design.name
    for setup in SETUPS:
        assert chosen("demo", setup, Size(views=7))[1].n_views == 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell": "kodama-9"}, "cell 'kodama-9' is not known; choose from demo"),
        ({"setup": "synchrotron"}, "setup 'synchrotron' is not known"),
        ({"size": Size(diameter_um=100)}, "diameter and height are given together"),
        ({"file_format": "png"}, "format 'png' is not known"),
        ({"gases": ("xenon",)}, "lacks its pressure"),
        ({"gases": ("xenon:much",)}, "for instance xenon:6"),
    ],
)
def test_faults_are_named(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        make(tmp_path / "twin", **changes)
    assert not (tmp_path / "twin").exists()


def test_a_folder_with_files_is_left_alone(tmp_path):
    (tmp_path / "a").write_text("mine")
    with pytest.raises(ValueError, match="holds files"):
        make(tmp_path)


def test_gases_are_read_with_their_state():
    gas = gas_of("xenon:6:310")
    assert (gas.name, gas.pressure_atm, gas.temperature_k) == ("xenon", 6.0, 310.0)


def test_a_plan_warns_where_xenon_looks_like_carbon():
    found = planned(cell="kodama-process-3", setup="kodama-nano3dx", gases=("xenon:6",), error=0.05, photons_per_s=100)
    assert any("looks like carbon" in warning for warning in found.warnings)
    assert found.hours == pytest.approx(1e4 / 100 * 1000 / 3600, rel=0.2)  # flats and darks come on top
    table = plan_table(found)
    assert table.row_count == len(found.contrasts)
    assert "looks like carbon" in str(table.caption)


@pytest.mark.parametrize("name", ["mu.png", "mu.svg"])
def test_mu_is_drawn(tmp_path, name):
    save_mu_curves(tmp_path / name, cell="kodama-process-3", setup="kodama-nano3dx", gases=("argon:1", "xenon:6"))
    assert (tmp_path / name).stat().st_size > 5000

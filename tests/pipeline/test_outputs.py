"""Maps, tables and figures of a run, from labels made by hand."""

import csv

import numpy as np
import pytest

from xelith.materials import Phase
from xelith.metrology.survey import survey_labels
from xelith.pipeline.config import Config, ScanEntry
from xelith.pipeline.outputs import as_csv, region_deposits, tables, write_outputs
from xelith.pipeline.sections import Metrology
from xelith.pipeline.store import open_level, voxel_um

LI, SE, C = (int(Phase[n]) for n in ("LITHIUM", "ELECTROLYTE", "COLLECTOR"))
BALANCE = {
    "film_um": 12.0,
    "film_um_std": 0.4,
    "missing": [],
    "closure": 1.0,
    "verdict": "consistent",
    "finding": "film",
}


@pytest.fixture(scope="module")
def survey():
    labels = np.full((60, 40, 40), SE, np.uint8)
    labels[:10] = LI
    labels[:12, :, 20:] = LI
    labels[:4] = C
    labels[10:30, 10:14, 10:14] = LI
    labels[40:45, 25:30, 25:30] = LI
    labels[57:] = C
    return survey_labels(labels, voxel_um=2.0, axis=0, anode="low")


@pytest.fixture
def config():
    regions = {"left": ((0, 40), (0, 20)), "right": ((0, 40), (20, 40))}
    return Config(sample="s", scans={"main": ScanEntry(path="a.h5")}, metrology=Metrology(regions=regions))


def test_all_files_are_left(survey, config, tmp_path):
    write_outputs(tmp_path, config, survey, {"balance": BALANCE})
    depth = tmp_path / "maps" / "penetration_depth.ome.zarr"
    assert voxel_um(depth) == 2.0
    np.testing.assert_allclose(open_level(depth)[0], survey.penetration.depth_um)
    np.testing.assert_allclose(open_level(tmp_path / "maps" / "thickness.ome.zarr")[0], survey.thickness_um)
    assert (open_level(tmp_path / "maps" / "thickness_std.ome.zarr")[0] >= 1.0).all()  # half a voxel
    for name in ("thickness", "penetration_depth", "balance"):
        assert (tmp_path / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (tmp_path / "figures" / f"{name}.svg").read_text(encoding="utf8")
    assert (tmp_path / "thickness_std.tif").is_file()
    assert not list(tmp_path.rglob("*.partial"))


def test_tables_hold_what_the_survey_found(survey, config):
    found = tables(config, survey, {"balance": BALANCE})
    assert found["isolated"] == [{"volume_um3": 125 * 8.0, "distance_um": pytest.approx(58.0, abs=4.0)}]
    assert len(found["filaments"]) == survey.filament_count
    assert {row["term"] for row in found["balance"]} == set(BALANCE)
    rows = list(csv.DictReader(as_csv(found["radial_profile"]).splitlines()))
    assert list(rows[0]) == ["radius_um", "mean_um", "columns"]
    assert as_csv([]) == ""


def test_regions_are_measured_apart(survey, config):
    found = region_deposits(config, survey)
    assert found["right"]["mean_thickness_um"] > found["left"]["mean_thickness_um"]
    assert found["left"]["area_in_view_cm2"] == pytest.approx(800 * 4e-8)

"""`xelith simulate` and `xelith plan` as a user types them."""

import json

import pytest
from typer.testing import CliRunner

from xelith.pipeline.cli import app

RUNNER = CliRunner()
TINY = ["--diameter-um", "60", "--height-um", "60", "--rows", "20", "--columns", "50", "--views", "4"]


def test_simulate_prints_the_configuration_it_wrote(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("gases: {xenon: {name: xenon, pressure_atm: 6}}\nseed: 3\n")
    result = RUNNER.invoke(app, ["simulate", str(own), "--out", str(tmp_path / "twin"), *TINY, "--quiet"])
    assert result.exit_code == 0, result.output
    assert result.output.strip() == str(tmp_path / "twin" / "run.yaml")
    made = {path.name for path in (tmp_path / "twin").iterdir()}
    assert made == {
        "xenon.h5", "run.yaml", "simulation.json", "truth.json", "truth.ome.zarr", "truth_thickness.tif"
    }  # fmt: skip
    assert json.loads((tmp_path / "twin" / "simulation.json").read_text())["seed"] == 3


def test_plan_as_table_and_as_json(tmp_path):
    command = ["plan", "--gas", "xenon:6", "--photons-per-s", "100"]
    table = RUNNER.invoke(app, [*command, "--plot", str(tmp_path / "mu.png")])
    assert table.exit_code == 0, table.output
    assert "looks like carbon" in " ".join(table.output.split())
    assert "time of all scans: 28.3 h" in table.output
    assert (tmp_path / "mu.png").stat().st_size > 5000
    found = json.loads(RUNNER.invoke(app, [*command, "--json"]).output)
    assert found["hours"] == pytest.approx(28.3, abs=0.1)
    assert {contrast["name"] for contrast in found["contrasts"]} >= {"lithium", "carbon", "xenon 6 atm"}
    assert found["averages"][0]["voxels"] > 1
    own = tmp_path / "own.yaml"
    own.write_text("cell: {preset: ham-symmetric}\nsetup: {preset: beamline-25kev}")
    other = json.loads(RUNNER.invoke(app, ["plan", str(own), "--json"]).output)
    assert "li6ps5cl" in {contrast["name"] for contrast in other["contrasts"]}

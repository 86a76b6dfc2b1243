"""A scan that is described wrongly gives a reason in place of a balance."""

import shutil

import pytest
import yaml

from xelith.pipeline.run import run_config

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def run_again(small_run, tmp_path):
    """Run the small cell again, reconstructed already, with other keys in its configuration."""

    def again(**sections):
        config = yaml.safe_load((small_run.parent / "run.yaml").read_text(encoding="utf8"))
        for name, values in sections.items():
            config[name].update(values)
        for entry in config["scans"].values():
            entry["path"] = str(small_run.parent / entry["path"])
        config["truth"] = str(small_run.parent / config["truth"])
        path = tmp_path / "run.yaml"
        path.write_text(yaml.safe_dump(config), encoding="utf8")
        shutil.copytree(small_run, tmp_path / "run")
        return run_config(path, tmp_path / "run", advance=lambda stage, done, total: None, update=True)

    return again


@pytest.mark.parametrize(("inner_mm", "stated"), [(1.0, "1 mm"), (0.27, "0.27 mm")])
def test_another_bore_than_the_scan_shows_leaves_nothing_measured(run_again, inner_mm, stated):
    results = run_again(cell={"inner_diameter_mm": inner_mm, "outer_diameter_mm": inner_mm + 0.05})
    assert results["balance"]["verdict"] == "not-measured"
    assert results["balance"]["measured_um"] is None
    reason = results["report"]["not_labelled"]
    assert reason.startswith("the bore measures 0.24")  # mm, to a voxel of 2 µm
    assert f"but {stated} are declared" in reason


def test_a_bore_a_little_off_is_measured_all_the_same(run_again):
    results = run_again(cell={"inner_diameter_mm": 0.236})
    # two standard deviations of the film, as in the run with the true bore
    assert results["balance"]["film_um"] == pytest.approx(results["truth"]["mean_thickness_um"], abs=1.0)


def test_an_exchanged_pair_leaves_nothing_measured(run_again):
    argon, xenon = {"name": "argon", "pressure_atm": 1.0}, {"name": "xenon", "pressure_atm": 6.0}
    results = run_again(
        scans={"argon": {"path": "argon.h5", "gas": xenon}, "xenon": {"path": "xenon.h5", "gas": argon}}
    )
    assert results["balance"]["verdict"] == "not-measured"
    assert "exchange the paths of the two scans" in results["report"]["not_labelled"]


def test_a_wrong_pressure_leaves_the_mixed_zone_out_and_the_film_as_it_is(run_again):
    results = run_again(scans={"xenon": {"path": "xenon.h5", "gas": {"name": "xenon", "pressure_atm": 1.0}}})
    assert results["balance"]["mixed_zone_um"] is None
    # two standard deviations of the film, as in the run with the true pressure
    assert results["balance"]["film_um"] == pytest.approx(results["truth"]["mean_thickness_um"], abs=1.0)

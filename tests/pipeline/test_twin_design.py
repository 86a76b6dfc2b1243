"""A twin by names and YAML: what is given goes before the presets, and each fault tells value, rule and remedy."""

import math
from pathlib import Path

import pytest

from xelith.pipeline.twin_config import config_text
from xelith.pipeline.twin_design import CELLS, SOURCES, Size, design_twin, gas_of
from xelith.simulation import SETUPS

OWN = """
cell:
  preset: kodama-process-1
  bore: {inner_diameter_um: 300, height_um: 260, voxel_um: 1}
  collector: {tilt_deg: 1.5, bend_um: 4}
  carbon: {closed_share: 0.2, gas_uptake: 0.4}
  electrolyte: {material: li6ps5cl, cracks: 2}
  counter: [[inli, 40]]
  deposit: {film: 0.6, mass: 0.2, mixed: 0.2}
charge: {areal_capacity_mah_per_cm2: 3, efficiency: 0.8, declared_area_share: 1.1}
setup:
  preset: demo
  n_views: 90
  detector: {n_rows: 64, blur_px: 0.7}
  optics: {glare: 0.01, pitch_deg: 0.3}
  source: {tube: W, kv: 80, filters: [{formula: Al, mm: 0.5}]}
gases:
  argon: {name: argon, pressure_atm: 1}
  xenon: {name: xenon, pressure_atm: 5}
poses: {argon: {shift_um: [1, 2, -3], turn_deg: 0.2}}
seed: 7
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    return path


def test_a_file_changes_what_it_names(own):
    design = design_twin(file=own)
    cell = design.preset.design
    assert cell.name == "kodama-process-1"
    assert cell.collector.tilt_deg == 1.5
    assert cell.collector.material == "steel"
    assert cell.carbon.porosity == CELLS["kodama-process-1"].design.carbon.porosity
    assert cell.carbon.gas_uptake == 0.4
    assert cell.counter == (("inli", 40.0),)
    assert design.preset.charge.efficiency == 0.8
    assert design.acquisition.detector.shape == (64, 240)
    assert design.acquisition.spectrum.mean_kev > 25
    assert design.gases["xenon"].pressure_atm == 5
    assert design.poses["argon"].shift_um == (1.0, 2.0, -3.0)
    assert design.poses["argon"].turn_rad == pytest.approx(math.radians(0.2))
    assert design.seed == 7
    assert design.reference == "xenon"


def test_the_command_line_goes_before_the_file(own):
    design = design_twin(file=own, setup="kodama-nano3dx", gases=["xenon:8"], seed=1, size=Size(views=33))
    assert design.acquisition.n_views == 33
    assert design.acquisition.detector.n_cols == 1650
    assert list(design.gases) == ["xenon"]
    assert design.seed == 1
    assert design.preset.design.bore.voxel_um == 0.5  # halved, as the scan's is 0.54


def test_a_part_may_be_left_out_or_begun(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("cell: {carbon: null}")
    assert design_twin(file=path).preset.design.carbon is None
    path.write_text("setup: {cone: {source_axis_mm: 10, source_detector_mm: 30}}")
    assert design_twin(file=path).acquisition.cone.magnification == 3
    path.write_text("cell: {preset: ham-symmetric, carbon: {thickness_um: 20}}")
    assert design_twin(file=path).preset.design.carbon.thickness_um == 20


def test_the_axis_stays_beside_the_middle_of_another_detector(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("setup: {preset: demo, detector: {n_cols: 101}}")
    assert design_twin(file=path).acquisition.axis_px == pytest.approx(50 + 3.3)
    path.write_text("setup: {preset: demo, detector: {n_cols: 101}, centre_px: 47}")
    assert design_twin(file=path).acquisition.axis_px == 47


def test_every_name_is_known_and_runs_with_its_source():
    for name in CELLS:
        assert design_twin(cell=name, setup="demo").preset.design.name
    for name in SETUPS:
        design = design_twin(cell="demo", setup=name, size=Size(views=7))
        assert design.acquisition.n_views == 7
        assert design.source == SOURCES[name]


@pytest.mark.parametrize(
    ("cell", "preset"),
    [("demo", "kodama-process-3"), ("kodama-process-1", "kodama-process-1"), ("kodama-uncharged", "kodama-process-3")],
)
def test_the_configuration_names_a_preset_of_these_materials(cell, preset):
    assert f"preset: {preset}" in config_text(design_twin(cell=cell, setup="demo"), ".h5", before=False)


def test_the_configuration_tells_what_lies_beside_the_cell(own):
    text = config_text(design_twin(file=own, setup="kodama-nano3dx"), ".h5", before=False)
    assert "preset: generic" in text
    assert "formula: Li6PS5Cl" in text
    assert "gas_path_mm: 1.0" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cel: {}", r"section 'cel'; it may have cell, charge, setup, gases, poses, seed"),
        ("cell: 3", r"cell holds 3; it must be a mapping"),
        ("cell: {preset: kodama-9}", r"cell 'kodama-9' is not known; choose from demo"),
        ("cell: {bor: {}}", r"cell has a key 'bor'; it may have preset, bore, collector"),
        ("cell: {bore: {inner: 3}}", r"cell.bore has a key 'inner'; it may have inner_diameter_um"),
        ("cell: {bore: {height_um: -5}}", r"cell.bore: height_um of the bore is -5.0; give 0 or more"),
        ("cell: {bore: {height_um: tall}}", r"cell.bore.height_um: Input should be a valid number.*found 'tall'"),
        ("cell: {deposit: {film: 0.5}}", r"cell.deposit: shares of the deposit are .* they must add up to 1"),
        ("cell: {collector: {material: gold}}", r"material 'gold' does not fit here; use one of steel"),
        ("charge: {efficiency: 2}", r"charge: efficiency of the charge is 2.0; give a share from 0 to 1"),
        ("setup: {n_views: 0}", r"setup: the scan has 0 views"),
        ("setup: {spectrum: 20}", r"setup has a key 'spectrum'; it may have preset, source, detector"),
        ("setup: {source: {tube: Mo}}", r"setup.source: .*lacks kv"),
        ("setup: {cone: {source_axis: 3}}", r"setup.cone has a key 'source_axis'; it may have source_axis_mm"),
        ("gases: {argon: {name: neon2}}", r"gases.argon: .*neon2"),
        ("gases: {argon: {nam: argon}}", r"gases.argon has a key 'nam'; it may have name, pressure_atm"),
        ("poses: {xenon: {turn_deg: 1}}", r"poses.xenon moves the scan that truth and the other scans are brought to"),
        ("poses: {neon: {}}", r"poses.neon is no scan; the scans are argon, xenon"),
        ("poses: {argon: {shift: 1}}", r"poses.argon has a key 'shift'; it may have shift_um"),
        ("poses: {argon: {shift_um: [1, 2]}}", r"poses.argon.shift_um"),
        ("seed: soon", r"seed: .*found 'soon'"),
        ("seed: [", r"is not readable as YAML"),
    ],
)
def test_faults_tell_value_rule_and_remedy(tmp_path, text, message):
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        design_twin(file=path)


def test_faults_of_names_and_sizes(tmp_path):
    with pytest.raises(ValueError, match="setup 'synchrotron' is not known; choose from beamline-25kev"):
        design_twin(setup="synchrotron")
    with pytest.raises(ValueError, match="diameter and height are given together"):
        design_twin(size=Size(diameter_um=100))
    with pytest.raises(FileNotFoundError, match=r"no file .*nothing.yaml"):
        design_twin(file=tmp_path / "nothing.yaml")
    with pytest.raises(ValueError, match="lacks its pressure"):
        design_twin(gases=("xenon",))
    with pytest.raises(ValueError, match="for instance xenon:6"):
        design_twin(gases=("xenon:much",))


def test_gases_are_read_with_their_state():
    gas = gas_of("xenon:6:310")
    assert (gas.name, gas.pressure_atm, gas.temperature_k) == ("xenon", 6.0, 310.0)


def test_the_example_of_the_documentation_is_valid(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "simulate.md").read_text(encoding="utf8")
    path = tmp_path / "own.yaml"
    path.write_text(page.split("```yaml\n")[1].split("```")[0])
    design = design_twin(file=path)
    assert design.preset.design.name == "kodama-process-1"
    assert sum(design.preset.design.deposit.shares.values()) == pytest.approx(1)

"""Configurations: what is accepted, and what a refusal says."""

from pathlib import Path

import pytest
import yaml

from xelith.materials.phases import Phase
from xelith.pipeline.formulas import known_formula
from xelith.pipeline.job import Job, stage_scratch
from xelith.pipeline.loading import ConfigError, dump_config, load_config, parse_config

CONFIGS = Path(__file__).parents[2] / "configs"

GOOD = """\
sample: A
source: {energy_kev: 25}
scans:
  xenon:
    path: raw/xe.h5
    gas: {name: xenon, pressure_atm: 6}
charge: {current_density_ma_per_cm2: 0.2, duration_min: 4000}
reconstruction:
  - {step: flat-field}
  - {step: centre}
  - {step: fourier-fbp, window: hann}
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(text, encoding="utf8")
    return path


@pytest.mark.parametrize("name", ["kodama_two_gas", "beamline_parallel", "demo"])
def test_shipped_examples_are_valid(name):
    assert load_config(CONFIGS / f"{name}.yaml").sample


def test_paths_are_taken_from_the_files_folder(tmp_path):
    config = load_config(write(tmp_path, GOOD))
    assert config.scans["xenon"].path == tmp_path / "raw/xe.h5"


def test_what_is_dumped_reads_back_the_same(tmp_path):
    config = load_config(write(tmp_path, GOOD))
    again = parse_config(yaml.safe_load(dump_config(config)), folder=Path("/elsewhere"))
    assert again == config


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "pressure_atm",
            "pressur_atm",
            r"line 6: unknown key 'scans.xenon.gas.pressur_atm'; did you mean 'pressure_atm'",
        ),
        ("sample: A", "sample: A\nchrge: {}", r"line 2: unknown key 'chrge'; did you mean 'charge'"),
        ("window: hann", "windw: hann", r"line 11: unknown key 'reconstruction.2.windw'; did you mean 'window'"),
        (
            "step: centre",
            "step: center",
            r"line 10: reconstruction.1: step 'center' is not known; did you mean 'centre'",
        ),
        ("duration_min: 4000", "duration_min: -1", r"line 7: charge.duration_min: .*greater than 0.*-1"),
        ("duration_min: 4000", "charge_mah: 1", r"line 7: charge: give one of"),
        ("energy_kev: 25", "tube: Mo", r"line 2: source: tube Mo lacks kv"),
        ("energy_kev: 25", "energy_kev: 25, tube: Mo", r"line 2: source: give either energy_kev"),
        ("sample: A", "cell: {preset: kodama-9}", r"preset 'kodama-9' is not known; choose from .*kodama-process-3"),
        ("path: raw/xe.h5", "voxel_um: 1", r"line 4: scans.xenon: give either path"),
        ("path: raw/xe.h5", "volume: v", r"line 4: scans.xenon: grey has 0 references"),
        ("  xenon:", "  ../xenon:", r"becomes a file name"),
        ("scans:", "scans:\n  argon: {path: raw/xe.h5}", r"scans.argon and scans.xenon both name .*xe.h5; give each"),
        ("charge:", "before: {xenon: {path: raw/xe.h5}}\ncharge:", r"scans.xenon and before.xenon both name"),
        ("  xenon:", "  _two-gas:", r"becomes a file name"),  # a stage's folder of intermediate files
        ("step: centre", "step: fbp", r"reconstruct twice"),
        ("step: flat-field", "step: centre", r"step centre stands 2 times"),
        ("{step: flat-field}", "{step: rings}\n  - {step: flat-field}", r"steps stand in the order"),
    ],
)
def test_faults_are_named_with_line_and_remedy(tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises(ConfigError, match=message):
        load_config(write(tmp_path, GOOD.replace(old, new)))


def test_missing_key_is_named(tmp_path):
    with pytest.raises(ConfigError, match="sample: this key is required"):
        load_config(write(tmp_path, GOOD.replace("sample: A\n", "")))


def test_last_step_must_reconstruct(tmp_path):
    text = GOOD.replace("  - {step: fourier-fbp, window: hann}\n", "")
    with pytest.raises(ConfigError, match="the last step is centre"):
        load_config(write(tmp_path, text))


@pytest.mark.parametrize("text", ["", "[1, 2]", "a: [", "\x00", "a: &a [*a]"])
def test_what_is_no_configuration_is_refused(tmp_path, text):
    with pytest.raises(ConfigError):
        load_config(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no configuration at .*absent\.yaml"):
        load_config(tmp_path / "absent.yaml")


def test_nothing_is_executed(tmp_path):
    text = "sample: !!python/object/apply:os.system ['touch hacked']"
    with pytest.raises(ConfigError, match="not readable as YAML"):
        load_config(write(tmp_path, text))
    assert not (tmp_path / "hacked").exists()


def test_ready_volume_needs_two_references(tmp_path):
    text = "sample: A\nscans:\n  xenon: {volume: s, voxel_um: 1, grey: {references: [[air, 0]]}}\n"
    with pytest.raises(ConfigError, match="grey has 1 references; .* at least two"):
        load_config(write(tmp_path, text))
    config = load_config(write(tmp_path, text.replace("[[air, 0]]", "[[air, 0], [peek, 0.89, 12000]]")))
    references = config.scans["xenon"].grey.references
    assert [(r.name, r.mu_per_cm, r.grey) for r in references] == [("air", 0.0, None), ("peek", 0.89, 12000.0)]


def test_cell_materials_come_from_preset_and_own_entries(tmp_path):
    text = GOOD + "cell: {preset: kodama-process-3, electrolyte: {formula: Li6PS5Cl, density_g_cm3: 1.87}}\n"
    materials = load_config(write(tmp_path, text)).cell.materials()
    assert materials[Phase.ELECTROLYTE].formula == "Li6PS5Cl"
    assert materials[Phase.CARBON].density_g_cm3 == 2.0
    assert load_config(write(tmp_path, text)).cell.inner_diameter_um == 1000.0


def test_a_key_that_stands_twice_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"line 2: key 'sample' stands twice; keep one"):
        load_config(write(tmp_path, "sample: B\n" + GOOD))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: xenon", "name: xenoon", "xenoon"),
        (
            "sample: A",
            "sample: A\ncell: {electrolyte: {formula: Qq7, density_g_cm3: 2}}",
            "'Qq7' is no chemical formula",
        ),
        (
            "sample: A",
            "sample: A\ncell: {casing: {formula: peek, density_g_cm3: 1.3}}",
            "'peek' is no chemical formula",
        ),
        ("sample: A", "sample: A\ncompute: {device: tpu}", "device: Input should be 'auto', 'cpu' or 'gpu'"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_read(tmp_path, old, new, message):
    with pytest.raises(ConfigError, match=message):
        load_config(write(tmp_path, GOOD.replace(old, new)))


@pytest.mark.parametrize("formula", ["Li5.5PS4.5Br1.5", "C19H12O3", "Al2O3", "(C2F4)2", "Fe"])
def test_formulas_of_the_field_are_known(formula):
    assert known_formula(formula) == formula


def test_several_faults_are_one_line(tmp_path):
    text = GOOD.replace("sample: A", "samples: A").replace("window", "windw")
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, text))
    message = str(caught.value)
    assert "\n" not in message
    assert "and 2 more" in message and "windw" in message and "samples" in message


@pytest.mark.parametrize("stage", ["two-gas", "network-phases"])
def test_a_scan_named_like_a_stage_has_a_folder_of_its_own(tmp_path, stage):
    (name,) = load_config(write(tmp_path, GOOD.replace("  xenon:", f"  {stage}:", 1))).scans
    job = Job(name, None, None, (), tmp_path, None)
    assert job.scratch.name == stage
    assert stage_scratch(tmp_path, stage) != job.scratch
    assert stage_scratch(tmp_path, stage).parent == job.scratch.parent  # which is removed at the end of a run

"""`xelith init` writes what `check` accepts; help, versions and typos on the command line."""

import json
import subprocess
import sys

import pytest
import yaml
from typer.testing import CliRunner

from xelith.pipeline.cli import app
from xelith.pipeline.command_help import EXAMPLES
from xelith.pipeline.config import Config
from xelith.pipeline.init_command import SCHEMA_FILE, Answers, config_text, write_config
from xelith.pipeline.loading import ConfigError, load_config
from xelith.pipeline.parts import installed_parts

ANSWERS = Answers("cell 7", "ar.h5", "xe.h5", 6.0, "Mo 44", "kodama-process-3", 0.2, 4000.0)


def changed(**values):
    return Answers(**{**ANSWERS.__dict__, **values})


def test_flags_alone_make_a_valid_configuration(tmp_path):
    command = ["init", str(tmp_path / "a.yaml"), "--argon", "ar.h5", "--xenon-atm", "8", "--source", "25 keV", "--yes"]
    found = CliRunner().invoke(app, command)
    assert found.exit_code == 0, found.output
    config = load_config(tmp_path / "a.yaml")
    assert config.scans["xenon"].gas.pressure_atm == 8 and config.source.energy_kev == 25
    assert config.scans["argon"].path == tmp_path / "ar.h5"
    assert "next: xelith check" in found.output


def test_answers_are_asked_for_at_a_terminal(tmp_path, monkeypatch):
    monkeypatch.setattr("xelith.pipeline.init_command.sys.stdin", type("T", (), {"isatty": lambda self: True})())
    answers = iter(["W 80", "ham-symmetric", "1.7", "my cell", "", "x.txrm", "6", "0.5", "0"])
    monkeypatch.setattr("typer.prompt", lambda question, default: next(answers))
    from xelith.pipeline.init_command import init

    init(tmp_path / "b.yaml", *[None] * 9, yes=False, force=False)
    config = load_config(tmp_path / "b.yaml")
    assert (config.sample, [*config.scans], config.cell.preset) == ("my cell", ["xenon"], "ham-symmetric")
    assert config.cell.inner_diameter_mm == 1.7
    assert config.charge is None and "# charge: {current_density_ma_per_cm2: 0.2" in (tmp_path / "b.yaml").read_text()


@pytest.mark.parametrize("sample", ["a: b", "yes", "- x", "7", "größer # 3", '"', "{a}"])
def test_no_name_breaks_the_file(tmp_path, sample):
    write_config(tmp_path / "c.yaml", changed(sample=sample, argon=f"{sample}.h5"))
    config = load_config(tmp_path / "c.yaml")
    assert config.sample == sample and config.scans["argon"].path.name == f"{sample}.h5"


def test_what_stands_in_comments_is_valid_too():
    text = config_text(changed(duration_min=0.0))
    keys = ("# before:", "# charge:", "# reconstruction:", "# compute:")
    values = yaml.safe_load(
        "\n".join(line.removeprefix("# ") if line.startswith(keys) else line for line in text.splitlines())
    )
    for name in ("before", "charge", "reconstruction", "compute"):
        assert name in values
    Config.model_validate(values)


def test_editors_find_the_schema_beside_the_file(tmp_path):
    write_config(tmp_path / "d.yaml", ANSWERS)
    assert (tmp_path / "d.yaml").read_text().startswith(f"# yaml-language-server: $schema={SCHEMA_FILE}\n")
    schema = json.loads((tmp_path / SCHEMA_FILE).read_text())
    assert "scans" in schema["properties"]


def test_bad_answers_write_nothing(tmp_path):
    for answers, kind, message in (
        (changed(source="light"), ValueError, "beam 'light' is not understood"),
        (changed(argon="", xenon=""), ValueError, "no scan was named; give --argon"),
        (changed(cell="kodama"), ConfigError, "preset 'kodama' is not known"),
    ):
        with pytest.raises(kind, match=message):
            write_config(tmp_path / "e.yaml", answers)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "f.yaml").write_text("mine")
    found = CliRunner().invoke(app, ["init", str(tmp_path / "f.yaml"), "--yes"])
    assert isinstance(found.exception, ValueError) and "give another name, or --force" in str(found.exception)
    assert (tmp_path / "f.yaml").read_text() == "mine"


def test_version_says_what_is_installed_and_what_is_not(monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "napari" else real(name))
    viewer = next(part for part in installed_parts() if part.name == "viewer")
    assert viewer.state == "missing" and "pip install 'xelith[viewer]'" in viewer.gives
    found = CliRunner().invoke(app, ["--version", "--verbose"])
    assert found.exit_code == 0 and "CUDA device" in found.output and "numpy" in found.output


def test_a_typo_is_answered_with_the_right_word():
    found = CliRunner().invoke(app, ["reprot", "x"])
    assert found.exit_code == 2 and "Did you mean" in found.output and "'report'" in found.output
    found = CliRunner().invoke(app, ["run", "x.yaml", "--quite"])
    assert found.exit_code == 2 and "--quiet" in found.output


def test_every_command_shows_an_example_that_is_one_of_its_own():
    names = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert set(EXAMPLES) <= names
    for name in EXAMPLES:
        assert EXAMPLES[name][0].startswith(f"xelith {name}")
        help_text = CliRunner().invoke(app, [name, "--help"]).output
        assert "Example" in help_text
        for option in (word for word in EXAMPLES[name][0].split() if word.startswith("--")):
            assert option in help_text, (name, option)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(shell):
    code = "from xelith.pipeline.cli import main; main()"
    command = [sys.executable, "-c", code, "--show-completion", shell]
    environment = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1", "PATH": "/usr/bin:/bin"}
    import os

    found = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=60)
    assert "complete" in found.stdout.lower(), found.stderr

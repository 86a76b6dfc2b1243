"""The command line, as a user meets it: help, one-line errors, exit status, nothing left behind."""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from xelith.pipeline.cli import app

N_THETA, N_ROWS, N_COLS, CENTRE_PX = 60, 6, 48, 25.5


def xelith(*arguments, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xelith.pipeline", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def scan(tmp_path_factory) -> Path:
    """A scan of an off-axis square rod, with flats, darks and angles but no pixel size."""
    theta = np.arange(N_THETA) * np.pi / N_THETA
    s = np.arange(N_COLS) - CENTRE_PX
    x0, y0, radius = 5.0, -3.0, 8.0
    offset = s[None] - (x0 * np.cos(theta) + y0 * np.sin(theta))[:, None]
    chord = 2 * np.sqrt(np.clip(radius**2 - offset**2, 0, None))
    light = np.exp(-0.05 * chord)[:, None, :].repeat(N_ROWS, axis=1)
    path = tmp_path_factory.mktemp("scan") / "scan.h5"
    with h5py.File(path, "w") as file:
        file["exchange/data"] = (100 + 10_000 * light).astype(np.float32)
        file["exchange/data_white"] = np.full((2, N_ROWS, N_COLS), 10_100, np.float32)
        file["exchange/data_dark"] = np.full((2, N_ROWS, N_COLS), 100, np.float32)
        file["exchange/theta"] = np.degrees(theta)
    return path


def write_config(folder: Path, scan: Path, **changes) -> Path:
    values = {"sample": "rod", "scans": {"main": {"path": str(scan), "pixel_um": 5.0}}} | changes
    path = folder / "rod.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """One line on standard error that says it all, and exit status 2."""
    assert done.returncode == 2, done.stderr
    complaint = done.stderr.splitlines()
    assert len(complaint) == 1
    assert complaint[0].startswith("xelith: ")
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in complaint[0]


@pytest.mark.parametrize("command", ["demo", "run", "check", "inspect", "centre", "export", "report", "schema"])
def test_every_command_has_help(command):
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert "Usage" in done.output


@pytest.mark.parametrize("arguments", [("run", "--bad"), ("nonsense",), ("run",)])
def test_wrong_usage_ends_with_status_2(arguments, tmp_path):
    done = xelith(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_help_and_version(tmp_path):
    import xelith as package

    assert "Usage" in xelith("--help", cwd=tmp_path).stdout
    assert xelith("--version", cwd=tmp_path).stdout.strip() == f"xelith {package.__version__}"


def test_run_check_export_and_report(scan, tmp_path):
    config = write_config(tmp_path, scan)
    plan = json.loads(xelith("check", config, "--json", cwd=tmp_path).stdout)
    assert plan["runnable"] is True
    assert plan["scans"]["main"]["views_rows_columns"] == [N_THETA, N_ROWS, N_COLS]
    done = xelith("run", config, "--out", "out", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert results["scans"]["main"]["centre_px"] == pytest.approx(CENTRE_PX, abs=0.25)
    assert results["scans"]["main"]["centre_verdict"] == "resolved"
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000
    exported = xelith("export", "out", "--scan", "main", "--out", "rod.tif", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    assert (tmp_path / "rod.tif").exists()
    assert xelith("report", "out", cwd=tmp_path).returncode == 0


def test_centre_needs_no_pixel_size(scan, tmp_path):
    done = xelith("centre", scan, "--json", "--sheet", "sheet.png", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert set(found) == {"centre_px", "verdict", "confidence", "candidates"}
    assert found["centre_px"] == pytest.approx(CENTRE_PX, abs=0.25)
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_inspect_says_what_is_missing_and_how_to_supply_it(scan, tmp_path):
    facts = json.loads(xelith("inspect", scan, "--json", "--thumbnail", "t.png", cwd=tmp_path).stdout)
    assert "--pixel-um" in json.dumps(facts["missing"])
    assert (tmp_path / "t.png").exists()
    facts = json.loads(xelith("inspect", scan, "--pixel-um", 5, "--json", cwd=tmp_path).stdout)
    assert not facts["missing"]


def test_a_missing_file_is_one_line(tmp_path):
    refused(xelith("run", "absent.yaml", cwd=tmp_path), "no configuration at absent.yaml")
    refused(xelith("inspect", "absent.h5", cwd=tmp_path), "absent.h5")
    config = write_config(tmp_path, tmp_path / "gone.h5")
    refused(xelith("run", config, cwd=tmp_path), "scan main: nothing at", "gone.h5")
    assert not (tmp_path / "xelith-run" / "results.json").exists()


def test_an_unknown_key_is_one_line(scan, tmp_path):
    config = write_config(tmp_path, scan, chrge={})
    refused(xelith("run", config, cwd=tmp_path), "unknown key 'chrge'", "did you mean 'charge'", "line")


def test_a_truncated_file_is_one_line(scan, tmp_path):
    cut = tmp_path / "cut.h5"
    cut.write_bytes(scan.read_bytes()[: scan.stat().st_size // 2])
    refused(xelith("inspect", cut, cwd=tmp_path), "cut.h5")
    refused(xelith("run", write_config(tmp_path, cut), "--out", "out", cwd=tmp_path), "cut.h5")
    assert not list(tmp_path.glob("out/*.zarr"))


def test_check_names_what_is_missing_and_fails(scan, tmp_path):
    config = write_config(tmp_path, scan, scans={"main": {"path": str(scan)}})
    done = xelith("check", config, "--json", cwd=tmp_path)
    assert done.returncode == 2
    assert "pixel_um" in json.loads(done.stdout)["scans"]["main"]["faults"][0]


def test_check_imports_nothing_heavy(scan, tmp_path):
    config = write_config(tmp_path, scan)
    code = (
        "import sys; from pathlib import Path; from xelith.pipeline.checking import check_config\n"
        f"check_config(Path({str(config)!r}))\n"
        "heavy = ('numba', 'dask', 'zarr', 'torch', 'matplotlib', 'skimage', 'CoolProp')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_export_of_what_is_not_there(tmp_path):
    refused(xelith("export", tmp_path, "--out", "a.tif", cwd=tmp_path), "no image xenon.ome.zarr", "none")


def test_schema_is_json_schema(tmp_path):
    schema = json.loads(xelith("schema", cwd=tmp_path).stdout)
    assert "sample" in schema["properties"]

"""The demo, run from a wheel that was installed elsewhere: what is packaged is all that it needs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Build the wheel, install it into an empty folder, run the demo twice from there."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    wheel = next(folder.glob("*.whl"))
    site = folder / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=300)
    _keep_compiled(site / "xelith")
    runs = [_run(folder, site) for _ in range(2)]
    return folder, site, runs


def _keep_compiled(package: Path) -> None:
    """Put beside the installed kernels what numba has made of the same sources here; it asks for their times."""
    for source in package.rglob("*.py"):
        ours = ROOT / source.relative_to(package)
        for compiled in (ours.parent / "__pycache__").glob(f"{ours.stem}.*.nb[ci]"):
            (source.parent / "__pycache__").mkdir(exist_ok=True)
            shutil.copy(compiled, source.parent / "__pycache__")
        os.utime(source, ns=(ours.stat().st_atime_ns, ours.stat().st_mtime_ns))


def _run(folder: Path, site: Path) -> tuple[subprocess.CompletedProcess[str], dict[str, int]]:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-P", "-m", "xelith.pipeline", "demo", "--out", "demo-run"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    times = {p.name: p.stat().st_mtime_ns for p in (folder / "demo-run").glob("*")}
    return done, times


def test_the_wheel_is_what_ran(demo):
    folder, site, _ = demo
    code = "import xelith; print(xelith.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(site)}
    found = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == str(site / "xelith" / "__init__.py")


def test_the_demo_ends_with_its_balance(demo):
    _, _, runs = demo
    done = runs[0][0]
    assert done.returncode == 0, done.stderr
    for words in ("64.7", "closure", "consistent with the charge", "report.html"):
        assert words in done.stdout


def test_the_film_is_what_the_simulator_states(demo):
    folder, _, _ = demo
    results = json.loads((folder / "demo-run" / "results.json").read_text())
    truth = results["truth"]["mean_thickness_um"]
    assert results["deposit"]["mean_thickness_um"] == pytest.approx(truth, rel=0.03)  # one voxel in 32
    assert results["coulometry"]["expected_thickness_um"] == pytest.approx(64.65, abs=0.05)
    assert results["balance"]["verdict"] == "consistent"
    assert results["balance"]["finding"] == "film"


def test_a_run_leaves_its_files(demo):
    folder, _, _ = demo
    run = folder / "demo-run"
    names = {
        "argon.ome.zarr",
        "xenon.ome.zarr",
        "thickness.tif",
        "results.json",
        "report.html",
        "run.log",
        "config.yaml",
    }
    assert names <= {p.name for p in run.iterdir()}
    assert not list(run.glob("*.partial"))
    assert not (run / ".xelith" / "scratch").exists()


def test_a_second_run_finds_its_work_done(demo):
    _, _, ((_, before), (done, after)) = demo
    assert done.returncode == 0, done.stderr
    assert "64.7" in done.stdout
    kept = ("results.json", "report.html", "thickness.tif", "raw", "argon.ome.zarr", "xenon.ome.zarr")
    assert {name: before[name] for name in kept} == {name: after[name] for name in kept}

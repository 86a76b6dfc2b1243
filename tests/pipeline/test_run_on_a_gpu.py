"""A run on a GPU, or on the twin of one, gives what it gives on the host."""

import json

import numpy as np
import pytest
import yaml

from xelith.arrays import open_device
from xelith.pipeline import steps
from xelith.pipeline.compute import Compute
from xelith.pipeline.config import Region
from xelith.pipeline.engine import reconstruct
from xelith.pipeline.job import Job
from xelith.pipeline.ledger import Ledger
from xelith.pipeline.run import run_config
from xelith.pipeline.selection import select
from xelith.pipeline.store import open_level
from xelith.scans.geometry import ConeBeam, ParallelBeam
from xelith.scans.scan import Scan

pytestmark = pytest.mark.usefixtures("no_pictures")

N_THETA, N_ROWS, N_COLS = 120, 9, 48
LIGHT = (
    steps.FlatField(),
    steps.BadPixels(),
    steps.DynamicFlats(modes=1),
    steps.Air(columns=((0, 4),)),
    steps.Zingers(),
    steps.Shifts(drift_px=(0.4, 0.6)),
    steps.GlareFloor(share=0.01),
    steps.Deblur(sigma_px=0.5),
    steps.PhaseRetrieval(distance_mm=2.0, energy_kev=20.0, delta_beta=50.0),
)
CUT = steps.Truncation(outer_diameter_mm=0.6, mu_per_cm=2.0)
CHAINS = {
    "fourier": (ParallelBeam(10.0, 23.2), np.pi, (*LIGHT, steps.Rings(method="all", size=5), CUT, steps.FourierFbp())),
    "direct": (ParallelBeam(10.0, 23.2), np.pi, (*LIGHT[:2], *LIGHT[3:6], steps.Rings(method="wavelet"), steps.Fbp())),
    "half views": (ParallelBeam(10.0, 40.3), 2 * np.pi, (LIGHT[0], steps.HalfAcquisition(), steps.FourierFbp())),
    "cone": (ConeBeam(20.0, 50.0, 100.0, 23.2), 2 * np.pi, (*LIGHT[:2], LIGHT[4], steps.Rings(), steps.Fdk())),
}


def noisy_scan(geometry, turn) -> Scan:
    """Counts behind a cylinder, with noise and zingers, and flats before and after."""
    rng = np.random.default_rng(0)
    chord = 2 * np.sqrt(np.clip(18.0**2 - (np.arange(N_COLS) - geometry.centre_px) ** 2, 0, None)) * 10e-4
    counts = rng.poisson(9e3 * np.exp(-20 * chord), (N_THETA, N_ROWS, N_COLS)) + 100.0
    counts[rng.random(counts.shape) < 1e-3] *= 5
    return Scan(
        counts.astype(np.float32),
        rng.poisson(9e3, (4, N_ROWS, N_COLS)).astype(np.float32) + 100,
        np.full((2, N_ROWS, N_COLS), 100, np.float32),
        np.arange(N_THETA) * turn / N_THETA,
        geometry=geometry,
        flat_positions=np.array([0, 0, N_THETA, N_THETA]),
    )


def reconstructed(folder, geometry, turn, chain, device):
    scan = noisy_scan(geometry, turn)
    folder.mkdir()
    job = Job("main", scan, select(scan.shape, Region()), chain, folder, Compute(device=device, memory_gib=0.25))
    done = reconstruct(job, Ledger(folder / "ledger.jsonl"), "mark")
    return open_level(done.image)[:], done


@pytest.mark.parametrize("case", CHAINS)
def test_a_run_gives_the_same_on_a_gpu(device, tmp_path, case):
    here, on_host = reconstructed(tmp_path / "host", *CHAINS[case], "cpu")
    there, on_gpu = reconstructed(tmp_path / "gpu", *CHAINS[case], "gpu")
    assert abs(here).max() > 5
    error = there - here
    assert np.sqrt((error**2).mean()) < 1e-4 * np.sqrt((here**2).mean())  # the parity that the project promises
    assert on_gpu.repaired == on_host.repaired
    assert on_gpu.repaired["zingers"] > 5 or steps.Zingers() not in CHAINS[case][-1]
    np.testing.assert_allclose(
        on_gpu.mean_transmission, on_host.mean_transmission, rtol=1e-5
    )  # sums in single precision


def test_auto_takes_the_gpu_that_is_there(device, tmp_path, caplog):
    caplog.set_level("INFO")
    reconstructed(tmp_path / "run", *CHAINS["fourier"], "auto")
    assert f"scan main is worked on by {open_device('gpu').name}" in caplog.text


def test_a_gpu_that_is_not_there_is_said_before_anything_is_read(cupy_twin, monkeypatch, tmp_path):
    monkeypatch.setattr(cupy_twin.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="compute.device is gpu, and CuPy sees no CUDA device"):
        reconstructed(tmp_path / "run", *CHAINS["fourier"], "gpu")
    assert not list((tmp_path / "run").iterdir())


def numbers(results, path=""):
    """All numbers of a results file, by their dotted keys."""
    if isinstance(results, dict):
        return {key: value for name, part in results.items() for key, value in numbers(part, f"{path}.{name}").items()}
    return {path: results} if isinstance(results, float | int | str) else {}


@pytest.mark.validate
def test_counts_become_the_same_balance_on_a_gpu(device, small_run, tmp_path):
    config = yaml.safe_load((small_run.parent / "run.yaml").read_text()) | {"compute": {"device": "gpu"}}
    for entry in (*config["scans"].values(), config):
        key = "path" if "path" in entry else "truth"
        entry[key] = str(small_run.parent / entry[key])
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(config))
    found = run_config(path, tmp_path / "run", advance=lambda stage, done, total: None)
    sections = ("scans", "deposit", "penetration", "two_gas", "balance")
    here = numbers(
        {name: part for name, part in json.loads((small_run / "results.json").read_text()).items() if name in sections}
    )
    there = numbers({name: found[name] for name in sections if name in found})
    assert here[".balance.verdict"] == "consistent"
    assert here.keys() == there.keys()
    for key, value in here.items():
        # volumes agree to 1e-4, and thresholds and counts of voxels follow them
        assert there[key] == (pytest.approx(value, rel=2e-3, abs=1e-5) if isinstance(value, float) else value), key

"""A run on a disc of known µ: right in cm^-1, found again when done, the same after an interruption."""

import json
import math
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from xelith.pipeline import tasks
from xelith.pipeline.loading import ConfigError
from xelith.pipeline.preview import preview_config
from xelith.pipeline.run import run_config
from xelith.pipeline.store import open_level

pytestmark = pytest.mark.usefixtures("no_pictures")

N_THETA, N_ROWS, N_COLS = 90, 20, 64
PIXEL_UM, MU_PER_CM, RADIUS_PX, CENTRE_PX = 10.0, 8.0, 20.0, 33.25
FLAT, DARK = 40_000.0, 200.0


def quiet(stage: str, done: int, total: int) -> None:
    """Stand in for progress bars."""


def disc_counts() -> np.ndarray:
    """Counts behind a centred disc: exact chords, averaged over each pixel as intensity."""
    fine = 16
    s = (np.arange(N_COLS * fine) + 0.5) / fine - 0.5 - CENTRE_PX
    chord_cm = 2 * np.sqrt(np.clip(RADIUS_PX**2 - s**2, 0, None)) * PIXEL_UM * 1e-4
    light = np.exp(-MU_PER_CM * chord_cm).reshape(N_COLS, fine).mean(axis=1)
    return np.broadcast_to(DARK + (FLAT - DARK) * light, (N_THETA, N_ROWS, N_COLS)).astype(np.float32)


def write_scan(path: Path, counts: np.ndarray | None = None, **changes) -> Path:
    """Write a DataExchange file; a change of None leaves a dataset out."""
    parts = {
        "data": disc_counts() if counts is None else counts,
        "data_white": np.full((3, N_ROWS, N_COLS), FLAT, np.float32),
        "data_dark": np.full((3, N_ROWS, N_COLS), DARK, np.float32),
        "theta": np.arange(N_THETA) * 180.0 / N_THETA,
    } | changes
    with h5py.File(path, "w") as file:
        for name, values in parts.items():
            if values is not None:
                file[f"exchange/{name}"] = values
    return path


def write_config(folder: Path, name: str = "run.yaml", **changes) -> Path:
    values = {
        "sample": "disc",
        "source": {"energy_kev": 25},
        "scans": {"main": {"path": "scan.h5", "pixel_um": PIXEL_UM, "centre_px": CENTRE_PX}},
        "reconstruction": [{"step": "flat-field"}, {"step": "fourier-fbp", "window": "ramp"}],
    } | changes
    path = folder / name
    path.write_text(yaml.safe_dump(values), encoding="utf8")
    return path


@pytest.fixture
def folder(tmp_path):
    write_scan(tmp_path / "scan.h5")
    return tmp_path


def volume(out: Path, name: str = "main") -> np.ndarray:
    return open_level(out / f"{name}.ome.zarr")[:]


def inner_mean(image: np.ndarray) -> float:
    y, x = np.ogrid[: image.shape[-2], : image.shape[-1]]
    inside = np.hypot(y - (image.shape[-2] - 1) / 2, x - (image.shape[-1] - 1) / 2) < 0.8 * RADIUS_PX
    return float(image[..., inside].mean())


def test_a_disc_comes_back_in_absolute_units(folder):
    results = run_config(write_config(folder), folder / "out", advance=quiet)
    assert inner_mean(volume(folder / "out")) == pytest.approx(MU_PER_CM, rel=0.005)  # half a percent
    scan = results["scans"]["main"]
    assert scan["centre_px"] == pytest.approx(CENTRE_PX)
    assert scan["centre_verdict"] == "given"
    assert scan["voxel_um"] == PIXEL_UM
    assert results == json.loads((folder / "out" / "results.json").read_text())
    assert results["balance"]["verdict"] == "not-measured"
    assert set(results["deposit"].values()) == {None}
    assert "mean_thickness_um" in results["deposit"]


def test_mu_scales_with_the_pixel(folder):
    scans = {"main": {"path": "scan.h5", "pixel_um": 2 * PIXEL_UM, "centre_px": CENTRE_PX}}
    run_config(write_config(folder, scans=scans), folder / "out", advance=quiet)
    assert inner_mean(volume(folder / "out")) == pytest.approx(MU_PER_CM / 2, rel=0.005)  # half a percent


def test_binning_keeps_mu_and_the_axis(folder):
    path = write_config(folder, region={"bin": 2, "rows": [4, 16]})
    results = run_config(path, folder / "out", advance=quiet)
    image = volume(folder / "out")
    assert image.shape == (6, 32, 32)
    y, x = np.ogrid[:32, :32]
    inside = np.hypot(y - 15.5, x - 15.5) < 0.35 * RADIUS_PX
    assert float(image[:, inside].mean()) == pytest.approx(MU_PER_CM, rel=0.01)  # edges of coarse pixels
    weight = np.clip(image.mean(axis=0), 0, None)
    assert float((weight * (np.arange(32) - 15.5)).sum() / weight.sum()) == pytest.approx(0, abs=0.05)
    assert results["scans"]["main"]["centre_px"] == pytest.approx(CENTRE_PX)


def test_a_second_run_does_nothing(folder, monkeypatch):
    path = write_config(folder)
    first = run_config(path, folder / "out", advance=quiet)
    monkeypatch.setattr(tasks, "correct_block", _fail)
    monkeypatch.setattr(tasks, "reconstruct_slab", _fail)
    assert run_config(path, folder / "out", advance=quiet) == first


def _fail(*args, **kwargs):
    raise RuntimeError("work was done again")


@pytest.mark.parametrize("stage", ["correct_block", "reconstruct_slab"])
def test_an_interrupted_run_goes_on_and_gives_the_same(folder, monkeypatch, stage):
    path = write_config(folder, compute={"memory_gib": 0.25})
    monkeypatch.setattr("xelith.pipeline.planning.MOST_VIEWS", 20)
    monkeypatch.setattr("xelith.pipeline.planning.SLAB_HEIGHTS", (4,))
    run_config(path, folder / "whole", advance=quiet)
    work, calls = getattr(tasks, stage), []

    def twice_then_fail(*args, **kwargs):
        calls.append(1)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return work(*args, **kwargs)

    monkeypatch.setattr(tasks, stage, twice_then_fail)
    with pytest.raises(KeyboardInterrupt):
        run_config(path, folder / "cut", advance=quiet)
    assert not (folder / "cut" / "main.ome.zarr").exists()
    assert not (folder / "cut" / "results.json").exists()
    counted = []
    monkeypatch.setattr(tasks, stage, lambda *a, **k: counted.append(1) or work(*a, **k))
    run_config(path, folder / "cut", advance=quiet)
    assert 0 < len(counted) < 5  # five blocks in all, some were done
    np.testing.assert_array_equal(volume(folder / "cut"), volume(folder / "whole"))


def test_editing_the_configuration_redoes_what_depends_on_it(folder, monkeypatch):
    path = write_config(folder, output={"keep_scratch": True})
    run_config(path, folder / "out", advance=quiet)
    before = volume(folder / "out")
    monkeypatch.setattr(tasks, "correct_block", _fail)
    chain = [{"step": "flat-field"}, {"step": "fourier-fbp", "window": "hann"}]
    write_config(folder, output={"keep_scratch": True}, reconstruction=chain)
    run_config(path, folder / "out", advance=quiet)
    assert not np.array_equal(volume(folder / "out"), before)


def test_changed_input_is_noticed(folder):
    path = write_config(folder)
    run_config(path, folder / "out", advance=quiet)
    counts = disc_counts()
    write_scan(folder / "scan.h5", DARK + (counts - DARK) ** 2 / (FLAT - DARK))
    run_config(path, folder / "out", advance=quiet)
    assert inner_mean(volume(folder / "out")) == pytest.approx(2 * MU_PER_CM, rel=0.02)  # edge pixels average I^2


def test_the_folder_of_another_configuration_is_refused(folder):
    run_config(write_config(folder), folder / "out", advance=quiet)
    other = write_config(folder, "other.yaml", sample="another disc")
    with pytest.raises(ConfigError, match=r"another configuration .*run\.yaml, sample 'disc', differs in sample"):
        run_config(other, folder / "out", advance=quiet)
    results = run_config(other, folder / "out", advance=quiet, update=True)
    assert results["sample"] == "another disc"


def test_a_folder_with_other_files_is_refused(folder):
    (folder / "out").mkdir()
    (folder / "out" / "thesis.tex").write_text("precious")
    with pytest.raises(ConfigError, match=r"holds other files \(thesis.tex\)"):
        run_config(write_config(folder), folder / "out", advance=quiet)


def test_nonfinite_counts_are_counted_then_refused_or_repaired(folder):
    counts = disc_counts().copy()
    counts[5, 3, 10] = np.nan
    counts[70, 8, 11:13] = np.inf
    write_scan(folder / "scan.h5", counts)
    with pytest.raises(ValueError, match=r"scan main has 3 NaN or Inf values among 115200; .*nonfinite: repair"):
        run_config(write_config(folder), folder / "out", advance=quiet)
    assert not (folder / "out" / "main.ome.zarr").exists()
    chain = [{"step": "flat-field", "nonfinite": "repair"}, {"step": "fourier-fbp", "window": "ramp"}]
    results = run_config(write_config(folder, reconstruction=chain), folder / "out", advance=quiet)
    assert results["scans"]["main"]["repaired"]["nonfinite"] == 3
    assert inner_mean(volume(folder / "out")) == pytest.approx(MU_PER_CM, rel=0.005)  # half a percent


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data_white": None}, "scan main has no flats.*flat_path"),
        ({"data_white": np.zeros((2, N_ROWS, N_COLS), np.float32)}, "zero flats"),
        ({"data_white": np.ones((2, N_ROWS, N_COLS + 1), np.float32)}, "flats"),
        ({"theta": np.arange(N_THETA - 1.0)}, "89"),
        ({"theta": None}, "scan main has no angles.*theta_range_deg"),
    ],
)
def test_bad_scans_are_refused_before_anything_is_named(folder, changes, message):
    write_scan(folder / "scan.h5", **changes)
    with pytest.raises(ValueError, match=message):
        run_config(write_config(folder), folder / "out", advance=quiet)
    left = {path.name for path in (folder / "out").iterdir()} if (folder / "out").exists() else set()
    assert left <= {".xelith"}


def test_a_missing_pixel_size_stops_the_run(folder):
    scans = {"main": {"path": "scan.h5", "centre_px": CENTRE_PX}}
    with pytest.raises(ValueError, match="no pixel size, and µ in cm.*pixel_um"):
        run_config(write_config(folder, scans=scans), folder / "out", advance=quiet)


def test_the_axis_is_never_guessed(folder):
    scans = {"main": {"path": "scan.h5", "pixel_um": 1}}
    with pytest.raises(ValueError, match="never guessed"):
        run_config(write_config(folder, scans=scans), folder / "out", advance=quiet)


def test_preview_draws_without_running(folder):
    pictures = preview_config(write_config(folder), folder / "out", advance=quiet)
    assert [p.name for p in pictures] == ["main.png"]
    assert pictures[0].read_bytes().startswith(b"\x89PNG")
    assert not (folder / "out" / "results.json").exists()


def test_line_integrals_need_no_flats(folder):
    integrals = -np.log((disc_counts() - DARK) / (FLAT - DARK))
    write_scan(folder / "scan.h5", integrals.astype(np.float32), data_white=None, data_dark=None)
    entry = {"path": "scan.h5", "pixel_um": PIXEL_UM, "centre_px": CENTRE_PX, "is_line_integral": True}
    run_config(write_config(folder, scans={"main": entry}), folder / "out", advance=quiet)
    assert inner_mean(volume(folder / "out")) == pytest.approx(MU_PER_CM, rel=0.005)  # half a percent


def test_charge_alone_gives_the_expected_thickness(folder):
    charge = {"current_density_ma_per_cm2": 0.2, "duration_min": 4000}
    results = run_config(write_config(folder, charge=charge), folder / "out", advance=quiet)
    expected = 0.2 * 4000 / 60 * 3.6 * 6.94 / (96485.33212 * 0.534) * 1e4
    assert results["coulometry"]["expected_thickness_um"] == pytest.approx(expected, rel=1e-3)  # M of lithium
    assert math.floor(10 * expected + 0.5) / 10 == 64.7
    assert results["balance"]["verdict"] == "not-measured"


def test_a_cone_beam_scan_runs_in_slabs(data_dir, tmp_path):
    scan = data_dir / "conebeam/ctsimu_tetrahedron/projections/tetra_metadata.json"
    values = {"sample": "tetrahedron", "scans": {"main": {"path": str(scan), "allow_outside": True}}}
    path = tmp_path / "run.yaml"
    chain = [{"step": "flat-field"}, {"step": "fdk", "window": "hann"}]
    path.write_text(yaml.safe_dump(values | {"reconstruction": chain}))
    results = run_config(path, tmp_path / "out", advance=quiet)
    image = volume(tmp_path / "out")
    assert image.shape == (150, 150, 150)
    assert results["scans"]["main"]["voxel_um"] == pytest.approx(975.0)
    bright = np.argwhere(image > 0.5 * image.max()) - 74.5
    assert np.ptp(bright[:, 0]) * 0.975 == pytest.approx(53.3, abs=7)  # the mesh is 53.3 mm high, its tip thin
    parallel = [{"step": "flat-field"}, {"step": "fourier-fbp"}]
    path.write_text(yaml.safe_dump(values | {"reconstruction": parallel}))
    with pytest.raises(ValueError, match="has a cone beam and its steps end in fourier-fbp; end them in fdk"):
        run_config(path, tmp_path / "other", advance=quiet)


TUBE_PX, TUBE_MU = (30.0, 52.0), 1.0
"""Inner and outer radius of a tube that is wider than the view, and its µ in cm^-1."""


def tube_counts() -> np.ndarray:
    """The disc in a tube whose wall the detector cuts."""
    s = (np.arange(N_COLS * 16) + 0.5) / 16 - 0.5 - CENTRE_PX
    inner, outer = (2 * np.sqrt(np.clip(r**2 - s**2, 0, None)) * PIXEL_UM * 1e-4 for r in TUBE_PX)
    wall = np.exp(-TUBE_MU * (outer - inner)).reshape(N_COLS, 16).mean(axis=1)
    return DARK + (disc_counts() - DARK) * wall.astype(np.float32)


def test_a_tube_wider_than_the_view_is_carried_on(folder, caplog):
    write_scan(folder / "scan.h5", tube_counts())
    plain = run_config(write_config(folder), folder / "plain", advance=quiet)
    assert plain["scans"]["main"]["biased"] is True
    assert "add {step: truncation}" in caplog.text
    step = {"step": "truncation", "outer_diameter_mm": 2e-3 * TUBE_PX[1] * PIXEL_UM, "mu_per_cm": TUBE_MU}
    chain = [{"step": "flat-field"}, step, {"step": "fourier-fbp", "window": "ramp"}]
    path = write_config(folder, "cut.yaml", reconstruction=chain)
    whole = run_config(path, folder / "cut", advance=quiet)
    assert whole["scans"]["main"]["biased"] is False
    y, x = np.ogrid[:N_COLS, :N_COLS]
    radius = np.hypot(y - (N_COLS - 1) / 2, x - (N_COLS - 1) / 2)
    gap = (radius > 23) & (radius < 27)
    assert volume(folder / "cut").shape == volume(folder / "plain").shape
    assert abs(float(volume(folder / "cut")[:, gap].mean())) < 0.2  # ringing of a sharp disc of 8 beside it
    assert abs(float(volume(folder / "plain")[:, gap].mean())) > 0.3
    assert inner_mean(volume(folder / "cut")) == pytest.approx(MU_PER_CM, rel=0.01)

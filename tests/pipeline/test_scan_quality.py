"""The quality of scans in which it is known: blur, drift, missing angles, starved pixels, flicker of the beam."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.ndimage import gaussian_filter1d

from xelith.pipeline.report import write_report
from xelith.pipeline.run import run_config
from xelith.scans import write_data_exchange
from xelith.scans.geometry import ParallelBeam
from xelith.scans.scan import Scan

N_ROWS, N_COLS, CENTRE_PX, PIXEL_UM = 48, 128, 62.3, 2.0
DISCS = ((3.0, -5.0, 40.0, 30.0), (12.0, 8.0, 11.0, -30.0), (-16.0, -9.0, 7.0, -20.0))  # x, y, r in px, µ in cm^-1


def quiet(stage: str, done: int, total: int) -> None:
    """Stand in for progress bars."""


def layers(rows, shift):
    """Share of the discs' µ over the rows: dense, thin, dense, with soft borders."""
    z = rows - shift
    return 1 - 0.5 / (1 + np.exp(-(z - 20) / 0.8)) + 0.5 / (1 + np.exp(-(z - 33) / 0.8))


def scan_of(theta, *, blur_px=1.0, drift_px=0.0, photons=4e4, flicker=0.0, opaque_rows=0, seed=0):
    """Counts of discs in layers that drift along the rows, blurred along the columns as a detector blurs."""
    rng = np.random.default_rng(seed)
    fine = 4
    s = (np.arange(N_COLS * fine) + 0.5) / fine - 0.5 - CENTRE_PX
    chord = np.zeros((len(theta), s.size))
    for x, y, r, mu in DISCS:
        away = s - (x * np.cos(theta) + y * np.sin(theta))[:, None]
        chord += 2 * mu * np.sqrt(np.clip(r * r - away**2, 0, None)) * PIXEL_UM * 1e-4
    times = np.linspace(0, 1, len(theta))
    share = layers(np.arange(N_ROWS), drift_px * times[:, None])
    light = np.exp(-share[:, :, None] * chord[:, None, :])
    light = gaussian_filter1d(light, blur_px * fine, axis=2, mode="nearest")
    light = light.reshape(len(theta), N_ROWS, N_COLS, fine).mean(axis=3)
    if opaque_rows:
        light[:, N_ROWS - opaque_rows :] = 0.0
    counts = rng.poisson(photons * light) + 100.0
    level = 1 + flicker * rng.normal(size=20)
    flats = rng.poisson(photons * level[:, None, None] * np.ones((1, N_ROWS, N_COLS))) + 100.0
    darks = np.full((4, N_ROWS, N_COLS), 100.0)
    stacks = (stack.astype(np.float32) for stack in (counts, flats, darks))
    return Scan(*stacks, theta, ParallelBeam(PIXEL_UM)), float(level.std(ddof=1))


def quality_of(folder: Path, scan):
    folder.mkdir(parents=True, exist_ok=True)
    write_data_exchange(folder / "scan.h5", scan)
    values = {
        "sample": "discs",
        "source": {"energy_kev": 25},
        "scans": {"main": {"path": "scan.h5", "centre_px": CENTRE_PX}},
        "reconstruction": [{"step": "flat-field"}, {"step": "fourier-fbp", "window": "ramp"}],
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(values))
    facts = run_config(folder / "run.yaml", folder / "out", advance=quiet)["scans"]["main"]
    return facts, facts["quality"]


def half_turn(n=240, degrees=180.0):
    return np.deg2rad(np.arange(n) * degrees / n)


@pytest.mark.parametrize("blur_px", [0.8, 1.6])
def test_blur_drift_and_flicker_are_read_back(tmp_path, blur_px):
    scan, flicker = scan_of(half_turn(), blur_px=blur_px, drift_px=1.5, flicker=0.01)
    facts, quality = quality_of(tmp_path, scan)
    # pixel and interpolation add some 0.35 px in squares, unevenly lit rims some per cent
    assert quality["edge_blur_um"] == pytest.approx(PIXEL_UM * np.hypot(blur_px, 0.35), rel=0.12)
    assert quality["drift_rows_um"] == pytest.approx(1.5 * PIXEL_UM, rel=0.15)
    assert quality["drift_columns_um"] is None  # half a turn cannot tell it from an eccentric sample
    assert quality["flat_flicker"] == pytest.approx(flicker, rel=0.15)
    assert quality["missing_angles_deg"] == pytest.approx(0, abs=1e-6)
    assert quality["views"] == 240
    assert facts["starved_share"] == 0


def test_a_worse_scan_has_worse_numbers_and_its_missing_angles_and_starved_pixels_are_counted(tmp_path):
    good, _ = scan_of(half_turn(), photons=2e5)
    poor, _ = scan_of(half_turn(200, 150.0), photons=2e3, opaque_rows=6, seed=1)
    (_, first), (facts, second) = quality_of(tmp_path / "good", good), quality_of(tmp_path / "poor", poor)
    assert second["missing_angles_deg"] == pytest.approx(30.0, abs=0.01)
    assert facts["starved_share"] == pytest.approx(6 / N_ROWS, rel=0.01)
    assert second["noise_per_cm"] > 5 * first["noise_per_cm"]  # a hundred times fewer photons, fewer views
    assert second["resolution_um"] > 1.15 * first["resolution_um"]
    assert first["rings_per_cm"] < 0.3 * first["noise_per_cm"]
    assert second["drift_rows_um"] is None or abs(second["drift_rows_um"]) < 0.4


def test_a_full_turn_tells_the_drift_along_the_columns_and_the_report_shows_it(tmp_path):
    theta = np.arange(240) * 2 * np.pi / 240
    scan, _ = scan_of(theta)
    moved = np.stack([np.roll(view, int(k >= 120), axis=1) for k, view in enumerate(scan.projections)])
    jump = Scan(moved, scan.flats, scan.darks, theta, scan.geometry)
    _, still = quality_of(tmp_path / "still", scan)
    _, found = quality_of(tmp_path / "moved", jump)
    assert still["drift_columns_um"] == pytest.approx(0, abs=0.1)
    # a jump by one column half-way is a line of slope 1.5 beside constant, sine and cosine of a whole turn
    assert 0.5 * PIXEL_UM < found["drift_columns_um"] < 4 * PIXEL_UM
    text = write_report(tmp_path / "moved" / "out").read_text()
    assert "drift columns" in text
    assert "resolution" in text

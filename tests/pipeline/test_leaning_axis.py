"""A parallel beam whose axis leans against the columns, through a run: measured, said, set upright."""

import math

import numpy as np
import pytest
import yaml

from xelith.pipeline.run import run_config
from xelith.pipeline.store import open_level
from xelith.scans import write_data_exchange
from xelith.scans.geometry import ParallelBeam
from xelith.scans.scan import Scan

pytestmark = pytest.mark.usefixtures("no_pictures")

SHAPE, CENTRE_PX, TILT = (72, 112), 57.3, math.radians(2.0)
PILLARS = ((18.0, -9.0, 8.0, 0.02), (-14.0, 16.0, 6.0, 0.03), (-5.0, -22.0, 5.0, 0.025), (3.0, 4.0, 3.0, 0.04))


def quiet(stage: str, done: int, total: int) -> None:
    """Stand in for progress bars."""


def pillars_of(theta, tilt_rad):
    """Line integrals of upright pillars of 46 rows' height about the axis, on a detector turned about the beam."""
    j, i = np.arange(SHAPE[1]) - CENTRE_PX, (np.arange(SHAPE[0]) - (SHAPE[0] - 1) / 2)[:, None]
    u = j * math.cos(tilt_rad) - i * math.sin(tilt_rad)
    v = j * math.sin(tilt_rad) + i * math.cos(tilt_rad)
    height = 1 / (1 + np.exp((np.abs(v) - 23) / 0.8))
    total = np.zeros((len(theta), *SHAPE))
    for x, y, r, mu in PILLARS:
        s = (x * np.cos(theta) + y * np.sin(theta))[:, None, None]
        total += 2 * mu * np.sqrt(np.clip(r * r - (u - s) ** 2, 0, None)) * height
    return total.astype(np.float32)


def ran(folder, tilt="correct"):
    folder.mkdir()
    theta = np.arange(150) * np.pi / 150
    scan = Scan(pillars_of(theta, TILT), None, None, theta, ParallelBeam(10.0), is_line_integral=True)
    write_data_exchange(folder / "scan.h5", scan)
    chain = [{"step": "flat-field"}, {"step": "centre", "tilt": tilt}, {"step": "fourier-fbp", "window": "ramp"}]
    values = {
        "sample": "pillars",
        "scans": {"main": {"path": "scan.h5", "is_line_integral": True}},
        "reconstruction": chain,
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(values))
    results = run_config(folder / "run.yaml", folder / "out", advance=quiet)
    return results["scans"]["main"], np.asarray(open_level(folder / "out" / "main.ome.zarr"))


def mean_of_pillars(volume, row):
    y, x = np.indices(volume.shape[1:]) - (SHAPE[1] - 1) / 2
    return [float(volume[row][np.hypot(x - px, y - py) < 0.6 * r].mean()) for px, py, r, _ in PILLARS]


def test_a_leaning_axis_is_measured_and_set_upright(tmp_path, caplog):
    facts, volume = ran(tmp_path / "corrected")
    assert facts["axis_tilt_deg"] == pytest.approx(2.0, abs=0.15)
    assert facts["axis_tilt_deg_std"] < 0.15
    assert facts["axis_tilt_corrected"] is True
    assert facts["centre_px"] == pytest.approx(CENTRE_PX, abs=0.2)
    assert "leans by" in caplog.text and "set upright" in caplog.text
    rows = facts["quality"]["centre_curve"]["rows_px"]
    assert len(rows) >= 4
    truth = [mu / (10.0 * 1e-4) for *_, mu in PILLARS]
    for row in (16, 36, 55):
        # 3 %: pillars of 3 to 8 pixels, the centre within a tenth of a pixel
        assert mean_of_pillars(volume, row) == pytest.approx(truth, rel=0.03)


def test_a_leaning_axis_may_be_measured_only(tmp_path, caplog):
    facts, _ = ran(tmp_path / "measured", tilt="measure")
    assert facts["axis_tilt_deg"] == pytest.approx(2.0, abs=0.15)
    assert facts["axis_tilt_corrected"] is False
    assert "not corrected" in caplog.text

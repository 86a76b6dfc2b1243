"""A series: what is read, how maps are laid on each other, and what is made of two scans."""

import importlib.util
import json
import math
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from scipy import ndimage

from xelith.metrology.cycler import plated_charge_mah, read_cycler
from xelith.metrology.uncertainty import covers
from xelith.pipeline import series as module
from xelith.pipeline.ledger import Ledger
from xelith.pipeline.loading import ConfigError
from xelith.pipeline.series import evaluate_series, load_series, on_map, run_series
from xelith.pipeline.series_file import is_series, scan_names
from xelith.simulation.charge import Charge
from xelith.simulation.presets import Preset

_spec = importlib.util.spec_from_file_location("validation_cells", Path(__file__).with_name("validation_cells.py"))
validation_cells = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(validation_cells)


def film(seed=0, mean=20.0, shift=(0.0, 0.0)):
    rng = np.random.default_rng(seed)
    relief = ndimage.gaussian_filter(rng.normal(size=(80, 80)), 4)
    relief = ndimage.shift(relief / relief.std(), shift, order=3, mode="nearest")
    y, x = np.indices(relief.shape)
    return np.where(np.hypot(y - 39.5 - shift[0], x - 39.5 - shift[1]) < 30, mean + 3 * relief, np.nan).astype(
        np.float32
    )


def test_maps_are_laid_on_each_other():
    moved, shift = on_map(film(), film(shift=(3.0, -2.0)))
    assert shift == pytest.approx((-3.0, 2.0), abs=0.1)  # a parabola through the peak
    assert moved.shape == (80, 80)
    same, none = on_map(film(), film())
    assert none == (0.0, 0.0)
    np.testing.assert_array_equal(same, film())


def write(folder: Path, **changes) -> Path:
    for name in ("t00.yaml", "t01.yaml"):
        (folder / name).write_text("sample: x\n", encoding="utf8")
    entries = [
        {"config": "t00.yaml", "at": "2026-01-05T10:00"},
        {"config": "t01.yaml", "at": "2026-01-05T20:00", "pressure_mpa": 5.0},
    ]
    path = folder / "series.yaml"
    path.write_text(json.dumps({"series": entries} | changes), encoding="utf8")
    return path


def test_paths_start_from_the_file(tmp_path):
    found = load_series(write(tmp_path))
    assert [e.config for e in found.series] == [tmp_path / "t00.yaml", tmp_path / "t01.yaml"]
    assert found.series[1].at == datetime(2026, 1, 5, 20)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"series": []}, "series"), ({"serie": 1}, "serie"), ({"series": [{"config": "no.yaml"}]}, "no configuration at")],
)
def test_faults_are_named(tmp_path, changes, message):
    with pytest.raises((ConfigError, FileNotFoundError), match=message):
        load_series(write(tmp_path, **changes))


def test_two_scans_give_growth_current_and_trend(tmp_path, monkeypatch):
    means = iter((20.0, 30.0))

    def run(config, out, *, advance):
        mean = next(means)
        out.mkdir(parents=True)
        tifffile.imwrite(out / "thickness.tif", film(mean=mean))
        balance = {"film_um": mean, "measured_um": mean, "measured_um_std": 0.5, "in_electrolyte_um": 0.0}
        return {
            "balance": balance | {"in_electrolyte_um_std": 0.1, "mixed_zone_um": None, "closure": 1.0},
            "coulometry": {"expected_thickness_um": mean},
            "penetration": {"max_depth_um": 0.0},
            "scans": {"xenon": {"voxel_um": 2.0}},
        }

    monkeypatch.setattr(module, "run_config", run)
    found = run_series(write(tmp_path), tmp_path / "out", advance=lambda *a: None)
    second = found["scans"][1]
    assert second["mean_growth_um_per_h"] == pytest.approx(1.0)  # 10 um in 10 h
    assert second["mean_current_density_ma_per_cm2"] == pytest.approx(1 / 4.849, rel=1e-3)
    assert found["trend"]["slope"] == pytest.approx(1.0)
    assert found["first_in_electrolyte"] is None
    assert found["onset"] is None
    np.testing.assert_allclose(np.nanmean(tifffile.imread(tmp_path / "out" / "change-01.tif")), 10.0, rtol=1e-5)
    assert (tmp_path / "out" / "series.csv").read_text(encoding="utf8").startswith("scan,at,expected_um")
    assert json.loads((tmp_path / "out" / "series.json").read_text(encoding="utf8"))["schema"] == "xelith.series/1"


def left_by_a_run(folder: Path, *, mean: float, state: str = "done") -> None:
    """A run folder as another process has left it."""
    folder.mkdir(parents=True)
    ledger = Ledger(folder / ".xelith" / "ledger.jsonl")
    ledger.event("started", {"sample": "x", "plan": {}})
    ledger.event(state, {"error": "the disk is full"} if state == "failed" else {})
    tifffile.imwrite(folder / "thickness.tif", film(mean=mean))
    balance = {"film_um": mean, "measured_um": mean, "measured_um_std": 0.5, "in_electrolyte_um": None}
    results = {
        "balance": balance,
        "coulometry": {"expected_thickness_um": mean},
        "penetration": {},
        "scans": {"xenon": {"voxel_um": 2.0}},
    }
    (folder / "results.json").write_text(json.dumps(results), encoding="utf8")


def test_a_scan_that_failed_is_named_and_its_neighbours_are_compared(tmp_path):
    for name in ("t00", "t01", "t 02"):
        (tmp_path / f"{name}.yaml").write_text("sample: x\n", encoding="utf8")
    entries = [
        {"config": f"{name}.yaml", "at": f"2026-01-05T{hour}:00"}
        for name, hour in (("t00", 10), ("t01", 12), ("t 02", 20))
    ]
    path = write(tmp_path, series=entries)
    out = tmp_path / "out"
    left_by_a_run(out / "00-t00", mean=20.0)
    left_by_a_run(out / "01-t01", mean=25.0, state="failed")
    left_by_a_run(out / "02-t_02", mean=30.0)
    with pytest.raises(ChildProcessError, match=r"1 of 3 scans are not done: 01-t01 \(failed: the disk is full\)"):
        evaluate_series(path, out)
    first, second, third = json.loads((out / "series.json").read_text(encoding="utf8"))["scans"]
    assert first["fault"] is third["fault"] is None
    assert second["fault"] == "failed: the disk is full" and second["film_um"] is None
    assert third["since"] == "00-t00"
    assert third["mean_growth_um_per_h"] == pytest.approx(1.0)  # 10 um in the 10 h since the first scan
    Ledger(out / "01-t01" / ".xelith" / "ledger.jsonl").event("done")
    assert evaluate_series(path, out)["scans"][1]["mean_growth_um_per_h"] == pytest.approx(2.5)


def test_a_series_is_told_from_a_run_and_names_its_folders(tmp_path):
    path = write(tmp_path)
    assert is_series(path)
    assert scan_names(load_series(path)) == ["00-t00", "01-t01"]
    assert not is_series(tmp_path / "t00.yaml") and not is_series(tmp_path / "gone.yaml")
    (tmp_path / "t00.yaml").write_bytes(b"\xff{")
    assert not is_series(tmp_path / "t00.yaml")
    with pytest.raises(ConfigError, match="not readable as YAML"):
        load_series(tmp_path / "t00.yaml")


CAPACITIES = (4.0, 9.0, 13.3)
"""Charge of each state, in mAh cm^-2; the states are a day apart."""

AREA_CM2 = math.pi / 4 * 0.027**2


def write_cycler(path: Path, states: int) -> None:
    """What a cycler writes up to a state: a current that is steady from one scan to the next."""
    lines = ["Time (s),Current (mA),Voltage (V)"]
    for day in range(states):
        passed = CAPACITIES[day] - (0.0 if day == 0 else CAPACITIES[day - 1])
        current_ma = passed * AREA_CM2 / 24
        times = range(86400 * day + (60 if day else 0), 86400 * (day + 1) + 1, 60)
        lines += [f"{t},{current_ma:.9e},{-0.02 - 0.03 * current_ma}" for t in times]
    path.write_text("\n".join(lines) + "\n", encoding="utf8")


@pytest.mark.validate
def test_three_states_of_one_cell_grow_as_the_cycler_says(tmp_path):
    entries, trace = [], tmp_path / "whole.csv"
    for state, capacity in enumerate(CAPACITIES):
        folder = tmp_path / f"state{state}"
        preset = Preset(validation_cells.design(), Charge(capacity), "")
        config = validation_cells.write_cell(preset, folder, seed=3, noise_seed=3 + 1000 * state)  # photons of its own
        write_cycler(folder / "cycler.csv", state + 1)
        values = yaml.safe_load(config.read_text(encoding="utf8"))
        values["charge"] = {"file": "cycler.csv", "area_cm2": AREA_CM2}
        config.write_text(yaml.safe_dump(values), encoding="utf8")
        at = datetime(2026, 1, 6) + timedelta(days=state)
        entries.append({"config": f"state{state}/run.yaml", "at": at.isoformat()})
    write_cycler(trace, 3)
    (tmp_path / "series.yaml").write_text(yaml.safe_dump({"series": entries, "trace": {"file": "whole.csv"}}))
    found = run_series(tmp_path / "series.yaml", tmp_path / "out", advance=lambda *a: None)

    rows = found["scans"]
    truths = [json.loads((tmp_path / f"state{state}" / "truth.json").read_text()) for state in range(3)]
    for row, truth in zip(rows, truths, strict=True):
        assert covers(row["film_um"], row["film_um_std"], truth["mean_thickness_um"])
        # All lithium is in the film; three of these in three states: within three standard deviations each.
        assert row["measured_um"] == pytest.approx(truth["mean_thickness_um"], abs=3 * row["measured_um_std"])
    assert rows[0]["film_um"] < rows[1]["film_um"] < rows[2]["film_um"]
    charges = [plated_charge_mah(read_cycler(tmp_path / f"state{n}" / "cycler.csv")).charge_mah for n in range(3)]
    for state in (1, 2):
        current = (charges[state] - charges[state - 1]) / AREA_CM2 / 24
        # Each map's own error of about 0.3 µm over the 24 µm that grow between two states.
        assert rows[state]["mean_current_density_ma_per_cm2"] == pytest.approx(current, rel=0.02)
        assert rows[state]["since"] == rows[state - 1]["scan"]
    assert found["trend"]["slope"] == pytest.approx(1.0, abs=0.03)
    assert found["first_in_electrolyte"] is None

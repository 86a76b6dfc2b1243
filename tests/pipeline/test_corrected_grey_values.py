"""Hardening, glare and truncation through runs: µ of a pellet within the limits that coulometry needs."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from xelith.materials import MATERIALS, tube
from xelith.pipeline.config import Cell, Config, Filter, ScanEntry, Source
from xelith.pipeline.known_steps import collector_share, hardening_map
from xelith.pipeline.loading import load_config
from xelith.pipeline.run import run_config
from xelith.pipeline.store import open_level

pytestmark = pytest.mark.usefixtures("no_pictures")

ELECTROLYTE, PEEK = MATERIALS["li5.5ps4.5br1.5"], MATERIALS["peek"]
N, VIEWS, PIXEL_UM, FLAT, DARK = 128, 120, 9.0, 40_000.0, 100.0
ROWS, STEEL_ROWS = 16, 8
PELLET_UM = 450.0


def quiet(stage, done, total):
    pass


def chords_cm(radius_um, *, n=N):
    """Chords of a centred disc at 8 places across each pixel, in cm."""
    s = ((np.arange(n * 8) + 0.5) / 8 - 0.5 - (n - 1) / 2) * PIXEL_UM
    return (2e-4 * np.sqrt(np.clip(radius_um**2 - s**2, 0, None))).reshape(n, 8)


def run(folder: Path, light, *, name="out", source=None, **changes) -> tuple[np.ndarray, dict, Path]:
    """Write counts behind a centred object, run, and return the volume, results.json and the configuration's path."""
    frames = np.broadcast_to(light, (VIEWS, ROWS, light.shape[-1]))
    with h5py.File(folder / f"{name}.h5", "w") as file:
        file["exchange/data"] = (DARK + FLAT * frames).astype(np.float32)
        file["exchange/data_white"] = np.full((2, *frames.shape[1:]), FLAT + DARK, np.float32)
        file["exchange/data_dark"] = np.full((2, *frames.shape[1:]), DARK, np.float32)
        file["exchange/theta"] = np.arange(VIEWS) * 180.0 / VIEWS
    values = {
        "sample": "pellet",
        "source": source or {"tube": "Mo", "kv": 44, "filters": [{"formula": "Al", "mm": 0.2}]},
        "scans": {
            "main": {"path": f"{name}.h5", "pixel_um": PIXEL_UM, "centre_px": (light.shape[-1] - 1) / 2},
        },
        "cell": {"electrolyte": {"formula": "Li5.5PS4.5Br1.5", "density_g_cm3": 2.0}},
    } | changes
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf8")
    results = run_config(path, folder / name, advance=quiet)
    return open_level(folder / name / "main.ome.zarr")[:], results, path


def steps(*middle) -> list[dict]:
    return [{"step": "flat-field"}, *middle, {"step": "fourier-fbp", "window": "ramp"}]


def ring_mean(plane, low, high, radius_um=PELLET_UM) -> float:
    n = plane.shape[-1]
    y, x = np.ogrid[:n, :n]
    radius = np.hypot(y - (n - 1) / 2, x - (n - 1) / 2) * PIXEL_UM / radius_um
    return float(plane[..., (radius >= low) & (radius < high)].mean())


def cupping(plane) -> float:
    """Rim less middle, as a share of the middle."""
    middle = ring_mean(plane, 0, 0.3)
    return (ring_mean(plane, 0.75, 0.9) - middle) / middle


def pellet_light(*, glare=0.0) -> np.ndarray:
    """(ROWS, N) transmission of a pellet above a steel collector, with glare that the flats bear too."""
    spectrum = tube("Mo", 44, filters=[("Al", 0.2)])
    depth = np.multiply.outer(chords_cm(PELLET_UM), ELECTROLYTE.mu_per_cm(spectrum.energy_kev))
    light = (np.exp(-depth) @ spectrum.photons).mean(axis=1)
    steel = np.where(chords_cm(PELLET_UM).mean(axis=1) > 0, 0.0, 1.0)
    rows = np.array([steel] * STEEL_ROWS + [light] * (ROWS - STEEL_ROWS))
    return (rows + glare) / (1 + glare)


def test_a_pellet_comes_out_flat_with_its_own_mu(tmp_path):
    light = pellet_light()
    plain, _, _ = run(tmp_path, light, name="plain", reconstruction=steps())
    volume, _, path = run(tmp_path, light, reconstruction=steps({"step": "hardening"}))
    table = hardening_map(load_config(path), "main")
    assert cupping(plain[-3:]) > 0.05
    assert abs(cupping(volume[-3:])) < 0.005  # half a percent
    assert ring_mean(volume[-3:], 0, 0.9) == pytest.approx(table.mu_ref_per_cm, rel=0.005)


@pytest.mark.parametrize("mm", [0.1, 0.3])
def test_a_filter_that_is_wrong_by_a_tenth_of_a_millimetre(tmp_path, mm):
    source = {"tube": "Mo", "kv": 44, "filters": [{"formula": "Al", "mm": mm}]}
    volume, _, _ = run(tmp_path, pellet_light(), source=source, reconstruction=steps({"step": "hardening"}))
    assert abs(cupping(volume[-3:])) < 0.03


@pytest.mark.parametrize("floor", [{}, {"share": 0.01 / 1.01}, {"rows": [0, 6]}])
def test_glare_is_read_in_the_shadow_of_the_steel(tmp_path, floor):
    chain = steps({"step": "floor"} | floor, {"step": "hardening"})
    volume, results, path = run(tmp_path, pellet_light(glare=0.01), reconstruction=chain)
    table = hardening_map(load_config(path), "main")
    assert ring_mean(volume[-3:], 0, 0.9) == pytest.approx(table.mu_ref_per_cm, rel=0.03)  # 3 %
    found = results["scans"]["main"]
    if "share" in floor:
        assert found["floor_share"] is None
    else:
        assert found["floor_share"] == pytest.approx(0.01 / 1.01, rel=0.01)
        assert found["floor_share_std"] >= 0


def test_a_floor_without_a_shadow_asks_for_a_number(tmp_path):
    light = pellet_light()[-1:] * np.ones((ROWS, 1)) * 0.5 + 0.4
    with pytest.raises(ValueError, match="give the floor by hand"):
        run(tmp_path, light, reconstruction=steps({"step": "floor"}))


def test_what_the_collector_lets_through_is_no_floor():
    scans = {"main": ScanEntry(path=Path("a.h5"))}
    source = Source(tube="Mo", kv=44, filters=(Filter(formula="Al", mm=0.2),))
    cell = Cell(preset="kodama-process-3", outer_diameter_mm=1.5)
    config = Config(sample="a", source=source, cell=cell, scans=scans)
    found = collector_share(config, "main")
    spectrum = tube("Mo", 44, filters=[("Al", 0.2)]).filtered(PEEK, 0.05)
    through = (np.exp(-0.1 * MATERIALS["steel"].mu_per_cm(spectrum.energy_kev)) @ spectrum.photons).item()
    open_share = tube("Mo", 44, filters=[("Al", 0.2)]).photons @ np.exp(-0.05 * PEEK.mu_per_cm(spectrum.energy_kev))
    assert 0.5 * through * open_share < found < 2 * through * open_share  # chords shorter than the bore pass more
    thin = config.model_copy(update={"cell": Cell(preset="kodama-process-3", inner_diameter_mm=0.38)})
    with pytest.raises(ValueError, match="the collector itself lets .* of this beam through"):
        collector_share(thin, "main")
    assert collector_share(config.model_copy(update={"source": None}), "main") is None


def cell_in_tube(view, *, cell_um, tube_um) -> np.ndarray:
    """(ROWS, view) transmission at 40 keV of a chlorine electrolyte in a PEEK tube."""
    cell, outer = chords_cm(cell_um, n=view), chords_cm(tube_um, n=view)
    depth = MU_CELL * cell + MU_TUBE * (outer - cell)
    return np.broadcast_to(np.exp(-depth).mean(axis=1), (ROWS, view))


MU_CELL, MU_TUBE = 15.7, 0.89
ONE = {"energy_kev": 40}


def test_a_cut_tube_leaves_the_cell_within_a_twentieth_per_cm(tmp_path):
    sizes = {"cell_um": 380.0, "tube_um": 800.0}
    whole, _, _ = run(tmp_path, cell_in_tube(200, **sizes), name="whole", source=ONE, reconstruction=steps())
    cut = cell_in_tube(N, **sizes)
    plain, results, _ = run(tmp_path, cut, name="plain", source=ONE, reconstruction=steps())
    assert results["scans"]["main"]["biased"] is True
    volume, results, _ = run(tmp_path, cut, source=ONE, reconstruction=steps({"step": "truncation"}))
    assert results["scans"]["main"]["biased"] is False
    truth = ring_mean(whole, 0, 0.9, 380.0)
    assert abs(ring_mean(volume, 0, 0.9, 380.0) - truth) < 0.05
    assert abs(ring_mean(plain, 0, 0.9, 380.0) - truth) > 0.05


def test_a_cut_cell_needs_radius_and_material(tmp_path):
    radius_um = N / 2 * PIXEL_UM / 0.89  # the view is 89 % of the cell
    light = cell_in_tube(N, cell_um=radius_um, tube_um=radius_um)
    known = {"step": "truncation", "outer_diameter_mm": 2e-3 * radius_um, "mu_per_cm": MU_CELL}
    volume, results, _ = run(tmp_path, light, source=ONE, reconstruction=steps(known))
    assert results["scans"]["main"]["biased"] is False
    inside = ring_mean(volume, 0, 0.8, N / 2 * PIXEL_UM)
    assert inside == pytest.approx(MU_CELL, rel=0.03)  # 3 %
    _, results, _ = run(tmp_path, light, name="blind", source=ONE, reconstruction=steps({"step": "truncation"}))
    assert results["scans"]["main"]["biased"] is True

"""Two gases through a run: shares of electrolyte, gas and lithium in mixed electrolyte, beside plain subtraction."""

import json
import logging

import h5py
import numpy as np
import pytest
import yaml

from xelith.materials import MATERIALS, Gas, monochromatic, tube
from xelith.pipeline import two_gas
from xelith.pipeline.known_steps import hardening_map
from xelith.pipeline.loading import load_config
from xelith.pipeline.run import run_config
from xelith.pipeline.store import open_level
from xelith.pipeline.two_gas import open_two_gas
from xelith.segmentation.fractions import split

log = logging.getLogger(__name__)

GASES = {"argon": Gas("argon", 1.0), "xenon": Gas("xenon", 6.0)}
LITHIUM, CARBON, PEEK = MATERIALS["lithium"], MATERIALS["carbon"], MATERIALS["peek"]
ELECTROLYTE, STEEL = MATERIALS["li5.5ps4.5br1.5"], MATERIALS["steel"]
N, VIEWS, PIXEL_UM = 96, 100, 14.0
PELLET_UM, BORE_UM, TUBE_UM = 435.0, 500.0, 600.0  # radii; gas fills the gap around the pellet
ROWS = {"steel": 8, "lithium": 12, "carbon": 8, "electrolyte": 28}
MIXES = {"pure": (0.0, 0.0), "5 % porous": (0.0, 0.05), "10 % lithium": (0.1, 0.0)}  # shares of lithium and gas
FIRST_DEEP = sum(ROWS.values()) - ROWS["electrolyte"] + 8


def quiet(stage, done, total):
    pass


def chords_cm(radius_um, n=N):
    s = ((np.arange(n * 6) + 0.5) / 6 - 0.5 - (n - 1) / 2) * PIXEL_UM
    return 2e-4 * np.sqrt(np.clip(radius_um**2 - s**2, 0, None))


def counts_of(spectrum, gas, mix, *, beside_mm=0.0, n=N, pellet_um=PELLET_UM) -> np.ndarray:
    """(n_rows, n_cols) counts behind a cell of layers that fill the bore, exact chords averaged as intensity."""
    energy = spectrum.energy_kev
    mu_gas = gas.mu_per_cm(energy)
    f_li, f_gas = mix
    mu = {
        "steel": STEEL.mu_per_cm(energy),
        "lithium": LITHIUM.mu_per_cm(energy),
        "carbon": CARBON.mu_per_cm(energy),
        "electrolyte": (1 - f_li - f_gas) * ELECTROLYTE.mu_per_cm(energy)
        + f_li * LITHIUM.mu_per_cm(energy)
        + f_gas * mu_gas,
    }
    wall = np.multiply.outer(chords_cm(TUBE_UM, n) - chords_cm(BORE_UM, n), PEEK.mu_per_cm(energy))
    rows = []
    for name, height in ROWS.items():
        solid = chords_cm(pellet_um if name == "electrolyte" else BORE_UM, n)
        depth = wall + np.multiply.outer(solid, mu[name]) + np.multiply.outer(chords_cm(BORE_UM, n) - solid, mu_gas)
        depth += 0.1 * beside_mm * mu_gas
        light = (np.exp(-depth) @ spectrum.photons).reshape(n, 6).mean(axis=1)
        rows += [light] * height
    return 500 + 4e4 * np.array(rows)


def write_pair(folder, spectrum, mix, **options):
    for name, gas in GASES.items():
        counts = counts_of(spectrum, gas, mix, **options).astype(np.float32)
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file["exchange/data"] = np.broadcast_to(counts, (VIEWS, *counts.shape))
            file["exchange/data_white"] = np.full((2, *counts.shape), 40500, np.float32)
            file["exchange/data_dark"] = np.full((2, *counts.shape), 500, np.float32)
            file["exchange/theta"] = np.arange(VIEWS) * 180.0 / VIEWS


def write_config(folder, *, entry=None, **changes):
    fills = {"argon": {"name": "argon", "pressure_atm": 1}, "xenon": {"name": "xenon", "pressure_atm": 6}}
    values = {
        "sample": "mixed pellet",
        "source": {"tube": "Mo", "kv": 44, "filters": [{"formula": "Al", "mm": 0.2}]},
        "scans": {
            name: {"path": f"{name}.h5", "gas": fill, "pixel_um": PIXEL_UM, "centre_px": (N - 1) / 2} | (entry or {})
            for name, fill in fills.items()
        },
        "cell": {
            "preset": "kodama-process-3",
            "inner_diameter_mm": 2e-3 * BORE_UM,
            "outer_diameter_mm": 2e-3 * TUBE_UM,
            "collector_end": "low",
        },
        "reconstruction": [{"step": "flat-field"}, {"step": "fourier-fbp", "window": "ramp"}],
        "registration": {"method": "none"},
        "two_gas": {"decompose": "on"},
    } | changes
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf8")
    return path


def deep(volume) -> float:
    """Mean over the electrolyte, off its surface and off the wall."""
    y, x = np.ogrid[:N, :N]
    inside = np.hypot(y - (N - 1) / 2, x - (N - 1) / 2) * PIXEL_UM < 0.85 * PELLET_UM
    return float(np.asarray(volume[FIRST_DEEP:])[:, inside].mean())


def tube_beam():
    return tube("Mo", 44, filters=[("Al", 0.2)])


LINEAR = [{"step": "flat-field"}, {"step": "hardening"}, {"step": "fourier-fbp", "window": "ramp"}]


@pytest.mark.parametrize("mix", MIXES)
def test_a_run_finds_the_shares_and_subtraction_does_not(tmp_path, mix):
    """The volumes are linearised, the best that subtraction can have; the decomposition undoes the map first."""
    write_pair(tmp_path, tube_beam(), MIXES[mix])
    path = write_config(tmp_path, reconstruction=LINEAR)
    results = run_config(path, tmp_path / "out", advance=quiet)
    found = open_two_gas(tmp_path / "out" / "xenon.ome.zarr")
    solid, gas = deep(found.electrolyte), deep(found.gas)
    f_li, f_gas = MIXES[mix]
    assert 1 - solid - gas == pytest.approx(f_li, abs=0.01)
    assert gas == pytest.approx(f_gas, abs=0.01)
    assert results["two_gas"]["lithium"] == pytest.approx(f_li, abs=0.01)
    assert results["two_gas"]["gas"] == pytest.approx(f_gas, abs=0.01)
    plain_li, plain_gas = subtracted(path, tmp_path / "out")
    log.info("%s: decomposed %.4f %.4f, subtracted %.4f %.4f", mix, 1 - solid - gas, gas, plain_li, plain_gas)
    assert max(abs(plain_gas - f_gas), abs(plain_li - f_li)) > 0.05


def subtracted(config_path, out) -> tuple[float, float]:
    """Shares of lithium and gas from the difference of the linearised volumes."""
    table = hardening_map(load_config(config_path), "argon")
    beam = tube_beam().filtered(PEEK, 2e-4 * (TUBE_UM - BORE_UM))
    mu = [float(beam.photons @ gas.mu_per_cm(beam.energy_kev)) for gas in GASES.values()]
    argon, xenon = (deep(open_level(out / f"{name}.ome.zarr")) for name in GASES)
    gas = (xenon - argon) / (mu[1] - mu[0])
    return 1 - argon / table.mu_ref_per_cm - gas, gas


def test_one_energy_is_decomposed_too(tmp_path):
    write_pair(tmp_path, monochromatic(25.0), (0.1, 0.05))
    results = run_config(write_config(tmp_path, source={"energy_kev": 25}), tmp_path / "out", advance=quiet)
    assert results["two_gas"]["lithium"] == pytest.approx(0.1, abs=0.01)
    assert results["two_gas"]["gas"] == pytest.approx(0.05, abs=0.01)


def test_gas_in_the_jig_is_taken_off(tmp_path):
    write_pair(tmp_path, tube_beam(), (0.1, 0.0), beside_mm=1.0)
    results = run_config(write_config(tmp_path, entry={"gas_path_mm": 1.0}), tmp_path / "out", advance=quiet)
    assert results["two_gas"]["lithium"] == pytest.approx(0.1, abs=0.01)
    assert results["two_gas"]["gas"] == pytest.approx(0.0, abs=0.01)


def test_a_view_of_89_percent_of_the_cell(tmp_path):
    n = round(0.89 * 2 * BORE_UM / PIXEL_UM)
    write_pair(tmp_path, tube_beam(), MIXES["10 % lithium"], n=n, pellet_um=BORE_UM)
    chain = [{"step": "flat-field"}, {"step": "truncation"}, {"step": "fourier-fbp", "window": "ramp"}]
    path = write_config(tmp_path, reconstruction=chain, entry={"centre_px": (n - 1) / 2})
    found = run_config(path, tmp_path / "out", advance=quiet)["two_gas"]
    assert found["biased"] is True
    assert found["lithium"] == pytest.approx(0.1, abs=0.03)  # 3 %, as µ of a cell that is cut
    assert found["gas"] == pytest.approx(0.0, abs=0.03)


def test_an_interrupted_decomposition_goes_on(tmp_path, monkeypatch):
    write_pair(tmp_path, monochromatic(25.0), (0.1, 0.05))
    monkeypatch.setattr("xelith.pipeline.planning.SLAB_HEIGHTS", (8,))
    path = write_config(tmp_path, source={"energy_kev": 25})
    run_config(path, tmp_path / "whole", advance=quiet)
    work, calls = two_gas._slab_shares, []

    def stop_at_the_third(*args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return work(*args)

    monkeypatch.setattr(two_gas, "_slab_shares", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        run_config(path, tmp_path / "cut", advance=quiet)
    assert open_two_gas(tmp_path / "cut" / "xenon.ome.zarr") is None
    run_config(path, tmp_path / "cut", advance=quiet)
    assert len(calls) == 3 + 5  # seven slabs, two of which were done
    whole, cut = (open_two_gas(tmp_path / name / "xenon.ome.zarr") for name in ("whole", "cut"))
    np.testing.assert_array_equal(cut.gas[:], whole.gas[:])
    np.testing.assert_array_equal(cut.sums.noise, whole.sums.noise)
    relative = split(cut.sums, before=whole.sums)
    assert abs(np.nansum(relative.lithium)) < 1e-9


def test_why_nothing_was_decomposed_is_said(tmp_path):
    write_pair(tmp_path, monochromatic(25.0), (0.0, 0.0))
    changes = {"source": {"energy_kev": 25}, "two_gas": {"decompose": "off"}}
    results = run_config(write_config(tmp_path, **changes), tmp_path / "off", advance=quiet)
    assert results["two_gas"]["reason"] == "two_gas.decompose is off"
    assert results["two_gas"]["lithium"] is None
    assert open_two_gas(tmp_path / "off" / "xenon.ome.zarr") is None
    only = yaml.safe_load(write_config(tmp_path).read_text())
    only["scans"].pop("argon")
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(only), encoding="utf8")
    with pytest.raises(ValueError, match="two_gas.decompose is on, but a scan in argon and one in xenon are needed"):
        run_config(tmp_path / "one.yaml", tmp_path / "one", advance=quiet)
    assert json.loads((tmp_path / "off" / "results.json").read_text())["two_gas"]["block_um"] is None

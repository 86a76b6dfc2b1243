"""Two gases through a run: shares of electrolyte, gas and lithium in mixed electrolyte, beside plain subtraction."""

import json
import logging
import shutil

import cloudpickle
import h5py
import numpy as np
import psutil
import pytest
import yaml
import zarr

from xelith.materials import MATERIALS, Gas, monochromatic, tube
from xelith.pipeline import two_gas_task
from xelith.pipeline.cluster import Threads
from xelith.pipeline.evaluated_shares import compared_shares
from xelith.pipeline.integrity import verify_run
from xelith.pipeline.known_steps import hardening_map
from xelith.pipeline.loading import load_config
from xelith.pipeline.run import run_config
from xelith.pipeline.store import open_level
from xelith.pipeline.two_gas import open_two_gas
from xelith.segmentation.fractions import split

pytestmark = pytest.mark.usefixtures("no_pictures")

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
    image = tmp_path / "out" / "xenon.ome.zarr"
    assert compared_shares(image, tmp_path) is None  # nothing there tells the true shares
    shape = open_level(image).shape
    true = zarr.create_group(tmp_path / "fractions" / "lithium").create_array("0", shape=shape, dtype="f4")
    true[:] = 0.1
    score = compared_shares(image, tmp_path)
    assert abs(score["mean_error"]) < 0.01 and score["blocks"] > 20 and not score["is_relative"]
    true[:] = 0.3
    assert compared_shares(image, tmp_path)["inside"] == 0
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


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A pair in slabs of 8 rows, run on threads, and how many bytes each kind of task takes."""
    folder, sizes = tmp_path_factory.mktemp("pair"), {}

    class Weighing(Threads):
        def run(self, task, todo, finished, *, at_once):
            sizes[type(task).__name__] = len(cloudpickle.dumps(task))
            super().run(task, todo, finished, at_once=at_once)

    write_pair(folder, monochromatic(25.0), (0.1, 0.05))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("xelith.pipeline.planning.SLAB_HEIGHTS", (8,))
        patched.setattr("xelith.pipeline.cluster.Threads", Weighing)
        run_config(write_config(folder, source={"energy_kev": 25}), folder / "whole", advance=quiet)
    (folder / "sizes.json").write_text(json.dumps(sizes))
    return folder


def arrays(run):
    """Everything that the slabs of phases and of two gases wrote."""
    image = run / "xenon.ome.zarr"
    paths = ("labels/phases/0", "fractions/lithium/0", "fractions/electrolyte/0", "fractions/gas/0")
    blocks = [f"fractions/blocks/{name}" for name in ("solid", "pore", "counts", "solid_noise", "pore_noise")]
    return {path: zarr.open_array(image / path, mode="r")[:] for path in (*paths, *blocks)}


def test_an_interrupted_decomposition_goes_on(whole, tmp_path, monkeypatch):
    monkeypatch.setattr("xelith.pipeline.planning.SLAB_HEIGHTS", (8,))
    work, calls = two_gas_task.slab_shares, []

    def stop_at_the_third(pair, slab):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return work(pair, slab)

    monkeypatch.setattr(two_gas_task, "slab_shares", stop_at_the_third)
    path = whole / "run.yaml"
    with pytest.raises(KeyboardInterrupt):
        run_config(path, tmp_path / "cut", advance=quiet)
    assert open_two_gas(tmp_path / "cut" / "xenon.ome.zarr") is None
    run_config(path, tmp_path / "cut", advance=quiet)
    assert len(calls) == 3 + 5  # seven slabs, two of which were done
    expected = arrays(whole / "whole")
    for name, values in arrays(tmp_path / "cut").items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)
    parts = [open_two_gas(folder / "xenon.ome.zarr") for folder in (whole / "whole", tmp_path / "cut")]
    relative = split(parts[1].sums, before=parts[0].sums)
    assert abs(np.nansum(relative.lithium)) < 1e-9


def test_line_integrals_damaged_on_disk_are_redone(whole, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("xelith.pipeline.planning.SLAB_HEIGHTS", (8,))
    work, damaged = two_gas_task.slab_shares, []

    def damage_once(pair, slab):
        if not damaged:
            chunk = sorted((tmp_path / "mended" / ".xelith" / "scratch" / "xenon" / "integrals" / "c").rglob("0"))[-1]
            data = bytearray(chunk.read_bytes())
            data[100] ^= 8
            chunk.write_bytes(bytes(data))
            damaged.append(chunk)
        return work(pair, slab)

    monkeypatch.setattr(two_gas_task, "slab_shares", damage_once)
    with caplog.at_level(logging.WARNING):
        run_config(whole / "run.yaml", tmp_path / "mended", advance=quiet)
    assert "were damaged on disk; redone" in caplog.text
    expected = arrays(whole / "whole")
    for name, values in arrays(tmp_path / "mended").items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


def flip(chunk):
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)


def test_damaged_shares_are_named_and_their_slabs_alone_redone(whole, tmp_path, monkeypatch):
    monkeypatch.setattr("xelith.pipeline.planning.SLAB_HEIGHTS", (8,))
    run, work, redone = tmp_path / "run", two_gas_task.slab_shares, []
    shutil.copytree(whole / "whole", run)
    assert verify_run(run) == []
    shares = "xenon.ome.zarr/fractions"
    damaged = [f"{shares}/blocks/counts/c/5/0/0", f"{shares}/electrolyte/0/c/3/0/0", f"{shares}/gas/0/c/3/0/0"]
    for name in damaged:
        flip(run / name)
    assert verify_run(run) == damaged
    monkeypatch.setattr(two_gas_task, "slab_shares", lambda pair, slab: redone.append(slab.index) or work(pair, slab))
    run_config(whole / "run.yaml", run, advance=quiet)
    assert sorted(redone) == [3, 5]
    assert verify_run(run) == []
    expected = arrays(whole / "whole")
    for name, values in arrays(run).items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


def test_workers_label_and_decompose_the_same_bits_also_when_one_is_killed(whole, tmp_path, monkeypatch):
    monkeypatch.setattr("xelith.pipeline.planning.SLAB_HEIGHTS", (8,))
    config = yaml.safe_load((whole / "run.yaml").read_text()) | {"compute": {"scheduler": "local", "workers": 2}}
    (whole / "local.yaml").write_text(yaml.safe_dump(config), encoding="utf8")
    killed = []

    def kill_in_the_middle(stage, done, total):
        if not killed and stage == "phases" and done == 2:
            children = psutil.Process().children(recursive=True)
            workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
            killed.append(workers[0].pid)
            workers[0].kill()

    def elsewhere(*arguments):
        raise AssertionError("the work was done in this process")

    monkeypatch.setattr(
        "xelith.pipeline.phase_task.apply", elsewhere
    )  # workers are started afresh and see the true one
    monkeypatch.setattr(two_gas_task, "slab_shares", elsewhere)
    run_config(whole / "local.yaml", tmp_path / "local", advance=kill_in_the_middle)
    assert killed
    expected = arrays(whole / "whole")
    for name, values in arrays(tmp_path / "local").items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


def test_what_goes_to_the_workers_is_small(whole):
    sizes = json.loads((whole / "sizes.json").read_text())
    assert set(sizes) == {"ProjectionTask", "SlabTask", "PhasesTask", "SharesTask"}
    assert max(sizes.values()) < 50_000, sizes  # a volume of this test has 2 MB, and the tables of the pair 1 MB


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

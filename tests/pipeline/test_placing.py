"""The cell before charging on the charged scan's grid: moved shares, their noise, and runs of cells that moved."""

import logging
from dataclasses import replace
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import yaml
import zarr
from scipy import ndimage

from xelith.arrays import Block
from xelith.materials import MATERIALS, Gas, Phase, tube
from xelith.materials.lithium import areal_capacity_mah_per_cm2
from xelith.metrology.mixed_zone import RowShares
from xelith.pipeline.mixing import registered_rows
from xelith.pipeline.placed_task import Filled, PlacedTask
from xelith.pipeline.placing import NOT_PLACED, registration_facts, relative_summary
from xelith.pipeline.report_facts import quality_tables
from xelith.pipeline.run import run_config
from xelith.scans.writing import write_data_exchange
from xelith.segmentation.block_sums import block_sums
from xelith.segmentation.bore import Bore
from xelith.segmentation.rigid import RigidMove
from xelith.segmentation.surfaces import Surface
from xelith.simulation import Bore as Tube
from xelith.simulation import (
    CellDesign,
    Charge,
    Collector,
    Deposit,
    Electrolyte,
    Film,
    Pose,
    acquire,
    build_cell,
    truth_of,
)
from xelith.simulation.setups import demo_setup, resized

pytestmark = pytest.mark.usefixtures("no_pictures")

log = logging.getLogger(__name__)

GASES = {"argon": Gas("argon", 1.0), "xenon": Gas("xenon", 6.0)}
PIXEL_UM = 4.5
SHIFT_PX, TURN_DEG = (3.3, -2.7, 1.4), 37.0
START = Pose((-6.0 * PIXEL_UM, 0.0, 0.0))
ELSEWHERE = Pose((-2.7 * PIXEL_UM, -2.7 * PIXEL_UM, 1.4 * PIXEL_UM), float(np.radians(TURN_DEG)))


def quiet(stage, done, total):
    pass


def design(void_share=0.02):
    """A cell without interlayer: half of its lithium is finer than a voxel, within the electrolyte."""
    return CellDesign(
        bore=Tube(270.0, 270.0, voxel_um=2.25, walls_um=(36.0,)),
        collector=Collector(45.0),
        film=Film(pockets=0, bare_spots=0, roughness_um=2.0, correlation_um=40.0),
        carbon=None,
        electrolyte=Electrolyte(void_share=void_share, void_um=8.0),
        deposit=Deposit(film=0.0, mass=0.3, mixed=0.7, mixed_fraction=0.25, mass_um=60.0, mass_height_um=20.0),
        name="kodama-no-interlayer",
    )


def setup(photons=5e4):
    small = resized(demo_setup(), n_rows=48, n_cols=84, n_views=120)
    return replace(small, detector=replace(small.detector, pixel_um=PIXEL_UM), photons=photons)


def write_state(folder, cell, state, pose, seed, scan=None):
    entries = {}
    for index, (name, gas) in enumerate(GASES.items()):
        frames = acquire(cell, gas, scan or setup(), seed=seed + index, pose=pose, threads=1)
        write_data_exchange(folder / f"{state}-{name}.h5", frames, overwrite=True)
        fill = {"name": name, "pressure_atm": gas.pressure_atm}
        entries[name] = {"path": f"{state}-{name}.h5", "gas": fill}
    return entries


def write_config(folder, name, scans, before):
    values = {
        "sample": name,
        "source": {"tube": "Mo", "kv": 44, "filters": [{"formula": "Al", "mm": 0.2}]},
        "scans": scans,
        "before": before,
        "cell": {
            "preset": "kodama-no-interlayer",
            "inner_diameter_mm": 0.27,
            "outer_diameter_mm": 0.342,
            "collector_end": "low",
        },
        "compute": {"memory_gib": 2},
        "two_gas": {"block_std": 0.15},
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf8")
    return path


def simulated(folder, *, seed=3, void_share=0.02, still=True):
    """Scans of a cell after its charge, and before it where it was and elsewhere on the stage; its truth."""
    charge = Charge(float(areal_capacity_mah_per_cm2(14.0)))
    charged = build_cell(design(void_share), charge, seed=seed)
    fresh = build_cell(design(void_share), Charge(0.0), seed=seed)
    scans = write_state(folder, charged, "scans", START, 10 * seed)
    moved = write_state(folder, fresh, "moved", ELSEWHERE, 10 * seed + 2)
    write_config(folder, "moved", scans, moved)
    if still:
        write_config(folder, "still", scans, write_state(folder, fresh, "still", START, 10 * seed + 4))
    return truth_of(charged, setup(), START)


def relative_errors(run, truth):
    """Lithium relative to before less the truth, with its standard deviation, in blocks that are mostly full."""
    group = zarr.open_group(run / "xenon.ome.zarr" / "fractions" / "relative", mode="r")
    found, std, counts = (group[name][:] for name in ("lithium", "lithium_std", "counts"))
    edge = group.attrs["xelith"]["block_px"]
    mean = block_sums(truth.lithium.astype(np.float64), edge) / block_sums(np.ones(truth.lithium.shape), edge)
    chosen = counts == edge**3
    return (found - mean)[chosen], std[chosen]


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """A run whose cell before charging stood elsewhere, its results and the truth."""
    folder = tmp_path_factory.mktemp("moved")
    truth = simulated(folder, still=False)
    return folder, run_config(folder / "moved.yaml", folder / "moved", advance=quiet), truth


def test_a_run_finds_the_cell_before_charging(moved):
    _, results, _ = moved
    found = results["registration_before"]
    assert found["compared"] == "voxels"
    assert found["reason"] is None
    assert found["rotation_deg"] == pytest.approx(TURN_DEG, abs=0.2)  # voxels of 4.5 µm, 60 across, in noise
    np.testing.assert_allclose(found["shift_px"], SHIFT_PX, atol=0.15)
    np.testing.assert_allclose(found["shift_um"], [PIXEL_UM * px for px in found["shift_px"]])
    assert found["tilt_deg"] < 0.3
    table = next(t for t in quality_tables(results) if t["caption"] == "Registration to the scan before charging")
    assert {row["key"] for row in table["rows"]} >= {"registration_before.shift_um", "registration_before.compared"}


def test_lithium_relative_to_before_is_the_true_one_though_the_cell_was_moved(moved):
    folder, results, truth = moved
    error, std = relative_errors(folder / "moved", truth)
    log.info("error %.4f +- %.4f, stated %.4f", error.mean(), error.std(), np.sqrt((std**2).mean()))
    assert error.size >= 20
    assert (np.abs(error) < 3 * std).mean() > 0.95
    two_gas = results["two_gas"]
    assert two_gas["relative_lithium_std"] > 0
    group = zarr.open_group(folder / "moved" / "xenon.ome.zarr" / "fractions" / "relative", mode="r")
    weights = group["counts"][:]
    mean = float(np.nansum(weights * group["lithium"][:]) / weights.sum())
    assert two_gas["relative_lithium"] == pytest.approx(mean, abs=1e-5)
    balance = results["balance"]
    assert balance["mixed_zone_reference"] == "before"
    assert abs(balance["mixed_zone_um"] - truth.mixed_zone_um) < 2 * balance["mixed_zone_um_std"]


@pytest.mark.validate
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_a_cell_that_was_moved_reads_as_one_that_was_not(tmp_path, seed):
    truth = simulated(tmp_path, seed=seed)
    moved, still = (run_config(tmp_path / f"{n}.yaml", tmp_path / n, advance=quiet) for n in ("moved", "still"))
    for section, name in (("two_gas", "relative_lithium"), ("balance", "mixed_zone_um")):
        values, stds = ([run[section][n] for run in (moved, still)] for n in (name, f"{name}_std"))
        log.info("seed %d, %s: %s +- %s", seed, name, np.round(values, 4), np.round(stds, 4))
        assert abs(values[0] - values[1]) < 2 * np.hypot(*stds)  # the charged scan is in both, so that less is expected
    assert abs(moved["balance"]["mixed_zone_um"] - truth.mixed_zone_um) < 3 * moved["balance"]["mixed_zone_um_std"]
    np.testing.assert_allclose(still["registration_before"]["shift_px"], 0.0, atol=0.15)
    for name in ("moved", "still"):
        error, std = relative_errors(tmp_path / name, truth)
        assert (np.abs(error) < 2 * std).mean() > 0.85


def write_pellet(folder, state, seed):
    """Scans of a pellet without a pore, in both gases: exact chords, and counts with noise, the same from all sides."""
    rng, n, views = np.random.default_rng(seed), 84, 120
    beam = tube("Mo", 44, filters=[("Al", 0.2)])
    s = ((np.arange(6 * n) + 0.5) / 6 - 0.5 - (n - 1) / 2) * PIXEL_UM
    bore, outer = (2e-4 * np.sqrt(np.clip(r**2 - s**2, 0, None)) for r in (135.0, 171.0))
    entries = {}
    for name, gas in GASES.items():
        rows = []
        for filling, height in ((MATERIALS["steel"], 6), (gas, 4), (MATERIALS["li5.5ps4.5br1.5"], 38)):
            depth = np.multiply.outer(outer - bore, MATERIALS["peek"].mu_per_cm(beam.energy_kev))
            depth += np.multiply.outer(bore, filling.mu_per_cm(beam.energy_kev))
            rows += [(np.exp(-depth) @ beam.photons).reshape(n, 6).mean(axis=1)] * height
        counts = rng.poisson(5e4 * np.array(rows), (views, len(rows), n))
        with h5py.File(folder / f"{state}-{name}.h5", "w") as file:
            file["exchange/data"] = (counts + 500).astype(np.float32)
            file["exchange/data_white"] = (rng.poisson(5e4, (20, len(rows), n)) + 500).astype(np.float32)
            file["exchange/data_dark"] = np.full((2, len(rows), n), 500, np.float32)
            file["exchange/theta"] = np.arange(views) * 180.0 / views
        fill = {"name": name, "pressure_atm": gas.pressure_atm}
        entries[name] = {"path": f"{state}-{name}.h5", "gas": fill, "pixel_um": PIXEL_UM, "centre_px": (n - 1) / 2}
    return entries


@pytest.mark.validate
def test_a_pellet_without_texture_is_not_guessed(tmp_path):
    states = [write_pellet(tmp_path, state, seed) for seed, state in enumerate(("scans", "before"))]
    results = run_config(write_config(tmp_path, "even", *states), tmp_path / "even", advance=quiet)
    assert results["registration_before"]["shift_um"] is None
    assert "does not tell how the cell was turned" in results["registration_before"]["reason"]
    assert any(note.startswith(NOT_PLACED) for note in results["report"]["notes"])


def test_a_run_goes_on_by_rows_and_rings_where_the_cell_was_not_found(moved, monkeypatch, caplog):
    folder, _, truth = moved
    monkeypatch.setattr("xelith.pipeline.placing._registered", lambda *arguments: "its texture does not tell")
    (folder / "moved" / "results.json").unlink()
    results = run_config(folder / "moved.yaml", folder / "moved", advance=quiet)
    found = results["registration_before"]
    assert found["shift_um"] is None
    assert (found["compared"], found["reason"]) == ("rows and rings", "its texture does not tell")
    assert results["two_gas"]["relative_lithium"] is None
    assert not (folder / "moved" / "xenon.ome.zarr" / "fractions" / "relative").exists()
    assert results["two_gas"]["lithium"] is not None
    assert results["balance"]["mixed_zone_reference"] == "before"
    assert abs(results["balance"]["mixed_zone_um"] - truth.mixed_zone_um) < 3 * results["balance"]["mixed_zone_um_std"]
    assert any(note.startswith(NOT_PLACED) for note in results["report"]["notes"])
    assert any(record.levelno == logging.WARNING and NOT_PLACED in record.getMessage() for record in caplog.records)


def block_task(folder, move, *, collector=None, noise=0.0, n=60):
    """A smooth electrolyte of known shares, to be moved onto a grid of another size."""
    z, y, x = np.indices((40, n, n)).astype(np.float64)
    solid = (0.8 + 0.1 * np.sin(x / 9) + 0.05 * np.cos(y / 7 + z / 11)).astype(np.float32)
    if noise:
        white = np.random.default_rng(5).normal(0, 1, solid.shape)
        solid = solid + noise * (white - ndimage.gaussian_filter(white, 1.0)).astype(np.float32)
    solid[:6] = np.nan
    labels = np.zeros(solid.shape, np.uint8)
    labels[20:24] = Phase.LITHIUM
    group = zarr.create_group(folder / "sums", zarr_format=3)
    for name in ("solid", "pore", "counts"):
        group.create_array(name, shape=(8, 16, 16), dtype="f4", fill_value=0)
    group.create_array("rows", shape=(32, 3, 6), dtype="f4", fill_value=np.nan)
    surfaces = (Surface(5.6, 0.1, "low", 2, 0.9, 0.0), Surface(10.0, 0.1, "high", 2, 0.9, 0.1, settled=2))
    bores = (Bore(31.5, 31.5, 28.0), Bore(30.0, 29.0, 27.0))
    return PlacedTask(solid, 0.5 * solid, labels, surfaces, move, (64, 64), *bores, folder / "sums", 4, 8)


def test_a_slab_is_summed_where_the_cell_was(tmp_path):
    turn = RigidMove((3.3, -1.6, -2.4), (np.radians(37.0), 0.0, 0.0), (0.0, 31.5, 31.5))
    task = block_task(tmp_path, turn)
    for index, (start, stop) in enumerate(((0, 16), (16, 32))):
        task(Block(index, start, stop))
    group = zarr.open_group(tmp_path / "sums", mode="r")
    solid, counts, rows = (group[name][:] for name in ("solid", "counts", "rows"))
    full = counts == 64
    assert 200 < full.sum() < 900
    place = np.argwhere(full)[full.sum() // 2]
    voxels = (place[:, None] * 4 + np.indices((4, 4, 4)).reshape(3, -1)).astype(np.float64)
    z, y, x = turn.moved(voxels)
    true = 0.8 + 0.1 * np.sin(x / 9) + 0.05 * np.cos(y / 7 + z / 11)
    assert solid[tuple(place)] / 64 == pytest.approx(true.mean(), abs=1e-4)  # cubic splines of so smooth a field
    np.testing.assert_allclose(group["pore"][:], 0.5 * solid, rtol=1e-4)
    # rows before 5.6 + 2 - 3.3 of this grid were collector, and are not known; lithium's rows come back 3.3 lower
    assert np.isnan(rows[:4]).all()
    assert np.isfinite(rows[6:]).all()
    np.testing.assert_allclose(rows[16:21, 2].mean(axis=1), [0.3, 1, 1, 1, 0.7], atol=1e-3)
    assert (counts[:2] == 0).all()  # the electrolyte begins at 10 + 2 - 3.3
    assert counts[3:, 8, 8].min() == 64


def test_noise_of_blocks_is_that_of_unmoved_ones(tmp_path):
    """Splines smooth voxels, and blocks hardly: what is stated of moved blocks is taken from unmoved ones."""
    spread = []
    for index, turn_deg in enumerate((0.0, 37.0)):
        folder = tmp_path / str(index)
        folder.mkdir()
        move = RigidMove((0.5, 0.4, -0.5), (np.radians(turn_deg), 0.0, 0.0), (0.0, 31.5, 31.5))
        sums = []
        for noise in (0.0, 0.2):
            (folder / str(noise)).mkdir()
            task = block_task(folder / str(noise), move, noise=noise)
            task(Block(0, 0, 32))
            group = zarr.open_group(folder / str(noise) / "sums", mode="r")
            sums.append(np.where(group["counts"][:] == 64, group["solid"][:] / 64, np.nan))
        spread.append(float(np.nanstd(sums[1] - sums[0])))
    plain = 0.2 * np.random.default_rng(6).normal(0, 1, (80, 80, 80))
    plain = plain - ndimage.gaussian_filter(plain, 1.0)
    own = float((block_sums(plain, 4) / 64)[1:-1, 1:-1, 1:-1].std())
    log.info("blocks of 4: %s moved, %.4f unmoved", spread, own)
    np.testing.assert_allclose(spread, own, rtol=0.25)


def test_rows_that_the_view_before_does_not_reach_take_the_mean_of_the_last_ones():
    n = 20
    labelled = SimpleNamespace(layout=SimpleNamespace(shape=(n, 8, 8)))
    interface, counter = (SimpleNamespace(heights_px=lambda z=z: np.array([z])) for z in (3.2, 19.5))
    frame = SimpleNamespace(interface=interface, counter=counter, anode="low")
    survey = SimpleNamespace(frame=frame, counter_in_view=False)
    before = np.tile(np.arange(float(n))[:, None, None], (1, 3, 6)).astype(np.float32)
    before[:6], before[16:] = np.nan, np.nan
    rows = RowShares(*(np.zeros((16, 6)) for _ in range(3)), np.full(6, 1 / 6), 4, 2.0)
    found = registered_rows(rows, labelled, survey, before)
    assert np.isnan(found.electrolyte[:2]).all()
    np.testing.assert_allclose(found.electrolyte[2:12, 0], np.arange(6, 16))
    np.testing.assert_allclose(found.gas[12:], np.mean(range(10, 16)))


def test_rows_of_nan_repeat_their_neighbours():
    volume = np.arange(24, dtype=np.float32).reshape(6, 2, 2)
    volume[:2] = np.nan
    filled = Filled(volume)
    assert filled.shape == (6, 2, 2)
    np.testing.assert_array_equal(filled[(slice(0, 4),)][0], volume[2])
    np.testing.assert_array_equal(filled[(slice(2, 4),)], volume[2:4])
    assert (filled[(slice(0, 2),)] == 0).all()


def test_what_was_not_registered_is_null_with_its_reason():
    assert registration_facts("no texture")["reason"] == "no texture"
    assert registration_facts("no texture")["compared"] == "rows and rings"
    assert registration_facts(None)["compared"] is None
    assert set(relative_summary("no texture").values()) == {None}
    assert set(relative_summary(None).values()) == {None}

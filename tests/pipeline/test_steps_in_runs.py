"""Each correction as a step of a run: a fault put into the counts of two discs comes out of µ."""

import math
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from pydantic import TypeAdapter

from xelith.materials import MATERIALS
from xelith.pipeline.config import Cell, Config, ScanEntry, Source
from xelith.pipeline.fields import open_fields
from xelith.pipeline.known_steps import known_chain
from xelith.pipeline.run import run_config
from xelith.pipeline.selection import Region, select
from xelith.pipeline.step_rules import check_steps
from xelith.pipeline.steps import (
    Air,
    AnyStep,
    DynamicFlats,
    HalfAcquisition,
    PhaseRetrieval,
    Shifts,
    check_chain,
    step_names,
)
from xelith.pipeline.store import open_level
from xelith.scans.scan import Scan

pytestmark = pytest.mark.usefixtures("no_pictures")

ROWS, COLS, VIEWS, CENTRE = 6, 96, 160, 47.5
PIXEL_UM, FLAT, DARK = 10.0, 20_000.0, 100.0
DISCS = [(12.0, 4.0, 14.0, 6.0), (-18.0, -9.0, 8.0, 12.0)]  # x, y, radius in px; µ in cm^-1
ENDS = [{"step": "fourier-fbp", "window": "ramp"}]


def quiet(stage, done, total):
    pass


def light_of(theta, *, centre_px=CENTRE, cols=COLS, row_shift=None) -> np.ndarray:
    """(n_theta, rows, cols) transmission of two discs, exact chords averaged over each pixel."""
    fine = 8
    s = (np.arange(cols * fine) + 0.5) / fine - 0.5 - np.broadcast_to(np.asarray(centre_px), theta.shape)[:, None]
    depth = np.zeros_like(s)
    for x, y, radius, mu in DISCS:
        off = s - (x * np.cos(theta) + y * np.sin(theta))[:, None]
        depth += 2 * mu * PIXEL_UM * 1e-4 * np.sqrt(np.clip(radius**2 - off**2, 0, None))
    light = np.exp(-depth).reshape(len(theta), cols, fine).mean(axis=2)
    return np.repeat(light[:, None], ROWS, axis=1)


def angles(range_deg=180.0, n=VIEWS) -> np.ndarray:
    return np.deg2rad(range_deg) * np.arange(n) / n


def run(folder: Path, light, steps, *, name="out", theta=None, centre_px=CENTRE, **parts) -> tuple[np.ndarray, dict]:
    """Write counts, run the steps, and return the volume and results.json."""
    theta = angles() if theta is None else theta
    beam = parts.pop("beam", np.full(light.shape[1:], FLAT))
    values = {
        "data": DARK + beam * light,
        "data_white": np.full((4, *light.shape[1:]), FLAT + DARK),
        "data_dark": np.full((2, *light.shape[1:]), DARK),
        "theta": np.rad2deg(theta),
    } | parts
    with h5py.File(folder / "scan.h5", "w") as file:
        for key, value in values.items():
            file[f"exchange/{key}"] = np.asarray(value, np.float32)
    config = {
        "sample": "two discs",
        "source": {"energy_kev": 25},
        "scans": {"main": {"path": "scan.h5", "pixel_um": PIXEL_UM, "centre_px": centre_px}},
        "reconstruction": [{"step": "flat-field"}, *steps, *ENDS],
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(config), encoding="utf8")
    results = run_config(folder / f"{name}.yaml", folder / name, advance=quiet)
    return open_level(folder / name / "main.ome.zarr")[:], results


def mask_of(n, x, y, radius) -> np.ndarray:
    rows, cols = np.ogrid[:n, :n]
    return np.hypot(cols - (n - 1) / 2 - x, rows - (n - 1) / 2 - y) < radius - 3


def off(volume, clean) -> float:
    """Root mean square difference inside the discs, as a share of their µ, in slices off the ends."""
    parts = [((volume - clean)[1:-1][:, mask_of(volume.shape[1], x, y, r)] / mu).ravel() for x, y, r, mu in DISCS]
    return float(np.sqrt(np.mean(np.concatenate(parts) ** 2)))


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> np.ndarray:
    return run(tmp_path_factory.mktemp("clean"), light_of(angles()), [])[0]


def test_a_beam_that_flickers_is_scaled_to_air(tmp_path, clean):
    flicker = 1 + 0.05 * np.random.default_rng(0).standard_normal((VIEWS, ROWS, 1))
    light = light_of(angles()) * flicker
    plain, _ = run(tmp_path, light, [], name="plain")
    mended, _ = run(tmp_path, light, [{"step": "air", "columns": [[0, 8], [88, 96]]}])
    assert off(plain, clean) > 0.005
    assert off(mended, clean) < 1e-4


def test_a_drift_is_undone(tmp_path, clean):
    drift = 8.0 * (np.arange(VIEWS) / (VIEWS - 1) - 0.5)
    light = light_of(angles(), centre_px=CENTRE + drift)
    plain, _ = run(tmp_path, light, [], name="plain")
    mended, _ = run(tmp_path, light, [{"step": "shifts", "drift_px": [0, 8]}])
    assert off(plain, clean) > 0.03
    assert off(mended, clean) < 0.015  # the ringing at the edges of the discs differs between columns and rows


def test_stored_shifts_and_drift_add_up_and_follow_the_bin():
    stored = np.stack([np.arange(5.0), -2 * np.arange(5.0)], axis=1)
    scan = Scan(
        np.ones((5, 4, 8), np.float32), flats=np.full((2, 4, 8), 9, np.float32), theta=np.zeros(5), shifts_px=stored
    )
    chosen = select(scan.shape, Region(bin=2, views=2))
    fields = open_fields(scan, chosen)
    np.testing.assert_allclose(fields.moves(Shifts(), 1, 2), stored[[2, 4]] / 2)
    drifted = fields.moves(Shifts(stored=False, drift_px=(0.0, 3.0)), 0, 3)
    np.testing.assert_allclose(drifted, [[0, 0.75], [0, 0], [0, -0.75]])


def test_flats_that_change_in_shape_are_fitted_to_every_view(tmp_path, clean):
    rng = np.random.default_rng(1)
    wave = np.broadcast_to(np.sin(np.arange(COLS) / 3.0), (ROWS, COLS))
    strengths = 0.06 * rng.standard_normal(24)
    flats = DARK + FLAT * (1 + strengths[:, None, None] * wave)
    beam = FLAT * (1 + 0.06 * rng.standard_normal((VIEWS, 1, 1)) * wave)
    light = light_of(angles())
    plain, _ = run(tmp_path, light, [], name="plain", beam=beam, data_white=flats)
    mended, _ = run(tmp_path, light, [{"step": "dynamic-flats"}], beam=beam, data_white=flats)
    assert off(mended, clean) < 0.25 * off(plain, clean)


def test_half_views_of_a_full_turn_make_a_whole(tmp_path):
    theta, near_edge = angles(360.0, 2 * VIEWS), 7.3
    light = light_of(theta, centre_px=near_edge, cols=56)
    steps = [{"step": "half-acquisition"}]
    volume, results = run(tmp_path, light, steps, theta=theta, centre_px=near_edge)
    assert volume.shape == (ROWS, 96, 96)  # the view reaches 48 columns to the right of the axis
    for x, y, radius, mu in DISCS:
        assert volume[1:-1][:, mask_of(96, x, y, radius)].mean() == pytest.approx(mu, rel=0.005)  # half a percent
    assert results["scans"]["main"]["biased"] is False


def test_fringes_become_absorption(tmp_path, clean):
    ratio, distance_mm, energy_kev = 300.0, 20.0, 25.0
    area_px = distance_mm * 1e3 * 1.23984198e-3 / energy_kev * ratio / (4 * math.pi) / PIXEL_UM**2
    f = np.fft.fftfreq(COLS)
    transfer = 1 + area_px * (2 * np.pi * f) ** 2
    fringed = np.fft.ifft(np.fft.fft(light_of(angles()), axis=2) * transfer, axis=2).real
    plain, _ = run(tmp_path, fringed, [], name="plain")
    step = {"step": "phase", "delta_beta": ratio, "distance_mm": distance_mm}
    mended, _ = run(tmp_path, fringed, [step])
    largest = [float(np.abs(volume - clean)[1:-1].max()) for volume in (plain, mended)]
    assert largest[1] < 0.02 * largest[0]  # edges of the frame are repeated, not periodic


def test_delta_and_beta_come_from_the_cell_and_the_beam():
    scans = {"main": ScanEntry(path=Path("a.h5"))}
    chain = (PhaseRetrieval(distance_mm=5.0, material="casing"),)
    config = Config(sample="a", source=Source(energy_kev=20), cell=Cell(preset="kodama-process-3"), scans=scans)
    config = config.model_copy(update={"reconstruction": (*chain, *config.reconstruction[-1:])})
    step = known_chain(config, "main")[0]
    peek = MATERIALS["peek"]
    beta = float(peek.mu_per_cm(20.0)) * 1.23984198e-7 / 20.0 / (4 * math.pi)  # wavelength in cm
    assert step.energy_kev == 20.0
    assert step.delta_beta == pytest.approx(peek.decrement(20.0) / beta, rel=1e-6)
    bare = config.model_copy(update={"source": None})
    with pytest.raises(ValueError, match="step phase needs the beam"):
        known_chain(bare, "main")
    missing = config.model_copy(update={"cell": Cell()})
    with pytest.raises(ValueError, match="names casing, which the cell does not have"):
        known_chain(missing, "main")


FINE = [(30, 31, 0.06), (60, 62, -0.06)]
WIDE = [(26, 33, 0.6)]


@pytest.mark.parametrize(
    ("step", "stripes"),
    [
        ({"method": "mean"}, FINE),
        ({"method": "sorting"}, FINE),
        ({"method": "large", "size": 21, "snr": 1.5}, WIDE),
        ({"method": "all"}, FINE),
        ({"method": "wavelet"}, FINE),
    ],
    ids=lambda value: value["method"] if isinstance(value, dict) else "",
)
def test_rings_go_by_every_method(tmp_path, clean, step, stripes):
    gain = np.ones((ROWS, COLS))
    for first, last, change in stripes:
        gain[:, first:last] += change
    light = light_of(angles()) * gain
    plain, _ = run(tmp_path, light, [], name="plain")
    mended, _ = run(tmp_path, light, [{"step": "rings", **step}])
    spared, _ = run(tmp_path, light_of(angles()), [{"step": "rings", **step}], name="spared")
    ring = [float(np.abs(volume - same).mean()) for volume, same in ((plain, clean), (mended, spared))]
    assert ring[1] < 0.6 * ring[0]


def test_a_column_that_is_dead_in_the_views_alone_is_filled(tmp_path, clean):
    light = light_of(angles())
    light[:, :, 40] = 0.5
    plain, _ = run(tmp_path, light, [], name="plain")
    mended, _ = run(tmp_path, light, [{"step": "rings", "method": "dead"}])
    ring = [float(np.abs(volume - clean).mean()) for volume in (plain, mended)]
    assert ring[1] < 0.2 * ring[0]


def test_hot_pixels_are_judged_by_the_limits_given(tmp_path, clean):
    counts = DARK + FLAT * light_of(angles())
    counts[:, 3, 50] *= 1.5  # a pixel whose offset grew after its flats
    dark = np.full((2, ROWS, COLS), DARK)
    dark[:, 3, 50] = DARK + 0.4 * FLAT  # below the limit that holds without the step
    changes = {"data": counts, "data_dark": dark}
    plain, _ = run(tmp_path, light_of(angles()), [], name="plain", **changes)
    mended, _ = run(tmp_path, light_of(angles()), [{"step": "bad-pixels", "hot": 0.3}], **changes)
    assert np.abs(plain[3] - clean[3]).mean() > 4 * np.abs(mended[3] - clean[3]).mean()


def test_steps_in_the_wrong_order_or_for_another_beam_are_refused():
    assert {"phase", "shifts", "air", "dynamic-flats", "bad-pixels", "half-acquisition"} <= set(step_names())
    chain = config_chain("phase", "flat-field", "fourier-fbp")
    with pytest.raises(ValueError, match="the order that works is"):
        check_chain(chain)
    with pytest.raises(ValueError, match="half-acquisition is for parallel beam"):
        check_chain(config_chain("flat-field", "half-acquisition", "fdk"))


def config_chain(*names):
    return TypeAdapter(tuple[AnyStep, ...]).validate_python([{"step": name} for name in names])


SCAN = Scan(np.ones((8, 4, 40), np.float32), flats=np.full((2, 4, 40), 9, np.float32), theta=np.linspace(0, 3, 8))


@pytest.mark.parametrize(
    ("step", "changes", "message"),
    [
        (Air(columns=((0, 50),)), {}, "outside the columns 0 to 40"),
        (Air(columns=((0, 1),)), {}, "narrower than two bins"),
        (Shifts(), {}, "the file stores no shifts"),
        (PhaseRetrieval(), {}, "needs distance_mm"),
        (DynamicFlats(), {}, "needs 3 flats at least"),
        (HalfAcquisition(), {}, "needs views over 360 degrees, and they span 172"),
        (Air(columns=((0, 9),)), {"is_line_integral": True}, "works on counts"),
    ],
)
def test_steps_that_lack_something_say_so_before_anything_is_read(step, changes, message):
    scan = replace(SCAN, **changes)
    with pytest.raises(ValueError, match=message):
        check_steps("main", scan, select(scan.shape, Region()), (step,))

"""The demo's cell and scan: the numbers that the demo is judged by (its scans are made in the pipeline's tests)."""

import numpy as np
import pytest

from xelith.materials import Phase
from xelith.simulation import build_cell, demo
from xelith.simulation.construction import FILM
from xelith.simulation.demo import DEMO, GASES, POSE, demo_acquisition, demo_scans
from xelith.simulation.presets import Preset


@pytest.fixture(scope="module")
def demo_cell():
    return build_cell(DEMO.design, DEMO.charge)


def test_the_film_is_64_7_um(demo_cell):
    area_um2 = demo_cell.area_cm2 * 1e8
    assert demo_cell.lithium_um3() / area_um2 == pytest.approx(64.654, abs=1e-3)
    assert area_um2 == pytest.approx(np.pi * 190.0**2, rel=1e-3)


def test_cell_and_casing_lie_in_the_view(demo_cell):
    acquisition = demo_acquisition()
    detector = acquisition.detector
    assert detector.shape == (90, 240)
    right_um = (detector.n_cols - 1 - acquisition.axis_px + 0.5) * detector.pixel_um
    assert demo_cell.outer_radius_um + 5 < right_um  # some open beam is left on the narrower side
    top_um = -POSE.shift_um[0] + detector.n_rows * detector.pixel_um
    assert top_um <= demo_cell.height_um
    film = np.flatnonzero((demo_cell.labels == FILM)[:, demo_cell.inside].any(axis=1))
    assert film.min() == 23
    assert film.max() * demo_cell.voxel_um < top_um - 40  # carbon and electrolyte lie above


def test_two_gases_make_two_scans(monkeypatch, small_design, small_charge, small_scan, small_pose):
    monkeypatch.setattr(demo, "DEMO", Preset(small_design, small_charge, "small"))
    monkeypatch.setattr(demo, "demo_acquisition", lambda: small_scan)
    monkeypatch.setattr(demo, "POSE", small_pose)
    seen = []
    cell, scans, truth = demo_scans(seed=2, progress=lambda name, done: seen.append((name, done)))
    assert cell.name == "small"
    assert list(scans) == list(GASES) == ["argon", "xenon"]
    assert [scan.provenance["seed"] for scan in scans.values()] == [4, 5]
    assert seen[-1] == ("xenon", 20)
    assert (truth.labels == Phase.LITHIUM).any()

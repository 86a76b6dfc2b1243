"""The argon scan on the xenon scan's grid: found on a moved twin, applied slab by slab."""

import json
from dataclasses import replace

import numpy as np
import pytest

from xelith.pipeline.alignment import NEGLIGIBLE_PX, Aligned, Moved, align, largest_shift_px, recorded_move
from xelith.pipeline.loading import load_config
from xelith.pipeline.run import run_config
from xelith.pipeline.training_files import open_images
from xelith.scans import write_data_exchange
from xelith.segmentation.rigid import RigidMove
from xelith.segmentation.rigid_fit import Registration
from xelith.simulation.acquisition import Pose
from xelith.simulation.demo import DEMO, GASES, POSE
from xelith.simulation.setups import demo_setup, resized
from xelith.simulation.twin import twin

pytestmark = pytest.mark.usefixtures("no_pictures")

SHIFT_UM, TURN_RAD = (1.6, 2.4, -3.0), 0.01
CONFIG = """\
sample: moved twin
source: {{tube: Mo, kv: 44, filters: [{{formula: Al, mm: 0.2}}]}}
scans:
  argon: {{path: argon.h5, gas: {{name: argon, pressure_atm: 1}}}}
  xenon: {{path: xenon.h5, gas: {{name: xenon, pressure_atm: 6}}}}
cell: {{preset: kodama-process-3, inner_diameter_mm: {inner}, outer_diameter_mm: {outer}}}
"""


def quiet(stage: str, done: int, total: int) -> None:
    """Stand in for progress bars."""


def test_a_moved_volume_is_resampled_where_it_is_read():
    volume = np.random.default_rng(0).normal(size=(12, 9, 10)).astype(np.float32)
    still = Moved(volume, RigidMove(), volume.shape)
    np.testing.assert_allclose(still[3:7], volume[3:7], atol=1e-5)  # splines through the voxels
    np.testing.assert_allclose(still[3:7, 2:5, 1:4], volume[3:7, 2:5, 1:4], atol=1e-5)
    np.testing.assert_allclose(still[4], volume[4], atol=1e-5)
    assert still[5:5].shape == (0, 9, 10)
    whole = Moved(volume, RigidMove(shift_px=(1.0, 0.0, 2.0)), volume.shape)
    np.testing.assert_allclose(whole[3:7, :, :6], volume[4:8, :, 2:8], atol=1e-5)
    with pytest.raises(ValueError, match="slice them in steps of 1"):
        whole[::2]


def test_the_largest_shift_is_that_of_a_corner():
    shape = (11, 21, 21)
    assert largest_shift_px(RigidMove(), shape) == 0
    assert largest_shift_px(RigidMove(shift_px=(3.0, 0.0, 4.0)), shape) == pytest.approx(5)
    turn = RigidMove(rotation_rad=(0.01, 0.0, 0.0), centre_px=(5.0, 10.0, 10.0))
    assert largest_shift_px(turn, shape) == pytest.approx(0.01 * np.hypot(10, 10), rel=1e-3)  # small angles
    assert NEGLIGIBLE_PX < 0.1


def test_what_was_not_measured_is_null():
    assert set(Aligned({}, None, 2.0).as_dict().values()) == {None}


def test_a_move_is_read_as_it_was_written():
    move = RigidMove((1.5, -0.25, 2.0), (0.01, -0.002, 0.003), (20.0, 40.5, 41.25))
    found = Registration(move, (0.01, 0.01, 0.01), 0.1, 0.99, 8)
    read = recorded_move(Aligned({}, found, 2.0).as_dict(), 2.0)
    points = np.random.default_rng(1).uniform(0, 80, (3, 50))
    np.testing.assert_allclose(read.moved(points), move.moved(points), atol=1e-9)
    assert recorded_move({"shift_um": None}, 2.0) is None
    assert recorded_move({"shift_um": [0, 0, 0], "rotation_deg": 0.0}, 2.0) is None  # of an older run


def test_a_pair_that_does_not_match_is_left_and_said(monkeypatch):
    def refuse(*args):
        raise ValueError("the scans do not match: correlation 0.10")

    monkeypatch.setattr("xelith.pipeline.alignment.register", refuse)
    volumes = {"argon": np.zeros((4, 4, 4)), "xenon": np.zeros((4, 4, 4))}
    aligned = align(volumes, {"argon": None, "xenon": None}, 2.0)
    assert aligned.volumes is volumes
    assert "not brought into register: the scans do not match" in aligned.note


@pytest.mark.parametrize(
    ("seed", "bore_um", "rows", "columns", "views"),
    [(4, 280, 76, 180, 200), pytest.param(3, 380, 90, 240, 360, marks=pytest.mark.validate)],  # that of the demo
)
def test_a_moved_twin_is_registered_and_measured(tmp_path, seed, bore_um, rows, columns, views):
    moved = Pose(shift_um=tuple(a + b for a, b in zip(POSE.shift_um, SHIFT_UM, strict=True)), turn_rad=TURN_RAD)
    bore = replace(DEMO.design.bore, inner_diameter_um=float(bore_um), height_um=2.0 * rows + 12)
    preset = replace(DEMO, design=replace(DEMO.design, bore=bore))
    scanner = resized(demo_setup(), n_rows=rows, n_cols=columns, n_views=views)
    made = twin(preset, scanner, GASES, seed=seed, poses={"argon": moved, "xenon": POSE})
    for name, scan in made.scans.items():
        write_data_exchange(tmp_path / f"{name}.h5", scan)
    (tmp_path / "run.yaml").write_text(CONFIG.format(inner=bore_um / 1000, outer=bore_um / 1000 + 0.068))
    assert load_config(tmp_path / "run.yaml").registration.method == "auto"
    results = run_config(tmp_path / "run.yaml", tmp_path / "out", advance=quiet)
    found = results["registration"]
    np.testing.assert_allclose(found["shift_um"], SHIFT_UM, atol=0.1)  # a twentieth of a voxel of 2 µm
    assert found["rotation_deg"] == pytest.approx(np.degrees(TURN_RAD), abs=0.01)
    images = open_images(tmp_path / "out")  # what is learnt from lies on one grid, too
    assert np.abs(np.subtract(images.volumes["argon"].move.shift_px, np.array(SHIFT_UM) / 2)).max() < 0.05
    truth = made.truth.summary()["mean_thickness_um"]
    assert results["deposit"]["mean_thickness_um"] == pytest.approx(truth, rel=0.02)  # a voxel is 3 %
    assert json.loads((tmp_path / "out" / "results.json").read_text())["registration"] == found

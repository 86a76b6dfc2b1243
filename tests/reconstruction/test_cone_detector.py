import math
from dataclasses import replace

import numpy as np
import pytest

from xelith.reconstruction.cone_detector import (
    Grid,
    checked_beam,
    real_rows,
    rows_reached,
    straight_to_real,
    straighten,
)
from xelith.scans.geometry import ConeBeam, ParallelBeam

CONE = ConeBeam(100.0, 50.0, 200.0, centre_px=31.5, row_px=23.5)
BEAM = checked_beam(CONE, (48, 64))
TURNED = replace(BEAM, turns_rad=(0.03, -0.05, 0.08))


def test_missing_row_is_the_middle_one():
    assert checked_beam(replace(CONE, row_px=None), (48, 64)).row_px == 23.5
    assert checked_beam(replace(CONE, row_px=3.0), (48, 64)).row_px == 3.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pixel_um": None}, "pixel_um is None; give the pitch of the detector itself"),
        ({"centre_px": None}, "centre_px is None; find the axis first"),
        ({"source_axis_mm": 300.0}, "the axis lies between source and detector"),
        ({"source_axis_mm": 0.0}, "the axis lies between source and detector"),
        ({"direction": 0}, "direction is 0; give 1 or -1"),
    ],
)
def test_impossible_beams_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        checked_beam(replace(CONE, **change), (48, 64))


def test_parallel_beam_is_refused():
    with pytest.raises(TypeError, match="ParallelBeam; fdk needs a ConeBeam"):
        checked_beam(ParallelBeam(1.0, 2.0), (48, 64))


def test_grid_is_centred_on_axis_and_central_ray():
    grid = Grid(0.1, (5, 4, 3), (0, 0, 0), (5, 4, 3))
    np.testing.assert_allclose(grid.centres_mm(0), [-0.2, -0.1, 0, 0.1, 0.2])
    np.testing.assert_allclose(grid.centres_mm(1), [-0.15, -0.05, 0.05, 0.15])
    part = Grid(0.1, (5, 4, 3), (3, 1, 0), (5, 2, 3))
    np.testing.assert_allclose(part.centres_mm(0), [0.1, 0.2])
    assert part.window == (2, 1, 3)
    assert part.farthest_mm == pytest.approx(math.hypot(0.05, 0.1))


@pytest.mark.parametrize("is_offset", [False, True])
def test_rays_at_the_edge_of_the_detector_touch_the_view(is_offset):
    beam = replace(BEAM, centre_px=20.0)
    radius = beam.radius_mm(is_offset=is_offset)
    column = 63.5 if is_offset else -0.5
    angle = math.atan(abs(column - 20.0) * 0.1 / 200)
    assert radius == pytest.approx(50 * math.sin(angle))


def test_every_voxel_falls_between_the_rows_reached():
    grid = Grid(0.025, (48, 64, 64), (40, 0, 0), (45, 64, 64))
    start, stop = rows_reached(BEAM, grid, 0.7)
    rng = np.random.default_rng(0)
    angle, rho = rng.uniform(0, 2 * np.pi, 5000), 0.7 * np.sqrt(rng.uniform(0, 1, 5000))
    z = rng.choice(grid.centres_mm(0), 5000)
    rows = 23.5 + z * 200 / (50 + rho * np.cos(angle)) / 0.1
    assert start <= rows.min()
    assert rows.max() <= stop - 1
    assert stop - start <= rows.max() - rows.min() + 3


@pytest.mark.parametrize("beam", [BEAM, TURNED])
def test_rows_of_the_real_detector_stay_on_it(beam):
    assert real_rows(beam, (-40, -30)) == (0, 1)
    assert real_rows(beam, (-20, 100)) == (0, 48)
    start, stop = real_rows(beam, (20, 30))
    assert start <= 20
    assert stop >= 30


def test_straight_detector_is_told():
    assert BEAM.is_straight
    assert not TURNED.is_straight


@pytest.mark.parametrize("name", ["detector_tilt_rad", "detector_pitch_rad", "detector_slant_rad"])
def test_turned_detector_meets_the_rays_in_space(name):
    """A point of the real detector, its ray to the source, and the ideal plane: in 3-D, by hand."""
    angle = 0.1
    beam = checked_beam(replace(CONE, **{name: angle}), (48, 64))
    c, s = math.cos(angle), math.sin(angle)
    ways = {  # the columns' and the rows' way as (u along columns, w along the beam, v along rows)
        "detector_tilt_rad": ((c, 0, s), (-s, 0, c)),  # columns turn towards rows
        "detector_pitch_rad": ((1, 0, 0), (0, -s, c)),  # high rows come nearer
        "detector_slant_rad": ((c, s, 0), (0, 0, 1)),  # high columns move away
    }
    across, along = (np.array(way) for way in ways[name])
    row, col = 40.0, 10.0
    point = np.array([0, 200, 0]) + 0.1 * ((col - 31.5) * across + (row - 23.5) * along)
    u, _, v = point * 200 / point[1]
    found = straight_to_real(beam, 23.5 + v / 0.1, 31.5 + u / 0.1)
    assert found == (pytest.approx(row), pytest.approx(col))


def test_straighten_reads_the_scene_as_an_ideal_detector_would(xp):
    def scene(rows, cols):
        return np.exp(-((rows - 20) ** 2 + (cols - 36) ** 2) / 50)

    rows, cols = np.indices((48, 64)).astype(float)
    # what the turned detector sees: invert the map by fixed-point steps
    ideal_rows, ideal_cols = rows.copy(), cols.copy()
    for _ in range(30):
        there_rows, there_cols = straight_to_real(TURNED, ideal_rows, ideal_cols)
        ideal_rows, ideal_cols = ideal_rows + rows - there_rows, ideal_cols + cols - there_cols
    seen = xp.asarray(scene(ideal_rows, ideal_cols)[None], dtype=xp.float32)
    found = straighten(seen[:, 4:], TURNED, (10, 30), 4)[0, :, 8:-8]
    expected = xp.asarray(scene(rows, cols)[10:30, 8:-8])
    assert float(abs(found - expected).max()) < 2e-3  # cubic splines on a bump 5 pixels wide

import sys

import numpy as np
import pytest

from xelith.reconstruction.fdk import fdk
from xelith.reconstruction.projectors import back, forward
from xelith.scans.geometry import ConeBeam, ParallelBeam

PARALLEL = ParallelBeam(100.0, 23.5)
CONE = ConeBeam(200.0, 60.0, 120.0, 23.5, 15.5)
THETA = np.array([0.0, 0.3, 1.0, 2.2, 4.5])


def ball(shape, voxel_mm, centre_mm, radius_mm, samples=5):
    """Share of every voxel inside a ball."""
    axes = [(np.arange(n * samples) - (n * samples - 1) / 2) * voxel_mm / samples for n in shape]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    inside = (x - centre_mm[0]) ** 2 + (y - centre_mm[1]) ** 2 + (z - centre_mm[2]) ** 2 < radius_mm**2
    n_z, n_y, n_x = shape
    return inside.reshape(n_z, samples, n_y, samples, n_x, samples).mean((1, 3, 5)).astype(np.float32)


@pytest.mark.parametrize("geometry", [PARALLEL, CONE])
def test_inner_products_agree(geometry):
    rng = np.random.default_rng(0)
    volume, projections = rng.random((32, 40, 44), dtype=np.float32), rng.random((5, 32, 48), dtype=np.float32)
    seen = forward(volume, THETA, geometry, detector=(32, 48))
    smeared = back(projections, THETA, geometry, shape=volume.shape)
    one = np.vdot(seen.astype(np.float64), projections)
    assert one == pytest.approx(np.vdot(volume, smeared.astype(np.float64)), rel=1e-6)


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("source_mm", [np.inf, 60.0])
def test_chords_of_a_ball_are_seen_in_both_beams(source_mm, direction):
    centre, radius = np.array((1.0, 0.6, 0.5)), 0.9
    is_cone = np.isfinite(source_mm)
    geometry = ConeBeam(200.0, source_mm, 2 * source_mm, 23.5, 15.5, direction) if is_cone else PARALLEL
    found = forward(ball((32, 48, 48), 0.1, centre, radius), THETA, geometry)
    rows, cols = ((np.arange(3 * n) - (3 * n - 1) / 2) / 30 for n in (32, 48))  # mm at the axis, nine rays a pixel
    for view, angle in zip(found, THETA * (direction if is_cone else 1), strict=True):
        c, s = np.cos(angle), np.sin(angle)
        across, depth = centre[0] * c + centre[1] * s, -centre[0] * s + centre[1] * c
        miss = (cols - across) ** 2 + (rows[:, None] - centre[2]) ** 2
        if is_cone:
            ray = np.stack(np.broadcast_arrays(cols, source_mm, rows[:, None]), -1)
            ray = ray / np.linalg.norm(ray, axis=-1, keepdims=True)
            to_ball = np.array((across, source_mm + depth, centre[2]))
            miss = to_ball @ to_ball - (ray @ to_ball) ** 2
        chord = 2 * np.sqrt(np.maximum(radius**2 - miss, 0)) / 10
        expected = chord.reshape(32, 3, 48, 3).mean((1, 3))
        assert abs(view - expected).mean() < 0.003 * 0.18
        assert abs(view - expected).max() < 0.08 * 0.18  # the edge of a ball of voxels a ninth of its radius
        assert view.sum() == pytest.approx(expected.sum(), rel=0.002)


def test_parallel_projection_is_the_exact_strip_of_each_square():
    """A square of 1 cm^-1 at 45 degrees: a triangle of base 2 sqrt 2 / 2, averaged over each pixel."""
    volume = np.zeros((1, 9, 9), np.float32)
    volume[0, 4, 4] = 1
    found = forward(volume, [np.pi / 4], ParallelBeam(1e4, 4.0))[0, 0]
    half, peak = np.sqrt(0.5), np.sqrt(2)
    middle = peak * (1 - 0.5 / half / 2) * 1.0  # mean height over the middle pixel
    assert found[4] == pytest.approx(middle, abs=1e-6)
    assert found[3] == pytest.approx((1 - middle) / 2, abs=1e-6)
    assert found.sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("voxel_um", [35.0, 100.0, 240.0])
def test_amount_is_kept_in_every_parallel_view(voxel_um):
    volume = np.random.default_rng(0).random((5, 7, 9), dtype=np.float32)
    found = forward(volume, THETA, PARALLEL, voxel_um=voxel_um, detector=(16, 48))
    area = volume.sum() * (voxel_um / 1e4) ** 3 / (100 / 1e4) ** 2
    np.testing.assert_allclose(found.sum((1, 2)), area, rtol=1e-5)


def test_cone_of_growing_distance_tends_to_parallel_beam():
    volume = np.random.default_rng(0).random((9, 20, 20), dtype=np.float32)
    parallel = forward(volume, THETA, ParallelBeam(100.0, 9.3))
    differences = [
        abs(forward(volume, THETA, ConeBeam(100.0, far, far, 9.3, 4.0)) - parallel).max() for far in (1e2, 1e3, 1e4)
    ]
    assert differences[0] > 5 * differences[1] > 25 * differences[2]
    assert differences[2] < 1e-3 * parallel.max()


def test_moved_object_is_a_moved_detector():
    volume = ball((20, 40, 40), 0.1, (0.4, -0.3, 0.2), 0.6)
    moved = np.roll(volume, 5, axis=0)
    first = forward(volume, THETA, PARALLEL, detector=(20, 48))
    np.testing.assert_allclose(forward(moved, THETA, PARALLEL, detector=(20, 48)), np.roll(first, 5, axis=1), atol=1e-6)
    shifted = forward(volume, THETA, ParallelBeam(100.0, 26.5), detector=(20, 48))
    np.testing.assert_allclose(shifted[:, :, 3:], first[:, :, :-3], atol=1e-6)


def test_fdk_undoes_the_projection():
    beam = ConeBeam(200.0, 60.0, 120.0, 31.5, 15.5)
    theta = np.arange(90) * 2 * np.pi / 90
    volume = ball((32, 64, 64), 0.1, (0.5, 0.4, 0.1), 1.2)
    found = fdk(forward(volume, theta, beam), theta, beam, window="hann")
    inside = ball((32, 64, 64), 0.1, (0.5, 0.4, 0.1), 0.8) == 1
    assert found[inside].mean() == pytest.approx(1, abs=0.005)


def test_number_of_threads_changes_no_bit(monkeypatch):
    volume = np.random.default_rng(0).random((20, 24, 24), dtype=np.float32)
    seen, smeared = [], []
    for threads in (1, 2):
        monkeypatch.setattr(sys.modules["xelith.arrays.blocks"], "thread_count", lambda _=None, n=threads: n)
        seen.append(forward(volume, THETA, CONE))
        smeared.append(back(seen[0], THETA, CONE))
    np.testing.assert_array_equal(*seen)
    np.testing.assert_array_equal(*smeared)


def test_result_lies_where_the_input_lies(xp):
    volume = xp.ones((3, 5, 5), dtype=xp.float32)
    seen = forward(volume, THETA, ParallelBeam(100.0, 2.0))
    assert type(seen) is type(volume)
    assert type(back(seen, THETA, ParallelBeam(100.0, 2.0))) is type(volume)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"volume": np.ones((3, 4))}, r"volume has shape \(3, 4\)"),
        ({"theta": []}, "one finite angle in rad for every view"),
        ({"theta": [np.inf]}, "one finite angle in rad for every view"),
        ({"geometry": ParallelBeam(None, 2.0)}, "pixel_um is None; give the pixel at the sample"),
        ({"geometry": ParallelBeam(1.0, None)}, "centre_px is None"),
        ({"geometry": ConeBeam(200.0, 1.0, 2.0, 2.0), "voxel_um": 900.0}, "take fewer or smaller voxels"),
        ({"geometry": ConeBeam(1.0, 9.0, 9.0, 2.0, detector_tilt_rad=0.1)}, "resample the projections"),
        ({"voxel_um": -1.0}, "voxel_um is -1.0"),
        ({"detector": (0, 3)}, "detector is"),
    ],
)
def test_forward_refuses_what_does_not_fit(change, message):
    given = {"volume": np.ones((3, 4, 4)), "theta": [0.0], "geometry": ParallelBeam(1.0, 1.5)} | change
    with pytest.raises(ValueError, match=message):
        forward(given.pop("volume"), given.pop("theta"), given.pop("geometry"), **given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"projections": np.ones((3, 4))}, r"projections have shape \(3, 4\)"),
        ({"theta": [0.0]}, "theta has 1 angles and there are 2 views"),
        ({"shape": (1, 2)}, "give slices, lines and columns"),
    ],
)
def test_back_refuses_what_does_not_fit(change, message):
    given = {"projections": np.ones((2, 3, 4)), "theta": [0.0, 1.0]} | change
    with pytest.raises(ValueError, match=message):
        back(given.pop("projections"), given.pop("theta"), PARALLEL, **given)

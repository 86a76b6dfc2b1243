import sys
from dataclasses import replace

import numpy as np
import pytest

from xelith.reconstruction.fbp import fbp
from xelith.reconstruction.fdk import detector_rows, fdk
from xelith.scans.geometry import ConeBeam, ParallelBeam

BEAM = ConeBeam(200.0, 60.0, 120.0, centre_px=31.5, row_px=31.5)  # half the cone is 3 degrees
VOXEL = 0.1
TURN = np.arange(120) * 2 * np.pi / 120


def ball_projections(theta, beam, centre_mm, radius_mm, n_rows=64, n_cols=64):
    """Line integrals of a ball of 1 cm^-1, mean of 2 x 2 rays a pixel; detector turned as conventions say."""
    turns = (beam.detector_tilt_rad, beam.detector_pitch_rad, beam.detector_slant_rad)  # one of them at most
    (ct, cp, cs), (st, sp, ss) = np.cos(turns), np.sin(turns)
    across, along = np.array((ct * cs, ss, st)), np.array((-st, -sp, ct * cp))  # along columns, beam, rows
    w0 = np.array((0.0, 1.0, 0.0))
    result = np.zeros((len(theta), n_rows, n_cols))
    for dv, du in np.ndindex(2, 2):
        u = ((np.arange(n_cols) + du / 2 - 0.25 - beam.centre_px) * beam.pixel_um / 1000)[None, :, None]
        v = ((np.arange(n_rows) + dv / 2 - 0.25 - beam.row_px) * beam.pixel_um / 1000)[:, None, None]
        ray = beam.source_detector_mm * w0 + u * across + v * along
        ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
        for view, angle in enumerate(beam.direction * np.asarray(theta)):
            x, y, z = centre_mm
            seen = (x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle), z)
            to_ball = np.add(seen, (0, beam.source_axis_mm, 0))
            along_ray = ray @ to_ball
            result[view] += 2 * np.sqrt(np.maximum(radius_mm**2 - to_ball @ to_ball + along_ray**2, 0)) / 40
    return result.astype(np.float32)


def distance_mm(volume, centre_mm, voxel_mm=VOXEL):
    """Distance of every voxel from a point."""
    axes = [(np.arange(n) - (n - 1) / 2) * voxel_mm for n in volume.shape]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return np.sqrt((x - centre_mm[0]) ** 2 + (y - centre_mm[1]) ** 2 + (z - centre_mm[2]) ** 2)


@pytest.mark.parametrize("centre", [(0, 0, 0), (1.9, 0, 0), (-1.2, -1.4, 0.5), (0, 0, 1.8), (0.8, -1.2, -1.5)])
def test_ball_has_its_attenuation_wherever_it_stands(centre):
    volume = fdk(ball_projections(TURN, BEAM, centre, 0.9), TURN, BEAM)
    inside = distance_mm(volume, centre) < 0.9 - 3 * VOXEL
    assert volume[inside].mean() == pytest.approx(1, abs=0.005)
    assert volume[inside].std() < 0.005
    total = volume.sum() * VOXEL**3 / (4 / 3 * np.pi * 0.9**3)
    assert total == pytest.approx(1, abs=0.003)  # 120 views; corners beyond the view are 0


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("degrees", [190, 220, 300])
def test_short_scan_needs_no_full_turn(degrees, direction):
    beam, theta = replace(BEAM, direction=direction), np.radians(np.arange(0, degrees, 2.0)) + 1
    centre = (1.0, -1.2, 0.3)
    volume = fdk(ball_projections(theta, beam, centre, 0.9), theta, beam)
    inside = distance_mm(volume, centre) < 0.9 - 3 * VOXEL
    assert volume[inside].mean() == pytest.approx(1, abs=0.005)
    assert volume[inside].std() < 0.01  # fewer views on one side


@pytest.mark.parametrize("centre_px", [8.0, 24.0, 30.0, 55.0])
def test_shifted_detector_sees_as_far_as_its_wide_side(centre_px):
    beam = replace(BEAM, centre_px=centre_px)
    theta = np.arange(180) * 2 * np.pi / 180  # the wider circle needs more views
    far = max(centre_px, 63 - centre_px) * VOXEL - 1.2
    centre = (0.8 * far, -0.6 * far, 0.4)
    volume = fdk(ball_projections(theta, beam, centre, 0.9), theta, beam, shape=(64, 112, 112))
    inside = distance_mm(volume, centre) < 0.9 - 3 * VOXEL
    assert volume[inside].mean() == pytest.approx(1, abs=0.005)
    assert volume[inside].std() < 0.005


@pytest.mark.parametrize(
    ("name", "degrees"), [("detector_tilt_rad", 4), ("detector_pitch_rad", 20), ("detector_slant_rad", -20)]
)
def test_turned_detector_is_made_straight(name, degrees):
    beam, centre = replace(BEAM, **{name: np.radians(degrees)}), (1.2, 0.7, 1.5)
    projections = ball_projections(TURN, beam, centre, 0.9)
    right, wrong = fdk(projections, TURN, beam), fdk(projections, TURN, BEAM)
    straight = fdk(ball_projections(TURN, BEAM, centre, 0.9), TURN, BEAM)
    inside = distance_mm(right, centre) < 0.9 - 3 * VOXEL
    assert right[inside].mean() == pytest.approx(1, abs=0.005)
    near = distance_mm(right, centre) < 1.5
    assert abs(right - straight)[near].mean() < 0.007  # ripples at the ball's edge; the other sign gives 0.0096
    assert abs(wrong - straight)[near].mean() > 0.03


@pytest.mark.parametrize(("before", "behind"), [(5, 2), (0, 9)])
def test_moved_detector_gives_the_same_volume(before, behind):
    """Empty columns and rows to either side move the axis on the detector, and nothing else."""
    projections = ball_projections(TURN[::4], BEAM, (0.5, 1, -0.4), 0.9)
    wider = np.pad(projections, [(0, 0), (before, behind), (before, before)])
    moved = replace(BEAM, centre_px=31.5 + before, row_px=31.5 + before)
    first = fdk(projections, TURN[::4], BEAM)
    second = fdk(wider, TURN[::4], moved, shape=first.shape)
    seen = distance_mm(first[:1], (0, 0, 0))[0] < 3.0  # the wider detector sees a wider circle
    assert abs(first - second)[16:48, seen].max() < 2e-5 * first.max()  # FFTs of two lengths


def test_angles_may_start_anywhere_and_come_twice():
    theta = TURN[::4]
    projections = ball_projections(theta, BEAM, (0.5, 1, -0.4), 0.9)
    first = fdk(projections, theta, BEAM)
    again = fdk(np.concatenate([projections, projections[:1]]), np.append(theta, 2 * np.pi), BEAM)
    assert abs(first - again).max() < 1e-5 * first.max()  # order of float32 sums
    turned = ball_projections(theta + 0.3, BEAM, (0.5, 1, -0.4), 0.9)
    volume = fdk(turned, theta + 0.3, BEAM)
    inside = distance_mm(volume, (0.5, 1, -0.4)) < 0.6
    assert volume[inside].mean() == pytest.approx(1, abs=0.005)


def test_cone_of_growing_distance_tends_to_parallel_beam():
    rng = np.random.default_rng(0)
    theta = np.arange(90) * 2 * np.pi / 90
    projections = rng.random((90, 9, 41), dtype=np.float32)
    parallel = fbp(projections.transpose(1, 0, 2), theta, centre_px=20.3, voxel_um=100.0)
    inside = np.hypot(*np.meshgrid(np.arange(41) - 20, np.arange(41) - 20)) < 19
    differences = []
    for distance in (1e2, 1e3, 1e4, 1e5):
        beam = ConeBeam(100.0, distance, distance, 20.3)
        difference = (fdk(projections, theta, beam) - parallel)[:, inside]
        differences.append(abs(difference).max() / abs(parallel[:, inside]).max())
    assert differences[0] > differences[1] > differences[2]
    assert differences[3] < 1e-3  # the fan angle of the outermost column is 2e-5 rad: half a thousandth of a pixel


@pytest.mark.parametrize("z_range", [(0, 3), (10, 23), (31, 32), (61, 64)])
def test_slab_from_its_own_rows_equals_the_whole(z_range):
    rng = np.random.default_rng(0)
    beam, theta = replace(BEAM, row_px=28.0, detector_tilt_rad=0.0), TURN[::10]
    projections = rng.random((12, 64, 64), dtype=np.float32)
    whole = fdk(projections, theta, beam)
    start, stop = detector_rows(beam, (64, 64), z_range)
    assert stop - start < 64
    cut = replace(beam, row_px=beam.row_px - start)
    slab = fdk(projections[:, start:stop], theta, cut, shape=whole.shape, z_range=z_range)
    np.testing.assert_allclose(slab, whole[slice(*z_range)], atol=1e-5 * abs(whole).max())
    window = fdk(projections, theta, beam, z_range=z_range, yx_range=((5, 30), (40, 64)))
    np.testing.assert_allclose(window, whole[slice(*z_range), 5:30, 40:64], atol=1e-5 * abs(whole).max())


def test_tilted_slab_from_its_own_rows_equals_the_whole():
    beam = replace(BEAM, detector_tilt_rad=0.05)
    projections = np.random.default_rng(0).random((6, 64, 64), dtype=np.float32)
    whole = fdk(projections, TURN[::20], beam)
    start, stop = detector_rows(beam, (64, 64), (50, 54))
    cut = replace(beam, row_px=31.5 - start)
    slab = fdk(projections[:, start:stop], TURN[::20], cut, shape=whole.shape, z_range=(50, 54))
    # the pole of the spline, 0.268 a row, twelve rows beyond the window; edges of the detector are out of it
    np.testing.assert_allclose(slab, whole[50:54], atol=1e-4 * abs(whole).max())


def test_number_of_threads_changes_no_bit(monkeypatch):
    projections = np.random.default_rng(0).random((9, 20, 50), dtype=np.float32)
    results = []
    for threads in (1, 2):
        monkeypatch.setattr(sys.modules["xelith.arrays.blocks"], "thread_count", lambda _=None, n=threads: n)
        results.append(fdk(projections, np.arange(9) * 2 * np.pi / 9, replace(BEAM, centre_px=24.0)))
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 5, 7), (3, 1, 33), (2, 17, 2)])
def test_odd_sizes_one_slice_and_one_view(sizes):
    beam = replace(BEAM, centre_px=(sizes[2] - 1) / 2, row_px=None)
    volume = fdk(np.ones(sizes), np.arange(sizes[0]) * 2 * np.pi / sizes[0], beam)
    assert volume.shape == (sizes[1], sizes[2], sizes[2])
    assert volume.dtype == np.float32
    assert np.isfinite(volume).all()


def test_one_view_of_a_body_of_revolution_is_enough():
    view = ball_projections([0.0], BEAM, (0, 0, 0), 1.5)
    volume = fdk(np.repeat(view, 60, axis=0), np.arange(60) * np.pi / 30, BEAM)
    inside = distance_mm(volume, (0, 0, 0)) < 1.5 - 3 * VOXEL
    assert volume[inside].mean() == pytest.approx(1, abs=0.005)


def test_integers_and_views_of_memory_are_read():
    projections = np.arange(2 * 6 * 8).reshape(6, 8, 2).transpose(2, 0, 1)
    found = fdk(projections, [0, np.pi], replace(BEAM, centre_px=3.5, row_px=2.5))
    again = fdk(np.ascontiguousarray(projections, np.float32), [0, np.pi], replace(BEAM, centre_px=3.5, row_px=2.5))
    np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"projections": np.ones((4, 5))}, r"shape \(4, 5\); give \(n_theta, n_rows, n_cols\)"),
        ({"projections": np.ones((4, 0, 5))}, "none of them 0"),
        ({"theta": [0, 1, 2]}, "there are 4 views"),
        ({"voxel_um": 0.0}, "voxel_um is 0.0; give the side of a voxel"),
        ({"shape": (1, 2)}, "give slices, lines and columns"),
        ({"shape": (1, 2, 0)}, "each at least 1"),
        ({"z_range": (3, 3)}, "z range 3 to 3 is empty or outside the 5 voxels"),
        ({"yx_range": ((0, 6), (2, 9))}, "x range 2 to 9 is empty or outside the 6 voxels"),
        ({"window": "hanning"}, "did you mean"),
        ({"geometry": replace(BEAM, centre_px=None)}, "centre_px is None"),
    ],
)
def test_input_that_does_not_fit_is_refused(change, message):
    given = {"projections": np.ones((4, 5, 6)), "theta": np.arange(4.0), "geometry": BEAM} | change
    with pytest.raises(ValueError, match=message):
        fdk(given.pop("projections"), given.pop("theta"), given.pop("geometry"), **given)


def test_parallel_geometry_is_refused():
    with pytest.raises(TypeError, match="fdk needs a ConeBeam"):
        fdk(np.ones((4, 5, 6)), np.arange(4.0), ParallelBeam(1.0, 2.5))

import logging

import numpy as np
import pytest

from xelith.reconstruction.fbp import fbp
from xelith.reconstruction.filters import WINDOWS
from xelith.reconstruction.fourier import fourier_fbp
from xelith.reconstruction.parallel_beam import WIDTHS, circle_spans, slice_groups, view_weights

VOXEL_UM = 2.0
HALF_TURN = np.arange(180) * np.pi / 180
"""Enough views for 96 columns: pi / 2 times as many as columns, and some."""

ANGLES = {
    "half turn": HALF_TURN,
    "half turn and its end": np.linspace(0, np.pi, 181),
    "half steps": HALF_TURN + np.pi / 360,
    "full turn": np.arange(360) * np.pi / 180,
    "full turn of an odd number": np.arange(241) * 2 * np.pi / 241,
    "two turns after 46.5 turns": np.radians(16740 + np.arange(0, 720, 1.5)),
    "backwards, shuffled": np.random.default_rng(3).permutation(-HALF_TURN),
    "uneven": np.cumsum(1 + 0.5 * np.sin(np.arange(300))) * np.pi / 300,
    "golden angle": np.arange(233) * np.pi * (np.sqrt(5) - 1) / 2,
}


@pytest.fixture(params=[fbp, fourier_fbp], ids=["fbp", "fourier_fbp"])
def method(request):
    return request.param


def discs(theta, n_cols, centre_px, *shapes):
    """One sinogram of (mu per cm, x, y, radius) discs, in pixels from the axis: exact means over pixels."""
    edges = np.arange(n_cols + 1) - 0.5 - centre_px
    total = np.zeros((1, len(theta), n_cols))
    for mu, x, y, radius in shapes:
        s = (edges - (x * np.cos(theta) + y * np.sin(theta))[:, None]) / radius
        s = np.clip(s, -1, 1)
        area = radius**2 * (s * np.sqrt(1 - s * s) + np.arcsin(s))
        total[0] += mu * np.diff(area, axis=1)
    return (total * VOXEL_UM * 1e-4).astype(np.float32)


def distance(n_cols, x=0.0, y=0.0):
    """Distance of every pixel from a point, in pixels from the axis."""
    r = np.arange(n_cols) - (n_cols - 1) / 2
    return np.hypot(r[None, :] - x, r[:, None] - y)


@pytest.mark.parametrize("angles", ANGLES.values(), ids=ANGLES)
def test_disc_has_its_attenuation_at_any_angles(method, angles):
    sinogram = discs(angles, 96, 47.5, (40.0, 9.0, -6.0, 30.0), (-39.0, 15.0, 4.0, 12.0))
    image = method(sinogram, angles, centre_px=47.5, voxel_um=VOXEL_UM)[0]
    hole, host = distance(96, 15, 4) < 9, (distance(96, 9, -6) < 27) & (distance(96, 15, 4) > 15)
    assert image[host].mean() == pytest.approx(40, rel=0.005)
    assert image[hole].mean() == pytest.approx(1, abs=0.1)  # 0.25 % of the host


@pytest.mark.parametrize("turn", [np.pi, 2 * np.pi])
@pytest.mark.parametrize("share", [0.3, 0.4, 0.5, 0.62, 0.7])
@pytest.mark.parametrize("n_cols", [96, 97])
def test_disc_has_its_attenuation_at_any_axis(method, n_cols, share, turn):
    theta = np.arange(240) * turn / 240
    centre, reach = share * n_cols, min(share, 1 - share) * n_cols
    sinogram = discs(theta, n_cols, centre, (12.5, 0.2 * reach, -0.3 * reach, 0.5 * reach))
    image = method(sinogram, theta, centre_px=centre, voxel_um=VOXEL_UM)[0]
    inside = distance(n_cols, 0.2 * reach, -0.3 * reach) < 0.5 * reach - 3
    assert image[inside].mean() == pytest.approx(12.5, rel=0.005)
    outside = (distance(n_cols) < reach - 2) & (distance(n_cols, 0.2 * reach, -0.3 * reach) > 0.5 * reach + 3)
    assert abs(image[outside].mean()) < 0.005 * 12.5


def test_object_lies_where_conventions_say(method):
    theta = HALF_TURN
    image = method(discs(theta, 65, 32.0, (1.0, 14.0, -7.0, 4.0)), theta, centre_px=32.0, voxel_um=VOXEL_UM)[0]
    y, x = np.array(np.nonzero(image > 0.5)).mean(axis=1)
    assert (y, x) == pytest.approx((32 - 7, 32 + 14), abs=0.05)


def test_turned_object_equals_shifted_theta(method):
    shape = (3.0, 14.0, 5.0, 12.0)
    theta = np.arange(200) * np.pi / 200
    sinogram = discs(theta, 81, 40.0, shape)
    turned = method(sinogram, theta + np.pi / 2, centre_px=40.0, voxel_um=VOXEL_UM)[0]
    straight = method(sinogram, theta, centre_px=40.0, voxel_um=VOXEL_UM)[0]
    # a quarter turn takes x to y; float32 positions of samples differ by 3e-5 cells
    np.testing.assert_allclose(turned, np.rot90(straight, -1), atol=2e-3)


def test_moved_axis_equals_moved_detector(method):
    theta, shape = HALF_TURN, (3.0, 6.0, 5.0, 11.0)
    middle = discs(theta, 96, 47.5, shape)
    image = method(middle, theta, centre_px=47.5, voxel_um=VOXEL_UM)
    moved = method(np.roll(middle, 11, axis=2), theta, centre_px=58.5, voxel_um=VOXEL_UM)
    inside = distance(96) < 36
    np.testing.assert_allclose(moved[0][inside], image[0][inside], atol=2e-3)


@pytest.mark.parametrize("place", [(0.0, 0.0), (30.0, -8.0), (-21.5, 26.25)])
def test_the_amount_is_kept_wherever_the_disc_stands(method, place):
    sinogram = discs(HALF_TURN, 96, 47.5, (5.0, *place, 9.0))
    image = method(sinogram, HALF_TURN, centre_px=47.5, voxel_um=VOXEL_UM)[0]
    assert image[distance(96, *place) < 6].mean() == pytest.approx(5.0, rel=0.005)
    # 1 %: streaks of 180 views in the corners, which are 0, are missing to the sum
    assert float(image.sum(dtype=np.float64)) == pytest.approx(5.0 * np.pi * 81, rel=0.01)


def test_reconstruction_is_linear(method):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 3, 50, 40)).astype(np.float32)
    theta = np.arange(50) * np.pi / 50

    def image(sinograms):
        return method(sinograms, theta, centre_px=18.3, voxel_um=1e4)

    both = image(2 * a - 3 * b)
    np.testing.assert_allclose(both, 2 * image(a) - 3 * image(b), atol=1e-5 * np.abs(both).max())


def test_attenuation_scales_with_one_over_pixel_size(method):
    theta = HALF_TURN
    sinogram = discs(theta, 48, 23.5, (1.0, 2.0, 3.0, 12.0))
    fine = method(sinogram, theta, centre_px=23.5, voxel_um=0.54)
    coarse = method(sinogram, theta, centre_px=23.5, voxel_um=8 * 0.54)  # a power of two rounds nothing
    np.testing.assert_allclose(fine, 8 * coarse, rtol=1e-6)


@pytest.mark.parametrize("window", WINDOWS)
def test_every_window_keeps_the_attenuation(method, window):
    theta = HALF_TURN
    sinogram = discs(theta, 96, 47.5, (40.0, 3.0, -6.0, 30.0))
    image = method(sinogram, theta, centre_px=47.5, voxel_um=VOXEL_UM, window=window)[0]
    assert image[distance(96, 3, -6) < 26].mean() == pytest.approx(40, rel=0.005)


def test_windows_order_noise(method):
    noise = np.random.default_rng(2).normal(size=(4, 90, 64)).astype(np.float32)
    theta = np.arange(90) * np.pi / 90
    spread = [method(noise, theta, centre_px=31.5, voxel_um=1e4, window=w).std() for w in WINDOWS]
    ramp, shepp, cosine, hamming, hann = spread
    assert ramp > shepp > cosine > hamming > hann


@pytest.mark.parametrize("centre_px", [30.0, 22.6])
def test_fourier_agrees_with_direct(centre_px):
    rng = np.random.default_rng(5)
    shapes = [(m, *rng.uniform(-8, 8, 2), r) for m, r in zip(rng.uniform(1, 5, 6), rng.uniform(3, 9, 6), strict=True)]
    theta = np.arange(200) * np.pi / 200
    sinogram = discs(theta, 61, centre_px, *shapes)
    options = {"centre_px": centre_px, "voxel_um": VOXEL_UM, "window": "hann"}
    direct, fourier = fbp(sinogram, theta, **options)[0], fourier_fbp(sinogram, theta, **options)[0]
    # linear interpolation between columns blurs edges a little more: up to 4 % in single pixels, no offset
    assert np.abs(direct - fourier).max() < 0.05 * np.ptp(direct)
    assert (direct - fourier).std() < 0.005 * np.ptp(direct)
    assert abs((direct - fourier).mean()) < 5e-5 * np.ptp(direct)
    assert (direct == 0).sum() == (fourier == 0).sum()


def test_pixels_that_some_view_misses_are_zero(method):
    rng = np.random.default_rng(6)
    sinogram = rng.normal(size=(1, 20, 31)).astype(np.float32)
    image = method(sinogram, np.arange(20) * np.pi / 20, centre_px=12.0, voxel_um=1e4)[0]
    np.testing.assert_array_equal(image != 0, distance(31) <= 12.5)


@pytest.mark.parametrize("n_rows", [1, 3, 4, 5, 9, 17])
def test_slices_do_not_depend_on_their_neighbours(method, n_rows):
    rng = np.random.default_rng(7)
    sinograms = rng.normal(size=(n_rows, 33, 41)).astype(np.float32)
    theta = np.arange(33) * np.pi / 33
    options = {"centre_px": 20.5, "voxel_um": 1e4}
    volume = method(sinograms, theta, **options)
    assert volume.shape == (n_rows, 41, 41)
    assert volume.dtype == np.float32
    last = method(sinograms[-1:], theta, **options)
    np.testing.assert_allclose(volume[-1], last[0], atol=1e-5 * np.abs(volume).max())


def test_nan_stays_in_its_slice(method):
    sinograms = np.random.default_rng(8).normal(size=(4, 20, 30)).astype(np.float32)
    theta = np.arange(20) * np.pi / 20
    clean = method(sinograms, theta, centre_px=14.5, voxel_um=1e4)
    sinograms[2, 7, 9] = np.nan
    broken = method(sinograms, theta, centre_px=14.5, voxel_um=1e4)
    np.testing.assert_array_equal(broken[[0, 1, 3]], clean[[0, 1, 3]])
    assert np.isnan(broken[2]).any()


def test_threads_do_not_change_the_result(method):
    rng = np.random.default_rng(9)
    sinograms = rng.normal(size=(18, 70, 90)).astype(np.float32)
    theta = np.arange(70) * np.pi / 70
    one, two = (method(sinograms, theta, centre_px=44.1, voxel_um=1.0, threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("dtype", [np.float64, np.int16, bool])
def test_any_real_numbers_in_any_order_of_memory(method, dtype):
    rng = np.random.default_rng(10)
    projections = (rng.random((40, 3, 25)) * 3).astype(dtype)  # theta first, as a scan has them
    theta = np.arange(40) * np.pi / 40
    options = {"centre_px": 12.0, "voxel_um": 1e4}
    expected = method(np.ascontiguousarray(projections.swapaxes(0, 1), np.float32), theta, **options)
    projections.setflags(write=False)
    np.testing.assert_array_equal(method(projections.swapaxes(0, 1), theta, **options), expected)


@pytest.mark.parametrize("n_cols", [1, 3, 5, 9])
def test_middle_of_tiny_detectors_is_the_kernels_sum(method, n_cols):
    theta = np.arange(12) * np.pi / 12
    image = method(np.ones((1, 12, n_cols)), theta, centre_px=(n_cols - 1) / 2, voxel_um=1e4)
    odd = np.arange(1, n_cols // 2 + 1, 2)
    expected = np.pi * (0.25 - 2 * (1 / (np.pi * odd) ** 2).sum())
    assert image.shape == (1, n_cols, n_cols)
    assert image[0, n_cols // 2, n_cols // 2] == pytest.approx(expected, rel=2e-3)  # kernel's tails


@pytest.mark.parametrize("n_cols", [2, 4, 6])
def test_tiny_even_detectors(method, n_cols):
    theta = np.arange(12) * np.pi / 12
    image = method(np.ones((1, 12, n_cols)), theta, centre_px=(n_cols - 1) / 2, voxel_um=1e4)[0]
    middle = image[n_cols // 2 - 1 : n_cols // 2 + 1, n_cols // 2 - 1 : n_cols // 2 + 1]
    np.testing.assert_allclose(middle, middle[0, 0], rtol=1e-3)  # the four pixels round the axis are alike
    assert 0 < middle[0, 0] < np.pi / 4


def test_single_view_is_smeared_along_its_rays(method):
    view = np.zeros((1, 1, 33), np.float32)
    view[0, 0, 20] = 1
    image = method(view, [0.0], centre_px=16.0, voxel_um=1e4)[0]
    rows = slice(12, 21)
    assert image[rows, 20] == pytest.approx(np.pi / 4, rel=2e-3)  # the ramp's middle is 1 / 4
    assert np.ptp(image[rows], axis=0).max() < 5e-3


@pytest.mark.data
@pytest.mark.parametrize("window", ["ramp", "shepp-logan", "hann"])
def test_reference_rod_of_ones(method, data_dir, window):
    folder = data_dir / "reference" / "tomopy"
    projections, theta, rod = (np.load(folder / f"{name}.npy") for name in ("proj", "angle", "obj"))
    volume = method(projections.swapaxes(0, 1), theta, centre_px=23.5, voxel_um=1e4, window=window)
    inside = slice(14, 34)  # the rod is 8 to 40
    assert volume.shape[0] == rod.shape[0]
    # 16 views of a square ring by several per cent, so its means are compared; published tolerance 1 %
    np.testing.assert_allclose(volume[:, inside, inside].mean(axis=(1, 2)), rod.mean(), rtol=0.005)


@pytest.mark.parametrize("angles", ANGLES.values(), ids=ANGLES)
def test_weights_of_a_whole_turn_sum_to_pi(angles):
    weights = view_weights(angles)
    assert weights.sum() == pytest.approx(np.pi)
    assert (weights > 0).all()


def test_evenly_spaced_views_weigh_the_same():
    for angles in (HALF_TURN, HALF_TURN + 0.3, -HALF_TURN[::-1], np.radians(16740 + np.arange(720))):
        np.testing.assert_allclose(view_weights(angles), np.pi / len(angles), rtol=1e-9)


def test_views_at_one_angle_share_it():
    angles = np.concatenate([HALF_TURN, [0.0, np.pi, HALF_TURN[90]]])
    weights = view_weights(angles)
    step = np.pi / 180
    np.testing.assert_allclose(weights[[0, 180, 181]], step / 3)
    np.testing.assert_allclose(weights[[90, 182]], step / 2)
    np.testing.assert_allclose(weights[1:90], step)


def test_lost_frames_are_filled_by_their_neighbours():
    angles = np.delete(HALF_TURN, [50, 51, 52])
    weights = view_weights(angles)
    np.testing.assert_allclose(weights[[49, 50]], 2.5 * np.pi / 180)
    assert weights.sum() == pytest.approx(np.pi)


def test_missing_wedge_is_not_given_to_two_views(caplog):
    with caplog.at_level(logging.WARNING):
        weights = view_weights(HALF_TURN[:150])
    np.testing.assert_allclose(weights, np.pi / 180)
    assert "30.0 degrees" in caplog.text


def test_no_view_is_refused():
    with pytest.raises(ValueError, match="theta is empty"):
        view_weights([])


@pytest.mark.parametrize(("n_cols", "centre_px"), [(1, 0.0), (6, 2.5), (7, 3.0), (8, 1.2), (9, 8.0), (40, 13.7)])
def test_spans_are_the_circle_that_every_view_sees(n_cols, centre_px):
    reach = min(centre_px, n_cols - 1 - centre_px) + 0.5
    columns = np.arange(n_cols)
    spans = circle_spans(n_cols, centre_px)
    inside = (columns >= spans[:, :1]) & (columns < spans[:, 1:])
    np.testing.assert_array_equal(inside, distance(n_cols) <= reach)


def test_groups_cover_the_slices_with_lanes_that_hold_them():
    for n_rows in (1, 4, 16, 37):
        groups = list(slice_groups(n_rows))
        assert [i for rows, _ in groups for i in range(rows.start, rows.stop)] == list(range(n_rows))
        assert all(len(rows) <= len(lanes) and len(lanes) in WIDTHS for rows, lanes in groups)
    assert [len(lanes) for _, lanes in slice_groups(37)] == [16, 16, 8]
    assert [len(lanes) for _, lanes in slice_groups(9, 4)] == [4, 4, 4]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sinograms": np.zeros((8, 9), np.float32)}, r"shape \(8, 9\); give \(n_rows, n_theta, n_cols\)"),
        ({"sinograms": np.zeros((0, 5, 9), np.float32)}, r"shape \(0, 5, 9\)"),
        ({"theta": np.zeros(6)}, r"theta has shape \(6,\) and the sinograms 5 views"),
        ({"theta": [0, 1, np.nan, 3, np.inf]}, "2 angles are not finite"),
        ({"centre_px": -0.1}, "centre_px is -0.1; the axis must project onto the detector, columns 0 to 8"),
        ({"centre_px": 8.5}, "centre_px is 8.5"),
        ({"centre_px": np.nan}, "centre_px is nan"),
        ({"centre_px": np.full(2, 4.0)}, "centre_px is"),
        ({"voxel_um": 0.0}, "voxel_um is 0.0; give the pixel size in µm"),
        ({"voxel_um": np.inf}, "voxel_um is inf"),
        ({"window": "hamm"}, "did you mean 'hamming'"),
    ],
)
def test_bad_input_is_refused(method, changes, message):
    good = {"sinograms": np.zeros((2, 5, 9), np.float32), "theta": np.arange(5.0), "centre_px": 4.0}
    arguments = {**good, "voxel_um": 1.0, **changes}
    with pytest.raises(ValueError, match=message):
        method(arguments.pop("sinograms"), arguments.pop("theta"), **arguments)


@pytest.mark.parametrize(
    ("sinograms", "message"),
    [
        (np.zeros((1, 2, 3), complex), "of type complex128"),
        ([[[0.0, 1.0, 2.0]] * 2], "builtins.list; give a NumPy array, or a CuPy array on a GPU"),
    ],
)
def test_other_kinds_are_refused(method, sinograms, message):
    with pytest.raises(TypeError, match=message):
        method(sinograms, [0.0, 1.0], centre_px=1.0, voxel_um=1.0)

"""Sinograms of a moved object come back onto the rays of the first scan: blobs whose projections are known."""

import numpy as np
import pytest
from scipy import ndimage

from xelith.reconstruction.same_rays import (
    MARGIN,
    find_offsets,
    find_shift,
    needed_rows,
    on_angles,
    on_columns,
    on_rows,
)

N_COLS, SIGMA_PX = 90, 3.0
BLOBS = [(1.0, 12.0, -6.0), (0.6, -9.0, 15.0)]  # weight, x and y in pixels from the axis


def projected(theta, centre_px, *, turn=0.0, shift=(0.0, 0.0)) -> np.ndarray:
    """(n_theta, n_cols) projections of blobs that were turned about the axis and then shifted along (x, y)."""
    columns = np.arange(N_COLS) - centre_px
    total = np.zeros((len(theta), N_COLS))
    for weight, x, y in BLOBS:
        x, y = x * np.cos(turn) - y * np.sin(turn) + shift[0], x * np.sin(turn) + y * np.cos(turn) + shift[1]
        place = x * np.cos(theta) + y * np.sin(theta)
        total += weight * np.exp(-((columns - place[:, None]) ** 2) / (2 * SIGMA_PX**2))
    return total


@pytest.mark.parametrize("turn_deg", [0.0, 0.37, -1.6])
@pytest.mark.parametrize("range_deg", [180, -180, 360])
def test_a_turned_and_shifted_object_is_seen_on_the_same_rays(range_deg, turn_deg):
    theta = np.deg2rad(range_deg) * np.arange(240) / 240
    turn, shift, centres = np.deg2rad(turn_deg), (1.7, -0.8), (44.3, 45.9)
    first = projected(theta, centres[0])
    second = projected(theta, centres[1], turn=turn, shift=shift).astype(np.float32)[None]
    wanted = theta + turn
    back = on_angles(second, theta, wanted, centre_px=centres[1])
    offset = centres[1] - centres[0] + shift[0] * np.cos(wanted) + shift[1] * np.sin(wanted)
    back = on_columns(back, offset)
    # cubic splines of blobs 3 px wide, of height 1
    np.testing.assert_allclose(back[0][:, 5:-5], first[:, 5:-5], atol=3e-4)


def test_rows_are_moved():
    rows = np.arange(40.0)
    blob = np.exp(-((rows - 20) ** 2) / 18)[:, None, None] * np.ones((1, 3, 4))
    low, high = needed_rows(12, 20, 0.4, 40)
    assert (low, high) == (12 - MARGIN, 21 + MARGIN)
    found = on_rows(blob[low:high].astype(np.float32), np.arange(12, 20) + 0.4 - low)
    expected = np.exp(-((np.arange(12, 20) + 0.4 - 20) ** 2) / 18)
    np.testing.assert_allclose(found[:, 0, 0], expected, atol=1e-4)  # a cubic spline of a blob 3 rows wide


def test_negligible_moves_change_nothing():
    sinograms = np.random.default_rng(0).random((3, 8, 9)).astype(np.float32)
    theta = np.arange(8) * np.pi / 8
    assert needed_rows(1, 3, 0.01, 3) == (1, 3)
    np.testing.assert_array_equal(on_rows(sinograms, np.arange(3) + 0.01), sinograms)
    assert on_columns(sinograms, np.full(8, 0.01)) is sinograms
    assert on_angles(sinograms, theta, theta + 1e-4, centre_px=4) is sinograms


def test_rows_beyond_the_scan_repeat_its_last():
    sinograms = np.arange(6, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    np.testing.assert_allclose(on_rows(sinograms, np.array([-3.0, 7.5]))[:, 0, 0], [0, 5], atol=1e-5)


def test_angles_without_order_are_refused():
    theta = np.array([0.0, 0.3, 0.2, 0.9, 1.4])
    with pytest.raises(ValueError, match="not evenly spaced"):
        on_angles(np.zeros((1, 5, 40), np.float32), theta, theta + 0.1, centre_px=20)


def test_offsets_of_hundredths_of_a_pixel_are_found_beside_another_gas_and_noise():
    theta = np.pi * np.arange(120) / 120
    first = 1.05 * projected(theta, 44.3) + 0.02
    second = projected(theta, 44.3 + 0.07, shift=(-0.05, 0.12))
    rng = np.random.default_rng(2)
    pair = [np.array([image + rng.normal(0, 0.01, image.shape) for _ in range(6)]) for image in (first, second)]
    found = find_offsets(*pair, theta)
    expected = [0.07, -0.05, 0.12]
    assert found.std_px < 0.01
    np.testing.assert_allclose([found.constant_px, found.x_px, found.y_px], expected, atol=5 * found.std_px)
    np.testing.assert_allclose(found.at(theta[:1]), found.constant_px + found.x_px)
    assert find_offsets(np.zeros((1, 9, 8)), np.zeros((1, 9, 8)), theta[:9]).std_px == np.inf


@pytest.mark.parametrize("axis", [0, 1])
def test_a_small_shift_along_rows_or_views_is_found_in_noise(axis):
    """Texture of 2 px under noise whose slopes are as strong, which halve the answer of a plain regression."""
    rng = np.random.default_rng(4)
    texture = ndimage.gaussian_filter(rng.standard_normal((40, 60, 80)), 2.0)
    texture /= texture.std()
    first = 1 + 0.02 * texture
    second = 1 + 0.02 * ndimage.shift(texture, [0.06 * (axis == a) for a in range(3)], order=5, mode="mirror")
    noisy = [values + rng.normal(0, 0.01, values.shape) for values in (first, second)]
    for pair in ((first, second), noisy):
        found, std = find_shift(*(values.astype(np.float32) for values in pair), axis)
        # central differences of a texture 2 px wide are 8 % too flat
        assert found == pytest.approx(0.06, abs=0.006 + 3 * std)
        assert std < 0.01


def test_no_structure_says_nothing_of_a_shift():
    noise = np.random.default_rng(5).normal(0, 0.02, (2, 40, 60, 80)).astype(np.float32)
    assert find_shift(noise[0], noise[1], 0)[1] == np.inf
    assert find_shift(noise[0][:4], noise[1][:4], 0)[1] == np.inf  # too few rows

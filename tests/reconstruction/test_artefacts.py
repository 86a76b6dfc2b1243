import numpy as np
import pytest

from xelith.arrays import to_host
from xelith.reconstruction.artefacts import (
    bad_pixels,
    remove_zingers,
    repair_dead_pixels,
    repair_nonfinite,
)


def plane(n_theta=4, n_rows=6, n_cols=9):
    """Frames that are linear in row and column, so that linear interpolation is exact."""
    t, r, c = np.meshgrid(np.arange(n_theta), np.arange(n_rows), np.arange(n_cols), indexing="ij")
    return (10 + t + 2 * r + 3 * c).astype(np.float32)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_dead_stripe_is_interpolated_linearly(xp, axis, width):
    truth = plane()
    mask = np.zeros(truth.shape[1:], dtype=bool)
    mask[(slice(2, 2 + width), slice(None)) if axis == 0 else (slice(None), slice(2, 2 + width))] = True
    broken = np.where(mask, np.nan, truth)
    result = repair_dead_pixels(xp.asarray(broken), xp.asarray(mask))
    np.testing.assert_allclose(to_host(result), truth, rtol=1e-6)  # float32 rounding


def test_a_dead_pixel_takes_the_mean_of_four_neighbours(xp):
    truth = plane()
    mask = np.zeros(truth.shape[1:], dtype=bool)
    mask[3, 4] = True
    result = repair_dead_pixels(xp.asarray(np.where(mask, 0, truth)), xp.asarray(mask))
    np.testing.assert_allclose(to_host(result), truth, rtol=1e-6)


def test_a_dead_corner_and_a_crossing_of_dead_lines_are_filled():
    truth = np.full((2, 6, 9), 7.0, dtype=np.float32)
    mask = np.zeros((6, 9), dtype=bool)
    mask[0, :], mask[:, 0] = True, True
    np.testing.assert_array_equal(repair_dead_pixels(np.where(mask, -1, truth), mask), truth)


def test_repair_leaves_its_input_alone():
    broken = np.zeros((1, 3, 3), dtype=np.float32)
    mask = np.eye(3, dtype=bool)
    broken[:, mask] = 5
    repair_dead_pixels(broken, mask)
    assert broken[0, 0, 0] == 5


@pytest.mark.parametrize(
    ("mask", "message"),
    [(np.ones((3, 4), bool), "all 12 pixels are marked dead"), (np.zeros((4, 3), bool), r"mask is \(4, 3\)")],
)
def test_repair_refuses_a_mask_it_cannot_use(mask, message):
    with pytest.raises(ValueError, match=message):
        repair_dead_pixels(np.ones((2, 3, 4)), mask)


def test_bad_pixels_are_dead_dim_bright_and_hot_ones(xp):
    rng = np.random.default_rng(4)
    dark = 100 + rng.normal(0, 2, (20, 30))
    flat = 5000 + rng.normal(0, 100, (20, 30))
    flat[10:14, 20:24] *= 0.7  # dust divides out
    flat[2, 2], flat[5, 6], flat[8, 9], flat[15, 3] = 90, 400, 40_000, np.nan
    dark[17, 17], flat[17, 17] = 4000, 8000
    found = to_host(bad_pixels(xp.asarray(flat), xp.asarray(dark)))
    assert np.argwhere(found).tolist() == [[2, 2], [5, 6], [8, 9], [15, 3], [17, 17]]


def test_finite_input_comes_back_untouched():
    block = plane()
    result, count = repair_nonfinite(block)
    assert count == 0
    assert result is block


@pytest.mark.parametrize(
    "hole",
    [
        (1, 2, 3),
        (0, 0, 0),
        (slice(None), 2, slice(3, 7)),  # a stripe of dead columns
        (2, slice(None), slice(None)),  # a lost frame
        (slice(None), 4, slice(None)),  # a lost sinogram
    ],
)
def test_nonfinite_samples_take_the_median_of_their_neighbours(xp, hole):
    truth = np.full((5, 6, 9), 3.0, dtype=np.float32)
    broken = truth.copy()
    broken[hole] = np.nan
    result, count = repair_nonfinite(xp.asarray(broken))
    assert count == np.isnan(broken).sum()
    np.testing.assert_array_equal(to_host(result), truth)


def test_repair_stays_in_its_row_where_it_can():
    block = np.full((3, 3, 5), 1.0, dtype=np.float32)
    block[:, 1] = 9.0  # a steel row between two of light
    block[1, 1, 2] = np.inf
    assert repair_nonfinite(block)[0][1, 1, 2] == 9.0


def test_repair_refuses_a_block_without_a_finite_sample():
    with pytest.raises(ValueError, match="all 8 samples are NaN or Inf"):
        repair_nonfinite(np.full((2, 2, 2), np.nan))


def counts_of_a_turning_edge(seed=5, photons=5000.0):
    """Poisson counts of a sharp dark bar that moves from frame to frame, 40 frames of 12 x 60 pixels."""
    rng = np.random.default_rng(seed)
    columns = np.arange(60)
    edge = 30 + 20 * np.cos(np.linspace(0, np.pi, 40))
    bar = np.abs(columns - edge[:, None]) < 6
    mean = np.where(bar, 0.05, 1.0)[:, None, :] * photons * np.ones((1, 12, 1))
    return rng.poisson(mean).astype(np.float32)


@pytest.mark.parametrize("along", ["both", "angle", "space"])
def test_zingers_are_removed_and_counted(xp, along):
    clean = counts_of_a_turning_edge()
    struck = clean.copy()
    places = [(5, 3, 10), (20, 0, 0), (39, 11, 59), (0, 6, 3), (12, 8, 50), (12, 8, 51)]
    for place in places:
        struck[place] += 30_000
    result, count = remove_zingers(xp.asarray(struck), along=along)
    result = to_host(result)
    for place in places:
        assert abs(result[place] - 5000) < 400  # five standard deviations of 5000 photons
    assert count >= len(places)


def test_a_scan_without_zingers_is_left_alone():
    clean = counts_of_a_turning_edge()
    result, count = remove_zingers(clean)
    # eight standard deviations: 1e-15 of 28800 samples by chance; edges move by up to 1.6 px a frame
    assert count == 0
    np.testing.assert_array_equal(result, clean)


def test_zingers_scale_with_transmission_as_with_counts():
    struck = counts_of_a_turning_edge()
    struck[7, 7, 7] += 20_000
    counts, n_counts = remove_zingers(struck)
    share, n_share = remove_zingers(struck / 5000)
    assert n_counts == n_share == 1
    np.testing.assert_allclose(counts / 5000, share, rtol=1e-6)


def test_a_single_frame_is_cleaned_in_space():
    frame = np.random.default_rng(6).poisson(1000, (1, 20, 20)).astype(np.float32)
    frame[0, 9, 9] = 50_000
    result, count = remove_zingers(frame)
    assert count == 1
    assert result[0, 9, 9] < 1200


@pytest.mark.parametrize(
    ("options", "message"),
    [({"along": "time"}, 'along is "time"'), ({"threshold": 0}, "threshold is 0 standard deviations")],
)
def test_zingers_refuse_options_without_meaning(options, message):
    with pytest.raises(ValueError, match=message):
        remove_zingers(np.ones((3, 3, 3)), **options)

import math

import numpy as np
import pytest

from xelith.arrays import array_namespace, to_host
from xelith.reconstruction.flat_field import (
    CountReport,
    dead_pixels,
    flat_at,
    line_integrals,
    mean_flats,
    normalise_air,
    transmission,
    transmission_floor,
)


def frames(xp, levels):
    """Uniform frames of 2 x 3 pixels, one for each level."""
    return xp.asarray(levels, dtype=xp.float32)[:, None, None] * xp.ones((1, 2, 3), dtype=xp.float32)


@pytest.mark.parametrize("counts", [200, 20_000])
def test_transmission_follows_beer_lambert(xp, counts):
    mu_per_cm, thickness_cm, offset = 0.5, 1.2, 90
    expected = math.exp(-mu_per_cm * thickness_cm)
    flat = xp.full((8, 16), counts + offset, dtype=xp.float32)
    dark = xp.full((8, 16), offset, dtype=xp.float32)
    projections = xp.full((3, 8, 16), counts * expected + offset, dtype=xp.float32)
    result = transmission(projections, flat, dark)
    assert array_namespace(result) is array_namespace(flat)
    assert float(abs(result - expected).max()) < 1e-5  # float32 differences of counts near 100


def test_transmission_of_integer_counts_is_float32_and_unclipped(xp):
    flat, dark = xp.full((2, 3), 1000, dtype=xp.uint16), xp.full((2, 3), 100, dtype=xp.uint16)
    projections = xp.full((1, 2, 3), 91, dtype=xp.uint16)
    result = transmission(projections, flat, dark)
    assert result.dtype == xp.float32
    assert float(result[0, 0, 0]) == pytest.approx(-0.01, rel=1e-5)  # below the dark


def test_transmission_equals_the_stored_result_of_tomopy(data_dir):
    folder = data_dir / "reference" / "tomopy"
    tomo, flats, darks = (np.load(folder / f"{name}.npy") for name in ("tomo", "flat", "dark"))
    result = transmission(tomo, flats.mean(0), darks.mean(0))
    # the reference is exact to 3e-8, and ours rounds each of three operations to float32
    np.testing.assert_allclose(result, np.load(folder / "normalize.npy"), atol=1.2e-7)


def test_transmission_with_a_flat_for_each_projection(xp):
    flat = frames(xp, np.linspace(100, 200, 5))
    dark = xp.zeros((2, 3), dtype=xp.float32)
    assert float(abs(transmission(0.25 * flat, flat, dark) - 0.25).max()) < 1e-6  # float32 rounding


def test_transmission_fills_a_pixel_without_beam_from_its_neighbours(xp):
    flat, dark = xp.full((5, 7), 1000.0), xp.full((5, 7), 100.0)
    flat[2, 3] = 100.0
    flat[0, 0] = xp.nan
    projections = xp.full((4, 5, 7), 550.0)
    result = transmission(projections, flat, dark)
    assert float(abs(result - 0.5).max()) < 1e-6  # float32 rounding


def test_transmission_takes_the_mask_it_is_given(xp):
    flat, dark = xp.full((5, 7), 1000.0), xp.zeros((5, 7))
    dead = xp.zeros((5, 7), dtype=bool)
    dead[2, 3] = True
    projections = xp.full((1, 5, 7), 500.0)
    projections[0, 2, 3] = 9000.0
    assert float(transmission(projections, flat, dark, dead=dead)[0, 2, 3]) == pytest.approx(0.5)


@pytest.mark.parametrize("flat_counts", [0, 90, 100])
def test_zero_flats_are_refused_with_their_number(flat_counts):
    flat, dark = np.full((4, 6), flat_counts, dtype=np.uint16), np.full((4, 6), 100, dtype=np.uint16)
    with pytest.raises(ValueError, match=r"zero flats: flat is not brighter than dark in 24 of 24 pixels.*check"):
        transmission(np.ones((2, 4, 6)), flat, dark)


def test_flats_missing_for_half_of_the_detector_are_refused():
    flat = np.full((4, 6), 1000.0)
    flat[:, :3] = 0
    with pytest.raises(ValueError, match="12 of 24"):
        dead_pixels(flat, np.zeros((4, 6)))


def test_a_pixel_dead_in_one_of_many_flats_is_dead():
    flat = np.full((3, 4, 6), 1000.0)
    flat[1, 2, 5] = 0
    assert np.argwhere(dead_pixels(flat, np.zeros((4, 6)))).tolist() == [[2, 5]]


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 4, 6), (4, 5), (4, 6)), r"flat is \(4, 5\).*same region"),
        (((2, 4, 6), (4, 6), (3, 6)), r"dark \(3, 6\)"),
        (((2, 4, 6), (3, 4, 6), (4, 6)), "3 flats and 2 projections.*flat_at"),
    ],
)
def test_transmission_refuses_sizes_that_differ(shapes, message):
    with pytest.raises(ValueError, match=message):
        transmission(*(np.ones(shape) for shape in shapes))


def test_flat_at_interpolates_between_the_means_before_and_after(xp):
    flats = frames(xp, [90, 110, 290, 310])
    positions = np.array([0, 0, 10, 10])  # two before the first projection, two after the tenth
    result = to_host(flat_at(flats, positions, np.arange(10)))
    expected = 100 + 200 * (np.arange(10) + 0.5) / 10  # projection i lies half a frame after position i
    np.testing.assert_allclose(result[:, 1, 2], expected, rtol=1e-6)  # float32 rounding


def test_flat_at_holds_the_nearest_flat_outside_their_times():
    flats = np.array([100.0, 200.0])[:, None, None] * np.ones((1, 2, 2))
    result = flat_at(flats, np.array([5, 15]), np.array([0, 4, 15, 99]))
    assert result[:, 0, 0].tolist() == [100, 100, 200, 200]


def test_flat_at_with_flats_of_one_time_is_their_mean():
    flats = np.array([100.0, 200.0])[:, None, None] * np.ones((1, 2, 2))
    assert flat_at(flats, np.array([3, 3]), np.array([0, 7]))[:, 0, 0].tolist() == [150, 150]


def test_mean_flats_refuses_positions_that_do_not_match():
    with pytest.raises(ValueError, match="3 flats and 2 flat positions; give one for each flat"):
        mean_flats(np.ones((3, 2, 2)), np.array([0, 1]))


def test_normalise_air_takes_out_a_flickering_beam(xp):
    rng = np.random.default_rng(1)
    sample = np.ones((6, 3, 40), dtype=np.float32)
    sample[:, :, 10:30] = 0.3
    flicker = rng.uniform(0.8, 1.2, size=(6, 3, 1)).astype(np.float32)
    result = normalise_air(xp.asarray(sample * flicker), [(0, 8)])
    np.testing.assert_allclose(to_host(result), sample, rtol=1e-6)  # float32 rounding


def test_normalise_air_follows_a_beam_that_leans():
    sample = np.ones((2, 3, 41), dtype=np.float32)
    sample[:, :, 12:30] = 0.5
    lean = np.linspace(0.9, 1.2, 41, dtype=np.float32)
    result = normalise_air(sample * lean, [(0, 11), (30, 41)])
    # linear between the middles of the ranges; beyond them the level is held
    np.testing.assert_allclose(result[:, :, 5:36], sample[:, :, 5:36], rtol=1e-6)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([], "no range of air"),
        ([(5, 5)], "5 to 5 do not lie in the detector's 0 to 20"),
        ([(15, 25)], "15 to 25"),
        ([(0, 4)], r"falls to 0; it must be above 0: choose columns"),
    ],
)
def test_normalise_air_refuses_what_is_not_air(columns, message):
    block = np.ones((2, 2, 20), dtype=np.float32)
    block[1, 1, :4] = 0
    with pytest.raises(ValueError, match=message):
        normalise_air(block, columns)


def test_line_integrals_are_minus_the_logarithm(xp):
    integrals, report = line_integrals(xp.exp(-xp.linspace(0, 5, 24).reshape(2, 3, 4)))
    np.testing.assert_allclose(to_host(integrals).ravel(), np.linspace(0, 5, 24), atol=1e-6)  # float32 of 5
    assert report == CountReport(0, 0, 24)
    assert integrals.dtype == xp.float32


def test_line_integrals_count_and_fill_what_has_no_logarithm(xp):
    block = xp.full((3, 2, 5), 0.5, dtype=xp.float32)
    block[0, 0, 0], block[1, 1, 2], block[2, 0, 3] = 0.0, -0.01, 1e-5
    integrals, report = line_integrals(block, floor=1e-3)
    assert report == CountReport(0, 2, 30, n_floored=1)
    assert report.n_repaired == 3
    for place in ((0, 0, 0), (1, 1, 2), (2, 0, 3)):
        assert float(integrals[place]) == pytest.approx(-math.log(1e-3), rel=1e-6)
    assert bool(xp.isfinite(integrals).all())


def test_line_integrals_take_a_floor_for_each_pixel(xp):
    block = xp.zeros((2, 1, 2), dtype=xp.float32)
    integrals, _ = line_integrals(block, floor=xp.asarray([[1e-2, 1e-4]], dtype=xp.float32))
    np.testing.assert_allclose(to_host(integrals[0, 0]), [-math.log(1e-2), -math.log(1e-4)], rtol=1e-6)


def test_floor_from_whole_counts_is_half_a_count():
    counts = np.random.default_rng(2).poisson(1.0, size=(4, 10, 50))
    block = (counts / 2000).astype(np.float32)
    integrals, report = line_integrals(block)
    assert report.n_nonpositive == np.count_nonzero(counts == 0)
    np.testing.assert_allclose(integrals.max(), -math.log(0.5 / 2000), rtol=1e-6)


def test_floor_from_noise_is_of_its_size():
    noise = np.random.default_rng(3).normal(0, 0.01, size=(4, 10, 50)).astype(np.float32)
    integrals, report = line_integrals(noise)
    assert report.n_nonpositive == np.count_nonzero(noise <= 0)
    # half of the standard deviation; a lone sample near zero does not make a spike of 15
    np.testing.assert_allclose(integrals.max(), -math.log(0.005), atol=0.05)  # 1000 samples: 2 % of sigma


@pytest.mark.parametrize("value", [0.0, -0.2])
def test_a_fully_starved_block_stays_finite(value):
    integrals, report = line_integrals(np.full((2, 3, 4), value, dtype=np.float32))
    assert np.isfinite(integrals).all()
    assert report.n_nonpositive == 24


def test_nonfinite_samples_are_refused_with_their_number():
    block = np.ones((2, 3, 4))
    block[0, 0, 0], block[1, 2, 3] = np.nan, np.inf
    with pytest.raises(ValueError, match=r"2 of 24 samples.*NaN or Inf.*nonfinite=\"repair\""):
        line_integrals(block)


def test_nonfinite_samples_are_repaired_and_counted(xp):
    block = xp.full((4, 3, 6), 0.5, dtype=xp.float32)
    block[0, 0, 0], block[2, 1, 3], block[3, 2, 5] = xp.nan, xp.inf, -xp.inf
    integrals, report = line_integrals(block, nonfinite="repair")
    assert report == CountReport(3, 0, 72)
    np.testing.assert_allclose(to_host(integrals), math.log(2), rtol=1e-6)


def test_line_integrals_refuse_an_unknown_word():
    with pytest.raises(ValueError, match=r'nonfinite is "ignore"; give "refuse" or "repair"'):
        line_integrals(np.ones((1, 1, 1)), nonfinite="ignore")


def test_reports_of_blocks_add_up():
    assert sum([CountReport(1, 2, 10, 3), CountReport(4, 5, 20)], CountReport()) == CountReport(5, 7, 30, 3)


def test_transmission_floor_is_half_a_count_also_where_a_pixel_is_dead(xp):
    flat, dark = xp.full((3, 3), 1100.0), xp.full((3, 3), 100.0)
    flat[1, 1] = 0
    np.testing.assert_allclose(to_host(transmission_floor(flat, dark)), 0.5 / 1000, rtol=1e-6)

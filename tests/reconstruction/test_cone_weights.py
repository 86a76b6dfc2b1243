import numpy as np
import pytest

from xelith.reconstruction.cone_weights import (
    covered_arc,
    is_offset,
    offset_weights,
    parker_weights,
    redundancy_weights,
)

TURN = 2 * np.pi


@pytest.mark.parametrize("n", [1, 2, 3, 7, 360])
def test_full_scan_shares_the_turn_evenly(n):
    arc = covered_arc(np.arange(n) * TURN / n + 0.3)
    assert arc.is_full
    np.testing.assert_allclose(arc.width, TURN / n, rtol=1e-12)


def test_view_taken_twice_counts_half_each_time():
    arc = covered_arc(np.linspace(0, TURN, 21))
    assert arc.is_full
    np.testing.assert_allclose(arc.width[[0, 20]], TURN / 40, atol=1e-9)
    np.testing.assert_allclose(arc.width[1:20], TURN / 20, atol=1e-9)


def test_order_and_turns_of_the_angles_do_not_matter():
    rng = np.random.default_rng(1)
    theta = (np.arange(50) + rng.uniform(-0.3, 0.3, 50)) * TURN / 50
    order = rng.permutation(50)
    arc, shuffled = covered_arc(theta), covered_arc(theta[order] + TURN * rng.integers(-5, 5, 50))
    np.testing.assert_allclose(shuffled.width, arc.width[order], atol=1e-9)
    assert arc.width.sum() == pytest.approx(TURN)


def test_golden_angle_scan_is_full():
    assert covered_arc(np.arange(100) * np.pi * (3 - np.sqrt(5))).is_full


@pytest.mark.parametrize("start", [0.0, 2.0, 5.0])
def test_short_scan_is_laid_out_from_its_start(start):
    step = np.radians(0.5)
    arc = covered_arc(start + step * np.arange(400))
    assert not arc.is_full
    assert arc.span_rad == pytest.approx(400 * step)
    np.testing.assert_allclose(arc.beta, (np.arange(400) + 0.5) * step, atol=1e-9)


def test_falling_angles_are_the_same_short_scan():
    arc = covered_arc(-np.radians(np.arange(220.0)))
    assert arc.beta[0] == pytest.approx(np.radians(219.5))
    assert arc.beta[-1] == pytest.approx(np.radians(0.5))


@pytest.mark.parametrize("theta", [[], [0.0, np.nan], [[0.0, 1.0]]])
def test_impossible_angles_are_refused(theta):
    with pytest.raises(ValueError, match="one finite angle in rad"):
        covered_arc(np.array(theta))


@pytest.mark.parametrize("span_deg", [200, 230, 300])
def test_parker_weights_of_a_ray_and_its_conjugate_sum_to_one(span_deg):
    span, gamma = np.radians(span_deg), np.radians(np.linspace(-9.9, 9.9, 21))
    beta = np.radians(np.arange(0.5, span_deg))
    weights = parker_weights(beta, gamma, span)
    for j, fan in enumerate(gamma):
        conjugate = beta + np.pi - 2 * fan
        seen = conjugate <= span
        partner = np.diag(parker_weights(conjugate[seen], np.full(seen.sum(), -fan), span))
        np.testing.assert_allclose(weights[seen, j] + partner, 1, atol=1e-12)
        before = beta - np.pi - 2 * fan
        np.testing.assert_allclose(weights[~seen & (before < 0), j], 1, atol=1e-12)  # seen once


@pytest.mark.parametrize("shift", [-0.9, -0.3, -0.02, 0.02, 0.3, 0.9])
def test_offset_weights_of_conjugate_columns_sum_to_one(shift):
    gamma = np.linspace(-0.2, 0.2, 201) + 0.2 * shift
    weights = offset_weights(gamma)
    partner = np.interp(-gamma, gamma, weights, left=0, right=0)
    np.testing.assert_allclose(weights + partner, 1, atol=2e-3)  # partner is interpolated between columns
    assert weights.min() >= 0
    assert weights[0 if shift > 0 else -1] == pytest.approx(0, abs=1e-9)


def test_offset_of_a_few_pixels_keeps_half_weights_in_the_middle():
    weights = offset_weights(np.linspace(-0.1, 0.1, 1001) + 0.001)
    assert np.mean(weights == 0.5) > 0.9


@pytest.mark.parametrize(("edges", "expected"), [((-0.1, 0.1), False), ((-0.1, 0.15), True), ((0.01, 0.1), False)])
def test_offset_detector_is_told_from_a_centred_one(edges, expected):
    assert is_offset(np.linspace(*edges, 100)) is expected


def test_redundancy_is_one_half_for_a_centred_full_scan():
    arc = covered_arc(np.arange(12) * TURN / 12)
    assert (redundancy_weights(arc, np.linspace(-0.1, 0.1, 9)) == 0.5).all()
    short = covered_arc(np.radians(np.arange(220)))
    assert redundancy_weights(short, np.linspace(-0.1, 0.1, 9)).shape == (220, 9)

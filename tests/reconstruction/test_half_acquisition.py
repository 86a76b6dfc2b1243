import numpy as np
import pytest

from xelith.arrays import to_host
from xelith.reconstruction.centre import find_centre
from xelith.reconstruction.fourier import fourier_fbp
from xelith.reconstruction.half_acquisition import find_offset_centre, join_half_turns

N = 300


def full_turn(n_views):
    return np.arange(n_views) * 2 * np.pi / n_views


@pytest.mark.parametrize("n_views", [300, 301])
@pytest.mark.parametrize("centre_px", [30.3, 55.75, 240.2, 149.5])
def test_an_offset_axis_is_found_wherever_it_lies(ellipses, cell, photons, centre_px, n_views):
    theta = full_turn(n_views)
    radius = 0.93 * max(centre_px, N - 1 - centre_px)
    sinogram = photons(ellipses(cell(radius, mu=6 / radius), theta, N, centre_px), 100_000)
    result = find_offset_centre(sinogram[:, None], theta)
    assert abs(result.centre_px - centre_px) < 0.25
    assert result.verdict == "resolved"
    assert result.confidence > 0.4


@pytest.mark.parametrize("centre_px", [12.6, 44.3, 75.2, 251.8])
def test_find_centre_needs_no_hint_of_an_offset_axis(ellipses, cell, photons, centre_px):
    theta = full_turn(300)
    radius = 0.8 * max(centre_px, N - 1 - centre_px)
    rows = [photons(ellipses(cell(radius, seed=k, mu=3 / radius), theta, N, centre_px), 30_000, seed=k) for k in (0, 1)]
    result = find_centre(np.stack(rows, axis=1), theta)
    assert abs(result.centre_px - centre_px) < 0.25  # 118 of 119 such scans; 0.31 at an overlap of 3 %
    assert result.verdict == "resolved"
    assert any(candidate.method.startswith("overlap") for candidate in result.candidates)


def test_noise_has_no_overlap():
    noise = np.random.default_rng(1).normal(size=(120, 2, N))
    result = find_offset_centre(noise, full_turn(120))
    assert result.verdict != "resolved"
    assert result.confidence < 0.35


def test_a_range_that_leaves_the_axis_out_is_said(ellipses, cell):
    theta = full_turn(180)
    sinogram = ellipses(cell(220, mu=0.02), theta, N, 60.0)[:, None]
    result = find_offset_centre(sinogram, theta, search_px=(90, 200))
    assert result.verdict == "at-edge"
    assert result.confidence < 0.1


@pytest.mark.parametrize("n_views", [240, 241])
@pytest.mark.parametrize("centre_px", [30.3, 240.2, 120.4, 149.5, 55.75])
def test_joined_views_are_those_of_a_wide_detector(xp, ellipses, cell, centre_px, n_views):
    theta = full_turn(n_views)
    parts = cell(0.93 * max(centre_px, N - 1 - centre_px), mu=0.02)
    joined = join_half_turns(xp.asarray(ellipses(parts, theta, N, centre_px)[None]), theta, centre_px=centre_px)
    sinograms = to_host(joined.sinograms)
    truth = ellipses(parts, joined.theta, sinograms.shape[2], joined.centre_px)
    assert joined.theta.size == (n_views + 1) // 2
    assert sinograms.shape[2] >= 2 * max(centre_px, N - 1 - centre_px) - 1
    assert np.abs(sinograms[0] - truth).mean() < 1e-3 * truth.max()  # cubic and angular interpolation at sharp edges
    assert np.abs(sinograms[0] - truth).max() < 0.05 * truth.max()


def test_a_disc_wider_than_the_detector_comes_back(ellipses):
    theta, centre_px, mu = full_turn(360), 40.2, 0.004
    sinogram = ellipses([(20, -12, 210, 210, 0, mu)], theta, N, centre_px)[None]
    joined = join_half_turns(sinogram, theta, centre_px=centre_px)
    image = fourier_fbp(joined.sinograms, joined.theta, centre_px=joined.centre_px, voxel_um=1e4)[0]
    middle = (image.shape[0] - 1) / 2
    y, x = np.mgrid[: image.shape[0], : image.shape[0]] - middle
    inside = np.hypot(x - 20, y + 12) < 190
    assert image[inside].mean() == pytest.approx(mu, rel=0.005)


def test_views_in_any_order_are_joined_alike(ellipses, cell):
    theta = full_turn(120)
    sinogram = ellipses(cell(200, mu=0.02), theta, N, 80.3)[None]
    order = np.random.default_rng(2).permutation(120)
    one, other = (
        join_half_turns(sinogram, theta, centre_px=80.3),
        join_half_turns(sinogram[:, order], theta[order] + 4 * np.pi, centre_px=80.3),
    )
    np.testing.assert_allclose(one.sinograms, other.sinograms, atol=1e-5)  # angles folded in float64


def test_half_a_turn_is_not_enough():
    theta = np.arange(100) * np.pi / 100
    with pytest.raises(ValueError, match="do not cover a full turn"):
        find_offset_centre(np.random.default_rng(3).normal(size=(100, 1, 64)), theta)
    with pytest.raises(ValueError, match=r"a gap of 181\.8 degrees; joining half turns needs a full turn"):
        join_half_turns(np.ones((1, 100, 64)), theta, centre_px=20.0)


def test_an_axis_or_range_off_the_detector_is_refused():
    with pytest.raises(ValueError, match="centre_px is 70"):
        join_half_turns(np.ones((1, 60, 64)), full_turn(60), centre_px=70.0)
    with pytest.raises(ValueError, match="search_px is 30 to 20"):
        find_offset_centre(np.ones((60, 1, 64)), full_turn(60), search_px=(30, 20))

import numpy as np
import pytest

from xelith.reconstruction.centre_conjugate import double_wedge, opposite_views, seam

THETA = np.arange(120) * np.pi / 120
BLOBS = [(40, 15, 20, 12, 0.4, 0.02), (-30, -20, 15, 25, 1.1, 0.03), (5, 45, 10, 8, 0.0, 0.05)]


@pytest.mark.parametrize("measure", [double_wedge, seam])
@pytest.mark.parametrize("centre_px", [80.0, 101.3, 127.75])
def test_a_half_turn_agrees_with_its_mirror_image_about_the_axis(ellipses, measure, centre_px):
    sinogram = ellipses(BLOBS, THETA, 200, centre_px)[None]
    centres, disagreement = measure(sinogram, THETA).score(200)
    assert abs(centres[disagreement.argmin()] - centre_px) < 0.3  # seam: interpolation in angle
    assert disagreement.min() == pytest.approx(-1, abs=0.05)
    assert disagreement.max() <= 1 + 1e-6


@pytest.mark.parametrize("n_views", [120, 121])
def test_opposite_views_mirror_each_other(ellipses, n_views):
    theta = np.arange(n_views) * 2 * np.pi / n_views  # an odd number leaves every opposite to be interpolated
    sinogram = ellipses(BLOBS, theta, 200, 93.4)[None]
    centres, disagreement = opposite_views(sinogram, theta).score(200)
    assert abs(centres[disagreement.argmin()] - 93.4) < 0.13  # the steps are 1/8
    assert disagreement.min() == pytest.approx(-1, abs=0.01)


def test_the_spectrum_holds_the_plain_sum_of_squares(ellipses):
    theta = np.arange(60) * 2 * np.pi / 60
    sinogram = ellipses(BLOBS, theta, 200, 90.0)[None]
    centres, disagreement = opposite_views(sinogram, theta).score(200)
    wide = np.pad(sinogram[0], ((0, 0), (100, 100)))
    for centre in (90, 97.5):
        mirrored = wide[(np.arange(60) + 30) % 60][:, (2 * (centre + 100) - np.arange(400)).astype(int) % 400]
        direct = np.sum((wide - mirrored) ** 2) / np.sum(wide**2 + mirrored**2)
        here = disagreement[np.abs(centres - centre).argmin()]
        assert here == pytest.approx(direct - 1, abs=1e-5)  # float32 transforms


def test_a_half_turn_has_no_opposite_views(ellipses):
    theta = np.arange(100) * 0.9 * np.pi / 100
    assert opposite_views(ellipses(BLOBS, theta, 200, 90.0)[None], theta) is None


def test_rows_count_alike_however_strong(ellipses):
    strong = 1000 * ellipses(BLOBS, THETA, 200, 90.0)
    weak = ellipses(BLOBS[:1], THETA, 200, 110.0)
    centres, disagreement = double_wedge(np.stack([strong, weak]), THETA).score(200)
    one = disagreement[np.abs(centres - 90).argmin()]
    other = disagreement[np.abs(centres - 110).argmin()]
    assert one == pytest.approx(other, abs=0.25)  # sidelobes of each at the other's centre


def test_nothing_to_compare_gives_a_flat_score():
    _, disagreement = double_wedge(np.zeros((1, 120, 200)), THETA).score(200)
    assert np.all(disagreement == 0)

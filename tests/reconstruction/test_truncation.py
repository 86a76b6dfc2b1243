import numpy as np
import pytest

from xelith.arrays import to_host
from xelith.reconstruction.fourier import fourier_fbp
from xelith.reconstruction.truncation import extend

THETA = np.arange(240) * np.pi / 240
PIXEL_CM = 2e-4
N = 400
PEEK, ELECTROLYTE = 0.89, 15.7  # cm^-1
VOIDS = [(80 * np.cos(k) * (0.3 + 0.1 * k), 70 * np.sin(k), 12, 6, k, -ELECTROLYTE) for k in range(6)]
CELL = [(0, 0, 150, 150, 0, ELECTROLYTE), *VOIDS]


@pytest.fixture(scope="module")
def scan(ellipses):
    """A function that gives the truncated sinogram of ellipses with µ in cm^-1, and the reconstruction of all of it."""

    def measure(parts, centre_px):
        parts = [(*part[:5], part[5] * PIXEL_CM) for part in parts]
        whole = ellipses(parts, THETA, 1001, 500.0)
        return ellipses(parts, THETA, N, centre_px)[None], whole[None]

    return measure


def zone_mean(sinograms, centre_px, inner, outer):
    image = fourier_fbp(np.ascontiguousarray(sinograms, np.float32), THETA, centre_px=centre_px, voxel_um=2.0)[0]
    middle = (image.shape[0] - 1) / 2
    y, x = np.mgrid[: image.shape[0], : image.shape[0]] - middle
    radius = np.hypot(x, y)
    return float(image[(radius >= inner) & (radius < outer)].mean())


@pytest.mark.parametrize("centre_px", [199.5, 211.3])
@pytest.mark.parametrize(
    "tube",
    [
        [(0, 0, 330, 330, 0, PEEK), (0, 0, 175, 175, 0, -PEEK)],
        [(6, -4, 300, 300, 0, PEEK), (6, -4, 175, 175, 0, -PEEK)],
        [(0, 3, 240, 240, 0, PEEK), (0, 3, 165, 165, 0, -PEEK)],
    ],
)
def test_a_cut_tube_leaves_the_cell_within_a_twentieth_per_cm(scan, tube, centre_px):
    cut, whole = scan([*tube, *CELL], centre_px)
    result = extend(cut, centre_px=centre_px)
    assert not result.biased
    for zone in ((0, 60), (60, 130)):
        truth = zone_mean(whole, 500.0, *zone)
        assert abs(zone_mean(result.sinograms, result.centre_px, *zone) - truth) < 0.05  # what the issue asks
        assert abs(zone_mean(cut, centre_px, *zone) - truth) > 0.04  # without the extension: 0.05 to 0.33


@pytest.mark.parametrize("centre_px", [199.5, 207.0])
def test_a_cut_cell_of_known_radius_and_material(scan, centre_px):
    cell = [(3, 2, 225, 225, 0, ELECTROLYTE), *VOIDS]  # the view is 89 % of it
    cut, whole = scan(cell, centre_px)
    result = extend(cut, centre_px=centre_px, outer_radius_px=225, mu_per_px=ELECTROLYTE * PIXEL_CM)
    assert not result.biased
    truth = zone_mean(whole, 500.0, 130, 160)
    assert zone_mean(result.sinograms, result.centre_px, 130, 160) == pytest.approx(truth, rel=0.03)  # issue: 3 %
    assert abs(zone_mean(cut, centre_px, 130, 160) / truth - 1) > 0.04


def test_a_cut_cell_without_a_prior_is_flagged(scan):
    cut, _ = scan([(3, 2, 225, 225, 0, ELECTROLYTE), *VOIDS], 199.5)
    assert extend(cut, centre_px=199.5).biased
    assert extend(cut, centre_px=199.5, outer_radius_px=225).biased


@pytest.mark.parametrize("centre_px", [199.5, 211.3])
def test_an_edge_in_the_bore_of_a_tube_needs_radius_and_material(scan, centre_px):
    tubes = [
        (0, 0, 420, 420, 0, PEEK),
        (0, 0, 260, 260, 0, -PEEK),
        (2, 1, 190, 190, 0, PEEK),
        (2, 1, 160, 160, 0, -PEEK),
    ]
    cut, whole = scan([*tubes, *CELL], centre_px)
    assert extend(cut, centre_px=centre_px).biased
    assert extend(cut, centre_px=centre_px, outer_radius_px=420).biased
    result = extend(cut, centre_px=centre_px, outer_radius_px=420, mu_per_px=PEEK * PIXEL_CM)
    assert not result.biased
    truth = zone_mean(whole, 500.0, 0, 130)
    assert abs(zone_mean(result.sinograms, result.centre_px, 0, 130) - truth) < 0.05
    assert abs(zone_mean(cut, centre_px, 0, 130) - truth) > 0.3


def test_a_scan_that_ends_in_air_is_left_alone(scan):
    cut, _ = scan(CELL, 199.5)
    result = extend(cut, centre_px=199.5)
    assert not result.biased
    assert (result.left_px, result.right_px) == (0, 0)
    np.testing.assert_array_equal(result.sinograms, cut.astype(np.float32))


def test_measured_columns_stay_and_added_ones_end_at_zero(xp, scan):
    cut, _ = scan([(0, 0, 330, 330, 0, PEEK), (0, 0, 175, 175, 0, -PEEK), *CELL], 205.0)
    result = extend(xp.asarray(cut), centre_px=205.0)
    sinograms = to_host(result.sinograms)
    assert sinograms.shape[2] == N + result.left_px + result.right_px
    assert result.centre_px == 205.0 + result.left_px
    np.testing.assert_array_equal(sinograms[:, :, result.left_px : result.left_px + N], cut.astype(np.float32))
    assert np.all(sinograms[:, :, [0, -1]] == 0)
    assert result.outer_radius_px == pytest.approx(330, rel=0.03)


def test_noise_of_many_photons_does_not_matter(scan, photons):
    cut, whole = scan([(0, 0, 330, 330, 0, PEEK), (0, 0, 175, 175, 0, -PEEK), *CELL], 205.0)
    noisy = photons(np.repeat(cut, 8, axis=0), 30_000)
    result = extend(noisy, centre_px=205.0)
    truth = zone_mean(whole, 500.0, 0, 130)
    assert abs(zone_mean(result.sinograms[:1], result.centre_px, 0, 130) - truth) < 0.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"centre_px": -1.0}, "centre_px is -1"),
        ({"centre_px": 20.0, "outer_radius_px": 15}, "within the view's 19 pixels"),
        ({"centre_px": 20.0, "mu_per_px": 0.1}, "mu_per_px is 0.1 without outer_radius_px"),
    ],
)
def test_priors_that_contradict_the_view_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        extend(np.ones((1, 10, 40)), **options)

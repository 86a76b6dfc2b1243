import numpy as np
import pytest
from scipy import ndimage

from xelith.metrology.uniformity import (
    correlation_length_um,
    dispersion,
    find_spots,
    radial_profile,
    texture,
)

Y, X = np.mgrid[:128, :128].astype(float)


def test_sinusoid_has_its_known_texture():
    found = texture(20 + 3 * np.sin(2 * np.pi * X / 32), pixel_um=(1, 1))
    assert found.sq_um == pytest.approx(3 / np.sqrt(2))
    assert found.sa_um == pytest.approx(3 * 2 / np.pi, rel=0.01)  # 32 samples a period
    assert found.ssk == pytest.approx(0, abs=1e-9)
    assert found.sku == pytest.approx(1.5)


def test_peaks_and_holes_differ_in_skewness():
    rng = np.random.default_rng(14)
    peaks = rng.exponential(1.0, (200, 200))
    assert texture(peaks, pixel_um=(1, 1)).ssk == pytest.approx(2, rel=0.1)  # exponential: 2
    assert texture(-peaks, pixel_um=(1, 1)).ssk == pytest.approx(-2, rel=0.1)


def test_flat_map_has_no_shape():
    found = texture(np.full((8, 8), 5.0), pixel_um=(1, 1))
    assert (found.sa_um, found.sq_um) == (0, 0)
    assert found.ssk is None
    assert found.correlation_length_um is None
    assert texture(np.full((8, 8), np.nan), pixel_um=(1, 1)) is None


@pytest.mark.parametrize("pixel_um", [(1.0, 1.0), (0.5, 0.5), (2.0, 1.0)])
def test_correlation_length_of_a_gaussian_field(pixel_um):
    rng = np.random.default_rng(15)
    sigma_um = 6.0
    sigma_px = [sigma_um / p for p in pixel_um]
    field = ndimage.gaussian_filter(rng.normal(size=(512, 512)), sigma_px)
    # white noise smoothed by sigma is correlated as exp(-r^2 / 4 sigma^2), which is 0.2 at 2.54 sigma
    truth = 2 * sigma_um * np.sqrt(np.log(5))
    assert correlation_length_um(field, pixel_um=pixel_um) == pytest.approx(truth, rel=0.08)


def test_correlation_length_does_not_see_the_mask():
    rng = np.random.default_rng(16)
    field = ndimage.gaussian_filter(rng.normal(size=(400, 400)), 5.0)
    y, x = np.mgrid[:400, :400]
    disc = np.hypot(y - 200, x - 200) < 190
    whole = correlation_length_um(field, pixel_um=(1, 1))
    assert correlation_length_um(field, disc, pixel_um=(1, 1)) == pytest.approx(whole, rel=0.1)
    broken = field.copy()
    broken[::7] = np.nan
    assert correlation_length_um(broken, pixel_um=(1, 1)) == pytest.approx(whole, rel=0.1)


def test_ramp_stays_correlated():
    assert correlation_length_um(np.zeros((1, 1)), pixel_um=(1, 1)) is None


def test_independent_columns_disperse_with_the_area_and_clusters_do_not():
    rng = np.random.default_rng(17)
    noise = rng.gamma(4.0, 5.0, (256, 256))  # mean 20, variance 100
    found = dispersion(noise, pixel_um=(1, 1), windows_um=[1, 4, 16])
    np.testing.assert_allclose(found.index_um, [5, 5 / 16, 5 / 256], rtol=0.2)  # 256 windows know it to 9 %
    np.testing.assert_allclose(found.cv, np.sqrt([100, 100 / 16, 100 / 256]) / 20, rtol=0.1)
    np.testing.assert_array_equal(found.windows, [65536, 4096, 256])
    blocks = np.kron(rng.gamma(4.0, 5.0, (16, 16)), np.ones((16, 16)))
    clustered = dispersion(blocks, pixel_um=(1, 1), windows_um=[1, 4, 16])
    np.testing.assert_allclose(clustered.index_um, clustered.index_um[0], rtol=0.01)


def test_windows_double_by_default_and_unmeasured_ones_are_left_out():
    half = np.full((64, 64), 10.0)
    half[:, 40:] = np.nan
    found = dispersion(half, pixel_um=(2, 2))
    np.testing.assert_array_equal(found.window_um, [2, 4, 8, 16, 32, 64])
    assert found.windows[-1] == 2
    np.testing.assert_allclose(found.index_um, 0, atol=1e-12)
    assert np.isnan(dispersion(np.zeros((8, 8)), pixel_um=(1, 1)).cv).all()


def test_radial_profile_of_a_cone():
    distance = np.hypot(Y - 63.5, X - 63.5)
    found = radial_profile(100 - distance, distance < 60, pixel_um=(1, 1), rings=12)
    # a ring of width 5 has its mean radius 25/12r beyond its middle, 0.83 in the innermost
    np.testing.assert_allclose(found.mean_um, 100 - found.radius_um, atol=0.9)
    assert found.columns.sum() == (distance < 60).sum()
    off = radial_profile(100 - np.hypot(Y - 20, X - 30), pixel_um=(1, 1), centre_px=(20, 30))
    np.testing.assert_allclose(off.mean_um, 100 - off.radius_um, atol=3.0)  # rings 14 wide, the farthest are arcs


def test_spots_are_listed_largest_first():
    thickness = np.full((60, 60), 10.0)
    thickness[5:9, 5:9] = 40.0
    thickness[7, 7] = 55.0
    thickness[30:32, 30:32] = 30.0
    thickness[50:55, 40:50] = 0.0
    thickness[0, 0] = np.nan
    spots = find_spots(thickness, pixel_um=(2, 2))
    assert [spot.kind for spot in spots] == ["hot", "hot", "bare"]
    assert spots[0].area_um2 == 64
    assert spots[0].extreme_um == 55
    assert spots[0].centre_px == (6.5, 6.5)
    assert spots[2].area_um2 == 200
    assert len(find_spots(thickness, pixel_um=(2, 2), min_area_um2=20)) == 2
    assert find_spots(np.full((4, 4), np.nan), pixel_um=(1, 1)) == ()


def test_wrong_mask_is_refused():
    with pytest.raises(ValueError, match="give one per column"):
        texture(np.zeros((3, 3)), np.ones((2, 3), bool), pixel_um=(1, 1))

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from xelith.arrays import to_host
from xelith.reconstruction.detector_blur import Floor, deblur, measure_floor, subtract_floor


def picture():
    y, x = np.mgrid[:64, :96]
    return (np.where(np.hypot(y - 30, x - 50) < 18, 0.2, 1.0) + 0.1 * np.sin(x / 9))[None]


def test_a_blurred_frame_becomes_sharp_again(xp):
    sharp = gaussian_filter(picture(), (0, 1.2, 1.2))  # a detector resolves no perfect edge
    blurred = gaussian_filter(sharp, (0, 1.2, 1.2), mode="reflect", truncate=8)
    result = to_host(deblur(xp.asarray(blurred), sigma_px=1.2, noise=0.01))
    inside = (slice(None), slice(8, -8), slice(8, -8))
    before, after = (np.abs(frame - sharp)[inside].max() for frame in (blurred, result))
    assert after < 0.1 * before


def test_levels_and_sums_are_kept():
    frames = np.random.default_rng(1).uniform(0, 1, (2, 20, 30))
    result = deblur(frames, sigma_px=1.5)
    np.testing.assert_allclose(result.sum(axis=(1, 2)), frames.sum(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(deblur(np.full((1, 9, 7), 0.4), sigma_px=1.0), 0.4, rtol=1e-5)


def test_noise_grows_by_no_more_than_stated():
    noise = np.random.default_rng(2).normal(size=(1, 128, 128))
    result = deblur(noise, sigma_px=3.0, noise=0.1)
    assert np.std(result) < np.std(noise) * 1.01 / (2 * 0.1)


def test_no_blur_is_no_change():
    np.testing.assert_array_equal(deblur(picture(), sigma_px=0), picture().astype(np.float32))


@pytest.mark.parametrize(("sigma", "noise"), [(-1, 0.05), (1, 0)])
def test_a_blur_without_meaning_is_refused(sigma, noise):
    with pytest.raises(ValueError, match=f"sigma_px is {sigma} and noise {noise}"):
        deblur(picture(), sigma_px=sigma, noise=noise)


def starved_scan(level, seed=3, photons=20_000):
    """Twenty frames whose lower rows lie behind steel, with glare of `level` in frames and flats alike."""
    rng = np.random.default_rng(seed)
    truth = np.full((20, 40, 60), 0.3)
    truth[:, 25:] = 0.0
    return rng.poisson(photons * (truth * (1 - level) + level)) / photons


@pytest.mark.parametrize("level", [0.003, 0.01, 0.03])
def test_the_floor_is_measured_within_its_error(xp, level):
    frames = starved_scan(level)
    floor = measure_floor(xp.asarray(frames))
    assert floor.n_pixels == 12 * 60
    assert floor.std < 0.02 * level
    assert abs(floor.level - level) < 4 * floor.std


def test_a_floor_subtracted_gives_line_integrals_back():
    frames = starved_scan(0.01)
    result = subtract_floor(frames, measure_floor(frames))
    assert result[:, :25].mean() == pytest.approx(0.3, rel=1e-3)
    assert abs(result[:, 28:].mean()) < 1e-5  # by the choice of the floor
    assert result[:, 28:].min() < 0  # noise is not clipped
    uncorrected = -np.log(0.002 * 0.99 + 0.01) / -np.log(0.002)
    corrected = -np.log(subtract_floor(np.full((1, 1, 1), 0.002 * 0.99 + 0.01), 0.01)[0, 0, 0]) / -np.log(0.002)
    assert uncorrected < 0.75  # 1 % of glare behind 0.2 % of the beam
    assert corrected == pytest.approx(1, abs=1e-4)


def test_scatter_is_not_in_the_flats():
    frame = np.full((1, 2, 2), 0.55)
    np.testing.assert_allclose(subtract_floor(frame, 0.05, in_flats=False), 0.5, rtol=1e-6)
    np.testing.assert_allclose(subtract_floor(np.ones((1, 2, 2)), Floor(0.05, 0.0, 0)), 1.0, rtol=1e-6)


def test_a_given_shadow_is_taken_as_it_is():
    frames = starved_scan(0.01)
    shadow = np.zeros((40, 60), bool)
    shadow[30:35, 10:30] = True
    assert measure_floor(frames, shadow).n_pixels == 100


def test_a_single_frame_has_a_floor_too():
    frames = starved_scan(0.02)
    floor = measure_floor(frames[:1])
    assert abs(floor.level - 0.02) < 4 * floor.std


def test_without_a_shadow_there_is_no_floor():
    with pytest.raises(ValueError, match="0 pixels lie in a shadow.*give the floor by hand"):
        measure_floor(np.full((3, 20, 20), 0.4))


def test_a_floor_of_the_whole_beam_is_refused():
    with pytest.raises(ValueError, match="floor is 1 of the open beam"):
        subtract_floor(np.ones((1, 2, 2)), 1.0)

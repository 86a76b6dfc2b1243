"""The detector: counts of frames follow photons, gain, offset and noise."""

import numpy as np
import pytest

from xelith.simulation.detector import Detector, expose_dark, expose_flat, expose_view, patterns


@pytest.fixture
def detector():
    return Detector(n_rows=100, n_cols=120, pixel_um=1.0)


def frames(take, count=40):
    return np.stack([take(index) for index in range(count)]).astype(float)


def test_flats_have_mean_and_variance_of_their_photons(detector):
    fixed = patterns(detector, seed=1)
    photons = 5000 * fixed.beam
    counts = frames(lambda i: expose_flat(detector, fixed, photons, seed=1, index=i))
    expected = photons.astype(float) * fixed.gain
    signal = counts.mean(axis=0) - fixed.dark
    variance = counts.var(axis=0, ddof=1) - detector.read_noise_counts**2 - 1 / 12  # read-out and rounding
    # five standard errors over 12000 pixels and 40 frames
    assert (signal / expected).mean() == pytest.approx(1.0, abs=5 / np.sqrt(5000 * 12_000 * 40))
    assert (variance / (expected * fixed.gain)).mean() == pytest.approx(1.0, abs=5 * np.sqrt(2 / (39 * 12_000)))


def test_darks_have_the_offset_and_the_read_noise(detector):
    fixed = patterns(detector, seed=2)
    counts = frames(lambda i: expose_dark(detector, fixed, seed=2, index=i))
    assert (counts.mean(axis=0) - fixed.dark).mean() == pytest.approx(0, abs=5 * 3 / np.sqrt(12_000 * 40))
    # five standard errors; rounding adds 1/12
    assert counts.var(axis=0, ddof=1).mean() == pytest.approx(9 + 1 / 12, rel=5 * np.sqrt(2 / (39 * 12_000)))


def test_views_follow_the_transmission_and_the_drifted_gain(detector):
    fixed = patterns(detector, seed=3)
    transmitted = np.linspace(0, 1, 120, dtype=np.float32)[None, :].repeat(100, axis=0)
    counts = frames(lambda i: expose_view(detector, fixed, 1e4 * transmitted * fixed.beam, seed=3, index=i), 10)
    expected = 1e4 * transmitted * fixed.beam * fixed.drifted_gain + fixed.dark
    deviation = (counts.mean(axis=0) - expected) / np.sqrt((expected + 9) / 10)
    assert abs(deviation.mean()) < 5 / np.sqrt(12_000)
    assert deviation.std() == pytest.approx(1.0, abs=0.05)  # five standard errors
    assert np.abs(fixed.drifted_gain / fixed.gain - 1).max() < 6 * detector.drift_std


def test_counts_saturate_at_sixteen_bits(detector):
    fixed = patterns(detector, seed=4)
    flat = expose_flat(detector, fixed, np.full(detector.shape, 1e6, np.float32), seed=4, index=0)
    assert flat.dtype == np.uint16
    assert flat.min() == 65_535


def test_patterns_belong_to_the_seed(detector):
    first, again, other = (patterns(detector, seed=s) for s in (5, 5, 6))
    np.testing.assert_array_equal(first.gain, again.gain)
    assert not np.array_equal(first.gain, other.gain)
    assert first.beam.std() < 0.05
    assert first.gain.std() == pytest.approx(detector.gain_std, rel=0.05)


def test_impossible_detectors_are_refused():
    with pytest.raises(ValueError, match=r"detector has 0 x 5 pixels"):
        Detector(0, 5, 1.0)
    with pytest.raises(ValueError, match=r"the pixel is -2 µm"):
        Detector(5, 5, -2)
    with pytest.raises(ValueError, match=r"blur_px of the detector is -1; give 0 or more"):
        Detector(5, 5, 1.0, blur_px=-1)


def test_zingers_hit_some_pixels_hard():
    quiet, hit = (Detector(n_rows=100, n_cols=120, pixel_um=1.0, zingers=z) for z in (0.0, 30.0))
    fixed = patterns(hit, seed=8)
    photons = 1000 * fixed.beam
    more = []
    for index in range(10):
        clean = expose_view(quiet, fixed, photons, seed=8, index=index).astype(int)
        struck = expose_view(hit, fixed, photons, seed=8, index=index).astype(int)
        more.append((struck - clean)[struck != clean])
    counts = np.concatenate(more)
    assert counts.min() > 0
    assert len(counts) / 10 == pytest.approx(30, abs=5 * np.sqrt(3))  # five standard errors
    assert counts.mean() == pytest.approx(2e4, rel=0.3)  # exponential, cut off by saturation

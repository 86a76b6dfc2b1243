import numpy as np
import pytest
import scipy.io

from xelith.arrays import to_host
from xelith.reconstruction import rings
from xelith.reconstruction.fourier import fourier_fbp

THETA = np.arange(180) * np.pi / 180
CENTRE_PX = 127.3
FILTERS = [rings.remove_mean, rings.remove_sorting, rings.remove_large, rings.remove_dead, rings.remove_wavelet]


@pytest.fixture(scope="module")
def clean(ellipses, cell):
    """Two sinograms of a cell of 200 columns in a view of 256."""
    parts = [ellipses(cell(100, seed=k), THETA, 256, CENTRE_PX) for k in range(2)]
    return np.stack(parts).astype(np.float32)


def slices(sinograms):
    return fourier_fbp(np.ascontiguousarray(sinograms), THETA, centre_px=CENTRE_PX, voxel_um=1e4)


def radius():
    y, x = np.mgrid[:256, :256] - 127.5
    return np.hypot(x, y)


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


@pytest.mark.parametrize("remove", [*FILTERS, rings.remove_all])
def test_shape_and_type_are_kept_and_rows_do_not_mix(xp, clean, remove):
    both = to_host(remove(xp.asarray(clean)))
    assert both.shape == clean.shape
    assert both.dtype == np.float32
    np.testing.assert_allclose(both[1:], to_host(remove(xp.asarray(clean[1:]))), atol=1e-5)  # float32 sums


@pytest.mark.parametrize("remove", [*FILTERS, rings.remove_all])
def test_a_level_is_left_alone(remove):
    level = np.full((1, 60, 80), 1.7, np.float32)
    np.testing.assert_allclose(remove(level), level, atol=1e-5)


def test_the_default_filter_takes_less_than_half_a_per_cent_of_a_clean_cell(clean):
    before, after = slices(clean), slices(rings.remove_mean(clean))
    core = radius() < 45
    loss = 1 - after[:, core].mean() / before[:, core].mean()
    assert abs(loss) < 0.005  # what the issue asks
    # at the tubes' edges, a larger share of this small slice than of the 512 columns stated in the docstring
    assert rms((after - before)[:, radius() < 110]) < 0.04 * before[:, core].mean()


@pytest.mark.parametrize("remove", [rings.remove_mean, rings.remove_sorting, rings.remove_wavelet])
def test_narrow_stripes_are_weakened(clean, remove):
    rng = np.random.default_rng(1)
    stripes = np.where(rng.uniform(size=256) < 0.3, rng.normal(0, 0.1, 256), 0)
    striped = (clean + stripes).astype(np.float32)
    left = remove(striped) - remove(clean)
    assert rms(left) < 0.5 * rms(stripes)  # neighbours that are stripes themselves leave the rest


def test_a_stripe_of_constant_strength_is_removed_by_its_mean(clean):
    striped = clean.copy()
    striped[:, :, 150] += 0.1
    left = rings.remove_mean(striped) - rings.remove_mean(clean)
    assert np.abs(left).max() < 0.03  # the median of 9 columns moves by one rank on the core's slope, 0.02 a column


def test_a_partial_stripe_is_removed_by_sorting():
    smooth = (np.sin(np.arange(70) / 60) + 0.3 * np.sin(THETA)[:, None] + np.linspace(0, 0.1, 180)[:, None])[None]
    smooth = smooth.astype(np.float32)
    striped = smooth.copy()
    striped[:, 40:100, 35] += 0.2
    stripe = np.zeros_like(smooth)
    stripe[:, 40:100, 35] = 0.2
    by_sorting = rings.remove_sorting(striped, size=9) - rings.remove_sorting(smooth, size=9)
    by_mean = rings.remove_mean(striped) - rings.remove_mean(smooth)
    assert rms(by_sorting) < 0.4 * rms(stripe)  # the part that moves the ranks of its own column stays
    assert rms(by_sorting) < 0.5 * rms(by_mean)


def test_sorting_commutes_with_the_order_of_views(clean):
    rng = np.random.default_rng(2)
    order = rng.permutation(THETA.size)
    block = (clean + rng.normal(0, 0.01, clean.shape)).astype(np.float32)
    here, there = rings.remove_sorting(block[:, order]), rings.remove_sorting(block)[:, order]
    assert np.mean(here != there) < 1e-4  # equal values of one column may change places


def test_sorting_keeps_negative_values_in_order():
    block = np.random.default_rng(3).normal(size=(1, 70, 30)).astype(np.float32)
    block[:, :3] = 0.0
    plain = np.empty_like(block)
    order = np.argsort(block[0], axis=0, kind="stable")
    ranked = np.take_along_axis(block[0], order, axis=0)
    padded = np.pad(ranked, ((0, 0), (2, 2)), mode="edge")
    smooth = np.median(np.stack([padded[:, k : k + 30] for k in range(5)]), axis=0)
    np.put_along_axis(plain[0], order, smooth, axis=0)
    np.testing.assert_array_equal(rings.remove_sorting(block, size=5)[:, :, 2:-2], plain[:, :, 2:-2])


def test_a_wide_stripe_is_replaced_and_nothing_else():
    rng = np.random.default_rng(4)
    smooth = np.arange(200)[None, None] / 200 + 0.3 * np.sin(THETA)[None, :, None]
    block = (smooth + rng.normal(0, 0.01, (1, 180, 200))).astype(np.float32)
    striped = block.copy()
    striped[:, :, 90:98] += 0.3
    result = rings.remove_large(striped, size=51)
    assert np.abs(result - block).max() < 0.1  # noise by rank, and the median's bias of four columns beside the stripe
    np.testing.assert_array_equal(result[:, :, :60], block[:, :, :60])
    np.testing.assert_array_equal(result[:, :, 130:], block[:, :, 130:])


@pytest.mark.parametrize("fault", ["dead", "wild"])
def test_a_column_that_does_not_answer_is_interpolated(clean, photons, fault):
    rng = np.random.default_rng(5)
    block = photons(clean[:1], 20_000).astype(np.float32)
    broken = block.copy()
    broken[:, :, 120] = 0.7 if fault == "dead" else 0.7 + rng.normal(0, 1, (1, 180))
    result = rings.remove_dead(broken)
    assert np.abs(result - clean[:1])[:, :, 120].mean() < 0.1  # across three columns of a cell with voids
    np.testing.assert_array_equal(result[:, :, :115], block[:, :, :115])


def test_all_kinds_together(clean, photons):
    rng = np.random.default_rng(6)
    block = photons(clean[:1], 50_000).astype(np.float32)
    broken = block + np.where(rng.uniform(size=256) < 0.2, rng.normal(0, 0.2, 256), 0).astype(np.float32)
    broken[:, :, 60:66] += 0.6
    broken[:, :, 180] = 1.0
    before, after, truth = (slices(part)[0] for part in (broken, rings.remove_all(broken), clean[:1]))
    inside = radius() < 110
    assert rms((after - truth)[inside]) < 0.6 * rms((before - truth)[inside])  # the noise is part of both


def test_stripes_are_detected_by_their_spread():
    rng = np.random.default_rng(7)
    profile = rng.normal(0, 0.01, 300)
    profile[40], profile[200:203] = 0.5, -0.5
    assert np.flatnonzero(rings.detect_stripes(profile)).tolist() == [40, 200, 201, 202]
    assert not rings.detect_stripes(rng.normal(0, 0.01, 300)).any()
    assert not rings.detect_stripes(np.zeros(300)).any()


@pytest.mark.data
def test_wavelets_agree_with_the_stored_result_of_tomopy(data_dir):
    folder = data_dir / "reference" / "tomopy"
    projections = np.pad(np.load(folder / "proj.npy").swapaxes(0, 1), ((0, 0), (1, 1), (0, 0)))
    result = rings.remove_wavelet(projections, levels=6)[:, 1:-1].swapaxes(0, 1)
    reference = np.load(folder / "remove_stripe_fw.npy")
    # published tolerance 1 %; theirs pads 16 views by one zero each side and keeps 3 % of the stripes' own frequency
    assert np.abs(result - reference).max() < 0.01 * np.abs(reference).max()


@pytest.mark.data
def test_the_dendrite_loses_its_rings(data_dir):
    content = scipy.io.loadmat(data_dir / "projections" / "sinograms" / "RealDataDend.mat")
    sinogram = np.ascontiguousarray(content["sinoRD"].T[None], np.float32)
    theta = content["anglesRad"].ravel()
    y, x = np.mgrid[:1260, :1260] - 629.5
    ring = np.hypot(x, y).astype(int).ravel()

    def ring_strength(sinogram):
        image = fourier_fbp(sinogram, theta, centre_px=628.6, voxel_um=1e4)[0].ravel()
        mean = np.bincount(ring, image)[:350] / np.bincount(ring)[:350]
        smooth = np.convolve(mean, np.ones(21) / 21, mode="same")
        return rms((mean - smooth)[20:330])

    # the noise of the mean over a circle is what is left; the pictures were looked at
    assert ring_strength(rings.remove_wavelet(sinogram, levels=6)) < 0.35 * ring_strength(sinogram)
    assert ring_strength(rings.remove_sorting(sinogram, size=81)) < 0.45 * ring_strength(sinogram)

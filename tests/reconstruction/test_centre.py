import h5py
import numpy as np
import pytest
import scipy.io
from scipy.ndimage import gaussian_filter

from xelith.reconstruction.centre import Candidate, find_centre


def half_turn(n_views, start=0.3):
    return start + np.arange(n_views) * np.pi / n_views


@pytest.mark.parametrize("share", [0.3, 0.42, 0.5, 0.613, 0.7])
@pytest.mark.parametrize(("n_columns", "n_views", "turns"), [(256, 180, 0.5), (255, 181, 0.5), (256, 180, 1.0)])
def test_the_centre_of_a_clean_scan_is_found_wherever_it_lies(ellipses, cell, share, n_columns, n_views, turns):
    centre_px = share * n_columns
    radius = 0.9 * min(centre_px, n_columns - 1 - centre_px)
    theta = 0.3 + np.arange(n_views) * turns * 2 * np.pi / n_views
    sinogram = ellipses(cell(radius), theta, n_columns, centre_px)
    result = find_centre(sinogram[:, None], theta)
    assert abs(result.centre_px - centre_px) < 0.25  # what the issue asks; 0.08 was the worst of 300 such scans
    assert result.verdict == "resolved"
    assert result.confidence > 0.5


@pytest.mark.parametrize("turns", [0.5, 1.0])
def test_noise_of_a_thousand_photons(ellipses, cell, photons, turns):
    centre_px, n_views = 118.3, 160
    theta = np.arange(n_views) * turns * 2 * np.pi / n_views
    rows = [photons(ellipses(cell(95, seed=k, mu=0.03), theta, 256, centre_px), 1000, seed=k) for k in range(4)]
    result = find_centre(np.stack(rows, axis=1), theta)
    assert abs(result.centre_px - centre_px) < 0.25
    assert result.verdict == "resolved"


@pytest.mark.parametrize("turns", [0.5, 1.0])
def test_tubes_centred_on_the_axis_have_a_centre(ellipses, cell, photons, turns):
    centre_px, n_views = 140.6, 180
    theta = np.arange(n_views) * turns * 2 * np.pi / n_views
    tubes = ellipses(cell(100, eccentric=0, inclusions=0), theta, 256, centre_px)
    result = find_centre(photons(tubes, 10_000)[:, None], theta)
    assert abs(result.centre_px - centre_px) < 0.25
    assert result.verdict == "resolved"


@pytest.mark.parametrize("turns", [0.5, 1.0])
def test_a_cell_wider_than_the_view(ellipses, cell, photons, turns):
    n_columns, centre_px, n_views = 300, 141.4, 240
    theta = np.arange(n_views) * turns * 2 * np.pi / n_views
    rows = [
        photons(ellipses(cell(0.6 * n_columns, seed=k), theta, n_columns, centre_px), 30_000, seed=k) for k in range(3)
    ]
    result = find_centre(np.stack(rows, axis=1), theta)
    assert abs(result.centre_px - centre_px) < 0.4  # truncation and noise; twice the error of ten other seeds
    assert result.verdict == "resolved"


def test_rings_do_not_pull_the_centre_to_a_strong_stripe(ellipses, cell):
    centre_px, rng = 121.2, np.random.default_rng(3)
    theta = half_turn(180)
    stripes = np.where(rng.uniform(size=256) < 0.3, rng.normal(0, 0.03, 256), 0)
    stripes[150] = 0.5
    sinogram = ellipses(cell(100), theta, 256, centre_px) + stripes
    result = find_centre(sinogram[:, None], theta)
    assert abs(result.centre_px - centre_px) < 0.25
    assert result.verdict == "resolved"


def test_views_may_be_few_unsorted_and_uneven(ellipses, cell):
    rng = np.random.default_rng(4)
    theta = rng.permutation(half_turn(90) + rng.uniform(-0.3, 0.3, 90) * np.pi / 90) + 2 * np.pi * rng.integers(
        0, 40, 90
    )
    sinogram = ellipses(cell(90), theta, 256, 131.7)
    result = find_centre(sinogram[:, None], theta)
    assert abs(result.centre_px - 131.7) < 0.25
    assert result.verdict == "resolved"


@pytest.mark.parametrize(
    "theta", [np.linspace(0, np.pi, 121), np.linspace(0, 2 * np.pi, 241), np.linspace(0, 3.6, 140)]
)
def test_the_last_view_may_repeat_or_pass_the_first(ellipses, cell, theta):
    sinogram = ellipses(cell(90), theta, 256, 120.2)
    result = find_centre(sinogram[:, None], theta)
    assert abs(result.centre_px - 120.2) < 0.25
    assert result.verdict == "resolved"


def test_starved_lost_and_empty_rows_are_passed_over(ellipses, cell, photons):
    centre_px, theta = 133.4, half_turn(150)
    rng = np.random.default_rng(5)
    good = photons(ellipses(cell(95), theta, 256, centre_px), 20_000)
    starved = -np.log(np.maximum(rng.poisson(0.4, good.shape), 0.5) / 20_000)
    block = np.stack([starved, np.full_like(good, np.nan), good, np.zeros_like(good), starved, good + 0.0], axis=1)
    block[7, 2, 40], block[30, 5, 200] = np.inf, np.nan
    result = find_centre(block.astype(np.float32), theta)
    assert abs(result.centre_px - centre_px) < 0.25
    assert result.verdict == "resolved"


def test_a_wide_detector_is_binned_and_still_exact(ellipses, cell):
    theta = half_turn(200)
    sinogram = ellipses(cell(600), theta, 1500, 701.37)
    result = find_centre(sinogram[:, None], theta)
    assert abs(result.centre_px - 701.37) < 0.25
    assert result.verdict == "resolved"


def test_shifting_the_detector_shifts_the_centre(ellipses, cell):
    theta = half_turn(120)
    sinogram = np.pad(ellipses(cell(80), theta, 220, 104.3), ((0, 0), (20, 20)))[:, None]
    here = find_centre(sinogram[:, :, :240], theta).centre_px
    there = find_centre(sinogram[:, :, 13:253], theta).centre_px
    assert here - there == pytest.approx(13, abs=0.05)  # only the detector's middle has moved


def test_mirroring_the_detector_mirrors_the_centre(ellipses, cell):
    theta = half_turn(120)
    sinogram = ellipses(cell(80), theta, 240, 104.3)[:, None]
    here, there = find_centre(sinogram, theta).centre_px, find_centre(sinogram[:, :, ::-1], -theta).centre_px
    assert here + there == pytest.approx(239, abs=0.05)


def flat_scans():
    rng = np.random.default_rng(6)
    shape = (180, 2, 256)
    yield "nothing", np.zeros(shape)
    yield "a constant", np.full(shape, 1.3)
    yield "noise", rng.normal(0, 0.1, shape)
    yield "noise on a level", 2 + rng.normal(0, 0.1, shape)
    yield "stripes", rng.normal(0, 0.05, shape) + rng.normal(0, 0.03, (1, 2, 256))
    yield "NaN", np.full(shape, np.nan)


@pytest.mark.parametrize("turns", [0.5, 1.0])
@pytest.mark.parametrize(("name", "block"), flat_scans(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_scan_without_an_object_is_flat(name, block, turns):
    theta = np.arange(180) * turns * 2 * np.pi / 180
    result = find_centre(block, theta)
    assert result.verdict == "flat"
    assert result.confidence == 0


def test_views_that_belong_to_no_object_are_ambiguous():
    texture = gaussian_filter(np.random.default_rng(7).normal(0, 1, (180, 256)), (6, 4))
    result = find_centre(texture[:, None], half_turn(180))
    assert result.verdict == "ambiguous"
    assert result.confidence < 0.5


def test_a_missing_wedge_is_said(ellipses):
    theta = np.arange(160) * 0.85 * np.pi / 160
    blobs = [(30, 20, 40, 15, 0.3, 0.02), (-35, 10, 20, 25, 1.0, 0.03)]
    result = find_centre(ellipses(blobs, theta, 256, 125.0)[:, None], theta)
    assert result.verdict == "ambiguous" or abs(result.centre_px - 125) < 0.5


@pytest.mark.parametrize(("low", "high"), [(140, 180), (60, 110)])
def test_a_centre_outside_the_range_is_said(ellipses, cell, low, high):
    theta = half_turn(120)
    sinogram = ellipses(cell(85), theta, 256, 124.0)[:, None]
    result = find_centre(sinogram, theta, search_px=(low, high))
    assert result.verdict == "at-edge"
    assert low <= result.centre_px <= high


def test_a_narrow_range_around_the_centre_is_enough(ellipses, cell):
    theta = half_turn(120)
    result = find_centre(ellipses(cell(85), theta, 256, 124.4)[:, None], theta, search_px=(122, 127))
    assert result.verdict == "resolved"
    assert abs(result.centre_px - 124.4) < 0.25


def test_every_method_is_listed_with_its_answer(ellipses, cell):
    theta = half_turn(120)
    result = find_centre(ellipses(cell(85), theta, 256, 124.4)[:, None], theta)
    methods = {candidate.method for candidate in result.candidates}
    assert {"double wedge", "opposite views across the seam", "sharpness"} <= methods
    assert all(isinstance(candidate, Candidate) and 0 <= candidate.score <= 1 for candidate in result.candidates)
    assert max(abs(candidate.centre_px - 124.4) for candidate in result.candidates) < 0.5


@pytest.mark.data
def test_the_tooth(data_dir):
    with h5py.File(data_dir / "projections" / "dataexchange" / "tooth.h5") as file:
        data, flats, darks, degrees = (
            file[f"exchange/{name}"][()] for name in ("data", "data_white", "data_dark", "theta")
        )
    dark = darks.mean(axis=0)
    integrals = -np.log(np.clip((data - dark) / (flats.mean(axis=0) - dark), 1e-4, None))
    result = find_centre(integrals, np.deg2rad(degrees))
    assert result.centre_px == pytest.approx(295.6, abs=0.5)  # the figure
    assert result.verdict == "resolved"


@pytest.mark.data
def test_the_sinogram_of_tomopy(data_dir):
    sinogram = np.load(data_dir / "reference" / "tomopy" / "sinogram.npy")
    result = find_centre(sinogram, np.linspace(0, np.pi, 45))
    # published: 45.28 by entropy, 44.75 by Vo's method, to 1 %, half a pixel apart by their conventions
    assert result.centre_px == pytest.approx(44.75, abs=0.45)
    assert result.verdict == "resolved"


@pytest.mark.data
def test_the_dendrite(data_dir):
    content = scipy.io.loadmat(data_dir / "projections" / "sinograms" / "RealDataDend.mat")
    result = find_centre(content["sinoRD"].T[:, None], content["anglesRad"].ravel())
    assert result.centre_px == pytest.approx(628, abs=1.5)  # "about 628"; its strong rings blur every method
    assert result.verdict == "resolved"


@pytest.mark.parametrize(
    ("shape", "theta", "search", "message"),
    [
        ((10, 2, 64), np.zeros(9), None, r"theta \(9,\)"),
        ((10, 64), np.zeros(10), None, r"projections are \(10, 64\)"),
        ((3, 2, 64), np.zeros(3), None, "needs 4 views"),
        ((10, 2, 8), np.zeros(10), None, "16 columns"),
        ((10, 2, 64), np.full(10, np.nan), None, "10 of 10 angles are NaN or Inf"),
        ((10, 2, 64), np.zeros(10), (40, 30), "search_px is 40 to 30"),
        ((10, 2, 64), np.zeros(10), (40, 64), "0 to 63"),
    ],
)
def test_what_cannot_be_searched_is_refused(shape, theta, search, message):
    with pytest.raises(ValueError, match=message):
        find_centre(np.zeros(shape), theta, search_px=search)

import numpy as np
import pytest
from scipy import ndimage

from xelith.segmentation import collector_surface_from_transmission
from xelith.segmentation.surfaces import dense_surface, profile_from_volume, row_profile

FINE = 50


def layered(edges, transmissions, *, n=80, blur=0.0):
    """Rows of a stack of layers: averaged over the row and blurred in intensity."""
    z = (np.arange(n * FINE) + 0.5) / FINE - 0.5
    fine = np.array(transmissions)[np.searchsorted(edges, z)]
    if blur:
        fine = ndimage.gaussian_filter1d(fine, blur * FINE, mode="nearest")
    return fine.reshape(n, FINE).mean(axis=1)


@pytest.mark.parametrize("blur", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("edge", [60.0, 60.28, 60.5, 60.9])
@pytest.mark.parametrize("flipped", [False, True])
def test_the_collector_is_found_within_a_hundredth_of_a_row_at_any_blur(blur, edge, flipped):
    profile = layered([12.3, edge], [0.12, 0.93, 1e-5], blur=blur)
    surface = collector_surface_from_transmission(profile[::-1] if flipped else profile)
    assert surface.end == ("low" if flipped else "high")
    # a Gaussian of 1 row leaves 3e-5 of a row beyond the four rows that are added up; the grid is 0.02 rows
    assert surface.z == pytest.approx(79 - edge if flipped else edge, abs=0.02)


def test_noise_moves_the_collector_by_its_stated_uncertainty():
    rng = np.random.default_rng(5)
    clean = layered([12.3, 60.4], [0.12, 0.93, 1e-5], blur=0.5)
    found = [collector_surface_from_transmission(clean + 0.01 * rng.standard_normal(80)) for _ in range(200)]
    spread = np.std([s.z for s in found])
    stated = np.mean([s.std for s in found])
    assert np.mean([s.z for s in found]) == pytest.approx(60.4, abs=0.02 + 4 * spread / np.sqrt(200))
    # the levels are medians of few rows, so that the stated value is rough
    assert 0.5 < stated / spread < 2.0


@pytest.mark.parametrize("blur", [0.3, 0.8])
def test_rows_beyond_the_guard_do_not_see_the_collector(blur):
    profile = layered([12.3, 60.4], [0.12, 0.93, 0.0], blur=blur)
    surface = collector_surface_from_transmission(profile)
    rows = np.arange(80)
    clean = (surface.depth(rows) < -surface.guard - 0.5) & (rows > 30)
    assert (1 - profile[clean] / 0.93).max() < 0.003
    assert surface.guard <= 2 + 3 * blur


def test_an_uncharged_cell_without_interlayer_has_its_collector_beside_the_electrolyte():
    surface = collector_surface_from_transmission(layered([60.4], [0.12, 1e-5], blur=0.5))
    assert surface.z == pytest.approx(60.4, abs=0.02)


@pytest.mark.parametrize("light_rows", [3.0, 5.3, 8.0])
@pytest.mark.parametrize("flipped", [False, True])
def test_a_film_of_few_rows_leaves_the_collector_where_it_is(light_rows, flipped):
    """Half of the rows from which the light level is read would lie in the electrolyte."""
    profile = layered([60.4 - light_rows, 60.4], [0.25, 0.95, 0.03], blur=0.4)
    surface = collector_surface_from_transmission(profile[::-1] if flipped else profile)
    # what blur carries over the far face of the film is missing from its level
    assert surface.z == pytest.approx(79 - 60.4 if flipped else 60.4, abs=0.05)
    assert surface.std < 0.2


def test_no_dark_end_means_no_collector_in_view():
    assert collector_surface_from_transmission(np.full(40, 0.9)) is None
    assert collector_surface_from_transmission(layered([20, 40], [0.9, 0.01, 0.9])) is None


def test_two_equally_dark_ends_need_to_be_told_apart_by_the_user():
    profile = layered([20, 60], [0.01, 0.9, 0.01])
    with pytest.raises(ValueError, match="say at which end it lies"):
        collector_surface_from_transmission(profile)
    assert collector_surface_from_transmission(profile, end="low").z == pytest.approx(20, abs=0.02)


@pytest.mark.parametrize("end", ["low", "high"])
def test_the_electrolyte_is_found_from_the_light_rows(end):
    profile = layered([21.7, 60.4], [0.12, 0.93, 1e-5], blur=0.5)
    if end == "high":
        profile = profile[::-1]
    surface = dense_surface(profile, end=end, start=40.0, limit=0.5)
    assert surface.z == pytest.approx(21.7 if end == "low" else 79 - 21.7, abs=0.02)
    assert dense_surface(np.full(80, 0.9), end=end, start=40.0, limit=0.5) is None


def test_a_thin_light_layer_keeps_the_collector_out_of_the_electrolytes_surface():
    profile = layered([21.7, 30.2], [0.12, 0.93, 1e-5], blur=0.5)
    surface = dense_surface(profile, end="low", start=float(np.argmax(profile)), limit=0.5)
    assert surface.z == pytest.approx(21.7, abs=0.05)


def test_covered_shares_add_up_to_the_place_of_the_surface():
    surface = collector_surface_from_transmission(layered([12.3, 60.4], [0.12, 0.93, 1e-5]))
    covered = surface.covered(np.arange(80))
    assert covered.sum() == pytest.approx(79.5 - surface.z)
    assert ((covered > 0) & (covered < 1)).sum() == 1


def test_the_profile_of_an_image_is_taken_behind_the_cell():
    image = np.full((40, 60), 0.99)
    image[:, 20:40] = 0.8
    image[30:, 20:40] = 0.001
    np.testing.assert_allclose(row_profile(image), np.where(np.arange(40) < 30, 0.8, 0.001))


def test_a_volume_gives_the_transmission_that_it_stands_for():
    mu = np.where(np.arange(40) < 25, 1.0, 100.0)
    volume = np.broadcast_to(mu[:, None, None], (40, 41, 41))
    profile = profile_from_volume(volume, centre_yx=(20, 20), radius_px=15, voxel_um=2.0)
    np.testing.assert_allclose(profile, np.exp(-mu * 31 * 2e-4))
    assert collector_surface_from_transmission(profile).z == pytest.approx(24.5, abs=0.02)


@pytest.mark.parametrize("shape", [(7,), (7, 5), (9, 4, 4)])
def test_profiles_of_too_few_rows_are_refused(shape):
    with pytest.raises(ValueError, match="at least 8 rows"):
        row_profile(np.ones(shape))


def test_transmissions_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="1 values that are not finite"):
        row_profile(np.where(np.arange(20) == 3, np.nan, 1.0))

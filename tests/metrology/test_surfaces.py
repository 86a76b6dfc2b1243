import numpy as np
import pytest
from scipy import ndimage

from xelith.materials import Phase
from xelith.metrology.stack import Stack
from xelith.metrology.surfaces import column_limits, fit_surface

Y, X = np.mgrid[:40, :60].astype(float)


def test_plane_is_found_exactly():
    heights = 12.25 + 0.01 * Y - 0.02 * X
    surface = fit_surface(heights)
    np.testing.assert_allclose(surface.heights_px(), heights, atol=1e-9)
    assert surface.slope() == pytest.approx((0.01, -0.02))
    assert surface.inlier_share == 1.0
    assert surface.std_px < 1e-6


@pytest.mark.parametrize("where", ["side", "blobs"])
def test_growths_holes_and_blanks_do_not_pull_the_plane(where):
    rng = np.random.default_rng(8)
    truth = 12.25 + 0.01 * Y - 0.02 * X
    broken = truth + rng.normal(0, 0.3, X.shape)
    if where == "side":
        broken[:16] += 25.0
    else:
        grown = ndimage.gaussian_filter(rng.normal(size=X.shape), 4)
        grown -= np.quantile(grown, 0.45)  # hills over 55 % of the columns, and not one below
        broken += 25.0 * np.maximum(grown, 0) / grown.max()
    broken[24:27] = np.nan
    surface = fit_surface(broken)
    # the foot of a hill passes for the plane where it rises by less than the scatter
    assert np.abs(surface.heights_px() - truth).max() < (0.1 if where == "side" else 0.8)
    assert surface.std_px == pytest.approx(0.3, abs=0.03 if where == "side" else 0.6)
    assert surface.inlier_share < 0.75


def test_bent_collector_needs_a_parabola():
    heights = 20 + 0.004 * (Y - 20) ** 2 - 0.001 * (Y - 20) * (X - 30) + 0.01 * X
    np.testing.assert_allclose(fit_surface(heights, degree=2).heights_px(), heights, atol=1e-8)
    assert np.abs(fit_surface(heights).heights_px() - heights).max() > 0.5


def test_whole_voxels_of_a_tilted_plane_are_averaged():
    truth = 10.3 + 0.013 * Y + 0.027 * X
    surface = fit_surface(np.round(truth))
    assert np.abs(surface.heights_px() - truth).max() < 0.15  # half the std of rounding
    assert surface.std_px == pytest.approx(0.29, abs=0.1)


@pytest.mark.parametrize("shape", [(1, 60), (60, 1)])
@pytest.mark.parametrize("degree", [1, 2])
def test_a_map_of_one_row_has_no_slope_across_it(shape, degree):
    along = np.arange(60.0).reshape(shape)
    surface = fit_surface(9.75 + 0.02 * along, degree=degree)
    np.testing.assert_allclose(surface.heights_px(), 9.75 + 0.02 * along, atol=1e-9)
    assert surface.slope() == pytest.approx((0.0, 0.02) if shape[0] == 1 else (0.02, 0.0))


def test_column_limits_across_slabs_and_blank_columns():
    labels = np.full((50, 2, 3), Phase.VOID, np.uint8)
    labels[14:19, 0] = Phase.ELECTROLYTE
    labels[40, 0, 1] = Phase.ELECTROLYTE
    first, last = column_limits(Stack(labels, 1.0), Phase.ELECTROLYTE)
    np.testing.assert_array_equal(first[0], [14, 14, 14])
    np.testing.assert_array_equal(last[0], [18, 40, 18])
    assert np.isnan(first[1]).all()
    assert np.isnan(last[1]).all()
    first, last = column_limits(Stack(labels, 1.0), Phase.ELECTROLYTE, start=16, stop=18)
    assert (first[0, 0], last[0, 0]) == (16, 17)


def test_too_little_to_fit_is_refused():
    heights = np.full((4, 4), np.nan)
    heights[0, :2] = 1
    with pytest.raises(ValueError, match="2 columns show the surface; 3 are needed"):
        fit_surface(heights)
    with pytest.raises(ValueError, match="degree is 3"):
        fit_surface(np.zeros((4, 4)), degree=3)

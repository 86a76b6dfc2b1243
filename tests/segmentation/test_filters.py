import numpy as np
import pytest

from xelith.segmentation.filters import dilate, erode, gaussian_within, mask_share, specks


def test_a_constant_stays_constant_up_to_the_edge_of_the_mask(xp):
    rng = np.random.default_rng(2)
    mask = xp.asarray(rng.random((9, 10, 11)) < 0.5)
    values = xp.where(mask, xp.float32(3.0), xp.float32(1e9))
    smooth = gaussian_within(values, mask, 1.0)
    assert float(abs(smooth[mask] - 3).max()) < 1e-5  # float32
    assert smooth.dtype == xp.float32


def test_no_width_smooths_nothing(xp):
    values = xp.arange(27, dtype=xp.float32).reshape(3, 3, 3)
    mask = values > 5
    assert bool((gaussian_within(values, mask, 0) == xp.where(mask, values, 0)).all())


def test_dilation_counts_steps_along_the_axes(xp):
    mask = xp.zeros((9, 9, 9), dtype=bool)
    mask[4, 4, 4] = True
    z, y, x = xp.asarray(np.indices((9, 9, 9)) - 4)
    assert bool((dilate(mask, 3) == (abs(z) + abs(y) + abs(x) <= 3)).all())
    assert dilate(mask, 0) is mask


def test_erosion_leaves_the_edge_of_the_array_alone(xp):
    mask = xp.ones((6, 6, 6), dtype=bool)
    assert bool(erode(mask, 2).all())
    mask[0] = False
    assert int(erode(mask, 2).sum()) == 3 * 36


@pytest.mark.parametrize(("size", "is_speck"), [((2, 2, 2), True), ((3, 2, 2), False), ((11, 1, 1), True)])
def test_specks_are_parts_of_few_voxels(xp, size, is_speck):
    mask = xp.zeros((14, 8, 8), dtype=bool)
    mask[2 : 2 + size[0], 2 : 2 + size[1], 2 : 2 + size[2]] = True
    found = specks(mask, smallest=12)
    assert bool((found == (mask if is_speck else xp.zeros_like(mask))).all())


def test_an_empty_mask_has_no_specks(xp):
    assert not bool(specks(xp.zeros((3, 3, 3), dtype=bool), smallest=5).any())


def test_the_share_of_rows_and_columns_is_the_product_of_their_shares(xp):
    rng = np.random.default_rng(4)
    columns, rows = xp.asarray(rng.random((1, 9, 10)) < 0.5), xp.asarray(rng.random((8, 1, 1)) < 0.5)
    both = mask_share(columns & rows, 1.2)
    assert float(abs(both - mask_share(columns, 1.2) * mask_share(rows, 1.2)).max()) < 1e-6  # float32

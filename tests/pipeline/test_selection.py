"""Rows, columns, bins and views: what is read, and where the axis goes."""

import numpy as np
import pytest

from xelith.pipeline.config import Region
from xelith.pipeline.selection import Selection, preview_of, select, select_theta

FRAMES = np.random.default_rng(0).normal(size=(12, 10, 15)).astype(np.float32)


def test_everything_by_default():
    chosen = select(FRAMES.shape, Region())
    assert chosen.shape == FRAMES.shape
    np.testing.assert_array_equal(chosen.read(FRAMES, 0, 12), FRAMES)


def test_bins_are_means_and_leave_out_what_does_not_fill_one():
    chosen = select(FRAMES.shape, Region(rows=(1, 8), columns=(2, 13), bin=3, views=2))
    assert chosen.shape == (6, 2, 3)
    read = chosen.read(FRAMES, 1, 3)
    expected = FRAMES[[2, 4], 1:7, 2:11].reshape(2, 2, 3, 3, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(read, expected, atol=1e-6)  # float32 means
    np.testing.assert_allclose(select_theta(np.arange(12.0), chosen), [0, 2, 4, 6, 8, 10])


@pytest.mark.parametrize("size", [1, 2, 3])
def test_axis_goes_to_the_bins_and_back(size):
    chosen = select((4, 12, 60), Region(columns=(6, 54), bin=size))
    assert chosen.full_px(chosen.centre_px(31.2)) == pytest.approx(31.2)
    middle_of_first_bin = 6 + (size - 1) / 2
    assert chosen.centre_px(middle_of_first_bin) == pytest.approx(0.0)


def test_scattered_rows_are_read_one_by_one():
    chosen = Selection(tuple(range(12)), (0, 1, 7), (0, 15), 1)
    np.testing.assert_array_equal(chosen.read(FRAMES, 0, 12), FRAMES[:, [0, 1, 7]])


def test_preview_is_light_and_keeps_the_columns():
    chosen = preview_of((1000, 1250, 1650), Region())
    assert chosen.shape == (250, 3, 825)
    assert chosen.rows[0] > 0 and chosen.rows[-1] < 1248
    assert preview_of((4, 1, 9), Region()).shape[1] == 1


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ({"rows": (0, 11)}, r"region.rows is \[0, 11\] but the scan has 10 rows"),
        ({"columns": (3, 99)}, r"the scan has 15 columns"),
        ({"rows": (2, 3), "bin": 2}, "smaller than a bin of 2"),
    ],
)
def test_a_region_outside_the_scan_is_refused(region, message):
    with pytest.raises(ValueError, match=message):
        select(FRAMES.shape, Region(**region))


def test_ranges_must_be_ordered():
    with pytest.raises(ValueError, match="0 <= first < last"):
        Region(rows=(5, 5))

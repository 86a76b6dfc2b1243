import numpy as np
import pytest
from scipy.ndimage import median_filter

from xelith.arrays import to_host
from xelith.reconstruction.running_median import running_median


@pytest.mark.parametrize("shape", [(50, 100), (3, 40, 65), (1, 1), (2, 5, 1), (200, 3)])
@pytest.mark.parametrize("size", [1, 3, 21, 81])
def test_it_equals_the_plain_median_filter(xp, shape, size):
    rng = np.random.default_rng(1)
    data = np.round(rng.normal(size=shape), 1).astype(np.float32)  # with ties
    expected = median_filter(data, (1,) * (len(shape) - 2) + (size, 1), mode="nearest")
    np.testing.assert_array_equal(to_host(running_median(xp.asarray(data), size)), expected)


def test_strided_input_is_read_in_its_own_order():
    data = np.random.default_rng(2).normal(size=(30, 40)).astype(np.float32)
    np.testing.assert_array_equal(running_median(data.T, 5), running_median(data.T.copy(), 5))


@pytest.mark.parametrize("size", [0, 4, -3])
def test_an_even_window_is_refused(size):
    with pytest.raises(ValueError, match=f"{size} samples; it must be odd"):
        running_median(np.zeros((3, 3), np.float32), size)

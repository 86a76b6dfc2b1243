"""A level of the pyramid is the mean over cubes, in the same bits as NumPy's slices."""

import numpy as np
import pytest

from xelith.pipeline.pyramid import halved


def twin(values):
    values = np.pad(values, [(0, n % 2) for n in values.shape], mode="edge")
    total = values[0::2] + values[1::2]
    total = total[:, 0::2] + total[:, 1::2]
    total = total[:, :, 0::2] + total[:, :, 1::2]
    return total * np.asarray(0.125, values.dtype)


@pytest.mark.parametrize("shape", [(4, 6, 8), (5, 7, 9), (1, 1, 1), (1, 3, 2), (16, 65, 33)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_bits_as_numpy(shape, dtype):
    values = np.random.default_rng(2).normal(size=shape).astype(dtype)
    found = halved(values)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, twin(values))


def test_strided_input_and_nan():
    values = np.random.default_rng(4).normal(size=(8, 8, 16)).astype(np.float32)[::2, :, ::2]
    values[0, 0, 0] = np.nan
    np.testing.assert_array_equal(halved(values), twin(values))
    assert np.isnan(halved(values)).sum() == 1

import importlib

import numpy as np
import pytest

from xelith.arrays import array_namespace, is_on_gpu, to_host


def test_host_arrays_are_numpys_and_need_no_cupy():
    array = np.ones(3)
    assert array_namespace(array).__name__.endswith("numpy")
    assert not is_on_gpu(array)
    assert not is_on_gpu([1.0])
    assert to_host(array) is array


def test_gpu_arrays_are_cupys(device):
    array = device.asarray([1.0, 2.0])
    assert array_namespace(array).__name__.endswith("cupy")
    assert is_on_gpu(array)
    np.testing.assert_array_equal(to_host(array), [1, 2])


def test_a_split_between_host_and_gpu_is_refused(device):
    with pytest.raises(TypeError, match="all must live on one device: move them with"):
        array_namespace(device.ones(2), np.ones(2))


def test_the_twin_has_nothing_that_cupy_has_not(twin_of_cupy):
    real = pytest.importorskip("cupy")
    twins = twin_of_cupy.modules(None)
    for name in ("cupy", "cupy.fft", "cupy.linalg", "cupyx.scipy.ndimage", "cupyx.scipy.fft"):
        there = importlib.import_module(name)
        assert not [part for part in vars(twins[name]) if part[0] != "_" and not hasattr(there, part)]
    assert not [part for part in dir(twin_of_cupy.ndarray) if part[0] != "_" and not hasattr(real.ndarray, part)]

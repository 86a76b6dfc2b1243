import numpy as np
import pytest

from xelith.arrays import to_host
from xelith.reconstruction import fbp_cuda
from xelith.reconstruction.fbp import fbp

CASES = {
    # slices, views, columns, centre, turn
    "one slice": (1, 30, 40, 19.5, np.pi),
    "one view": (2, 1, 37, 18.0, np.pi),
    "odd sizes and an offset centre": (3, 41, 65, 28.3, np.pi),
    "more slices than a thread takes": (9, 20, 32, 15.5, np.pi),
    "a full turn": (2, 50, 48, 23.1, 2 * np.pi),
    "centre at the edge": (2, 25, 33, 0.0, np.pi),
    "one pixel": (1, 4, 1, 0.0, np.pi),
}


@pytest.mark.parametrize("case", CASES)
def test_gpu_equals_the_host(device, case):
    n_rows, n_theta, n_cols, centre_px, turn = CASES[case]
    rng = np.random.default_rng(0)
    sinograms = rng.normal(size=(n_rows, n_theta, n_cols)).astype(np.float32)
    theta = rng.permutation(np.arange(n_theta) * turn / n_theta - 0.4)
    given = {"centre_px": centre_px, "voxel_um": 2.0, "window": "hann"}
    there, here = fbp(device.asarray(sinograms), theta, **given), fbp(sinograms, theta, **given)
    assert isinstance(there, device.ndarray)
    assert there.dtype == np.float32
    error = to_host(there) - here
    # sums and filters in single precision; places are exact on either side
    assert np.sqrt((error**2).mean()) < 5e-6 * np.sqrt((here**2).mean())
    np.testing.assert_array_equal(to_host(there) == 0, here == 0)


def test_little_memory_gives_the_same(device, monkeypatch):
    sinograms = device.asarray(np.random.default_rng(0).normal(size=(19, 12, 20)))
    theta = np.arange(12) * np.pi / 12
    whole = fbp(sinograms, theta, centre_px=9.5, voxel_um=1.0)
    monkeypatch.setattr(fbp_cuda, "WORKING_SHARE", 0.0)
    np.testing.assert_array_equal(to_host(fbp(sinograms, theta, centre_px=9.5, voxel_um=1.0)), to_host(whole))

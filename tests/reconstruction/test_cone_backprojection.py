import numpy as np
import pytest

from xelith.arrays import to_host
from xelith.reconstruction.cone_backprojection import add_views, add_views_plainly
from xelith.reconstruction.cone_detector import Grid, checked_beam
from xelith.reconstruction.cone_views import filtered_views, view_filter
from xelith.scans.geometry import ConeBeam

CASES = {
    # pixels per voxel along z as seen from the source: near 1, 8, 4 lanes, and far from 1
    "sixteen lanes": (ConeBeam(100.0, 100.0, 200.0, 18.0), None, (37, 40, 35), None),
    "eight lanes": (ConeBeam(100.0, 15.0, 30.0, 18.0), None, (37, 40, 35), None),
    "four lanes": (ConeBeam(100.0, 8.0, 16.0, 18.0), None, (37, 40, 35), None),
    "fine voxels": (ConeBeam(100.0, 100.0, 200.0, 18.0), 21.0, (37, 40, 35), None),
    "coarse voxels": (ConeBeam(100.0, 100.0, 200.0, 18.0), 170.0, (9, 12, 11), None),
    "one voxel": (ConeBeam(100.0, 100.0, 200.0, 18.0), None, (1, 1, 1), None),
    "shifted detector": (ConeBeam(100.0, 20.0, 40.0, 6.0), None, (18, 50, 50), None),
    "window": (ConeBeam(100.0, 50.0, 200.0, 18.0), None, (200, 40, 40), ((3, 133), (5, 39), (2, 30))),
    "one row of slices": (ConeBeam(100.0, 50.0, 200.0, 18.0), None, (23, 40, 40), ((11, 12), (0, 40), (0, 40))),
    "above the detector": (ConeBeam(100.0, 50.0, 200.0, 18.0), None, (200, 40, 40), ((190, 200), (0, 40), (0, 40))),
}


def filtered_case(case):
    """Filtered views of random projections, and what belongs to them."""
    beam, voxel_um, shape, window = CASES[case]
    projections = np.random.default_rng(0).random((7, 23, 37), dtype=np.float32)
    theta = np.arange(7) * 2 * np.pi / 7 + 0.1
    voxel = (voxel_um or beam.pixel_um / beam.magnification) / 1000
    start, stop = ((0, 0, 0), shape) if window is None else zip(*window, strict=True)
    grid = Grid(voxel, shape, tuple(start), tuple(stop))
    views = view_filter(theta, checked_beam(beam, (23, projections.shape[2])), grid, "ramp")
    return filtered_views(projections, slice(None), views), theta, views, grid


@pytest.mark.parametrize("case", CASES)
def test_kernel_agrees_with_its_plain_twin(case):
    filtered, theta, views, grid = filtered_case(case)
    fast, plain = np.zeros(grid.window, np.float32), np.zeros(grid.window, np.float32)
    add_views(fast, filtered, theta, views, grid)
    add_views_plainly(plain, filtered, theta, views, grid)
    assert abs(plain).max() > 0
    # rows and columns are found in float64 either way; the weights of a hat are float32
    assert abs(fast - plain).max() < 1e-4 * abs(plain).max()


@pytest.mark.parametrize("case", CASES)
def test_gpu_kernel_agrees_with_the_plain_twin(device, case):
    filtered, theta, views, grid = filtered_case(case)
    plain, there = np.zeros(grid.window, np.float32), device.zeros(grid.window, dtype=np.float32)
    add_views_plainly(plain, filtered, theta, views, grid)
    add_views(there, device.asarray(filtered), theta, views, grid)
    error = to_host(there) - plain
    assert np.sqrt((error**2).mean() / (plain**2).mean()) < 1e-5  # single precision: places to 1e-5 of a pixel
    assert abs(error).max() < 1e-4 * abs(plain).max()


def test_gpu_kernel_adds_to_what_is_there(device):
    filtered, theta, views, grid = filtered_case("window")
    once, twice = (device.zeros(grid.window, dtype=np.float32) for _ in range(2))
    add_views(once, device.asarray(filtered), theta, views, grid)
    for part in (slice(0, 3), slice(3, 7)):
        add_views(twice, device.asarray(filtered[part]), theta[part], views, grid)
    # sums in another order
    np.testing.assert_allclose(to_host(twice), to_host(once), atol=1e-6 * float(abs(once).max()))

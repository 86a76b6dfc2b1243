import numpy as np
import pytest

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
    "above the detector": (ConeBeam(100.0, 50.0, 200.0, 18.0), None, (200, 40, 40), ((190, 200), (0, 40), (0, 40))),
}


@pytest.mark.parametrize("case", CASES)
def test_kernel_agrees_with_its_plain_twin(case):
    beam, voxel_um, shape, window = CASES[case]
    rng = np.random.default_rng(0)
    projections = rng.random((7, 23, 37), dtype=np.float32)
    theta = np.arange(7) * 2 * np.pi / 7 + 0.1
    voxel = (voxel_um or beam.pixel_um / beam.magnification) / 1000
    start, stop = ((0, 0, 0), shape) if window is None else zip(*window, strict=True)
    grid = Grid(voxel, shape, tuple(start), tuple(stop))
    views = view_filter(theta, checked_beam(beam, (23, projections.shape[2])), grid, "ramp")
    filtered = filtered_views(projections, slice(None), views)
    fast, plain = np.zeros(grid.window, np.float32), np.zeros(grid.window, np.float32)
    add_views(fast, filtered, theta, views, grid)
    add_views_plainly(plain, filtered, theta, views, grid)
    assert abs(plain).max() > 0
    # rows and columns are found in float64 either way; the weights of a hat are float32
    assert abs(fast - plain).max() < 1e-4 * abs(plain).max()


@pytest.mark.gpu
def test_twin_on_the_gpu_agrees_with_the_host():
    cupy = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("no CUDA device")
    beam = ConeBeam(100.0, 100.0, 200.0, 15.0, 11.0)
    projections = np.random.default_rng(0).random((5, 23, 31), dtype=np.float32)
    theta = np.arange(5) * 2 * np.pi / 5
    grid = Grid(0.05, (9, 31, 31), (0, 0, 0), (9, 31, 31))
    views = view_filter(theta, checked_beam(beam, (23, projections.shape[2])), grid, "ramp")
    results = []
    for xp in (np, cupy):
        volume = xp.zeros(grid.window, dtype=xp.float32)
        filtered = filtered_views(xp.asarray(projections), slice(None), views)
        add_views(volume, filtered, theta, views, grid)
        results.append(volume if xp is np else cupy.asnumpy(volume))
    assert abs(results[0] - results[1]).max() < 1e-4 * abs(results[0]).max()  # float32 FFTs of two libraries

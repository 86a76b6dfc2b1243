import numpy as np
import pytest
from scipy import ndimage

from xelith.metrology.local_thickness import local_thickness_um


def brute(is_phase, edges):
    """Slow twin: paint the sphere of every voxel, largest last."""
    padded = np.pad(is_phase, [(1, 1), (0, 0), (0, 0)])
    depth = ndimage.distance_transform_edt(padded, sampling=edges)
    grid = np.stack(np.indices(padded.shape), axis=-1) * np.asarray(edges)
    result = np.zeros(padded.shape)
    for centre in np.argwhere(padded):
        radius = depth[tuple(centre)]
        inside = ((grid - centre * np.asarray(edges)) ** 2).sum(-1) < radius**2 - 1e-6
        result[inside & padded] = np.maximum(result[inside & padded], 2 * radius - min(edges))
    return result[1:-1]


@pytest.mark.parametrize("planes", [1, 3, 7, 8])
def test_layer(planes):
    phase = np.zeros((14, 9, 9), bool)
    phase[3 : 3 + planes] = True
    thickness = local_thickness_um(phase, voxel_um=(0.5, 0.5, 0.5))
    expected = (planes if planes % 2 else planes - 1) * 0.5
    np.testing.assert_allclose(thickness[phase], expected, rtol=1e-5)
    assert (thickness[~phase] == 0).all()


def test_sphere():
    z, y, x = np.mgrid[:31, :31, :31] - 15
    ball = z**2 + y**2 + x**2 <= 10.2**2
    thickness = local_thickness_um(ball, voxel_um=(1, 1, 1), radii=60)
    assert thickness.max() == pytest.approx(20.4, abs=1.0)  # a voxel
    assert np.median(thickness[ball]) == pytest.approx(20.4, abs=1.0)


@pytest.mark.parametrize("edges", [(1.0, 1.0, 1.0), (1.0, 2.0, 0.5)])
def test_against_the_slow_twin(edges):
    rng = np.random.default_rng(18)
    phase = ndimage.gaussian_filter(rng.normal(size=(12, 13, 11)), 1.5) > 0
    fast = local_thickness_um(phase, voxel_um=edges, radii=10_000)
    np.testing.assert_allclose(fast, brute(phase, edges), atol=1e-4)


def test_rough_layer_reads_thicker_than_its_mean():
    rng = np.random.default_rng(19)
    top = 20 + 6 * ndimage.gaussian_filter(rng.normal(size=(48, 48)), 3) * 10
    phase = (np.arange(50)[:, None, None] >= 5) & (np.arange(50)[:, None, None] < top)
    column = phase.sum(0).mean()
    local = local_thickness_um(phase, voxel_um=(1, 1, 1))[phase].mean()
    assert abs(local / column - 1) > 0.01  # which is why it never stands in for the column thickness


def test_all_or_nothing():
    assert (local_thickness_um(np.ones((5, 6, 7), bool), voxel_um=(1, 1, 1)) == 5).all()
    assert (local_thickness_um(np.zeros((5, 6, 7), bool), voxel_um=(1, 1, 1)) == 0).all()
    with pytest.raises(ValueError, match="three axes"):
        local_thickness_um(np.zeros((5, 6), bool), voxel_um=(1, 1))

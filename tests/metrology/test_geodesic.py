import numpy as np
import pytest

from xelith.metrology.geodesic import geodesic_um


def test_plane_source_is_exact():
    sources = np.zeros((20, 5, 6), bool)
    sources[0] = True
    distance = geodesic_um(np.ones(sources.shape, bool), sources, voxel_um=(0.5, 1, 2))
    np.testing.assert_allclose(distance, np.broadcast_to(0.5 * np.arange(20)[:, None, None], sources.shape), rtol=1e-6)


@pytest.mark.parametrize("voxel_um", [(1.0, 1.0, 1.0), (2.0, 1.0, 0.5)])
def test_point_source_is_near_the_straight_distance(voxel_um):
    shape = (31, 31, 31)
    sources = np.zeros(shape, bool)
    sources[15, 15, 15] = True
    distance = geodesic_um(np.ones(shape, bool), sources, voxel_um=voxel_um)
    index = np.indices(shape) - 15
    truth = np.sqrt(sum((i * h) ** 2 for i, h in zip(index, voxel_um, strict=True)))
    far = truth > 5 * max(voxel_um)
    error = distance[far] / truth[far] - 1
    assert error.min() > -1e-5  # never too short
    assert error.max() < 0.18  # first order: worst along the space diagonal, five voxels from a point
    assert distance[15, 15, 0] == pytest.approx(15 * voxel_um[2])


def test_way_round_a_wall():
    is_open = np.ones((1, 21, 21), bool)
    is_open[0, 10, :20] = False
    sources = np.zeros(is_open.shape, bool)
    sources[0, 9, 0] = True
    distance = geodesic_um(is_open, sources, voxel_um=(1, 1, 1))
    truth = 2 * np.hypot(20, 1)  # along the wall, through the gap at its end, and back
    assert distance[0, 11, 0] == pytest.approx(truth, rel=0.05)
    assert np.isinf(distance[0, 10, 5])


def test_labyrinth_needs_several_rounds():
    is_open = np.ones((1, 41, 41), bool)
    for row in range(2, 40, 4):
        is_open[0, row, :-1] = False
        is_open[0, row + 2, 1:] = False
    sources = np.zeros(is_open.shape, bool)
    sources[0, 0, 0] = True
    distance = geodesic_um(is_open, sources, voxel_um=(1, 1, 1))
    assert np.isfinite(distance[is_open]).all()
    assert distance[0, -1, 0] > 20 * 39


def test_no_way_is_infinite():
    is_open = np.ones((5, 3, 3), bool)
    is_open[2] = False
    sources = np.zeros(is_open.shape, bool)
    sources[0] = True
    distance = geodesic_um(is_open, sources, voxel_um=(1, 1, 1))
    assert np.isinf(distance[3:]).all()
    assert np.isinf(geodesic_um(is_open, np.zeros(is_open.shape, bool), voxel_um=(1, 1, 1))).all()
    with pytest.raises(ValueError, match="one shape to both"):
        geodesic_um(is_open, sources[:2], voxel_um=(1, 1, 1))

import numpy as np
import pytest

from xelith.metrology.filaments import measure_filaments


def tube(points, radius, shape):
    """Voxels within `radius` of a polyline of points (z, y, x)."""
    grid = np.stack(np.indices(shape), axis=-1).astype(float)
    inside = np.zeros(shape, bool)
    for p in points:
        inside |= ((grid - p) ** 2).sum(-1) <= radius**2
    return inside


def line(a, b, n=60):
    return np.linspace(a, b, n)


def test_straight_rods_are_counted_and_measured():
    grown = np.zeros((40, 40, 40), bool)
    y, x = np.mgrid[:40, :40]
    grown[:30, np.hypot(y - 12, x - 12) <= 4.5] = True
    grown[:12, np.hypot(y - 30, x - 30) <= 2.5] = True
    count, (thick, thin) = measure_filaments(grown, voxel_um=(0.5, 0.5, 0.5))
    assert count == 2
    assert thick.length_um == pytest.approx(15.0, rel=0.02)
    assert thick.depth_um == 15.0
    section_um2 = (np.hypot(y - 12, x - 12) <= 4.5).sum() * 0.25
    assert thick.width_um == pytest.approx(2 * np.sqrt(section_um2 / np.pi), rel=0.02)
    assert thick.tortuosity == pytest.approx(1.0, abs=0.02)
    assert thick.tip_count == 1
    assert thin.length_um == pytest.approx(6.0, rel=0.05)
    assert thin.root_px == pytest.approx((30, 30), abs=1)


def test_slanting_rod_has_its_true_length():
    points = line((0, 8, 8), (40, 32, 20))
    count, (rod,) = measure_filaments(tube(points, 2.5, (41, 41, 29)), voxel_um=(1, 1, 1))
    assert count == 1
    truth = np.linalg.norm([40, 24, 12])
    assert rod.length_um == pytest.approx(truth, rel=0.04)  # raster and end caps
    assert rod.tortuosity == pytest.approx(1.0, abs=0.04)


def test_bent_filament_has_its_tortuosity():
    z = np.linspace(0, 80, 161)
    amplitude, wave = 10.0, 40.0
    y = 25 + amplitude * np.sin(2 * np.pi * z / wave)
    points = np.stack([z, y, np.full(z.shape, 8.0)], axis=1)
    truth = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
    _, (filament,) = measure_filaments(tube(points, 2.5, (81, 51, 17)), voxel_um=(1, 1, 1))
    assert filament.length_um == pytest.approx(truth, rel=0.06)  # the way cuts its bends a little
    assert filament.tortuosity == pytest.approx(truth / 80, rel=0.06)


def test_anisotropic_voxels():
    grown = np.zeros((40, 9, 9), bool)
    grown[:, 3:6, 3:6] = True
    _, (rod,) = measure_filaments(grown, voxel_um=(0.25, 1.0, 2.0))
    assert rod.length_um == pytest.approx(10.0)
    assert rod.volume_um3 == pytest.approx(40 * 9 * 0.5)


def test_branches_are_counted():
    points = np.concatenate([line((0, 20, 20), (20, 20, 20)), line((20, 20, 20), (40, 6, 20))])
    points = np.concatenate([points, line((20, 20, 20), (40, 34, 20))])
    _, (fork,) = measure_filaments(tube(points, 2.0, (42, 41, 41)), voxel_um=(1, 1, 1))
    assert fork.tip_count == 2


def test_specks_can_be_left_out():
    grown = np.zeros((9, 9, 9), bool)
    grown[0, 0, 0] = True
    grown[0:5, 5, 5] = True
    assert measure_filaments(grown, voxel_um=(1, 1, 1), min_volume_um3=2.0)[0] == 1
    count, measured = measure_filaments(grown, voxel_um=(1, 1, 1), largest=1)
    assert (count, len(measured)) == (2, 1)
    assert measured[0].volume_um3 == 5


def test_nothing_grown():
    assert measure_filaments(np.zeros((4, 4, 4), bool), voxel_um=(1, 1, 1)) == (0, ())
    assert measure_filaments(np.zeros((0, 4, 4), bool), voxel_um=(1, 1, 1)) == (0, ())

import numpy as np
import pytest

from xelith.materials import Phase
from xelith.metrology.deposit import deposit_statistics
from xelith.metrology.thickness import thickness_map


def test_half_covered_electrode(xp):
    thickness = xp.zeros((10, 20), dtype=xp.float32)
    thickness[:5] = 8.0
    deposit = deposit_statistics(thickness, voxel_um=2.0)
    assert deposit.mean_thickness_um == 4.0
    assert deposit.coverage == 0.5
    assert deposit.sq_um == 4.0
    assert deposit.uniformity_cv == 1.0
    assert deposit.median_um == 4.0
    assert (deposit.p05_um, deposit.p95_um) == (0.0, 8.0)
    assert deposit.area_in_view_cm2 == pytest.approx(200 * 4e-8)


def test_mask_and_unmeasured_columns_are_left_out():
    thickness = np.full((4, 5), 3.0, np.float32)
    thickness[0] = 100.0
    thickness[1, 0] = np.nan
    mask = np.ones(thickness.shape, bool)
    mask[0] = False
    deposit = deposit_statistics(thickness, mask, voxel_um=(1.0, 2.0, 3.0), area_cm2=0.785, mean_std_um=0.1)
    assert deposit.mean_thickness_um == 3.0
    assert deposit.area_in_view_cm2 == pytest.approx(14 * 6e-8)
    assert (deposit.area_cm2, deposit.mean_thickness_um_std) == (0.785, 0.1)


def test_no_lithium_is_measured_as_none_there():
    labels = np.full((6, 4, 4), Phase.ELECTROLYTE, np.uint8)
    deposit = deposit_statistics(thickness_map(labels, voxel_um=1), voxel_um=1)
    assert (deposit.mean_thickness_um, deposit.coverage, deposit.sq_um) == (0.0, 0.0, 0.0)
    assert deposit.uniformity_cv is None


def test_nothing_in_view_is_not_measured_rather_than_zero():
    deposit = deposit_statistics(np.full((3, 3), np.nan), voxel_um=1)
    assert deposit.area_in_view_cm2 == 0.0
    assert deposit.mean_thickness_um is None
    assert deposit.coverage is None


def test_bare_limit_decides_coverage():
    thickness = np.array([[0.0, 0.4, 0.6, 5.0]])
    assert deposit_statistics(thickness, voxel_um=1.0).coverage == 0.5
    assert deposit_statistics(thickness, voxel_um=1.0, bare_below_um=1.0).coverage == 0.25
    assert deposit_statistics(thickness, voxel_um=(0.5, 1, 1)).coverage == 0.75


def test_doubling_the_voxel_doubles_thickness_and_quadruples_area():
    rng = np.random.default_rng(5)
    labels = rng.choice(np.array([1, 2], np.uint8), (12, 8, 8))
    small, large = (deposit_statistics(thickness_map(labels, voxel_um=v), voxel_um=v) for v in (0.5, 1.0))
    assert large.mean_thickness_um == pytest.approx(2 * small.mean_thickness_um)
    assert large.sq_um == pytest.approx(2 * small.sq_um)
    assert large.area_in_view_cm2 == pytest.approx(4 * small.area_in_view_cm2)
    assert large.uniformity_cv == pytest.approx(small.uniformity_cv)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="two axes"):
        deposit_statistics(np.zeros(4), voxel_um=1)
    with pytest.raises(ValueError, match="one value per column"):
        deposit_statistics(np.zeros((2, 2)), np.ones((2, 3), bool), voxel_um=1)

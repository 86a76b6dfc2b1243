import numpy as np
import pytest

from xelith.materials import Phase
from xelith.metrology.electrolyte import inspect_electrolyte
from xelith.metrology.interfaces import find_interfaces
from xelith.metrology.stack import Stack

C, V, LI, SE = (int(Phase[n]) for n in ("COLLECTOR", "VOID", "LITHIUM", "ELECTROLYTE"))


def cell():
    labels = np.full((60, 40, 40), SE, np.uint8)
    labels[:3] = C
    labels[3:8] = LI
    labels[-2:] = C
    return labels


def inspected(labels, voxel_um=1.0, **options):
    stack = Stack(labels, voxel_um)
    return inspect_electrolyte(stack, find_interfaces(stack), **options)


def test_dense_electrolyte():
    found = inspected(cell(), voxel_um=(0.5, 1, 2))
    assert found.porosity == 0
    assert found.volume_um3 == 50 * 1600
    assert (found.anode_contact_lost, found.counter_contact_lost) == (0, 0)
    assert found.voids.volume_um3.size == 0


def test_pore_and_crack_are_told_apart():
    labels = cell()
    labels[20:24, 5:9, 5:9] = V
    labels[30:32, 10:30, 10:30] = V
    found = inspected(labels)
    assert found.porosity == pytest.approx((64 + 800) / (50 * 1600))
    np.testing.assert_allclose(found.voids.volume_um3, [800, 64])
    np.testing.assert_allclose(found.voids.extent_um, [[20, 20, 2], [4, 4, 4]], rtol=1e-6)
    assert found.voids.is_crack.tolist() == [True, False]
    assert (found.crack_count, found.crack_volume_um3) == (1, 800)


def test_crack_aslant_and_anisotropic_voxels():
    labels = cell()
    z, y, _ = np.mgrid[:60, :40, :40]
    labels[(np.abs(z - y - 8) < 1) & (y > 5) & (y < 30)] = V
    found = inspected(labels)
    assert found.crack_count == 1
    assert found.voids.extent_um[0, 0] == pytest.approx(40, rel=0.01)
    flat = cell()
    flat[20:40, 10:30, 10:12] = V
    assert inspected(flat, voxel_um=(1.0, 1.0, 1.0)).crack_count == 1
    assert inspected(flat, voxel_um=(1.0, 1.0, 5.0)).crack_count == 0


def test_lost_contact_at_both_ends():
    labels = cell()
    labels[7, :10] = V  # between film and electrolyte
    labels[56:58, :, :4] = V  # under the counter electrode
    found = inspected(labels)
    assert found.anode_contact_lost == 0.25
    assert found.counter_contact_lost == 0.1
    mask = np.zeros((40, 40), bool)
    mask[:20] = True
    assert inspected(labels, electrode=mask).anode_contact_lost == 0.5


def test_lithium_is_part_of_the_volume_and_not_of_the_porosity():
    labels = cell()
    labels[8:20, 3:6, 3:6] = LI
    found = inspected(labels)
    assert found.volume_um3 == 50 * 1600
    assert found.porosity == 0

import numpy as np
import pytest

from xelith.materials import Phase
from xelith.metrology.interfaces import find_interfaces
from xelith.metrology.ligament import narrowest_ligament
from xelith.metrology.stack import Stack

C, V, LI, SE = (int(Phase[n]) for n in ("COLLECTOR", "VOID", "LITHIUM", "ELECTROLYTE"))


def cell(electrolyte=30, width=21):
    labels = np.full((8 + electrolyte + 2, width, width), SE, np.uint8)
    labels[:3] = C
    labels[3:8] = LI
    labels[-2:] = C
    return labels


def ligament(labels, voxel_um=1.0, **options):
    stack = Stack(labels, voxel_um)
    return narrowest_ligament(stack, find_interfaces(stack), **options)


def test_even_film_leaves_the_whole_electrolyte():
    assert ligament(cell()).length_um == pytest.approx(30)


def test_filament_leaves_what_it_has_not_crossed():
    labels = cell()
    labels[8:20, 10, 10] = LI
    found = ligament(labels, voxel_um=(0.5, 2.0, 2.0))
    assert found.length_um == pytest.approx(18 * 0.5)
    assert found.end_px == (10, 10)


def test_isolated_lithium_does_not_shorten_it():
    labels = cell()
    labels[30:34, 5, 5] = LI
    assert ligament(labels).length_um == pytest.approx(30)


def test_way_leads_round_a_void():
    labels = cell(width=31)
    labels[8:20, 15, 15] = LI
    labels[24, 9:22, 9:22] = V
    found = ligament(labels)
    truth = np.hypot(7, 4.5) + np.hypot(7, 13.5)  # from the tip to the void's rim, and on from there
    straight = 18
    assert found.length_um > straight + 1
    assert found.length_um == pytest.approx(min(truth, np.hypot(7, 4.5) + 13.5), rel=0.1)


def test_short_has_no_ligament():
    labels = cell()
    labels[8:38, 10, 10] = LI
    assert ligament(labels) is None


def test_wall_of_void_leaves_no_way():
    labels = cell()
    labels[8:20, 10, 10] = LI
    labels[25] = V
    assert ligament(labels) is None


def test_coarse_and_fine_agree():
    rng = np.random.default_rng(10)
    labels = cell(electrolyte=60, width=64)
    for _ in range(12):
        y, x = rng.integers(4, 58, 2)
        labels[8 : 8 + rng.integers(5, 40), y : y + 3, x : x + 3] = LI
    exact = ligament(labels)
    quick = ligament(labels, max_voxels=40_000)
    assert quick.length_um == pytest.approx(exact.length_um, abs=2 * quick.resolution_um)

"""Faraday's volume to the voxel, and layers that lie on each other."""

import numpy as np
import pytest

from xelith.materials import lithium
from xelith.simulation.cell import disc
from xelith.simulation.deposit import fill_layers, film_columns, lithium_voxels, tops_of
from xelith.simulation.fields import gaussian_field


@pytest.fixture
def relief():
    return 6.0 * gaussian_field((80, 80), 10.0, np.random.default_rng(5))


@pytest.mark.parametrize("mean_px", [0.4, 3.0, 65.3])
def test_the_film_holds_the_charge_to_the_voxel(relief, mean_px):
    counted = disc(80, 37.5)
    bare = relief > 9.0
    voxels = round(mean_px * counted.sum())
    film = film_columns(relief, ~bare, voxels, counted=counted)
    assert film[counted].sum() == voxels
    assert film.min() >= 0
    assert np.all(film[bare] == 0)


def test_the_film_follows_its_relief(relief):
    counted = np.ones((80, 80), bool)
    film = film_columns(relief, counted, 100 * 6400, counted=counted)
    # a shift of the relief, rounded to whole voxels
    assert np.abs(film - (100 + relief - relief.mean())).max() <= 1.0


def test_no_charge_is_no_film(relief):
    everywhere = np.ones((80, 80), bool)
    assert film_columns(relief, everywhere, 0, counted=everywhere).sum() == 0


def test_a_wholly_bare_electrode_is_refused(relief):
    with pytest.raises(ValueError, match=r"no column of the electrode may hold film"):
        film_columns(relief, np.zeros((80, 80), bool), 5, counted=disc(80, 30))


def test_voxels_of_a_charge_are_faradays():
    columns, voxel_um = 12_345, 0.7
    charge_mah = 13.3 * columns * voxel_um**2 * 1e-8
    expected = lithium.volume_um3(charge_mah) / voxel_um**3
    assert lithium_voxels(13.3, columns, voxel_um) == pytest.approx(expected, abs=0.5)
    with pytest.raises(ValueError, match=r"areal capacity is -1 mAh/cm2; give 0 or more"):
        lithium_voxels(-1, columns, voxel_um)


def test_layers_lie_on_each_other():
    heights = [np.array([[1, 2], [0, 3]]), np.array([[2, 0], [1, 1]])]
    tops, codes = tops_of(heights, 5), np.array([5, 2, 4], np.uint8)
    labels = np.zeros((5, 2, 2), np.uint8)
    fill_layers(labels, 0, tops, codes)
    assert labels[:, 0, 0].tolist() == [5, 2, 2, 4, 4]
    assert labels[:, 0, 1].tolist() == [5, 5, 4, 4, 4]
    assert labels[:, 1, 0].tolist() == [2, 4, 4, 4, 4]
    assert labels[:, 1, 1].tolist() == [5, 5, 5, 2, 4]
    slab = np.zeros((2, 2, 2), np.uint8)
    fill_layers(slab, 2, tops, codes)
    np.testing.assert_array_equal(slab, labels[2:4])


def test_layers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"layer 0 is -1 voxels thick in places"):
        tops_of([np.array([[1, -1]])], 4)
    with pytest.raises(ValueError, match=r"layers are up to 9 voxels high, the cell 4; give a taller cell"):
        tops_of([np.array([[9, 1]])], 4)

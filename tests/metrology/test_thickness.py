import numpy as np
import pytest

from xelith.arrays import array_namespace, to_host
from xelith.materials import NOT_LABELLED, Phase
from xelith.metrology.thickness import ThicknessSum, thickness_map

LI, SE = int(Phase.LITHIUM), int(Phase.ELECTROLYTE)


def slab(shape=(20, 5, 7), start=4, stop=10):
    labels = np.full(shape, SE, np.uint8)
    labels[start:stop] = LI
    return labels


def layer_fractions(bottom, top, n_z):
    """Exact share of each voxel between two surfaces (y, x), in index units with faces at half an index."""
    k = np.arange(n_z)[:, None, None]
    return (np.clip(top, k - 0.5, k + 0.5) - np.clip(bottom, k - 0.5, k + 0.5)).astype(np.float32)


def test_slab_is_as_thick_as_it_was_made(xp):
    result = thickness_map(xp.asarray(slab()), voxel_um=0.54)
    assert array_namespace(result) is array_namespace(xp.zeros(1))
    assert result.shape == (5, 7)
    assert result.dtype == np.float32
    np.testing.assert_allclose(to_host(result), 6 * 0.54, rtol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_any_axis_and_anisotropic_voxels(axis):
    voxel_um = (2.0, 3.0, 5.0)
    labels = np.ascontiguousarray(np.moveaxis(slab(), 0, axis))
    result = thickness_map(labels, voxel_um=voxel_um, axis=axis)
    assert result.shape == tuple(np.delete(labels.shape, axis))
    np.testing.assert_allclose(result, 6 * voxel_um[axis], rtol=1e-6)


def test_volume_is_kept_along_every_axis():
    rng = np.random.default_rng(1)
    labels = rng.choice(np.array([0, LI, SE], np.uint8), (9, 11, 13))
    voxel_um = (0.5, 0.7, 1.1)
    truth = (labels == LI).sum() * np.prod(voxel_um)
    for axis in range(3):
        area = np.prod(np.delete(voxel_um, axis))
        volume = thickness_map(labels, voxel_um=voxel_um, axis=axis).astype(float).sum() * area
        assert volume == pytest.approx(truth, rel=1e-6)  # float32 map


def test_wedge_column_by_column():
    n = 16
    labels = np.full((n, 3, n), SE, np.uint8)
    for x in range(n):
        labels[:x, :, x] = LI
    np.testing.assert_allclose(thickness_map(labels, voxel_um=2.0), np.tile(2.0 * np.arange(n), (3, 1)))


@pytest.mark.parametrize("kind", ["tilted", "sinusoidal", "random", "third"])
def test_fractions_find_a_surface_within_a_voxel(kind):
    y, x = np.mgrid[:32, :32]
    rng = np.random.default_rng(2)
    relief = {
        "tilted": 0.17 * x - 0.05 * y,
        "sinusoidal": 3 * np.sin(2 * np.pi * x / 32) * np.cos(2 * np.pi * y / 16),
        "random": rng.uniform(-3, 3, x.shape),
        "third": np.full(x.shape, 1 / 3),
    }[kind]
    bottom, top = 4.2 + 0 * x, 20.0 + relief
    result = thickness_map(None, voxel_um=0.54, fractions=layer_fractions(bottom, top, 40))
    np.testing.assert_allclose(result, (top - bottom) * 0.54, rtol=1e-5)  # float32 fractions


def test_tilted_collector_and_bent_collector_do_not_change_the_column():
    y, x = np.mgrid[:24, :24]
    bottom = 6 + 0.1 * x + 0.01 * (y - 12) ** 2
    result = thickness_map(None, voxel_um=1.0, fractions=layer_fractions(bottom, bottom + 7.3, 40))
    np.testing.assert_allclose(result, 7.3, rtol=1e-5)


def test_noise_in_fractions_is_never_clipped():
    rng = np.random.default_rng(3)
    truth = layer_fractions(np.full((40, 40), 9.5), np.full((40, 40), 19.5), 60)
    noisy = truth + rng.normal(0, 0.9, truth.shape).astype(np.float32)
    mean = float(thickness_map(None, voxel_um=1.0, fractions=noisy).mean())
    standard_error = 0.9 * np.sqrt(60 / 1600)
    assert abs(mean - 10) < 4 * standard_error
    clipped = float(thickness_map(None, voxel_um=1.0, fractions=noisy.clip(0, 1)).mean())
    assert clipped > 20  # what clipping would have made of it


def test_within_leaves_other_lithium_out():
    labels = slab()
    labels[15] = LI
    film = np.zeros(labels.shape, bool)
    film[:12] = True
    np.testing.assert_allclose(thickness_map(labels, voxel_um=1.0, within=film), 6)
    np.testing.assert_allclose(
        thickness_map(labels, voxel_um=1.0, within=film, fractions=np.ones(labels.shape, np.float32)), 12
    )


def test_no_lithium_is_a_map_of_zeros():
    assert (thickness_map(np.full((4, 3, 2), SE, np.uint8), voxel_um=1) == 0).all()


def test_all_lithium_and_one_voxel_thick():
    assert (thickness_map(np.full((4, 3, 2), LI, np.uint8), voxel_um=2) == 8).all()
    assert (thickness_map(np.full((1, 3, 2), LI, np.uint8), voxel_um=2) == 2).all()


def test_unlabelled_columns_are_not_measured():
    labels = slab()
    labels[:, 0, 0] = NOT_LABELLED
    labels[:2, 1, 1] = NOT_LABELLED  # 2 of 20, the stated share
    labels[:3, 2, 2] = NOT_LABELLED
    result = thickness_map(labels, voxel_um=1.0)
    assert np.isnan(result[0, 0])
    assert np.isnan(result[2, 2])
    assert result[1, 1] == 6
    assert np.isfinite(result).sum() == result.size - 2
    loose = thickness_map(labels, voxel_um=1.0, max_unlabelled=1.0)
    assert np.isnan(loose[0, 0])
    assert loose[2, 2] == 6


def test_nan_fractions_are_not_measured():
    fractions = np.ones((10, 2, 2), np.float32)
    fractions[:, 0, 0] = np.nan
    fractions[0, 0, 1] = np.nan
    result = thickness_map(None, voxel_um=1.0, fractions=fractions)
    assert np.isnan(result[0, 0])
    assert result[0, 1] == 9
    assert result[1, 1] == 10


@pytest.mark.parametrize("size", [1, 3, 64])
def test_slabs_in_any_order_give_the_same_map(size):
    rng = np.random.default_rng(4)
    labels = rng.choice(np.array([0, 1, LI, SE, NOT_LABELLED], np.uint8), (33, 6, 5), p=[0.2, 0.2, 0.3, 0.27, 0.03])
    fractions = rng.normal(0.3, 1, labels.shape).astype(np.float32)
    starts = rng.permutation(range(0, 33, size))
    for volume in (None, fractions):
        total = ThicknessSum(0.54)
        for a in starts:
            part = None if volume is None else volume[a : a + size]
            total.add(labels[a : a + size], fractions=part)
        whole = thickness_map(labels, voxel_um=0.54, fractions=volume)
        np.testing.assert_allclose(total.thickness_um(), whole, rtol=2e-6)  # order of float64 sums, float32 map
        np.testing.assert_allclose(total.unlabelled_um(), (labels == NOT_LABELLED).sum(0) * 0.54, rtol=1e-6)


def test_wrong_input_is_refused():
    good = slab()
    with pytest.raises(TypeError, match=r"labels are int64; phases are stored as uint8"):
        thickness_map(good.astype(np.int64), voxel_um=1)
    with pytest.raises(TypeError, match=r"fractions are int64; give floating point"):
        thickness_map(None, voxel_um=1, fractions=good.astype(np.int64))
    with pytest.raises(ValueError, match="three axes"):
        thickness_map(good[0], voxel_um=1)
    with pytest.raises(ValueError, match="no voxel"):
        thickness_map(good[:0], voxel_um=1)
    with pytest.raises(ValueError, match=r"fractions have shape \(0, 5, 7\)"):
        thickness_map(None, voxel_um=1, fractions=np.zeros((0, 5, 7), np.float32))
    with pytest.raises(ValueError, match="neither labels nor fractions"):
        thickness_map(None, voxel_um=1)
    with pytest.raises(ValueError, match="give one shape to all"):
        thickness_map(good, voxel_um=1, fractions=np.zeros((20, 5, 6), np.float32))
    good[3, 2, 1] = 9
    with pytest.raises(ValueError, match=r"labels hold 9 \(1 voxels are no phase\)"):
        thickness_map(good, voxel_um=1)


def test_slabs_of_different_columns_are_refused():
    total = ThicknessSum(1.0)
    with pytest.raises(ValueError, match="no slab was added"):
        total.thickness_um()
    total.add(slab())
    with pytest.raises(ValueError, match="cut slabs along the axis of the columns only"):
        total.add(slab((20, 5, 6)))

import numpy as np
import pytest
from scipy import ndimage

from xelith.materials import Phase
from xelith.metrology.film import film_map
from xelith.metrology.stack import Stack

LI, SE, UNKNOWN = int(Phase.LITHIUM), int(Phase.ELECTROLYTE), 255


def cell():
    labels = np.full((60, 8, 9), SE, np.uint8)
    labels[10:40] = LI
    labels[50, 3, 3] = LI
    return labels


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("anode", ["low", "high"])
def test_lithium_beyond_the_interface_is_no_film(axis, anode):
    labels = cell() if anode == "low" else cell()[::-1]
    stack = Stack(np.moveaxis(labels, 0, axis), 0.5, axis, anode)
    thickness, unlabelled = film_map(stack, np.full((8, 9), 39.5))
    np.testing.assert_allclose(thickness, 15.0)
    assert (unlabelled == 0).all()
    whole, _ = film_map(stack, None)
    assert whole[3, 3] == 15.5


@pytest.mark.parametrize("axis", [0, 2])
@pytest.mark.parametrize("anode", ["low", "high"])
def test_fractions_follow_the_labels_orientation(axis, anode):
    shares = np.where(cell() == LI, np.float32(0.9), np.float32(-0.01))
    volumes = [v if anode == "low" else v[::-1] for v in (cell(), shares)]
    labels, fractions = (np.moveaxis(v, 0, axis) for v in volumes)
    thickness, _ = film_map(Stack(labels, 0.5, axis, anode), np.full((8, 9), 44.5), fractions=fractions)
    np.testing.assert_allclose(thickness, (30 * 0.9 - 15 * 0.01) * 0.5, rtol=1e-5)


@pytest.mark.parametrize("blur_voxels", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("kind", ["fractions", "labels"])
def test_blur_does_not_change_a_flat_film(blur_voxels, kind):
    fine = np.zeros((600, 2, 2))
    fine[103:403] = 1.0  # 30 voxels of ten fine ones each, surfaces at a third of a voxel
    seen = ndimage.gaussian_filter1d(fine, blur_voxels * 10, axis=0).reshape(60, 10, 2, 2).mean(1)
    labels = np.where(seen > 0.5, LI, SE).astype(np.uint8)
    fractions = seen.astype(np.float32) if kind == "fractions" else None
    thickness, _ = film_map(Stack(labels, 1.0), np.full((2, 2), 54.5), fractions=fractions)
    # fractions keep their sum; labels end on whole voxels, half a voxel in 30 at most
    assert float(thickness.mean()) == pytest.approx(30.0, rel=1e-4 if kind == "fractions" else 0.017)


def test_starved_rows_are_stated():
    labels = cell()
    labels[10:13] = UNKNOWN
    thickness, unlabelled = film_map(Stack(labels, 1.0), np.full((8, 9), 39.5))
    np.testing.assert_allclose(thickness, 27)
    np.testing.assert_allclose(unlabelled, 3)


def test_fractions_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="give one shape to both"):
        film_map(Stack(cell(), 1.0), None, fractions=np.zeros((3, 3, 3), np.float32))

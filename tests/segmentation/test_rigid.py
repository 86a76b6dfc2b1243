import numpy as np
import pytest

from xelith.segmentation.rigid import RigidMove


def test_a_positive_turn_about_z_takes_x_towards_y():
    move = RigidMove(rotation_rad=(np.pi / 2, 0.0, 0.0), centre_px=(0.0, 5.0, 5.0))
    np.testing.assert_allclose(move.moved(np.array([[1.0], [5.0], [8.0]])), [[1.0], [8.0], [5.0]], atol=1e-12)


@pytest.mark.parametrize("vector", [(0.0, 0.0, 0.0), (0.3, 0.0, 0.0), (0.1, -0.2, 0.25)])
def test_rotations_keep_lengths_and_hand_and_the_centre(vector):
    move = RigidMove((1.0, 2.0, 3.0), vector, (4.0, 5.0, 6.0))
    np.testing.assert_allclose(move.matrix @ move.matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(move.matrix) == pytest.approx(1.0)
    np.testing.assert_allclose(move.moved(np.array([[4.0], [5.0], [6.0]])).ravel(), [5.0, 7.0, 9.0])
    np.testing.assert_allclose(move.matrix @ vector, vector, atol=1e-12)


def blobs(points):
    """A smooth picture that is known between the voxels."""
    z, y, x = points
    return (
        np.exp(-((z - 11) ** 2 + (y - 9) ** 2 + (x - 14) ** 2) / 20)
        + np.exp(-((z - 16) ** 2 + (y - 18) ** 2 + (x - 10) ** 2) / 30)
    ).astype(np.float32)


@pytest.mark.parametrize("rows", [(2, 24), (9, 17)])
def test_resampling_brings_the_second_volume_back(rows):
    grid = np.indices((28, 27, 26)).astype(np.float64)
    move = RigidMove((0.4, -1.3, 2.2), (0.08, 0.03, -0.02), (13.5, 13.0, 12.5))
    first = blobs(grid)
    inverse = (
        move.matrix.T @ (grid.reshape(3, -1) - np.array(move.centre_px)[:, None] - np.array(move.shift_px)[:, None])
        + np.array(move.centre_px)[:, None]
    )
    second = blobs(inverse).reshape(grid.shape[1:])
    back = move.resampled(second, *rows)
    # cubic splines of blobs four voxels wide err by less than 1e-3; the rim has no neighbours
    np.testing.assert_allclose(back[:, 5:-5, 5:-5], first[rows[0] : rows[1], 5:-5, 5:-5], atol=2e-3)


def test_a_window_is_what_the_whole_slices_give_there():
    volume = np.random.default_rng(3).normal(size=(12, 70, 64)).astype(np.float32)
    move = RigidMove((0.4, -1.3, 2.2), (0.02, 0.01, -0.02), (6.0, 35.0, 32.0))
    whole = move.resampled(volume, 3, 9)
    for y, x in ((slice(0, 20), slice(0, 9)), (slice(22, 41), slice(30, 50)), (slice(60, 70), slice(40, 64))):
        part = move.resampled(volume, 3, 9, (y, x))
        np.testing.assert_allclose(part, whole[:, y, x], atol=1e-5)  # of what a spline feels 16 voxels off


def test_projections_move_as_the_cell_does():
    theta = np.linspace(0, np.pi, 7)
    row, turn, column = RigidMove((0.5, 2.0, -1.0), (0.01, 0.0, 0.0)).on_projections(theta)
    assert (row, turn) == (0.5, 0.01)
    np.testing.assert_allclose(column, -np.cos(theta) + 2.0 * np.sin(theta))


def test_a_tilt_cannot_be_undone_on_projections():
    with pytest.raises(ValueError, match="register the volumes instead"):
        RigidMove(rotation_rad=(0.0, 0.01, 0.0)).on_projections(np.zeros(3))


def test_rows_beyond_the_volume_repeat_its_last():
    volume = np.broadcast_to(np.arange(10.0, dtype=np.float32)[:, None, None], (10, 4, 4))
    np.testing.assert_allclose(RigidMove((20.0, 0.0, 0.0)).resampled(volume, 0, 3), 9.0, atol=1e-4)

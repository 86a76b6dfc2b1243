import numpy as np
import pytest

from xelith.reconstruction.back_projection import GROUP, TILE, back_project, slices_innermost
from xelith.reconstruction.parallel_beam import circle_spans


def back_project_plainly(views, theta, centre_px, spans):
    """Pixel by pixel with numpy.interp: the twin of back_project."""
    n_slices, n_cols = views.shape[2], views.shape[1] - 2
    y, x = np.mgrid[:n_cols, :n_cols] - (n_cols - 1) / 2
    volume = np.zeros((n_slices, n_cols, n_cols))
    columns = np.arange(-1, n_cols + 1)
    for view, angle in zip(views, theta, strict=True):
        s = x * np.cos(angle) + y * np.sin(angle) + centre_px
        for k in range(n_slices):
            volume[k] += np.interp(s, columns, view[:, k])
    return volume * ((np.arange(n_cols) >= spans[:, :1]) & (np.arange(n_cols) < spans[:, 1:]))


@pytest.mark.parametrize(("n_slices", "width"), [(4, 4), (1, 4), (7, 8), (16, 16)])
@pytest.mark.parametrize(("n_cols", "centre_px"), [(1, 0.0), (20, 9.5), (41, 17.3), (TILE + 9, 0.6 * TILE)])
def test_tiles_equal_plain_interpolation(n_cols, centre_px, n_slices, width):
    rng = np.random.default_rng(n_cols)
    theta = rng.uniform(0, 2 * np.pi, 2 * GROUP)
    views = rng.normal(size=(theta.size, n_cols + 2, width)).astype(np.float32)
    rays = np.stack([np.cos(theta), np.sin(theta)], axis=1)
    spans = circle_spans(n_cols, centre_px)
    volume = np.zeros((n_slices, n_cols, n_cols), np.float32)
    for row in range(0, n_cols, TILE):
        for column in range(0, n_cols, TILE):
            tile, lanes, middle = (row, column), (0,) * width, (n_cols - 1) / 2
            back_project(views.reshape(-1), rays, centre_px + 1.0, middle, spans, tile, volume, lanes)
    expected = back_project_plainly(views, theta, centre_px, spans)[:n_slices]
    np.testing.assert_allclose(volume, expected, atol=2e-5)  # float32 shares of columns, sums of 8 views near 4


def test_slices_innermost_turns_the_axes():
    filtered = np.random.default_rng(0).normal(size=(3, 4, 19)).astype(np.float32)
    views = np.zeros((4, 15, 4), np.float32)
    slices_innermost(filtered, 13, views)
    np.testing.assert_array_equal(views[:, 1:14, :3], filtered[:, :, :13].transpose(1, 2, 0))
    assert not views[:, 0].any()
    assert not views[:, 14].any()

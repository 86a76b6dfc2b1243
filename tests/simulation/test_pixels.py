"""Blurred pixels: weights in closed form against quadrature, conservation, blur width."""

import numpy as np
import pytest
from scipy.special import ndtr

from xelith.simulation.pixels import average_pixels, pixel_weights


def dense(weights, n_cells):
    matrix = np.zeros((len(weights.first), n_cells))
    for row, (first, taps) in enumerate(zip(weights.first, weights.weights, strict=True)):
        matrix[row, first : first + len(taps)] += taps
    return matrix


def test_without_blur_aligned_cells_are_averaged():
    matrix = dense(pixel_weights(4, pixel=2.0, first_edge=1.0, n_cells=10, cell=1.0, blur=0.0), 10)
    expected = np.zeros((4, 10))
    for i in range(4):
        expected[i, 1 + 2 * i : 3 + 2 * i] = 0.5
    np.testing.assert_allclose(matrix, expected, atol=1e-7)


def test_without_blur_cells_count_by_their_overlap():
    matrix = dense(pixel_weights(2, pixel=2.0, first_edge=0.4, n_cells=6, cell=1.0, blur=0.0), 6)
    np.testing.assert_allclose(matrix, [[0.3, 0.5, 0.2, 0, 0, 0], [0, 0, 0.3, 0.5, 0.2, 0]], atol=1e-7)


def test_weights_are_the_integral_of_the_blurred_pixel():
    pixel, edge, cell, blur, n_cells = 2.0, 7.3, 0.9, 1.1, 30
    matrix = dense(pixel_weights(3, pixel=pixel, first_edge=edge, n_cells=n_cells, cell=cell, blur=blur), n_cells)
    u = (np.arange(n_cells * 400) + 0.5) * cell / 400
    for i in range(3):
        low = edge + i * pixel
        response = (ndtr((low + pixel - u) / blur) - ndtr((low - u) / blur)) / pixel
        expected = response.reshape(n_cells, 400).sum(axis=1) * cell / 400
        # 1e-6: the tails beyond five standard deviations are left out, weights are float32
        np.testing.assert_allclose(matrix[i], expected, atol=1e-6)


@pytest.mark.parametrize("blur", [0.0, 0.3, 2.5])
def test_an_even_field_stays_even_up_to_the_edges(blur):
    weights = pixel_weights(5, pixel=1.0, first_edge=0.0, n_cells=10, cell=0.5, blur=blur)
    np.testing.assert_allclose(weights.weights.sum(axis=1), 1.0, rtol=1e-6)
    assert weights.weights.min() >= -1e-7


def test_blur_and_pixel_widen_a_line_by_their_variances():
    n, blur_px = 60, 0.8
    columns = pixel_weights(n, pixel=1.0, first_edge=0.0, n_cells=8 * n, cell=0.125, blur=blur_px)
    rows = pixel_weights(1, pixel=1.0, first_edge=0.0, n_cells=1, cell=1.0, blur=0.0)
    line = np.zeros((8 * n, 1), np.float32)
    line[240] = 1
    profile = average_pixels(line, columns, rows)[0].astype(float)
    place = np.arange(n)
    mean = (profile * place).sum() / profile.sum()
    variance = (profile * (place - mean) ** 2).sum() / profile.sum()
    assert mean == pytest.approx(240.5 / 8 - 0.5, abs=1e-3)
    # a Gaussian of 0.8 and a box of 1 sampled at whole pixels, the line's own width being 1/8
    assert variance == pytest.approx(blur_px**2 + 1 / 12 + 0.125**2 / 12, rel=2e-3)


def test_averaging_is_two_matrix_products():
    rng = np.random.default_rng(3)
    intensity = rng.random((50, 70), dtype=np.float32)
    columns = pixel_weights(20, pixel=2.5, first_edge=0.0, n_cells=50, cell=1.0, blur=0.7)
    rows = pixel_weights(12, pixel=5.0, first_edge=3.3, n_cells=70, cell=1.0, blur=1.4)
    expected = dense(rows, 70) @ intensity.T @ dense(columns, 50).T
    np.testing.assert_allclose(average_pixels(intensity, columns, rows), expected, rtol=2e-6)  # float32 sums

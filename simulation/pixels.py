"""How a blurred pixel weighs the fine cells of intensity behind it, exactly."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import ndtr


@dataclass(frozen=True, eq=False)
class PixelWeights:
    """Weights of fine cells in a row of pixels.

    Parameters
    ----------
    first : (n_pixels,) array of int64
        Index of the first fine cell of each pixel.
    weights : (n_pixels, n_taps) array of float32
        Weight of that cell and its followers; each row adds up to 1.
    """

    first: NDArray[np.int64]
    weights: NDArray[np.float32]


def pixel_weights(
    n_pixels: int, *, pixel: float, first_edge: float, n_cells: int, cell: float, blur: float
) -> PixelWeights:
    """Weigh fine cells of constant intensity by a box pixel blurred with a Gaussian.

    The integral of the blurred pixel over each cell is taken in closed form. What lies beyond the first and the
    last cell counts as theirs.

    Parameters
    ----------
    n_pixels : int
        Pixels in the row.
    pixel : float
        Width of a pixel, in any unit of length, above 0.
    first_edge : float
        Lower edge of the first pixel, in the same unit, where 0 is the lower edge of the first cell.
    n_cells : int
        Fine cells, at least 1.
    cell : float
        Width of a cell, in the same unit, above 0.
    blur : float
        Standard deviation of the Gaussian, in the same unit, not negative.

    Returns
    -------
    PixelWeights
        Weights of each pixel, as wide as five standard deviations ask for.
    """
    lower = first_edge + pixel * np.arange(n_pixels)
    reach = 5.0 * blur
    begin = np.floor((lower - reach) / cell).astype(np.int64)
    taps = int(np.ceil((pixel + 2 * reach) / cell)) + 1
    edges = (begin[:, None] + np.arange(taps + 1)) * cell
    share = _running_share(edges - lower[:, None], blur) - _running_share(edges - lower[:, None] - pixel, blur)
    weights = np.diff(share, axis=1) / pixel
    taps = min(taps, n_cells)
    place = np.clip(begin[:, None] + np.arange(weights.shape[1]), 0, n_cells - 1)
    first = np.clip(begin, 0, n_cells - taps)
    folded = np.zeros((n_pixels, taps))
    np.add.at(folded, (np.arange(n_pixels)[:, None], place - first[:, None]), weights)
    folded /= folded.sum(axis=1, keepdims=True)
    return PixelWeights(first, folded.astype(np.float32))


def _running_share(x: NDArray[np.float64], blur: float) -> NDArray[np.float64]:
    """Return the integral up to x of a unit step at 0 blurred by a Gaussian."""
    if blur == 0:
        return np.maximum(x, 0.0)
    u = x / blur
    return x * ndtr(u) + blur * np.exp(-0.5 * u * u) / np.sqrt(2 * np.pi)


def average_pixels(intensity: NDArray[np.float32], columns: PixelWeights, rows: PixelWeights) -> NDArray[np.float32]:
    """Average fine intensities over blurred pixels.

    Parameters
    ----------
    intensity : (n_rays, n_slices) array of float32
        Intensity of each ray in each slice, in any unit.
    columns : PixelWeights
        Weights of the rays in each column of the detector.
    rows : PixelWeights
        Weights of the slices in each row.

    Returns
    -------
    (n_rows, n_cols) array of float32
        Mean intensity of each pixel, in the unit of `intensity`.
    """
    frame = np.empty((len(rows.first), len(columns.first)), dtype=np.float32)
    _average(intensity, columns.first, columns.weights, rows.first, rows.weights, frame)
    return frame


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def _average(intensity, first_ray, ray_weights, first_slice, slice_weights, frame):  # type: ignore[no-untyped-def]
    """Weigh rays, then slices, in a fixed order."""
    n_slices = intensity.shape[1]
    column = np.empty(n_slices, dtype=np.float32)
    for j in range(frame.shape[1]):
        column[:] = 0
        for tap in range(ray_weights.shape[1]):
            weight = ray_weights[j, tap]
            if weight != 0:
                ray = intensity[first_ray[j] + tap]
                for k in range(n_slices):
                    column[k] += weight * ray[k]
        for i in range(frame.shape[0]):
            total = np.float32(0)
            for tap in range(slice_weights.shape[1]):
                total += slice_weights[i, tap] * column[first_slice[i] + tap]
            frame[i, j] = total

"""Direct filtered back-projection of parallel-beam sinograms: any angles, linear interpolation.

Up to 16 slices are worked on side by side, so that one view's interpolation weights serve them all.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, Block, blocks, is_on_gpu
from ..arrays.blocks import thread_count
from .back_projection import GROUP, TILE, back_project, slices_innermost
from .fbp_cuda import fbp_on_gpu
from .filters import padded_length, ramp_response
from .parallel_beam import checked_sinograms, circle_spans, slice_groups, view_weights

VIEW_BLOCK = 64
"""Views filtered at a time."""


def fbp(
    sinograms: Array,
    theta: ArrayLike,
    *,
    centre_px: float,
    voxel_um: float,
    window: str = "ramp",
    threads: int | None = None,
) -> Array:
    """Reconstruct slices by filtering and direct back-projection.

    Each view counts by the angle it stands for (`view_weights`), so half turns, full turns and uneven
    steps all give absolute µ [1]_. Between detector columns the filtered view is interpolated linearly.
    `fourier_fbp` gives the same image many times faster; this one is the reference.

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) array
        Line integrals -ln(I / I0), dimensionless.
    theta : (n_theta,) array
        Angle of each view in rad, any order, spacing and range.
    centre_px : float
        Column of the rotation axis, 0 to n_cols - 1; whole at a pixel's middle.
    voxel_um : float
        Pixel size in µm, also the image's.
    window : str
        Window on the ramp, one of `filters.WINDOWS`.
    threads : int, optional
        Threads on the host; None is one per core. The result does not depend on it.

    Returns
    -------
    (n_rows, n_cols, n_cols) array of float32
        µ in cm^-1 on the device of `sinograms`, centred on the axis, x along the last index and y along the
        second. Pixels that some view does not see, farther from the axis than the nearer edge of the detector,
        are 0.

    Raises
    ------
    TypeError
        If the sinograms are not an array of real numbers.
    ValueError
        If shapes, angles, axis, pixel size or window are not valid.

    References
    ----------
    .. [1] Kak & Slaney, Principles of Computerized Tomographic Imaging (1988), section 3.3.
    """
    sinograms, angles = checked_sinograms(sinograms, theta, centre_px=centre_px, voxel_um=voxel_um)
    n_rows, n_theta, n_cols = sinograms.shape
    ramp = ramp_response(padded_length(n_cols), window).astype(np.float32)
    scale = (view_weights(angles) / (voxel_um * 1e-4)).astype(np.float32)
    rays = np.zeros((math.ceil(n_theta / GROUP) * GROUP, 2))
    rays[:n_theta] = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    spans = circle_spans(n_cols, centre_px)
    if is_on_gpu(sinograms):
        return fbp_on_gpu(sinograms, (scale, ramp), rays[:n_theta], spans, centre_px=centre_px)
    volume = np.zeros((n_rows, n_cols, n_cols), np.float32)
    with ThreadPoolExecutor(thread_count(threads)) as pool:
        for rows, lanes in slice_groups(n_rows):
            views = np.zeros((rays.shape[0], n_cols + 2, len(lanes)), np.float32)
            _filter_views(sinograms[rows.slice], scale, ramp, views, pool)
            _add_views(views, rays, centre_px, spans, volume[rows.slice], lanes, pool)
    return volume


def _filter_views(
    part: NDArray[Any],
    scale: NDArray[np.float32],
    ramp: NDArray[np.float32],
    views: NDArray[np.float32],
    pool: ThreadPoolExecutor,
) -> None:
    """Filter (n, n_theta, n_cols) sinograms into (n_theta, n_cols + 2, S), a guard column on either side."""
    n_slices, n_theta, n_cols = part.shape
    length = 2 * (ramp.size - 1)

    def filter_block(b: Block) -> None:
        spectra = scipy.fft.rfft(part[:, b.slice].astype(np.float32, copy=False), n=length, axis=2)
        spectra *= np.outer(scale[b.slice], ramp)
        filtered = scipy.fft.irfft(spectra, n=length, axis=2)
        views[b.slice, 0, :n_slices] = filtered[:, :, -1].T
        slices_innermost(filtered, n_cols + 1, views[b.slice])

    list(pool.map(filter_block, blocks(n_theta, VIEW_BLOCK)))


def _add_views(
    views: NDArray[np.float32],
    rays: NDArray[np.float64],
    centre_px: float,
    spans: NDArray[np.int64],
    volume: NDArray[np.float32],
    lanes: tuple[int, ...],
    pool: ThreadPoolExecutor,
) -> None:
    """Back-project filtered views tile by tile."""
    n_cols = volume.shape[1]
    flat, middle = views.reshape(-1), (n_cols - 1) / 2

    def add_tile(tile: tuple[int, int]) -> None:
        back_project(flat, rays, centre_px + 1.0, middle, spans, tile, volume, lanes)

    starts = range(0, n_cols, TILE)
    list(pool.map(add_tile, [(row, column) for row in starts for column in starts]))

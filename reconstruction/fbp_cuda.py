"""Direct filtered back-projection on a GPU: cuFFT, then `kernels/back_projection.cu`."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, array_namespace, blocks, launch
from ..arrays.device import gpu_bytes

KERNEL = Path(__file__).with_name("kernels") / "back_projection.cu"

SLICES = 8
"""Slices a thread: one view's interpolation weights serve them all."""

BLOCK = (16, 16, 1)
"""Threads of a block: a square of pixels, which reads few columns of a view."""

WORKING_SHARE = 1 / 16
"""Share of the GPU's memory above which fewer slices are worked on at once."""

BYTES_PER_SAMPLE = 44
"""Padded views, their spectra and copies, per sample of a sinogram."""


def fbp_on_gpu(
    sinograms: Array,
    response: tuple[NDArray[np.float32], NDArray[np.float32]],
    rays: NDArray[np.float64],
    spans: NDArray[np.int64],
    *,
    centre_px: float,
) -> Array:
    """Filter and back-project sinograms on the GPU that holds them; `fbp` is its host twin.

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) CuPy array
        Line integrals, dimensionless.
    response : tuple of array
        (n_theta,) factor of each view in rad cm^-1, and (n,) transfer function of the ramp.
    rays : (n_theta, 2) array of float64
        Cosine and sine of each view.
    spans : (n_cols, 2) array of int64
        First column and last plus one of each image row that is written.
    centre_px : float
        Column of the axis.

    Returns
    -------
    (n_rows, n_cols, n_cols) CuPy array of float32
        µ in cm^-1.
    """
    xp = array_namespace(sinograms)
    n_rows, n_theta, n_cols = sinograms.shape
    volume = xp.empty((n_rows, n_cols, n_cols), dtype=xp.float32)
    rays_there = xp.asarray(np.rint(rays * 2**30).astype(np.int32))
    spans_there = xp.asarray(spans.astype(np.int32))
    whole = math.floor(centre_px)
    centre = whole + 1, int((centre_px - whole) * 2**31)
    factors = xp.asarray(response[0])[:, None] * xp.asarray(response[1])
    groups_at_once = max(1, gpu_bytes(WORKING_SHARE) // (BYTES_PER_SAMPLE * SLICES * n_theta * n_cols))
    for rows in blocks(n_rows, SLICES * groups_at_once):
        views = _filtered(sinograms[rows.slice], factors)
        launch(
            KERNEL,
            "back_project",
            (views, rays_there, spans_there, volume[rows.slice], n_theta, n_cols, len(rows), *centre),
            items=(n_cols, n_cols, len(views)),
            block=BLOCK,
            constants={"SLICES": SLICES},
        )
    return volume


def _filtered(sinograms: Array, factors: Array) -> Array:
    """Filter (n, n_theta, n_cols) sinograms into (n_groups, n_theta, n_cols + 2, SLICES), guards at both ends."""
    xp = array_namespace(sinograms)
    n_rows, n_theta, n_cols = sinograms.shape
    n_groups, length = math.ceil(n_rows / SLICES), 2 * (factors.shape[1] - 1)
    spectra = xp.fft.rfft(sinograms.astype(xp.float32), n=length, axis=2) * factors
    filtered = xp.fft.irfft(spectra, n=length, axis=2)
    views = xp.zeros((n_groups * SLICES, n_theta, n_cols + 2), dtype=xp.float32)
    views[:n_rows, :, 0] = filtered[:, :, -1]
    views[:n_rows, :, 1:] = filtered[:, :, : n_cols + 1]
    return xp.ascontiguousarray(views.reshape(n_groups, SLICES, n_theta, n_cols + 2).transpose(0, 2, 3, 1))

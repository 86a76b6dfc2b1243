"""Fourier reconstruction on a GPU: cuFFT, `kernels/gridding.cu`, cuFFT."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, array_namespace, blocks, launch
from ..arrays.device import gpu_bytes
from .fourier_plan import Plan
from .gridding import TAPS, Kernel

KERNEL = Path(__file__).with_name("kernels") / "gridding.cu"

SLICES = 8
"""Slices a thread: a sample's gridding weight serves them all."""

BLOCK = (16, 16, 1)
"""Threads of a block: a square of cells, which the same views reach."""

DEGREE = 10
"""Degree of the polynomial that stands for the kernel."""

WORKING_SHARE = 1 / 16
"""Share of the GPU's memory above which fewer slices are worked on at once."""


def even_polynomial(kernel: Kernel) -> NDArray[np.float32]:
    """Return one polynomial that stands for the whole kernel, in the square of the distance.

    The Kaiser-Bessel function of d is an entire function of d^2, so that a single polynomial without branches takes the
    place of one for each tap.

    Parameters
    ----------
    kernel : Kernel
        The gridding kernel.

    Returns
    -------
    (DEGREE + 1,) array of float32
        Highest power first; the variable is 2 (2 d / TAPS)^2 - 1 for a distance of d cells.
    """
    nodes = np.cos(np.pi * (np.arange(64) + 0.5) / 64)
    values = kernel.values(TAPS / 2 * np.sqrt((nodes + 1) / 2))
    return np.linalg.lstsq(np.vander(nodes, DEGREE + 1), values)[0].astype(np.float32)


def fourier_on_gpu(sinograms: Array, plan: Plan) -> Array:
    """Reconstruct sinograms on the GPU that holds them; `fourier_fbp` is its host twin.

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) CuPy array
        Line integrals, dimensionless.
    plan : Plan
        Geometry, filter and kernel.

    Returns
    -------
    (n_rows, n_cols, n_cols) CuPy array of float32
        µ in cm^-1.
    """
    xp = array_namespace(sinograms)
    n_rows, n_theta, n_cols = sinograms.shape
    volume = xp.empty((n_rows, n_cols, n_cols), dtype=xp.float32)
    factors, views = _sorted_views(xp, plan)
    pixels = _Pixels(xp, plan, n_cols)
    bytes_per_slice = 32 * n_theta * plan.polar.length // 2 + 24 * plan.n**2
    groups_at_once = max(1, gpu_bytes(WORKING_SHARE) // (SLICES * bytes_per_slice))
    for rows in blocks(n_rows, SLICES * groups_at_once):
        spectra = _spectra(sinograms[rows.slice], factors, plan)
        volume[rows.slice] = pixels.of(_spread(spectra, views, plan), len(rows))
    return volume


Views = tuple[Array, Array, Array]
"""Rays, angles and kernel of the gridding, on the GPU."""


def _sorted_views(xp: Array, plan: Plan) -> tuple[tuple[Array, Array, Array], Views]:
    """Order of the views by angle, their factors and signs; their rays, angles and the kernel, in that order."""
    angles = np.arctan2(plan.rays[:, 1], plan.rays[:, 0])
    order = np.argsort(angles, kind="stable")
    phase = xp.asarray(plan.turns[order])[:, None] * xp.asarray(plan.polar.kept)
    weights = xp.asarray(plan.scale[order])[:, None] * xp.asarray(plan.polar.weights)
    factors = (weights * xp.exp(2j * math.pi * (phase % 1))).astype(xp.complex64)
    kernel = even_polynomial(Kernel(plan.n / len(plan.spans)))
    return (
        (xp.asarray(order), factors, xp.asarray(plan.signs[order] < 0)),
        (xp.asarray(plan.rays[order]), xp.asarray(angles[order]), xp.asarray(kernel)),
    )


def _spectra(sinograms: Array, factors: tuple[Array, Array, Array], plan: Plan) -> Array:
    """Weighted samples (n_groups, n_theta, n_kept, SLICES) of (n, n_theta, n_cols) sinograms."""
    xp = array_namespace(sinograms)
    order, weights, is_turned = factors
    n_rows, n_theta, _ = sinograms.shape
    n_groups, n_kept = math.ceil(n_rows / SLICES), plan.polar.kept.size
    whole = xp.fft.rfft(sinograms.astype(xp.float32), n=plan.polar.length, axis=2)
    kept = whole[:, :, xp.asarray(plan.polar.kept)][:, order] * weights
    samples = xp.zeros((n_groups * SLICES, n_theta, n_kept), dtype=xp.complex64)
    samples[:n_rows] = xp.where(is_turned[:, None], kept.conj(), kept)
    return xp.ascontiguousarray(samples.reshape(n_groups, SLICES, n_theta, n_kept).transpose(0, 2, 3, 1))


def _spread(spectra: Array, views: Views, plan: Plan) -> Array:
    """Cells (n_groups SLICES, n, n // 2 + 1) of the Cartesian grid."""
    xp = array_namespace(spectra)
    n_groups, n_theta, n_kept, _ = spectra.shape
    n_columns = plan.n // 2 + 1
    grid = xp.empty((n_groups * SLICES, plan.n, n_columns), dtype=xp.complex64)
    launch(
        KERNEL,
        "spread",
        (spectra, *views, grid, n_theta, n_kept, plan.polar.n_fine, plan.n, plan.n / plan.polar.length),
        items=(n_columns, plan.n, n_groups),
        block=BLOCK,
        constants={"SLICES": SLICES, "TAPS": TAPS, "DEGREE": DEGREE},
    )
    return grid


class _Pixels:
    """From grids to images: the places of pixels in the transform, and their factors."""

    def __init__(self, xp: Array, plan: Plan, n_cols: int) -> None:
        index = np.arange(n_cols)
        self.n = plan.n
        self.places = xp.asarray((index - (n_cols - 1) // 2) % plan.n)
        inside = (index >= plan.spans[:, :1]) & (index < plan.spans[:, 1:])
        factors = inside * np.outer(plan.deapodise, plan.deapodise) * float(plan.n) ** 2
        self.factors = xp.asarray(factors.astype(np.float32))

    def of(self, grid: Array, n_rows: int) -> Array:
        """Images (n_rows, n_cols, n_cols) of the first grids."""
        xp = array_namespace(grid)
        whole = xp.fft.irfft2(grid[:n_rows], s=(self.n, self.n))
        return whole[:, self.places[:, None], self.places[None, :]] * self.factors

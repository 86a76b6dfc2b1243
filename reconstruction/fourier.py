"""Filtered back-projection through Fourier space: the same image as `fbp`, many times faster.

The projection-slice theorem puts each filtered view on a line through the plane of frequencies. The
lines are spread over a Cartesian grid with a Kaiser-Bessel kernel, transformed back and divided by
the kernel's transform. Up to 16 slices go side by side through every stage.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, Block, blocks, is_on_gpu
from ..arrays.blocks import thread_count
from .fourier_cuda import fourier_on_gpu
from .fourier_plan import Plan
from .gridding import TAPS, Kernel, spread_band
from .parallel_beam import WIDTHS, checked_sinograms, circle_spans, slice_groups, view_weights
from .polar import fill_factors, polar_samples
from .slice_fft import factors, fast_length, rows_to_image, transform_columns, transform_views, twiddles

OVERSAMPLING = 1.25
"""Grid size over image size."""

WORKING_BYTES = 2**30
"""Memory above which fewer slices are worked on side by side."""

VIEW_BLOCK, BAND, COLUMN_BLOCK, ROW_BLOCK = 32, 64, 16, 32
"""Views, grid rows, grid columns and image rows that a thread takes at a time."""


def fourier_fbp(
    sinograms: Array,
    theta: ArrayLike,
    *,
    centre_px: float,
    voxel_um: float,
    window: str = "ramp",
    threads: int | None = None,
) -> Array:
    """Reconstruct slices by filtered back-projection in Fourier space.

    Takes and returns what `fbp` does, and keeps the response up to Nyquist [1]_. Between detector
    columns a filtered view is interpolated by its spectrum instead of linearly, so edges are sharper
    and noise is stronger than with `fbp`; `window` trades the two.

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) array
        Line integrals -ln(I / I0), dimensionless; writable float32 in C order is not copied.
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
    .. [1] O'Sullivan, A fast sinc function gridding algorithm for Fourier inversion in computer
       tomography, IEEE Trans. Med. Imaging 4 (1985) 200.
    """
    sinograms, angles = checked_sinograms(sinograms, theta, centre_px=centre_px, voxel_um=voxel_um)
    n_rows, n_theta, n_cols = sinograms.shape
    plan = _plan(angles, n_cols, centre_px, voxel_um, window)
    if is_on_gpu(sinograms):
        return fourier_on_gpu(sinograms, plan)
    volume = np.zeros((n_rows, n_cols, n_cols), np.float32)
    with ThreadPoolExecutor(thread_count(threads)) as pool:
        filters = _filters(plan, pool)
        groups = _groups(n_rows, n_theta, plan.n, plan.polar.kept.size)
        n_lanes = len(groups[0][1])
        sizes = n_theta * plan.polar.kept.size * 2 * n_lanes, plan.n * _row_step(plan.n, n_lanes)
        spectra, grid = map(_aligned, sizes)
        for rows, lanes in groups:
            part = np.require(sinograms[rows.slice], np.float32, ["C", "W"])
            _reconstruct(part, (plan, filters), lanes, (spectra, grid), volume[rows.slice], pool)
    return volume


def working_bytes(n_rows: int, n_theta: int, n_cols: int) -> int:
    """Return the memory `fourier_fbp` takes beside its input and output.

    Parameters
    ----------
    n_rows, n_theta, n_cols : int
        Shape of the sinograms, writable float32 in C order.

    Returns
    -------
    int
        Bytes of its arrays, a few MiB per thread of scratch aside.
    """
    n, n_kept = _grid_size(n_cols), polar_samples(n_cols, "ramp").kept.size
    return _bytes(len(_groups(n_rows, n_theta, n, n_kept)[0][1]), n_theta, n, n_kept)


def _bytes(n_lanes: int, n_theta: int, n: int, n_kept: int) -> int:
    """Bytes of the grid, the spectra and the factors of their samples."""
    return 4 * (n * _row_step(n, n_lanes) + n_theta * n_kept * (2 * n_lanes + 2))


def _groups(n_rows: int, n_theta: int, n: int, n_kept: int) -> list[tuple[Block, tuple[int, ...]]]:
    """Slices that go side by side, as many as memory allows."""
    allowed = [width for width in WIDTHS if _bytes(width, n_theta, n, n_kept) <= WORKING_BYTES]
    return list(slice_groups(n_rows, max(allowed, default=WIDTHS[0])))


def _grid_size(n_cols: int) -> int:
    return fast_length(math.ceil(OVERSAMPLING * n_cols))


def _row_step(n: int, n_lanes: int) -> int:
    """Floats in a row of the grid: cells at and beside the half plane."""
    return (n // 2 + 1 + 2 * TAPS) * 2 * n_lanes


def _aligned(size: int) -> NDArray[np.float32]:
    """Floats that start at a cache line, so that no vector lies across two."""
    buffer = np.empty(size + 16, np.float32)
    first = -buffer.ctypes.data % 64 // 4
    return buffer[first : first + size]


def _plan(angles: NDArray[np.float64], n_cols: int, centre_px: float, voxel_um: float, window: str) -> Plan:
    """Work out what does not depend on the data."""
    polar, n = polar_samples(n_cols, window), _grid_size(n_cols)
    kernel = Kernel(n / n_cols)
    origin = (n_cols - 1) // 2  # the grid's zero; the axis lies half a pixel beyond it if n_cols is even
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    signs = np.where(rays[:, 0] < 0, -1, 1).astype(np.float32)
    return Plan(
        n=n,
        polar=polar,
        rays=(rays * signs[:, None]).astype(np.float32),
        signs=signs,
        turns=(centre_px + (origin - (n_cols - 1) / 2) * rays.sum(axis=1)) / polar.length,
        scale=view_weights(angles) / (voxel_um * 1e-4),
        kernel=kernel.polynomials(),
        deapodise=(1 / kernel.transform((np.arange(n_cols) - origin) / n)).astype(np.float32),
        spans=circle_spans(n_cols, centre_px),
    )


def _filters(plan: Plan, pool: ThreadPoolExecutor) -> NDArray[np.float32]:
    """Complex factor of each sample, flat: ramp, angle of the view and phase of the axis."""
    filters, polar = np.empty((plan.turns.size, plan.polar.kept.size), np.complex64), plan.polar
    scale = plan.scale / 2  # the transform of real data leaves a factor 2
    views = blocks(plan.turns.size, VIEW_BLOCK)
    _run(pool, views, fill_factors, filters, plan.turns, scale, polar.kept, polar.weights)
    return filters.view(np.float32).reshape(-1)


def _reconstruct(
    part: NDArray[np.float32],
    planned: tuple[Plan, NDArray[np.float32]],
    lanes: tuple[int, ...],
    memory: tuple[NDArray[np.float32], NDArray[np.float32]],
    volume: NDArray[np.float32],
    pool: ThreadPoolExecutor,
) -> None:
    """Take a group of slices through the four stages; one starts when the one before has ended."""
    (plan, filters), (spectra, grid) = planned, memory
    n_slices, n_theta, n_cols = part.shape
    n, polar, half = plan.n, plan.polar, plan.polar.length // 2
    n_columns, row_step = n // 2 + 1, _row_step(n, len(lanes))
    tables = twiddles(n // 2), twiddles(n)
    _run(
        pool, blocks(n_theta, VIEW_BLOCK), transform_views,
        lanes, part.reshape(-1), part.shape, factors(half), (twiddles(half), twiddles(2 * half)),
        polar.kept, filters, plan.signs, spectra,
    )  # fmt: skip
    dense_first = sorted(blocks(n, BAND), key=lambda b: min(b.start, n - b.stop))
    _run(
        pool, dense_first, spread_band,
        lanes, grid, (n, n_columns), spectra, plan.rays, *polar.runs(n), plan.kernel,
    )  # fmt: skip
    columns = blocks(n_columns, COLUMN_BLOCK)
    _run(pool, columns, transform_columns, lanes, grid, TAPS, row_step, factors(n), tables[1])
    _run(
        pool, blocks(n_cols, ROW_BLOCK), rows_to_image,
        lanes, grid, TAPS, row_step, factors(n // 2), tables, plan.spans, plan.deapodise,
        volume.reshape(-1), (n_slices, n_cols),
    )  # fmt: skip


def _run(pool: ThreadPoolExecutor, items: list[Block], kernel: Callable[..., None], *args: object) -> None:
    """Call a kernel for every block, on the pool's threads, and wait."""
    list(pool.map(lambda b: kernel(*args, b.start, b.stop), items))

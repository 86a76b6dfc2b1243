"""Direct filtered back-projection of parallel-beam sinograms: any angles, linear interpolation.

Several slices are worked on side by side, slice index innermost, so that one angle's interpolation
weights serve them all and the SIMD lanes run over slices.
"""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import scipy.fft
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, Block, blocks
from ..arrays.blocks import thread_count
from .filters import padded_length, ramp_response
from .parallel_beam import checked_sinograms, circle_spans, view_weights

WIDTHS = (4, 8, 16)
"""Slices side by side; the smallest width that holds the slices left is taken."""

TILE = 32
"""Edge of a square of pixels that one thread finishes at a time."""

GROUP = 4
"""Views added per load and store of a pixel."""

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
) -> NDArray[np.float32]:
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
        Threads; None is one per core. The result does not depend on it.

    Returns
    -------
    (n_rows, n_cols, n_cols) array of float32
        µ in cm^-1, centred on the axis, x along the last index and y along the second. Pixels that
        some view does not see, farther from the axis than the nearer edge of the detector, are 0.

    Raises
    ------
    TypeError
        If the sinograms are not real numbers on the host.
    ValueError
        If shapes, angles, axis, pixel size or window are not valid.

    References
    ----------
    .. [1] Kak & Slaney, Principles of Computerized Tomographic Imaging (1988), section 3.3.
    """
    sinograms, angles = checked_sinograms(sinograms, theta, centre_px=centre_px, voxel_um=voxel_um)
    n_rows, n_theta, n_cols = sinograms.shape
    length = padded_length(n_cols)
    scale = view_weights(angles) / (voxel_um * 1e-4)
    response = np.outer(scale, ramp_response(length, window)).astype(np.float32)
    rays = np.zeros((math.ceil(n_theta / GROUP) * GROUP, 2), np.float32)
    rays[:n_theta] = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    spans = circle_spans(n_cols, centre_px)
    middle = (n_cols - 1) / 2
    tiles = [(r.start, c.start) for r in blocks(n_cols, TILE) for c in blocks(n_cols, TILE)]
    volume = np.zeros((n_rows, n_cols, n_cols), np.float32)
    with ThreadPoolExecutor(thread_count(threads)) as pool:
        for rows, lanes in slice_blocks(n_rows):
            views = np.zeros((rays.shape[0], n_cols + 2, len(lanes)), np.float32)

            def filter_views(block: Block, part=sinograms[rows.slice], views=views) -> None:
                _filter_views(part[:, block.slice], response[block.slice], views[block.slice])

            def add_tile(tile: tuple[int, int], views=views, part=volume[rows.slice], lanes=lanes) -> None:
                _back_project(views.reshape(-1), rays, centre_px + 1, middle, spans, tile, part, lanes)

            list(pool.map(filter_views, blocks(n_theta, VIEW_BLOCK)))
            list(pool.map(add_tile, tiles))
    return volume


def slice_blocks(n_rows: int) -> Iterator[tuple[Block, tuple[int, ...]]]:
    """Cut slices into groups that are worked on side by side.

    Parameters
    ----------
    n_rows : int
        Number of slices.

    Yields
    ------
    tuple
        The slices as a Block, and a tuple as long as the lanes they fill; its length is its
        type, from which the kernels take their width.
    """
    for rows in blocks(n_rows, WIDTHS[-1]):
        width = next(w for w in WIDTHS if w >= len(rows))
        yield rows, (0,) * width


def _filter_views(part: NDArray[Any], response: NDArray[np.float32], views: NDArray[np.float32]) -> None:
    """Filter (n, n_block, n_cols) projections into (n_block, n_cols + 2, lanes), one guard column a side."""
    n_cols = part.shape[2]
    length = 2 * (response.shape[1] - 1)
    spectra = scipy.fft.rfft(part.astype(np.float32, copy=False), n=length, axis=2)
    spectra *= response
    filtered = scipy.fft.irfft(spectra, n=length, axis=2)
    views[:, 0, : part.shape[0]] = filtered[:, :, -1].T
    _slices_innermost(filtered, n_cols + 1, views)


@njit(nogil=True, cache=True, boundscheck=False)
def _slices_innermost(filtered, stop, views):
    """views[p, 1 + d, s] = filtered[s, p, d] for d < stop, in runs that use whole cache lines."""
    n_slices, n_views, _ = filtered.shape
    for p in range(n_views):
        for d0 in range(0, stop, 8):
            for s in range(n_slices):
                for d in range(d0, min(d0 + 8, stop)):
                    views[p, 1 + d, s] = filtered[s, p, d]


@intrinsic
def _add_views(typingctx, lanes, acc, at, views, offsets, shares):
    """acc[at : at + S] += sum over views of (1 - share) views[offset :] + share views[offset + S :]."""
    width, count = lanes.count, offsets.count
    signature = types.void(lanes, acc, types.intp, views, offsets, shares)

    def codegen(context, builder, sig, args):
        vector = ir.VectorType(ir.FloatType(), width)
        undefined = ir.Constant(vector, ir.Undefined)
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
        fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{width}f32"
        )
        acc_data, views_data = (context.make_array(sig.args[i])(context, builder, args[i]).data for i in (1, 3))

        def pointer(base, offset):
            return builder.bitcast(builder.gep(base, [offset]), vector.as_pointer())

        def load(base, offset):
            value = builder.load(pointer(base, offset))
            value.align = 4
            return value

        def broadcast(value):
            first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
            return builder.shuffle_vector(first, undefined, zeros)

        total = load(acc_data, args[2])
        for k in range(count):
            offset = builder.extract_value(args[4], k)
            share = broadcast(builder.extract_value(args[5], k))
            left = load(views_data, offset)
            right = load(views_data, builder.add(offset, ir.Constant(offset.type, width)))
            total = builder.fadd(total, left)
            total = builder.call(fma, [share, builder.fsub(right, left), total])
        builder.store(total, pointer(acc_data, args[2])).align = 4
        return context.get_dummy_value()

    return signature, codegen


@njit(nogil=True, cache=True, fastmath=True, error_model="numpy", boundscheck=False)
def _back_project(views, rays, centre, middle, spans, tile, volume, lanes):
    """Add all views, flat (n_views, n_cols + 2, S), into one tile of volume (n, n_cols, n_cols)."""
    width = len(lanes)
    n_slices, n_cols, _ = volume.shape
    n_views = rays.shape[0]
    n_samples = n_cols + 2
    row0, col0 = tile
    row1, col1 = min(row0 + TILE, n_cols), min(col0 + TILE, n_cols)
    acc = np.zeros(TILE * TILE * width, np.float32)
    c32, m32 = np.float32(centre), np.float32(middle)
    for p in range(0, n_views, 4):
        for r in range(row0, row1):
            a, b = max(col0, spans[r, 0]), min(col1, spans[r, 1])
            y, x = np.float32(r) - m32, np.float32(a) - m32
            at = ((r - row0) * TILE + a - col0) * width
            s0 = x * rays[p, 0] + y * rays[p, 1] + c32
            s1 = x * rays[p + 1, 0] + y * rays[p + 1, 1] + c32
            s2 = x * rays[p + 2, 0] + y * rays[p + 2, 1] + c32
            s3 = x * rays[p + 3, 0] + y * rays[p + 3, 1] + c32
            for _ in range(a, b):
                i0, i1, i2, i3 = int(s0), int(s1), int(s2), int(s3)
                _add_views(
                    lanes,
                    acc,
                    at,
                    views,
                    (
                        (p * n_samples + i0) * width,
                        ((p + 1) * n_samples + i1) * width,
                        ((p + 2) * n_samples + i2) * width,
                        ((p + 3) * n_samples + i3) * width,
                    ),
                    (s0 - np.float32(i0), s1 - np.float32(i1), s2 - np.float32(i2), s3 - np.float32(i3)),
                )
                at += width
                s0 += rays[p, 0]
                s1 += rays[p + 1, 0]
                s2 += rays[p + 2, 0]
                s3 += rays[p + 3, 0]
    for k in range(n_slices):
        for r in range(row0, row1):
            for c in range(max(col0, spans[r, 0]), min(col1, spans[r, 1])):
                volume[k, r, c] = acc[((r - row0) * TILE + c - col0) * width + k]

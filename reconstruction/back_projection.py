"""Back-project filtered views of many slices side by side, linearly interpolated: the kernels of `fbp`."""

# mypy: allow-untyped-defs, disable-error-code="call-arg"

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from .vectors import Vectors

TILE = 32
"""Edge of a square of pixels that one thread finishes at a time."""

GROUP = 4
"""Views added per load and store of a pixel."""


@njit(nogil=True, cache=True, boundscheck=False)
def slices_innermost(filtered, stop, views):
    """Turn filtered views so that the slice index is the innermost.

    Parameters
    ----------
    filtered : (n_slices, n_views, n) array of float32
        Filtered views.
    stop : int
        Columns to take.
    views : (n_views, at least 1 + stop, S) array of float32
        Written: [p, 1 + d, s] = filtered[s, p, d].
    """
    n_slices, n_views, _ = filtered.shape
    for p in range(n_views):
        for d0 in range(0, stop, 8):  # eight floats at a time use half a cache line of every slice
            for s in range(n_slices):
                for d in range(d0, min(d0 + 8, stop)):
                    views[p, 1 + d, s] = filtered[s, p, d]


@intrinsic
def _add_views(typingctx, lanes, acc, at, views, offsets, shares):
    """acc[at : at + S] += sum over views of (1 - share) views[offset :] + share views[offset + S :]."""
    signature = types.void(lanes, acc, types.intp, views, offsets, shares)

    def codegen(context, builder, sig, args):
        v = Vectors(context, builder, lanes.count)
        target, source = v.data(sig, args, 1, 3)
        total = v.load(target, args[2])
        for k in range(offsets.count):
            left, right = v.load_pair(source, builder.extract_value(args[4], k))
            share = v.broadcast(builder.extract_value(args[5], k))
            total = v.fused(share, v.subtract(right, left), v.add(total, left))
        v.store(total, target, args[2])
        return context.get_dummy_value()

    return signature, codegen


@njit(nogil=True, cache=True, fastmath=True, error_model="numpy", boundscheck=False)
def back_project(views, rays, centre, middle, spans, tile, volume, lanes):
    """Sum all views into one tile of pixels.

    Parameters
    ----------
    views : flat (n_views, n_cols + 2, S) array of float32
        Filtered and weighted views, with a guard column on either side.
    rays : (n_views, 2) array of float32
        Cosine and sine of each view; n_views is a multiple of GROUP.
    centre : float
        Column of the axis among n_cols + 2.
    middle : float
        Index of the axis in the image.
    spans : (n_cols, 2) array of int64
        First column and last plus one of each image row that is written.
    tile : tuple of int
        First row and first column of the tile.
    volume : (n_slices, n_cols, n_cols) array of float32
        Written, at most S slices.
    lanes : tuple of S int
        Its length is the number of slices side by side.
    """
    width = len(lanes)
    n_slices, n_cols, _ = volume.shape
    n_views = rays.shape[0]
    n_samples = n_cols + 2
    row0, col0 = tile
    row1, col1 = min(row0 + TILE, n_cols), min(col0 + TILE, n_cols)
    acc = np.zeros(TILE * TILE * width, np.float32)
    c32, m32 = np.float32(centre), np.float32(middle)
    for p in range(0, n_views, GROUP):
        for r in range(row0, row1):
            a, b = max(col0, spans[r, 0]), min(col1, spans[r, 1])
            y, x = np.float32(r) - m32, np.float32(a) - m32
            at = ((r - row0) * TILE + a - col0) * width
            s0 = x * rays[p, 0] + y * rays[p, 1] + c32
            s1 = x * rays[p + 1, 0] + y * rays[p + 1, 1] + c32
            s2 = x * rays[p + 2, 0] + y * rays[p + 2, 1] + c32
            s3 = x * rays[p + 3, 0] + y * rays[p + 3, 1] + c32
            c0, c1, c2, c3 = s0, s1, s2, s3
            for step in range(b - a):
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
                along = np.float32(step + 1)  # adding up steps instead would lose three digits across a tile
                s0 = c0 + along * rays[p, 0]
                s1 = c1 + along * rays[p + 1, 0]
                s2 = c2 + along * rays[p + 2, 0]
                s3 = c3 + along * rays[p + 3, 0]
    for k in range(n_slices):
        for r in range(row0, row1):
            for c in range(max(col0, spans[r, 0]), min(col1, spans[r, 1])):
                volume[k, r, c] = acc[((r - row0) * TILE + c - col0) * width + k]

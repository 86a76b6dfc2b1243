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


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def _first_place(rays, p, x, y, centre, count):
    """Where a run of pixels begins on a view: whole column, and the rest in single precision, which is then exact.

    The whole column lies at or before every place of the run, so that places count from it upwards.
    """
    s = x * rays[p, 0] + y * rays[p, 1] + centre
    whole = int(np.floor(min(s, s + (count - 1) * rays[p, 0])))
    return whole, np.float32(s - whole)


@njit(nogil=True, cache=True, fastmath=True, error_model="numpy", boundscheck=False)
def back_project(views, rays, centre, middle, spans, tile, volume, lanes):
    """Sum all views into one tile of pixels.

    Parameters
    ----------
    views : flat (n_views, n_cols + 2, S) array of float32
        Filtered and weighted views, with a guard column on either side.
    rays : (n_views, 2) array of float64
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
    for p in range(0, n_views, GROUP):
        r0, r1 = np.float32(rays[p, 0]), np.float32(rays[p + 1, 0])
        r2, r3 = np.float32(rays[p + 2, 0]), np.float32(rays[p + 3, 0])
        for r in range(row0, row1):
            a, b = max(col0, spans[r, 0]), min(col1, spans[r, 1])
            if b <= a:
                continue
            at = ((r - row0) * TILE + a - col0) * width
            w0, c0 = _first_place(rays, p, a - middle, r - middle, centre, b - a)
            w1, c1 = _first_place(rays, p + 1, a - middle, r - middle, centre, b - a)
            w2, c2 = _first_place(rays, p + 2, a - middle, r - middle, centre, b - a)
            w3, c3 = _first_place(rays, p + 3, a - middle, r - middle, centre, b - a)
            for step in range(b - a):
                along = np.float32(step)
                s0, s1, s2, s3 = c0 + along * r0, c1 + along * r1, c2 + along * r2, c3 + along * r3
                i0, i1, i2, i3 = int(s0), int(s1), int(s2), int(s3)
                _add_views(
                    lanes,
                    acc,
                    at,
                    views,
                    (
                        (p * n_samples + w0 + i0) * width,
                        ((p + 1) * n_samples + w1 + i1) * width,
                        ((p + 2) * n_samples + w2 + i2) * width,
                        ((p + 3) * n_samples + w3 + i3) * width,
                    ),
                    (s0 - np.float32(i0), s1 - np.float32(i1), s2 - np.float32(i2), s3 - np.float32(i3)),
                )
                at += width
    for k in range(n_slices):
        for r in range(row0, row1):
            for c in range(max(col0, spans[r, 0]), min(col1, spans[r, 1])):
                volume[k, r, c] = acc[((r - row0) * TILE + c - col0) * width + k]

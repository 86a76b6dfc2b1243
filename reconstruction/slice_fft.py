"""Fourier transforms of many slices side by side: SIMD lanes run over slices, not along the transform.

A complex sample is 2 S floats, S real parts and then S imaginary ones, so every operation of a butterfly
is one vector instruction, whatever the stride. The transforms are Stockham's [1]_, self-sorting, with
radices 8, 5, 4, 3 and 2; 2 n real samples go through a complex transform of length n.

References
----------
.. [1] Van Loan, Computational Frameworks for the Fast Fourier Transform (1992), section 1.7.
"""

# mypy: allow-untyped-defs, disable-error-code="call-arg"

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from .vectors import Vectors

RADICES = (8, 5, 4, 3, 2)


def fast_length(minimum: int) -> int:
    """Return the least multiple of 4, at least `minimum`, whose only primes are 2, 3 and 5.

    Parameters
    ----------
    minimum : int
        Samples that have to fit.

    Returns
    -------
    int
        At least 8.
    """
    n = max(8, -(-minimum // 4) * 4)
    while not _is_smooth(n):
        n += 4
    return n


def _is_smooth(n: int) -> bool:
    for prime in (2, 3, 5):
        while n % prime == 0:
            n //= prime
    return n == 1


def factors(n: int) -> NDArray[np.int64]:
    """Cut a fast length into radices.

    Parameters
    ----------
    n : int
        Length whose only primes are 2, 3 and 5, at least 2.

    Returns
    -------
    (n_passes,) array of int64
        Radices whose product is n, the largest first.

    Raises
    ------
    ValueError
        If n has another prime.
    """
    if n < 2 or not _is_smooth(n):
        raise ValueError(f"transform length is {n}; only products of 2, 3 and 5 work: take fast_length({n})")
    found = []
    while n > 1:
        found.append(next(r for r in RADICES if (n % r == 0 and n != 2 * r) or n == r))
        n //= found[-1]
    return np.array(found, np.int64)


def twiddles(n: int) -> NDArray[np.float32]:
    """Return exp(-2 pi i k / n) as pairs of floats.

    Parameters
    ----------
    n : int
        Length of the transform.

    Returns
    -------
    (2 n,) array of float32
        Real and imaginary part in turn.
    """
    return np.exp(-2j * np.pi * np.arange(n) / n).astype(np.complex64).view(np.float32)


@intrinsic
def _butterfly(typingctx, lanes, radix, real, x, xo, xs, y, yo, ys, table, turn):
    """y[yo + m ys] = w^m sum over l of x[xo + l xs] exp(-2 pi i l m / radix), w at `turn` of the table.

    `real` is where the real parts lie, 0, or S to take them for the imaginary ones, which makes the
    transform an inverse one.
    """
    index = types.intp
    signature = types.void(lanes, radix, index, x, index, index, y, index, index, table, index)

    def codegen(context, builder, sig, args):
        v = Vectors(context, builder, lanes.count)
        source, target, weights = v.data(sig, args, 3, 6, 9)
        swapped = builder.sub(ir.Constant(args[2].type, lanes.count), args[2])

        def parts(start, step, m):
            at = v.offset(start, step, m)
            return builder.add(at, args[2]), builder.add(at, swapped)

        places = [parts(args[4], args[5], m) for m in range(radix.count)]
        values = v.transform([(v.load(source, r), v.load(source, i)) for r, i in places])
        for m, value in enumerate(values):
            if m:
                at = builder.mul(args[10], ir.Constant(args[10].type, 2 * m))
                value = v.product(v.scalar_pair(weights, at), value)
            for part, place in zip(value, parts(args[7], args[8], m), strict=True):
                v.store(part, target, place)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _load_turned(typingctx, lanes, x, at, stride, count, y, to):
    """y[to + j S + s] = x[at + s stride + j] for j, s < S; from `count` on, s stands for the last slice."""
    signature = types.void(lanes, x, types.intp, types.intp, types.intp, y, types.intp)

    def codegen(context, builder, sig, args):
        v = Vectors(context, builder, lanes.count)
        source, target = v.data(sig, args, 1, 5)
        rows = [v.load(source, o) for o in _slice_offsets(v, builder, *args[2:5])]
        for j, row in enumerate(v.transposed(rows)):
            v.store(row, target, v.offset(args[6], lanes.count, j))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _store_turned(typingctx, lanes, x, at, weights, first, scale, y, to, stride, count):
    """y[to + s stride + j] = x[at + j S + s] weights[first + j] scale for j < S, s < min(S, count)."""
    index = types.intp
    signature = types.void(lanes, x, index, weights, index, types.float32, y, index, index, index)

    def codegen(context, builder, sig, args):
        v = Vectors(context, builder, lanes.count)
        source, table, target = v.data(sig, args, 1, 3, 6)
        factor = v.multiply(v.load(table, args[4]), v.broadcast(args[5]))
        rows = [v.load(source, v.offset(args[2], lanes.count, j)) for j in range(lanes.count)]
        for row, o in zip(v.transposed(rows), _slice_offsets(v, builder, *args[7:10]), strict=True):
            v.store(v.multiply(row, factor), target, o)
        return context.get_dummy_value()

    return signature, codegen


def _slice_offsets(
    v: Vectors, builder: ir.IRBuilder, start: ir.Value, stride: ir.Value, count: ir.Value
) -> list[ir.Value]:
    """Start of each lane's slice; lanes without one repeat the last slice, so nothing has to be skipped."""
    last = v.offset(count, -1)
    offsets = []
    for s in range(v.width):
        lane = ir.Constant(count.type, s)
        lane = builder.select(builder.icmp_signed("<", lane, last), lane, last)
        offsets.append(builder.add(start, builder.mul(lane, stride)))
    return offsets


@intrinsic
def _untangle(typingctx, lanes, z, k, mirror, table, turn, filters, at, sign, y, to):
    """One bin of a real transform of 2 n samples, filtered, from bins k and n - k of a complex one of n.

    y[to] = c (z_k + conj z_(n-k) - i w (z_k - conj z_(n-k))), w at `turn`, c at `at`; conjugate if sign = -1.
    """
    index = types.intp
    signature = types.void(lanes, z, index, index, table, index, filters, index, types.float32, y, index)

    def codegen(context, builder, sig, args):
        v = Vectors(context, builder, lanes.count)
        source, weights, factors_, target = v.data(sig, args, 1, 4, 6, 9)
        a, b = v.load_pair(source, args[2]), v.conjugate(v.load_pair(source, args[3]))
        turned = v.product(v.scalar_pair(weights, args[5]), v.turned(v.subtract(a, b)))
        real, imag = v.product(v.scalar_pair(factors_, args[7]), v.add(v.add(a, b), turned))
        v.store_pair((real, v.multiply(imag, v.broadcast(args[8]))), target, args[10])
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _tangle(typingctx, lanes, x, k, mirror, table, turn, y, to, to_mirror):
    """Bins k and n - k of the complex transform of n that yields a real inverse one of 2 n of x.

    z_k = a + i conj(w) b, z_(n-k) = conj(a - i conj(w) b), a = x_k + conj x_(n-k), b = x_k - conj x_(n-k),
    w = exp(-2 pi i k / 2 n) at `turn` of the table.
    """
    index = types.intp
    signature = types.void(lanes, x, index, index, table, index, y, index, index)

    def codegen(context, builder, sig, args):
        v = Vectors(context, builder, lanes.count)
        source, weights, target = v.data(sig, args, 1, 4, 6)
        p, q = v.load_pair(source, args[2]), v.conjugate(v.load_pair(source, args[3]))
        w = v.scalar_pair(weights, args[5])
        a, turned = v.add(p, q), v.product((w[1], w[0]), v.subtract(p, q))
        v.store_pair(v.add(a, turned), target, args[7])
        v.store_pair(v.conjugate(v.subtract(a, turned)), target, args[8])
        return context.get_dummy_value()

    return signature, codegen


R2, R3, R4, R5, R8 = (0,) * 2, (0,) * 3, (0,) * 4, (0,) * 5, (0,) * 8
"""Tuples whose length, part of their type, tells an intrinsic what to write."""


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def _radix_pass(lanes, radix, x, xo, xs, y, yo, ys, n, s, table, real):
    """One pass of Stockham's transform: length n left to do, s transforms side by side."""
    r = len(radix)
    m = n // r
    for p in range(m):
        for q in range(s):
            a, b = xo + (q + s * p) * xs, yo + (q + s * r * p) * ys
            _butterfly(lanes, radix, real, x, a, s * m * xs, y, b, s * ys, table, p * s)


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def _fft(lanes, x, xo, xs, y, yo, ys, work, radices, table, real):
    """Transform samples xs floats apart from xo on to yo, ys apart; x may be y, `work` neither of them."""
    half, step = work.size // 2, 2 * len(lanes)
    n, s, last = table.size // 2, np.int64(1), radices.size - 1
    for i in range(radices.size):
        a, ao, as_, b, bo, bs = work, (1 - i % 2) * half, step, work, (i % 2) * half, step
        if i == 0:
            a, ao, as_ = x, xo, xs
        if i == last:
            b, bo, bs = y, yo, ys
        r = radices[i]
        if r == 8:
            _radix_pass(lanes, R8, a, ao, as_, b, bo, bs, n, s, table, real)
        elif r == 5:
            _radix_pass(lanes, R5, a, ao, as_, b, bo, bs, n, s, table, real)
        elif r == 4:
            _radix_pass(lanes, R4, a, ao, as_, b, bo, bs, n, s, table, real)
        elif r == 3:
            _radix_pass(lanes, R3, a, ao, as_, b, bo, bs, n, s, table, real)
        else:
            _radix_pass(lanes, R2, a, ao, as_, b, bo, bs, n, s, table, real)
        n, s = n // r, s * r


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def transform_views(lanes, sinograms, shape, radices, tables, kept, filters, signs, spectra, first, stop):
    """Transform, filter and keep bins of zero-padded views.

    Parameters
    ----------
    lanes : tuple of S int
        Its length is the number of slices side by side.
    sinograms : flat (n_slices, n_views, n_cols) array of float32
        Line integrals, at most S slices.
    shape : tuple of int
        n_slices, n_views, n_cols.
    radices : (n_passes,) array of int64
        `factors` of half the padded length.
    tables : tuple of array
        `twiddles` of half and of the whole padded length.
    kept : (n_kept,) array of int64
        Bins to keep, 0 to half the padded length.
    filters : flat (n_views, n_kept) array of float32 pairs
        Complex factor of each bin, half of what it should be.
    signs : (n_views,) array of float32
        -1 for a view whose bins are to be conjugated, else 1.
    spectra : flat (n_views, n_kept, 2 S) array of float32
        Written.
    first, stop : int
        Views first <= p < stop are worked on.
    """  # numpydoc ignore=PR01
    width, zero = np.int64(len(lanes)), np.int64(0)  # a literal would be a type of its own
    n_slices, n_views, n_cols = shape
    table, fine = tables
    n = table.size // 2
    step = 2 * width
    x, z = np.zeros(n * step, np.float32), np.empty(n * step, np.float32)
    work = np.empty(2 * n * step, np.float32)
    stride, whole = n_views * n_cols, n_cols // width * width
    for p in range(first, stop):
        for j in range(0, whole, width):
            _load_turned(lanes, sinograms, p * n_cols + j, stride, n_slices, x, j * width)
        for j in range(whole, n_cols):
            for k in range(width):
                x[j * width + k] = sinograms[min(k, n_slices - 1) * stride + p * n_cols + j]
        _fft(lanes, x, zero, step, z, zero, step, work, radices, table, zero)
        for i in range(kept.size):
            k, at = kept[i], p * kept.size + i
            a, b = k % n * step, (n - k) % n * step
            _untangle(lanes, z, a, b, fine, 2 * k, filters, 2 * at, signs[p], spectra, at * step)


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def transform_columns(lanes, grid, pad, row_step, radices, table, first, stop):
    """Transform columns of a grid back, in place.

    Parameters
    ----------
    lanes : tuple of S int
        Its length is the number of slices side by side.
    grid : flat (n, row_step) array of float32
        Complex cells of 2 S floats.
    pad : int
        Cells of a row that come before column 0.
    row_step : int
        Floats from one row to the next.
    radices : (n_passes,) array of int64
        `factors` of n.
    table : (2 n,) array of float32
        `twiddles` of n.
    first, stop : int
        Columns first <= c < stop are worked on.
    """  # numpydoc ignore=PR01
    width = np.int64(len(lanes))
    step = 2 * width
    work = np.empty(table.size * step, np.float32)
    for c in range(first, stop):
        at = (pad + c) * step
        _fft(lanes, grid, at, row_step, grid, at, row_step, work, radices, table, width)


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def rows_to_image(lanes, grid, pad, row_step, radices, tables, spans, weights, volume, shape, first, stop):
    """Transform rows of a half plane back to real ones, and write their weighted middle as an image.

    Parameters
    ----------
    lanes : tuple of S int
        Its length is the number of slices side by side.
    grid : flat array of float32
        2 n rows of `pad` cells to skip and n + 1 complex cells of 2 S floats.
    pad : int
        Cells of a row that come before column 0.
    row_step : int
        Floats from one row to the next.
    radices : (n_passes,) array of int64
        `factors` of n.
    tables : tuple of array
        `twiddles` of n and of 2 n.
    spans : (n_cols, 2) array of int64
        First column and last plus one of each image row that is written.
    weights : (n_cols,) array of float32
        Factor of each image row and column.
    volume : flat (n_slices, n_cols, n_cols) array of float32
        Written, at most S slices.
    shape : tuple of int
        n_slices, n_cols.
    first, stop : int
        Image rows first <= r < stop are written; row and column (n_cols - 1) // 2 are the grid's 0.
    """  # numpydoc ignore=PR01
    width, zero = np.int64(len(lanes)), np.int64(0)
    n_slices, n_cols = shape
    table, fine = tables
    n = table.size // 2
    step, stride, origin = 2 * width, n_cols * n_cols, (n_cols - 1) // 2
    x, z = np.empty(n * step, np.float32), np.empty(n * step, np.float32)
    work = np.empty(2 * n * step, np.float32)
    for r in range(first, stop):
        if spans[r, 1] <= spans[r, 0]:
            continue
        at = pad * step + (r - origin) % (2 * n) * row_step
        for k in range(n // 2 + 1):
            _tangle(lanes, grid, at + k * step, at + (n - k) * step, fine, 2 * k, z, k * step, (n - k) % n * step)
        _fft(lanes, z, zero, step, x, zero, step, work, radices, table, width)
        for a, b in ((spans[r, 0], min(origin, spans[r, 1])), (max(origin, spans[r, 0]), spans[r, 1])):
            to, shift = r * n_cols, (2 * n if a < origin else 0) - origin
            whole = a + max(0, b - a) // width * width
            for c in range(a, whole, width):
                _store_turned(lanes, x, (c + shift) * width, weights, c, weights[r], volume, to + c, stride, n_slices)
            for c in range(whole, b):
                for k in range(n_slices):
                    volume[to + c + k * stride] = x[(c + shift) * width + k] * weights[c] * weights[r]

"""Fourier transforms of many slices side by side: SIMD lanes run over slices, not along the transform.

A complex sample is `2 S` floats, S real parts and then S imaginary ones, so that every operation of
a butterfly is one vector instruction whatever the stride. The transforms are Stockham's, self-sorting
with radices 8, 5, 4, 3 and 2; real data of length 2 n go through a complex transform of length n.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

RADICES = (8, 5, 4, 3, 2)
FAST = ("fast",)
I32 = ir.IntType(32)


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
    """Cut a fast length into radices, largest first.

    Parameters
    ----------
    n : int
        Length whose only primes are 2, 3 and 5.

    Returns
    -------
    (n_passes,) array of int64
        Radices whose product is n.

    Raises
    ------
    ValueError
        If n has another prime.
    """
    if n < 2 or not _is_smooth(n):
        raise ValueError(f"transform length is {n}; only products of 2, 3 and 5 work (see fast_length)")
    found = []
    while n > 1:
        radix = next(r for r in RADICES if n % r == 0)
        if n == 16 and radix == 8:
            radix = 4
        found.append(radix)
        n //= radix
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
        Real and imaginary parts in turn.
    """
    return np.exp(-2j * np.pi * np.arange(n) / n).astype(np.complex64).view(np.float32)


class _Vectors:
    """Writes vector instructions of one width: what the intrinsics below have in common."""

    def __init__(self, context: Any, builder: ir.IRBuilder, width: int) -> None:
        self.context, self.builder, self.width = context, builder, width
        self.type = ir.VectorType(ir.FloatType(), width)
        self.undefined = ir.Constant(self.type, ir.Undefined)

    def data(self, signature: Any, args: Any, k: int) -> ir.Value:
        """Pointer to the first float of array argument k."""
        return self.context.make_array(signature.args[k])(self.context, self.builder, args[k]).data

    def _pointer(self, base: ir.Value, offset: ir.Value) -> ir.Value:
        return self.builder.bitcast(self.builder.gep(base, [offset]), self.type.as_pointer())

    def load(self, base: ir.Value, offset: ir.Value) -> ir.Value:
        value = self.builder.load(self._pointer(base, offset))
        value.align = 4
        return value

    def store(self, value: ir.Value, base: ir.Value, offset: ir.Value) -> None:
        self.builder.store(value, self._pointer(base, offset)).align = 4

    def scalar(self, base: ir.Value, offset: ir.Value) -> ir.Value:
        """One float of memory in every lane."""
        return self.broadcast(self.builder.load(self.builder.gep(base, [offset])))

    def broadcast(self, value: ir.Value) -> ir.Value:
        first = self.builder.insert_element(self.undefined, value, ir.Constant(I32, 0))
        return self.shuffle(first, self.undefined, [0] * self.width)

    def shuffle(self, a: ir.Value, b: ir.Value, lanes: list[int]) -> ir.Value:
        return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, self.width), lanes))

    def offset(self, value: ir.Value, step: ir.Value | int, count: int = 1) -> ir.Value:
        """value + count * step."""
        step = ir.Constant(value.type, step) if isinstance(step, int) else step
        return self.builder.add(value, self.builder.mul(step, ir.Constant(value.type, count)))

    def constant(self, value: float) -> ir.Value:
        return ir.Constant(self.type, [value] * self.width)

    def add(self, a: Any, b: Any) -> Any:
        if isinstance(a, tuple):
            return self.add(a[0], b[0]), self.add(a[1], b[1])
        return self.builder.fadd(a, b, flags=FAST)

    def sub(self, a: Any, b: Any) -> Any:
        if isinstance(a, tuple):
            return self.sub(a[0], b[0]), self.sub(a[1], b[1])
        return self.builder.fsub(a, b, flags=FAST)

    def scaled(self, factor: ir.Value, a: Any) -> Any:
        """Real vector times complex."""
        return tuple(self.builder.fmul(factor, part, flags=FAST) for part in a)

    def product(self, a: Any, b: Any) -> Any:
        """Complex product."""
        m = self.builder.fmul
        return (
            self.sub(m(a[0], b[0], flags=FAST), m(a[1], b[1], flags=FAST)),
            self.add(m(a[0], b[1], flags=FAST), m(a[1], b[0], flags=FAST)),
        )

    def turned(self, a: Any) -> Any:
        """a times -i."""
        return a[1], self.builder.fneg(a[0])

    def transposed(self, rows: list[ir.Value]) -> list[ir.Value]:
        """Square matrix of `width` vectors, transposed by swapping ever smaller blocks."""
        rows, step, lanes = list(rows), self.width // 2, range(self.width)
        while step:
            low = [x if not x & step else self.width + x - step for x in lanes]
            high = [x + step if not x & step else self.width + x for x in lanes]
            for i in (i for i in lanes if not i & step):
                a, b = rows[i], rows[i + step]
                rows[i], rows[i + step] = self.shuffle(a, b, low), self.shuffle(a, b, high)
            step //= 2
        return rows

    def transform(self, a: list[Any]) -> list[Any]:
        """Discrete Fourier transform of 2, 3, 4, 5 or 8 complex vectors."""
        if len(a) == 2:
            return [self.add(a[0], a[1]), self.sub(a[0], a[1])]
        if len(a) in (4, 8):
            return self._even_transform(a)
        half = len(a) // 2
        sums = [self.add(a[m], a[-m]) for m in range(1, half + 1)]
        differences = [self.turned(self.sub(a[m], a[-m])) for m in range(1, half + 1)]
        out = [a[0]] * len(a)
        for x in sums:
            out[0] = self.add(out[0], x)
        for k in range(1, half + 1):
            turn = 2 * np.pi * k / len(a)
            even, odd = a[0], None
            for m, (x, y) in enumerate(zip(sums, differences, strict=True), 1):
                even = self.add(even, self.scaled(self.constant(np.cos(turn * m)), x))
                part = self.scaled(self.constant(np.sin(turn * m)), y)
                odd = part if odd is None else self.add(odd, part)
            out[k], out[-k] = self.add(even, odd), self.sub(even, odd)
        return out

    def _even_transform(self, a: list[Any]) -> list[Any]:
        even, odd = self.transform(a[0::2]), self.transform(a[1::2])
        odd[len(odd) // 2] = self.turned(odd[len(odd) // 2])
        if len(a) == 8:
            half = self.constant(np.sqrt(0.5))
            for k in (1, 3):  # exp(-i pi k / 4) = (1 - i) / sqrt 2, and that times -i
                x = odd[k] if k == 1 else self.turned(odd[k])
                odd[k] = self.scaled(half, self.add(x, self.turned(x)))
        return [self.add(e, o) for e, o in zip(even, odd, strict=True)] + [
            self.sub(e, o) for e, o in zip(even, odd, strict=True)
        ]


@intrinsic
def _butterfly(typingctx, lanes, radix, twiddled, real, x, xo, xs, y, yo, ys, table, turn):
    """y[yo + m ys] = w^m sum over l of x[xo + l xs] exp(-2 pi i l m / radix), w at `turn` of the table.

    `real` is where the real parts lie, 0, or S to have them swapped with the imaginary ones, which
    makes the transform an inverse one. The weights are left out where `twiddled` has length 1.
    """
    signature = types.void(
        lanes, radix, twiddled, types.intp, x, types.intp, types.intp, y, *[types.intp] * 2, table, types.intp
    )

    def codegen(context, builder, sig, args):
        v = _Vectors(context, builder, lanes.count)
        source, target, weights = (v.data(sig, args, k) for k in (4, 7, 10))
        swap = builder.sub(ir.Constant(args[3].type, lanes.count), args[3])

        def pair(start, step, m):
            at = v.offset(start, step, m)
            return builder.add(at, args[3]), builder.add(at, swap)

        places = [pair(args[5], args[6], m) for m in range(radix.count)]
        values = v.transform([(v.load(source, r), v.load(source, i)) for r, i in places])
        for m, value in enumerate(values):
            if m and twiddled.count > 1:
                at = v.offset(args[11].type(0), args[11], 2 * m)
                value = v.product((v.scalar(weights, at), v.scalar(weights, v.offset(at, 1))), value)
            for part, place in zip(value, pair(args[8], args[9], m), strict=True):
                v.store(part, target, place)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _load_turned(typingctx, lanes, x, at, stride, count, y, to):
    """y[to + j S + s] = x[at + s stride + j] for j, s < S; from `count` on, s stands for the last slice."""
    signature = types.void(lanes, x, *[types.intp] * 3, y, types.intp)

    def codegen(context, builder, sig, args):
        v = _Vectors(context, builder, lanes.count)
        source, target = v.data(sig, args, 1), v.data(sig, args, 5)
        rows = [v.load(source, o) for o in _slice_offsets(v, *args[2:5])]
        for j, row in enumerate(v.transposed(rows)):
            v.store(row, target, v.offset(args[6], lanes.count, j))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _store_turned(typingctx, lanes, x, at, weights, first, scale, y, to, stride, count):
    """y[to + s stride + j] = x[at + j S + s] weights[first + j] scale for j < S, s < min(S, count)."""
    signature = types.void(lanes, x, types.intp, weights, types.intp, types.float32, y, *[types.intp] * 3)

    def codegen(context, builder, sig, args):
        v = _Vectors(context, builder, lanes.count)
        source, table, target = (v.data(sig, args, k) for k in (1, 3, 6))
        factor = builder.fmul(v.load(table, args[4]), v.broadcast(args[5]), flags=FAST)
        rows = [v.load(source, v.offset(args[2], lanes.count, j)) for j in range(lanes.count)]
        for row, o in zip(v.transposed(rows), _slice_offsets(v, *args[7:10]), strict=True):
            v.store(builder.fmul(row, factor, flags=FAST), target, o)
        return context.get_dummy_value()

    return signature, codegen


def _slice_offsets(v: _Vectors, start: ir.Value, stride: ir.Value, count: ir.Value) -> list[ir.Value]:
    """Start of each lane's slice; lanes without one repeat the last slice, so nothing has to be skipped."""
    last = v.offset(count, -1)
    offsets = []
    for s in range(v.width):
        lane = ir.Constant(count.type, s)
        lane = v.builder.select(v.builder.icmp_signed("<", lane, last), lane, last)
        offsets.append(v.builder.add(start, v.builder.mul(lane, stride)))
    return offsets


@intrinsic
def _untangle(typingctx, lanes, z, k, mirror, table, turn, filters, at, sign, y, to):
    """One bin of a real transform of 2 n samples, filtered, from bins k and n - k of a complex one of n.

    y[to] = c (z_k + conj z_(n-k) - i w (z_k - conj z_(n-k))), w at `turn`, c at `at`; conjugate if sign = -1.
    """
    signature = types.void(
        lanes, z, types.intp, types.intp, table, types.intp, filters, types.intp, types.float32, y, types.intp
    )

    def codegen(context, builder, sig, args):
        v = _Vectors(context, builder, lanes.count)
        source, weights, factors_, target = (v.data(sig, args, n) for n in (1, 4, 6, 9))
        a, b, w, c = (
            tuple(read(base, v.offset(o, step, n)) for n in (0, 1))
            for read, base, o, step in (
                (v.load, source, args[2], v.width),
                (v.load, source, args[3], v.width),
                (v.scalar, weights, args[5], 1),
                (v.scalar, factors_, args[7], 1),
            )
        )
        even = v.add(a[0], b[0]), v.sub(a[1], b[1])
        odd = v.sub(a[0], b[0]), v.add(a[1], b[1])
        out = v.product(c, v.add(even, v.product(w, v.turned(odd))))
        v.store(out[0], target, args[10])
        v.store(builder.fmul(out[1], v.broadcast(args[8]), flags=FAST), target, v.offset(args[10], v.width))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _tangle(typingctx, lanes, x, k, mirror, table, turn, y, to, to_mirror):
    """Bins k and n - k of a complex transform of n that is the real inverse one of 2 n of x, in place of them.

    z_k = a + i conj(w) b and z_(n-k) = conj(a - i conj(w) b), a = x_k + conj x_(n-k), b = x_k - conj x_(n-k),
    with w = exp(-2 pi i k / 2 n) at `turn` of the table.
    """
    signature = types.void(lanes, x, *[types.intp] * 2, table, types.intp, y, *[types.intp] * 2)

    def codegen(context, builder, sig, args):
        v = _Vectors(context, builder, lanes.count)
        source, weights, target = (v.data(sig, args, n) for n in (1, 4, 6))
        p, q = (tuple(v.load(source, v.offset(o, v.width, n)) for n in (0, 1)) for o in args[2:4])
        w = v.scalar(weights, args[5]), v.scalar(weights, v.offset(args[5], 1))
        a = v.add(p[0], q[0]), v.sub(p[1], q[1])
        b = v.sub(p[0], q[0]), v.add(p[1], q[1])
        turned = v.product((w[1], w[0]), b)
        low, high = v.add(a, turned), v.sub(a, turned)
        for n in (0, 1):
            v.store(low[n], target, v.offset(args[7], v.width, n))
        v.store(high[0], target, args[8])
        v.store(builder.fneg(high[1]), target, v.offset(args[8], v.width))
        return context.get_dummy_value()

    return signature, codegen


R2, R3, R4, R5, R8 = (0,) * 2, (0,) * 3, (0,) * 4, (0,) * 5, (0,) * 8
PLAIN, TWIDDLED = (0,), (0, 0)


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def _radix_pass(lanes, radix, x, xo, xs, y, yo, ys, n, s, table, real):
    """One pass of Stockham's transform: length n left to do, s transforms side by side."""
    r = len(radix)
    m = n // r
    if m == 1:
        for q in range(s):
            _butterfly(lanes, radix, PLAIN, real, x, xo + q * xs, s * xs, y, yo + q * ys, s * ys, table, 0)
        return
    for p in range(m):
        for q in range(s):
            a, b = xo + (q + s * p) * xs, yo + (q + s * r * p) * ys
            _butterfly(lanes, radix, TWIDDLED, real, x, a, s * m * xs, y, b, s * ys, table, p * s)


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def _fft(lanes, x, xo, xs, y, yo, ys, work, radices, table, real):
    """Transform samples xs floats apart from xo on to yo, ys apart; x may be y, `work` neither of them."""
    half, step = work.size // 2, 2 * len(lanes)
    n, s, last = table.size // 2, 1, radices.size - 1
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
def transform_views(lanes, sinograms, shape, first, stop, radices, tables, kept, filters, signs, spectra):
    """spectra[p, i] = filters[p, i] times bin kept[i] of the zero-padded views first <= p < stop.

    All flat: sinograms (n, n_views, n_cols), filters (n_views, n_kept) complex, spectra (n_views, n_kept, 2 S).
    """
    width = len(lanes)
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
        _fft(lanes, x, 0, step, z, 0, step, work, radices, table, 0)
        for i in range(kept.size):
            k, at = kept[i], p * kept.size + i
            a, b = k % n * step, (n - k) % n * step
            _untangle(lanes, z, a, b, fine, 2 * k, filters, 2 * at, signs[p], spectra, at * step)


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def transform_columns(lanes, grid, row_step, first, stop, radices, table):
    """Inverse transform, in place, of columns first <= c < stop of a flat (n, row_step) grid."""
    step = 2 * len(lanes)
    work = np.empty(table.size * 2 * len(lanes), np.float32)
    for c in range(first, stop):
        at = c * step
        _fft(lanes, grid, at, row_step, grid, at, row_step, work, radices, table, len(lanes))


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def rows_to_image(lanes, grid, start, row_step, first, stop, radices, tables, spans, weights, volume, shape):
    """Inverse real transform of the grid rows of image rows first <= r < stop, weighted, into the volume.

    Flat: grid rows of n + 1 complex bins from `start` on, volume (n_slices, n_cols, n_cols).
    """
    width = len(lanes)
    n_slices, n_cols = shape
    table, fine = tables
    n = table.size // 2
    step, stride, origin = 2 * width, n_cols * n_cols, (n_cols - 1) // 2
    x, z = np.empty(n * step, np.float32), np.empty(n * step, np.float32)
    work = np.empty(2 * n * step, np.float32)
    for r in range(first, stop):
        if spans[r, 1] <= spans[r, 0]:
            continue
        at = start + (r - origin) % (2 * n) * row_step
        for k in range(n // 2 + 1):
            _tangle(lanes, grid, at + k * step, at + (n - k) * step, fine, 2 * k, z, k * step, (n - k) % n * step)
        _fft(lanes, z, 0, step, x, 0, step, work, radices, table, width)
        for a, b in ((spans[r, 0], min(origin, spans[r, 1])), (max(origin, spans[r, 0]), spans[r, 1])):
            to, shift = r * n_cols, (2 * n if a < origin else 0) - origin
            whole = a + max(0, b - a) // width * width
            for c in range(a, whole, width):
                _store_turned(lanes, x, (c + shift) * width, weights, c, weights[r], volume, to + c, stride, n_slices)
            for c in range(whole, b):
                for k in range(n_slices):
                    volume[to + c + k * stride] = x[(c + shift) * width + k] * weights[c] * weights[r]

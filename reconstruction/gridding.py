"""Spread spectra of views, on their polar grid, over a Cartesian one: many slices side by side.

The geometry is the same for every slice, so a sample's weights are worked out once and serve all
lanes. Bands of grid rows are independent of each other: each is one thread's, without atomics, and
the result does not depend on how many threads there are.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

TAPS = 6
"""Grid cells a sample touches along each axis."""

DEGREE = 9
"""Degree of the polynomials that stand for the kernel, one for each tap."""

HALF = 8
"""Lanes of the weights of one axis; two axes make one vector."""


class Kernel:
    """Kaiser-Bessel kernel [1]_ of a given oversampling, as polynomials, and its transform.

    Parameters
    ----------
    oversampling : float
        Grid size over image size, above 1.

    References
    ----------
    .. [1] Beatty, Nishimura & Pauly, Rapid gridding reconstruction with a minimal oversampling ratio,
       IEEE Trans. Med. Imaging 24 (2005) 799, equation 5.
    """

    def __init__(self, oversampling: float) -> None:
        inner = (TAPS / oversampling) ** 2 * (oversampling - 0.5) ** 2 - 0.8
        self.beta = np.pi * np.sqrt(max(inner, 0.1))

    def value(self, distance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Kernel at distances in cells, at most TAPS / 2 (array in, array of the same shape out)."""
        root = np.sqrt(np.clip(1 - (2 * distance / TAPS) ** 2, 0, None))
        return np.i0(self.beta * root) / np.i0(self.beta)

    def transform(self, position: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fourier transform at (n,) positions in units of the image's period, a cell's reciprocal."""
        nodes, weights = np.polynomial.legendre.leggauss(64)
        nodes, weights = nodes * TAPS / 2, weights * TAPS / 2
        waves = np.cos(2 * np.pi * position[:, None] * nodes)
        return waves @ (self.value(nodes) * weights)

    def polynomials(self) -> NDArray[np.float32]:
        """Coefficients (DEGREE + 1) * 2 HALF, highest power first: taps of one axis, then of the other.

        Tap i of a sample lies t + i - TAPS / 2 cells away, 0 <= t < 1; the variable is 2 t - 1.
        """
        table = np.zeros((DEGREE + 1, 2 * HALF))
        nodes = np.cos(np.pi * (np.arange(64) + 0.5) / 64)
        for i in range(TAPS):
            values = self.value((nodes + 1) / 2 + i - TAPS / 2)
            fit = np.polynomial.chebyshev.chebfit(nodes, values, DEGREE)
            table[:, i] = table[:, HALF + i] = np.polynomial.chebyshev.cheb2poly(fit)[::-1]
        return table.ravel().astype(np.float32)


@intrinsic
def _weigh(typingctx, table, u, v, weights):
    """weights[i] = kernel of tap i along u, weights[HALF + i] along v, for fractions u, v of a cell."""
    signature = types.void(table, types.float32, types.float32, weights)

    def codegen(context, builder, sig, args):
        width = 2 * HALF
        vector = ir.VectorType(ir.FloatType(), width)
        lane = ir.VectorType(ir.IntType(32), width)
        undefined = ir.Constant(vector, ir.Undefined)
        fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{width}f32"
        )
        base, out = (context.make_array(sig.args[k])(context, builder, args[k]).data for k in (0, 3))
        x = builder.insert_element(undefined, args[1], ir.Constant(ir.IntType(32), 0))
        x = builder.insert_element(x, args[2], ir.Constant(ir.IntType(32), 1))
        x = builder.shuffle_vector(x, undefined, ir.Constant(lane, [0] * HALF + [1] * HALF))
        two, one = (ir.Constant(vector, [c] * width) for c in (2.0, -1.0))
        x = builder.call(fma, [x, two, one])
        total = None
        for k in range(DEGREE + 1):
            place = builder.gep(base, [ir.Constant(ir.IntType(64), k * width)])
            row = builder.load(builder.bitcast(place, vector.as_pointer()))
            row.align = 4
            total = row if total is None else builder.call(fma, [total, x, row])
        builder.store(total, builder.bitcast(out, vector.as_pointer())).align = 4
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _add_row(typingctx, lanes, grid, to, sample, at, weights, real, imag):
    """grid[to + i 2 S :] += weights[i] (real sample[at : at + S], imag sample[at + S : at + 2 S]), i < TAPS."""
    width = lanes.count
    signature = types.void(lanes, grid, types.intp, sample, types.intp, weights, types.float32, types.float32)

    def codegen(context, builder, sig, args):
        vector = ir.VectorType(ir.FloatType(), width)
        undefined = ir.Constant(vector, ir.Undefined)
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
        fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{width}f32"
        )
        target, source, table = (context.make_array(sig.args[k])(context, builder, args[k]).data for k in (1, 3, 5))

        def load(base, offset, k):
            place = builder.gep(base, [builder.add(offset, ir.Constant(offset.type, k))])
            place = builder.bitcast(place, vector.as_pointer())
            value = builder.load(place)
            value.align = 4
            return place, value

        def broadcast(value):
            first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
            return builder.shuffle_vector(first, undefined, zeros)

        parts = [builder.fmul(load(source, args[4], k * width)[1], broadcast(args[6 + k])) for k in range(2)]
        for i in range(TAPS):
            weight = broadcast(builder.load(builder.gep(table, [ir.Constant(ir.IntType(64), i)])))
            for k in range(2):
                place, old = load(target, args[2], (2 * i + k) * width)
                builder.store(builder.call(fma, [parts[k], weight, old]), place).align = 4
        return context.get_dummy_value()

    return signature, codegen


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def _reach(step, shift, low, high, start, stop):
    """Narrow start <= k < stop to where low <= step * k + shift <= high, one sample to spare."""
    if abs(step) < 1e-9:
        return (start, stop) if low <= shift <= high else (start, start)
    a, b = (low - shift) / step, (high - shift) / step
    if a > b:
        a, b = b, a
    return max(start, int(np.floor(max(a, -2.0)))), min(stop, int(np.ceil(min(b, stop + 2.0))) + 1)


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def _add_views(lanes, grid, box, spectra, first, n_kept, rays, radii, image, table, weights):
    """Add one run of samples of every view, of one periodic image of the plane, to one box of a band."""
    row0, row1, col0, col1, row_step, pad = box
    count, start, step = radii
    sign, shift_u, shift_v = image
    width = 2 * len(lanes)
    half = np.float32(TAPS * 0.5)
    for p in range(rays.shape[0]):
        du, dv = sign * rays[p, 0], sign * rays[p, 1]
        a, b = _reach(dv * step, dv * start + shift_v, row0 - half, row1 - 1 + half, 0, count)
        a, b = _reach(du * step, du * start + shift_u, col0 - half - 1, col1 + half, a, b)
        for k in range(a, b):
            radius = start + step * np.float32(k)
            u, v = du * radius + shift_u, dv * radius + shift_v
            iu, iv = int(np.ceil(u - half)), int(np.ceil(v - half))
            j0, j1 = max(0, row0 - iv), min(TAPS, row1 - iv)
            if j1 <= j0 or iu < col0 or iu >= col1:
                continue
            _weigh(table, np.float32(iu) - u + half, np.float32(iv) - v + half, weights)
            at = (p * n_kept + first + k) * width
            to = (iv + j0) * row_step + (iu + pad) * width
            for j in range(j0, j1):
                weight = weights[HALF + j]
                _add_row(lanes, grid, to, spectra, at, weights, weight, sign * weight)
                to += row_step


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def spread_band(lanes, grid, shape, rows, tile, spectra, rays, fine, coarse, table):
    """Zero the grid rows rows[0] <= r < rows[1] and add every sample that touches them.

    Flat: grid (n, n_columns + 2 pad, 2 S), spectra (n_views, n_kept, 2 S). Radii are in cells: `fine` and
    `coarse` are (count, start, step) of the first samples of a view and of the rest. `rays` are
    (cos, sin) of each view, cos >= 0; the other half plane is the mirror image, conjugate.
    """
    n, n_columns, pad = shape
    row_step = (n_columns + 2 * pad) * 2 * len(lanes)
    weights = np.empty(2 * HALF, np.float32)
    grid[rows[0] * row_step : rows[1] * row_step] = 0
    whole = np.float32(n)
    zero, one = np.float32(0), np.float32(1)
    for col0 in range(0, n_columns, tile):
        left = 1 - pad if col0 == 0 else col0
        box = (rows[0], rows[1], left, min(col0 + tile, n_columns), row_step, pad)
        for shift_v in (zero, whole):
            for radii, first in ((fine, 0), (coarse, fine[0])):
                for sign, shift_u in ((one, zero), (-one, zero), (-one, whole)):
                    _add_views(
                        lanes, grid, box, spectra, first, fine[0] + coarse[0], rays, radii,
                        (sign, shift_u, shift_v), table, weights,
                    )  # fmt: skip

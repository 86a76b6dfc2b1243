"""Write SIMD instructions of a chosen width: what the numba intrinsics of this room have in common.

numba does not vectorise short loops over arrays that might overlap, so the kernels spell their vectors
out. LLVM splits those that are wider than the machine's. numba's cache does not see edits of this file:
delete the `__pycache__/*.nb?` beside the kernels after one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils

Complex = tuple[ir.Value, ir.Value]
"""A vector of real parts and one of imaginary parts."""

FUSED = ("contract",)
"""Lets a product and a sum become one instruction; nothing else is reordered, and NaN stays NaN."""

I32 = ir.IntType(32)


class Vectors:
    """Vector instructions on float32 lanes, and complex arithmetic on pairs of vectors.

    Parameters
    ----------
    context : numba code generation context
        As handed to an intrinsic's code generator.
    builder : llvmlite.ir.IRBuilder
        As handed to an intrinsic's code generator.
    width : int
        Lanes, a power of two.
    """

    def __init__(self, context: Any, builder: ir.IRBuilder, width: int) -> None:
        self._context, self._builder, self.width = context, builder, width
        self._type = ir.VectorType(ir.FloatType(), width)
        self._undefined = ir.Constant(self._type, ir.Undefined)

    def data(self, signature: Any, args: Sequence[ir.Value], *places: int) -> list[ir.Value]:
        """Pointers to the first float of the array arguments at `places`."""  # numpydoc ignore=PR01,RT01
        make = self._context.make_array
        return [make(signature.args[k])(self._context, self._builder, args[k]).data for k in places]

    def offset(self, start: ir.Value, step: ir.Value | int, count: int = 1) -> ir.Value:
        """Index start + count * step."""  # numpydoc ignore=PR01
        step = ir.Constant(start.type, step) if isinstance(step, int) else step
        return self._builder.add(start, self._builder.mul(step, ir.Constant(start.type, count)))

    def load(self, base: ir.Value, offset: ir.Value) -> ir.Value:
        """Vector that starts `offset` floats from `base`."""  # numpydoc ignore=PR01
        value = self._builder.load(self._pointer(base, offset))
        value.align = 4
        return value

    def store(self, value: ir.Value, base: ir.Value, offset: ir.Value) -> None:
        """Write a vector `offset` floats from `base`."""  # numpydoc ignore=PR01
        self._builder.store(value, self._pointer(base, offset)).align = 4

    def load_pair(self, base: ir.Value, offset: ir.Value) -> Complex:
        """Complex sample: real parts, then imaginary parts."""  # numpydoc ignore=PR01
        return self.load(base, offset), self.load(base, self.offset(offset, self.width))

    def store_pair(self, value: Complex, base: ir.Value, offset: ir.Value) -> None:
        """Write a complex sample."""  # numpydoc ignore=PR01
        self.store(value[0], base, offset)
        self.store(value[1], base, self.offset(offset, self.width))

    def scalar(self, base: ir.Value, offset: ir.Value) -> ir.Value:
        """One float of memory in every lane."""  # numpydoc ignore=PR01
        return self.broadcast(self._builder.load(self._builder.gep(base, [offset])))

    def scalar_pair(self, base: ir.Value, offset: ir.Value) -> Complex:
        """One complex number of memory in every lane."""  # numpydoc ignore=PR01
        return self.scalar(base, offset), self.scalar(base, self.offset(offset, 1))

    def broadcast(self, value: ir.Value) -> ir.Value:
        """Put a scalar in every lane."""  # numpydoc ignore=PR01
        first = self._builder.insert_element(self._undefined, value, ir.Constant(I32, 0))
        return self.shuffle(first, self._undefined, [0] * self.width)

    def constant(self, value: float) -> ir.Value:
        """Put a number in every lane."""  # numpydoc ignore=PR01
        return ir.Constant(self._type, [float(value)] * self.width)

    def shuffle(self, a: ir.Value, b: ir.Value, lanes: list[int]) -> ir.Value:
        """Pick lanes of `a` (0 to width - 1) and of `b` (from width on)."""  # numpydoc ignore=PR01
        return self._builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, self.width), lanes))

    def multiply(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """Real product."""  # numpydoc ignore=PR01
        return self._builder.fmul(a, b, flags=FUSED)

    def fused(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """a * b + c, in one instruction where the machine has it."""  # numpydoc ignore=PR01
        kind = ir.FunctionType(self._type, [self._type] * 3)
        name = f"llvm.fmuladd.v{self.width}f32"
        return self._builder.call(cgutils.get_or_insert_function(self._builder.module, kind, name), [a, b, c])

    def negative(self, a: ir.Value) -> ir.Value:
        """Real vector with its sign turned."""  # numpydoc ignore=PR01
        return self._builder.fneg(a)

    def add(self, a: Any, b: Any) -> Any:
        """Sum of two real or two complex values."""  # numpydoc ignore=PR01
        if isinstance(a, tuple):
            return self.add(a[0], b[0]), self.add(a[1], b[1])
        return self._builder.fadd(a, b, flags=FUSED)

    def subtract(self, a: Any, b: Any) -> Any:
        """Difference of two real or two complex values."""  # numpydoc ignore=PR01
        if isinstance(a, tuple):
            return self.subtract(a[0], b[0]), self.subtract(a[1], b[1])
        return self._builder.fsub(a, b, flags=FUSED)

    def scaled(self, factor: ir.Value, a: Complex) -> Complex:
        """Real times complex."""  # numpydoc ignore=PR01
        return self.multiply(factor, a[0]), self.multiply(factor, a[1])

    def product(self, a: Complex, b: Complex) -> Complex:
        """Complex product."""  # numpydoc ignore=PR01
        m = self.multiply
        return self.subtract(m(a[0], b[0]), m(a[1], b[1])), self.add(m(a[0], b[1]), m(a[1], b[0]))

    def conjugate(self, a: Complex) -> Complex:
        """Complex conjugate."""  # numpydoc ignore=PR01
        return a[0], self.negative(a[1])

    def turned(self, a: Complex) -> Complex:
        """Complex value times -i."""  # numpydoc ignore=PR01
        return a[1], self.negative(a[0])

    def transposed(self, rows: list[ir.Value]) -> list[ir.Value]:
        """Transpose a matrix of `width` vectors by swapping ever smaller blocks."""  # numpydoc ignore=PR01,RT01
        rows, step, lanes = list(rows), self.width // 2, range(self.width)
        while step:
            low = [self.width + x - step if x & step else x for x in lanes]
            high = [self.width + x if x & step else x + step for x in lanes]
            for i in (i for i in lanes if not i & step):
                a, b = rows[i], rows[i + step]
                rows[i], rows[i + step] = self.shuffle(a, b, low), self.shuffle(a, b, high)
            step //= 2
        return rows

    def transform(self, a: list[Complex]) -> list[Complex]:
        """Discrete Fourier transform of 2, 3, 4, 5 or 8 complex values."""  # numpydoc ignore=PR01,RT01
        if len(a) == 2:
            return [self.add(a[0], a[1]), self.subtract(a[0], a[1])]
        return self._even_transform(a) if len(a) in (4, 8) else self._odd_transform(a)

    def _even_transform(self, a: list[Complex]) -> list[Complex]:
        """Transforms of the even and of the odd samples, the latter turned by -2 pi k / len(a), joined."""
        even, odd = self.transform(a[0::2]), self.transform(a[1::2])
        odd[len(odd) // 2] = self.turned(odd[len(odd) // 2])
        if len(a) == 8:
            for k in (1, 3):  # exp(-i pi / 4) = (1 - i) / sqrt 2, and for k = 3 that times -i
                x = odd[k] if k == 1 else self.turned(odd[k])
                odd[k] = self.scaled(self.constant(np.sqrt(0.5)), self.add(x, self.turned(x)))
        pairs = list(zip(even, odd, strict=True))
        return [self.add(e, o) for e, o in pairs] + [self.subtract(e, o) for e, o in pairs]

    def _odd_transform(self, a: list[Complex]) -> list[Complex]:
        """Sum of cosines of a_m + a_-m and, times -i, of sines of a_m - a_-m."""
        half = range(1, len(a) // 2 + 1)
        sums = [self.add(a[m], a[-m]) for m in half]
        differences = [self.turned(self.subtract(a[m], a[-m])) for m in half]
        out = [a[0]] * len(a)
        for x in sums:
            out[0] = self.add(out[0], x)
        for k in half:
            angles = [2 * np.pi * k * m / len(a) for m in half]
            even, odd = a[0], self.scaled(self.constant(np.sin(angles[0])), differences[0])
            for angle, x in zip(angles, sums, strict=True):
                even = self.add(even, self.scaled(self.constant(np.cos(angle)), x))
            for angle, x in zip(angles[1:], differences[1:], strict=True):
                odd = self.add(odd, self.scaled(self.constant(np.sin(angle)), x))
            out[k], out[-k] = self.add(even, odd), self.subtract(even, odd)
        return out

    def _pointer(self, base: ir.Value, offset: ir.Value) -> ir.Value:
        return self._builder.bitcast(self._builder.gep(base, [offset]), self._type.as_pointer())

"""Separable footprints of voxels on the detector: forward projection and its transpose, explicit SIMD along z.

A voxel's shadow is a trapezoid across the columns times a rectangle along the rows. For a voxel column
(x, y) and a view the trapezoid is the same for all z, and the rectangles lie edge to edge: slices are
resampled onto rows (or rows onto slices) by the length of their overlap, sixteen at a time.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

LANES = 16
"""Cells worked on at a time; arrays are padded by GUARD(step) cells at either end."""

WIDEST = 512
"""Columns that one voxel may cover."""

FLOAT, INT32 = ir.FloatType(), ir.IntType(32)
VECTOR = ir.VectorType(FLOAT, LANES)


def _spread(builder: Any, scalar: Any) -> Any:
    """Copy a scalar into every lane."""
    undefined = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(INT32, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(INT32, LANES), [0] * LANES))


def _call(builder: Any, name: str, *operands: Any) -> Any:
    """Call an LLVM intrinsic of float vectors, such as fma."""
    signature = ir.FunctionType(VECTOR, [VECTOR] * len(operands))
    function = cgutils.get_or_insert_function(builder.module, signature, f"llvm.{name}.v{LANES}f32")
    return builder.call(function, operands)


def _load(builder: Any, base: Any, offset: Any) -> tuple[Any, Any]:
    """Load floats that need not be aligned; their place and their value."""
    place = builder.bitcast(builder.gep(base, [offset]), VECTOR.as_pointer())
    loaded = builder.load(place)
    loaded.align = 4
    return place, loaded


@intrinsic
def _add_overlap(typingctx, target, place, source, offset, first, growth, length, cell, scale):  # type: ignore[no-untyped-def]
    """Add scale x overlap of [first + growth k, ... + length] with [cell, cell + 1] x source[offset + k]."""
    real = types.float32
    signature = types.void(target, types.intp, source, types.intp, real, real, real, real, real)

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        target, source = (context.make_array(sig.args[i])(context, builder, args[i]).data for i in (0, 2))
        first, growth, length, cell, scale = (_spread(builder, args[i]) for i in range(4, 9))
        lanes = ir.Constant(VECTOR, [float(k) for k in range(LANES)])
        zero, one = (ir.Constant(VECTOR, [value] * LANES) for value in (0.0, 1.0))
        start = _call(builder, "fma", lanes, growth, first)
        stop = builder.fadd(start, length)
        upper = _call(builder, "minnum", stop, builder.fadd(cell, one))
        lower = _call(builder, "maxnum", start, cell)
        overlap = _call(builder, "maxnum", builder.fsub(upper, lower), zero)
        _, values = _load(builder, source, args[3])
        spot, total = _load(builder, target, args[1])
        total = _call(builder, "fma", builder.fmul(overlap, scale), values, total)
        builder.store(total, spot).align = 4
        return context.get_dummy_value()

    return signature, code


@intrinsic
def _add_scaled(typingctx, target, place, source, offset, scale):  # type: ignore[no-untyped-def]
    """Add scale x source[offset + k] to sixteen cells."""
    signature = types.void(target, types.intp, source, types.intp, types.float32)

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        target, source = (context.make_array(sig.args[i])(context, builder, args[i]).data for i in (0, 2))
        _, values = _load(builder, source, args[3])
        spot, total = _load(builder, target, args[1])
        total = _call(builder, "fma", _spread(builder, args[4]), values, total)
        builder.store(total, spot).align = 4
        return context.get_dummy_value()

    return signature, code


@njit(nogil=True, cache=True, error_model="numpy")
def _resample(target, place, n_target, source, offset, n_source, start, step, scale):  # type: ignore[no-untyped-def]
    """Add cells of `source` to cells of `target` by overlap: target cell i is [start + step i, ... + step]."""
    growth, length = np.float32(step - 1.0), np.float32(step)
    for i in range(0, n_target, LANES):
        edge = start + step * i
        if edge + LANES * step <= 0.0 or edge >= n_source:
            continue
        whole = int(np.floor(edge))
        first = np.float32(edge - whole)
        last = first + (LANES - 1) * growth
        low = int(np.floor(min(first, last)))
        high = int(np.ceil(max(first, last) + length))
        for cell in range(low, high):
            _add_overlap(  # type: ignore[call-arg]
                target, place + i, source, offset + whole + cell, first, growth, length, np.float32(cell), scale
            )


@njit(nogil=True, cache=True, error_model="numpy")
def _area_below(edge, a, b, c, d):  # type: ignore[no-untyped-def]
    """Area to the left of an edge under a trapezoid of height 1 that rises from a to b and falls from c to d."""
    rise, flat, fall = min(edge, b) - a, min(edge, c) - b, min(edge, d) - c
    area = 0.5 * rise * rise / max(b - a, 1e-12) if rise > 0.0 else 0.0
    if flat > 0.0:
        area += flat
    if fall > 0.0:
        area += fall - 0.5 * fall * fall / max(d - c, 1e-12)
    return area


@njit(nogil=True, cache=True, error_model="numpy")
def _footprint(x, y, cosine, sine, beam, weights):  # type: ignore[no-untyped-def]
    """Shadow of a voxel column on the columns: first column, their number, pixels per mm there.

    `weights` gets the mean path (mm, in the plane of the orbit) over each column's width.
    """
    inverse, scale, centre, half = beam[0], beam[1], beam[2], beam[4] / 2
    across, depth = x * cosine + y * sine, 1.0 + (y * cosine - x * sine) * inverse
    wide, narrow = half * (cosine + sine), half * (cosine - sine)
    left, near = wide * scale, narrow * inverse
    right, far = narrow * scale, wide * inverse
    middle = across * scale
    p, q = (middle + left) / (depth + near), (middle - left) / (depth - near)
    r, t = (middle + right) / (depth - far), (middle - right) / (depth + far)
    p, q = min(p, q), max(p, q)
    r, t = min(r, t), max(r, t)
    inner, outer = max(p, r), min(q, t)
    a, d = centre + min(p, r), centre + max(q, t)
    b, c = centre + min(inner, outer), centre + max(inner, outer)
    pixels, slant = scale / depth, across * inverse / depth
    height = 4.0 * half * half * pixels * np.sqrt(1.0 + slant * slant) / (0.5 * (c + d - a - b))
    first = int(np.floor(a + 0.5))
    count = min(int(np.floor(d + 0.5)) - first + 1, WIDEST)
    before = 0.0
    for k in range(count):
        below = _area_below(first + k + 0.5, a, b, c, d)
        weights[k] = height * (below - before)
        before = below
    return first, count, pixels


@njit(nogil=True, cache=True, error_model="numpy")
def project_view(  # type: ignore[no-untyped-def]
    view: NDArray[np.float32],
    volume: NDArray[np.float32],
    turn: NDArray[np.float64],
    beam: NDArray[np.float64],
    guards: tuple[int, int],
    sizes: tuple[int, int],
):
    """Add the shadow of a volume to one view.

    Parameters
    ----------
    view : (n_cols, n_rows + guards) array of float32
        Sums of µ in cm^-1 times mm, rows innermost; changed in place.
    volume : (n_y, n_x, n_z + guards) array of float32
        µ in cm^-1, slices innermost, zeros in the guards.
    turn : (2,) array of float64
        Cosine and sine of the angle.
    beam : (6,) array of float64
        1 / distance from source to axis (1 / mm; 0 for a parallel beam), pixels per mm at the axis, axis
        column, central row, voxel (mm), and slice of the central ray.
    guards : (int, int)
        Cells of zeros before the first slice, and before the first row.
    sizes : (int, int)
        Slices and rows.
    """
    n_y, n_x, deep = volume.shape
    slices, rows = volume.reshape(-1), view.reshape(-1)
    stride = view.shape[1]
    weights = np.empty(WIDEST)
    line = np.zeros(stride, np.float32)
    for j in range(n_y):
        y = (j - (n_y - 1) / 2) * beam[4]
        for i in range(n_x):
            x = (i - (n_x - 1) / 2) * beam[4]
            first, count, pixels = _footprint(x, y, turn[0], turn[1], beam, weights)
            if first >= view.shape[0] or first + count <= 0:
                continue
            m = pixels * beam[4]
            step = 1.0 / m
            top = beam[3] + 0.5 - (beam[5] + 0.5) * m  # row edge at which slice 0 begins
            low = max(int(np.floor(top)), 0)
            high = min(int(np.ceil(top + m * sizes[0])), sizes[1])
            if low >= high:
                continue
            line[:] = 0
            start, where = (low - top) * step, (j * n_x + i) * deep + guards[0]
            _resample(line, low, high - low, slices, where, sizes[0], start, step, np.float32(m))
            for c in range(max(first, 0), min(first + count, view.shape[0])):
                weight = np.float32(weights[c - first])
                for r in range(low, high, LANES):
                    _add_scaled(rows, c * stride + guards[1] + r, line, r, weight)  # type: ignore[call-arg]


@njit(nogil=True, cache=True, error_model="numpy")
def backproject_line(  # type: ignore[no-untyped-def]
    volume: NDArray[np.float32],
    views: NDArray[np.float32],
    turns: NDArray[np.float64],
    beam: NDArray[np.float64],
    guards: tuple[int, int],
    sizes: tuple[int, int],
    j: int,
):
    """Add all views to one line (y) of a volume: the transpose of `project_view`.

    Parameters
    ----------
    volume : (n_y, n_x, n_z + guards) array of float32
        Sums in mm times the views' unit, slices innermost; line `j` is changed in place.
    views : (n_theta, n_cols, n_rows + guards) array of float32
        Values on the detector, rows innermost, zeros in the guards.
    turns : (n_theta, 2) array of float64
        Cosine and sine of each angle.
    beam : (6,) array of float64
        As for `project_view`.
    guards : (int, int)
        As for `project_view`.
    sizes : (int, int)
        Slices and rows.
    j : int
        The line.
    """
    n_y, n_x, deep = volume.shape
    n_cols, stride = views.shape[1], views.shape[2]
    slices, rows = volume.reshape(-1), views.reshape(-1)
    weights = np.empty(WIDEST)
    line = np.zeros(stride, np.float32)
    y = (j - (n_y - 1) / 2) * beam[4]
    for p in range(turns.shape[0]):
        for i in range(n_x):
            x = (i - (n_x - 1) / 2) * beam[4]
            first, count, pixels = _footprint(x, y, turns[p, 0], turns[p, 1], beam, weights)
            if first >= n_cols or first + count <= 0:
                continue
            m = pixels * beam[4]
            top = beam[3] + 0.5 - (beam[5] + 0.5) * m
            low = max(int(np.floor(top)), 0)
            high = min(int(np.ceil(top + m * sizes[0])), sizes[1])
            if low >= high:
                continue
            line[:] = 0
            for c in range(max(first, 0), min(first + count, n_cols)):
                weight = np.float32(weights[c - first])
                for r in range(low, high, LANES):
                    _add_scaled(line, guards[1] + r, rows, (p * n_cols + c) * stride + guards[1] + r, weight)  # type: ignore[call-arg]
            where = (j * n_x + i) * deep + guards[0]
            _resample(slices, where, sizes[0], line, guards[1], sizes[1], top, m, np.float32(1.0))

"""Cone-beam back-projection on the host: explicit SIMD along z, where one voxel column meets one detector column.

For a voxel column (x, y) and a view, the detector column is the same for all z and the detector row is
linear in z: v = v0 + m k with k the slice and m close to 1 where voxels match pixels. Sixteen slices then
need rows i + k + {0, 1, 2}, three loads in a row with the weights of a hat, and no gather.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

LANES = 16
"""Slices worked on at a time; blocks of slices are padded to a multiple of it."""

TILE = 16
"""Voxels along x and y whose sums stay in the cache together."""

DEPTH = 128
"""Slices whose sums stay in the cache together, a multiple of LANES."""

FLOAT, INT32, INT64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)


def _spread(builder: Any, scalar: Any, lanes: int) -> Any:
    """Copy a scalar into every lane."""
    kind = ir.VectorType(scalar.type, lanes)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(INT32, 0))
    order = ir.Constant(ir.VectorType(INT32, lanes), [0] * lanes)
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), order)


def _call(builder: Any, name: str, lanes: int, *operands: Any) -> Any:
    """Call an LLVM intrinsic of float vectors, such as fma."""
    kind = ir.VectorType(FLOAT, lanes)
    signature = ir.FunctionType(kind, [kind] * len(operands))
    function = cgutils.get_or_insert_function(builder.module, signature, f"llvm.{name}.v{lanes}f32")
    return builder.call(function, operands)


def _place(builder: Any, base: Any, offset: Any, lanes: int) -> Any:
    """Point at `lanes` floats from an element offset on."""
    return builder.bitcast(builder.gep(base, [offset]), ir.VectorType(FLOAT, lanes).as_pointer())


def _load(builder: Any, base: Any, offset: Any, lanes: int) -> Any:
    """Load `lanes` floats that need not be aligned."""
    loaded = builder.load(_place(builder, base, offset, lanes))
    loaded.align = 4
    return loaded


def _ramp(lanes: int) -> Any:
    """0, 1, 2, ... as floats."""
    return ir.Constant(ir.VectorType(FLOAT, lanes), [float(i) for i in range(lanes)])


def _hat_rows(builder: Any, source: Any, position: Any, lanes: int) -> Any:
    """Make a reader of rows at `position` + 0, 1, 2, ... for position - lane in [0, 2]."""
    one = ir.Constant(ir.VectorType(FLOAT, lanes), [1.0] * lanes)
    zero = ir.Constant(ir.VectorType(FLOAT, lanes), [0.0] * lanes)
    beyond = builder.fsub(position, one)
    third = _call(builder, "maxnum", lanes, beyond, zero)
    first = _call(builder, "maxnum", lanes, builder.fsub(zero, beyond), zero)
    second = builder.fsub(builder.fsub(one, first), third)

    def read(offset: Any) -> Any:
        row = [_load(builder, source, builder.add(offset, ir.Constant(INT64, k)), lanes) for k in range(3)]
        total = builder.fmul(first, row[0])
        total = _call(builder, "fma", lanes, second, row[1], total)
        return _call(builder, "fma", lanes, third, row[2], total)

    return read


def _gather_rows(builder: Any, source: Any, position: Any, lanes: int) -> Any:
    """Make a reader of rows at any positions from 0 up."""
    whole = builder.fptosi(position, ir.VectorType(INT32, lanes))
    part = builder.fsub(position, builder.sitofp(whole, ir.VectorType(FLOAT, lanes)))
    places = [builder.sext(builder.extract_element(whole, ir.Constant(INT32, k)), INT64) for k in range(lanes)]

    def read(offset: Any) -> Any:
        lower = upper = ir.Constant(ir.VectorType(FLOAT, lanes), ir.Undefined)
        for k, place in enumerate(places):
            here = builder.gep(source, [builder.add(offset, place)])
            above = builder.gep(here, [ir.Constant(INT64, 1)])
            lower = builder.insert_element(lower, builder.load(here), ir.Constant(INT32, k))
            upper = builder.insert_element(upper, builder.load(above), ir.Constant(INT32, k))
        return _call(builder, "fma", lanes, part, builder.fsub(upper, lower), lower)

    return read


def _line_code(context: Any, builder: Any, sig: Any, args: Any, lanes: int, reader: Any, slope: Any) -> Any:
    """Emit sums[0:lanes] += near * rows(first column) + far * rows(second column)."""
    sums, rows = (context.make_array(sig.args[i])(context, builder, args[i]).data for i in (0, 2))
    start, near, far = (_spread(builder, args[i], lanes) for i in (5, 7, 8))
    position = _call(builder, "fma", lanes, _ramp(lanes), _spread(builder, slope, lanes), start)
    read = reader(builder, rows, position, lanes)
    place = _place(builder, sums, args[1], lanes)
    total = builder.load(place)
    total.align = 4
    total = _call(builder, "fma", lanes, near, read(args[3]), total)
    total = _call(builder, "fma", lanes, far, read(args[4]), total)
    builder.store(total, place).align = 4
    return context.get_dummy_value()


def _line_signature(sums: Any, rows: Any) -> Any:
    """Types of an accumulated line: sums, place, rows, two offsets, start, slope, two weights."""
    real = types.float32
    return types.void(sums, types.intp, rows, types.intp, types.intp, real, real, real, real)


@intrinsic
def _add_line16(typingctx, sums, place, rows, offset, offset2, start, excess, near, far):  # type: ignore[no-untyped-def]
    """Add sixteen slices; `excess` is the slope minus 1, at most 1 / 15 either way."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _line_code(context, builder, sig, args, 16, _hat_rows, args[6])

    return _line_signature(sums, rows), code


@intrinsic
def _add_line8(typingctx, sums, place, rows, offset, offset2, start, excess, near, far):  # type: ignore[no-untyped-def]
    """Add eight slices; `excess` is the slope minus 1, at most 1 / 7 either way."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _line_code(context, builder, sig, args, 8, _hat_rows, args[6])

    return _line_signature(sums, rows), code


@intrinsic
def _add_line4(typingctx, sums, place, rows, offset, offset2, start, excess, near, far):  # type: ignore[no-untyped-def]
    """Add four slices; `excess` is the slope minus 1, at most 1 / 3 either way."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _line_code(context, builder, sig, args, 4, _hat_rows, args[6])

    return _line_signature(sums, rows), code


@intrinsic
def _add_gathered(typingctx, sums, place, rows, offset, offset2, start, slope, near, far):  # type: ignore[no-untyped-def]
    """Add sixteen slices at any slope."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _line_code(context, builder, sig, args, 16, _gather_rows, args[6])

    return _line_signature(sums, rows), code


@njit(nogil=True, cache=True, error_model="numpy")
def _add_column(sums, place, depth, rows, first, stride, v, m, near, far):  # type: ignore[no-untyped-def]
    """Add one view to one voxel column: rows v, v + m, ... of two neighbouring detector columns."""
    excess = np.float32(m - 1.0)
    back = 1 if m < 1.0 else 0
    steep = abs(m - 1.0)
    if 15 * steep <= 1.0:
        step = 16
    elif 7 * steep <= 1.0:
        step = 8
    elif 3 * steep <= 1.0:
        step = 4
    else:
        step = 0
    for k in range(0, depth, 16 if step == 0 else step):
        whole = int(v)
        part = np.float32(v - whole + back)
        offset = first + whole - back
        if step == 16:
            _add_line16(sums, place + k, rows, offset, offset + stride, part, excess, near, far)  # type: ignore[call-arg]
        elif step == 8:
            _add_line8(sums, place + k, rows, offset, offset + stride, part, excess, near, far)  # type: ignore[call-arg]
        elif step == 4:
            _add_line4(sums, place + k, rows, offset, offset + stride, part, excess, near, far)  # type: ignore[call-arg]
        else:
            part, slope, offset = np.float32(v - whole), np.float32(m), first + whole
            _add_gathered(sums, place + k, rows, offset, offset + stride, part, slope, near, far)  # type: ignore[call-arg]
        v += m * (16 if step == 0 else step)


@njit(nogil=True, cache=True, error_model="numpy")
def _add_tile(sums, rows, shape, views, beam, corner, size, half_width):  # type: ignore[no-untyped-def]
    """Add every view to a tile of voxel columns; `half_width` limits x on each line of the tile."""
    stride = shape[2]
    axis, scale, centre, row, voxel = beam[0], beam[1], beam[2], beam[3], beam[4]
    for p in range(views.shape[0]):
        cosine, sine = views[p, 0], views[p, 1]
        for j in range(size[1]):
            y = corner[1] + j * voxel
            for i in range(size[2]):
                x = corner[2] + i * voxel
                if abs(x) > half_width[j]:
                    continue
                shrink = 1.0 / (axis - x * sine + y * cosine)
                pixels = scale * shrink
                column = centre + (x * cosine + y * sine) * pixels
                if column < 0.0 or column >= shape[1] - 1:
                    continue
                whole = int(column)
                weight = (axis * shrink) ** 2
                far = np.float32((column - whole) * weight)
                near = np.float32(weight) - far
                first = (p * shape[1] + whole) * stride
                place = (j * size[2] + i) * size[0]
                v = row + corner[0] * pixels
                _add_column(sums, place, size[0], rows, first, stride, v, voxel * pixels, near, far)


@njit(nogil=True, cache=True, error_model="numpy")
def backproject_lines(  # type: ignore[no-untyped-def]
    volume: NDArray[np.float32],
    rows: NDArray[np.float32],
    views: NDArray[np.float64],
    beam: NDArray[np.float64],
    corner: NDArray[np.float64],
    lines: tuple[int, int],
):
    """Add filtered views to some lines (y) of a volume.

    Parameters
    ----------
    volume : (n_z, n_y, n_x) array of float32
        Sums, changed in place for y in `lines` only.
    rows : (n_theta, n_cols, n_rows) array of float32
        Filtered projections, detector rows innermost: two rows before the first that is needed, and enough
        behind the last for z to run on to a whole number of LANES.
    views : (n_theta, 2) array of float64
        Cosine and sine of each angle.
    beam : (6,) array of float64
        Source to axis (mm), source to detector over pixel (dimensionless x pixel / mm: pixels of shift
        per mm at 1 mm from the source), axis column and central row as indices of `rows`, voxel (mm),
        and radius of the field of view (mm).
    corner : (3,) array of float64
        Position of the first voxel (z, y, x), in mm from the axis and the central ray.
    lines : (int, int)
        Half-open range of y.
    """
    n_z, n_x = volume.shape[0], volume.shape[2]
    voxel, radius = beam[4], beam[5]
    flat = rows.reshape(-1)
    shape = (rows.shape[0], rows.shape[1], rows.shape[2])
    blocks = (n_z + DEPTH - 1) // DEPTH
    depth = ((n_z + blocks - 1) // blocks + LANES - 1) // LANES * LANES
    sums = np.empty(TILE * TILE * depth, np.float32)
    half_width = np.empty(TILE)
    place = np.empty(3)
    n_y = lines[1] - lines[0]
    for j in range(n_y):
        y = corner[1] + (lines[0] + j) * voxel
        half_width[j] = np.sqrt(radius * radius - y * y) if abs(y) <= radius else -1.0
    for z in range(0, n_z, depth):
        deep = min(depth, (n_z - z + LANES - 1) // LANES * LANES)
        for x in range(0, n_x, TILE):
            width = min(TILE, n_x - x)
            place[0], place[1], place[2] = (
                corner[0] + z * voxel, corner[1] + lines[0] * voxel, corner[2] + x * voxel
            )  # fmt: skip
            sums[:] = 0
            _add_tile(sums, flat, shape, views, beam, place, (deep, n_y, width), half_width)
            for k in range(min(deep, n_z - z)):
                for j in range(n_y):
                    for i in range(width):
                        volume[z + k, lines[0] + j, x + i] += sums[(j * width + i) * deep + k]

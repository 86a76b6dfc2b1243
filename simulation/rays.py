"""Path lengths of parallel rays through the labels of a cell, 64 slices at a time.

A slice-parallel Joseph projector [1]_: a ray steps through the grid along the axis it follows most closely, and
at each step the two nearest voxels share it by their distance. Labels are compared, not interpolated: each of
four tissues gathers its own path. The ray ends where it leaves the tube, so that a path through a filled tube
is the exact chord.

References
----------
.. [1] Joseph, IEEE Transactions on Medical Imaging 1 (1982) 192-196.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

LANES = 64
"""Slices that are projected side by side: one cache line of labels."""

TISSUES = 4
"""Tissues that are told apart in one pass."""

WIDTH = 16
"""Slices in one vector of float32."""

NO_TISSUE = np.uint8(254)
"""Code that no voxel has."""

BUNDLE = 16
"""Neighbouring rays that advance together, so that their sums and the labels they share stay in L1."""


def pack_slices(labels: NDArray[np.uint8], renamed: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """Arrange labels for the projector: blocks of 64 slices, the slice running fastest.

    Parameters
    ----------
    labels : (n_z, n, n) array of uint8
        Labels of a cell.
    renamed : (n_tissues,) array of uint8, optional
        What each label becomes; None keeps them.

    Returns
    -------
    (n_blocks, n, n, 64) array of uint8
        The labels; slices that the last block lacks are 255, which is no tissue.
    """
    n_z, n, _ = labels.shape
    n_blocks = -(-n_z // LANES)
    raw = np.empty(n_blocks * n * n * LANES + LANES, dtype=np.uint8)
    skip = -raw.ctypes.data % LANES  # vectors that start on a cache line load in one go
    packed = raw[skip : skip + n_blocks * n * n * LANES].reshape(n_blocks, n, n, LANES)
    names = np.arange(256, dtype=np.uint8)
    if renamed is not None:
        names[: len(renamed)] = renamed
    for block in range(n_blocks):
        _pack(labels[block * LANES : (block + 1) * LANES], names, packed[block])
    return packed


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def _pack(labels, names, packed):  # type: ignore[no-untyped-def]
    """Turn slices into lanes, tile by tile, so that both sides of the turn stay in L1."""
    n_z, n, _ = labels.shape
    for y in range(n):
        for first in range(0, n, LANES):
            last = min(first + LANES, n)
            for z in range(n_z):
                for x in range(first, last):
                    packed[y, x, z] = names[labels[z, y, x]]
            for z in range(n_z, LANES):
                for x in range(first, last):
                    packed[y, x, z] = 255


def path_lengths(
    packed: NDArray[np.uint8],
    direction: tuple[float, float],
    distances_px: NDArray[np.float64],
    radius_px: float,
    codes: NDArray[np.uint8],
) -> NDArray[np.float32]:
    """Return the path of each ray in each of up to four tissues, for one block of slices and one view.

    Parameters
    ----------
    packed : (n, n, 64) array of uint8
        One block of `pack_slices`.
    direction : (cos, sin)
        Cosine and sine of the view's angle theta; rays run along (-sin, cos) in (x, y).
    distances_px : (n_rays,) array of float64
        Signed distance of each ray from the tube's axis, in voxels.
    radius_px : float
        Radius of the tube in voxels.
    codes : (n_codes,) array of uint8
        Labels to tell apart, at most 4.

    Returns
    -------
    (n_rays, n_channels, 64) array of float32
        Path in voxels; one channel for one code, else four, zero for codes that were not given.

    Raises
    ------
    ValueError
        If more than four codes are given.
    """
    if len(codes) > TISSUES:
        raise ValueError(f"{len(codes)} tissues were asked for at once; ask for at most {TISSUES}")
    wanted = tuple(codes) if len(codes) == 1 else (*codes, *[NO_TISSUE] * (TISSUES - len(codes)))
    paths = np.zeros((len(distances_px), len(wanted), LANES), dtype=np.float32)
    _project(packed.ravel(), packed.shape[0], direction, distances_px, radius_px, wanted, paths.ravel())
    return paths


def _splat(builder: Any, scalar: Any) -> Any:
    """Emit a vector of `WIDTH` copies of a scalar."""
    vector, i32 = ir.VectorType(scalar.type, WIDTH), ir.IntType(32)
    undefined = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(undefined, scalar, ir.Constant(i32, 0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(i32, WIDTH), [0] * WIDTH))


def _pointer(builder: Any, base: Any, offset: Any, extra: int, element: Any) -> Any:
    """Emit the address of the vector that starts `offset + extra` elements after `base`."""
    place = builder.gep(base, [builder.add(offset, ir.Constant(ir.IntType(64), extra))])
    return builder.bitcast(place, ir.VectorType(element, WIDTH).as_pointer())


@intrinsic
def _gather(typingctx, sums, to, labels, left, right, weight_left, weight_right, codes):  # type: ignore[no-untyped-def]
    """sums[to + 64 c + k] += w_left [labels[left + k] == c] + w_right [labels[right + k] == c], for all c and k."""
    signature = types.void(sums, types.intp, labels, types.intp, types.intp, types.float32, types.float32, codes)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data, to, source, left, right, weight_left, weight_right, codes = arguments
        target = context.make_array(signature.args[0])(context, builder, data).data
        origin = context.make_array(signature.args[2])(context, builder, source).data
        f32, i8 = ir.FloatType(), ir.IntType(8)
        zero = ir.Constant(ir.VectorType(f32, WIDTH), None)
        weights = [_splat(builder, weight_left), _splat(builder, weight_right)]
        wanted = [_splat(builder, builder.extract_value(codes, c)) for c in range(signature.args[7].count)]
        for k in range(0, LANES, WIDTH):
            found = []
            for side in (left, right):
                found.append(builder.load(_pointer(builder, origin, side, k, i8)))
                found[-1].align = 1
            for c in range(len(wanted)):
                place = _pointer(builder, target, to, c * LANES + k, f32)
                total = builder.load(place)
                total.align = 4
                for labels_here, weight in zip(found, weights, strict=True):
                    equal = builder.icmp_unsigned("==", labels_here, wanted[c])
                    total = builder.fadd(total, builder.select(equal, weight, zero))
                builder.store(total, place).align = 4
        return context.get_dummy_value()

    return signature, codegen


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def _project(labels, n, direction, distances, radius, codes, sums):  # type: ignore[no-untyped-def]
    """Add the path of every ray in each tissue of the tuple `codes` to `sums`, flat (n_rays, n_codes, 64)."""
    cos, sin = direction
    middle = 0.5 * (n - 1)
    along_x = abs(sin) >= abs(cos)
    # x = s cos - t sin, y = s sin + t cos: `major` is the coordinate that changes faster along the ray.
    if along_x:
        rise, slope, stride, stride_minor = cos, -sin, LANES, n * LANES
    else:
        rise, slope, stride, stride_minor = sin, cos, n * LANES, LANES
    rise_minor = sin if along_x else cos
    slope_minor = cos if along_x else -sin
    length = 1.0 / abs(slope)
    starts, stops = np.empty(BUNDLE), np.empty(BUNDLE)
    for first in range(0, distances.shape[0], BUNDLE):
        count = min(BUNDLE, distances.shape[0] - first)
        low, high = n, 0
        for k in range(count):
            s = distances[first + k]
            half = np.sqrt(max(radius * radius - s * s, 0.0)) * abs(slope)
            starts[k], stops[k] = s * rise - half + middle, s * rise + half + middle
            if half > 0.0:
                low = min(low, int(np.floor(starts[k] + 0.5)))
                high = max(high, int(np.floor(stops[k] + 0.5)) + 1)
        for step in range(low, high):
            for k in range(count):
                a, b = max(starts[k], step - 0.5), min(stops[k], step + 0.5)
                if b <= a:
                    continue
                s = distances[first + k]
                t = (0.5 * (a + b) - middle - s * rise) / slope
                minor = s * rise_minor + t * slope_minor + middle
                index = int(np.floor(minor))
                share = minor - index
                weight = (b - a) * length
                left = step * stride + index * stride_minor
                _gather(  # type: ignore[call-arg]
                    sums, (first + k) * len(codes) * LANES, labels, left, left + stride_minor,
                    np.float32(weight * (1.0 - share)), np.float32(weight * share), codes,
                )  # fmt: skip

"""Beer-Lambert's law for a spectrum: path lengths per material in, transmitted intensity out.

The exponential of each energy is summed with the energy's weight [1]_, for each ray on its own, so that nothing
is averaged before the detector averages intensities.

References
----------
.. [1] Kak & Slaney, Principles of Computerized Tomographic Imaging (1988), section 4.1.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

LANES = 64
"""Slices side by side, as the projector delivers them."""

WIDTH = 16
"""Slices in one vector of float32."""

DEEPEST = 80.0
"""Optical depth at which transmission is cut off: exp(-80) is 2e-35, nothing on any detector."""

TWO_TO_R = tuple(np.log(2.0) ** k / f for k, f in enumerate((1, 1, 2, 6, 24, 120, 720)))
"""Taylor coefficients of 2^r; for |r| <= 1/2 the next term is 1.2e-7."""


def transmitted(
    paths: NDArray[np.float32],
    excess: NDArray[np.float32],
    base: NDArray[np.float32],
    weights: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the transmitted share of a polychromatic beam.

    `sum_E w_E exp(-(base_E + sum_c excess_Ec paths_c))`.

    Parameters
    ----------
    paths : (n_rays, n_channels, 64) array of float32
        Path of each ray in each channel and slice, in voxels.
    excess : (n_energies, n_channels) array of float32
        Attenuation of each channel over what `base` counts for the same path, per voxel.
    base : (n_rays, n_energies) array of float32
        Optical depth of each ray that all slices share: tube, and the base tissue over the whole chord.
    weights : (n_energies,) array of float32
        Share of each energy in the signal; the shares add up to 1.

    Returns
    -------
    (n_rays, 64) array of float32
        Transmitted share, dimensionless.
    """
    shares = np.zeros((paths.shape[0], LANES), dtype=np.float32)
    _transmit(paths.ravel(), paths.shape[1], excess, base, weights, shares.ravel())
    return shares


def _splat(builder: Any, scalar: Any) -> Any:
    """Emit a vector of `WIDTH` copies of a scalar."""
    vector, i32 = ir.VectorType(scalar.type, WIDTH), ir.IntType(32)
    undefined = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(undefined, scalar, ir.Constant(i32, 0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(i32, WIDTH), [0] * WIDTH))


def _pointer(builder: Any, base: Any, offset: Any, extra: int) -> Any:
    """Emit the address of the vector that starts `offset + extra` floats after `base`."""
    place = builder.gep(base, [builder.add(offset, ir.Constant(ir.IntType(64), extra))])
    return builder.bitcast(place, ir.VectorType(ir.FloatType(), WIDTH).as_pointer())


def _call(builder: Any, name: str, *arguments: Any) -> Any:
    """Emit a call of an LLVM function on vectors of float32."""
    vector = ir.VectorType(ir.FloatType(), WIDTH)
    kind = ir.FunctionType(vector, [vector] * len(arguments))
    full = f"llvm.{name}.v{WIDTH}f32"
    function = builder.module.globals.get(full) or ir.Function(builder.module, kind, full)
    return builder.call(function, arguments)


def _constant(value: float) -> Any:
    """Return a vector of `WIDTH` copies of a number."""
    return ir.Constant(ir.VectorType(ir.FloatType(), WIDTH), [float(np.float32(value))] * WIDTH)


def _exp_minus(builder: Any, depth: Any) -> Any:
    """Emit exp(-depth) for 0 <= depth <= `DEEPEST`: 2^(n + r), r by its series, n into the exponent's bits."""
    i32 = ir.VectorType(ir.IntType(32), WIDTH)
    power = builder.fmul(depth, _constant(-1.0 / np.log(2.0)))
    whole = _call(builder, "floor", builder.fadd(power, _constant(0.5)))
    rest = builder.fsub(power, whole)
    result = _constant(TWO_TO_R[-1])
    for coefficient in TWO_TO_R[-2::-1]:
        result = _call(builder, "fma", result, rest, _constant(coefficient))
    bits = builder.shl(builder.fptosi(whole, i32), ir.Constant(i32, [23] * WIDTH))
    return builder.bitcast(builder.add(builder.bitcast(result, i32), bits), result.type)


@intrinsic
def _deepen(typingctx, depths, paths, at, mu):  # type: ignore[no-untyped-def]
    """depths[k] += mu paths[at + k], for all k."""
    signature = types.void(depths, paths, types.intp, types.float32)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        depths, paths = (context.make_array(signature.args[i])(context, builder, arguments[i]).data for i in (0, 1))
        mu, zero = _splat(builder, arguments[3]), ir.Constant(ir.IntType(64), 0)
        for k in range(0, LANES, WIDTH):
            place, source = _pointer(builder, depths, zero, k), _pointer(builder, paths, arguments[2], k)
            path, depth = builder.load(source), builder.load(place)
            path.align = depth.align = 4
            builder.store(_call(builder, "fma", path, mu, depth), place).align = 4
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _expose(typingctx, shares, to, depths, weight):  # type: ignore[no-untyped-def]
    """shares[to + k] += weight exp(-depths[k]), for all k; depths beyond the limits are cut off."""
    signature = types.void(shares, types.intp, depths, types.float32)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        shares, depths = (context.make_array(signature.args[i])(context, builder, arguments[i]).data for i in (0, 2))
        weight, zero = _splat(builder, arguments[3]), ir.Constant(ir.IntType(64), 0)
        for k in range(0, LANES, WIDTH):
            place, source = _pointer(builder, shares, arguments[1], k), _pointer(builder, depths, zero, k)
            share, depth = builder.load(place), builder.load(source)
            share.align = depth.align = 4
            depth = _call(builder, "minnum", depth, _constant(DEEPEST))
            depth = _call(builder, "maxnum", depth, _constant(0.0))
            builder.store(_call(builder, "fma", _exp_minus(builder, depth), weight, share), place).align = 4
        return context.get_dummy_value()

    return signature, codegen


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def _transmit(paths, n_channels, excess, base, weights, shares):  # type: ignore[no-untyped-def]
    """Sum the energies of every ray into `shares`, flat (n_rays, 64)."""
    depths = np.empty(LANES, dtype=np.float32)
    for ray in range(base.shape[0]):
        for energy in range(base.shape[1]):
            depths[:] = base[ray, energy]
            for channel in range(n_channels):
                _deepen(depths, paths, (ray * n_channels + channel) * LANES, excess[energy, channel])  # type: ignore[call-arg]
            _expose(shares, ray * LANES, depths, weights[energy])  # type: ignore[call-arg]

"""Spread spectra of views, on their polar grid, over a Cartesian one: many slices side by side.

The geometry is the same for every slice, so a sample's weights are worked out once and serve all
lanes. Bands of grid rows are independent of each other: each is one thread's, without atomics, and
the result does not depend on how many threads there are.
"""

# mypy: allow-untyped-defs, disable-error-code="call-arg"

from dataclasses import dataclass

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from .vectors import Vectors

TAPS = 6
"""Grid cells a sample touches along each axis, and columns beside the grid for those that overhang."""

DEGREE = 9
"""Degree of the polynomials that stand for the kernel, one for each tap."""

HALF = 8
"""Lanes for the weights along one axis; two axes make one vector."""

RUN = 16
"""Samples whose weights are worked out before they are spread, so that neither waits for the other."""


@dataclass(frozen=True)
class Kernel:
    """Kaiser-Bessel kernel of TAPS cells for a given oversampling [1]_.

    Parameters
    ----------
    oversampling : float
        Grid size over image size, above 1.

    References
    ----------
    .. [1] Beatty, Nishimura & Pauly, Rapid gridding reconstruction with a minimal oversampling ratio,
       IEEE Trans. Med. Imaging 24 (2005) 799, equations 4 and 5.
    """

    oversampling: float

    @property
    def shape(self) -> float:
        """Beta of the Kaiser-Bessel function that aliases least."""
        inner = (TAPS / self.oversampling) ** 2 * (self.oversampling - 0.5) ** 2 - 0.8
        return float(np.pi * np.sqrt(inner))

    def values(self, distance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the kernel.

        Parameters
        ----------
        distance : array
            Distances in cells, at most TAPS / 2.

        Returns
        -------
        array of float64
            1 at distance 0, of the same shape.
        """
        root = np.sqrt(np.clip(1 - (2 * distance / TAPS) ** 2, 0, None))
        return np.i0(self.shape * root) / np.i0(self.shape)

    def transform(self, position: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the kernel's Fourier transform, by which an image has to be divided.

        Parameters
        ----------
        position : (n,) array
            Pixels from the image's middle over pixels of the grid's period.

        Returns
        -------
        (n,) array of float64
            In cells.
        """
        root = np.sqrt(self.shape**2 - (np.pi * TAPS * position) ** 2 + 0j)
        return TAPS / np.i0(self.shape) * (np.sinh(root) / root).real

    def polynomials(self) -> NDArray[np.float32]:
        """Return polynomials that stand for the kernel, for the taps along one axis and along the other.

        Tap i of a sample lies t + i - TAPS / 2 cells away, 0 <= t < 1; the variable is 2 t - 1.

        Returns
        -------
        flat (DEGREE + 1, 2 HALF) array of float32
            Highest power first; 0 in lanes without a tap.
        """
        nodes = np.cos(np.pi * (np.arange(64) + 0.5) / 64)
        values = self.values((nodes[:, None] + 1) / 2 + np.arange(TAPS) - TAPS / 2)
        fit = np.linalg.lstsq(np.vander(nodes, DEGREE + 1), values)[0]
        table = np.zeros((DEGREE + 1, 2 * HALF))
        table[:, :TAPS] = table[:, HALF : HALF + TAPS] = fit
        return table.ravel().astype(np.float32)


@intrinsic
def _weigh(typingctx, table, u, v, weights, to):
    """weights[to + i] = tap i along u, weights[to + HALF + i] along v, for fractions u, v of a cell."""
    signature = types.void(table, types.float32, types.float32, weights, types.intp)

    def codegen(context, builder, sig, args):
        vectors = Vectors(context, builder, 2 * HALF)
        source, target = vectors.data(sig, args, 0, 3)
        both = vectors.shuffle(vectors.broadcast(args[1]), vectors.broadcast(args[2]), [0] * HALF + [2 * HALF] * HALF)
        x = vectors.fused(both, vectors.constant(2), vectors.constant(-1))
        total = vectors.constant(0)
        for k in range(DEGREE + 1):
            row = vectors.load(source, ir.Constant(args[4].type, k * 2 * HALF))
            total = row if k == 0 else vectors.fused(total, x, row)
        vectors.store(total, target, args[4])
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _add_row(typingctx, lanes, grid, to, sample, at, weights, first, real, imag):
    """grid[to + i] += weights[first + i] (real Re, imag Im) of sample[at], over the cells i < TAPS of a row."""
    index = types.intp
    signature = types.void(lanes, grid, index, sample, index, weights, index, types.float32, types.float32)

    def codegen(context, builder, sig, args):
        v = Vectors(context, builder, lanes.count)
        target, source, table = v.data(sig, args, 1, 3, 5)
        factors = (v.broadcast(args[7]), v.broadcast(args[8]))
        parts = [v.multiply(*pair) for pair in zip(factors, v.load_pair(source, args[4]), strict=True)]
        for i in range(TAPS):
            weight = v.scalar(table, v.offset(args[6], i))
            cell = v.offset(args[2], 2 * lanes.count, i)
            old = v.load_pair(target, cell)
            new = tuple(v.fused(x, weight, y) for x, y in zip(parts, old, strict=True))
            v.store_pair(new, target, cell)
        return context.get_dummy_value()

    return signature, codegen


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def _reach(step, shift, low, high, start, stop):
    """Narrow start <= k < stop to where low <= step k + shift <= high, with a sample to spare."""
    if abs(step) < 1e-9:
        return (start, stop) if low <= shift <= high else (start, start)
    a, b = (low - shift) / step, (high - shift) / step
    if a > b:
        a, b = b, a
    return max(start, int(np.floor(max(a, -2.0)))), min(stop, int(np.ceil(min(b, stop + 2.0))) + 1)


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def _add_views(lanes, grid, band, spectra, n_kept, rays, radii, image, table):
    """Add one run of samples of every view, from one periodic image of the plane, to a band of rows."""
    row0, row1, n_columns = band
    first, count, start, step = radii
    sign, shift_u, shift_v = image
    width = 2 * len(lanes)
    row_step = (n_columns + 2 * TAPS) * width
    half = np.float32(TAPS / 2)
    weights, corners = np.empty(RUN * 2 * HALF, np.float32), np.empty((RUN, 3), np.int64)
    for p in range(rays.shape[0]):
        du, dv = sign * rays[p, 0], sign * rays[p, 1]
        a, b = _reach(dv * step, dv * start + shift_v, row0 - half, row1 - 1 + half, 0, count)
        a, b = _reach(du * step, du * start + shift_u, -half, n_columns + half, a, b)
        for k0 in range(a, b, RUN):
            n_run = 0
            for k in range(k0, min(b, k0 + RUN)):
                radius = start + step * np.float32(k)
                u, v = du * radius + shift_u, dv * radius + shift_v
                iu, iv = int(np.ceil(u - half)), int(np.ceil(v - half))
                if iv + TAPS <= row0 or iv >= row1 or iu + TAPS <= 0 or iu >= n_columns:
                    continue
                _weigh(table, np.float32(iu) - u + half, np.float32(iv) - v + half, weights, n_run * 2 * HALF)
                corners[n_run, 0], corners[n_run, 1], corners[n_run, 2] = iu, iv, k
                n_run += 1
            for i in range(n_run):
                iu, iv, k = corners[i]
                at, across = (p * n_kept + first + k) * width, i * 2 * HALF
                j0, j1 = max(0, row0 - iv), min(TAPS, row1 - iv)
                to = (iv + j0) * row_step + (iu + TAPS) * width
                for j in range(j0, j1):
                    weight = weights[across + HALF + j]
                    _add_row(lanes, grid, to, spectra, at, weights, across, weight, sign * weight)
                    to += row_step


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def spread_band(lanes, grid, shape, spectra, rays, fine, coarse, table, first, stop):
    """Zero a band of grid rows and add every sample that touches it.

    The plane is periodic and its other half is the mirror image, conjugate: samples come in with the
    sign and the shifts of each image that reaches the band.

    Parameters
    ----------
    lanes : tuple of S int
        Its length is the number of slices side by side.
    grid : flat (n, n_columns + 2 TAPS, 2 S) array of float32
        Frequencies u >= 0 along a row; written in rows first <= r < stop.
    shape : tuple of int
        n, n_columns.
    spectra : flat (n_views, n_kept, 2 S) array of float32
        Weighted samples.
    rays : (n_views, 2) array of float32
        Cosine and sine of each view, the cosine not negative.
    fine, coarse : tuple
        Place of the first sample, number of samples, radius of the first and step, in cells, of the
        fine and of the coarse run of a view.
    table : flat (DEGREE + 1, 2 HALF) array of float32
        The kernel's `polynomials`.
    first, stop : int
        The band.
    """  # numpydoc ignore=PR01
    n, n_columns = shape
    row_step = (n_columns + 2 * TAPS) * 2 * len(lanes)
    grid[first * row_step : stop * row_step] = 0
    band, n_kept = (first, stop, n_columns), fine[1] + coarse[1]
    zero, one, period = np.float32(0), np.float32(1), np.float32(n)
    for shift_v in (zero, period):
        for radii in (fine, coarse):
            for sign, shift_u in ((one, zero), (-one, zero), (-one, period)):
                image = (sign, shift_u, shift_v)
                _add_views(lanes, grid, band, spectra, n_kept, rays, radii, image, table)

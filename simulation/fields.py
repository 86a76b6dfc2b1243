"""Smooth random fields in whole numbers: the same on every machine, whole or slice by slice.

White noise of 16 bits is summed over boxes, three times along each axis, which comes close to a Gaussian kernel
[1]_. Sums of whole numbers do not depend on their order, so a threshold cuts the same voxels on any processor.

References
----------
.. [1] Wells, IEEE Transactions on Pattern Analysis and Machine Intelligence 8 (1986) 234-239.
"""

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .noise import stream

NOISE_STD = np.sqrt((65536.0**2 - 1) / 12)
"""Standard deviation of even draws of 16 bits."""

GRID_PX = 4.0
"""Correlation length on the grid of a coarse field, in its points."""

FINE_PX = 6.0
"""Fields up to this correlation length are drawn on every voxel, others on a coarser grid."""


@dataclass(frozen=True)
class Boxes:
    """Three boxes whose succession has the width asked for.

    Parameters
    ----------
    widths : tuple of int
        Width of each box in pixels.
    shifts : tuple of int
        Bits that are dropped behind each box, so that numbers stay within 32 bits.
    gain : float
        What they multiply the standard deviation of white noise by, dimensionless.
    """

    widths: tuple[int, ...]
    shifts: tuple[int, ...]
    gain: float

    @property
    def margin(self) -> int:
        """Pixels that an axis loses."""
        return sum(self.widths) - len(self.widths)


def boxes(correlation_px: float) -> Boxes:
    """Choose three boxes for a correlation length.

    Parameters
    ----------
    correlation_px : float
        Distance in pixels at which the autocorrelation has fallen to 1/e, above 0.

    Returns
    -------
    Boxes
        Of widths that differ by 1 at most; their variance comes as near to a Gaussian kernel's as they can.

    Raises
    ------
    ValueError
        If the correlation length is not above 0.
    """
    if not correlation_px > 0:
        raise ValueError(f"correlation length is {correlation_px} pixels; give more than 0")
    # A kernel of variance c^2 / 4 gives the autocorrelation exp(-(r / c)^2); a box of w pixels has (w^2 - 1) / 12.
    wanted = 3 * correlation_px**2 + 3
    low = int(np.sqrt(correlation_px**2 + 1))
    widths = min(
        ([low] * (3 - more) + [low + 1] * more for more in range(4)),
        key=lambda chosen: abs(sum(w * w for w in chosen) - wanted),
    )
    kernel, before, shifts = np.ones(1), 1.0, []
    for width in widths:
        kernel = np.convolve(kernel, np.ones(width))
        now = float(np.sqrt(np.sum(kernel**2)))
        shifts.append(round(np.log2(now / before)))
        before = now
    return Boxes(tuple(widths), tuple(shifts), before / 2.0 ** sum(shifts))


def gaussian_field(
    shape: tuple[int, ...], correlation_px: float, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return a stationary, nearly Gaussian random field of mean 0 and standard deviation 1.

    Parameters
    ----------
    shape : tuple of int
        Size in each direction.
    correlation_px : float
        Distance in pixels at which the autocorrelation, `exp(-(r / correlation_px)^2)`, has fallen to 1/e; above 0.
    generator : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    numpy.ndarray of float64
        The field, dimensionless.

    Raises
    ------
    ValueError
        If the correlation length is not above 0.
    """
    chosen = boxes(correlation_px)
    padded = tuple(n + chosen.margin for n in shape)
    noise = generator.integers(-32768, 32768, padded, dtype=np.int16).astype(np.int32)
    smooth = smoothed(noise, chosen, tuple(range(len(shape))))
    return smooth / (NOISE_STD * chosen.gain ** len(shape))


def smoothed(noise: NDArray[np.int32], chosen: Boxes, axes: tuple[int, ...]) -> NDArray[np.int32]:
    """Sum whole numbers over boxes along some axes.

    Parameters
    ----------
    noise : array of int32
        Numbers of some 16 bits; used up.
    chosen : Boxes
        The boxes.
    axes : tuple of int
        Axes, each of which loses `chosen.margin`.

    Returns
    -------
    numpy.ndarray of int32
        A view of what is left.
    """
    shape = list(noise.shape)
    for axis in axes:
        outer = int(np.prod(noise.shape[:axis], dtype=np.int64))
        flat = noise.reshape(outer, noise.shape[axis], -1)
        for width, shift in zip(chosen.widths, chosen.shifts, strict=True):
            _sum_boxes(flat, shape[axis], width, shift)
            shape[axis] -= width - 1
    return noise[tuple(slice(n) for n in shape)]


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def _sum_boxes(values, length, width, shift):  # type: ignore[no-untyped-def]
    """Replace the first `length` numbers along the middle axis by sums of `width` of them, `shift` bits dropped."""
    outer, _, inner = values.shape
    total = np.zeros(inner, dtype=np.int32)
    for o in range(outer):
        if inner == 1:
            lonely = np.int32(0)
            for i in range(width - 1):
                lonely += values[o, i, 0]
            for i in range(length - width + 1):
                lonely += values[o, i + width - 1, 0]
                first = values[o, i, 0]
                values[o, i, 0] = lonely >> shift
                lonely -= first
            continue
        total[:] = 0
        for i in range(width - 1):
            for k in range(inner):
                total[k] += values[o, i, k]
        for i in range(length - width + 1):
            for k in range(inner):
                grown = total[k] + values[o, i + width - 1, k]
                total[k] = grown - values[o, i, k]
                values[o, i, k] = grown >> shift


@dataclass(frozen=True)
class SliceField:
    """A random field over the square slices of a cell, any of which may be asked for on its own.

    Parameters
    ----------
    side : int
        Voxels across a slice.
    correlation_px : float
        Distance in voxels at which the autocorrelation has fallen to 1/e, above 0.
    seed, purpose : int
        Key of its noise.
    """

    side: int
    correlation_px: float
    seed: int
    purpose: int
    step: float = field(init=False)
    boxes: Boxes = field(init=False)

    def __post_init__(self) -> None:
        """Choose the grid and the boxes."""
        coarse = self.correlation_px > FINE_PX
        object.__setattr__(self, "step", self.correlation_px / GRID_PX if coarse else 1.0)
        object.__setattr__(self, "boxes", boxes(self.correlation_px / self.step))

    @property
    def std(self) -> float:
        """Standard deviation of the whole numbers that `raw` returns."""
        return float(NOISE_STD * self.boxes.gain**3)

    def raw(self, start: int, stop: int, side: int) -> NDArray[np.int32]:
        """Return slices of the field's own grid.

        Parameters
        ----------
        start, stop : int
            First slice, and one past the last.
        side : int
            Points across.

        Returns
        -------
        (stop - start, side, side) array of int32
            Whole numbers of mean 0 and standard deviation `std`.
        """
        wide = side + self.boxes.margin
        noise = np.empty((stop - start + self.boxes.margin, wide, wide), dtype=np.int32)
        for index in range(len(noise)):
            draws = stream(self.seed, self.purpose, start + index)
            noise[index] = draws.integers(-32768, 32768, (wide, wide), dtype=np.int16)
        return smoothed(noise, self.boxes, (2, 1, 0))

    def slices(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return slices on the voxels of the cell.

        Parameters
        ----------
        start, stop : int
            First slice, and one past the last.

        Returns
        -------
        (stop - start, side, side) array of float32
            The field, of mean 0 and standard deviation close to 1.
        """
        if self.step == 1:
            return self.raw(start, stop, self.side).astype(np.float32) * np.float32(1 / self.std)
        alike = float(np.exp(-1 / GRID_PX**2))  # of neighbouring points; between them interpolation flattens
        scale = np.float32(1 / (self.std * (1 - (1 - alike) / 3) ** 1.5))
        first = int(start / self.step)
        points = int(self.side / self.step) + 2
        grid = self.raw(first, int((stop - 1) / self.step) + 2, points).astype(np.float32) * scale
        values = np.empty((stop - start, self.side, self.side), dtype=np.float32)
        _interpolate(grid, start, first, self.step, values)
        return values

    def below(self, start: int, stop: int, share: float) -> NDArray[np.bool_]:
        """Return where the field is among its lowest values.

        Parameters
        ----------
        start, stop : int
            First slice, and one past the last.
        share : float
            Share of the volume that is, on average; from 0 to below 1.

        Returns
        -------
        (stop - start, side, side) array of bool
            True in the lowest part.
        """
        from scipy.special import ndtri

        if self.step == 1:
            return self.raw(start, stop, self.side) < round(float(ndtri(share)) * self.std)
        return self.slices(start, stop) < np.float32(ndtri(share))


@njit(nogil=True, cache=True, error_model="numpy")
def _interpolate(grid, start, first, step, values):  # type: ignore[no-untyped-def]
    """Interpolate the points of a coarse grid linearly along z, y and x."""
    n_z, side, _ = values.shape
    plane = np.empty(grid.shape[1:], dtype=np.float32)
    line = np.empty(grid.shape[2], dtype=np.float32)
    for k in range(n_z):
        low, share = _place(start + k, step)
        low -= first
        for j in range(grid.shape[1]):
            for i in range(grid.shape[2]):
                plane[j, i] = grid[low, j, i] + share * (grid[low + 1, j, i] - grid[low, j, i])
        for y in range(side):
            row, share = _place(y, step)
            for i in range(grid.shape[2]):
                line[i] = plane[row, i] + share * (plane[row + 1, i] - plane[row, i])
            for x in range(side):
                column, share = _place(x, step)
                values[k, y, x] = line[column] + share * (line[column + 1] - line[column])


@njit(nogil=True, cache=True, error_model="numpy")
def _place(index, step):  # type: ignore[no-untyped-def]
    """Return the point of a grid before a voxel, and how far on it lies."""
    place = index / step
    low = int(place)
    return low, np.float32(place - low)


def pores(
    shape: tuple[int, int, int], porosity: float, size_px: float, *, seed: int, purpose: int, start: int = 0
) -> NDArray[np.bool_]:
    """Return the pores of a random porous body: the lowest part of a random field.

    Parameters
    ----------
    shape : (n_z, n, n)
        Size.
    porosity : float
        Share of the volume that is pore, from 0 to below 1, dimensionless; met on average.
    size_px : float
        Correlation length of the field in pixels, about the width of a pore.
    seed, purpose : int
        Key of the noise.
    start : int
        Slice of the field to begin with.

    Returns
    -------
    (n_z, n, n) array of bool
        True in pores.

    Raises
    ------
    ValueError
        If the porosity is not between 0 and 1.
    """
    if not 0 <= porosity < 1:
        raise ValueError(f"porosity is {porosity}; give a share from 0 to below 1")
    if porosity == 0:
        return np.zeros(shape, dtype=bool)
    return SliceField(shape[1], size_px, seed, purpose).below(start, start + shape[0], porosity)

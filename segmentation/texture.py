"""The electrolyte's texture in one scan: density without cupping and rings, at any binning, read box by box."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..arrays import Array, to_host
from ..materials import Phase
from .block_sums import block_sums
from .bore import Bore

WALL_PX = 4.0
"""Columns this close to the wall of the bore are left out: what is there blurs in."""

WIDE_PX = 5.0
"""Gaussian whose mean is taken off: what varies more slowly than that is hardening, not texture."""

NARROW_PX = 1.0
"""Gaussian before the comparison: less noise, and a cubic spline then errs by less than 1e-3."""

REACH_PX = 13
"""Voxels around a box that its texture feels."""

MOST_KEPT = 16_000_000
"""Voxels that are held in memory, binned."""

VOXELS_READ = 8_000_000
"""Voxels that are read at a time, if a binned row does not take more."""

RING_ROUNDS = 3
RING_PX = 0.5
"""Width of the rings that are told apart, in voxels."""

SMALL_PX = 4

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Texture:
    """The electrolyte of one scan.

    Parameters
    ----------
    volume : (n_z, n_y, n_x) array
        What tells electrolyte from its pores: µ in cm^-1, or a share; sliced, never read whole. NaN counts as unseen.
    levels : (light, dense)
        What void and electrolyte read in it.
    bore : Bore
        Of the tube, in voxels; the axis of the turn is sought there.
    rows : (first, stop)
        Half-open range of rows that electrolyte fills.
    voxel_um : float
        Edge of a voxel, in µm.
    labels : (n_z, n_y, n_x) array of uint8, optional
        Values of `Phase`; lithium is left out, as it was not there before.
    """

    volume: Array
    levels: tuple[float, float]
    bore: Bore
    rows: tuple[int, int]
    voxel_um: float
    labels: Array | None = None


@dataclass(frozen=True, eq=False)
class Binned:
    """A texture whose rings are known, with a binned copy in memory.

    Parameters
    ----------
    texture : Texture
        What it was made of.
    rings : (n_rows, 2, n_radii) array of float32
        Mean of each half ring about the rotation axis, dimensionless, for the rows of the texture: rings of a
        detector stand still while the cell moves, and each half of the detector draws its own half.
    kept : mapping of int to (values, known)
        By binning, what is in memory: density less rings, float32 and dimensionless, and which voxels are
        electrolyte; (m_z, m_y, m_x) each, from row 0 of the volume on.
    """

    texture: Texture
    rings: Floats
    kept: Mapping[int, tuple[Floats, Mask]]

    def shape(self, binning: int) -> tuple[int, int, int]:
        """Return the size of the volume at a binning.

        Parameters
        ----------
        binning : int
            A power of 2.

        Returns
        -------
        (n_z, n_y, n_x)
            Rows end with the last whole binned row of the electrolyte.
        """
        _, n_y, n_x = self.texture.volume.shape
        return self.texture.rows[1] // binning, -(-n_y // binning), -(-n_x // binning)

    def box(self, binning: int, low: tuple[int, int, int], high: tuple[int, int, int]) -> tuple[Floats, Mask]:
        """Return the texture of a box, smoothed, and without what varies slowly.

        Parameters
        ----------
        binning : int
            A power of 2.
        low, high : tuple of int
            Half-open range of binned voxels z, y, x, within `shape`.

        Returns
        -------
        values : array of float32
            Deviation of the density, dimensionless; 0 where unknown.
        known : array of bool
            Electrolyte whose texture is not cut.
        """
        limits = self.shape(binning)
        begin = self.texture.rows[0] // binning
        firsts = (begin, 0, 0)
        outer = [
            (max(lo - REACH_PX, first), min(hi + REACH_PX, n))
            for lo, hi, first, n in zip(low, high, firsts, limits, strict=True)
        ]
        values, known = self._binned(binning, outer)
        values = banded(values, known)
        clear = ndimage.binary_erosion(known, iterations=3)
        inner = tuple(slice(lo - o[0], hi - o[0]) for lo, hi, o in zip(low, high, outer, strict=True))
        return values[inner], clear[inner]

    def _binned(self, binning: int, ends: list[tuple[int, int]]) -> tuple[Floats, Mask]:
        """Density less rings, from memory where that is fine enough, else from the scan."""
        if binning in self.kept:
            values, known = self.kept[binning]
            cut = tuple(slice(*e) for e in ends)
            return values[cut], known[cut]
        z, y, x = (slice(a * binning, b * binning) for a, b in ends)
        parts = []
        height = _rows_read((y.stop - y.start) * (x.stop - x.start), binning)
        for rows in _spans(z.start, z.stop, height):
            parts.append(binned(*flattened(self.texture, (rows, y, x), self.rings), binning))
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def banded(values: Floats, known: Mask) -> Floats:
    """Take the wide mean off and smooth, within what is known.

    Parameters
    ----------
    values : (n_z, n_y, n_x) array of float32
        Density, dimensionless.
    known : (n_z, n_y, n_x) array of bool
        Voxels that count.

    Returns
    -------
    (n_z, n_y, n_x) array of float32
        Its texture; 0 where unknown.
    """
    share = ndimage.gaussian_filter(known.astype(np.float32), WIDE_PX, mode="constant")
    mean = ndimage.gaussian_filter(np.where(known, values, np.float32(0)), WIDE_PX, mode="constant")
    fine = np.where(known, values - mean / np.maximum(share, 1e-3), np.float32(0))
    smooth: Floats = ndimage.gaussian_filter(fine, NARROW_PX, mode="constant")
    return np.where(known, smooth, np.float32(0))


def binned(values: Floats, known: Mask, factor: int) -> tuple[Floats, Mask]:
    """Average cubes of voxels; the last of an axis may be cut short.

    Parameters
    ----------
    values : (n_z, n_y, n_x) array of float32
        Any quantity.
    known : (n_z, n_y, n_x) array of bool
        Voxels that count.
    factor : int
        Edge of a cube in voxels.

    Returns
    -------
    values : array of float32
        Means of what counts; 0 where nothing does.
    known : array of bool
        Cubes of which at least half counts.
    """
    if factor == 1:
        return values, known
    count = block_sums(known, factor)
    total = block_sums(np.where(known, values, np.float32(0)), factor)
    return (total / np.maximum(count, 1)).astype(np.float32), count >= 0.5 * factor**3


def flattened(texture: Texture, box: Box, rings: Floats | None = None) -> tuple[Floats, Mask]:
    """Read a box of a scan as density: 0 at the light level and 1 at the electrolyte's, less rings.

    Parameters
    ----------
    texture : Texture
        The scan.
    box : (z, y, x) slices
        Part of the volume; beyond its edges nothing is read.
    rings : (n_rows, 2, n_radii) array of float32, optional
        To be taken off.

    Returns
    -------
    values : array of float32
        Density, dimensionless; 0 where unknown.
    known : array of bool
        Electrolyte: within the bore, off its wall, and no lithium.
    """
    z, y, x = box
    light, dense = texture.levels
    values = np.asarray(to_host(texture.volume[z, y, x]), dtype=np.float32)
    values = (values - np.float32(light)) / np.float32(dense - light)
    inner = texture.bore.distance(*texture.volume.shape[1:])[y, x] < texture.bore.radius_px - WALL_PX
    known = inner & np.isfinite(values)
    if texture.labels is not None:
        changed = np.asarray(to_host(texture.labels[z, y, x])) == Phase.LITHIUM
        if changed.any():
            known &= ~ndimage.binary_dilation(changed, iterations=3)
    values = np.where(known, values, np.float32(0))
    if rings is not None:
        rows = np.arange(z.start, z.start + len(values)) - texture.rows[0]
        profile = rings.reshape(len(rings), -1)[np.clip(rows, 0, len(rings) - 1)]
        places, part = _ring_places(texture)
        values = np.where(known, values - _of_rings(profile, places[y, x], part[y, x]), np.float32(0))
    return values, known


def _ring_places(texture: Texture) -> tuple[NDArray[np.intp], Floats]:
    """In which half ring about the rotation axis each column of voxels lies, and how far towards the next."""
    _, n_y, n_x = texture.volume.shape
    y, x = np.ogrid[:n_y, :n_x]
    y, x = y - (n_y - 1) / 2, x - (n_x - 1) / 2
    radius = np.hypot(y, x) / RING_PX
    whole = np.floor(radius).astype(np.intp)
    return whole + _radii(texture) * (y > 0), (radius - whole).astype(np.float32)


def _of_rings(profile: Floats, places: NDArray[np.intp], part: Floats) -> Floats:
    """Rings at each column, between two radii: (n_rows, n_y, n_x)."""
    found: Floats = profile[:, places] * (1 - part) + profile[:, places + 1] * part
    return found


def _radii(texture: Texture) -> int:
    _, n_y, n_x = texture.volume.shape
    return int(np.hypot(n_y, n_x) / 2 / RING_PX) + 3


def binned_texture(texture: Texture, align: int) -> Binned:
    """Read a scan once: find its rings, and keep it binned.

    Parameters
    ----------
    texture : Texture
        The scan.
    align : int
        Coarsest binning that will be asked for; a power of 2, rows begin at a multiple of it.

    Returns
    -------
    Binned
        The texture at every binning from 1 to `align`.
    """
    first, stop = -(-texture.rows[0] // align) * align, texture.rows[1] // align * align
    texture = replace(texture, rows=(first, max(stop, first)))
    _, n_y, n_x = texture.volume.shape
    kept_bin = 1
    while (stop - first) * n_y * n_x / kept_bin**3 > MOST_KEPT and kept_bin < align:
        kept_bin *= 2
    height = _rows_read(n_y * n_x, kept_bin)
    size = (texture.rows[1] // kept_bin, -(-n_y // kept_bin), -(-n_x // kept_bin))
    kept, known = np.zeros(size, np.float32), np.zeros(size, bool)
    rings = np.zeros((texture.rows[1] - texture.rows[0], 2, _radii(texture)), np.float32)
    places, part = _ring_places(texture)
    for rows in _spans(*texture.rows, height):
        values, seen = flattened(texture, (rows, slice(0, n_y), slice(0, n_x)))
        own = _half_rings(values, seen, places, part, _radii(texture))
        rings[rows.start - first : rows.stop - first] = own
        values = np.where(seen, values - _of_rings(own.reshape(len(own), -1), places, part), np.float32(0))
        cut = slice(rows.start // kept_bin, rows.stop // kept_bin)
        kept[cut], known[cut] = binned(values, seen, kept_bin)
    levels = {kept_bin: (kept, known)}
    while kept_bin < align:
        kept_bin, (kept, known) = 2 * kept_bin, binned(kept, known, 2)
        levels[kept_bin] = kept, known
    return Binned(texture, rings, levels)


def _rows_read(voxels_a_row: int, binning: int) -> int:
    return max(VOXELS_READ // (voxels_a_row * binning), 1) * binning


def _spans(first: int, stop: int, height: int) -> Iterator[slice]:
    for start in range(first, stop, height):
        yield slice(start, min(start + height, stop))


def _half_rings(values: Floats, known: Mask, places: NDArray[np.intp], part: Floats, n_radii: int) -> Floats:
    """Mean of each half ring of each row; small ones in the middle are all texture, and take their outer neighbour."""
    nearest = places + (part > 0.5)
    found = np.zeros((len(values), 2 * n_radii))
    for z, (row, seen) in enumerate(zip(values, known, strict=True)):
        place, value = nearest[seen], row[seen].astype(np.float64)
        if value.size == 0:
            continue
        count = np.maximum(np.bincount(place, minlength=2 * n_radii), 1)
        mean = np.full(2 * n_radii, np.median(value))
        for _ in range(RING_ROUNDS):  # pores are far off a ring's mean, and must not drag it along
            off = value - mean[place]
            most = 2.5 * 1.4826 * np.median(np.abs(off))
            mean = mean + np.bincount(place, weights=off.clip(-most, most), minlength=2 * n_radii) / count
        found[z] = mean
    rings = found.reshape(len(values), 2, n_radii)
    small = round(SMALL_PX / RING_PX)
    rings[:, :, :small] = rings[:, :, small : small + 1]
    return rings.astype(np.float32)

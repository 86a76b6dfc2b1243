"""The narrowest ligament: how much electrolyte connected lithium has left to cross to the counter electrode."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from ..materials import Phase
from .geodesic import geodesic_um
from .growth import Growth, trace_growth
from .interfaces import Interfaces
from .stack import Stack

MAX_VOXELS = 4_000_000
"""Voxels that one solution of the eikonal equation may have; larger volumes are binned first."""


@dataclass(frozen=True)
class Ligament:
    """The shortest way through electrolyte from connected lithium to the counter side.

    Parameters
    ----------
    length_um : float
        Its length, in µm.
    end_px : tuple of int
        Row and column at which it reaches the counter side.
    resolution_um : float
        Edge of the voxels it was found on, in µm: the length is known to about this.
    """

    length_um: float
    end_px: tuple[int, int]
    resolution_um: float


def narrowest_ligament(
    stack: Stack,
    faces: Interfaces,
    *,
    growth: Growth | None = None,
    max_voxels: int = MAX_VOXELS,
) -> Ligament | None:
    """Find the shortest way through electrolyte from connected lithium to the counter side.

    The way leads round voids and all that is not electrolyte. A coarse solution over the whole volume finds
    the place, a fine one about it the length.

    Parameters
    ----------
    stack : Stack
        Labels seen from the anode.
    faces : Interfaces
        Where the electrolyte begins and ends; lithium within the roughness of the beginning is film, and
        starts at the interface.
    growth : Growth, optional
        What `trace_growth` returned, its volume kept; None traces it.
    max_voxels : int
        Voxels of one solution.

    Returns
    -------
    Ligament or None
        None if no way leads across, or the cell is shorted (no electrolyte is left).
    """
    growth = trace_growth(stack, faces, keep_volume=True) if growth is None else growth
    first, volume = growth.first, growth.kept()
    if any((plane & (index >= faces.far_px - 1)).any() for index, plane in enumerate(volume, start=first)):
        return None
    start = max(int(np.floor(faces.near_px.min())), 0)
    stop = min(ceil(faces.far_px.max()) + 1, stack.depth)
    size = (stop - start) * stack.shape[0] * stack.shape[1]
    bins = max(1, ceil((size / max_voxels) ** (1 / 3)))
    whole = (slice(0, stack.shape[0]), slice(0, stack.shape[1]))
    found = _solve(stack, faces, (first, volume), (start, stop), whole, bins)
    if found is None or bins == 1:
        return found
    half = found.length_um + 4 * found.resolution_um
    window = tuple(
        slice(max(0, end - ceil(half / edge)), min(n, end + ceil(half / edge) + 1))
        for end, edge, n in zip(found.end_px, stack.pixel_um, stack.shape, strict=True)
    )
    deepest = ceil(half / stack.depth_um)
    begin = max(start, int(faces.far_px[window].min()) - deepest)
    area = (window[0].stop - window[0].start) * (window[1].stop - window[1].start)
    finer = max(1, ceil(((stop - begin) * area / max_voxels) ** (1 / 3)))
    if finer >= bins:
        return found
    return _solve(stack, faces, (first, volume), (begin, stop), window, finer) or found


def _solve(
    stack: Stack,
    faces: Interfaces,
    lithium: tuple[int, NDArray[np.bool_]],
    planes: tuple[int, int],
    window: tuple[slice, ...],
    bins: int,
) -> Ligament | None:
    """Solve on a part of the volume, `bins` voxels of each axis taken as one."""
    start, stop = planes
    near, far = faces.near_px[window], faces.far_px[window]
    index = np.arange(start, stop)[:, None, None]
    is_open = np.concatenate(
        [slab[(slice(None), *window)] == Phase.ELECTROLYTE for _, slab in stack.slabs(start, stop)]
    )
    sources = _placed(lithium, planes, window) | (index < near)
    ends = is_open & (index >= far - 1) & (index < far)
    is_open, sources, ends = (_binned(part, bins) for part in (is_open, sources, ends))
    edges = [bins * edge for edge in (stack.depth_um, *stack.pixel_um)]
    distance = geodesic_um(is_open & ~sources, sources, voxel_um=edges)
    distance[~(ends & ~sources)] = np.inf
    if not np.isfinite(distance).any():
        return None
    at = np.unravel_index(int(distance.argmin()), distance.shape)
    end = tuple(int(i * bins + bins // 2 + part.start) for i, part in zip(at[1:], window, strict=True))
    row, column = (min(i, n - 1) for i, n in zip(end, stack.shape, strict=True))
    return Ligament(float(distance[at]), (row, column), max(edges))


def _placed(
    lithium: tuple[int, NDArray[np.bool_]], planes: tuple[int, int], window: tuple[slice, ...]
) -> NDArray[np.bool_]:
    """Cut the grown lithium to the planes and the window that are solved on."""
    first, grown = lithium
    start, stop = planes
    shape = (stop - start, *(part.stop - part.start for part in window))
    placed = np.zeros(shape, dtype=bool)
    low, high = max(start, first), min(stop, first + grown.shape[0])
    if low < high:
        placed[low - start : high - start] = grown[(slice(low - first, high - first), *window)]
    return placed


def _binned(mask: NDArray[np.bool_], bins: int) -> NDArray[np.bool_]:
    """Take blocks of voxels as one that is set if any of them is."""
    if bins == 1:
        return mask
    padded = np.pad(mask, [(0, -n % bins) for n in mask.shape])
    z, y, x = (n // bins for n in padded.shape)
    return np.asarray(padded.reshape(z, bins, y, bins, x, bins).any(axis=(1, 3, 5)))

"""What comes out behind a cell, and how views are shared out to threads."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..arrays import thread_map
from .light import LightPath

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Wave:
    """A view before the detector.

    Parameters
    ----------
    intensity : (n_rays, n_slices) array of float32
        Intensity of fine rays and slices over the open beam's, dimensionless.
    phase : (n_rays, n_slices) array of float32, or None
        Phase in rad; None where fringes are left out.
    """

    intensity: NDArray[np.float32]
    phase: NDArray[np.float32] | None


def each(function: Callable[[int], T], count: int, threads: int) -> Iterable[T]:
    """Apply a function to 0, 1, ... on some threads, or on the caller's own.

    Parameters
    ----------
    function : callable
        Takes a whole number.
    count : int
        How many.
    threads : int
        Threads; 1 stays on the caller's.

    Returns
    -------
    iterable
        Results in order, made as they are asked for.
    """
    return map(function, range(count)) if threads == 1 else thread_map(function, range(count), threads=threads)


def mean_chords(path: LightPath, distances_um: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the path in the tube and in each ring, averaged over the width of each ray.

    A chord rises like a root from the rim. Taken along the middle of each ray alone, the rim jumps from ray to ray as
    the tube moves by parts of one, and two scans of a cell that moved differ by what no detector sees.

    Parameters
    ----------
    path : LightPath
        Radii of tube and rings, and width of the rays.
    distances_um : (n_rays,) array of float64
        Distance of each ray from the tube's axis in µm.

    Returns
    -------
    (n_rings + 1, n_rays) array of float64
        Chords in µm, from the inside out.
    """
    half_um = _half_width_um(path)
    above, below = (_area_beside(path.radii_um[:, None], distances_um + side) for side in (half_um, -half_um))
    return np.diff((above - below) / (2 * half_um), axis=0, prepend=0.0)


def within_tube(
    path: LightPath, distances_um: NDArray[np.float64], tube_um: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return lines that stand for the part of each ray that meets the tube.

    Parameters
    ----------
    path : LightPath
        Radius of the tube, and width of the rays.
    distances_um : (n_rays,) array of float64
        Distance of each ray from the tube's axis in µm.
    tube_um : (n_rays,) array of float64
        Mean chord of each ray in the tube, in µm.

    Returns
    -------
    (n_rays,) array of float64
        Distance of the line in µm: the middle of the part that meets the tube; of the ray where none does.
    (n_rays,) array of float32
        Mean chord over the line's own, dimensionless.
    """
    half_um, radius = _half_width_um(path), path.radii_um[0]
    middle = 0.5 * (np.maximum(distances_um - half_um, -radius) + np.minimum(distances_um + half_um, radius))
    lines = np.where(tube_um > 0, middle, distances_um)
    own = 2 * np.sqrt(np.maximum(radius**2 - lines**2, 0.0))
    return lines, np.divide(tube_um, own, out=np.ones_like(own), where=own > 0).astype(np.float32)


def _half_width_um(path: LightPath) -> float:
    return 0.5 * path.acquisition.voxel_um / path.acquisition.rays_per_pixel


def _area_beside(radius: NDArray[np.float64], distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area of a disc between its middle and a line at some distance: the integral of its chords."""
    held = np.clip(distance, -radius, radius)
    return held * np.sqrt(radius**2 - held**2) + radius**2 * np.arcsin(held / radius)

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


def chords(path: LightPath, distances_um: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the path of rays in the tube and in each ring around it.

    Parameters
    ----------
    path : LightPath
        Radii of tube and rings.
    distances_um : (n_rays,) array of float64
        Distance of each ray from the tube's axis in µm.

    Returns
    -------
    (n_rings + 1, n_rays) array of float64
        Chords in µm, from the inside out.
    """
    chords = 2 * np.sqrt(np.maximum(path.radii_um[:, None] ** 2 - distances_um**2, 0.0))
    return np.diff(chords, axis=0, prepend=0.0)

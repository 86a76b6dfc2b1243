"""Where bodies lie: clusters, filaments, voids and cracks, drawn with a seed before any voxel is touched."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from .inclusions import Bodies
from .morphology import points_in_disc, random_rotation


def scattered_balls(
    low: float, high: float, reach: float, radius: float, side: int, generator: np.random.Generator
) -> Iterator[tuple[NDArray[np.float64], float]]:
    """Yield balls of varied size, scattered evenly over a cylinder, without end.

    Parameters
    ----------
    low, high : float
        Range of z in voxels.
    reach : float
        Radius of the cylinder in voxels.
    radius : float
        Mean radius of the balls in voxels.
    side : int
        Voxels across the square that the cylinder stands in the middle of.
    generator : numpy.random.Generator
        Source of the draws.

    Yields
    ------
    tuple of (array, float)
        Middle as z, y, x, and radius, in voxels.
    """
    while True:
        y, x = points_in_disc(1, reach, generator)[0] + (side - 1) / 2
        yield np.array([generator.uniform(low, high), y, x]), radius * generator.uniform(0.5, 1.5)


def filament(
    start: NDArray[np.float64], top: float, width: float, generator: np.random.Generator
) -> Iterator[tuple[NDArray[np.float64], float]]:
    """Yield balls along a filament that climbs in a persistent random walk.

    Parameters
    ----------
    start : (3,) array
        z, y, x of its foot in voxels.
    top : float
        z at which it ends.
    width : float
        Width in voxels.
    generator : numpy.random.Generator
        Source of the draws.

    Yields
    ------
    tuple of (array, float)
        Middle as z, y, x, and radius, in voxels, every quarter of a width.
    """
    place, slope = start.astype(np.float64), np.zeros(2)
    step = max(width / 4, 0.5)
    while place[0] <= top:
        yield place.copy(), width / 2 * generator.uniform(0.85, 1.15)
        slope = 0.97 * slope + 0.15 * generator.standard_normal(2)
        direction = np.array([1.0, *slope])
        place = place + step * direction / np.linalg.norm(direction)


def flat_voids(
    balls: Iterator[tuple[NDArray[np.float64], float]],
    volume: float,
    *,
    belongs: Callable[[NDArray[np.float64]], bool],
    closed_share: float,
    generator: np.random.Generator,
) -> tuple[Bodies, NDArray[np.bool_]]:
    """Draw flattened voids until they hold a volume.

    Parameters
    ----------
    balls : iterator of (centre, radius)
        Places and mean radii of voids, in voxels, without end.
    volume : float
        Volume in voxels.
    belongs : callable
        Whether a place z, y, x lies in the host; voids elsewhere are left out.
    closed_share : float
        Share of the voids that no gas enters.
    generator : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    Bodies
        The voids.
    (n_voids,) array of bool
        True for those that are closed.
    """
    centres: list[NDArray[np.float64]] = []
    axes: list[NDArray[np.float64]] = []
    closed: list[bool] = []
    held, tried = 0.0, 0
    while held < volume and tried < 100 * (len(centres) + 10):
        tried += 1
        centre, size = next(balls)
        half = size * np.array([0.6, *generator.uniform(0.7, 1.4, 2)])
        is_closed = bool(generator.random() < closed_share)
        if belongs(centre):
            centres.append(centre)
            axes.append(half)
            closed.append(is_closed)
            held += 4 / 3 * np.pi * float(half.prod())
    return _apart(centres, axes, [np.eye(3)] * len(centres)), np.array(closed, dtype=bool)


def cracks(balls: Iterator[tuple[NDArray[np.float64], float]], count: int, generator: np.random.Generator) -> Bodies:
    """Draw flat cracks, two voxels wide, at any angle.

    Parameters
    ----------
    balls : iterator of (centre, radius)
        Places and radii of cracks, in voxels.
    count : int
        How many.
    generator : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    Bodies
        The cracks.
    """
    centres, axes, turns = [], [], []
    for _, (centre, size) in zip(range(count), balls, strict=False):
        centres.append(centre)
        axes.append(np.array([1.0, size, size * generator.uniform(0.5, 1.0)]))
        turns.append(random_rotation(generator))
    return _apart(centres, axes, turns)


def _apart(
    centres: list[NDArray[np.float64]], axes: list[NDArray[np.float64]], turns: list[NDArray[np.float64]]
) -> Bodies:
    """Gather ellipsoids, each a body of its own."""
    n = len(centres)
    return Bodies(
        np.array(centres, dtype=np.float64).reshape(n, 3),
        np.array(axes, dtype=np.float64).reshape(n, 3),
        np.array(turns, dtype=np.float64).reshape(n, 3, 3),
        np.arange(n, dtype=np.int64),
    )

"""Bodies inside a layer, in whole voxels: masses, clusters, filaments, voids and cracks."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from .cell import count_voxels
from .morphology import ball_offsets, carve_ellipsoid, points_in_disc, random_rotation


def take_lowest(
    labels: NDArray[np.uint8], allowed: NDArray[np.bool_], score: NDArray[np.float32], count: int, code: int
) -> None:
    """Relabel exactly the `count` allowed voxels of the lowest score, in place.

    Parameters
    ----------
    labels : (n_z, n, n) array of uint8
        Labels of a cell.
    allowed : (n_z, n, n) array of bool
        Voxels that may change.
    score : (n_z, n, n) array of float32
        What voxels are ranked by.
    count : int
        How many change, not negative.
    code : int
        What they become.

    Raises
    ------
    ValueError
        If fewer voxels are allowed.
    """
    if count == 0:
        return
    values = score[allowed]
    if values.size < count:
        raise ValueError(
            f"{count} voxels of lithium are to lie where only {values.size} voxels are free; give less charge or "
            "a larger host"
        )
    limit = np.partition(values, count - 1)[count - 1]
    chosen = values < limit
    ties = np.flatnonzero(values == limit)  # the first in place, so that the count is exact
    chosen[ties[: count - int(chosen.sum())]] = True
    hit = allowed.copy()
    hit[allowed] = chosen
    labels[hit] = code


def voxels_of_balls(
    labels: NDArray[np.uint8],
    inside: NDArray[np.bool_],
    balls: Iterable[tuple[NDArray[np.float64], float]],
    *,
    host: int,
) -> NDArray[np.int64]:
    """List the voxels of one tissue within some balls.

    Parameters
    ----------
    labels : (n_z, n, n) array of uint8
        Labels of a cell.
    inside : (n, n) array of bool
        Columns that count.
    balls : iterable of (centre, radius)
        Voxel indices z, y, x of the middle, and radius in voxels.
    host : int
        Only voxels with this label count.

    Returns
    -------
    (n, 3) array of int64
        z, y and x of each voxel once, in the order of the balls, from their middles out.
    """
    shape = np.array(labels.shape)
    places = [np.rint(centre).astype(np.int64) + ball_offsets(radius) for centre, radius in balls]
    place = np.concatenate([np.zeros((0, 3), dtype=np.int64), *places])
    place = place[np.all((place >= 0) & (place < shape), axis=1)]
    z, y, x = place.T
    place = place[(labels[z, y, x] == host) & inside[y, x]]
    _, first = np.unique(np.ravel_multi_index(tuple(place.T), labels.shape), return_index=True)
    return place[np.sort(first)]


def relabel(labels: NDArray[np.uint8], places: NDArray[np.int64], code: int) -> None:
    """Relabel voxels, in place.

    Parameters
    ----------
    labels : (n_z, n, n) array of uint8
        Labels of a cell.
    places : (n, 3) array of int64
        z, y and x of each voxel.
    code : int
        What they become.
    """
    z, y, x = places.T
    labels[z, y, x] = code


def add_balls(
    labels: NDArray[np.uint8],
    inside: NDArray[np.bool_],
    balls: Iterator[tuple[NDArray[np.float64], float]],
    *,
    count: int,
    host: int,
    code: int,
) -> None:
    """Relabel voxels of one tissue within balls, ball after ball, until a number is reached, in place.

    Parameters
    ----------
    labels : (n_z, n, n) array of uint8
        Labels of a cell.
    inside : (n, n) array of bool
        Columns that may change.
    balls : iterator of (centre, radius)
        Voxel indices z, y, x of the middle, and radius in voxels; consumed until `count` is reached.
    count : int
        Voxels to relabel.
    host : int
        Only voxels with this label change.
    code : int
        What they become.

    Raises
    ------
    ValueError
        If the balls run out, or `count` is more than the host holds.
    """
    free = int(count_voxels(labels, inside, 256)[:, host].sum()) if count else 0
    done = 0
    while done < min(count, free):
        ball = next(balls, None)
        if ball is None:
            break
        places = voxels_of_balls(labels, inside, [ball], host=host)[: count - done]
        relabel(labels, places, code)
        done += len(places)
    if done < count:
        raise ValueError(
            f"{count} voxels of lithium are to lie in balls that have room for {done}; give less charge or a larger "
            "host"
        )


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


def add_voids(
    labels: NDArray[np.uint8],
    inside: NDArray[np.bool_],
    *,
    share: float,
    radius: float,
    host: int,
    codes: tuple[int, int],
    closed_share: float,
    generator: np.random.Generator,
) -> None:
    """Open flattened voids in a tissue until they hold a share of it, in place.

    Parameters
    ----------
    labels : (n_z, n, n) array of uint8
        Labels of a cell.
    inside : (n, n) array of bool
        Columns whose voxels count.
    share : float
        Share of the host to open, dimensionless.
    radius : float
        Mean radius in voxels.
    host : int
        Tissue that is opened.
    codes : (open, closed)
        Labels of voids that gas enters and does not enter.
    closed_share : float
        Share of the voids that no gas enters.
    generator : numpy.random.Generator
        Source of the draws.
    """
    counts = count_voxels(labels, inside, 256)[:, host]
    layers = np.flatnonzero(counts)
    if layers.size == 0:
        return
    wanted = share * float(counts.sum())
    opened, side = 0, labels.shape[1]
    balls = scattered_balls(float(layers[0]), float(layers[-1]), side / 2, radius, side, generator)
    while opened < wanted:
        centre, size = next(balls)
        axes = size * np.array([0.6, *generator.uniform(0.7, 1.4, 2)])
        code = codes[1] if generator.random() < closed_share else codes[0]
        z, y, x = np.clip(np.rint(centre).astype(int), 0, np.array(labels.shape) - 1)
        if labels[z, y, x] == host:
            opened += carve_ellipsoid(labels, centre, axes, host=host, code=code)


def add_cracks(
    labels: NDArray[np.uint8],
    count: int,
    radius: float,
    *,
    host: int,
    code: int,
    generator: np.random.Generator,
) -> None:
    """Open flat cracks, two voxels wide, anywhere in a tissue and at any angle, in place.

    Parameters
    ----------
    labels : (n_z, n, n) array of uint8
        Labels of a cell.
    count : int
        How many.
    radius : float
        Mean radius in voxels.
    host : int
        Tissue that cracks.
    code : int
        Label of the cracks.
    generator : numpy.random.Generator
        Source of the draws.
    """
    everywhere = np.ones(labels.shape[1:], dtype=bool)
    layers = np.flatnonzero(count_voxels(labels, everywhere, 256)[:, host])
    if count == 0 or layers.size == 0:
        return
    side = labels.shape[1]
    balls = scattered_balls(float(layers[0]), float(layers[-1]), side / 2, radius, side, generator)
    for _, (centre, size) in zip(range(count), balls, strict=False):
        axes = np.array([1.0, size, size * generator.uniform(0.5, 1.0)])
        carve_ellipsoid(labels, centre, axes, host=host, code=code, rotation=random_rotation(generator))

"""Bodies inside a layer, in whole voxels and slab by slab: masses, clusters, filaments, voids and cracks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .slabs import Workpiece

STEPS = 1024
"""Ranks within a score of 1."""

LOWEST, HIGHEST = -64, 1024
"""Range of scores that are ranked; scores beyond it are ranked as its ends."""

TAKEN = 254
"""Label of voxels that a body would take, while bodies are counted."""

UNLIMITED = np.iinfo(np.int64).max
"""Quota of a body that is carved whole."""

Score = Callable[[int, int], NDArray[np.float32]]
"""Returns the score of the voxels of slices [start, stop), (n_slices, n, n)."""


@dataclass(frozen=True, eq=False)
class Bodies:
    """Ellipsoids, grouped into bodies.

    Parameters
    ----------
    centres : (n, 3) array of float64
        z, y and x of their middles as voxel indices.
    axes : (n, 3) array of float64
        Half axes along z, y and x before the turn, in voxels, above 0.
    turns : (n, 3, 3) array of float64
        Rotation from each ellipsoid's axes to z, y and x.
    groups : (n,) array of int64
        Body that each belongs to, growing.
    """

    centres: NDArray[np.float64]
    axes: NDArray[np.float64]
    turns: NDArray[np.float64]
    groups: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Number of bodies."""
        return int(self.groups[-1]) + 1 if len(self.groups) else 0


def balls(places: Iterable[tuple[NDArray[np.float64], float, int]]) -> Bodies:
    """Gather balls.

    Parameters
    ----------
    places : iterable of (centre, radius, group)
        Voxel indices z, y, x of the middle, radius in voxels, and body.

    Returns
    -------
    Bodies
        Balls around whole voxels, the middle voxel always included.
    """
    listed = list(places)
    radii = np.array([max(radius, 0.5) for _, radius, _ in listed], dtype=np.float64)
    return Bodies(
        np.array([np.rint(centre) for centre, _, _ in listed], dtype=np.float64).reshape(-1, 3),
        np.repeat(radii[:, None] + 1e-6, 3, axis=1),
        np.broadcast_to(np.eye(3), (len(listed), 3, 3)).copy(),
        np.array([group for _, _, group in listed], dtype=np.int64),
    )


def take_lowest(
    work: Workpiece, score: Score, *, count: int, host: int, code: int, rows: tuple[int, int] | None = None
) -> None:
    """Relabel exactly the `count` voxels of one tissue in the tube that have the lowest score, in place.

    Parameters
    ----------
    work : Workpiece
        Labels of a cell.
    score : callable
        What voxels are ranked by, to a 1024th; of equals the lower slice comes first.
    count : int
        How many change, not negative.
    host : int
        Only voxels with this label change.
    code : int
        What they become.
    rows : (first, end), optional
        Only these slices change.

    Raises
    ------
    ValueError
        If there are fewer voxels.
    """
    if count == 0:
        return
    low, high = rows or (0, work.labels.shape[0])
    ranks = np.zeros((HIGHEST - LOWEST) * STEPS, dtype=np.int64)
    kept = {}
    for start, labels in work.read(low, high):
        values = score(start, start + len(labels))
        if isinstance(work.labels, np.ndarray):
            kept[start] = values
        _rank(labels, work.inside, start, (low, high), values, host, ranks)
    free = int(ranks.sum())
    if free < count:
        raise ValueError(
            f"{count} voxels of lithium are to lie where only {free} voxels are free; give less charge or a larger host"
        )
    below = np.cumsum(ranks)
    limit = int(np.searchsorted(below, count))
    ties = count - int(below[limit] - ranks[limit])
    for start, labels in work.slabs(low, high):
        values = kept.pop(start) if start in kept else score(start, start + len(labels))
        ties -= _take(labels, work.inside, start, (low, high), values, host, limit, ties, code)


@njit(nogil=True, cache=True, error_model="numpy")
def _rank_of(value):  # type: ignore[no-untyped-def]
    """Return the rank of a score."""
    return int(min(max((value - LOWEST) * STEPS, 0.0), (HIGHEST - LOWEST) * STEPS - 1.0))


@njit(nogil=True, cache=True, error_model="numpy")
def _rank(labels, inside, start, rows, score, host, ranks):  # type: ignore[no-untyped-def]
    """Count the voxels of each rank."""
    for z in range(max(rows[0] - start, 0), min(rows[1] - start, labels.shape[0])):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                if labels[z, y, x] == host and inside[y, x]:
                    ranks[_rank_of(score[z, y, x])] += 1


@njit(nogil=True, cache=True, error_model="numpy")
def _take(labels, inside, start, rows, score, host, limit, ties, code):  # type: ignore[no-untyped-def]
    """Relabel the voxels below a rank, and some of that rank; return how many of those."""
    taken = 0
    for z in range(max(rows[0] - start, 0), min(rows[1] - start, labels.shape[0])):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                if labels[z, y, x] == host and inside[y, x]:
                    rank = _rank_of(score[z, y, x])
                    if rank < limit:
                        labels[z, y, x] = code
                    elif rank == limit and taken < ties:
                        labels[z, y, x] = code
                        taken += 1
    return taken


def carve(
    work: Workpiece, bodies: Bodies, *, host: int, codes: NDArray[np.uint8], quotas: NDArray[np.int64] | None = None
) -> None:
    """Replace one tissue by others within bodies, in place; of overlapping bodies the first takes a voxel.

    Parameters
    ----------
    work : Workpiece
        Labels of a cell.
    bodies : Bodies
        What is carved, outside the tube too.
    host : int
        Only voxels with this label change.
    codes : (n_bodies,) array of uint8
        What the voxels of each body become.
    quotas : (n_bodies,) array of int64, optional
        Most voxels of each body in the tube, lower slices first; None carves all whole.
    """
    left = np.full(bodies.count, UNLIMITED) if quotas is None else quotas.copy()
    for start, labels, chosen in _met(bodies, work, write=True):
        _carve(labels, work.inside, start, *chosen, host, codes, left)  # type: ignore[call-arg]


def voxels_of(work: Workpiece, bodies: Bodies, *, host: int) -> NDArray[np.int64]:
    """Count the voxels in the tube that each body would take, if it came after those before it.

    Parameters
    ----------
    work : Workpiece
        Labels of a cell; they stay.
    bodies : Bodies
        The bodies.
    host : int
        Only voxels with this label count.

    Returns
    -------
    (n_bodies,) array of int64
        Voxels of each.
    """
    left = np.full(bodies.count, UNLIMITED)
    codes = np.full(bodies.count, TAKEN, dtype=np.uint8)
    for start, labels, chosen in _met(bodies, work, write=False):
        _carve(labels.copy(), work.inside, start, *chosen, host, codes, left)  # type: ignore[call-arg]
    return UNLIMITED - left


def _met(bodies: Bodies, work: Workpiece, *, write: bool):  # type: ignore[no-untyped-def]
    """Yield the slabs that bodies reach, with the ellipsoids that reach them."""
    if not len(bodies.groups):
        return
    reach = np.sqrt(((bodies.turns * bodies.axes[:, None]) ** 2).sum(axis=2))
    low, high = bodies.centres[:, 0] - reach[:, 0], bodies.centres[:, 0] + reach[:, 0]
    first, last = max(int(low.min()), 0), min(int(high.max()) + 2, work.labels.shape[0])
    for start, labels in (work.slabs if write else work.read)(first, last):
        met = (high >= start) & (low < start + len(labels))
        if met.any():
            yield (
                start,
                labels,
                (bodies.centres[met], bodies.axes[met], bodies.turns[met], reach[met], bodies.groups[met]),
            )


@njit(nogil=True, cache=True, error_model="numpy")
def _carve(labels, inside, start, centres, axes, turns, reach, groups, host, codes, left):  # type: ignore[no-untyped-def]
    """Relabel the host's voxels in each ellipsoid, z outermost; count those in the tube down from `left`."""
    n_z, n_y, n_x = labels.shape
    for k in range(centres.shape[0]):
        group = groups[k]
        for z in range(max(int(np.ceil(centres[k, 0] - reach[k, 0])) - start, 0), n_z):
            dz = z + start - centres[k, 0]
            if dz > reach[k, 0]:
                break
            for y in range(max(int(np.ceil(centres[k, 1] - reach[k, 1])), 0), n_y):
                dy = y - centres[k, 1]
                if dy > reach[k, 1]:
                    break
                for x in range(max(int(np.ceil(centres[k, 2] - reach[k, 2])), 0), n_x):
                    dx = x - centres[k, 2]
                    if dx > reach[k, 2]:
                        break
                    if labels[z, y, x] != host:
                        continue
                    distance = 0.0
                    for axis in range(3):
                        along = turns[k, 0, axis] * dz + turns[k, 1, axis] * dy + turns[k, 2, axis] * dx
                        distance += (along / axes[k, axis]) ** 2
                    if distance < 1.0 and (left[group] > 0 or not inside[y, x]):
                        if inside[y, x]:
                            left[group] -= 1
                        labels[z, y, x] = codes[group]


def carve_count(work: Workpiece, bodies: Bodies, *, count: int, host: int, code: int) -> None:
    """Carve body after body until they hold a number of voxels in the tube, in place.

    Parameters
    ----------
    work : Workpiece
        Labels of a cell.
    bodies : Bodies
        More than enough of them.
    count : int
        Voxels to relabel.
    host : int
        Only voxels with this label change.
    code : int
        What they become.

    Raises
    ------
    ValueError
        If the bodies have room for fewer.
    """
    if count == 0:
        return
    held = voxels_of(work, bodies, host=host)
    before = np.cumsum(held) - held
    if held.sum() < count:
        raise ValueError(
            f"{count} voxels of lithium are to lie in balls that have room for {int(held.sum())}; give less charge or "
            "a larger host"
        )
    quotas = np.clip(count - before, 0, held)
    carve(work, bodies, host=host, codes=np.full(bodies.count, code, dtype=np.uint8), quotas=quotas)

"""Connected pieces of a volume that is read plane by plane: faces, edges and corners connect.

Two passes of the classic raster scan with union-find [1]_. The first numbers and joins; the second numbers in
the same order again, so that no label volume is kept and the volume may be larger than memory.

References
----------
.. [1] Rosenfeld & Pfaltz, J. ACM 13, 471 (1966).
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(nogil=True, cache=True)
def _root(parent: Any, index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = parent[index]
    return index


@njit(nogil=True, cache=True)
def _join_plane(is_set: Any, above: Any, current: Any, parent: Any, count: int) -> int:
    """Number the voxels of a plane and join those that touch; return how many numbers are used up."""
    n_y, n_x = is_set.shape
    for y in range(n_y):
        for x in range(n_x):
            current[y, x] = 0
            if not is_set[y, x]:
                continue
            best = 0
            for dy in range(-1, 2):
                b = y + dy
                if b < 0 or b >= n_y:
                    continue
                for dx in range(-1, 2):
                    a = x + dx
                    if a < 0 or a >= n_x:
                        continue
                    neighbour = above[b, a]
                    if neighbour > 0:
                        root = _root(parent, neighbour)
                        if best == 0:
                            best = root
                        elif root != best:
                            low, high = min(root, best), max(root, best)
                            parent[high] = low
                            best = low
                    if dy < 0 or (dy == 0 and dx < 0):
                        neighbour = current[b, a]
                        if neighbour > 0:
                            root = _root(parent, neighbour)
                            if best == 0:
                                best = root
                            elif root != best:
                                low, high = min(root, best), max(root, best)
                                parent[high] = low
                                best = low
            if best == 0:
                count += 1
                best = count
                parent[count] = count
            current[y, x] = best
    return count


@njit(nogil=True, cache=True)
def _replay_plane(is_set: Any, above: Any, current: Any, piece: Any, count: int) -> int:
    """Number the voxels of a plane by their final piece; new numbers come up where they did before."""
    n_y, n_x = is_set.shape
    for y in range(n_y):
        for x in range(n_x):
            current[y, x] = 0
            if not is_set[y, x]:
                continue
            best = 0
            for dy in range(-1, 2):
                b = y + dy
                if best > 0 or b < 0 or b >= n_y:
                    continue
                for dx in range(-1, 2):
                    a = x + dx
                    if best > 0 or a < 0 or a >= n_x:
                        continue
                    if above[b, a] > 0:
                        best = above[b, a]
                    elif (dy < 0 or (dy == 0 and dx < 0)) and current[b, a] > 0:
                        best = current[b, a]
            if best == 0:
                count += 1
                best = piece[count]
            current[y, x] = best
    return count


class Joiner:
    """First pass: numbers voxels plane by plane and joins what touches.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of a plane.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.count = 0
        self._most = ((shape[0] + 1) // 2) * ((shape[1] + 1) // 2)  # new numbers a plane can need
        self._parent = np.zeros(self._most + 1, dtype=np.int64)
        self._above = np.zeros(shape, dtype=np.int64)
        self._current = np.zeros(shape, dtype=np.int64)

    def number(self, is_set: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Number the next plane.

        Parameters
        ----------
        is_set : (n_y, n_x) array of bool
            Voxels to connect.

        Returns
        -------
        (n_y, n_x) array of int64
            Provisional number of each voxel, 0 where not set; valid until the next but one call.
        """
        needed = self.count + self._most + 1
        if needed > self._parent.size:
            self._parent = np.resize(self._parent, max(needed, 2 * self._parent.size))
        self._above, self._current = self._current, self._above
        self.count = _join_plane(is_set, self._above, self._current, self._parent, self.count)
        return self._current

    def pieces(self) -> NDArray[np.int64]:
        """Return the piece that each provisional number belongs to.

        Returns
        -------
        (count + 1,) array of int64
            Pieces numbered from 1 in the order in which they were met; 0 for 0.
        """
        parent = self._parent[: self.count + 1].copy()
        while True:
            grand = parent[parent]
            if (grand == parent).all():
                break
            parent = grand
        is_root = parent == np.arange(parent.size)
        is_root[0] = False
        return np.cumsum(is_root)[parent] * (parent > 0)


class Replay:
    """Second pass: gives each voxel its final piece.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of a plane.
    pieces : (count + 1,) array of int64
        What `Joiner.pieces` returned.
    """

    def __init__(self, shape: tuple[int, int], pieces: NDArray[np.int64]) -> None:
        self._pieces = pieces
        self._count = 0
        self._above = np.zeros(shape, dtype=np.int64)
        self._current = np.zeros(shape, dtype=np.int64)

    def number(self, is_set: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Number the next plane, which must be the one that the first pass saw.

        Parameters
        ----------
        is_set : (n_y, n_x) array of bool
            Voxels to connect.

        Returns
        -------
        (n_y, n_x) array of int64
            Piece of each voxel, 0 where not set; valid until the next but one call.
        """
        self._above, self._current = self._current, self._above
        self._count = _replay_plane(is_set, self._above, self._current, self._pieces, self._count)
        return self._current

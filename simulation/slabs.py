"""Labels of a cell in slabs of slices: whole in memory where they are small, compressed where they are not."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

SLAB = 16
"""Slices in a slab, in which cells are built and packed labels are held."""

WHOLE_SHARE = 0.25
"""Share of the memory up to which labels are held as they are."""


@dataclass(eq=False)
class PackedLabels:
    """Labels held compressed, slab by slab; slices of them are arrays.

    Labels of layers pack to a hundredth of their size, so that a cell of billions of voxels fits a workstation.

    Parameters
    ----------
    shape : (n_z, n, n)
        Size in voxels.
    """

    shape: tuple[int, int, int]
    _parts: list[bytes] = field(init=False, repr=False, default_factory=list)

    def __post_init__(self) -> None:
        """Begin with zeros."""
        self._parts = [b""] * -(-self.shape[0] // SLAB)
        for index in range(len(self._parts)):
            height = min(SLAB, self.shape[0] - index * SLAB)
            self.put(index, np.zeros((height, *self.shape[1:]), dtype=np.uint8))

    @property
    def packed_bytes(self) -> int:
        """Memory that the packed labels take."""
        return sum(map(len, self._parts))

    def slab(self, index: int) -> NDArray[np.uint8]:
        """Return one slab, unpacked.

        Parameters
        ----------
        index : int
            Which one.

        Returns
        -------
        (n_slices, n, n) array of uint8
            Its labels, a copy.
        """
        from numcodecs import Blosc

        height = min(SLAB, self.shape[0] - index * SLAB)
        labels = np.empty((height, *self.shape[1:]), dtype=np.uint8)
        Blosc().decode(self._parts[index], labels.ravel())
        return labels

    def put(self, index: int, labels: NDArray[np.uint8]) -> None:
        """Pack one slab.

        Parameters
        ----------
        index : int
            Which one.
        labels : (n_slices, n, n) array of uint8
            Its labels.
        """
        from numcodecs import Blosc

        self._parts[index] = Blosc("lz4", clevel=5, shuffle=Blosc.NOSHUFFLE).encode(np.ascontiguousarray(labels))

    def max(self) -> int:
        """Return the largest label.

        Returns
        -------
        int
            The label.
        """
        return max(int(self.slab(index).max()) for index in range(len(self._parts)))

    def __getitem__(self, place: slice) -> NDArray[np.uint8]:
        """Return a range of slices, unpacked: (n, n, n) array of uint8."""
        start, stop, _ = place.indices(self.shape[0])
        labels = np.empty((max(stop - start, 0), *self.shape[1:]), dtype=np.uint8)
        for index in range(start // SLAB, -(-stop // SLAB)):
            low = index * SLAB
            a, b = max(start, low), min(stop, low + SLAB)
            labels[a - start : b - start] = self.slab(index)[a - low : b - low]
        return labels


Labels = NDArray[np.uint8] | PackedLabels
"""Labels of a cell, (n_z, n, n); ranges of slices `labels[a:b]` are arrays."""


@dataclass(frozen=True, eq=False)
class Workpiece:
    """Labels while a cell is built, slab by slab.

    Parameters
    ----------
    labels : (n_z, n, n) array of uint8, or PackedLabels
        What is built.
    inside : (n, n) array of bool
        Columns in the tube.
    """

    labels: Labels
    inside: NDArray[np.bool_]

    def count(self, label: int) -> int:
        """Count the voxels of one label in the tube.

        Parameters
        ----------
        label : int
            The label.

        Returns
        -------
        int
            Voxels.
        """
        return sum(int(count_voxels(part, self.inside, 256)[:, label].sum()) for _, part in self.read())

    @property
    def height(self) -> int:
        """Slices that are worked on at a time; the result does not depend on it."""
        return SLAB if isinstance(self.labels, PackedLabels) else 4 * SLAB

    def slabs(self, low: int = 0, high: int | None = None) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield slabs that hold some slices; what the caller changes is kept.

        Parameters
        ----------
        low, high : int
            First slice, and one past the last; None is the end.

        Yields
        ------
        tuple of (int, array)
            First slice of the slab, and its labels, (n_slices, n, n).
        """
        for start in self._starts(low, high):
            part = self.labels[start : start + self.height]
            yield start, part
            if isinstance(self.labels, PackedLabels):
                self.labels.put(start // SLAB, part)

    def read(self, low: int = 0, high: int | None = None) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield slabs that hold some slices, for reading only.

        Parameters
        ----------
        low, high : int
            First slice, and one past the last; None is the end.

        Yields
        ------
        tuple of (int, array)
            First slice of the slab, and its labels.
        """
        for start in self._starts(low, high):
            yield start, self.labels[start : start + self.height]

    def _starts(self, low: int, high: int | None) -> range:
        n_z = self.labels.shape[0]
        return range(low - low % self.height, n_z if high is None else min(high, n_z), self.height)


def empty_labels(shape: tuple[int, int, int], memory_gib: float) -> Labels:
    """Return room for the labels of a cell.

    Parameters
    ----------
    shape : (n_z, n, n)
        Size in voxels.
    memory_gib : float
        Memory that building and scanning may take, in GiB.

    Returns
    -------
    (n_z, n, n) array of uint8, or PackedLabels
        Packed where the labels alone would fill a quarter of the memory.
    """
    if np.prod(shape, dtype=np.float64) > WHOLE_SHARE * memory_gib * 2**30:
        return PackedLabels(shape)
    return np.zeros(shape, dtype=np.uint8)


def count_voxels(labels: NDArray[np.uint8], inside: NDArray[np.bool_], n_labels: int) -> NDArray[np.int64]:
    """Count the labels of some columns, slice by slice, without a copy.

    Parameters
    ----------
    labels : (n_z, n, n) array of uint8
        Labels, below `n_labels`.
    inside : (n, n) array of bool
        Columns that count.
    n_labels : int
        Labels to count.

    Returns
    -------
    (n_z, n_labels) array of int64
        Voxels of each label in each slice.
    """
    counts = np.zeros((labels.shape[0], n_labels), dtype=np.int64)
    _count(labels, inside, counts)
    return counts


@njit(nogil=True, cache=True)
def _count(labels, inside, counts):  # type: ignore[no-untyped-def]
    """Add every voxel of the columns inside to the count of its slice and label."""
    for z in range(labels.shape[0]):
        for y in range(inside.shape[0]):
            for x in range(inside.shape[1]):
                counts[z, labels[z, y, x]] += inside[y, x]

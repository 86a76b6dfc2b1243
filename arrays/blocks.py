"""Cut an axis into blocks, and work through blocks on a pool of threads."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Block:
    """A half-open range [start, stop) of one axis, and its place in the order of blocks.

    Parameters
    ----------
    index : int
        Place in the order, 0 first.
    start : int
        First element.
    stop : int
        One past the last element.
    """

    index: int
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def slice(self) -> slice:
        """The range as a slice object."""
        return slice(self.start, self.stop)


def blocks(length: int, size: int) -> list[Block]:
    """Cut [0, length) into blocks of `size`; the last may be shorter.

    Parameters
    ----------
    length : int
        Number of elements, not negative.
    size : int
        Elements per block, at least 1.

    Returns
    -------
    list of Block
        In order, without gap or overlap.

    Raises
    ------
    ValueError
        If `length` is negative or `size` below 1.
    """
    if length < 0 or size < 1:
        raise ValueError(f"cannot cut {length} elements into blocks of {size}; give a size of at least 1")
    return [Block(i, a, min(a + size, length)) for i, a in enumerate(range(0, length, size))]


def thread_count(threads: int | None = None) -> int:
    """Return `threads`, or the number of cores this process may use.

    Parameters
    ----------
    threads : int, optional
        At least 1; None asks the operating system.

    Returns
    -------
    int
        At least 1.
    """
    if threads is not None:
        return max(1, threads)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_map(function: Callable[[T], R], items: Iterable[T], *, threads: int | None = None) -> Iterator[R]:
    """Apply `function` to every item on a pool of threads, results in order.

    Parameters
    ----------
    function : callable
        Takes one item; should release the interpreter lock (NumPy, SciPy's FFT, numba with nogil do).
    items : iterable
        What to work on.
    threads : int, optional
        Size of the pool; None is one per core.

    Yields
    ------
    object
        Result of each item. The first exception is raised and the rest is cancelled.
    """
    with ThreadPoolExecutor(thread_count(threads)) as pool:
        yield from pool.map(function, items)

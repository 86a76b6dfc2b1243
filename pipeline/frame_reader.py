"""Views of a scan read in order, each unpacked from its file once, however many frames the file packs together."""

import hashlib
import time
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..scans.scan import Frames
from .selection import Selection


class FrameReader:
    """Reads ranges of views that move forward; what was read before, or unpacked beside it, is kept.

    Parameters
    ----------
    projections : Frames
        (n_theta, n_rows, n_cols) of the whole scan, read when sliced.
    selection : Selection
        The part of it that is run.
    is_ahead : bool
        Whether views that come out of the file beside those asked for are kept until it is their turn.
    """

    def __init__(self, projections: Frames, selection: Selection, *, is_ahead: bool) -> None:
        self._projections, self._selection, self._is_ahead = projections, selection, is_ahead
        self._held: deque[tuple[int, NDArray[Any]]] = deque()
        self.seconds = 0.0

    def read(self, first: int, last: int) -> NDArray[np.float32]:
        """Return the views [first, last).

        Parameters
        ----------
        first, last : int
            Range of places in the selection; views before `first` are let go.

        Returns
        -------
        (last - first, n_rows, n_cols) array of float32
            Mean counts of each bin.
        """
        self._advance(first, last)
        frames = np.empty((last - first, *self._selection.shape[1:]), np.float32)
        for start, stored in self._parts(first, last):
            frames[start - first : start - first + len(stored)] = self._selection.binned(stored)
        return frames

    def add_to(self, digest: "hashlib._Hash", first: int, last: int) -> None:
        """Hash views as they are stored.

        Parameters
        ----------
        digest : hashlib object
            Takes their bytes, in order.
        first, last : int
            Range of places within the one that was read last.
        """
        for _, stored in self._parts(first, last):
            digest.update(np.ascontiguousarray(stored).data)

    def _advance(self, first: int, last: int) -> None:
        """Hold what [first, last) needs, and nothing that lies before."""
        if self._held and not self._held[0][0] <= first <= self._end():
            self._held.clear()
        while self._held and self._held[0][0] + len(self._held[0][1]) <= first:
            self._held.popleft()
        if self._held:
            start, stored = self._held.popleft()
            left = stored[first - start :]
            self._held.appendleft((first, left if 2 * len(left) > len(stored) else left.copy()))
        begin = self._end() if self._held else first
        if begin < last:
            clock = time.perf_counter()
            end = self._selection.packed_until(self._projections, last) if self._is_ahead else last
            self._held.append((begin, self._selection.stored(self._projections, begin, end)))
            self.seconds += time.perf_counter() - clock

    def _end(self) -> int:
        start, stored = self._held[-1]
        return start + len(stored)

    def _parts(self, first: int, last: int) -> list[tuple[int, NDArray[Any]]]:
        """What is held of [first, last), in order."""
        cut = []
        for start, stored in self._held:
            a, b = max(first, start), min(last, start + len(stored))
            if a < b:
                cut.append((a, stored[a - start : b - start]))
        return cut

"""Threads, or workers elsewhere, share blocks so that each mostly takes blocks that follow one another."""

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise

import dask
from dask import threaded

from ..arrays import Block
from .allocation import give_back
from .tasks import Facts, Task


class Shares:
    """Blocks to be done, in runs of neighbours; whoever has done its run takes half of the longest one left.

    Parameters
    ----------
    todo : sequence of Block
        The blocks, in order.
    """

    def __init__(self, todo: Sequence[Block]) -> None:
        breaks = [k for k, (a, b) in enumerate(pairwise(todo), 1) if b.index != a.index + 1]
        self._free = deque(deque(todo[a:b]) for a, b in pairwise([0, *breaks, len(todo)]))
        self._own: dict[Hashable, deque[Block]] = {}
        self._guard = threading.Lock()

    def take(self, lane: Hashable) -> Block | None:
        """Return the next block of a lane.

        Parameters
        ----------
        lane : hashable
            Who asks.

        Returns
        -------
        Block or None
            None where all are taken.
        """
        with self._guard:
            mine = self._own.get(lane) or self._share()
            self._own[lane] = mine
            return mine.popleft() if mine else None

    def _share(self) -> deque[Block]:
        if self._free:
            return self._free.popleft()
        longest = max(self._own.values(), key=len, default=deque[Block]())
        taken = [longest.pop() for _ in range((len(longest) + 1) // 2)]
        return deque(reversed(taken))

    def stop(self) -> None:
        """Let nobody take anything any more."""
        with self._guard:
            self._free.clear()
            self._own.clear()


def run_in_lanes(task: Task, todo: Sequence[Block], finished: Callable[[Block, Facts], None], *, at_once: int) -> None:
    """Run a task on every block with Dask's threaded scheduler.

    Parameters
    ----------
    task : callable
        Takes a block, answers with facts; one that has `in_order` is asked for a callable of each lane's own, which
        keeps what neighbouring blocks share.
    todo : sequence of Block
        The blocks to run.
    finished : callable
        Called with a block and its facts once they are on disk, one call at a time.
    at_once : int
        Blocks in work at a time.
    """
    shares, guard = Shares(todo), threading.Lock()
    begin: Callable[[], Task] = getattr(task, "in_order", lambda: task)

    def _work(lane: int) -> None:
        work = begin()
        while (block := shares.take(lane)) is not None:
            facts = work(block)
            with guard:
                finished(block, facts)

    lanes = [dask.delayed(_work, pure=False)(lane) for lane in range(min(at_once, len(todo)))]
    try:
        dask.compute(*lanes, scheduler=threaded.get, num_workers=at_once)  # by its name, Dask imports distributed
    finally:
        shares.stop()
        give_back()

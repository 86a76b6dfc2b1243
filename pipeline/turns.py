"""What a Dask worker keeps from block to block: frames that the next one shares, so that a scan is unpacked once."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from distributed import WorkerPlugin, get_worker

from ..arrays import Block
from .tasks import Facts, Task

PLUGIN = "xelith-turns"


class Turns(WorkerPlugin):
    """Work that was begun on one worker, each with the block that it goes on with; of one stage at a time."""

    name = PLUGIN

    def setup(self, worker: Any) -> None:
        """Begin with nothing.

        Parameters
        ----------
        worker : distributed.Worker
            As many works are kept as it has threads.
        """
        self._most, self._guard = worker.state.nthreads, threading.Lock()
        self._stage, self._works = "", dict[int, Task]()

    def take(self, stage: str, index: int, begin: Callable[[], Task]) -> Task:
        """Return the work that goes on with a block, or begin one.

        Parameters
        ----------
        stage : str
            Whose blocks these are; what another one left is let go.
        index : int
            The block.
        begin : callable
            Begins afresh.

        Returns
        -------
        callable
            Takes the block, answers with facts.
        """
        with self._guard:
            if stage != self._stage:
                self._stage, self._works = stage, {}
            if index in self._works:
                return self._works.pop(index)
            self._shorten(self._most - 1)
        return begin()

    def keep(self, stage: str, index: int, work: Task) -> None:
        """Keep work for the block after the one that it has done.

        Parameters
        ----------
        stage : str
            Whose blocks these are.
        index : int
            The block that is done.
        work : callable
            From `take`.
        """
        with self._guard:
            if stage == self._stage:
                self._works[index + 1] = work
                self._shorten(self._most)

    def _shorten(self, most: int) -> None:
        """Let the oldest works go."""
        while len(self._works) > most:
            del self._works[next(iter(self._works))]


@dataclass(frozen=True)
class InTurn:
    """A task as it is sent to a worker: one block at a time, with what the worker kept of the block before.

    Parameters
    ----------
    task : callable
        Takes a block, answers with facts; one that has `in_order` is asked for a callable that keeps what
        neighbouring blocks share.
    stage : str
        The same for all blocks that are run together.
    """

    task: Task
    stage: str

    def __call__(self, block: Block, before: object = None) -> tuple[str, Facts]:
        """Run one block, after the one that `before` answers; the answer begins with the worker's address."""
        worker = get_worker()
        turns = cast("Turns", worker.plugins[PLUGIN])
        work = turns.take(self.stage, block.index, getattr(self.task, "in_order", lambda: self.task))
        facts = work(block)
        turns.keep(self.stage, block.index, work)  # work that fails is not gone on with
        return worker.address, facts

"""Blocks shared between threads: each once, neighbours to one thread, half of a long run to whoever is idle."""

import threading
from itertools import pairwise

import pytest

from xelith.arrays import Block, blocks
from xelith.pipeline.lanes import Shares, run_in_lanes


def test_the_idle_lane_takes_half_of_the_longest_run():
    shares = Shares(blocks(8, 1))
    assert shares.take(0).index == 0
    assert [shares.take(1).index for _ in range(3)] == [4, 5, 6]  # of 1 to 7, the four last
    assert [shares.take(0).index for _ in range(3)] == [1, 2, 3]
    assert shares.take(0).index == 7
    assert shares.take(0) is shares.take(1) is None


def test_runs_with_gaps_go_out_as_they_are():
    todo = [Block(i, i, i + 1) for i in (0, 1, 5, 6, 9)]
    shares = Shares(todo)
    assert [shares.take(lane).index for lane in (0, 1, 0, 1, 2)] == [0, 5, 1, 6, 9]


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_every_block_is_done_once_and_mostly_after_its_neighbour(at_once):
    done, by_thread = [], {}

    def work(block):
        by_thread.setdefault(threading.get_ident(), []).append(block.index)
        return {"index": block.index}

    run_in_lanes(work, blocks(40, 1), lambda block, facts: done.append(facts["index"]), at_once=at_once)
    assert sorted(done) == list(range(40))
    jumps = sum(b != a + 1 for order in by_thread.values() for a, b in pairwise(order))
    assert jumps <= 5 * (at_once - 1)  # each halves what is left, log2(40) times at most


def test_a_task_in_order_is_asked_once_a_lane():
    class Counting:
        begun = 0

        def in_order(self):
            self.begun += 1
            return lambda block: {}

    task = Counting()
    run_in_lanes(task, blocks(9, 1), lambda block, facts: None, at_once=2)
    assert 1 <= task.begun <= 2


def test_a_fault_stops_the_other_lanes_too():
    done = []
    at_fault = threading.Event()

    def work(block):
        if block.index == 0:
            at_fault.set()
            raise ValueError("block 0 is at fault")
        assert at_fault.wait(10)
        return {}

    with pytest.raises(ValueError, match="block 0 is at fault"):
        run_in_lanes(work, blocks(10_000, 1), lambda block, facts: done.append(block.index), at_once=2)
    assert len(done) < 10_000 - 1

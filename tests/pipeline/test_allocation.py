"""Memory that a process keeps for its next block, in processes of its own: the settings hold until one ends."""

import os
import subprocess
import sys

import pytest

from xelith.pipeline import allocation

pytestmark = pytest.mark.skipif(allocation._glibc() is None, reason="the C library is not glibc")

# Pages that the system clears for each of three blocks of 96 MiB that a thread takes and lets go of, and the resident
# memory in MiB after each, and after memory was given back.
BLOCKS = """
import resource, threading, psutil
from xelith.pipeline.allocation import give_back, keep_memory
{first}
import numpy as np
def faults(): return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
def resident(): return psutil.Process().memory_info().rss >> 20
found = []
def work():
    for _ in range(3):
        before = faults()
        block = np.ones((96, 1024, 256), np.float32)
        del block
        found.append((faults() - before, resident()))
thread = threading.Thread(target=work)
thread.start()
thread.join()
give_back()
print(found, resident(), sep="; ")
"""


def blocks_of(first, **variables):
    command = [sys.executable, "-c", BLOCKS.format(first=first)]
    # Dask leaves the settings of workers that it has started in the environment of the process that asked for them.
    own = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(command, capture_output=True, text=True, env=own | variables, timeout=60, check=True)
    found, left = done.stdout.split(";")
    return eval(found), int(left)


@pytest.mark.parametrize(
    ("first", "variables"),
    [("assert keep_memory()", {}), ("", allocation.environment())],
    ids=["by a call", "by the environment"],
)
def test_the_second_block_takes_the_memory_of_the_first(first, variables):
    plain, left = blocks_of("")
    kept, given_back = blocks_of(first, **variables)
    # 96 MiB are 24576 pages of 4 KiB, or 48 huge ones; what else a thread touches is a page or two.
    assert min(n for n, _ in plain) >= 40
    assert max(n for n, _ in kept[1:]) < 20
    assert kept[2][1] - plain[2][1] > 80  # MiB: kept is kept
    assert given_back - left < 20  # and given back on request


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocation, "_glibc", lambda: None)
    allocation.keep_memory.cache_clear()
    assert allocation.keep_memory() is False
    allocation.give_back()
    allocation.keep_memory.cache_clear()

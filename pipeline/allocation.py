"""How the C library hands out memory in a run: blocks are kept for the next block, not mapped and cleared anew.

Arrays of a block are tens of MB. glibc maps those above 32 MB afresh each time, keeps an arena for every thread, and
gives pages back that the next block asks for again; the system clears each page once more, which takes up to a third of
a run's time. One arena that keeps what it has serves all threads [1]_: what a block lets go of, the next takes.

References
----------
.. [1] mallopt(3), Linux manual pages.
"""

import ctypes
import sys
from functools import cache

COMMANDS = ("demo", "run", "series", "batch-item")
"""Commands that work through blocks; a viewer that stays open for hours gives memory back as it goes."""

KEPT = {
    "MALLOC_ARENA_MAX": (-8, 1),
    "MALLOC_MMAP_THRESHOLD_": (-3, 2**31 - 1),
    "MALLOC_TRIM_THRESHOLD_": (-1, 2**31 - 1),
    "MALLOC_TOP_PAD_": (-2, 2**26),
}
"""Settings: by the variable that glibc reads when a process starts, the number `mallopt` takes, and the value."""


def environment() -> dict[str, str]:
    """Return the variables that let a process that is yet to start keep its memory.

    Returns
    -------
    dict of str
        Read by glibc; other C libraries ignore them.
    """
    return {name: str(value) for name, (_, value) in KEPT.items()}


@cache
def keep_memory() -> bool:
    """Let this process keep memory that was freed, for what it allocates next.

    It changes the whole process until it ends, and serves best before other threads have begun: the command line calls
    it, and no function of the library does. Whoever calls `run_config` from a notebook may do so too, and gets memory
    back by `give_back`.

    Returns
    -------
    bool
        False where the C library is not glibc, and nothing was changed.
    """
    library = _glibc()
    if library is None:
        return False
    taken = [library.mallopt(number, value) for number, value in KEPT.values()]
    return all(taken)


def give_back() -> None:
    """Give freed memory back to the system, between the stages of a run; nothing happens without glibc."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(ctypes.c_size_t(0))


@cache
def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None

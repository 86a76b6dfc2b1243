"""The two clocks of a benchmark."""

import time

import psutil

Clocks = tuple[float, float]
"""CPU seconds, and seconds on the clock."""


def clocks() -> Clocks:
    """CPU seconds of this process and of its children, and seconds on the clock."""
    cpu = time.process_time()
    for process in psutil.Process().children(recursive=True):
        times = process.cpu_times()
        cpu += times.user + times.system
    return cpu, time.perf_counter()

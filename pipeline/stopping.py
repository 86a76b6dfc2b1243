"""Ctrl-C and SIGTERM: the work in hand is thrown away, what is in the ledger stays, and the process ends in seconds."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import NoReturn

GRACE_S = 3.5
STATUS = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """The user, or the system, asked the run to stop."""


def stop_on_signals() -> None:
    """Raise `Stopped` in the main thread on a signal; end the process where that thread does not hear it in time.

    Python runs a signal's handler between two of its own steps, and the main thread may be for minutes in one call of
    compiled code. A second thread hears the signal at once.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_end_in_time, args=(reader, writer.detach), daemon=True, name="stopping").start()
    for number in SIGNALS:
        signal.signal(number, _raise)


def _raise(number: int, frame: object) -> NoReturn:
    raise Stopped


def _end_in_time(reader: socket.socket, keep: Callable[[], int]) -> None:
    """Wait for a signal; `keep` keeps the writing end open as long as this thread lives."""
    while not set(reader.recv(64)) & set(SIGNALS):
        continue
    time.sleep(GRACE_S)
    os._exit(STATUS)

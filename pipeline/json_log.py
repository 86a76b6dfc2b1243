"""Logs and progress as JSON lines, for whoever watches a run by program."""

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TextIO

from .job import Advance


class JsonFormatter(logging.Formatter):
    """One JSON object a record: time, level, logger, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record.

        Parameters
        ----------
        record : LogRecord
            What was logged.

        Returns
        -------
        str
            One line.
        """
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        message = {"at": at, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        return json.dumps(message, ensure_ascii=False)


class JsonProgress:
    """Progress as one JSON object a block.

    Parameters
    ----------
    stream : text file
        Where the lines go.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._guard = threading.Lock()
        self._begun: dict[str, tuple[float, int]] = {}

    def advance(self, stage: str, done: int, total: int) -> None:
        """Write how far a stage has come.

        Parameters
        ----------
        stage : str
            Name of the stage.
        done : int
            Blocks finished.
        total : int
            Blocks in all.
        """
        now = time.monotonic()
        with self._guard:
            begun, already = self._begun.setdefault(stage, (now, done))
            seconds, blocks = now - begun, done - already
            left = round(seconds / blocks * (total - done), 2) if blocks else None
            line: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": "info"}
            line |= {"stage": stage, "done": done, "total": total, "seconds": round(seconds, 3), "seconds_left": left}
            self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._stream.flush()


@contextmanager
def json_logs(stream: TextIO) -> Iterator[Advance]:
    """Send the logs of this package and the progress of a run to a stream as JSON lines.

    Parameters
    ----------
    stream : text file
        As a rule standard error.

    Yields
    ------
    callable
        To be told of every finished block.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root, logger = logging.getLogger(), logging.getLogger("xelith")
    before, level = root.handlers[:], logger.level
    root.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    try:
        yield JsonProgress(stream).advance
    finally:
        root.handlers[:] = before
        logger.setLevel(level)

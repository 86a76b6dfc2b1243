"""What of a run is done: one line per finished block, written after its data; and the lock on the folder."""

import fcntl
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO


def fingerprint(*parts: Any) -> str:
    """Hash what a result depends on.

    Parameters
    ----------
    *parts : object
        Anything that JSON can say, or whose `str` is stable; dictionaries in any order of keys.

    Returns
    -------
    str
        32 hexadecimal digits of SHA-256.
    """
    text = json.dumps(parts, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Read a ledger, leaving out what a crash cut short and what is none of its lines.

    Parameters
    ----------
    path : Path
        The JSON-lines file; may be missing.

    Yields
    ------
    dict
        Either a block (stage, block, print, facts) or an event (event, facts), with the time `at` (ISO 8601, UTC) and
        `elapsed`, the seconds since its process opened the ledger, which no change of the clock disturbs.
    """
    if not path.exists():
        return
    for text in path.read_text(encoding="utf8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except (json.JSONDecodeError, RecursionError):
            continue
        if not isinstance(line, dict) or not isinstance(line.get("facts"), dict):
            continue
        is_block = all(isinstance(line.get(k), kind) for k, kind in (("stage", str), ("block", int), ("print", str)))
        if is_block or isinstance(line.get("event"), str):
            yield line


class Ledger:
    """The record of finished blocks of one run folder, on disk after every block.

    A block is done if a line names its stage, its index and the fingerprint of all it depends on; a line that
    a crash cut short is ignored.

    Parameters
    ----------
    path : Path
        The JSON-lines file; made when the first block is recorded.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._opened = time.monotonic()
        self._facts: dict[tuple[str, int], tuple[str, Mapping[str, Any]]] = {}
        for line in read_lines(path):
            if "stage" in line:
                self._facts[line["stage"], line["block"]] = (line["print"], line["facts"])

    def done(self, stage: str, block: int, mark: str) -> bool:
        """Tell whether a block is finished under a fingerprint.

        Parameters
        ----------
        stage : str
            Name of the stage, for instance "xenon/volume".
        block : int
            Index of the block.
        mark : str
            Fingerprint of what the block depends on.

        Returns
        -------
        bool
            True if the same block was recorded with the same fingerprint.
        """
        return self._facts.get((stage, block), ("", {}))[0] == mark

    def facts(self, stage: str, block: int = 0) -> Mapping[str, Any]:
        """Return what was recorded beside a finished block.

        Parameters
        ----------
        stage : str
            Name of the stage.
        block : int
            Index of the block.

        Returns
        -------
        mapping
            Empty where the block was never recorded.
        """
        return self._facts.get((stage, block), ("", {}))[1]

    def record(self, stage: str, block: int, mark: str, facts: Mapping[str, Any] | None = None) -> None:
        """Record a block as finished; call it after the block's data are on disk.

        Parameters
        ----------
        stage : str
            Name of the stage.
        block : int
            Index of the block.
        mark : str
            Fingerprint of what the block depends on.
        facts : mapping, optional
            Small results of the block, JSON-able.
        """
        facts = dict(facts or {})
        self._write({"stage": stage, "block": block, "print": mark, "facts": facts})
        self._facts[stage, block] = (mark, facts)

    def forget(self, stage: str, block: int, reason: str) -> None:
        """Take back that a block is finished, so that the next run does it again.

        Parameters
        ----------
        stage : str
            Name of the stage.
        block : int
            Index of the block.
        reason : str
            What is wrong with it, for the record.
        """
        if (stage, block) in self._facts:
            self.record(stage, block, "", {"forgotten": reason})

    def event(self, name: str, facts: Mapping[str, Any] | None = None) -> None:
        """Record what happens to the run as a whole.

        Parameters
        ----------
        name : str
            started, done, failed or stopped.
        facts : mapping, optional
            What belongs to it, JSON-able.
        """
        self._write({"event": name, "facts": dict(facts or {})})

    def _write(self, line: Mapping[str, Any]) -> None:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        stamped = {**line, "at": at, "elapsed": round(time.monotonic() - self._opened, 3)}
        text = json.dumps(stamped, ensure_ascii=False)
        with self._guard:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf8") as file:
                file.write(f"\n{text}\n")
                file.flush()
                os.fsync(file.fileno())


PATIENCE_S = 1.0
"""How long a lock is asked for; `xelith status` holds it for an instant to see whether it is free."""


def _lock(file: TextIO) -> None:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def is_locked(folder: Path) -> bool:
    """Tell whether a process holds a run folder.

    Parameters
    ----------
    folder : Path
        The folder that `locked` holds.

    Returns
    -------
    bool
        False where it never was held; True where its file system knows no locks and a process named itself.
    """
    try:
        with (folder / "lock").open("r", encoding="utf8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except OSError:
        return True


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder for this process; the lock goes with its holder, however it ends.

    Parameters
    ----------
    folder : Path
        The run folder; made where missing.

    Yields
    ------
    None
        While the lock is held.

    Raises
    ------
    BlockingIOError
        If another process holds it; the message names that process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+", encoding="utf8") as file:
        try:
            _lock(file)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise BlockingIOError(
                f"{folder.parent} is in use by {holder}; wait for it to end, or give another --out"
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {os.uname().nodename}")
        file.flush()
        yield

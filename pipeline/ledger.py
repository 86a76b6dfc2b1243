"""What of a run is done: one line per finished block, written after its data; and the lock on the folder."""

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


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
        self._facts: dict[tuple[str, int], tuple[str, Mapping[str, Any]]] = {}
        for line in self._lines():
            self._facts[line["stage"], line["block"]] = (line["print"], line["facts"])

    def _lines(self) -> Iterator[dict[str, Any]]:
        if not self._path.exists():
            return
        for text in self._path.read_text(encoding="utf8", errors="replace").splitlines():
            try:
                line = json.loads(text)
            except json.JSONDecodeError:
                continue
            if isinstance(line, dict) and {"stage", "block", "print", "facts"} <= line.keys():
                yield line

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
        text = json.dumps({"stage": stage, "block": block, "print": mark, "facts": facts}, ensure_ascii=False)
        with self._guard:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf8") as file:
                file.write(f"\n{text}\n")
                file.flush()
                os.fsync(file.fileno())
            self._facts[stage, block] = (mark, facts)


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
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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

"""A finished run copied to a store: whole or not under its names, only what has changed, and gone on with when stopped.

Objects go in batches, those that make a group readable last; each batch is recorded in the ledger, with the store's own
checksums, once all of it has arrived.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..scans.remote import remote_files, remote_url, remove, upload
from .ledger import Ledger, fingerprint, locked, read_lines
from .status import LEDGER, STATE

log = logging.getLogger(__name__)

LAST = ("zarr.json",)
"""Files that make a group readable; they go after its chunks."""

STAGE = "store/"
TITLE = "copy to the store"
BATCH, MOST_BATCHES = 64, 64
MEMORY_BYTES = 2**28
MOST_AT_ONCE = 16
MD5 = re.compile(r'"?([0-9a-f]{32})"?')

Objects = Mapping[str, tuple[int, str]]
"""Size in bytes and the store's checksum, by address."""


@dataclass(frozen=True)
class _Batch:
    """Files that are sent, looked at and recorded together."""

    index: int
    mark: str
    files: tuple[tuple[Path, str], ...]

    def is_there(self, stage: str, ledger: Ledger, there: Objects) -> bool:
        """Whether all of it arrived before and is still what it was."""
        known = ledger.facts(stage, self.index).get("objects", {})
        return ledger.done(stage, self.index, self.mark) and all(
            there.get(url) == tuple(known.get(url, ())) for _, url in self.files
        )


def copy_to_store(folder: Path, url: str, ledger: Ledger, advance: Callable[[str, int, int], None]) -> None:
    """Copy images, results and report of a run folder to a store, and make sure that they arrived.

    Parameters
    ----------
    folder : Path
        A run folder whose run is done.
    url : str
        Folder of the store, for instance "s3://bucket/cell7".
    ledger : Ledger
        What is there already.
    advance : callable
        Told of every batch that has arrived, as files done and in all.

    Raises
    ------
    OSError
        If the store cannot be reached, or holds other sizes than were sent.
    """
    images = sorted(path for path in folder.glob("*.ome.zarr") if path.is_dir())
    files = sorted(path for path in folder.iterdir() if path.is_file())
    parts = {part: _files(part, f"{url}/{part.name}") for part in (*images, *files)}
    done, total = 0, sum(map(len, parts.values()))
    for part, pairs in parts.items():
        before = done
        _copy(
            part.name,
            f"{url}/{part.name}",
            pairs,
            ledger,
            lambda n, before=before: advance(TITLE, before + n, total),  # type: ignore[misc]
        )
        done += len(pairs)
        advance(TITLE, done, total)


def _files(part: Path, url: str) -> list[tuple[Path, str]]:
    """Files of a part and their addresses, chunks first and the group itself last."""
    if part.is_file():
        return [(part, url)]
    pairs = [(path, f"{url}/{path.relative_to(part).as_posix()}") for path in part.rglob("*") if path.is_file()]
    return sorted(pairs, key=lambda pair: (pair[0].name in LAST, -len(pair[0].parts), str(pair[0])))


def _batches(pairs: Sequence[tuple[Path, str]]) -> list[_Batch]:
    """Cut files into batches; what makes a group readable is in the last one, alone."""
    chunks = [pair for pair in pairs if pair[0].name not in LAST]
    size = max(BATCH, -(-len(chunks) // MOST_BATCHES))
    cuts = [chunks[first : first + size] for first in range(0, len(chunks), size)]
    found = []
    for index, cut in enumerate(part for part in (*cuts, pairs[len(chunks) :]) if part):
        facts = [(url, path.stat().st_size, path.stat().st_mtime_ns) for path, url in cut]
        found.append(_Batch(index, fingerprint(facts), tuple(cut)))
    return found


def _copy(name: str, url: str, pairs: Sequence[tuple[Path, str]], ledger: Ledger, told: Callable[[int], None]) -> None:
    """Send what of one image, or one file, is not in the store yet."""
    stage, batches = f"{STAGE}{name}", _batches(pairs)
    mark = fingerprint(url, [batch.mark for batch in batches])
    if ledger.done(stage, -1, mark):
        return
    ledger.record(stage, -2, mark, {"blocks": len(batches), "url": url})
    there, wanted = _there(url), {address for _, address in pairs}
    stale = [address for address in there if address not in wanted]
    if stale or not all(batch.is_there(stage, ledger, there) for batch in batches):
        # A group that is replaced stops being readable first.
        gone = [*stale, *(address for address in there if address.endswith(LAST) and address in wanted)]
        remove(gone)
        there = {address: facts for address, facts in there.items() if address not in gone}
    sent = 0
    for batch in batches:
        if not batch.is_there(stage, ledger, there):
            there = _send(batch, url, there)
            ledger.record(stage, batch.index, batch.mark, {"objects": {a: list(there[a]) for _, a in batch.files}})
        sent += len(batch.files)
        told(sent)
    ledger.record(stage, -1, mark, {"files": len(pairs), "url": url})
    log.info("%s is in the store: %d files", url, len(pairs))


def _send(batch: _Batch, url: str, there: Objects) -> Objects:
    """Send the files of a batch that the store has not, a few at a time, and look what it has now."""
    todo = [(path, address) for path, address in batch.files if not _is_same(path, there.get(address))]
    if todo:
        largest = max(path.stat().st_size for path, _ in todo)
        upload(todo, at_once=max(1, min(MOST_AT_ONCE, MEMORY_BYTES // max(largest, 1))))
    now = _there(url)
    wrong = [a for path, a in batch.files if now.get(a, (-1, ""))[0] != path.stat().st_size]
    if wrong:
        raise OSError(f"{wrong[0]} did not arrive whole ({len(wrong)} files in all); run it again to send them")
    return now


def _is_same(path: Path, found: tuple[int, str] | None) -> bool:
    """Whether an object is the file, where the store's checksum is an MD5; a batch that was cut short has such."""
    if found is None or found[0] != path.stat().st_size or (md5 := MD5.fullmatch(found[1])) is None:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == md5[1]


def _there(url: str) -> Objects:
    return {f"{url}/{name}" if name else url: facts for name, facts in remote_files(url).items()}


def verify_copy(folder: Path) -> list[str]:
    """Compare the copy of a run with what arrived when it was made, and let the next run send again what differs.

    Parameters
    ----------
    folder : Path
        The run folder.

    Returns
    -------
    list of str
        Addresses of objects that are missing or have another size or checksum; empty where there is no copy.

    Raises
    ------
    OSError
        If the store cannot be reached.
    """
    urls: dict[str, str] = {}
    latest: dict[tuple[str, int], Mapping[str, object]] = {}
    for line in read_lines(folder / STATE / LEDGER):
        stage, facts = line.get("stage", ""), line["facts"]
        if not stage.startswith(STAGE) or not line["print"]:
            latest.pop((stage, line.get("block", 0)), None)
        elif line["block"] == -2 and remote_url(str(facts.get("url"))) is not None:
            urls[stage] = facts["url"]
        elif line["block"] >= 0 and isinstance(facts.get("objects"), dict):
            latest[stage, line["block"]] = facts["objects"]
    bad: dict[tuple[str, int], list[str]] = {}
    for stage, url in urls.items():
        there = _there(url)
        for (owner, block), objects in latest.items():
            wrong = [a for a, facts in objects.items() if isinstance(facts, list) and there.get(a) != tuple(facts)]
            if owner == stage and wrong:
                bad[stage, block] = wrong
    if bad:
        _take_back(folder, bad)
    return sorted(address for addresses in bad.values() for address in addresses)


def _take_back(folder: Path, bad: Mapping[tuple[str, int], Sequence[str]]) -> None:
    try:
        with locked(folder / STATE):
            ledger = Ledger(folder / STATE / LEDGER)
            for stage, block in bad:
                ledger.forget(stage, block, "differs in the store")
                ledger.forget(stage, -1, "differs in the store")
            ledger.forget("run", 0, "the copy differs in the store")
            number = sum(map(len, bad.values()))
            ledger.event("corrupt", {"error": f"{number} objects of the copy differ; run it again to send them"})
    except BlockingIOError:
        return  # a run is at work here; it is asked again when it has ended

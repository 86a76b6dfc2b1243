"""A finished run copied to a store: whole or not under its names, and only what has changed."""

import logging
from collections.abc import Callable
from pathlib import Path

from ..scans.remote import remote_files, remove, upload
from .ledger import Ledger, fingerprint

log = logging.getLogger(__name__)

LAST = ("zarr.json",)
"""Files that make a group readable; they go after its chunks."""


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
        Told of every part that has arrived.

    Raises
    ------
    OSError
        If the store cannot be reached, or holds other sizes than were sent.
    """
    images = sorted(path for path in folder.glob("*.ome.zarr") if path.is_dir())
    files = sorted(path for path in folder.iterdir() if path.is_file())
    parts = [*images, *files]
    for place, part in enumerate(parts):
        advance("copy to the store", place, len(parts))
        _copy(part, f"{url}/{part.name}", ledger)
    advance("copy to the store", len(parts), len(parts))


def _copy(part: Path, url: str, ledger: Ledger) -> None:
    inside = [part] if part.is_file() else [path for path in part.rglob("*") if path.is_file()]
    facts = {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in inside}
    mark = fingerprint(url, sorted((str(path), *found) for path, found in facts.items()))
    stage = f"store/{part.name}"
    if ledger.done(stage, 0, mark):
        return
    pairs = [(path, url if path == part else f"{url}/{path.relative_to(part).as_posix()}") for path in inside]
    pairs.sort(key=lambda pair: (pair[0].name in LAST, -len(pair[0].parts), str(pair[0])))
    if part.is_dir():  # a group that is replaced stops being readable first
        there = remote_files(url)
        wanted = {address for _, address in pairs}
        stale = [f"{url}/{name}" for name in there if f"{url}/{name}" not in wanted or name.endswith(LAST)]
        remove(stale)
    upload(pairs)
    root = url.rsplit("/", 1)[0] if part.is_file() else url
    arrived = {f"{root}/{name}": size for name, (size, _) in remote_files(root).items()}
    wrong = [address for path, address in pairs if arrived.get(address) != facts[path][0]]
    if wrong:
        raise OSError(f"{wrong[0]} did not arrive whole ({len(wrong)} files in all); run it again to send them")
    ledger.record(stage, 0, mark, {"files": len(pairs), "url": url})
    log.info("%s is in the store: %d files", url, len(pairs))

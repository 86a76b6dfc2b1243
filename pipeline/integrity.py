"""Whether what a run left is still what it wrote: every chunk against its checksum in the ledger."""

from collections.abc import Mapping
from pathlib import Path

from .checksums import corrupt_chunks
from .ledger import Ledger, locked, read_lines
from .status import LEDGER, STATE

BEFORE = "before"
"""Folder of the scans before charging, inside that of the run."""

Damaged = dict[tuple[str, int], list[str]]
"""Paths of damaged chunks inside a folder, by stage and block."""


def verify_run(folder: Path) -> list[str]:
    """Compare the chunks of a run's images with their checksums, and let the next run redo what is corrupt.

    Parameters
    ----------
    folder : Path
        The run folder. While a run works in it, its finished images are compared and nothing is taken back.

    Returns
    -------
    list of str
        Corrupt or missing chunks, as paths inside the folder.
    """
    found = {part: _damaged(part) for part in (folder, folder / BEFORE)}
    if any(found.values()):
        _take_back(folder, found)
    chunks = [part / name for part, blocks in found.items() for names in blocks.values() for name in names]
    return sorted(chunk.relative_to(folder).as_posix() for chunk in chunks)


def _damaged(folder: Path) -> Damaged:
    """Compare the chunks that a ledger knows with their checksums."""
    latest: dict[tuple[str, int], tuple[str, dict[str, dict[str, str]]]] = {}
    for line in read_lines(folder / STATE / LEDGER):
        if "stage" in line and line["block"] >= 0:
            latest[line["stage"], line["block"]] = (line["print"], _sums(line["facts"].get("crc32c")))
    blocks: Damaged = {}
    for key, (mark, images) in latest.items():
        for image, sums in images.items() if mark else ():
            if (folder / image).is_dir() and (found := corrupt_chunks(folder / image, sums)):
                blocks.setdefault(key, []).extend(f"{image}/{chunk}" for chunk in found)
    return blocks


def _sums(value: object) -> dict[str, dict[str, str]]:
    """Checksums by image and chunk, of a ledger that anybody may have edited."""
    if not isinstance(value, dict):
        return {}
    return {
        image: {name: str(crc) for name, crc in sums.items() if _is_inside(name)}
        for image, sums in value.items()
        if isinstance(sums, dict) and _is_inside(image)
    }


def _is_inside(name: str) -> bool:
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def _take_back(folder: Path, found: Mapping[Path, Damaged]) -> None:
    try:
        with locked(folder / STATE):
            for part, blocks in found.items():
                ledger = Ledger(part / STATE / LEDGER)
                for (stage, block), chunks in blocks.items():
                    ledger.forget(stage, block, f"corrupt: {', '.join(chunks)}")
            ledger = Ledger(folder / STATE / LEDGER)
            ledger.forget("run", 0, "corrupt chunks")
            number = sum(len(chunks) for blocks in found.values() for chunks in blocks.values())
            ledger.event("corrupt", {"error": f"{number} corrupt chunks; run it again to redo them"})
    except BlockingIOError:
        return  # a run is at work here; it is asked again when it has ended

"""Whether what a run left is still what it wrote: every chunk against its checksum in the ledger."""

from pathlib import Path

from .checksums import corrupt_chunks
from .ledger import Ledger, locked, read_lines
from .status import LEDGER, STATE


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
    path = folder / STATE / LEDGER
    latest: dict[tuple[str, int], tuple[str, dict[str, dict[str, str]]]] = {}
    for line in read_lines(path):
        if "stage" in line and line["block"] >= 0:
            latest[line["stage"], line["block"]] = (line["print"], _sums(line["facts"].get("crc32c")))
    bad: list[str] = []
    blocks: dict[tuple[str, int], list[str]] = {}
    for key, (mark, images) in latest.items():
        if not mark:
            continue
        for image, sums in images.items():
            group = folder / image
            if not group.is_dir():
                continue
            found = [f"{image}/{chunk}" for chunk in corrupt_chunks(group, sums)]
            bad += found
            if found:
                blocks.setdefault(key, []).extend(found)
    if blocks:
        _take_back(folder, blocks)
    return sorted(bad)


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


def _take_back(folder: Path, blocks: dict[tuple[str, int], list[str]]) -> None:
    try:
        with locked(folder / STATE):
            ledger = Ledger(folder / STATE / LEDGER)
            for (stage, block), chunks in blocks.items():
                ledger.forget(stage, block, f"corrupt: {', '.join(chunks)}")
            ledger.forget("run", 0, "corrupt chunks")
            number = sum(map(len, blocks.values()))
            ledger.event("corrupt", {"error": f"{number} corrupt chunks; run it again to redo them"})
    except BlockingIOError:
        return  # a run is at work here; it is asked again when it has ended

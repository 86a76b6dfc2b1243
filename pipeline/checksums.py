"""Checksums of the chunks of an image: taken when a slab is on disk, compared when a user asks."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import google_crc32c
from numpy.typing import NDArray

from ..arrays import Block
from .chunk_files import sync_folders
from .store import ImageLayout, chunk_shape, write_slab


def slab_files(layout: ImageLayout, slab: Block) -> Iterator[str]:
    """Name the chunk files of one slab on every level.

    Parameters
    ----------
    layout : ImageLayout
        The layout of the image.
    slab : Block
        One of its slabs.

    Yields
    ------
    str
        Path inside the group, for instance "0/c/3/0/1".
    """
    for level in range(layout.levels):
        _, height, width = layout.level_shape(level)
        _, high, wide = chunk_shape(layout, level)
        for row in range(-(-height // high)):
            for column in range(-(-width // wide)):
                yield f"{level}/c/{slab.index}/{row}/{column}"


def save_slab(group: Path, layout: ImageLayout, slab: Block, values: NDArray[Any]) -> dict[str, str]:
    """Write a slab on every level, bring its chunks to the disk itself, and return their checksums.

    Parameters
    ----------
    group : Path
        The image.
    layout : ImageLayout
        Its layout.
    slab : Block
        One of its slabs.
    values : (len(slab), ny, nx) array
        Voxels of the slab.

    Returns
    -------
    dict of str
        CRC-32C in hexadecimal by chunk; chunks that hold the fill value alone have no file and no entry.
    """
    found = write_slab(group, layout, slab, values, durable=True)
    return found | sums_on_disk(group, [name for name in slab_files(layout, slab) if name not in found])


def sums_on_disk(group: Path, names: Iterable[str]) -> dict[str, str]:
    """Bring chunks to the disk itself and return their checksums.

    Parameters
    ----------
    group : Path
        The group that they are in.
    names : iterable of str
        Paths of their files inside the group.

    Returns
    -------
    dict of str
        CRC-32C in hexadecimal by chunk; chunks that hold the fill value alone have no file and no entry.
    """
    found: dict[str, str] = {}
    for name in names:
        try:
            with (group / name).open("rb") as file:
                found[name] = _crc(file.read())
                os.fsync(file.fileno())
        except FileNotFoundError:
            continue
    sync_folders(group, found)
    return found


def corrupt_chunks(group: Path, sums: Mapping[str, str]) -> list[str]:
    """Compare chunks on disk with their checksums.

    Parameters
    ----------
    group : Path
        The image.
    sums : mapping
        CRC-32C by chunk, as `save_slab` gave them.

    Returns
    -------
    list of str
        Chunks that are missing or differ.
    """
    bad = []
    for name, expected in sums.items():
        try:
            whole = _crc((group / name).read_bytes()) == expected
        except OSError:
            whole = False
        if not whole:
            bad.append(name)
    return bad


def _crc(data: bytes) -> str:
    return f"{google_crc32c.value(data):08x}"

"""Chunks of uncompressed zarr arrays, written and read as files: the bytes that zarr writes, without its copies.

Bulk data pass here: line integrals on scratch and µ. A chunk is gathered in a buffer that stays in the cache, summed
and handed to the system from there. Compressed arrays, and whoever reads a part of a chunk, go through zarr.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any
from uuid import uuid4

import google_crc32c
import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BytesCodec, Crc32cCodec
from zarr.core.chunk_key_encodings import DefaultChunkKeyEncoding
from zarr.core.metadata.v3 import ArrayV3Metadata

SUM_BYTES = 4
MOST_OPEN = 16
"""Chunks that are on their way to the disk at a time."""

Place = tuple[int, ...]


@dataclass(frozen=True)
class ChunkFiles:
    """The chunk files of one array on a local disk.

    Parameters
    ----------
    folder : Path
        Of the array.
    shape, chunks : tuple of int
        Of the array, and of each of its chunks.
    dtype : numpy.dtype
        As stored.
    fill : float
        What stands beyond the array's end in the last chunks.
    is_summed : bool
        Whether each chunk ends in its CRC-32C.
    """

    folder: Path
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: np.dtype[Any]
    fill: float
    is_summed: bool

    @property
    def chunk_bytes(self) -> int:
        """Bytes of a chunk's values."""
        return prod(self.chunks) * self.dtype.itemsize

    def file(self, index: Place) -> Path:
        """Return where a chunk lies.

        Parameters
        ----------
        index : tuple of int
            Its place among the chunks.

        Returns
        -------
        Path
            The file.
        """
        return self.folder / "c" / "/".join(map(str, index))

    def touching(self, first: Place, last: Place) -> Iterator[Place]:
        """Go through the chunks that hold a part of the array.

        Parameters
        ----------
        first, last : tuple of int
            Its first element, and one past its last one, along every axis.

        Yields
        ------
        tuple of int
            Place among the chunks, in the array's order.
        """
        yield from product(*(range(a // c, -(-b // c)) for a, b, c in zip(first, last, self.chunks, strict=True)))

    def write(self, first: Place, values: NDArray[Any], *, durable: bool = False) -> dict[str, str]:
        """Write whole chunks.

        Parameters
        ----------
        first : tuple of int
            Where the values begin in the array: the first element of a chunk.
        values : array
            Of whole chunks, but at the array's end.
        durable : bool
            Whether the chunks and their names are on the disk itself when this returns. In any case a name stands for
            a whole chunk.

        Returns
        -------
        dict of str
            CRC-32C in hexadecimal of the values of each chunk, by its path inside the array, for instance "c/3/0/1".

        Raises
        ------
        ValueError
            If the values do not begin and end with chunks.
        """
        last = tuple(a + n for a, n in zip(first, values.shape, strict=True))
        whole = all(b % c == 0 or b == n for b, c, n in zip(last, self.chunks, self.shape, strict=True))
        if not whole or any(a % c for a, c in zip(first, self.chunks, strict=True)):
            raise ValueError(f"values from {first} to {last} are not whole chunks of {self.chunks} in {self.shape}")
        buffer, sums = np.empty(self.chunks, self.dtype), {}
        with _Saving(durable=durable) as saving:
            for index in self.touching(first, last):
                here = tuple(k * c - a for k, c, a in zip(index, self.chunks, first, strict=True))
                part = values[tuple(slice(h, h + c) for h, c in zip(here, self.chunks, strict=True))]
                if part.shape != buffer.shape:
                    buffer.fill(self.fill)
                buffer[tuple(map(slice, part.shape))] = part
                crc, path = _crc(buffer), self.file(index)
                saving.write(path, buffer, crc.to_bytes(SUM_BYTES, "little") if self.is_summed else b"")
                sums[path.relative_to(self.folder).as_posix()] = f"{crc:08x}"
        if durable:
            sync_folders(self.folder, sums)
        return sums

    def read(self, index: Place, memory: NDArray[np.uint8]) -> NDArray[Any] | None:
        """Read one chunk.

        Parameters
        ----------
        index : tuple of int
            Its place among the chunks.
        memory : (n,) array of uint8
            At least `chunk_bytes` and `SUM_BYTES` long; holds the values until the next call.

        Returns
        -------
        array of the shape of a chunk, or None
            None where there is no such chunk, or it is not what was written.
        """
        size = self.chunk_bytes
        wanted = memory[: size + SUM_BYTES * self.is_summed]
        try:
            with self.file(index).open("rb", buffering=0) as file:
                if file.readinto(wanted.data) != len(wanted):
                    return None
        except FileNotFoundError:
            return None
        values = wanted[:size]
        if self.is_summed and _crc(values).to_bytes(SUM_BYTES, "little") != wanted[size:].tobytes():
            return None
        return values.view(self.dtype).reshape(self.chunks)


def chunk_files(array: zarr.Array[Any]) -> ChunkFiles | None:
    """Return an array's chunks as files, if they are nothing but their values.

    Parameters
    ----------
    array : zarr.Array
        An open array.

    Returns
    -------
    ChunkFiles or None
        None where it is compressed, sharded, transposed, of another zarr version, or not on a local disk.
    """
    facts, store = array.metadata, array.store
    if not isinstance(facts, ArrayV3Metadata) or not isinstance(store, zarr.storage.LocalStore):
        return None
    first, *others = facts.codecs
    little = isinstance(first, BytesCodec) and (first.endian is None or first.endian.value == "little")
    is_summed = len(others) == 1 and isinstance(others[0], Crc32cCodec)
    keys = facts.chunk_key_encoding
    if not little or (others and not is_summed) or not isinstance(keys, DefaultChunkKeyEncoding):
        return None
    if keys.separator != "/":
        return None
    dtype = np.dtype(array.dtype).newbyteorder("<")
    return ChunkFiles(
        Path(store.root, array.path), array.shape, array.chunks, dtype, float(array.fill_value), is_summed
    )


def sync_folders(folder: Path, names: Iterable[str]) -> None:
    """Bring the names of files to the disk itself: those of their folders too, once each.

    Parameters
    ----------
    folder : Path
        What the files are in.
    names : iterable of str
        Their paths inside it.
    """
    for inside in sorted({parent for name in names for parent in Path(name).parents}, reverse=True):
        held = os.open(folder / inside, os.O_RDONLY)
        try:
            os.fsync(held)
        finally:
            os.close(held)


def _crc(values: NDArray[Any]) -> int:
    return int(google_crc32c.value(values.reshape(-1).view(np.uint8)))


class _Saving:
    """Writes chunks; where they are to last, the disk works on some while the next are gathered.

    Parameters
    ----------
    durable : bool
        Whether chunks are on the disk itself, under their names, at the end.
    """

    def __init__(self, *, durable: bool) -> None:
        self._durable = durable
        self._open: deque[tuple[Any, Path]] = deque()

    def __enter__(self) -> "_Saving":
        return self

    def write(self, path: Path, values: NDArray[Any], end: bytes) -> None:
        """Write one chunk."""
        file = _created(path.with_name(f"{path.name}.{uuid4().hex}.partial"))  # two workers may do one block
        self._open.append((file, path))
        for data in (values.data.cast("B"), memoryview(end)):
            while data:
                data = data[file.write(data) :]
        if self._durable and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # lets the disk begin, and waits for nothing
        while len(self._open) > MOST_OPEN * self._durable:
            self._finish()

    def _finish(self) -> None:
        file, path = self._open[0]
        if self._durable:
            os.fsync(file.fileno())
        file.close()
        Path(file.name).replace(path)
        self._open.popleft()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            while self._open and error is None:
                self._finish()
        finally:
            for file, _ in self._open:
                file.close()
                Path(file.name).unlink(missing_ok=True)


def _created(path: Path) -> Any:
    try:
        return path.open("wb", buffering=0)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb", buffering=0)

"""Frames in TIFF files: one file a frame, or many pages in a file."""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

from .errors import ScanError
from .frames import (
    MAX_FRAMES,
    Key,
    RawFrames,
    believable_shape,
    contiguous_frames,
    window,
    window_shape,
)

FAULTS = (OSError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, AttributeError, struct.error)
"""What decoders raise on damaged files."""

WIDTH, LENGTH, BITS, SAMPLES, SAMPLE_FORMAT = 256, 257, 258, 277, 339
TAG_FORMAT = {1: "B", 3: "H", 4: "I", 16: "Q"}
KINDS = {1: "u", 2: "i", 3: "f"}
DTYPES = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")


class Page(NamedTuple):
    """One page of a TIFF file, as its directory states it.

    Parameters
    ----------
    offset : int
        Where its directory begins, in bytes.
    n_rows, n_cols : int
        Size in pixels.
    dtype : numpy.dtype
        Type with the byte order of the file.
    """

    offset: int
    n_rows: int
    n_cols: int
    dtype: np.dtype[Any]


def tiff_pages(path: Path, *, first_only: bool = False) -> list[Page]:
    """List the pages of a TIFF file from their directories, without reading pixels.

    Parameters
    ----------
    path : Path
        The file.
    first_only : bool
        True stops after the first page.

    Returns
    -------
    list of Page
        In order; pages are what the chain of directories holds, whatever the file claims elsewhere.

    Raises
    ------
    ScanError
        If the file is cut short, its directories run in a circle, or a page is no grey image of plain numbers.
    """
    with path.open("rb") as file:
        try:
            return _chain(file, path, first_only)
        except (struct.error, OverflowError) as error:
            raise ScanError(f"{path} ends inside a TIFF directory; it is cut short: copy it again") from error


def _chain(file: BinaryIO, path: Path, first_only: bool) -> list[Page]:
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", head, 2)[0] == 43
    offset = struct.unpack_from(order + ("Q" if big else "I"), head, 8 if big else 4)[0]
    count_format, entry_size, next_format = ("Q", 20, "Q") if big else ("H", 12, "I")
    pages: list[Page] = []
    seen: set[int] = set()
    while offset:
        if offset in seen or len(seen) > MAX_FRAMES:
            raise ScanError(f"{path} has TIFF directories that run in a circle; it is damaged: copy it again")
        seen.add(offset)
        file.seek(offset)
        size = struct.calcsize(order + count_format)
        count = struct.unpack(order + count_format, file.read(size))[0]
        if count > 4096:
            raise ScanError(f"{path} has a TIFF directory of {count} tags; it is damaged: copy it again")
        block = file.read(count * entry_size + struct.calcsize(order + next_format))
        pages.append(_page(block, count, entry_size, order, offset, path))
        offset = struct.unpack_from(order + next_format, block, count * entry_size)[0]
        if first_only:
            break
    if not pages:
        raise ScanError(f"{path} is a TIFF file without a page; it was not written to its end: copy it again")
    return pages


def _page(block: bytes, count: int, entry_size: int, order: str, offset: int, path: Path) -> Page:
    """Read what is needed of one directory."""
    tags: dict[int, int] = {}
    place = 12 if entry_size == 20 else 8
    for start in range(0, count * entry_size, entry_size):
        code, kind = struct.unpack_from(order + "HH", block, start)
        if kind in TAG_FORMAT:
            tags[code] = struct.unpack_from(order + TAG_FORMAT[kind], block, start + place)[0]
    bits, form = tags.get(BITS, 1), tags.get(SAMPLE_FORMAT, 1)
    name = f"{KINDS.get(form, '?')}{bits // 8}"
    samples = tags.get(SAMPLES, 1)
    if samples != 1 or bits % 8 or name not in DTYPES:
        found = f"{samples} values a pixel" if samples != 1 else f"pixels of {bits} bits, sample format {form}"
        raise ScanError(f"{path} holds {found}; frames are grey values of 8 to 64 bits: convert them first")
    return Page(offset, tags.get(LENGTH, 0), tags.get(WIDTH, 0), np.dtype(order + name))


@dataclass(frozen=True, eq=False)
class TiffFrames:
    """Frames that are pages of TIFF files.

    Parameters
    ----------
    places : sequence of (Path, int)
        File of each frame, and where its page's directory begins (0 stands for the first page).
    frame_shape : tuple of 2 int
        (n_rows, n_cols), the same in all.
    stored_dtype : numpy.dtype
        Type of the values, the same in all.
    """

    places: Sequence[tuple[Path, int]]
    frame_shape: tuple[int, int]
    stored_dtype: np.dtype[Any]

    def __post_init__(self) -> None:
        believable_shape(self.shape, self.stored_dtype, str(self.places[0][0]) if self.places else "the TIFF stack")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, n_rows, n_cols)."""
        return len(self.places), *self.frame_shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, in native byte order."""
        return self.stored_dtype.newbyteorder("=")

    def __getitem__(self, key: Key) -> NDArray[Any]:
        """Read a part of the stack: of each page, only the strips that hold the rows asked for."""
        where = window(key, self.shape)
        result = np.empty(window_shape(where), self.dtype)
        if not result.size:
            return result
        targets = iter(result)
        for path, places in groupby(self.places[where[0]], key=lambda place: place[0]):
            try:
                with tifffile.TiffFile(path) as tiff:
                    for _, offset in places:
                        next(targets)[...] = self._rows(tiff, offset, where[1])[:, where[2]]
            except ScanError:
                raise
            except FAULTS as error:
                reason = " ".join(str(error).split()) or type(error).__name__
                raise ScanError(f"{path} cannot be read as TIFF ({reason}); copy the file again") from error
        return result

    def _rows(self, tiff: tifffile.TiffFile, offset: int, rows: slice) -> NDArray[Any]:
        """Decode some rows of one page."""
        page: Any = tiff.pages.first
        if offset:
            tiff.filehandle.seek(offset)
            page = tifffile.TiffPage(tiff, index=0)
        if page.shape != self.frame_shape or page.dtype != self.dtype:
            raise ScanError(
                f"{tiff.filehandle.path} holds {page.shape} pixels of {page.dtype} and the first frame "
                f"{self.frame_shape} of {self.dtype}; all frames of a scan have one size and type"
            )
        if page.is_tiled or page.planarconfig != 1 or page.fillorder != 1:
            return page.asarray()[rows]
        return strip_rows(tiff, page, rows)


def strip_rows(tiff: tifffile.TiffFile, page: Any, rows: slice) -> NDArray[Any]:
    """Decode the strips of a page that hold some of its rows.

    Parameters
    ----------
    tiff : tifffile.TiffFile
        The open file.
    page : tifffile.TiffPage
        A grey page in strips.
    rows : slice
        Rows wanted.

    Returns
    -------
    (n_rows, n_cols) array
        Those rows.

    Raises
    ------
    ScanError
        If a strip lies beyond the end of the file.
    """
    height = min(page.rowsperstrip, page.imagelength)
    first, last = rows.start // height, -(-rows.stop // height)
    block = np.zeros((min(last * height, page.imagelength) - first * height, page.imagewidth), page.dtype)
    for index in range(first, last):
        offset, length = page.dataoffsets[index], page.databytecounts[index]
        if offset + length > tiff.filehandle.size:
            raise ScanError(f"{tiff.filehandle.path} is cut short: a strip ends after it; copy the file again")
        tiff.filehandle.seek(offset)
        segment = page.decode(tiff.filehandle.read(length), index)[0]
        if segment is not None:
            place = (index - first) * height
            block[place : place + segment.shape[-3]] = segment.reshape(segment.shape[-3], page.imagewidth)
    return block[rows.start - first * height : rows.stop - first * height]


def tiff_frames(paths: Sequence[Path]) -> TiffFrames | RawFrames:
    """Open TIFF files as frames, in the order given.

    Parameters
    ----------
    paths : sequence of Path
        One file of one or more pages, or many files. Of many files of one page each, one of each length in
        bytes has its header read here, the rest when they are sliced.

    Returns
    -------
    TiffFrames or RawFrames
        Their frames.

    Raises
    ------
    ScanError
        If a file is cut short, or pages differ in size or type.
    """
    if len(paths) == 1 and (stack := imagej_stack(paths[0])) is not None:
        return stack
    first = tiff_pages(paths[0])
    if len(first) > 1:
        pages = [(path, page) for path in paths for page in (first if path == paths[0] else tiff_pages(path))]
    else:
        pages = [(path, tiff_pages(path, first_only=True)[0]) for path in one_of_each_length(paths)]
    shape, dtype = (first[0].n_rows, first[0].n_cols), first[0].dtype
    for index, (path, page) in enumerate(pages):
        if (page.n_rows, page.n_cols) != shape or page.dtype.newbyteorder("=") != dtype.newbyteorder("="):
            where = f"page {index} of {path}" if len(first) > 1 else str(path)
            raise ScanError(
                f"{where} holds {page.n_rows} x {page.n_cols} pixels of {page.dtype} and {paths[0]} "
                f"{shape[0]} x {shape[1]} of {dtype}; all frames of a scan have one size and type: copy it again"
            )
    places = [(path, page.offset) for path, page in pages] if len(first) > 1 else [(path, 0) for path in paths]
    return TiffFrames(places, shape, dtype)


def one_of_each_length(paths: Sequence[Path]) -> list[Path]:
    """Choose one file of each length in bytes: equal files of one camera are equally long.

    Parameters
    ----------
    paths : sequence of Path
        Files.

    Returns
    -------
    list of Path
        In order, the first of each length.

    Raises
    ------
    ScanError
        If a file is empty.
    """
    chosen: dict[int, Path] = {}
    for path in paths:
        size = path.stat().st_size
        if not size:
            raise ScanError(f"{path} is empty; it was not written: copy it again")
        chosen.setdefault(size, path)
    return list(chosen.values())


def imagej_stack(path: Path) -> RawFrames | None:
    """Open a large ImageJ stack, whose single directory stands for all frames.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    RawFrames or None
        Its frames; None if the file is no such stack.

    Raises
    ------
    ScanError
        If it claims more frames than its length holds.
    """
    try:
        with tifffile.TiffFile(path) as tiff:
            page: Any = tiff.pages.first
            found = re.search(r"^images=(\d+)", page.description or "", re.MULTILINE) if page.is_imagej else None
            if found is None or page.compression != 1 or page.ndim != 2:
                return None
            count, offset = int(found[1]), int(page.dataoffsets[0])
            dtype = page.dtype.newbyteorder(tiff.byteorder)
            shape = (count, *page.shape)
    except FAULTS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ScanError(f"{path} cannot be read as TIFF ({reason}); copy the file again") from error
    pages = tiff_pages(path)
    if len(pages) > 1 or count < 2:
        return None
    return contiguous_frames(path, shape, dtype, start=offset)

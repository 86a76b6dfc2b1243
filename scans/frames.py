"""Stacks of detector frames in memory and in plain files, read only where they are sliced."""

import io
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ScanError

Key = slice | tuple[slice, ...]
Window = tuple[slice, slice, slice]

NPY_HEAD_BYTES = 2**16

MAX_FRAMES = 2**24
MAX_FRAME_BYTES = 2**32
"""Limits of a believable scan: what claims more is refused before any memory is taken."""


def window(key: Key, shape: tuple[int, int, int]) -> Window:
    """Turn an index into three whole slices with start and stop inside `shape`.

    Parameters
    ----------
    key : slice or tuple of slices
        Frames, rows and columns; what is left out is taken whole.
    shape : tuple of 3 int
        (n_frames, n_rows, n_cols).

    Returns
    -------
    tuple of 3 slice
        Start and stop as numbers, step 1; an empty range starts where it stops.

    Raises
    ------
    TypeError
        If an index is not a slice, or there are more than three.
    ValueError
        If a step is not 1.
    """
    keys = key if isinstance(key, tuple) else (key,)
    if len(keys) > 3 or not all(isinstance(k, slice) for k in keys):
        raise TypeError(f"frames take up to three slices, not {key!r}; write frames[3:4] for one frame")
    parts = []
    for k, n in zip(keys + (slice(None),) * (3 - len(keys)), shape, strict=True):
        start, stop, step = k.indices(n)
        if step != 1:
            raise ValueError(f"frames are read in steps of 1, not {step}; slice the array that comes back")
        parts.append(slice(start, max(start, stop)))
    return parts[0], parts[1], parts[2]


def window_shape(where: Window) -> tuple[int, int, int]:
    """Return the shape of what a window reads.

    Parameters
    ----------
    where : tuple of 3 slice
        A result of `window`.

    Returns
    -------
    tuple of 3 int
        (n_frames, n_rows, n_cols).
    """
    a, b, c = (s.stop - s.start for s in where)
    return a, b, c


def believable_shape(shape: Sequence[int], dtype: np.dtype[Any], source: str) -> tuple[int, int, int]:
    """Pass the shape of a stack on, or refuse it before memory is taken for it.

    Parameters
    ----------
    shape : sequence of int
        What a header claims.
    dtype : numpy.dtype
        What a header claims.
    source : str
        File and place, for the message.

    Returns
    -------
    tuple of 3 int
        (n_frames, n_rows, n_cols).

    Raises
    ------
    ScanError
        If it is not a stack of at least one frame and pixel, is not of plain numbers, or is absurdly large.
    """
    sizes = " x ".join(str(n) for n in shape) or "nothing"
    if len(shape) != 3:
        raise ScanError(f"{source} holds {sizes}; a stack of frames has three axes: angle, row, column")
    if dtype.kind not in "uif":
        raise ScanError(f"{source} holds {dtype} values; frames are integers or floats: convert them first")
    if min(shape) < 1:
        raise ScanError(f"{source} is {sizes}, so it is empty; give a scan with at least one frame and pixel")
    if shape[0] > MAX_FRAMES or prod(int(n) for n in shape[1:]) * dtype.itemsize > MAX_FRAME_BYTES:
        raise ScanError(
            f"{source} claims {sizes} values of {dtype}; at most {MAX_FRAMES} frames of 4 GiB are read: "
            "the header is damaged, or cut the scan into parts"
        )
    return int(shape[0]), int(shape[1]), int(shape[2])


@dataclass(frozen=True, eq=False)
class ArrayFrames:
    """Frames that are in memory already.

    Parameters
    ----------
    array : (n_frames, n_rows, n_cols) array
        Counts or line integrals, in any byte order.

    Raises
    ------
    ScanError
        If it is not a stack of at least one frame and pixel.
    """

    array: NDArray[Any]

    def __post_init__(self) -> None:
        believable_shape(self.array.shape, self.array.dtype, "the array of frames")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, n_rows, n_cols)."""
        a, b, c = self.array.shape
        return a, b, c

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, in native byte order."""
        return self.array.dtype.newbyteorder("=")

    def __getitem__(self, key: Key) -> NDArray[Any]:
        """Read a part of the stack."""
        return np.array(self.array[window(key, self.shape)], dtype=self.dtype)


@dataclass(frozen=True, eq=False)
class RawFrames:
    """Frames that lie uncompressed in one file, each in one or more runs of bytes.

    Parameters
    ----------
    path : Path
        The file.
    runs : sequence of sequences of (int, int)
        For each frame, offset and length in bytes of the parts it lies in, in order.
    frame_shape : tuple of 2 int
        (n_rows, n_cols).
    stored_dtype : numpy.dtype
        Type with the byte order of the file.
    flip_rows : bool
        True if the last row is stored first.

    Raises
    ------
    ScanError
        If the frames are empty, absurdly large or reach beyond the end of the file.
    """

    path: Path
    runs: Sequence[Sequence[tuple[int, int]]]
    frame_shape: tuple[int, int]
    stored_dtype: np.dtype[Any]
    flip_rows: bool = False

    def __post_init__(self) -> None:
        believable_shape(self.shape, self.stored_dtype, str(self.path))
        need = prod(self.frame_shape) * self.stored_dtype.itemsize
        size = self.path.stat().st_size
        for index, parts in enumerate(self.runs):
            held = sum(length for _, length in parts)
            end = max((offset + length for offset, length in parts), default=0)
            if held < need or end > size or min((offset for offset, _ in parts), default=0) < 0:
                raise ScanError(
                    f"{self.path} is {size} bytes and frame {index} needs {need} up to byte {end}; "
                    "the file is cut short or the frame size is wrong: copy it again, or correct the size"
                )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, n_rows, n_cols)."""
        return len(self.runs), *self.frame_shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, in native byte order."""
        return self.stored_dtype.newbyteorder("=")

    def __getitem__(self, key: Key) -> NDArray[Any]:
        """Read a part of the stack: of each frame, only the rows asked for."""
        where = window(key, self.shape)
        result = np.empty(window_shape(where), self.dtype)
        if not result.size:
            return result
        rows = where[1]
        if self.flip_rows:
            rows = slice(self.frame_shape[0] - rows.stop, self.frame_shape[0] - rows.start)
        with self.path.open("rb", buffering=0) as file:
            for target, parts in zip(result, self.runs[where[0]], strict=True):
                block = self._rows(file, parts, rows)
                target[...] = (block[::-1] if self.flip_rows else block)[:, where[2]]
        return result

    def _rows(self, file: Any, parts: Sequence[tuple[int, int]], rows: slice) -> NDArray[Any]:
        """Read whole rows of one frame from the runs that hold them."""
        width = self.frame_shape[1] * self.stored_dtype.itemsize
        first, last = rows.start * width, rows.stop * width
        pieces, place = [], 0
        for offset, length in parts:
            a, b = max(first, place), min(last, place + length)
            if a < b:
                file.seek(offset + a - place)
                pieces.append(read_exactly(file, b - a, self.path))
            place += length
        return np.frombuffer(b"".join(pieces), self.stored_dtype).reshape(-1, self.frame_shape[1])


def read_exactly(file: Any, size: int, path: Path) -> bytes:
    """Read `size` bytes from an open file.

    Parameters
    ----------
    file : binary file
        At the place to read from.
    size : int
        Number of bytes.
    path : Path
        Name of the file, for the message.

    Returns
    -------
    bytes
        Exactly `size` of them.

    Raises
    ------
    ScanError
        If the file ends before.
    """
    data = bytearray()
    while len(data) < size:
        piece = file.read(size - len(data))
        if not piece:
            raise ScanError(f"{path} ends {size - len(data)} bytes too early; it is cut short: copy it again")
        data += piece
    return bytes(data)


def contiguous_frames(
    path: Path, shape: Sequence[int], dtype: np.dtype[Any], *, start: int = 0, gap: int = 0
) -> RawFrames:
    """Open frames that follow one another in a file.

    Parameters
    ----------
    path : Path
        The file.
    shape : sequence of 3 int
        (n_frames, n_rows, n_cols).
    dtype : numpy.dtype
        Type with the byte order of the file.
    start : int
        Bytes of header before the first frame.
    gap : int
        Bytes of header before each frame.

    Returns
    -------
    RawFrames
        Its frames.

    Raises
    ------
    ScanError
        If the shape is not believable, or the file too short for it.
    """
    n_frames, n_rows, n_cols = believable_shape(shape, dtype, str(path))
    size, frame = path.stat().st_size, n_rows * n_cols * dtype.itemsize
    need = start + n_frames * (gap + frame)
    if size < need or start < 0 or gap < 0:
        raise ScanError(
            f"{path} is {size} bytes, and {n_frames} x {n_rows} x {n_cols} values of {dtype} need {need}; "
            "the file is cut short or the size is wrong: copy it again, or correct the size"
        )
    runs = [[(start + gap + i * (gap + frame), frame)] for i in range(n_frames)]
    return RawFrames(path, runs, (n_rows, n_cols), dtype)


def npy_frames(path: Path) -> RawFrames:
    """Open a NumPy file of frames without reading them.

    Parameters
    ----------
    path : Path
        A `.npy` file of three axes (angle, row, column), or of two for a single frame.

    Returns
    -------
    RawFrames
        Its frames.

    Raises
    ------
    ScanError
        If the header is damaged, or the array is in Fortran order or not of plain numbers.
    """
    with path.open("rb") as file:
        head = io.BytesIO(file.read(NPY_HEAD_BYTES))
    try:
        version = np.lib.format.read_magic(head)
        read = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(head)
    except (ValueError, SyntaxError, TypeError, EOFError, OverflowError, RecursionError, tokenize.TokenError) as error:
        reason = " ".join(str(error).split())
        raise ScanError(f"{path} has a damaged NumPy header ({reason}); save the array again") from error
    start = head.tell()
    if fortran:
        raise ScanError(f"{path} is in Fortran order; save it with numpy.ascontiguousarray")
    shape = (1, *shape) if len(shape) == 2 else shape
    return contiguous_frames(path, shape, dtype, start=start)

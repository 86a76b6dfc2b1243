"""Frames of an HDF5 dataset, read from the file at each slice."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  (registers the compression filters that beamlines use)
import numpy as np
from numpy.typing import NDArray

from .errors import ScanError
from .frames import MAX_FRAME_BYTES, Key, Window, believable_shape, window, window_shape
from .hdf_chunks import is_deflated, read_deflated
from .hdf_links import HDF_FAULTS, open_hdf

MAX_CHUNK_BYTES = MAX_FRAME_BYTES


@dataclass(frozen=True, eq=False)
class HdfFrames:
    """Frames in one HDF5 dataset, or a choice of them.

    The file is opened anew at each read, so that the object can be sent to other threads and processes.

    Parameters
    ----------
    path : Path
        The file that holds the dataset itself, all links followed.
    dataset : str
        Path of the dataset in that file.
    stored_shape : tuple of 3 int
        Shape of the dataset.
    stored_dtype : numpy.dtype
        Type of the dataset.
    indices : (n_frames,) array of int or None
        Which frames of the dataset these are, ascending; None is all.
    packed : int
        Frames in a chunk of the dataset.
    """

    path: Path
    dataset: str
    stored_shape: tuple[int, int, int]
    stored_dtype: np.dtype[Any]
    indices: NDArray[np.int64] | None = None
    packed: int = 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, n_rows, n_cols)."""
        n, rows, columns = self.stored_shape
        return n if self.indices is None else len(self.indices), rows, columns

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, in native byte order."""
        return self.stored_dtype.newbyteorder("=")

    def packed_until(self, stop: int) -> int:
        """Return where the chunk of the frame before `stop` ends."""  # numpydoc ignore=PR01,RT01
        last = stop - 1 if self.indices is None else int(self.indices[stop - 1])
        end = (last // self.packed + 1) * self.packed
        return min(end, self.shape[0]) if self.indices is None else int(np.searchsorted(self.indices, end))

    def __getitem__(self, key: Key) -> NDArray[Any]:
        """Read a part of the stack, frames that follow one another in the file at once."""
        where = window(key, self.shape)
        result = np.empty(window_shape(where), self.dtype)
        if not result.size:
            return result
        with open_hdf(self.path) as file, reading(self.path, self.dataset):
            data = file[self.dataset]
            if data.shape != self.stored_shape:
                change = f"changed from {self.stored_shape} to {data.shape}"
                raise ScanError(f"{self.path}:{self.dataset} {change} since it was opened; open the scan again")
            place, read = 0, read_deflated if is_deflated(data) else _read_plain
            for chosen in self._runs(where[0]):
                start, stop = int(chosen[0]), int(chosen[-1]) + 1
                part, target = (slice(start, stop), *where[1:]), result[place : place + len(chosen)]
                if stop - start == len(chosen):
                    read(data, part, target)
                else:
                    whole = np.empty((stop - start, *target.shape[1:]), self.dtype)
                    read(data, part, whole)
                    target[...] = whole[chosen - start]
                place += len(chosen)
        return result

    def _runs(self, frames: slice) -> list[NDArray[np.int64]]:
        """Return the stored frames that make up a slice of these, those together that lie together or in one chunk."""
        chosen = np.arange(frames.start, frames.stop) if self.indices is None else self.indices[frames]
        apart = (np.diff(chosen) != 1) & (np.diff(chosen // self.packed) != 0)
        return np.split(chosen, np.flatnonzero(apart) + 1)


def _read_plain(data: h5py.Dataset, where: Window, target: NDArray[np.generic]) -> None:
    data.read_direct(target, where)


@dataclass(frozen=True, eq=False)
class HdfFrameList:
    """Frames that are datasets of their own in one HDF5 file.

    Parameters
    ----------
    path : Path
        The file.
    datasets : tuple of str
        Path of each frame's dataset, of shape (1, n_rows, n_cols).
    frame_shape : tuple of 2 int
        (n_rows, n_cols).
    stored_dtype : numpy.dtype
        Type of the datasets.
    """

    path: Path
    datasets: tuple[str, ...]
    frame_shape: tuple[int, int]
    stored_dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, n_rows, n_cols)."""
        return len(self.datasets), *self.frame_shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, in native byte order."""
        return self.stored_dtype.newbyteorder("=")

    def __getitem__(self, key: Key) -> NDArray[Any]:
        """Read a part of the stack."""
        where = window(key, self.shape)
        result = np.empty(window_shape(where), self.dtype)
        if not result.size:
            return result
        with open_hdf(self.path) as file:
            for target, name in zip(result, self.datasets[where[0]], strict=True):
                with reading(self.path, name):
                    data = file[name]
                    if is_deflated(data):
                        read_deflated(data, (slice(0, 1), *where[1:]), target[None])
                    else:
                        target[...] = data[(0, *where[1:])]
        return result


@contextmanager
def reading(path: Path, dataset: str) -> Iterator[None]:
    """Turn what HDF5 raises on damaged data into one line.

    Parameters
    ----------
    path : Path
        The file that is read.
    dataset : str
        Path of the dataset in it.

    Yields
    ------
    None
        Nothing.

    Raises
    ------
    ScanError
        If the block raises what h5py raises.
    """
    try:
        yield
    except HDF_FAULTS as error:
        if isinstance(error, ScanError):
            raise
        reason = " ".join(str(error).split())
        raise ScanError(f"{path}:{dataset} cannot be read ({reason}); the file is damaged: copy it again") from error


def hdf_frames(data: h5py.Dataset, *, indices: NDArray[np.int64] | None = None) -> HdfFrames:
    """Describe an open dataset as frames that are read later.

    Parameters
    ----------
    data : h5py.Dataset
        Three axes: angle, row, column; reached without links that must not be followed.
    indices : (n_frames,) array of int, optional
        Which frames, ascending; None is all.

    Returns
    -------
    HdfFrames
        Its frames.

    Raises
    ------
    ScanError
        If the dataset is no believable stack of frames.
    """
    path, name = Path(os.fsdecode(data.file.filename)), str(data.name)
    n_frames, n_rows, n_cols = believable_shape(data.shape or (), data.dtype, f"{path}:{name}")
    if data.chunks and prod(data.chunks) * data.dtype.itemsize > MAX_CHUNK_BYTES:
        raise ScanError(f"{path}:{name} has chunks of {data.chunks}; at most 4 GiB are read: the header is damaged")
    if data.chunks is None and data.id.get_offset() is not None and not data.external:
        end = data.id.get_offset() + n_frames * n_rows * n_cols * data.dtype.itemsize
        if end > path.stat().st_size:
            raise ScanError(f"{path}:{name} ends at byte {end} of {path.stat().st_size}; copy the file again")
    packed = data.chunks[0] if data.chunks else 1
    return HdfFrames(path, name, (n_frames, n_rows, n_cols), data.dtype, indices, packed)

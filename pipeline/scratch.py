"""What lies between the two passes: line integrals in chunks that suit the second, each with its checksum."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec

from .chunk_files import SUM_BYTES, ChunkFiles, chunk_files
from .store import publish

INTEGRALS, SUMS = "integrals", "sums"


class CorruptScratch(OSError):
    """Line integrals on scratch are not what was written.

    Parameters
    ----------
    views : sequence of int
        First view of each chunk that is missing or damaged.
    path : Path
        The array that they are in.
    """

    def __init__(self, views: Sequence[int], path: Path) -> None:
        super().__init__(views)
        self.views, self.path = tuple(views), path

    def __reduce__(self) -> tuple[type["CorruptScratch"], tuple[tuple[int, ...], Path]]:
        """Let workers elsewhere send it."""
        return CorruptScratch, (self.views, self.path)

    def __str__(self) -> str:
        places = ", ".join(map(str, self.views))
        return f"line integrals of the views from {places} on were damaged on disk; run it again to redo them"


def make_scratch(folder: Path, shape: tuple[int, int, int], *, chunk: tuple[int, int], n_blocks: int) -> None:
    """Make empty scratch arrays; what stood there is removed.

    Parameters
    ----------
    folder : Path
        Of the arrays `integrals` and `sums`.
    shape : tuple of int
        (n_theta, n_rows, n_cols).
    chunk : tuple of int
        Views in memory at a time, and rows of a slab.
    n_blocks : int
        Blocks of the first pass, each with its own sum of the transmission.
    """
    n_theta, n_rows, n_cols = shape
    shutil.rmtree(folder, ignore_errors=True)
    chunks = (min(chunk[0], n_theta), min(chunk[1], n_rows), n_cols)
    for name, size, cut in ((INTEGRALS, shape, chunks), (SUMS, (n_blocks, n_rows, n_cols), (1, n_rows, n_cols))):
        zarr.create_array(
            folder / name, shape=size, chunks=cut, dtype="f4", compressors=[Crc32cCodec()], fill_value=np.nan
        )


class Integrals:
    """Line integrals on scratch, read when sliced by rows, and known to be those that were written.

    Parameters
    ----------
    path : Path
        The array.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._array = zarr.open_array(path, mode="r")
        self._files = plain_files(self._array)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_theta, n_rows, n_cols)."""
        n_theta, n_rows, n_cols = self._array.shape
        return n_theta, n_rows, n_cols

    @property
    def chunks(self) -> tuple[int, ...]:
        """Views, rows and columns of a chunk."""
        return self._array.chunks

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32."""
        return np.dtype(np.float32)

    def sinograms(self, rows: slice) -> NDArray[np.float32]:
        """Read some rows, each as a sinogram.

        Parameters
        ----------
        rows : slice
            Range of rows, start and stop inside the detector.

        Returns
        -------
        (n_rows, n_theta, n_cols) array
            Line integrals, dimensionless.

        Raises
        ------
        CorruptScratch
            If chunks are missing or damaged.
        """
        n_theta, _, n_cols = self.shape
        result = np.empty((rows.stop - rows.start, n_theta, n_cols), np.float32)
        self._fill(result.swapaxes(0, 1), rows)
        return result

    def views(self, rows: slice) -> NDArray[np.float32]:
        """Read some rows of every view.

        Parameters
        ----------
        rows : slice
            Range of rows, start and stop inside the detector.

        Returns
        -------
        (n_theta, n_rows, n_cols) array
            Line integrals, dimensionless.

        Raises
        ------
        CorruptScratch
            If chunks are missing or damaged.
        """
        n_theta, _, n_cols = self.shape
        result = np.empty((n_theta, rows.stop - rows.start, n_cols), np.float32)
        self._fill(result, rows)
        return result

    def _fill(self, target: NDArray[np.float32], rows: slice) -> None:
        """Read rows of every view into an array of any order, a chunk at a time, each through the same memory."""
        files = self._files
        deep, high, _ = files.chunks
        memory, bad = np.empty(files.chunk_bytes + SUM_BYTES, np.uint8), []
        for index in files.touching((0, rows.start, 0), (target.shape[0], rows.stop, target.shape[2])):
            view, row = index[0] * deep, index[1] * high
            chunk = files.read(index, memory)
            first, last = max(row, rows.start), min(row + high, rows.stop)
            place = target[view : view + deep, first - rows.start : last - rows.start]
            if chunk is not None:
                place[...] = chunk[: place.shape[0], first - row : last - row]
            if chunk is None or np.isnan(place[..., :1]).any():
                bad.append(view)
        if bad:
            raise CorruptScratch(sorted(set(bad)), self._path)

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        """Read a part."""
        found = self._whole(key)
        if found is not None:
            return found
        views, *rest = key if isinstance(key, tuple) else (key,)
        first, last, _ = views.indices(self.shape[0]) if isinstance(views, slice) else (views, views + 1, 1)
        size = self.chunks[0]
        starts = range(first // size * size, last, size)
        bad = [start for start in starts if self._whole((slice(start, start + size), *rest)) is None]
        raise CorruptScratch(bad, self._path)

    def _whole(self, key: Any) -> NDArray[np.float32] | None:
        """What the chunks hold, or None where a checksum is wrong or a chunk is missing."""
        try:
            found = np.asarray(self._array[key], np.float32)
        except (ValueError, RuntimeError) as error:  # of zarr's own codecs, and of zarrs
            if "checksum" not in str(error):
                raise
            return None
        return None if np.isnan(found[..., :1]).any() else found


def plain_files(array: zarr.Array[Any]) -> ChunkFiles:
    """Return the chunk files of a scratch array.

    Parameters
    ----------
    array : zarr.Array
        Made by `make_scratch`.

    Returns
    -------
    ChunkFiles
        Its chunks.

    Raises
    ------
    ValueError
        If it is compressed, or not on a local disk.
    """
    files = chunk_files(array)
    if files is None:
        raise ValueError(f"{array.store_path} is not scratch of this version; remove the run's .xelith/scratch folder")
    return files


def save_transmission(folder: Path, target: Path, n_theta: int) -> None:
    """Write the mean transmission of every pixel from the blocks' sums, one block in memory at a time.

    Parameters
    ----------
    folder : Path
        Of the scratch arrays.
    target : Path
        The `.npy` file.
    n_theta : int
        Number of views.
    """
    planes = zarr.open_array(folder / SUMS, mode="r")
    total = np.zeros(planes.shape[1:], np.float64)
    for index in range(planes.shape[0]):
        total += np.asarray(planes[index])
    partial = target.with_suffix(".partial.npy")
    np.save(partial, (total / n_theta).astype(np.float32))
    publish(partial, target)

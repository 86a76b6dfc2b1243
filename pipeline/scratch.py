"""What lies between the two passes: line integrals in chunks that suit the second, each with its checksum."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec

from .store import publish

INTEGRALS, SUMS = "integrals", "sums"


class CorruptScratch(OSError):
    """Line integrals on scratch are not what was written.

    Parameters
    ----------
    views : sequence of int
        First view of each chunk that is missing or damaged.
    """

    def __init__(self, views: Sequence[int]) -> None:
        super().__init__(views)
        self.views = tuple(views)

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
    on_fault : callable, optional
        Told of the views whose chunks are missing or damaged, before `CorruptScratch` is raised.
    """

    def __init__(self, path: Path, on_fault: Callable[[Sequence[int]], None] | None = None) -> None:
        self._array = zarr.open_array(path, mode="r")
        self._on_fault = on_fault

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
        if self._on_fault is not None:
            self._on_fault(bad)
        raise CorruptScratch(bad)

    def _whole(self, key: Any) -> NDArray[np.float32] | None:
        """What the chunks hold, or None where a checksum is wrong or a chunk is missing."""
        try:
            found = np.asarray(self._array[key], np.float32)
        except ValueError as error:
            if "checksum" not in str(error):
                raise
            return None
        return None if np.isnan(found[..., :1]).any() else found


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

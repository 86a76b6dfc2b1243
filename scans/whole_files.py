"""Files and folders that get their final name only when they are whole, and frames read block by block into them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from .scan import Frames

BLOCK_BYTES = 2**26


@contextmanager
def whole_or_not(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary name to write under, and rename it when the block ends well.

    Parameters
    ----------
    path : Path
        The final name, of a file or a folder.
    overwrite : bool
        True replaces what has that name.

    Yields
    ------
    Path
        The temporary name, in the same folder; nothing is there yet.

    Raises
    ------
    FileExistsError
        If something has the final name and `overwrite` is false.
    """
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; choose another name, or pass overwrite=True")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    remove(partial)
    try:
        yield partial
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        partial.replace(path)
    finally:
        remove(partial)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there.

    Parameters
    ----------
    path : Path
        What to remove.
    """
    with suppress(FileNotFoundError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def blocks_of(frames: Frames) -> Iterator[tuple[int, NDArray[Any]]]:
    """Read a stack in blocks of about 64 MiB.

    Parameters
    ----------
    frames : Frames
        The stack.

    Yields
    ------
    tuple of (int, array)
        Index of the block's first frame, and the (n, n_rows, n_cols) block.
    """
    n_frames, n_rows, n_cols = frames.shape
    size = max(1, BLOCK_BYTES // (n_rows * n_cols * frames.dtype.itemsize))
    for start in range(0, n_frames, size):
        yield start, frames[start : start + size]

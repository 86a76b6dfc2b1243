"""Zarr arrays, read where they are sliced: frames of a scan, or a volume; damaged ones are refused in words."""

from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ScanError
from .frames import Key, believable_shape, window
from .hints import Hints
from .remote import file_system, remote_url, speaking, zarr_store
from .scan import Scan

FORMAT = "Zarr"
METADATA = ("zarr.json", ".zarray", ".zgroup")
PLACES = {
    "projections": ("exchange/data", "data", "projections"),
    "flats": ("exchange/data_white", "data_white", "flats"),
    "darks": ("exchange/data_dark", "data_dark", "darks"),
    "theta": ("exchange/theta", "theta"),
}
MAX_CHUNK_BYTES = 2**32
MAX_ANGLES = 2**24
ZARR_FAULTS = (ValueError, TypeError, KeyError, AttributeError, RuntimeError, IndexError, OSError, OverflowError)
"""What zarr raises on damaged metadata and chunks."""


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is a zarr group or array.

    Parameters
    ----------
    path : Path
        Any path.

    Returns
    -------
    bool
        True if it holds zarr's metadata, version 2 or 3.
    """
    if (url := remote_url(path)) is not None:
        store = file_system(url)
        with speaking(url):
            return any(store.exists(f"{url}/{name}") for name in METADATA)
    return path.is_dir() and any((path / name).is_file() for name in METADATA)


def open_node(path: Path) -> Any:
    """Open a zarr group or array for reading.

    Parameters
    ----------
    path : Path
        Its folder.

    Returns
    -------
    zarr.Group or zarr.Array
        Nothing of its values is read.

    Raises
    ------
    ScanError
        If its metadata are damaged.
    """
    import zarr

    url = remote_url(path)
    try:
        return zarr.open(path if url is None else zarr_store(url), mode="r")
    except ZARR_FAULTS as error:
        raise ScanError(_damaged(path, error)) from error


def is_array(node: Any) -> bool:
    """Tell an array from a group.

    Parameters
    ----------
    node : zarr.Group or zarr.Array
        As `open_node` gives it.

    Returns
    -------
    bool
        True for an array.
    """
    import zarr

    return isinstance(node, zarr.Array)


def _damaged(path: Path, error: BaseException) -> str:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return f"{remote_url(path) or path} cannot be read as zarr ({reason}); it is damaged or incomplete: copy it again"


@dataclass(frozen=True, eq=False)
class ZarrFrames:
    """Three axes of a zarr array: (frame, row, column), or (z, y, x).

    Parameters
    ----------
    path : Path
        The group or array that was opened.
    name : str
        Path of the array inside it; "" where it is the array itself.

    Raises
    ------
    ScanError
        If there is no such array, it is no stack of numbers, or absurdly large.
    """

    path: Path
    name: str = ""

    def __post_init__(self) -> None:
        array = self._array
        source = f"{self.path}/{self.name}".rstrip("/")
        believable_shape(array.shape, array.dtype, source)
        chunk = prod(int(n) for n in array.chunks) * array.dtype.itemsize
        if chunk > MAX_CHUNK_BYTES:
            raise ScanError(
                f"{source} claims chunks of {chunk} bytes; at most 4 GiB are read: its metadata are damaged"
            )

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "name": self.name}  # workers open the array for themselves

    @cached_property
    def _array(self) -> Any:
        node = open_node(self.path)
        try:
            found = node[self.name] if self.name else node
        except ZARR_FAULTS as error:
            raise ScanError(_damaged(self.path / self.name, error)) from error
        if not is_array(found):
            raise ScanError(f"{self.path / self.name} is a zarr group and no array; name the array in it")
        return found

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, n_rows, n_cols)."""
        a, b, c = self._array.shape
        return int(a), int(b), int(c)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, in native byte order."""
        found: np.dtype[Any] = self._array.dtype.newbyteorder("=")
        return found

    @property
    def packed(self) -> int:
        """Frames in a chunk of the array."""
        return int(self._array.chunks[0])

    def packed_until(self, stop: int) -> int:
        """Return where the chunk of the frame before `stop` ends."""  # numpydoc ignore=PR01,RT01
        return min(-(-stop // self.packed) * self.packed, self.shape[0])

    def __getitem__(self, key: Key) -> NDArray[Any]:
        """Read a part of the stack."""
        url = remote_url(self.path)
        if url is not None:
            with speaking(url):
                return np.asarray(self._array[window(key, self.shape)], dtype=self.dtype)
        try:
            return np.asarray(self._array[window(key, self.shape)], dtype=self.dtype)
        except ZARR_FAULTS as error:
            raise ScanError(_damaged(self.path / self.name, error)) from error


def recognises(path: Path, hints: Hints) -> bool:
    """Tell whether a folder is a scan in zarr.

    Parameters
    ----------
    path : Path
        A folder.
    hints : Hints
        Not looked at.

    Returns
    -------
    bool
        True if it is a zarr array, or a group that holds projections under one of their names.
    """
    if not is_zarr(path):
        if (url := remote_url(path)) is not None:
            raise FileNotFoundError(f"{url} holds no zarr; from a store, scans and volumes are read as zarr alone")
        return False
    node = open_node(path)
    return is_array(node) or _place(path, "projections") is not None


def _place(path: Path, what: str) -> str | None:
    """Name of the array of one kind in a group, damaged or not."""
    return next((name for name in PLACES[what] if is_zarr(path / name)), None)


def read(path: Path, hints: Hints) -> Scan:
    """Open a scan in zarr: an array of projections, or a group laid out as DataExchange.

    Parameters
    ----------
    path : Path
        The folder.
    hints : Hints
        What the group does not say; pixel and energy always.

    Returns
    -------
    Scan
        Frames that are read when they are sliced.

    Raises
    ------
    ScanError
        If an array is damaged or no stack of frames.
    """
    node = open_node(path)
    if is_array(node):
        return Scan(ZarrFrames(path), path=path, format=FORMAT)
    found = {what: _place(path, what) for what in PLACES}
    stacks = {
        what: None if (name := found[what]) is None else ZarrFrames(path, name)
        for what in ("projections", "flats", "darks")
    }
    projections = stacks["projections"]
    if projections is None:
        raise ScanError(f"{path} holds none of {', '.join(PLACES['projections'])}; give the array of projections")
    theta = None if found["theta"] is None else _theta(path / found["theta"])
    return Scan(projections, stacks["flats"], stacks["darks"], theta, path=path, format=FORMAT)


def _theta(path: Path) -> NDArray[np.float64]:
    """Angles in rad; degrees unless the array says otherwise."""
    array = open_node(path)
    is_list = is_array(array) and array.ndim == 1 and array.dtype.kind in "uif"
    if not is_list or array.shape[0] > MAX_ANGLES:
        raise ScanError(f"{path} is no list of numbers; give one angle for each projection")
    try:
        values = np.asarray(array[:], np.float64)
        units = str(array.attrs.get("units", "deg")).lower()
    except ZARR_FAULTS as error:
        raise ScanError(_damaged(path, error)) from error
    return values if units.startswith("rad") else np.radians(values)

"""HDF5 files whose links are followed by hand, so that none leads out of the scan's own folder."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .errors import ScanError
from .hdf_heaps import check_heaps

HDF_FAULTS = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError)
"""What h5py raises on damaged files."""

MAX_HOPS = 32
MAX_OBJECTS = 100_000
MAX_VECTOR = 2**24
MAX_TEXT = 2**16


def open_hdf(path: Path, *, check: bool = False) -> h5py.File:
    """Open an HDF5 file for reading.

    Parameters
    ----------
    path : Path
        The file.
    check : bool
        True looks for the damage that would keep the library busy for ever when it reads texts.

    Returns
    -------
    h5py.File
        Open, to be closed by the caller.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    ScanError
        If it is cut short or damaged.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; check the name and that the disk is mounted")
    if check:
        check_heaps(path)
    try:
        return h5py.File(path, "r", locking=False)
    except HDF_FAULTS as error:
        reason = " ".join(str(error).split())
        raise ScanError(
            f"{path} cannot be read as HDF5 ({reason}); it is cut short or damaged: copy it again"
        ) from error


class LinkedHdf(AbstractContextManager["LinkedHdf"]):
    """An open HDF5 file and the files that it links to, all held to one folder.

    HDF5 follows soft links, external links, virtual datasets and external storage by itself, to anywhere on
    the disk. Here every step of a path is looked at first. What leads out of the folder counts as not there,
    and is remembered in `refused`; what leads to nothing is remembered in `dangling`.

    Parameters
    ----------
    path : Path
        The file to start from.
    allow_outside : bool
        True lets links lead out of the file's folder.

    Raises
    ------
    FileNotFoundError
        If the file is not there.
    ScanError
        If it is cut short or damaged.
    """

    def __init__(self, path: Path, *, allow_outside: bool = False) -> None:
        self.path = path
        self.folder = path.resolve().parent
        self.allow_outside = allow_outside
        self.refused: dict[str, str] = {}
        self.dangling: dict[str, str] = {}
        self._stack = ExitStack()
        self._files = {path.resolve(): self._stack.enter_context(open_hdf(path, check=True))}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all files, and turn what h5py raises on a damaged file into one line."""
        self._stack.close()
        if isinstance(error, HDF_FAULTS) and not isinstance(error, ScanError | FileNotFoundError):
            reason = " ".join(str(error).split())
            raise ScanError(f"{self.path} cannot be read as HDF5 ({reason}); it is damaged: copy it again") from error

    @property
    def root(self) -> h5py.Group:
        """The root group of the file."""
        return self._files[self.path.resolve()]["/"]

    def get(self, name: str, *, start: h5py.Group | None = None) -> Any:
        """Return the object at a path, following allowed links only.

        Parameters
        ----------
        name : str
            Path below `start`, or from the root if it begins with a slash.
        start : h5py.Group, optional
            Where to begin; None is the root of the file.

        Returns
        -------
        h5py.Group, h5py.Dataset or None
            None where the path leads to nothing or out of the folder.
        """
        group = self.root if start is None else start
        try:
            return self._walk(group, name)
        except HDF_FAULTS:
            self.dangling[name] = "damaged"
            return None

    def _walk(self, group: h5py.Group, name: str) -> Any:
        todo = [part for part in name.split("/") if part and part != "."][::-1]
        here: Any = group.file["/"] if name.startswith("/") else group
        hops = 0
        while todo:
            part = todo.pop()
            link = here.get(part, getlink=True) if isinstance(here, h5py.Group) else None
            if link is None:
                return None
            if isinstance(link, h5py.HardLink):
                here = here[part]
                continue
            hops += 1
            if hops > MAX_HOPS:
                return None
            todo += [step for step in link.path.split("/") if step and step != "."][::-1]
            if isinstance(link, h5py.ExternalLink):
                file = self._linked(here, link.filename, f"{here.name.rstrip('/')}/{part}")
                if file is None:
                    return None
                here = file["/"]
            elif link.path.startswith("/"):
                here = here.file["/"]
        return here if self._stays_inside(here) else None

    def _linked(self, group: h5py.Group, filename: str, origin: str) -> h5py.File | None:
        target = (Path(os.fsdecode(group.file.filename)).resolve().parent / filename).resolve()
        if not self._is_inside(target):
            self.refused[origin] = str(target)
            return None
        if target not in self._files:
            try:
                self._files[target] = self._stack.enter_context(open_hdf(target, check=True))
            except (FileNotFoundError, ScanError):
                self.dangling[origin] = str(target)
                return None
        return self._files[target]

    def _is_inside(self, target: Path) -> bool:
        return self.allow_outside or target.is_relative_to(self.folder)

    def _stays_inside(self, found: Any) -> bool:
        """Tell whether the values of a dataset lie inside the folder too (external and virtual storage)."""
        if self.allow_outside or not isinstance(found, h5py.Dataset):
            return True
        if found.external:  # HDF5 looks for these in the working folder, wherever that is
            self.refused[found.name] = os.fsdecode(found.external[0][0])
            return False
        if not found.is_virtual:
            return True
        known = len(self.refused)
        for file_name, dataset in {(s.file_name, s.dset_name) for s in found.virtual_sources()}:
            file = found.file if file_name == "." else self._linked(found.parent, file_name, found.name)
            if file is not None:
                self._walk(file["/"], dataset)
            elif not self._is_inside(Path(file_name).resolve()) and Path(file_name).exists():
                self.refused[found.name] = file_name  # HDF5 would find it in the working folder
        return len(self.refused) == known

    def walk(self, start: h5py.Group | None = None) -> Iterator[tuple[str, Any]]:
        """Go through all objects below a group, each once.

        Parameters
        ----------
        start : h5py.Group, optional
            Where to begin; None is the root of the file.

        Yields
        ------
        tuple of (str, object)
            Path from `start`, and the group or dataset; links that lead nowhere or outside are left out.
        """
        top = self.root if start is None else start
        waiting, seen = [("", top)], {top.id}
        while waiting:
            prefix, group = waiting.pop(0)
            for name in group:
                found = self.get(name, start=group)
                if found is None:
                    continue
                yield f"{prefix}{name}", found
                if isinstance(found, h5py.Group) and found.id not in seen:
                    if len(seen) > MAX_OBJECTS:
                        return
                    seen.add(found.id)
                    waiting.append((f"{prefix}{name}/", found))

    def text(self, *names: str, start: h5py.Group | None = None) -> str | None:
        """Return the first of several paths that holds a text.

        Parameters
        ----------
        *names : str
            Paths, the best first.
        start : h5py.Group, optional
            Where to begin; None is the root of the file.

        Returns
        -------
        str or None
            The text without white space round it; None if none is there.
        """
        for name in names:
            value = first_value(self.get(name, start=start))
            if isinstance(value, bytes | str):
                return as_text(value)
        return None

    def number(self, *names: str, start: h5py.Group | None = None) -> tuple[float, str | None, str] | None:
        """Return the first of several paths that holds a finite number, with its unit.

        Parameters
        ----------
        *names : str
            Paths, the best first.
        start : h5py.Group, optional
            Where to begin; None is the root of the file.

        Returns
        -------
        tuple of (float, str or None, str), or None
            Number, its attribute `units`, and the path it came from.
        """
        for name in names:
            found = self.get(name, start=start)
            value = first_value(found)
            try:
                number = float(as_text(value) if isinstance(value, bytes | str) else value)
            except (TypeError, ValueError):
                continue
            if np.isfinite(number):
                return number, units_of(found), found.name
        return None

    def vector(self, name: str, *, start: h5py.Group | None = None) -> NDArray[Any] | None:
        """Return a list of numbers, if a path holds one.

        Parameters
        ----------
        name : str
            Path of the dataset.
        start : h5py.Group, optional
            Where to begin; None is the root of the file.

        Returns
        -------
        (n,) array or None
            The numbers as stored; None if there is no such list of believable length.
        """
        found = self.get(name, start=start)
        if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "iuf" or not found.shape:
            return None
        if not 0 < found.size <= MAX_VECTOR or found.size != max(found.shape):
            return None
        try:
            return np.asarray(found[()]).ravel()
        except HDF_FAULTS as error:
            raise ScanError(
                f"{found.file.filename}:{found.name} cannot be read ({error}); copy the file again"
            ) from error


def first_value(found: Any) -> Any:
    """Return the first value of a small dataset.

    Parameters
    ----------
    found : object
        What `LinkedHdf.get` returned.

    Returns
    -------
    object
        A number or a text; None where there is none.
    """
    if not isinstance(found, h5py.Dataset) or found.shape is None or found.size < 1:
        return None
    if found.dtype.itemsize > MAX_TEXT:
        return None
    try:
        return found[(0,) * found.ndim]
    except HDF_FAULTS:
        return None


def as_text(value: Any) -> str:
    """Return an HDF5 text or attribute as a clean string.

    Parameters
    ----------
    value : object
        Bytes, a string, or an array of one of them.

    Returns
    -------
    str
        Without padding.
    """
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.strip("\x00 \r\n\t")


def attribute(found: Any, name: str) -> str | None:
    """Return an attribute as a string.

    Parameters
    ----------
    found : h5py.Group or h5py.Dataset
        The object.
    name : str
        Name of the attribute.

    Returns
    -------
    str or None
        None if it is not there or cannot be read.
    """
    try:
        value = found.attrs.get(name)
    except HDF_FAULTS:
        return None
    return None if value is None else as_text(value)


def units_of(found: Any) -> str | None:
    """Return the unit that a dataset states.

    Parameters
    ----------
    found : h5py.Dataset
        The dataset.

    Returns
    -------
    str or None
        Its attribute `units` or `unit`.
    """
    return attribute(found, "units") or attribute(found, "unit")

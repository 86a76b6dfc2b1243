"""Frames that a hint or a sidecar names: a file, a folder, a pattern, a list, or a described raw file."""

import glob
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .contents import content_kind
from .errors import ScanError
from .frames import contiguous_frames, npy_frames
from .hdf_frames import hdf_frames
from .hdf_links import LinkedHdf
from .hints import Source, nearest_name
from .joined_frames import joined_frames
from .scan import Frames
from .sidecar import held_path
from .tiff_frames import tiff_frames

RAW_KEYS = ("path", "shape", "dtype", "byte_order", "header_bytes", "frame_header_bytes")


def natural_key(name: str | Path) -> tuple[tuple[int, int | str], ...]:
    """Return a key that sorts names with their numbers in order.

    Parameters
    ----------
    name : str or Path
        Name of a file.

    Returns
    -------
    tuple
        Its parts, numbers as numbers.
    """
    parts = re.split(r"(\d+)", str(name).lower())
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in parts)


def tiff_files(folder: Path) -> list[Path]:
    """List the TIFF files of a folder, numbers in order.

    Parameters
    ----------
    folder : Path
        The folder.

    Returns
    -------
    list of Path
        Files named `.tif` or `.tiff`, hidden ones left out.
    """
    files = [p for p in folder.iterdir() if p.suffix.lower() in (".tif", ".tiff") and not p.name.startswith(".")]
    return sorted((p for p in files if p.is_file()), key=lambda p: natural_key(p.name))


def named_files(source: Source, folder: Path, *, allow_outside: bool, name: str) -> list[Path]:
    """List the files that a source stands for.

    Parameters
    ----------
    source : str, Path or sequence of them
        File, folder of TIFF files, pattern with * or ?, or a list of files; relative to `folder`.
    folder : Path
        Folder of the scan.
    allow_outside : bool
        True lets the paths lead out of the folder.
    name : str
        Name of the hint, for the message.

    Returns
    -------
    list of Path
        At least one file; those of a pattern with numbers in order.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ScanError
        If a path leads out of the folder and that is not allowed.
    """
    if not isinstance(source, str | Path):
        return [
            file
            for item in source
            for file in named_files(str(item), folder, allow_outside=allow_outside, name=name)
        ]  # fmt: skip
    path = held_path(source, folder, allow_outside=allow_outside, source=name)
    if path.is_dir():
        found = tiff_files(path)
    elif path.exists():
        found = [path]
    else:
        pattern = str(path) if Path(source).is_absolute() else f"{glob.escape(str(folder))}/{source}"
        found = sorted((Path(match) for match in glob.glob(pattern)), key=natural_key)  # noqa: PTH207 (absolute too)
        for match in found:
            held_path(match.resolve(), folder, allow_outside=allow_outside, source=name)
    if not found:
        raise FileNotFoundError(f"{name}: {path} matches no file; give a file, a folder of TIFF files or a pattern")
    return found


def open_frames(source: Source, folder: Path, *, allow_outside: bool = False, name: str = "frames") -> Frames:
    """Open frames that a hint names.

    Parameters
    ----------
    source : str, Path, sequence or mapping
        File, folder, pattern or list of files (TIFF, NumPy); `file.h5:/path/of/dataset`; or a mapping with
        `path`, `shape`, `dtype` and, if they differ from the default, `byte_order` (little or big),
        `header_bytes` and `frame_header_bytes` of raw files. Relative to `folder`.
    folder : Path
        Folder of the scan.
    allow_outside : bool
        True lets the paths lead out of the folder.
    name : str
        Name of the hint, for messages.

    Returns
    -------
    Frames
        The frames, not yet read.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ScanError
        If the files hold no frames.
    """
    if isinstance(source, Mapping):
        return raw_frames(source, folder, allow_outside=allow_outside, name=name)
    if isinstance(source, str) and (match := re.fullmatch(r"(.+?\.\w+):(/.+)", source)):
        path = held_path(match[1], folder, allow_outside=allow_outside, source=name)
        with LinkedHdf(path, allow_outside=allow_outside) as file:
            found = file.get(match[2])
            if found is None or not hasattr(found, "shape"):
                raise ScanError(f"{name}: {path} has no dataset {match[2]}; list its datasets with h5ls")
            return hdf_frames(found)
    files = named_files(source, folder, allow_outside=allow_outside, name=name)
    kinds = {content_kind(path) for path in files[:1]}
    if kinds == {"tiff"}:
        return tiff_frames(files)
    if kinds == {"numpy"}:
        return joined_frames([npy_frames(path) for path in files])
    raise ScanError(
        f"{name}: {files[0]} is neither TIFF nor NumPy; describe raw files by a mapping with path, shape and dtype, "
        "and datasets as file.h5:/path"
    )


def raw_frames(source: Mapping[str, Any], folder: Path, *, allow_outside: bool = False, name: str = "frames") -> Frames:
    """Open raw files that a mapping describes.

    Parameters
    ----------
    source : mapping
        `path` (a file, pattern or list), `shape` (frames, rows, columns; or rows, columns for one frame a
        file), `dtype`, `byte_order`, `header_bytes`, `frame_header_bytes`.
    folder : Path
        Folder of the scan.
    allow_outside : bool
        True lets the paths lead out of the folder.
    name : str
        Name of the hint, for messages.

    Returns
    -------
    Frames
        The frames, not yet read.

    Raises
    ------
    ScanError
        If a key is missing, unknown or wrong, or a file too short.
    """
    for key in source:
        if key not in RAW_KEYS:
            raise ScanError(f"{name} has no {key!r}; {nearest_name(str(key), RAW_KEYS)}")
    missing = [key for key in ("path", "shape", "dtype") if key not in source]
    if missing:
        raise ScanError(f"{name} lacks {' and '.join(missing)}; a raw file needs path, shape and dtype")
    orders: dict[str, Literal["<", ">"]] = {"little": "<", "big": ">"}
    order = orders.get(str(source.get("byte_order", "little")))
    try:
        dtype = np.dtype(str(source["dtype"])).newbyteorder(order or "=")
        shape = [whole_number(n) for n in source["shape"]]
        start, gap = (whole_number(source.get(key, 0)) for key in ("header_bytes", "frame_header_bytes"))
    except (TypeError, ValueError) as error:
        raise ScanError(
            f"{name} has a wrong shape, dtype or header ({error}); give whole numbers and uint16"
        ) from error
    if order is None:
        raise ScanError(f"{name} has byte_order {source['byte_order']!r}; give little or big")
    files = named_files(source["path"], folder, allow_outside=allow_outside, name=name)
    shape = [1, *shape] if len(shape) == 2 else shape
    return joined_frames([contiguous_frames(path, shape, dtype, start=start, gap=gap) for path in files])


def whole_number(value: Any) -> int:
    """Return a number that must be whole and not negative.

    Parameters
    ----------
    value : object
        What was given.

    Returns
    -------
    int
        The number.

    Raises
    ------
    ValueError
        If it is not whole or negative.
    """
    if isinstance(value, bool) or int(value) != value or value < 0:
        raise ValueError(f"{value!r} is no whole number")
    return int(value)

"""Where a result comes from: versions, hashes of inputs and configuration, time."""

import hashlib
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from .. import __version__
from ..scans.remote import remote_files, remote_url
from .config import ScanEntry
from .ledger import fingerprint

WHOLE_FILE_BYTES = 256 * 2**20
RECORDED = (
    "numpy",
    "scipy",
    "numba",
    "zarr",
    "dask",
    "h5py",
    "tifffile",
    "scikit-image",
    "xraydb",
    "CoolProp",
)


def versions() -> dict[str, str]:
    """Return the versions that a result depends on.

    Returns
    -------
    dict of str
        This package, Python, and the libraries that touch the numbers.
    """
    found = {"xelith": __version__, "python": platform.python_version()}
    for name in RECORDED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def now() -> str:
    """Return the present time as ISO 8601, UTC.

    Returns
    -------
    str
        To the second.
    """
    return datetime.now(UTC).isoformat(timespec="seconds")


def input_files(path: Path) -> list[Path]:
    """List the files behind an input: itself, or all in its folder.

    Parameters
    ----------
    path : Path
        File or folder.

    Returns
    -------
    list of Path
        Sorted.
    """
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    return [path]


def input_mark(path: Path) -> str:
    """Fingerprint an input without reading it: names, sizes and times of change.

    Parameters
    ----------
    path : Path
        File or folder.

    Returns
    -------
    str
        Changes when a file does.
    """
    if (url := remote_url(path)) is not None:
        return fingerprint(url, remote_files(url))
    facts = [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in input_files(path)]
    return fingerprint(facts)


def named_files(section: BaseModel) -> list[Path]:
    """List the files and folders that a part of the configuration names and that are there.

    Parameters
    ----------
    section : BaseModel
        The configuration, or a part of it.

    Returns
    -------
    list of Path
        In the order of the keys.
    """
    return [path for path in _paths(section) if path.exists() or remote_url(path)]


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _paths(getattr(value, name))
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _paths(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from _paths(inner)


def scan_mark(entry: ScanEntry) -> str:
    """Fingerprint all that the frames of a scan depend on: its files, and how they are read.

    Parameters
    ----------
    entry : ScanEntry
        The scan.

    Returns
    -------
    str
        Changes when a file does, or when other values are read from it.
    """
    read = {"path", "flat_path", "dark_path", "is_line_integral", "allow_outside"}
    return fingerprint([input_mark(path) for path in named_files(entry)], entry.model_dump(mode="json", include=read))


def input_sha256(path: Path) -> str | None:
    """Hash an input's bytes.

    Parameters
    ----------
    path : Path
        File, or folder (names and bytes of its files in sorted order).

    Returns
    -------
    str or None
        SHA-256 in hexadecimal; None above 256 MiB, where a second reading would cost: the frames that were used are
        hashed as they are read.
    """
    if remote_url(path) is not None:
        return None
    files = input_files(path)
    if sum(file.stat().st_size for file in files) > WHOLE_FILE_BYTES:
        return None
    digest = hashlib.sha256()
    for file in files:
        if path.is_dir():
            digest.update(str(file.relative_to(path)).encode())
        with file.open("rb") as stream:
            while piece := stream.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()


def image_attributes(config_text: str, *, scan: str, source: Path) -> dict[str, Any]:
    """Return what is stored in the attributes of every image.

    Parameters
    ----------
    config_text : str
        The configuration as resolved.
    scan : str
        Name of the scan.
    source : Path
        Where its raw data lie.

    Returns
    -------
    dict
        JSON-able.
    """
    return {
        "scan": scan,
        "source": source.name,
        "quantity": "linear attenuation coefficient",
        "unit": "1/cm",
        "config_sha256": hashlib.sha256(config_text.encode()).hexdigest(),
        "versions": versions(),
    }

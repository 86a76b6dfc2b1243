"""YAML and JSON files beside a scan that say what the scan's own file does not."""

import json
import logging
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from .errors import ScanError
from .hints import Hints, hints_from

logger = logging.getLogger(__name__)

MAX_BYTES = 2**18
MAX_ANGLE_BYTES = 2**28
FOLDER_NAMES = ("scan.yaml", "xelith.yaml", "scan.yml", "xelith.yml", "scan.json")
ALIASES = {"theta_file": "angles"}


class _PlainLoader(yaml.SafeLoader):
    """Safe YAML without aliases, which can stand for more than memory holds."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a node, or refuse an alias."""
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed")
        return super().compose_node(parent, index)


def load_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML or JSON file whose top level is a mapping.

    Parameters
    ----------
    path : Path
        The file, at most 256 KiB.

    Returns
    -------
    dict
        Its content.

    Raises
    ------
    ScanError
        If it is too large, no valid YAML, or no mapping.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ScanError(f"{path} is {path.stat().st_size} bytes; a sidecar has at most 256 KiB: list angles in a file")
    try:
        content = parsed(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ScanError(f"{path} is no valid YAML or JSON ({reason}); correct it there") from error
    if not isinstance(content, dict):
        raise ScanError(f"{path} holds no mapping; write lines such as 'pixel_um: 0.54'")
    return content


def parsed(text: str) -> Any:
    """Parse JSON or YAML.

    Parameters
    ----------
    text : str
        The text.

    Returns
    -------
    object
        Its content.

    Raises
    ------
    yaml.YAMLError
        If it is neither.
    """
    if text.lstrip().startswith("{"):  # YAML reads JSON too, but not with tabs
        with suppress(json.JSONDecodeError):
            return json.loads(text)
    return yaml.load(text, Loader=_PlainLoader)


def find_sidecar(path: Path) -> Path | None:
    """Look for the sidecar of a scan.

    Parameters
    ----------
    path : Path
        File or folder of the scan.

    Returns
    -------
    Path or None
        `scan.yaml` or `xelith.yaml` in the folder, or NAME.yaml beside the file NAME.ext.
    """
    if path.is_dir():
        names = [path / name for name in FOLDER_NAMES]
    else:
        names = [path.with_name(path.name + ".yaml"), path.with_suffix(".yaml"), path.with_suffix(".yml")]
    return next((name for name in names if name.is_file() and name != path), None)


def is_sidecar(path: Path) -> bool:
    """Tell whether a text file is a sidecar that says where its projections lie.

    Parameters
    ----------
    path : Path
        A text file.

    Returns
    -------
    bool
        True if it is YAML or JSON with a key `projections`.
    """
    try:
        return "projections" in load_mapping(path)
    except ScanError:
        return False


def sidecar_hints(path: Path) -> Hints:
    """Read the hints of a sidecar; their paths are held to its folder.

    Parameters
    ----------
    path : Path
        The sidecar.

    Returns
    -------
    Hints
        What it says; nothing if it is the configuration of a run and no sidecar.

    Raises
    ------
    ScanError
        If it is damaged, or has a key that is not known.
    """
    content = load_mapping(path)
    if "scans" in content or "series" in content:
        logger.debug("%s configures a run and describes no scan", path)
        return Hints()
    return hints_of(content, path)


def hints_of(content: Mapping[str, Any], path: Path) -> Hints:
    """Turn the content of a sidecar into hints.

    Parameters
    ----------
    content : mapping
        Keys and values.
    path : Path
        Where they came from, for the message.

    Returns
    -------
    Hints
        The same as a record.

    Raises
    ------
    ScanError
        If a key is not known or a value is wrong.
    """
    given = {ALIASES.get(name, name): value for name, value in content.items()}
    if "allow_outside" in given:
        raise ScanError(f"{path} sets allow_outside; only the caller may allow paths out of the folder: remove it")
    try:
        return hints_from(given, trusted=False)
    except (TypeError, ScanError) as error:
        raise ScanError(f"{path}: {error}") from error


def held_path(name: str | Path, folder: Path, *, allow_outside: bool, source: str) -> Path:
    """Return a path that a file names, if it stays in the folder.

    Parameters
    ----------
    name : str or Path
        Path, relative to `folder`.
    folder : Path
        Folder of the scan.
    allow_outside : bool
        True lets the path lead anywhere.
    source : str
        Who names it, for the message.

    Returns
    -------
    Path
        The path, not resolved.

    Raises
    ------
    ScanError
        If it leads out of the folder and that is not allowed.
    """
    path = folder / name
    if not allow_outside and not path.resolve().is_relative_to(folder.resolve()):
        raise ScanError(
            f"{source} names {name}, which lies outside {folder}; move it there, or allow it with allow_outside=True"
        )
    return path


def read_angles(path: Path) -> NDArray[np.float64]:
    """Read angles from a text file.

    Parameters
    ----------
    path : Path
        One angle a line, or a table with commas, semicolons, tabs or spaces between columns and a header that
        names one column theta or angle. Degrees, unless the name of the column or the file says rad.

    Returns
    -------
    (n,) array
        Angles in rad.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    ScanError
        If it holds no column of angles, or a line is no number.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; give the text file of angles, one a line")
    if path.stat().st_size > MAX_ANGLE_BYTES:
        raise ScanError(f"{path} is {path.stat().st_size} bytes; a file of angles has at most 256 MiB")
    lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines()]
    rows = [[cell for cell in re.split(r"[,;\s]+", line) if cell] for line in lines if line]
    header = rows.pop(0) if rows and not is_number(rows[0][0]) else []
    width = len(rows[0]) if rows else 0
    named = [i for i, name in enumerate(header) if re.search("theta|angle|rad|deg", name, re.IGNORECASE)]
    if not rows or (width > 1 and len(named) != 1):
        raise ScanError(f"{path} holds no single column of angles; name one column theta_deg or theta_rad")
    column = named[0] if width > 1 else 0
    name = header[column] if len(header) > column else path.stem
    theta = np.empty(len(rows))
    for index, row in enumerate(rows):
        if len(row) <= column or not is_number(row[column]):
            raise ScanError(f"{path}: angle {index} is {' '.join(row)[:40]!r}; each line holds one number")
        theta[index] = float(row[column])
    in_radians = re.search(r"(^|[^A-Za-z])rad|Rad", name) is not None
    return theta if in_radians else np.radians(theta)


def is_number(text: str) -> bool:
    """Tell whether a text is a finite number.

    Parameters
    ----------
    text : str
        A cell of a table.

    Returns
    -------
    bool
        True if it is.
    """
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False

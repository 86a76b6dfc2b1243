"""A series file: the scans of one cell in order, each by its configuration."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError

from .loading import MAX_CONFIG_BYTES, ConfigError
from .sections import Section


class SeriesEntry(Section):
    """One scan of a series: its configuration, and when it was taken."""

    config: Path
    at: datetime | None = Field(None, description="when the scan was taken; growth rates need it")
    charge_mah: float | None = Field(None, ge=0, description="charge up to then, where the configuration has none")
    area_cm2: float | None = Field(None, gt=0, description="electrode area of that charge")
    pressure_mpa: float | None = Field(None, ge=0, description="stack pressure; carried along")


class Trace(Section):
    """The cycler's record of the whole series."""

    file: Path
    counter: Literal["Li", "InLi"] = "Li"


class SeriesConfig(Section):
    """A second kind of file: scans of one cell, in order."""

    series: tuple[SeriesEntry, ...] = Field(min_length=1)
    trace: Trace | None = None


def load_series(path: Path) -> SeriesConfig:
    """Read a series file; paths in it start from its own folder.

    Parameters
    ----------
    path : Path
        YAML with the key `series`.

    Returns
    -------
    SeriesConfig
        With absolute paths.

    Raises
    ------
    FileNotFoundError
        If the file, or a configuration that it names, is not there.
    ConfigError
        If it is at fault.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no series at {path}; give the path of a YAML file with the key series")
    try:
        found = SeriesConfig.model_validate(_values(path))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not readable as YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise ConfigError(f"{path}: {place or 'top level'}: {fault['msg'].removeprefix('Value error, ')}") from error
    entries = tuple(e.model_copy(update={"config": (path.parent / e.config).absolute()}) for e in found.series)
    for entry in entries:
        if not entry.config.is_file():
            raise FileNotFoundError(f"series: no configuration at {entry.config}; mend its path")
    trace = found.trace
    if trace is not None:
        trace = trace.model_copy(update={"file": (path.parent / trace.file).absolute()})
    return SeriesConfig(series=entries, trace=trace)


def _values(path: Path) -> Any:
    size = path.stat().st_size
    if size > MAX_CONFIG_BYTES:
        raise ConfigError(f"{path} has {size} bytes, which is no series (at most {MAX_CONFIG_BYTES})")
    return yaml.safe_load(path.read_text(encoding="utf8"))


def is_series(path: Path) -> bool:
    """Tell a series file from the configuration of a run.

    Parameters
    ----------
    path : Path
        A YAML file, which may be at fault or missing.

    Returns
    -------
    bool
        True if it has the key `series`.
    """
    try:
        values = _values(path)
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return False
    return isinstance(values, dict) and "series" in values


def plain_name(stem: str) -> str:
    """Return a name that a folder may bear anywhere.

    Parameters
    ----------
    stem : str
        Any text.

    Returns
    -------
    str
        Letters, digits, dot, dash and underscore; at most 80 of them.
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "_", stem).strip("._-")[:80] or "run"


def scan_names(config: SeriesConfig) -> list[str]:
    """Return the names of a series' scans, which their folders bear.

    Parameters
    ----------
    config : SeriesConfig
        The series.

    Returns
    -------
    list of str
        Place and name of the configuration, for instance "01-t01".
    """
    return [f"{place:02d}-{plain_name(entry.config.stem)}" for place, entry in enumerate(config.series)]

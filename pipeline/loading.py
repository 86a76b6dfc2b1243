"""Read a configuration file, and say what is wrong with it by line, rule and remedy."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from ..scans.remote import remote_url
from .config import Config

Place = tuple[str | int, ...]

MAX_CONFIG_BYTES = 1_000_000
MAX_NODES = 100_000


class ConfigError(ValueError):
    """A configuration that cannot be run; the message is for the user, one line a fault."""


def load_config(path: Path) -> Config:
    """Read a YAML file into a configuration, its relative paths taken from the file's own folder.

    Parameters
    ----------
    path : Path
        The YAML file.

    Returns
    -------
    Config
        Valid in itself; whether its files exist is `check`'s business.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigError
        If it is no YAML, has unknown keys or values out of bounds; each fault with its line.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no configuration at {path}; give the path of a YAML file")
    size = path.stat().st_size
    if size > MAX_CONFIG_BYTES:
        raise ConfigError(f"{path} has {size} bytes, which is no configuration (at most {MAX_CONFIG_BYTES})")
    try:
        text = path.read_text(encoding="utf8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines = dict(_lines(node))
        values = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not readable as YAML: {' '.join(str(error).split())}") from error
    return parse_config(values, folder=path.parent, name=str(path), lines=lines)


def parse_config(
    values: Any, *, folder: Path, name: str = "configuration", lines: dict[Place, int] | None = None
) -> Config:
    """Validate a mapping as a configuration.

    Parameters
    ----------
    values : mapping
        What the YAML file said.
    folder : Path
        Folder that relative paths start from.
    name : str
        What to call the file in messages.
    lines : dict, optional
        Line (1 first) of each place in the file.

    Returns
    -------
    Config
        With absolute paths.

    Raises
    ------
    ConfigError
        If anything is unknown or out of bounds.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{name} holds {type(values).__name__}; a configuration is a mapping such as `sample: A`")
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        faults = [_explain(fault, lines or {}) for fault in error.errors()]
        first, *rest = dict.fromkeys(faults)
        more = f" (and {len(rest)} more: {'; '.join(fault.removeprefix(', ') for fault in rest)})" if rest else ""
        raise ConfigError(f"{name}{first}{more}") from error
    return _absolute(config, folder)


class DuplicateKey(yaml.YAMLError):
    """A mapping that names a key twice, of which YAML would silently keep the last."""


def _lines(node: yaml.Node | None, place: Place = (), seen: list[int] | None = None) -> Iterator[tuple[Place, int]]:
    """Walk a YAML tree; yield the line of every key and item."""
    seen = [0] if seen is None else seen
    found: set[Place] = set()
    seen[0] += 1
    if node is None or seen[0] > MAX_NODES:
        return
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            if inner in found:
                raise DuplicateKey(f"line {key.start_mark.line + 1}: key {str(key.value)!r} stands twice; keep one")
            found.add(inner)
            yield inner, key.start_mark.line + 1
            yield from _lines(value, inner, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*place, index), item.start_mark.line + 1
            yield from _lines(item, (*place, index), seen)


def _explain(fault: Any, lines: dict[Place, int]) -> str:
    place, line = _located(fault["loc"], lines)
    where = f", line {line}" if line else ""
    dotted = ".".join(str(part) for part in place)
    if fault["type"] == "extra_forbidden":
        known = _known_keys(place[:-1])
        near = difflib.get_close_matches(str(place[-1]), known, n=1, cutoff=0.4)
        remedy = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(known))}"
        return f"{where}: unknown key {dotted!r}; {remedy}"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "union_tag_invalid":
        tag, allowed = fault["ctx"]["tag"], fault["ctx"]["expected_tags"].replace("'", "").split(", ")
        near = difflib.get_close_matches(tag, allowed, n=1, cutoff=0.4)
        message = f"step {tag!r} is not known; " + (
            f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(allowed)}"
        )
    elif fault["type"] == "missing":
        message = "this key is required and missing"
    elif not isinstance(fault.get("input"), (dict, list)) and not message.startswith(str(fault["input"])):
        message = f"{message} (found {fault['input']!r})"
    return f"{where}: {dotted or 'top level'}: {message}"


def _located(loc: Sequence[str | int], lines: dict[Place, int]) -> tuple[Place, int | None]:
    """Drop pydantic's own parts (union tags) from a location, and find its line or that of its parent."""
    place: Place = ()
    for part in loc:
        if (*place, part) in lines or not lines or part == loc[-1]:
            place = (*place, part)
    for end in range(len(place), 0, -1):
        if place[:end] in lines:
            return place, lines[place[:end]]
    return place, None


def _known_keys(place: Place) -> list[str]:
    """Keys that the configuration allows at a place."""
    models: list[type[BaseModel]] = [Config]
    for part in place:
        inner = [m for model in models for m in _models_at(model, part)]
        models = inner or models
    return sorted({name for model in models for name in model.model_fields})


def _models_at(model: type[BaseModel], part: str | int) -> list[type[BaseModel]]:
    if isinstance(part, int) or part not in model.model_fields:
        return []
    return _models_in(model.model_fields[part].annotation)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in getattr(annotation, "__args__", ()) for model in _models_in(inner)]


def _absolute(config: Config, folder: Path) -> Config:
    def resolve(value: Any) -> Any:
        if isinstance(value, Path) and remote_url(value) is not None:
            return value
        if isinstance(value, Path):
            return (folder / value.expanduser()).absolute()
        if isinstance(value, BaseModel):
            names = type(value).model_fields
            return value.model_copy(update={name: resolve(getattr(value, name)) for name in names})
        if isinstance(value, dict):
            return {key: resolve(inner) for key, inner in value.items()}
        if isinstance(value, tuple):
            return tuple(resolve(inner) for inner in value)
        return value

    return resolve(config)


def dump_config(config: Config) -> str:
    """Write a configuration as YAML, as resolved: every default spelled out, paths absolute.

    Parameters
    ----------
    config : Config
        A valid configuration.

    Returns
    -------
    str
        YAML that `load_config` reads back to an equal configuration.
    """
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

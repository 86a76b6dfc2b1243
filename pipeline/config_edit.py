"""Change one value of a YAML configuration and leave its comments, order and layout as they are."""

from pathlib import Path
from typing import Any

import yaml

from .loading import load_config
from .store import write_text

Keys = tuple[str, ...]


def set_in_file(path: Path, keys: Keys, value: Any) -> None:
    """Set a value in a configuration file, if the file stays valid with it.

    Parameters
    ----------
    path : Path
        The configuration.
    keys : tuple of str
        Where the value stands, outermost first, for instance ("scans", "xenon", "centre_px").
    value : object
        Number, text, list or mapping.

    Raises
    ------
    ConfigError
        If the configuration would not be valid; the file is left as it was.
    """
    text = set_in_text(path.read_text(encoding="utf8"), keys, value)
    trial = path.with_name(f".{path.name}.trial.yaml")
    try:
        write_text(trial, text)
        load_config(trial)
        trial.replace(path)
    finally:
        trial.unlink(missing_ok=True)


def set_in_text(text: str, keys: Keys, value: Any) -> str:
    """Set a value in the text of a YAML mapping.

    Parameters
    ----------
    text : str
        YAML; block or flow style.
    keys : tuple of str
        Where the value stands, outermost first; mappings that are missing are added.
    value : object
        Number, text, list or mapping.

    Returns
    -------
    str
        The text with the one value changed or added.

    Raises
    ------
    ValueError
        If the text, or what stands on the way, is no mapping.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise ValueError("the configuration is no mapping; start it with `sample: NAME`")
    node, left = root, list(keys)
    while True:
        found = next(((k, v) for k, v in node.value if k.value == left[0]), None)
        if found is None:
            return _added(text, node, left, value)
        inner = found[1]
        if len(left) == 1 or _is_null(inner):
            rest = _nested(left[1:], value)
            return text[: inner.start_mark.index] + _space(text, inner) + _flow(rest) + text[_end(text, inner) :]
        if not isinstance(inner, yaml.MappingNode):
            raise ValueError(f"{left[0]} holds no mapping, so {left[1]} cannot be set in it; write it as a mapping")
        node, left = inner, left[1:]


def _added(text: str, node: yaml.MappingNode, keys: list[str], value: Any) -> str:
    """The text with a key more at the end of a mapping."""
    entry = f"{keys[0]}: {_flow(_nested(keys[1:], value))}"
    if node.flow_style:
        place = node.end_mark.index - 1
        before = text[:place].rstrip()
        comma = "" if before.endswith(("{", ",")) else ", "
        return before + comma + entry + text[place:]
    last = node.value[-1][1]
    place = _end(text, last)
    line_end = text.find("\n", place)
    place = len(text) if line_end < 0 else line_end
    indent = " " * node.value[0][0].start_mark.column
    return f"{text[:place]}\n{indent}{entry}{text[place:]}"


def _nested(keys: list[str], value: Any) -> Any:
    for key in reversed(keys):
        value = {key: value}
    return value


def _flow(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6)
    return text.strip().removesuffix("...").strip()


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _end(text: str, node: yaml.Node) -> int:
    """End of what a node says, without the blank lines and comments that a block's end mark takes in."""
    if not isinstance(node, yaml.CollectionNode) or node.flow_style:
        return int(node.end_mark.index)
    inner = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
    return _end(text, inner)


def _space(text: str, node: yaml.Node) -> str:
    """A space between a colon and a value that was written as nothing, or on the lines below."""
    before = text[: node.start_mark.index]
    return " " if before.endswith(":") else ""

"""Pages of the site that are made from the models: steps, configuration and command line."""

import os
import re
import shutil
from pathlib import Path
from typing import Any, get_args

from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.testing import CliRunner

from xelith.pipeline.cli import app
from xelith.pipeline.config import Config
from xelith.pipeline.steps import STEPS, Step

ROOMS = [
    "arrays",
    "materials",
    "scans",
    "reconstruction",
    "simulation",
    "segmentation",
    "metrology",
    "pipeline",
    "configs",
]


def on_startup(**_: Any) -> None:
    """Put the rooms side by side under `build/sources`: a checkout holds much else that would be searched too."""
    root, target = Path(__file__).parents[1], Path(__file__).parents[1] / "build" / "sources" / "xelith"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    shutil.copy(root / "__init__.py", target)
    for room in ROOMS:
        for path in (root / room).rglob("*.py"):
            copy = target / path.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)


def on_config(config: Any) -> Any:
    """Add the folders that grow by themselves to the navigation."""
    docs = Path(config.docs_dir)
    for title, folder in (("Decisions", "decisions"), ("Benchmarks", "benchmarks"), ("Validation", "validation")):
        pages = sorted(path.relative_to(docs).as_posix() for path in (docs / folder).glob("**/*.md"))
        if pages:
            config.nav.append({title: sorted(pages, key=lambda page: not page.endswith("README.md"))})
    return config


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Name files of the repository outside the site, in the place of links that would lead nowhere."""
    docs, root = Path(config.docs_dir).resolve(), Path(config.docs_dir).resolve().parent

    def named(match: re.Match[str]) -> str:
        target = (Path(page.file.abs_src_path).parent / match[2]).resolve()
        outside = target.is_relative_to(root) and not target.is_relative_to(docs)
        return f"{match[1]} (`{target.relative_to(root)}`)" if outside else match[0]

    return re.sub(r"\[([^\]]+)\]\((\.\./[^)#\s]+)\)", named, markdown) if page.file.abs_src_path else markdown


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    pages = {
        "reference/steps.md": steps_page(),
        "reference/configuration.md": configuration_page(),
        "reference/command-line.md": command_line_page(),
    }
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    return files


def steps_page() -> str:
    """Every step with its parameters, bounds and defaults."""
    lines = [
        "# Steps",
        "",
        "In the order in which they can follow one another. Parameters stand beside the name: "
        "`{step: rings, size: 31}`.",
        "",
    ]
    for kind in STEPS:
        fields = {name: about for name, about in kind.model_fields.items() if name != "step"}
        lines += [f"## `{kind.model_fields['step'].default}`", "", _words(kind), "", f"Reads {kind.reads.value}.", ""]
        lines += _table(fields) if fields else ["No parameters.", ""]
    return "\n".join(lines)


def configuration_page() -> str:
    """Every key of the configuration."""
    lines = [
        "# Configuration",
        "",
        "YAML; unknown keys are errors. `xelith schema` prints the JSON schema by which editors complete it, and "
        "`xelith init` writes one beside the configuration. Paths are relative to the file.",
        "",
    ]
    for title, model in _sections(Config, "top level", {}).items():
        lines += [f"## {title}", "", _words(model), "", *_table(dict(model.model_fields))]
    return "\n".join(lines)


def command_line_page() -> str:
    """The help of every command."""
    os.environ.setdefault("TERMINAL_WIDTH", "100")
    lines = ["# Command line", "", "`xelith --install-completion` lets your shell complete commands and options.", ""]
    for command in (c for c in app.registered_commands if not c.hidden):
        name = command.name or command.callback.__name__
        text = CliRunner().invoke(app, [name, "--help"], color=False, env={"COLUMNS": "100", "TERM": "dumb"}).output
        body = "\n".join(line.rstrip() for line in text.strip().splitlines())
        lines += [f"## `xelith {name}`", "", "```text", body, "```", ""]
    return "\n".join(lines)


def _sections(model: type[BaseModel], title: str, found: dict[str, type[BaseModel]]) -> dict[str, type[BaseModel]]:
    """The model and all that its fields hold, steps aside, each once."""
    if model in found.values() or issubclass(model, Step):
        return found
    found[title] = model
    for name, about in model.model_fields.items():
        for inner in _models(about.annotation):
            _sections(inner, f"`{name}`" if title == "top level" else f"{title.strip('`')}.{name}".join("``"), found)
    return found


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def _words(kind: type) -> str:
    return " ".join((kind.__doc__ or "").split("\n\n")[0].split())


def _table(fields: dict[str, FieldInfo]) -> list[str]:
    rows = ["| key | kind | default | bounds | meaning |", "|---|---|---|---|---|"]
    for name, about in fields.items():
        cells = [f"`{name}`", _kind(about.annotation), _default(about), _bounds(about), about.description or ""]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return [*rows, ""]


def _kind(annotation: Any) -> str:
    text = str(annotation) if get_args(annotation) else getattr(annotation, "__name__", str(annotation))
    for module in (
        "typing.",
        "pathlib.",
        "xelith.pipeline.config.",
        "xelith.pipeline.steps.",
        "xelith.pipeline.sections.",
    ):
        text = text.replace(module, "")
    text = text.replace("<class '", "").replace("'>", "").replace(" | ", " or ")
    if len(text) > 90:
        names = [value for value in get_args(annotation) if isinstance(value, str)]
        text = "one of " + ", ".join(names) if names else "mapping or list, see below"
    return text if text.startswith(("one of", "mapping")) else f"`{text}`"


def _default(about: FieldInfo) -> str:
    if about.is_required():
        return "required"
    value = about.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "see below"
    text = "none" if value is None else repr(value)
    return f"`{text}`" if len(text) < 60 else "see below"


def _bounds(about: FieldInfo) -> str:
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    return ", ".join(f"{sign} {getattr(m, k):g}" for m in about.metadata for k, sign in signs.items() if hasattr(m, k))

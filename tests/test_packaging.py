"""The distribution: every room is packaged, every dependency pinned, the version importable."""

import re
import tomllib
from pathlib import Path

import xelith

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))


def canonical(requirement: str) -> str:
    """Distribution name of a requirement, normalised as pip does."""
    return re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", requirement)[0]).lower()


def test_every_package_of_the_tree_is_named():
    named = set(PROJECT["tool"]["setuptools"]["packages"])
    left_out = {"tests", "benchmarks", "build", ".venv", "docs", "notebooks"}
    tree = {"xelith"} | {
        "xelith." + ".".join(path.parent.relative_to(ROOT).parts)
        for path in ROOT.rglob("__init__.py")
        if path.parent != ROOT and path.relative_to(ROOT).parts[0] not in left_out
    }
    assert named == tree


def test_every_declared_dependency_is_pinned():
    project = PROJECT["project"]
    declared = {canonical(r) for r in project["dependencies"]}
    for extra in project["optional-dependencies"].values():
        declared |= {canonical(r) for r in extra}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf8").splitlines()
    pinned = {canonical(line) for line in lines if "==" in line and not line.startswith("#")}
    assert declared - {"xelith"} <= pinned


def test_root_imports_nothing():
    source = (ROOT / "__init__.py").read_text(encoding="utf8")
    assert "import" not in source
    assert re.fullmatch(r"\d+\.\d+\.\d+", xelith.__version__)


def test_every_kernel_file_is_packaged():
    named = set(PROJECT["tool"]["setuptools"]["packages"])
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    kernels = [path for path in ROOT.glob("*/kernels/*.cu") if path.parts[len(ROOT.parts)] != "build"]
    assert kernels
    for path in kernels:
        assert "xelith." + ".".join(path.parent.relative_to(ROOT).parts) in named
        assert any(path.match(pattern) for pattern in patterns)

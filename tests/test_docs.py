"""The site builds without a warning: every link, every anchor and every page of the navigation is there."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built strictly."""
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, timeout=300)
    assert built.returncode == 0, built.stderr[-3000:]
    return out


class Links(HTMLParser):
    """Addresses that a page asks for or leads to."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.leads, self.ids = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if values.get("id"):
            self.ids.add(values["id"])
        if tag in ("script", "img") and values.get("src"):
            self.loads.append(values["src"])
        if tag == "link" and values.get("rel") in ("stylesheet", "icon"):
            self.loads.append(values["href"])
        if tag == "a" and values.get("href"):
            self.leads.append(values["href"])


def test_every_link_leads_somewhere_and_nothing_is_fetched_from_elsewhere(site):
    pages = [page for page in site.rglob("*.html") if page.name != "404.html"]
    assert len(pages) > 20
    ids = {page: Links(page.read_text(encoding="utf8")) for page in pages}
    for page, links in ids.items():
        for address in links.loads:
            assert not re.match(r"(https?:)?//", address), (page.name, address)
        for address in links.leads + links.loads:
            if re.match(r"[a-z]+:", address) or address.startswith("#"):
                continue
            place, _, anchor = address.partition("#")
            target = (page.parent / place).resolve()
            target = target / "index.html" if target.is_dir() else target
            assert target.exists(), (page.relative_to(site), address)
            if anchor and target in ids:
                assert anchor in ids[target].ids, (page.relative_to(site), address)


def test_generated_pages_hold_every_step_key_and_command(site):
    from xelith.pipeline.cli import app
    from xelith.pipeline.config import Config
    from xelith.pipeline.steps import step_names

    names = ("steps", "configuration", "command-line")
    text = {name: (site / "reference" / f"{name}.html").read_text(encoding="utf8") for name in names}
    for step in step_names():
        assert f"<code>{step}</code>" in text["steps"]
    for key in Config.model_fields:
        assert f"<code>{key}</code>" in text["configuration"]
    for command in (c for c in app.registered_commands if not c.hidden):
        assert f"xelith {command.name or command.callback.__name__}" in text["command-line"]


def test_configurations_shown_are_valid(site):
    import yaml

    from xelith.pipeline.config import Config

    shown = 0
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf8"), re.S):
            values = yaml.safe_load(block)
            runs = {"scans", "source", "compute", "segmentation", "reconstruction", "before"}
            if not isinstance(values, dict) or not set(values) & runs:
                continue  # a twin's or a series' file, or a part of one
            whole = {"sample": "shown", "scans": {"xenon": {"path": "x.h5"}}, **values}
            Config.model_validate(whole)
            shown += 1
    assert shown >= 6


def test_commands_shown_exist(site):
    from typer.testing import CliRunner

    from xelith.pipeline.cli import app

    names = {c.name or c.callback.__name__ for c in app.registered_commands}
    helps = {}
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf8"), re.S):
            for line in block.splitlines():
                words = line.partition("#")[0].split()
                if words[:1] != ["xelith"] or words[1].startswith("-"):
                    continue
                assert words[1] in names, (page.name, line)
                if words[1] not in helps:
                    helps[words[1]] = CliRunner().invoke(app, [words[1], "--help"], env={"COLUMNS": "200"}).output
                for option in (word for word in words[2:] if word.startswith("--")):
                    assert option in helps[words[1]], (page.name, line)

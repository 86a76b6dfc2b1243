"""One page over many runs: a table that sorts, and how the numbers go from run to run."""

import importlib.resources
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .. import __version__
from .quantities import NOT_MEASURED, is_number, number, percent, quantity
from .report_pictures import Picture, picture
from .store import write_text
from .summary import section, verdict_text
from .trends import trend_figure
from .viewer_folder import read_results

MOST_RUNS = 2000
DEPTH = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Column:
    """One column of the table.

    Parameters
    ----------
    title : str
        What it holds, with its unit.
    path : tuple of str
        Where it stands in results.json.
    is_share : bool
        Shown in per cent.
    """

    title: str
    path: tuple[str, str]
    is_share: bool = False

    def cell(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return what a run shows in this column.

        Parameters
        ----------
        results : dict
            Content of results.json.

        Returns
        -------
        dict
            "text", and "sort": the number, or None where it was not measured.
        """
        part = section(results, self.path[0])
        value, std = part.get(self.path[1]), part.get(f"{self.path[1]}_std")
        text = percent(value, std) if self.is_share else quantity(value, std)
        return {
            "text": text,
            "sort": value if is_number(value) else None,
            "key": ".".join(self.path),
            "is_absent": text == NOT_MEASURED,
        }


COLUMNS = (
    Column("lithium measured (µm)", ("balance", "measured_um")),
    Column("expected from the charge (µm)", ("coulometry", "expected_thickness_um")),
    Column("closure (%)", ("balance", "closure"), is_share=True),
    Column("film, mean (µm)", ("deposit", "mean_thickness_um")),
    Column("roughness Sq (µm)", ("deposit", "sq_um")),
    Column("covered (%)", ("deposit", "coverage"), is_share=True),
    Column("in the electrolyte (µm)", ("balance", "in_electrolyte_um")),
    Column("deepest (µm)", ("penetration", "max_depth_um")),
    Column("charge (mAh cm⁻²)", ("coulometry", "areal_capacity_mah_per_cm2")),
)
TRENDS = (
    ("Lithium measured, and expected from the charge", "lithium (µm)", (0, 1)),
    ("Closure, measured over expected", "closure (1 = all)", (2,)),
    ("Roughness Sq of the film", "Sq (µm)", (4,)),
    ("Deepest lithium in the electrolyte", "depth (µm)", (7,)),
)


def find_runs(folder: Path) -> list[Path]:
    """Find the finished runs below a folder.

    Parameters
    ----------
    folder : Path
        For instance the root of a batch, or a folder of run folders.

    Returns
    -------
    list of Path
        Folders with results.json, at most three levels down, by name; hidden folders are left out.
    """
    found = []
    for here, folders, files in os.walk(folder):
        depth = len(Path(here).relative_to(folder).parts)
        runs_on = depth < DEPTH and "results.json" not in files
        folders[:] = [n for n in sorted(folders) if runs_on and not n.startswith(".") and not n.endswith(".zarr")]
        if "results.json" in files and depth:
            found.append(Path(here))
    return sorted(found)[:MOST_RUNS]


def write_index(folder: Path) -> Path:
    """Write `index.html` over the runs below a folder.

    Parameters
    ----------
    folder : Path
        With finished runs in it.

    Returns
    -------
    Path
        The page; it stands alone, and links to each run's report beside it.

    Raises
    ------
    FileNotFoundError
        If there is no finished run.
    """
    import jinja2

    runs = find_runs(folder)
    if not runs:
        raise FileNotFoundError(f"no results.json in {folder} or the folders in it; run a configuration first")
    rows = [row for run in runs if (row := _row(folder, run)) is not None]
    source = importlib.resources.files(__package__).joinpath("index.html").read_text(encoding="utf8")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
    page = template.render(
        title=folder.resolve().name,
        columns=[column.title for column in COLUMNS],
        rows=rows,
        trends=_trends(rows),
        version=__version__,
    )
    write_text(folder / "index.html", page)
    return folder / "index.html"


def _row(folder: Path, run: Path) -> dict[str, Any] | None:
    results = read_results(run)
    if not results:
        logger.warning("%s is left out: its results.json cannot be read", run)
        return None
    place = run.relative_to(folder)
    report = place / "report.html"
    return {
        "run": place.as_posix(),
        "link": quote(report.as_posix()) if (folder / report).is_file() else "",
        "sample": str(results.get("sample") or place),
        "started": str(section(results, "provenance").get("started") or ""),
        "verdict": verdict_text(results),
        "state": str(section(results, "balance").get("verdict") or "not-measured"),
        "cells": [column.cell(results) for column in COLUMNS],
        "stds": [section(results, c.path[0]).get(f"{c.path[1]}_std") for c in COLUMNS],
    }


def _trends(rows: Sequence[dict[str, Any]]) -> list[Picture]:
    """A picture for each number that at least two runs have, over the charge where it grows, else over the runs."""
    if len(rows) < 2:
        return []
    charges = [row["cells"][8]["sort"] for row in rows]
    is_series = all(is_number(c) for c in charges) and len({round(c, 9) for c in charges}) == len(charges)
    places = charges if is_series else list(range(1, len(rows) + 1))
    across = "charge passed (mAh cm⁻²)" if is_series else "run (number in the table)"
    pictures = []
    for title, label, columns in TRENDS:
        lines = {
            COLUMNS[c].title.partition(" (")[0]: [(row["cells"][c]["sort"], row["stds"][c]) for row in rows]
            for c in columns
        }
        lines = {n: points for n, points in lines.items() if sum(is_number(v) for v, _ in points) > 1}
        if not lines:
            continue
        words = "; ".join(
            f"{name}: {', '.join(number(v) if is_number(v) else NOT_MEASURED for v, _ in points)}"
            for name, points in lines.items()
        )
        figure = trend_figure(places, lines, across=across, label=label)
        pictures.append(picture(figure, alt=f"{title} over {across}. {words}.", caption=f"{title}."))
    return pictures

"""The report of a run: one page that stands alone, written from the files of the run folder."""

import importlib.resources
import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from .. import __version__
from .image_group import ImageGroup, open_image, open_labels
from .overview import Sample, central_slices, draw_sample
from .quantities import NOT_MEASURED, is_interval, is_number, name_and_unit, number, percent, quantity
from .store import write_text
from .summary import TERMS, balance_rows, balance_table, deposit_rows, section, verdict_text

__all__ = ["balance_table", "write_report"]

LARGEST_BYTES = 6_000_000
CONFIG_CHARACTERS = 100_000
VERDICT_MARKS = {"consistent": "✓", "not-consistent": "✗"}

logger = logging.getLogger(__name__)


@dataclass
class _Run:
    """What was found in a run folder, and what was not."""

    results: dict[str, Any]
    config: str
    sample: str
    images: dict[str, ImageGroup]
    labels: ImageGroup | None
    thickness_um: NDArray[Any] | None
    column_um: tuple[float, float]
    omissions: list[str] = field(default_factory=list)


def write_report(run_dir: Path, *, interactive: bool = True) -> Path:
    """Write `report.html` from the files of a run folder; what is missing there is left out and said.

    Parameters
    ----------
    run_dir : Path
        Folder with results.json, and as far as they are there config.yaml, *.ome.zarr and thickness.tif.
    interactive : bool
        Put plotly's library into the page so that map and histograms respond to the pointer; left out
        where the page would pass 6 MB. The static pictures are there either way.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    FileNotFoundError
        If the folder has no results.json.
    ValueError
        If results.json holds no JSON object.
    """
    run = _read_run(run_dir)
    context = _context(run)
    page = _render(context, interactive=interactive)
    if interactive and len(page.encode()) > LARGEST_BYTES:
        line = f"Charts that respond to the pointer: with them the page would pass {LARGEST_BYTES // 10**6} MB."
        page = _render({**context, "omissions": [*run.omissions, line]}, interactive=False)
    if len(page.encode()) > LARGEST_BYTES:
        logger.warning("%s/report.html has %.1f MB; a mail server may refuse it", run_dir, len(page) / 1e6)
    write_text(run_dir / "report.html", page)
    return run_dir / "report.html"


def _read_run(run_dir: Path) -> _Run:
    results = _read_results(run_dir / "results.json")
    config_path = run_dir / "config.yaml"
    config = config_path.read_text(encoding="utf8", errors="replace") if config_path.is_file() else ""
    omissions: list[str] = []
    images = dict(_open_images(run_dir, omissions))
    labels = None
    for name in ("xenon", *images):
        labels = labels or (open_labels(images[name].path) if name in images else None)
    thickness, column_um = _read_thickness(run_dir / "thickness.tif", images)
    run = _Run(results, config, _sample_name(config, run_dir), images, labels, thickness, column_um, omissions)
    run.omissions.extend(_absences(run))
    return run


def _read_results(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"no results.json in {path.parent}; run `xelith run CONFIG --out {path.parent}`")
    try:
        results = json.loads(path.read_text(encoding="utf8"), parse_constant=lambda _: None)
    except ValueError as error:
        raise ValueError(f"{path} is not readable as JSON ({error}); run it again") from error
    if not isinstance(results, dict):
        raise ValueError(f"{path} holds {type(results).__name__}, not an object of results; run it again")
    return results


def _sample_name(config: str, run_dir: Path) -> str:
    try:
        values = yaml.safe_load(config)
    except yaml.YAMLError:
        values = None
    named = values.get("sample") if isinstance(values, dict) else None
    return str(named) if named else run_dir.resolve().name


def _open_images(run_dir: Path, omissions: list[str]) -> Iterator[tuple[str, ImageGroup]]:
    """Open every image of the run, argon first; one that cannot be read is named and left out."""
    names = sorted(p.name.removesuffix(".ome.zarr") for p in run_dir.glob("[!.]*.ome.zarr"))
    for name in sorted(names, key=lambda n: ("argon", "xenon", n).index(n)):
        try:
            yield name, open_image(run_dir / f"{name}.ome.zarr")
        except (ValueError, OSError) as error:
            omissions.append(f"The {name} scan: {error}")


def _read_thickness(path: Path, images: Mapping[str, ImageGroup]) -> tuple[NDArray[Any] | None, tuple[float, float]]:
    """Read the map and the size of its columns along y and x, in µm: from an image of its grid, or its tags."""
    import tifffile

    if not path.is_file():
        return None, (1.0, 1.0)
    with tifffile.TiffFile(path) as file:
        map_um = file.asarray().astype(np.float32)
        tags = file.pages.first.tags
        per_unit = [tags[n].value if n in tags else (1, 1) for n in ("YResolution", "XResolution")]
        in_cm = "ResolutionUnit" in tags and tags["ResolutionUnit"].value == 3
    for image in images.values():
        if image.shape[1:] == map_um.shape:
            return map_um, image.voxels_um[0][1:]
    y, x = ((1e4 if in_cm else 1.0) * below / above for above, below in per_unit)
    return map_um, (y, x)


def _absences(run: _Run) -> Iterator[str]:
    for gas in ("argon", "xenon"):
        if gas not in run.images and not any(line.startswith(f"The {gas} scan") for line in run.omissions):
            yield f"Slices in {gas}: the run has no {gas} scan."
    if run.images and run.labels is None:
        yield "Phases: no scan has labels."
    if run.thickness_um is None:
        yield "Thickness map: the run left none."
    if not is_number(section(run.results, "coulometry").get("expected_thickness_um")):
        yield "Coulometry: no charge is known; give `charge` in the configuration."
    for name in run.images:
        if not section(run.results, "report", "expected_mu", name):
            yield f"Expected µ in {name}: unknown, so its grey values carry no marks."
    if not run.config:
        yield "Configuration: the run left no config.yaml."


def _context(run: _Run) -> dict[str, Any]:
    """Everything the template shows."""
    results = run.results
    balance = section(results, "balance")
    verdict = str(balance.get("verdict") or "not-measured")
    closure = percent(balance.get("closure"), balance.get("closure_std"))
    return {
        "sample": run.sample,
        "started": str(section(results, "provenance").get("started") or "").replace("T", " "),
        "verdict_class": verdict if verdict in VERDICT_MARKS else "not-measured",
        "verdict_mark": VERDICT_MARKS.get(verdict, "–"),
        "verdict": f"Lithium balance: {verdict_text(results)}",
        "headline": _headline(results),
        "advice": [str(line) for line in balance.get("advice") or ()],
        "has_truth": bool(section(results, "truth")),
        "balance_rows": _balance_cells(results),
        "closure": closure,
        "closure_absent": closure == NOT_MEASURED,
        "budget": _budget(results),
        "deposit": [{"key": k, "name": name, "text": text} for k, name, text in deposit_rows(results)],
        "coulometry": list(_facts(section(results, "coulometry"), "coulometry")),
        "quality": _quality(results),
        "provenance": [
            *_facts(section(results, "provenance"), "provenance"),
            *_facts(section(results, "report", "timings"), "report.timings", prefix="time: "),
        ],
        "config": run.config[:CONFIG_CHARACTERS],
        "omissions": run.omissions,
        "results": results,
        "version": __version__,
        **_pictures(run),
    }


def _pictures(run: _Run) -> dict[str, Any]:
    from . import interactive, report_pictures
    from .figures import grey_limits

    expected = {name: section(run.results, "report", "expected_mu", name) for name in run.images}
    samples: dict[str, Sample] = {name: draw_sample(image, run.labels) for name, image in run.images.items()}
    limits = grey_limits(list(samples.values()), list(expected.values()))
    charts: list[dict[str, str]] = []
    scans = []
    for name, image in run.images.items():
        slices = central_slices(image, run.labels)
        marks: dict[str, Any] = {"expected": expected[name], "limits": limits}
        histogram = report_pictures.histogram_picture(samples[name], name, **marks)
        charts.append({"name": f"grey-{name}", "json": interactive.histogram_chart(samples[name], **marks)})
        has_labels = run.labels is not None and run.labels.path.is_relative_to(image.path)
        scan = {
            "name": name,
            "slices": report_pictures.slice_pictures(slices, name, limits=limits),
            "phases": report_pictures.phase_pictures(slices, limits=limits) if has_labels else [],
            "histogram": histogram.with_chart(f"grey-{name}"),
            "expected": [_expected_row(phase, entry) for phase, entry in expected[name].items()],
        }
        scans.append(scan)
    thickness = []
    if run.thickness_um is not None:
        marks_um = {
            "mean": section(run.results, "deposit").get("mean_thickness_um"),
            "expected": section(run.results, "coulometry").get("expected_thickness_um"),
        }
        drawn = report_pictures.thickness_pictures(run.thickness_um, voxel_um=run.column_um, marks_um=marks_um)
        thickness = [p.with_chart(name) for p, name in zip(drawn, ("map", "thicknesses"), strict=True)]
        chart = interactive.thickness_chart(run.thickness_um, voxel_um=run.column_um)
        charts.append({"name": "map", "json": chart})
        chart = interactive.thickness_histogram_chart(run.thickness_um, marks_um)
        charts.append({"name": "thicknesses", "json": chart})
    balance = report_pictures.balance_picture(balance_rows(run.results))
    return {"balance": balance, "thickness": thickness, "scans": scans, "charts": charts}


def _render(context: dict[str, Any], *, interactive: bool) -> str:
    import jinja2

    from .interactive import packed_library

    source = importlib.resources.files(__package__).joinpath("report.html").read_text(encoding="utf8")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
    if not interactive:
        return template.render({**context, "library": "", "charts": []})
    return template.render({**context, "library": packed_library()})


def _headline(results: dict[str, Any]) -> str:
    balance, expected = section(results, "balance"), section(results, "coulometry")
    measured = quantity(balance.get("measured_um"), balance.get("measured_um_std"), "µm")
    asked = quantity(expected.get("expected_thickness_um"), expected.get("expected_thickness_um_std"), "µm")
    closure = percent(balance.get("closure"), balance.get("closure_std"))
    line = f"Lithium measured: {measured}. Expected from the charge: {asked.replace(NOT_MEASURED, 'not known')}."
    line += "" if closure == NOT_MEASURED else f" Closure: {closure}."
    missing = [TERMS[key][0] for key in balance.get("missing") or () if key in TERMS]
    line += f" Not measured: {', '.join(missing)}." if missing else ""
    return re.sub(r" (?=[µ%±])|(?<=±) ", "\u00a0", line)  # a number stays on one line with its unit


def _balance_cells(results: dict[str, Any]) -> list[dict[str, Any]]:
    cells = []
    for row in balance_rows(results):
        text = quantity(row.value, row.std)
        truth = number(row.truth) if is_number(row.truth) else ""
        cells.append({**asdict(row), "text": text, "truth": truth, "is_absent": text == NOT_MEASURED})
    return cells


def _budget(results: dict[str, Any]) -> list[dict[str, str]]:
    found = (results.get("report") or {}).get("error_budget")
    entries = [e for e in found if isinstance(e, dict)] if isinstance(found, list) else []
    return [
        {
            "key": "",
            "name": str(entry.get("name", "")),
            "text": f"{quantity(entry.get('std_um'), unit='µm')}, {percent(entry.get('share'))}",
        }
        for entry in entries
    ]


def _quality(results: dict[str, Any]) -> list[dict[str, Any]]:
    """One table a scan, with the scan's own numbers and what the run says of its quality, then the registration."""
    tables = []
    scans, quality = section(results, "scans"), section(results, "report", "quality")
    for name in dict.fromkeys([*scans, *quality]):
        facts = [
            *_facts(section(scans, name), f"scans.{name}"),
            *_facts(section(quality, name), f"report.quality.{name}"),
        ]
        if not isinstance(quality.get(name, {}), dict):
            facts += _facts({name: quality[name]}, "report.quality")
        tables.append({"caption": f"Scan: {name}", "rows": facts})
    registration = list(_facts(section(results, "registration"), "registration"))
    if registration:
        tables.append({"caption": "Registration of the scans to each other", "rows": registration})
    return [table for table in tables if table["rows"]]


def _facts(part: Mapping[str, Any], path: str, *, prefix: str = "") -> Iterator[dict[str, str]]:
    """Lines of a part of the results: words and unit from the key, numbers with their std, nested parts inline."""
    for key, value in part.items():
        if key.endswith("_std") and key.removesuffix("_std") in part:
            continue
        name, unit = name_and_unit(key)
        if isinstance(value, Mapping):
            yield from _facts(value, f"{path}.{key}", prefix=f"{prefix}{name}: ")
        else:
            text = _fact(value, part.get(f"{key}_std"), unit)
            yield {"key": f"{path}.{key}", "name": prefix + name, "text": text}


def _fact(value: Any, std: Any, unit: str) -> str:
    if value is None:
        return NOT_MEASURED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value} {unit}".rstrip()
    if is_number(value):
        return quantity(value, std, unit)
    if isinstance(value, (list, tuple)):
        if is_interval(value) and not unit:
            return f"{number(value[0])}, {number(value[1])}"
        parts = [number(v) if is_number(v) else str(v) for v in value]
        return f"{', '.join(parts)} {unit if parts else ''}".strip() or "none"
    return str(value)


def _expected_row(phase: str, entry: Any) -> dict[str, str]:
    known = entry if isinstance(entry, Mapping) else {}
    low, high = known.get("low"), known.get("high")
    span = f"{number(low)} to {number(high)}" if is_number(low) and is_number(high) else ""
    return {"name": phase, "mu": quantity(known.get("mu_per_cm")), "range": span}

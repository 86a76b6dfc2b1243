"""The report of a run: one page that stands alone, written from the files of the run folder."""

import importlib.resources
import json
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml
from numpy.typing import NDArray

from .. import __version__
from .config import Config
from .image_group import ImageGroup, open_image, open_labels
from .loading import load_config
from .maps import read_map
from .overview import Sample, Slice, central_slices, draw_sample, slices_at
from .quantities import NOT_MEASURED, is_number, number, percent, quantity
from .report_facts import budget_rows, contrast_table, facts, notes, phase_rows, quality_tables, scan_gas
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
    config_text: str
    config: dict[str, Any]
    sample: str
    images: dict[str, ImageGroup]
    labels: ImageGroup | None
    thickness_um: NDArray[Any] | None
    column_um: tuple[float, float]
    omissions: list[str] = field(default_factory=list)
    depth_um: NDArray[Any] | None = None
    parsed: Config | None = None

    @property
    def gases(self) -> dict[str, str]:
        """Under which name the expected µ of each image stand: its own, or that of its gas."""
        return {name: scan_gas(self.results, self.config, name) for name in self.images}


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
    text = config_path.read_text(encoding="utf8", errors="replace") if config_path.is_file() else ""
    omissions: list[str] = []
    images = dict(_open_images(run_dir, omissions))
    labels = None
    for name in ("xenon", *images):
        labels = labels or (open_labels(images[name].path) if name in images else None)
    thickness, column_um = None, (1.0, 1.0)
    if (run_dir / "thickness.tif").is_file():
        thickness, column_um = read_map(run_dir / "thickness.tif", images.values())
    depth = (
        read_map(run_dir / "penetration.tif", images.values())[0] if (run_dir / "penetration.tif").is_file() else None
    )
    config = _read_config(text)
    sample = str(results.get("sample") or config.get("sample") or run_dir.resolve().name)
    run = _Run(results, text, config, sample, images, labels, thickness, column_um, omissions, depth)
    run.parsed = _parsed(config_path)
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


def _read_config(text: str) -> dict[str, Any]:
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return values if isinstance(values, dict) else {}


def _parsed(path: Path) -> Config | None:
    """The configuration as a record; None for one of another version."""
    try:
        return load_config(path)
    except (ValueError, OSError):
        return None


def _open_images(run_dir: Path, omissions: list[str]) -> Iterator[tuple[str, ImageGroup]]:
    """Open every image of the run, argon first; one that cannot be read is named and left out."""
    names = sorted(p.name.removesuffix(".ome.zarr") for p in run_dir.glob("[!.]*.ome.zarr"))
    for name in sorted(names, key=lambda n: ("argon", "xenon", n).index(n)):
        try:
            yield name, open_image(run_dir / f"{name}.ome.zarr")
        except (ValueError, OSError) as error:
            omissions.append(f"The {name} scan: {error}")


def _absences(run: _Run) -> Iterator[str]:
    for gas in ("argon", "xenon"):
        if gas not in run.images and not any(line.startswith(f"The {gas} scan") for line in run.omissions):
            yield f"Slices in {gas}: the run has no {gas} scan."
    if run.images and run.labels is None:
        reason = section(run.results, "report").get("not_labelled")
        yield f"Phases: {reason or 'no scan has labels.'}"
    if run.thickness_um is None:
        yield "Thickness map: the run left none."
    if not is_number(section(run.results, "coulometry").get("expected_thickness_um")):
        yield "Coulometry: no charge is known; give `charge` in the configuration."
    for name in run.images:
        if not section(run.results, "report", "expected_mu", run.gases[name]):
            yield f"Expected µ in {name}: unknown, so its grey values carry no marks."
    if not run.config_text:
        yield "Configuration: the run left no config.yaml."


def _advice(results: dict[str, Any]) -> list[str]:
    """What would settle the rest; without phases why there are none, as all else follows from it."""
    reason = section(results, "report").get("not_labelled")
    advice = [reason] if reason else section(results, "balance").get("advice") or ()
    return [str(line) for line in advice]


def _context(run: _Run) -> dict[str, Any]:
    """Everything the template shows."""
    results = run.results
    balance = section(results, "balance")
    verdict = str(balance.get("verdict") or "not-measured")
    closure = percent(balance.get("closure"), balance.get("closure_std"))
    return {
        "sample": run.sample,
        "started": str(section(results, "provenance").get("started") or "").replace("T", " ").replace("+00:00", " UTC"),
        "verdict_class": verdict if verdict in VERDICT_MARKS else "not-measured",
        "verdict_mark": VERDICT_MARKS.get(verdict, "–"),
        "verdict": f"Lithium balance: {verdict_text(results)}",
        "headline": _headline(results),
        "advice": _advice(results),
        "has_truth": bool(section(results, "truth")),
        "balance_rows": _balance_cells(results),
        "closure": closure,
        "closure_absent": closure == NOT_MEASURED,
        "budget": budget_rows(results),
        "deposit": [{"key": k, "name": name, "text": text} for k, name, text in deposit_rows(results)],
        "coulometry": list(facts(_known(section(results, "coulometry")), "coulometry")),
        "quality": quality_tables(results),
        "contrasts": contrast_table(results),
        "notes": notes(results),
        "provenance": [
            *facts(section(results, "provenance"), "provenance"),
            *facts(section(results, "report", "timings"), "report.timings", prefix="time: "),
        ],
        "config": run.config_text[:CONFIG_CHARACTERS],
        "omissions": run.omissions,
        "results": results,
        "version": __version__,
        **_pictures(run),
    }


def _pictures(run: _Run) -> dict[str, Any]:
    from . import interactive, report_pictures
    from .figures import grey_limits

    expected = {name: section(run.results, "report", "expected_mu", gas) for name, gas in run.gases.items()}
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
        phases = phase_rows(run.results, run.gases[name])
        scan = {
            "name": name,
            "slices": report_pictures.slice_pictures(slices, name, limits=limits),
            "phases": report_pictures.phase_pictures(slices, limits=limits) if has_labels else [],
            "fractions": _fraction_pictures(image, slices),
            "histogram": histogram.with_chart(f"grey-{name}"),
            "expected": phases,
            "has_found": any(row["found"] for row in phases),
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
    depth = []
    if run.depth_um is not None:
        depth = [report_pictures.depth_picture(run.depth_um, voxel_um=run.column_um).with_chart("depths")]
        options = {"name": "depth", "label": report_pictures.DEPTH_LABEL}
        chart = interactive.thickness_chart(run.depth_um, voxel_um=run.column_um, **options)
        charts.append({"name": "depths", "json": chart})
    attenuation = []
    if run.parsed is not None and (run.parsed.source or any(entry.gas for entry in run.parsed.scans.values())):
        attenuation = [report_pictures.attenuation_picture(run.parsed)]
    balance = report_pictures.balance_picture(balance_rows(run.results))
    pictures = {"balance": balance, "thickness": thickness, "depth": depth, "attenuation": attenuation}
    return {**pictures, "scans": scans, "charts": charts}


def _fraction_pictures(image: ImageGroup, slices: Sequence[Slice]) -> list[Any]:
    """Slices of the lithium fraction that stands beside an image, if there is one on its grid."""
    from .report_pictures import fraction_pictures

    folder = image.path / "fractions" / "lithium"
    try:
        fraction = open_image(folder)
    except (OSError, ValueError):
        return []
    return fraction_pictures(slices_at(fraction, slices)) if fraction.shape == image.shape else []


def _render(context: dict[str, Any], *, interactive: bool) -> str:
    import jinja2

    from .interactive import packed_library

    source = importlib.resources.files(__package__).joinpath("report.html").read_text(encoding="utf8")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
    if not interactive:
        return template.render({**context, "library": "", "charts": []})
    return template.render({**context, "library": packed_library()})


def _known(part: dict[str, Any]) -> dict[str, Any]:
    """The part without null values; empty where nothing was measured."""
    return {key: value for key, value in part.items() if value is not None}


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

"""The report: every number of results.json, in order, in one file that asks nothing of the network."""

import html
import json
import re
import zlib
from base64 import b64decode
from html.parser import HTMLParser

import imagecodecs
import numpy as np
import pytest
import tifffile

from xelith.pipeline import report, report_pictures
from xelith.pipeline.maps import read_map
from xelith.pipeline.quantities import quantity
from xelith.pipeline.report import write_report


class Page(HTMLParser):
    """Sections in order, cells by data-key, images, and the text a reader sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.cells: dict[str, str] = {}
        self.images: list[dict[str, str | None]] = []
        self.addresses: list[str] = []
        self.shown = ""
        self._open: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.addresses += [values[name] for name in ("src", "href") if values.get(name)]
        if tag == "img":
            self.images.append(values)
        if tag not in ("img", "meta", "link", "br"):
            self._open.append((tag, values.get("data-key")))
        if tag == "h2":
            self.headings.append("")
        if values.get("data-key"):
            self.cells[values["data-key"]] = ""

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        tags = [tag for tag, _ in self._open]
        if "script" in tags or "style" in tags:
            return
        self.shown += data
        if "h2" in tags:
            self.headings[-1] += data
        key = next((key for _, key in reversed(self._open) if key), None)
        if key:
            self.cells[key] += data


def page_of(run_dir) -> Page:
    return Page(write_report(run_dir, interactive=False).read_text(encoding="utf8"))


def results_of(run_dir) -> dict:
    return json.loads((run_dir / "results.json").read_text(encoding="utf8"))


@pytest.fixture
def undrawn(monkeypatch):
    """Leave the drawing out, where a test is of words: a picture takes 0.1 s."""
    monkeypatch.setattr(report_pictures, "figure_bytes", lambda figure, form: b"")


def test_sections_stand_in_order_with_the_balance_first(run_dir, undrawn):
    page = page_of(run_dir)
    assert page.headings == [
        "Lithium balance",
        "Deposit",
        "Scan: argon",
        "Scan: xenon",
        "Telling the phases apart",
        "Coulometry",
        "Quality of the scans",
        "Configuration and provenance",
    ]
    assert "consistent with the charge; lithium lies as a film" in page.shown
    assert "process 3, cell 7" in page.shown


def test_every_number_agrees_with_results_json(run_dir, undrawn):
    results, cells = results_of(run_dir), page_of(run_dir).cells
    for key in ("film_um", "in_electrolyte_um", "mixed_zone_um", "in_carbon_um", "isolated_um", "measured_um"):
        balance = results["balance"]
        assert cells[f"balance.{key}"] == quantity(balance[key], balance.get(f"{key}_std"))
    assert cells["balance.closure"] == "100.1 %"
    assert cells["coulometry.expected_thickness_um"] == "9.94 ± 0.11 µm"
    assert cells["deposit.mean_thickness_um"] == "9.8 ± 0.4 µm"
    assert cells["deposit.coverage"] == "97.5 %"
    assert cells["scans.xenon.noise_per_cm"] == "0.302 cm⁻¹"
    assert cells["registration.shift_um"] == "0.100, −0.200, 0.0500 µm"
    assert cells["report.quality.argon.repaired_pixels"] == "12"
    assert cells["report.timings.reconstruction_s"] == "21.5 s"
    assert cells["provenance.config_sha256"] == "cd34" * 16
    text = (run_dir / "report.html").read_text(encoding="utf8")
    embedded = re.search(r'<script type="application/json" id="results">(.*?)</script>', text, re.DOTALL)
    assert embedded is not None
    assert json.loads(embedded[1]) == results


def test_pictures_are_inside_with_words_and_size(reported_run):
    page = Page((reported_run / "report.html").read_text(encoding="utf8"))
    # balance, map, histogram; slices and a histogram for each gas; slices with phases, and with fractions
    assert len(page.images) == 3 + 2 * 4 + 3 + 3
    for image in page.images:
        webp = b64decode((image["src"] or "").removeprefix("data:image/webp;base64,"))
        height, width, _ = imagecodecs.webp_decode(webp).shape
        assert (image["width"], image["height"]) == (str(width), str(height))
        assert len(image["alt"] or "") > 40
    words = " ".join(image["alt"] or "" for image in page.images)
    assert "lithium film: 9.8 ± 0.4 µm" in words
    assert "Slice across y at 48.0 µm through the argon scan, 96.0 by 60.0 µm" in words
    assert re.search(r"Shares: .*lithium \d+\.\d %", words)


def test_the_page_asks_for_nothing_and_is_small(reported_run):
    text = (reported_run / "report.html").read_text(encoding="utf8")
    assert all(address.startswith("data:") for address in Page(text).addresses)
    assert (reported_run / "report.html").stat().st_size < 6_000_000
    assert "default-src 'none'" in text


def test_interactive_page_carries_the_library_and_its_charts(run_dir, undrawn):
    text = write_report(run_dir).read_text(encoding="utf8")
    packed = re.search(r'id="library">(.*?)</script>', text, re.DOTALL)
    assert packed is not None
    assert b"plotly.js" in zlib.decompress(b64decode(packed[1]), 31)[:200]
    names = re.findall(r'data-chart="([^"]+)"', text)
    assert names == ["map", "thicknesses", "grey-argon", "grey-xenon"]
    for name in names:
        chart = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', text, re.DOTALL)
        assert chart is not None
        layout = json.loads(chart[1])["layout"]
        for axis in ("xaxis", "yaxis"):
            assert re.search(r"\(.+\)$", layout[axis]["title"]["text"])  # a unit on every axis


def test_a_page_too_large_leaves_the_library_out(run_dir, monkeypatch, undrawn):
    monkeypatch.setattr(report, "LARGEST_BYTES", 2_000_000)
    text = write_report(run_dir).read_text(encoding="utf8")
    assert len(text) < 2_000_000
    assert "Charts that respond to the pointer" in text
    assert 'id="library"' not in text


def test_names_from_files_cannot_become_markup(make_run, undrawn):
    nasty = '<script>alert(1)</script> & "7"'
    run_dir = make_run()
    results = results_of(run_dir)
    results["scans"]["argon"]["path"] = nasty
    results["report"]["expected_mu"]["argon"][nasty] = {"mu_per_cm": 1.0}
    results["balance"]["advice"] = [nasty]
    (run_dir / "results.json").write_text(json.dumps(results), encoding="utf8")
    config = json.dumps({"sample": nasty})  # JSON is YAML
    (run_dir / "config.yaml").write_text(config, encoding="utf8")
    text = write_report(run_dir, interactive=True).read_text(encoding="utf8")
    assert "<script>alert" not in text
    assert f"<h1>{html.escape(nasty, quote=False)}" in text.replace("&#34;", '"')


def test_a_scan_finds_its_expected_mu_under_its_gas(make_run, undrawn):
    run_dir = make_run(scans=("second",))
    config = {"scans": {"second": {"gas": {"name": "Xenon", "pressure_atm": 6}}}}
    (run_dir / "config.yaml").write_text(json.dumps(config), encoding="utf8")
    page = page_of(run_dir)
    assert "Expected µ in second" not in page.shown
    assert "lithium at 0.106 cm⁻¹" in " ".join(image["alt"] or "" for image in page.images)


def test_an_empty_run_says_what_is_missing(make_run, undrawn):
    run_dir = make_run(results={}, scans=(), thickness=False)
    (run_dir / "config.yaml").unlink()
    page = page_of(run_dir)
    assert page.headings == ["Lithium balance", "Not in this report", "Configuration and provenance"]
    assert page.cells["balance.film_um"] == "not measured"
    for line in ("no argon scan", "no xenon scan", "Thickness map", "Coulometry: no charge", "no config.yaml"):
        assert line in page.shown
    assert "run: lithium balance" in page.shown  # the folder's name for want of a sample


@pytest.mark.parametrize("null", ["deposit", "coulometry", "balance", "truth", "scans", "registration", "report"])
def test_any_section_may_be_null(make_run, null, undrawn):
    run_dir = make_run(scans=("xenon",))
    results = results_of(run_dir)
    results[null] = None
    (run_dir / "results.json").write_text(json.dumps(results), encoding="utf8")
    page = page_of(run_dir)
    assert "Lithium balance" in page.headings
    assert "None" not in page.shown.replace("None of", "")


def test_vendor_volume_alone(make_run, undrawn):
    page = page_of(make_run(scans=("vendor",)))
    assert "Scan: vendor" in page.headings
    assert "Expected µ in vendor: unknown" in page.shown
    assert len(page.images) == 3 + 4 + 3 + 3


def test_a_broken_image_is_named_and_the_rest_is_shown(run_dir, undrawn):
    (run_dir / "argon.ome.zarr" / "zarr.json").write_text("{}")
    page = page_of(run_dir)
    assert "Scan: argon" not in page.headings
    assert "Scan: xenon" in page.headings
    assert "The argon scan: " in page.shown


def test_nan_in_results_counts_as_not_measured(make_run, undrawn):
    run_dir = make_run()
    text = (run_dir / "results.json").read_text().replace('"film_um": 9.83', '"film_um": NaN')
    (run_dir / "results.json").write_text(text)
    assert page_of(run_dir).cells["balance.film_um"] == "not measured"


def test_column_size_comes_from_the_grid_or_from_the_tags(make_run):
    run_dir = make_run()
    found, size = read_map(run_dir / "thickness.tif", ())
    assert found is not None
    assert size == (2.0, 2.0)
    tags = {"resolution": (1e4 / 0.5, 1e4 / 0.25), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(run_dir / "thickness.tif", np.ones((7, 9), np.float32), **tags)
    _, size = read_map(run_dir / "thickness.tif", ())
    assert size == pytest.approx((0.25, 0.5))


def test_error_budget_is_shown_where_there_is_one(make_run, undrawn):
    run_dir = make_run()
    results = results_of(run_dir)
    results["report"]["error_budget"] = [{"name": "edge position", "std_um": 0.4, "share": 0.8}]
    results["balance"]["advice"] = ["scan in argon too"]
    (run_dir / "results.json").write_text(json.dumps(results), encoding="utf8")
    page = page_of(run_dir)
    assert "edge position" in page.shown
    assert "0.400 µm, 80.0 %" in page.shown
    assert "scan in argon too" in page.shown
    results["report"]["not_labelled"] = "exchange the paths of the two scans"
    (run_dir / "results.json").write_text(json.dumps(results), encoding="utf8")
    page = page_of(run_dir)
    assert "exchange the paths" in page.shown and "scan in argon too" not in page.shown  # all else follows from it


def test_a_failure_keeps_the_old_report(run_dir, monkeypatch):
    (run_dir / "report.html").write_text("old")
    monkeypatch.setattr(report, "_pictures", lambda run: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report(run_dir)
    assert (run_dir / "report.html").read_text() == "old"


def test_bad_folders_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no results\.json in .*run `xelith run CONFIG"):
        write_report(tmp_path)
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(ValueError, match=r"results\.json is not readable as JSON"):
        write_report(tmp_path)
    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(ValueError, match="holds list, not an object"):
        write_report(tmp_path)


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1600])
def test_browser_shows_live_charts_without_complaint_or_request(reported_run, chromium, width):
    chromium.open(reported_run / "report.html", width=width)
    chromium.wait_for("document.querySelectorAll('.is-live .main-svg').length >= 8")  # two layers a chart
    assert chromium.complaints == []
    assert chromium.requests == []
    found = chromium.evaluate(
        "[...document.querySelectorAll('[data-chart]')].flatMap(p => Plotly.validate(p.data, p.layout) || [])"
    )  # the library does not know that packed arrays are arrays
    assert [fault["msg"] for fault in found if fault["code"] != "array"] == []
    assert chromium.evaluate("document.documentElement.scrollWidth") <= width  # nothing to scroll sideways
    place = "document.querySelector('[data-chart=map]')"
    chromium.evaluate(f"{place}.scrollIntoView({{block: 'center'}})")
    x, y = chromium.evaluate(
        f"(() => {{ const b = {place}.querySelector('.nsewdrag').getBoundingClientRect();"
        "return [b.x + b.width * 0.3, b.y + b.height * 0.5]; })()"
    )
    chromium.hover(x, y)
    text = f"{place}.querySelector('.hoverlayer').textContent"
    assert re.fullmatch(r"x \d+ µm, y \d+ µm\s*lithium \d+\.\d µm", chromium.wait_for(text))


@pytest.mark.browser
def test_browser_without_scripts_shows_every_picture(reported_run, chromium):
    text = (reported_run / "report.html").read_text(encoding="utf8")
    chromium.open(reported_run / "report.html", width=800, scripts=False)
    tree = chromium.call("DOMSnapshot.captureSnapshot", computedStyles=["display"])
    drawn = [box for box in tree["documents"][0]["layout"]["bounds"] if box[2] > 200 and box[3] > 100]
    assert len(drawn) >= text.count("<img ") == 17
    assert chromium.complaints == []

"""Every figure of a report: a title with its unit on each axis, a scale bar on each slice, words for each picture."""

import json
import re

import pytest

from xelith.pipeline import interactive, report_pictures
from xelith.pipeline.report import write_report

WITH_UNIT = re.compile(r"\((µm|cm⁻¹|%|keV|1 = all|1 = sure|share of its peak)\)$")


@pytest.fixture(scope="module")
def drawn(small_run, tmp_path_factory):
    """The figures and charts of the small run's report, caught where they are drawn."""
    import shutil

    folder = tmp_path_factory.mktemp("drawn") / "run"
    shutil.copytree(small_run, folder)
    figures, charts = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_pictures, "figure_bytes", lambda figure, form: figures.append(figure) or b"")
        chart = interactive._chart

        def caught(traces, layout):
            charts.append(json.loads(chart(traces, layout)))
            return chart(traces, layout)

        patch.setattr(interactive, "_chart", caught)
        page = write_report(folder).read_text(encoding="utf8")
    return figures, charts, page


def is_colour_bar(axes):
    return axes.get_label() == "<colorbar>"


def test_every_axis_has_a_title_with_its_unit(drawn):
    figures, _, _ = drawn
    assert len(figures) >= 12  # balance, map, thicknesses, depths, µ(E), and slices, phases, fractions, histograms
    for figure in figures:
        for axes in figure.get_axes():
            titles = [axes.get_ylabel()] if is_colour_bar(axes) else [axes.get_xlabel(), axes.get_ylabel()]
            names = [text.get_text() for text in axes.get_yticklabels()]
            is_bars = any(name and not re.match(r"[−\d.]", name) for name in names)  # bars carry names, not numbers
            is_twin = axes.get_xlabel() == "" and any(
                a is not axes and a.bbox.bounds == axes.bbox.bounds for a in figure.axes
            )
            for title in titles:
                if (is_bars and title == "") or (is_twin and title == ""):
                    continue
                assert WITH_UNIT.search(title), (title, titles, names)


def test_every_slice_and_map_has_a_scale_bar(drawn):
    figures, _, _ = drawn
    images = [axes for figure in figures for axes in figure.axes if axes.images and not is_colour_bar(axes)]
    assert len(images) >= 8
    for axes in images:
        assert any(re.fullmatch(r"[\d.]+ µm", text.get_text()) for text in axes.texts)


def test_every_live_chart_has_units_too(drawn):
    _, charts, _ = drawn
    assert len(charts) >= 5
    for chart in charts:
        for axis in ("xaxis", "yaxis"):
            assert WITH_UNIT.search(chart["layout"][axis]["title"]["text"])
        for trace in chart["data"]:
            assert trace["hovertemplate"]
            if trace["type"] == "heatmap":
                assert WITH_UNIT.search(trace["colorbar"]["title"]["text"])


def test_penetration_and_attenuation_are_shown(drawn):
    _, _, page = drawn
    assert "Depth to which lithium stands in the electrolyte" in page
    alt = re.search(r'alt="µ over photon energy\. ([^"]*)"', page)[1]
    # 17.5 keV stands 0.1 % above Mo K-alpha, for which the check values of the design hold
    assert re.search(r"lithium Li 0\.10[5-7]\b", alt) and re.search(r"xenon 6 atm 1\.2[67]\b", alt)


def test_the_page_stays_below_six_megabytes(small_run):
    assert (small_run / "report.html").stat().st_size < 6_000_000

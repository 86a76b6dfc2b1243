"""One page over many runs: found, in a table that sorts, with trends."""

import copy
import json

import pytest

from xelith.pipeline.quantities import quantity
from xelith.pipeline.report_index import find_runs, write_index
from xelith.pipeline.trends import trend_figure


def results_of(run_results, *, sample, film, capacity, verdict="consistent"):
    results = copy.deepcopy(run_results)
    results["sample"] = sample
    results["balance"] |= {
        "measured_um": film,
        "measured_um_std": 0.5,
        "verdict": verdict,
        "closure": film and film / 9.94,
    }
    results["deposit"]["mean_thickness_um"] = film
    results["coulometry"]["areal_capacity_mah_per_cm2"] = capacity
    return results


@pytest.fixture
def runs(tmp_path, reported_run):
    """Three runs below one root, one of them a level deeper, and folders that are none."""
    base = json.loads((reported_run / "results.json").read_text(encoding="utf8"))
    root = tmp_path / "beamtime"
    made = {
        "cell-a": results_of(base, sample="cell A", film=9.5, capacity=2.0),
        "cell-b": results_of(base, sample="cell B <i>", film=10.5, capacity=1.0, verdict="not-consistent"),
        "night/cell-c": results_of(base, sample="cell C", film=None, capacity=3.0, verdict="not-measured"),
    }
    for name, results in made.items():
        (root / name).mkdir(parents=True)
        (root / name / "results.json").write_text(json.dumps(results), encoding="utf8")
    (root / "cell-a" / "report.html").write_text("<p>A</p>")
    (root / "cell-a" / "xenon.ome.zarr").mkdir()
    (root / "cell-a" / "before").mkdir()
    (root / "cell-a" / "before" / "results.json").write_text("{}")
    (root / ".hidden").mkdir()
    (root / ".hidden" / "results.json").write_text("{}")
    return root


def test_runs_are_found_once_and_not_inside_one_another(runs):
    found = [run.relative_to(runs).as_posix() for run in find_runs(runs)]
    assert found == ["cell-a", "cell-b", "night/cell-c"]


def test_numbers_agree_with_each_run_and_names_cannot_break_the_page(runs):
    page = write_index(runs).read_text(encoding="utf8")
    assert f">{quantity(9.5, 0.5)}</td>" in page and f">{quantity(10.5, 0.5)}</td>" in page
    assert "cell B &lt;i&gt;" in page and "<i>" not in page
    assert 'href="cell-a/report.html"' in page
    assert page.count("not measured") >= 1
    assert "lithium measured (µm)" in page


def test_a_run_that_cannot_be_read_is_left_out(runs, caplog):
    (runs / "cell-b" / "results.json").write_text("{", encoding="utf8")
    assert "cell B" not in write_index(runs).read_text(encoding="utf8")
    assert "cell-b is left out" in caplog.text


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no results\.json in .*; run a configuration first"):
        write_index(tmp_path)


def test_a_trend_has_units_and_leaves_gaps():
    points = {"lithium measured": [(9.5, 0.5), (None, None), (10.5, None)]}
    figure = trend_figure([1.0, 2.0, 3.0], points, across="charge passed (mAh cm⁻²)", label="lithium (µm)")
    axes = figure.axes[0]
    assert axes.get_xlabel() == "charge passed (mAh cm⁻²)" and axes.get_ylabel() == "lithium (µm)"
    assert list(axes.containers[0][0].get_xdata()) == [1.0, 3.0]


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1600])
def test_the_table_sorts_in_a_browser(runs, chromium, width):
    chromium.open(write_index(runs), width=width)
    order = "[...document.querySelectorAll('#runs tbody tr')].map(row => row.dataset.run).join(' ')"
    press = "[...document.querySelectorAll('#runs thead button')].find(b => b.textContent.startsWith('{}')).click()"
    assert chromium.evaluate(order) == "cell-a cell-b night/cell-c"
    chromium.evaluate(press.format("charge"))
    assert chromium.evaluate(order) == "cell-b cell-a night/cell-c"
    chromium.evaluate(press.format("lithium measured"))
    assert chromium.evaluate(order) == "cell-a cell-b night/cell-c"
    chromium.evaluate(press.format("lithium measured"))
    assert chromium.evaluate(order) == "cell-b cell-a night/cell-c"  # what was not measured stays last
    assert chromium.evaluate("document.querySelector('[aria-sort]').getAttribute('aria-sort')") == "descending"
    assert chromium.evaluate("document.documentElement.scrollWidth") <= width
    assert chromium.evaluate("document.querySelectorAll('#trends img').length") >= 2
    assert chromium.complaints == [] and chromium.requests == []

"""Charts for the pointer: the same numbers as the static ones, and small."""

import base64
import json

import numpy as np
import pytest

from xelith.materials.phases import Phase
from xelith.pipeline import interactive
from xelith.pipeline.interactive import histogram_chart, thickness_chart, thickness_histogram_chart
from xelith.pipeline.overview import Sample


def array(packed) -> np.ndarray:
    """Numbers of plotly's typed arrays, or of plain lists."""
    if isinstance(packed, list):
        return np.array(packed, float)
    flat = np.frombuffer(base64.b64decode(packed["bdata"]), packed["dtype"])
    return flat.reshape([int(n) for n in packed["shape"].split(",")]) if "shape" in packed else flat


def test_map_keeps_its_values_and_places():
    map_um = np.arange(12.0).reshape(3, 4)
    map_um[0, 0] = np.nan
    trace = json.loads(thickness_chart(map_um, voxel_um=(2.0, 5.0)))["data"][0]
    np.testing.assert_array_equal(array(trace["z"]), map_um.astype("f4"))
    np.testing.assert_allclose(array(trace["x"]), [2.5, 7.5, 12.5, 17.5])  # middles of columns
    np.testing.assert_allclose(array(trace["y"]), [1, 3, 5])


def test_a_large_map_is_averaged_without_moving_its_mean(monkeypatch):
    monkeypatch.setattr(interactive, "MOST_COLUMNS", 4)
    map_um = np.random.default_rng(5).normal(60, 5, (8, 8))
    map_um[:2, :2] = np.nan
    trace = json.loads(thickness_chart(map_um, voxel_um=(1.0, 1.0)))["data"][0]
    z = array(trace["z"])
    assert z.shape == (4, 4)
    assert np.isnan(z[0, 0])
    assert np.nanmean(z) == pytest.approx(np.nanmean(map_um), rel=1e-6)  # float32
    np.testing.assert_allclose(array(trace["x"]), [1, 3, 5, 7])


def test_columns_over_the_edge_do_not_count():
    assert interactive._block_mean(np.array([[1.0, 2.0, 6.0]]), 2).tolist() == [[1.5, 6.0]]


def test_thickness_marks():
    chart = json.loads(thickness_histogram_chart(np.array([[60.0, 62.0]]), {"mean": 61.0, "expected": None}))
    assert [shape["x0"] for shape in chart["layout"]["shapes"]] == [61.0]
    assert array(chart["data"][0]["y"]).sum() == pytest.approx(100)


def test_grey_values_open_on_the_window_and_hold_all():
    values = np.concatenate([np.full(900, 0.1), np.full(100, 60.0)])
    labels = np.repeat([Phase.LITHIUM, Phase.ELECTROLYTE], [900, 100])
    expected = {"lithium": {"mu_per_cm": 0.1}, "electrolyte": {"mu_per_cm": 60.0}, "void": {}}
    chart = json.loads(histogram_chart(Sample(values, labels, 1.0), expected=expected, limits=(-1.0, 2.0)))
    assert chart["layout"]["xaxis"]["range"] == [-1.0, 2.0]
    shares = {trace["name"]: array(trace["y"]).sum() for trace in chart["data"]}
    assert shares == {"lithium": pytest.approx(90), "electrolyte": pytest.approx(10)}
    assert [note["text"] for note in chart["layout"]["annotations"]] == ["lithium", "electrolyte"]


@pytest.mark.parametrize("values", [np.zeros(0), np.full(3, 2.0)])
def test_grey_values_of_nothing(values):
    chart = json.loads(histogram_chart(Sample(values, None, 1.0), expected={}, limits=(0.0, 1.0)))
    assert np.isfinite(chart["layout"]["yaxis"]["range"]).all()


def test_names_cannot_end_the_script_element():
    expected = {"</script><b>": {"mu_per_cm": 1.0}}
    text = histogram_chart(Sample(np.ones(3), None, 1.0), expected=expected, limits=(0.0, 2.0))
    assert "<" not in text
    assert json.loads(text)["layout"]["annotations"][0]["text"] == "</script><b>"

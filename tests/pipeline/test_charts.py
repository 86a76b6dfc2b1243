"""Charts: shares that add up, marks where they belong, units on every axis."""

import numpy as np
import pytest

from xelith.materials.phases import Phase
from xelith.pipeline.charts import (
    balance_figure,
    histogram_figure,
    name_levels,
    phase_shares,
    thickness_histogram_figure,
    thickness_shares,
)
from xelith.pipeline.figures import figure_bytes
from xelith.pipeline.overview import Sample
from xelith.pipeline.summary import BalanceRow

EXPECTED = {
    "lithium": {"mu_per_cm": 0.1, "low": 0.05, "high": 0.15},
    "void": {"mu_per_cm": 1.27},
    "electrolyte": {"mu_per_cm": 64.0},
    "carbon": {"mu_per_cm": None},
}


@pytest.fixture
def sample():
    rng = np.random.default_rng(2)
    labels = np.repeat([Phase.LITHIUM, Phase.VOID, Phase.ELECTROLYTE], 2000).astype(np.uint8)
    mu = np.choose(labels, [0, 1.27, 0.1, 0, 64.0])
    return Sample(rng.normal(mu, 0.2), labels, 1.0)


def test_shares_of_the_phases_add_up_to_all_voxels(sample):
    limits = (float(sample.values.min()), float(sample.values.max()))
    shares = phase_shares(sample, limits)
    assert {name for name, *_ in shares} == {"void", "lithium", "electrolyte"}
    assert sum(share.sum() for *_, share in shares) == pytest.approx(100)
    ((name, _, _, share),) = phase_shares(Sample(sample.values, None, 1.0), limits)
    assert name == "all voxels"
    assert share.sum() == pytest.approx(100)


def test_histogram_shows_the_whole_range_and_the_window_with_marks(sample):
    figure = histogram_figure(sample, expected=EXPECTED, limits=(-0.6, 2.6))
    whole, window = figure.axes
    for axes in (whole, window):
        assert axes.get_xlabel() == "µ (cm⁻¹)"
        assert axes.get_ylabel() == "share of voxels (%)"
    assert window.get_xlim() == (-0.6, 2.6)
    assert [line.get_xdata()[0] for line in whole.lines] == [0.1, 1.27, 64.0]
    assert [text.get_text() for text in window.texts] == ["lithium 0.1", "void 1.27"]


def test_histogram_of_one_phase_without_expectations():
    figure = histogram_figure(Sample(np.full(50, 3.0), None, 0.1), expected={}, limits=(2, 4))
    assert len(figure.axes) == 1
    assert figure_bytes(figure).startswith(b"\x89PNG")


def test_names_of_near_marks_are_stacked():
    assert name_levels([0.02, 0.1, 0.9, 1.15], (-0.5, 2.5)) == [0, 1, 0, 1]
    assert name_levels([], (0, 1)) == []


def test_thickness_in_whole_voxels_gets_one_bin_each():
    map_um = np.array([[0.0, 54, 54, 56], [58, 60, np.nan, 62]])
    edges, share = thickness_shares(map_um)
    np.testing.assert_allclose(np.diff(edges), 2.0)
    assert share.sum() == pytest.approx(100)
    assert share[np.searchsorted(edges, 54) - 1] == pytest.approx(200 / 7)


@pytest.mark.parametrize("values", [[np.nan], [5.0, 5.0], np.random.default_rng(3).normal(60, 5, 500)])
def test_thickness_shares_of_any_map(values):
    edges, share = thickness_shares(np.atleast_2d(values))
    assert len(edges) == len(share) + 1 <= 61
    assert share.sum() == pytest.approx(100 * bool(np.isfinite(values).any()))


def test_thickness_histogram_marks_mean_and_expected():
    figure = thickness_histogram_figure(np.array([[60.0, 66.0]]), mean_um=63.0, expected_um=64.68)
    axes = figure.axes[0]
    assert [line.get_xdata()[0] for line in axes.lines] == [63.0, 64.68]
    assert axes.get_xlabel() == "lithium thickness (µm)"
    assert axes.get_ylabel() == "share of columns (%)"
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["mean: 63.0 µm", "expected from the charge: 64.7 µm"]
    assert not thickness_histogram_figure(np.array([[60.0]]), mean_um=None).axes[0].lines


def test_balance_bars_have_their_lengths_and_say_what_is_missing():
    rows = [
        BalanceRow("balance.film_um", "lithium film", 60.0, 2.0, truth=61.0),
        BalanceRow("balance.in_electrolyte_um", "inside the electrolyte", -1.5, 1.0),
        BalanceRow("balance.in_carbon_um", "inside the carbon", None),
        BalanceRow("balance.isolated_um", "isolated", (0.0, 3.0)),
        BalanceRow("balance.measured_um", "measured", 58.5, 2.2, truth=61.0, is_total=True),
        BalanceRow("coulometry.expected_thickness_um", "expected", 64.7, 0.6, is_total=True),
    ]
    figure = balance_figure(rows)
    axes = figure.axes[0]
    assert "(µm)" in axes.get_xlabel()
    bars = {round(bar.get_y() + 0.3): bar.get_width() for bar in axes.patches}
    assert bars == {0: 64.7, 1: 58.5, 2: 60.0, 3: -1.5, 5: 3.0}
    shown = [text.get_text() for text in axes.texts]
    assert shown[:2] == ["64.7 ± 0.6 µm", "58.5 ± 2.2 µm"]
    assert shown[4:] == ["not measured", "0.00 to 3.00 µm"]
    assert figure.legends[0].get_texts()[0].get_text() == "truth of the simulated cell"
    assert figure_bytes(figure).startswith(b"\x89PNG")


def test_balance_of_nothing_is_drawn():
    rows = [BalanceRow("balance.film_um", "lithium film", None)]
    assert figure_bytes(balance_figure(rows)).startswith(b"\x89PNG")


def test_phase_shares_equal_a_plain_histogram(sample):
    for name, _, edges, share in phase_shares(sample, (-0.5, 1.5), bins=40):
        values = sample.values[sample.labels == Phase[name.upper()]]
        np.testing.assert_allclose(share, 100 * np.histogram(values, edges)[0] / sample.values.size, atol=0.02)

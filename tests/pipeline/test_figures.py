"""Pictures of a cell: units on every axis, true scale, true colours."""

import numpy as np
import pytest

from xelith.materials.phases import COLOURS, Phase
from xelith.pipeline.figures import (
    figure_bytes,
    fraction_figure,
    grey_limits,
    slice_figure,
    thickness_figure,
    thickness_limits,
)
from xelith.pipeline.overview import Sample, Slice


@pytest.fixture
def plane():
    labels = np.full((20, 60), Phase.ELECTROLYTE, np.uint8)
    labels[:5], labels[0, 0] = Phase.LITHIUM, 255
    values = np.where(labels == Phase.LITHIUM, 0.1, 15.7).astype(np.float32)
    return Slice(values, labels, "y", 12.0, (2.0, 3.0))


def texts(figure) -> list[str]:
    found = [axes.texts for axes in figure.axes]
    return [text.get_text() for group in found for text in group]


def test_slice_has_units_scale_bar_and_colour_bar(plane):
    figure = slice_figure(plane, limits=(0, 3), title="xenon")
    image, bar = figure.axes[0], figure.axes[0].child_axes[0]
    assert (image.get_xlabel(), image.get_ylabel()) == ("x (µm)", "z (µm)")
    assert bar.get_ylabel() == "µ (cm⁻¹)"
    assert image.get_images()[0].get_extent() == [0, 180, 40, 0]  # 60 columns of 3 µm, 20 rows of 2 µm
    assert image.get_title() == "xenon"
    line = image.lines[0].get_xdata()
    assert texts(figure) == [f"{line[1] - line[0]:g} µm"]
    assert 180 / 10 < line[1] - line[0] <= 180 / 4


@pytest.mark.parametrize("width_um", [0.9, 7, 89, 890, 12345])
def test_scale_bar_is_a_round_length_that_fits(width_um):
    pixel = width_um / 10
    figure = slice_figure(Slice(np.zeros((10, 10)), None, "z", 0, (pixel, pixel)), limits=(0, 1))
    start, end = figure.axes[0].lines[0].get_xdata()
    length = end - start
    assert width_um / 10 <= length <= width_um / 4 * 1.001  # float rounding of the ends
    assert f"{length:.0e}"[0] in "125"
    assert 0 < start < end < width_um


def test_phases_are_drawn_in_their_colours_with_a_legend(plane):
    figure = slice_figure(plane, limits=(0, 3), phases=True)
    overlay = np.asarray(figure.axes[0].get_images()[1].get_array())
    lithium = tuple(byte / 255 for byte in bytes.fromhex(COLOURS[Phase.LITHIUM][1:]))
    assert tuple(overlay[2, 2, :3]) == pytest.approx(lithium)
    assert overlay[0, 0, 3] == 0  # not labelled: the grey value shows
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["lithium", "electrolyte"]


def test_fraction_runs_from_nothing_to_all():
    figure = fraction_figure(Slice(np.linspace(-0.1, 1.2, 200).reshape(10, 20), None, "z", 0, (1, 1)))
    axes = figure.axes[0]
    assert axes.get_images()[0].get_clim() == (0, 1)
    assert axes.child_axes[0].get_ylabel() == "lithium (1 = all)"
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 20), (10, 0))


def test_slice_of_only_nan_is_drawn():
    figure = slice_figure(Slice(np.full((4, 4), np.nan), None, "z", 0, (1, 1)), limits=(0, 1))
    assert figure_bytes(figure).startswith(b"\x89PNG")


def test_thickness_map_states_micrometres_and_starts_at_zero():
    map_um = np.linspace(50, 70, 48).reshape(6, 8)
    map_um[0, 0] = np.nan
    figure = thickness_figure(map_um, voxel_um=(2.0, 5.0))
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x (µm)", "y (µm)")
    assert axes.child_axes[0].get_ylabel() == "lithium thickness (µm)"
    image = axes.get_images()[0]
    assert image.get_extent() == [0, 40, 12, 0]
    assert image.get_clim()[0] == 0
    assert figure_bytes(figure).startswith(b"\x89PNG")


def test_thickness_limits():
    assert thickness_limits(np.array([[-2.0, 5.0]])) == pytest.approx((-1.965, 4.965))  # percentiles 0.5, 99.5
    assert thickness_limits(np.full((2, 2), np.nan)) == (0, 1)
    assert thickness_limits(np.zeros((2, 2))) == (0, 1)


def test_grey_window_separates_the_soft_phases():
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(mu, 0.1, 1000) for mu in (0.1, 1.2, 64)]).astype(np.float32)
    sample = Sample(values, None, 1.0)
    expected = {name: {"mu_per_cm": mu} for name, mu in (("lithium", 0.1), ("void", 1.3), ("electrolyte", 64))}
    low, high = grey_limits([sample], [expected])
    assert high == pytest.approx(2.6)
    assert -1.3 <= low <= 0
    assert grey_limits([sample], [{}])[1] > 60  # nothing is known: all of the range
    assert grey_limits([], []) == (-0.5, 0.5)
    assert grey_limits([Sample(np.zeros(0), None, 1.0)], [expected])[1] > 0

"""Charts of a run: how grey values and thicknesses are distributed, and the balance as bars."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..materials.phases import COLOURS
from .figures import INK, MU_LABEL, ExpectedMu, new_figure
from .overview import Sample
from .quantities import NOT_MEASURED, is_interval, is_number, quantity
from .summary import BalanceRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXPECTED_COLOUR = "#0072b2"
MEASURED_COLOUR = "#d55e00"
DECADES = 3.5
"""Height of the logarithmic axis of all grey values."""


def thickness_histogram_figure(
    map_um: NDArray[Any], *, mean_um: float | None = None, expected_um: float | None = None
) -> "Figure":
    """Draw how often each thickness occurs, with the mean and what the charge asks for.

    Parameters
    ----------
    map_um : (n_y, n_x) array
        Thickness of each column in µm; NaN where not measured.
    mean_um : float, optional
        Mean thickness in µm.
    expected_um : float, optional
        Thickness from the charge in µm.

    Returns
    -------
    matplotlib.figure.Figure
        Share of columns in per cent against thickness in µm.
    """
    edges, share = thickness_shares(map_um)
    figure = new_figure(3.2)
    axes = figure.add_subplot()
    axes.stairs(share, edges, fill=True, color=MEASURED_COLOUR, alpha=0.55)
    axes.stairs(share, edges, color=INK, linewidth=0.8)
    marks = ((mean_um, "mean", INK, "-"), (expected_um, "expected from the charge", EXPECTED_COLOUR, "--"))
    for value, name, colour, style in marks:
        if is_number(value):
            axes.axvline(value, color=colour, linestyle=style, label=f"{name}: {quantity(value, unit='µm')}")
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside upper center", ncols=2, frameon=False)
    axes.set(xlabel="lithium thickness (µm)", ylabel="share of columns (%)")
    return figure


def thickness_shares(map_um: NDArray[Any], *, bins: int = 60) -> tuple[NDArray[Any], NDArray[Any]]:
    """Count the columns of each thickness.

    Parameters
    ----------
    map_um : (n_y, n_x) array
        Thickness in µm; NaN where not measured.
    bins : int
        Most bins; thicknesses that are whole numbers of voxels get one bin each.

    Returns
    -------
    ((n + 1,) array, (n,) array)
        Edges in µm, and the share of the measured columns in per cent.
    """
    finite = map_um[np.isfinite(map_um)]
    edges = np.histogram_bin_edges(finite, bins=bins, range=None if finite.size else (0, 1))
    steps = np.diff(np.unique(finite))
    if steps.size > 0 and np.ptp(finite) < (bins - 1) * steps.min():
        low, step = float(finite.min()), float(steps.min())
        edges = low + step * (np.arange(round(np.ptp(finite) / step) + 2) - 0.5)
    counts, edges = np.histogram(finite, edges)
    return edges, 100 * counts / max(finite.size, 1)


def histogram_figure(sample: Sample, *, expected: ExpectedMu, limits: tuple[float, float]) -> "Figure":
    """Draw the grey values of a scan, by phase where labels are known, with the expected µ marked.

    Parameters
    ----------
    sample : Sample
        Voxels of the scan.
    expected : mapping
        Expected µ of the phases, in cm^-1.
    limits : (float, float)
        The slices' grey window, shown on its own below the whole range, in cm^-1.

    Returns
    -------
    matplotlib.figure.Figure
        Share of voxels per bin in per cent against µ in cm^-1; the whole range has a logarithmic axis.
    """
    whole = _whole_range(sample, expected)
    ranges = [whole] if whole[1] - whole[0] < 2 * (limits[1] - limits[0]) else [whole, limits]
    figure = new_figure(1.2 + 2.1 * len(ranges))
    for place, (low, high) in enumerate(ranges, 1):
        axes = figure.add_subplot(len(ranges), 1, place)
        shares = phase_shares(sample, (low, high))
        for name, colour, edges, share in shares:
            axes.stairs(share, edges, fill=True, color=colour, alpha=0.75, label=name)
            axes.stairs(share, edges, color=INK, linewidth=0.5)
        axes.set(xlim=(low, high), xlabel=MU_LABEL, ylabel="share of voxels (%)")
        if place < len(ranges):  # beside the peaks of the dense phases, the whole range needs decades
            highest = max((float(share.max()) for *_, share in shares), default=1.0) or 1.0
            axes.set(yscale="log", ylim=(highest * 10**-DECADES, 2 * highest))
        _mark_expected(axes, expected, (low, high))
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
    return figure


def phase_shares(
    sample: Sample, limits: tuple[float, float], *, bins: int = 160
) -> list[tuple[str, str, NDArray[Any], NDArray[Any]]]:
    """Count the grey values of each phase.

    Parameters
    ----------
    sample : Sample
        Voxels of a scan.
    limits : (float, float)
        Range of µ, in cm^-1.
    bins : int
        Number of bins.

    Returns
    -------
    list of (str, str, (bins + 1,) array, (bins,) array)
        Phase, its colour, edges in cm^-1, and the share of all voxels of the sample in per cent; one entry for
        all voxels where there are no labels. Empty phases are left out.
    """
    low, high = limits
    edges = np.linspace(low, high, bins + 1)
    inside = (sample.values >= low) & (sample.values <= high)
    values = sample.values[inside]
    place = np.minimum((values - low) * (bins / (high - low)), bins - 1).astype(np.int64)
    whole = 100 / max(sample.values.size, 1)
    if sample.labels is None:
        return [("all voxels", "#999999", edges, whole * np.bincount(place, minlength=bins))]
    place += bins * sample.labels[inside].astype(np.int64)
    counts = np.bincount(place, minlength=256 * bins).reshape(256, bins)
    phases = [(phase, colour) for phase, colour in COLOURS.items() if counts[phase].any()]
    return [(phase.name.lower(), colour, edges, whole * counts[phase]) for phase, colour in phases]


def balance_figure(rows: Sequence[BalanceRow]) -> "Figure":
    """Draw the balance as bars: what the charge asks for, what was measured, and its terms.

    Parameters
    ----------
    rows : sequence of BalanceRow
        As `summary.balance_rows` gives them.

    Returns
    -------
    matplotlib.figure.Figure
        Bars in µm with their standard deviations; the truth of a simulated cell as diamonds.
    """
    ordered = [*(row for row in reversed(rows) if row.is_total), *(row for row in rows if not row.is_total)]
    figure = new_figure(0.42 * len(ordered) + 1.0, width_in=4.8)
    axes = figure.add_subplot()
    for place, row in enumerate(ordered):
        _balance_bar(axes, place, row)
    true = [(row.truth, place) for place, row in enumerate(ordered) if is_number(row.truth)]
    if true:
        axes.plot(*zip(*true, strict=True), "D", color=INK, markersize=5, label="truth of the simulated cell")
        figure.legend(loc="outside upper right", frameon=False)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.axhline(1.5, color="#b3b3b3", linewidth=0.8)
    names = [textwrap.fill(row.name, 22) for row in ordered]
    axes.set_yticks(range(len(ordered)), names)
    axes.set(xlabel="lithium over the area in view (µm)", ylim=(len(ordered) - 0.5, -0.5))
    axes.margins(x=0.35)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _balance_bar(axes: "Axes", place: int, row: BalanceRow) -> None:
    colour = EXPECTED_COLOUR if row.key.startswith("coulometry") else MEASURED_COLOUR
    shade = 1.0 if row.is_total else 0.6
    end = 0.0
    if is_interval(row.value):
        end = row.value[1]
        axes.barh(place, end - row.value[0], left=row.value[0], height=0.6, color="none", edgecolor=colour, hatch="///")
    elif is_number(row.value):
        std = row.std if is_number(row.std) else 0.0
        end = max(row.value, 0.0) + std
        axes.barh(place, row.value, height=0.6, color=colour, alpha=shade, edgecolor=INK, linewidth=0.6)
        if std > 0:
            axes.errorbar(row.value, place, xerr=std, color=INK, capsize=3, linewidth=1.2)
    text = quantity(row.value, row.std, "µm")
    if is_number(row.truth):
        end = max(end, row.truth)
    style: dict[str, Any] = {"color": "#595959", "style": "italic"} if text == NOT_MEASURED else {"color": INK}
    axes.annotate(text, (end, place), (7, 0), textcoords="offset points", va="center", fontsize=9, **style)


def name_levels(values: Sequence[float], limits: tuple[float, float], *, width: float = 0.16) -> list[int]:
    """Stack the names of neighbouring marks so that they do not overlap.

    Parameters
    ----------
    values : sequence of float
        Places of the marks, ascending.
    limits : (float, float)
        Ends of the axis.
    width : float
        Width of a name as a share of the axis, dimensionless.

    Returns
    -------
    list of int
        Line of each name, 0 next to the axis: the lowest that no near name has.
    """
    reach = width * (limits[1] - limits[0])
    levels: list[int] = []
    for value in values:
        taken = {level for level, other in zip(levels, values, strict=False) if value - other < reach}
        levels.append(next(level for level in range(len(levels) + 1) if level not in taken))
    return levels


def _whole_range(sample: Sample, expected: ExpectedMu) -> tuple[float, float]:
    values = sample.values if sample.values.size else np.zeros(1)
    low, high = (float(v) for v in np.percentile(values, (0.02, 99.98)))
    known = [float(e["mu_per_cm"]) for e in expected.values() if is_number(e.get("mu_per_cm"))]
    inside = [mu for mu in known if mu <= 2 * max(high, 1e-6)]
    low, high = min([low, *inside]), max([high, *inside])
    margin = 0.03 * (high - low) or 0.5
    return low - margin, high + margin


def _mark_expected(axes: "Axes", expected: ExpectedMu, limits: tuple[float, float]) -> None:
    """Mark each expected µ by a line, its range by a band, its name above in steps so that names stay apart."""
    known = sorted((float(e["mu_per_cm"]), name, e) for name, e in expected.items() if is_number(e.get("mu_per_cm")))
    known = [(mu, name, entry) for mu, name, entry in known if limits[0] <= mu <= limits[1]]
    levels = name_levels([mu for mu, _, _ in known], limits, width=0.25)
    for level, (mu, name, entry) in zip(levels, known, strict=True):
        axes.axvline(mu, color=INK, linewidth=0.9, linestyle="--")
        if is_number(entry.get("low")) and is_number(entry.get("high")):
            axes.axvspan(entry["low"], entry["high"], color=INK, alpha=0.12, linewidth=0)
        axes.annotate(
            f"{name} {mu:.3g}", (mu, 1), (0, 3 + 11 * level), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="center", va="bottom", fontsize=8, annotation_clip=False,
        )  # fmt: skip

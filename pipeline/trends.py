"""Trends: one number of several runs, with its standard deviation."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .charts import EXPECTED_COLOUR, MEASURED_COLOUR
from .figures import INK, new_figure
from .quantities import is_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Points = Sequence[tuple[float | None, float | None]]
"""Value and standard deviation of each run; None where not measured."""

STYLES = ((MEASURED_COLOUR, "o", "-"), (EXPECTED_COLOUR, "s", "--"))


def trend_figure(places: Sequence[float], lines: Mapping[str, Points], *, across: str, label: str) -> "Figure":
    """Draw one or two numbers over the runs or the charge.

    Parameters
    ----------
    places : sequence of float
        Place of each run along the axis.
    lines : mapping
        Name to points, at most two.
    across : str
        What the axis along holds, with its unit.
    label : str
        What the axis up holds, with its unit.

    Returns
    -------
    matplotlib.figure.Figure
        Points with whiskers of one standard deviation; runs without a value have no point.
    """
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(3.0)
    axes = figure.add_subplot()
    for (name, points), (colour, marker, style) in zip(lines.items(), STYLES, strict=False):
        known = sorted(
            (x, v, s if is_number(s) else 0.0) for x, (v, s) in zip(places, points, strict=True) if is_number(v)
        )
        x, values, stds = zip(*known, strict=True)
        axes.errorbar(
            x,
            values,
            yerr=stds,
            color=colour,
            marker=marker,
            linestyle=style,
            capsize=3,
            markeredgecolor=INK,
            label=name,
        )
    if len(lines) > 1:
        figure.legend(loc="outside upper center", ncols=2, frameon=False)
    axes.set(xlabel=across, ylabel=label)
    if all(float(place).is_integer() for place in places):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.08, y=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    return figure

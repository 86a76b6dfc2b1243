"""The charts that respond to the pointer: plotly's data, and its library packed to fit into one page."""

import base64
import gzip
import importlib.resources
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .charts import EXPECTED_COLOUR, MEASURED_COLOUR, name_levels, phase_shares, thickness_shares
from .figures import INK, ExpectedMu, thickness_limits
from .overview import Sample
from .quantities import is_number

MOST_COLUMNS = 300
MOST_BINS = 6000
HEIGHT_PX = 430


@cache
def packed_library() -> str:
    """Return plotly's JavaScript, compressed and as text.

    Returns
    -------
    str
        Base64 of its gzip: 2 MB instead of 4.8.
    """
    library = importlib.resources.files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()
    return base64.b64encode(gzip.compress(library, 9, mtime=0)).decode()


def thickness_chart(
    map_um: NDArray[Any], *, voxel_um: tuple[float, float], name: str = "lithium", label: str = "lithium thickness (µm)"
) -> str:
    """Describe the thickness map, or another map of columns, for plotly.

    Parameters
    ----------
    map_um : (n_y, n_x) array
        Thickness in µm; NaN where not measured. More than 300 columns a side are averaged in blocks.
    voxel_um : (float, float)
        Size of a column along y and x, in µm.
    name : str
        What the pointer reads.
    label : str
        What the map holds, with its unit.

    Returns
    -------
    str
        JSON of data and layout.
    """
    factor = max(1, -(-max(map_um.shape) // MOST_COLUMNS))
    values = _block_mean(map_um, factor)
    y, x = (factor * v * (np.arange(n) + 0.5) for v, n in zip(voxel_um, values.shape, strict=True))
    low, high = thickness_limits(map_um)
    trace = {
        "type": "heatmap", "z": _packed(values), "x": _packed(x), "y": _packed(y),
        "colorscale": "Cividis", "zmin": low, "zmax": high, "hoverongaps": False,
        "hovertemplate": f"x %{{x:.0f}} µm, y %{{y:.0f}} µm<br>{name} %{{z:.1f}} µm<extra></extra>",
        "colorbar": {"title": {"text": label, "side": "right"}, "thickness": 14},
    }  # fmt: skip
    axes = {
        "xaxis": {"title": {"text": "x (µm)"}, "constrain": "domain", "showgrid": False, "zeroline": False},
        "yaxis": {
            "title": {"text": "y (µm)"}, "scaleanchor": "x", "constrain": "domain", "autorange": "reversed",
            "showgrid": False, "zeroline": False,
        },
        "plot_bgcolor": "#e6e6e6",
    }  # fmt: skip
    return _chart([trace], axes)


def thickness_histogram_chart(map_um: NDArray[Any], marks_um: Mapping[str, Any]) -> str:
    """Describe the histogram of thickness for plotly.

    Parameters
    ----------
    map_um : (n_y, n_x) array
        Thickness in µm; NaN where not measured.
    marks_um : mapping
        Name to thickness in µm of what is to be marked; null ones are left out.

    Returns
    -------
    str
        JSON of data and layout.
    """
    edges, share = thickness_shares(map_um)
    trace = _bars(edges, share, "columns", MEASURED_COLOUR, "%{x:.1f} µm: %{y:.2f} % of columns")
    marks = [
        (value, name, EXPECTED_COLOUR if name == "expected" else INK)
        for name, value in marks_um.items()
        if is_number(value)
    ]
    layout = {
        "xaxis": {"title": {"text": "lithium thickness (µm)"}},
        "yaxis": {"title": {"text": "share of columns (%)"}},
        **_lines(marks, (float(edges[0]), float(edges[-1]))),
    }
    return _chart([trace], layout)


def histogram_chart(sample: Sample, *, expected: ExpectedMu, limits: tuple[float, float]) -> str:
    """Describe the grey values of a scan for plotly, opening on the slices' window.

    Parameters
    ----------
    sample : Sample
        Voxels of the scan.
    expected : mapping
        Expected µ of the phases, in cm^-1.
    limits : (float, float)
        Range of µ to open on, in cm^-1; zooming out shows all.

    Returns
    -------
    str
        JSON of data and layout.
    """
    values = sample.values if sample.values.size else np.zeros(1)
    low, high = (float(v) for v in np.percentile(values, (0.02, 99.98)))
    bins = min(max(round(200 * (high - low) / (limits[1] - limits[0])), 100), MOST_BINS)
    shares = phase_shares(sample, (low, max(high, low + 1e-6)), bins=bins)
    traces = [
        _bars(edges, share, name, colour, name + " %{x:.2f} cm⁻¹: %{y:.3f} %") for name, colour, edges, share in shares
    ]
    window = [s[(limits[0] <= e[:-1]) & (e[1:] <= limits[1])].max(initial=0) for *_, e, s in shares]
    known = [(e["mu_per_cm"], name, INK) for name, e in expected.items() if is_number(e.get("mu_per_cm"))]
    layout = {
        "xaxis": {"title": {"text": "µ (cm⁻¹)"}, "range": list(limits)},
        "yaxis": {"title": {"text": "share of voxels (%)"}, "range": [0, 1.15 * float(max(window, default=0)) or 1]},
        "legend": {"orientation": "h", "y": -0.25},
        **_lines(known, limits),
    }
    return _chart(traces, layout)


def _block_mean(values: NDArray[Any], factor: int) -> NDArray[Any]:
    """Mean over squares, of the measured columns in each; NaN where there is none."""
    if factor == 1:
        return values
    padded = np.pad(values, [(0, -n % factor) for n in values.shape], constant_values=np.nan)
    ny, nx = (n // factor for n in padded.shape)
    squares = padded.reshape(ny, factor, nx, factor).astype(np.float64)
    count = np.isfinite(squares).sum((1, 3))
    total = np.nansum(squares, (1, 3))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _bars(edges: NDArray[Any], share: NDArray[Any], name: str, colour: str, hover: str) -> dict[str, Any]:
    middles = (edges[:-1] + edges[1:]) / 2
    filled = np.flatnonzero(share)
    return {
        "type": "bar", "x": _packed(middles[filled]), "y": _packed(share[filled]), "name": name,
        "marker": {"color": colour, "line": {"width": 0}}, "opacity": 0.75,
        "hovertemplate": hover + "<extra></extra>", "width": float(edges[1] - edges[0]),
    }  # fmt: skip


def _lines(marks: list[tuple[float, str, str]], limits: tuple[float, float]) -> dict[str, Any]:
    """Shapes and names of vertical lines at (place, name, colour)."""
    marks = sorted(marks)
    levels = name_levels([x for x, _, _ in marks], limits)
    shapes = [
        {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper",
         "line": {"color": colour, "width": 1.5, "dash": "dash"}}
        for x, _, colour in marks
    ]  # fmt: skip
    names = [
        {"x": x, "y": 1, "yref": "paper", "text": name, "showarrow": False, "yanchor": "bottom",
         "yshift": 13 * level, "font": {"color": colour, "size": 12}}
        for level, (x, name, colour) in zip(levels, marks, strict=True)
    ]  # fmt: skip
    return {"shapes": shapes, "annotations": names}


def _chart(traces: list[dict[str, Any]], layout: dict[str, Any]) -> str:
    """JSON that may stand inside a script element: a closing tag in a name cannot end it."""
    common: dict[str, Any] = {
        "height": HEIGHT_PX, "paper_bgcolor": "white", "plot_bgcolor": "white",
        "margin": {"l": 60, "r": 10, "t": 50, "b": 50}, "font": {"family": "system-ui, sans-serif", "color": INK},
    }  # fmt: skip
    if all(trace["type"] == "bar" for trace in traces):
        common |= {"barmode": "overlay", "bargap": 0}
    text = json.dumps({"data": traces, "layout": {**common, **layout}}, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _packed(values: NDArray[Any]) -> dict[str, str]:
    """Numbers as plotly.js reads them from base64; NaN passes, as JSON would not let it."""
    packed = {"dtype": "f4", "bdata": base64.b64encode(values.astype("<f4").tobytes()).decode()}
    return packed if values.ndim == 1 else {**packed, "shape": ", ".join(map(str, values.shape))}

"""Pictures of a cell: slices with scale bar and phases, the thickness map; units on every axis."""

import io
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..materials.phases import COLOURS, Phase
from .overview import Sample, Slice
from .quantities import is_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 144
WIDTH_IN = 4.6
MU_LABEL = "µ (cm⁻¹)"
THICKNESS_COLOURS = "cividis"
INK = "#1a1a1a"
UNMEASURED: Mapping[str, Any] = MappingProxyType({"facecolor": "#e6e6e6", "hatch": "////", "edgecolor": "#b3b3b3"})
"""How the ground is drawn where there is no value."""

ExpectedMu = Mapping[str, Mapping[str, Any]]
"""Phase name to {"mu_per_cm", "low", "high"}, in cm^-1."""


def figure_bytes(figure: "Figure", form: Literal["png", "webp"] = "png") -> bytes:
    """Draw a figure as the content of an image file.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What to draw.
    form : {"png", "webp"}
        File format; both are lossless, and noisy slices take half the size as WebP.

    Returns
    -------
    bytes
        Content of the file.
    """
    options: dict[str, Any] = {"pil_kwargs": {"lossless": True, "method": 4}} if form == "webp" else {}
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, facecolor="white", **options)
    return buffer.getvalue()


def grey_limits(samples: Sequence[Sample], expected: Sequence[ExpectedMu]) -> tuple[float, float]:
    """Choose one grey window for all scans of a cell, in which lithium, gas and carbon differ.

    Parameters
    ----------
    samples : sequence of Sample
        Voxels of each scan.
    expected : sequence of mapping
        Expected µ of each scan's phases. The window ends at twice the largest µ of void, lithium, carbon and
        casing, so that electrolyte and collector may be brighter than white.

    Returns
    -------
    (float, float)
        Black and white, in cm^-1; percentiles 1 and 99 where no µ is expected.
    """
    values = np.concatenate([s.values for s in samples]) if samples else np.zeros(1)
    values = values if values.size else np.zeros(1)
    low, high = (float(v) for v in np.percentile(values, (1, 99)))
    soft = ("void", "lithium", "carbon", "casing")
    known = [e[n]["mu_per_cm"] for e in expected for n in soft if n in e and is_number(e[n].get("mu_per_cm"))]
    if known:
        high = min(high, 2 * max(known))
        low = min(max(low, -high / 2), 0.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def slice_figure(plane: Slice, *, limits: tuple[float, float], title: str = "", phases: bool = False) -> "Figure":
    """Draw one slice in grey with a scale bar, its phases over it if asked.

    Parameters
    ----------
    plane : Slice
        µ in cm^-1, with scale.
    limits : (float, float)
        Black and white, in cm^-1.
    title : str
        Title above.
    phases : bool
        Lay the labels over the grey values, with their legend instead of a colour bar.

    Returns
    -------
    matplotlib.figure.Figure
        Axes in µm, µ in cm^-1.
    """
    has_legend = phases and plane.labels is not None
    figure, axes, extent = _plane_axes(plane, title=title, has_legend=has_legend)
    image = axes.imshow(plane.values, cmap="gray", vmin=limits[0], vmax=limits[1], extent=extent)
    if plane.labels is not None and has_legend:
        axes.imshow(_overlay(plane.labels), extent=extent, interpolation="nearest")
        _phase_legend(figure, plane.labels)
    else:
        _colour_bar(figure, axes, image, MU_LABEL, _extend(plane.values, limits))
    return figure


def fraction_figure(plane: Slice) -> "Figure":
    """Draw one slice of the share of lithium.

    Parameters
    ----------
    plane : Slice
        Shares, dimensionless, 1 = all; noise may pass both ends.

    Returns
    -------
    matplotlib.figure.Figure
        Axes in µm, with a colour bar from 0 to 1.
    """
    figure, axes, extent = _plane_axes(plane)
    axes.patch.set(**UNMEASURED)
    image = axes.imshow(plane.values, cmap=THICKNESS_COLOURS, vmin=0, vmax=1, extent=extent)
    _colour_bar(figure, axes, image, "lithium (1 = all)", _extend(plane.values, (0, 1)))
    return figure


def thickness_figure(
    map_um: NDArray[Any], *, voxel_um: tuple[float, float], label: str = "lithium thickness (µm)"
) -> "Figure":
    """Draw the thickness of the lithium over the electrode, or another map of columns.

    Parameters
    ----------
    map_um : (n_y, n_x) array
        Thickness of each column in µm; NaN where it was not measured.
    voxel_um : (float, float)
        Size of a column along y and x, in µm.
    label : str
        What the map holds, with its unit.

    Returns
    -------
    matplotlib.figure.Figure
        With a colour bar in µm; columns that were not measured are hatched.
    """
    height_um, width_um = (n * v for n, v in zip(map_um.shape, voxel_um, strict=True))
    figure, axes = _image_axes(height_um / width_um)
    axes.patch.set(**UNMEASURED)
    low, high = thickness_limits(map_um)
    extent = (0.0, width_um, height_um, 0.0)
    options: dict[str, Any] = {"extent": extent, "interpolation": "nearest", "cmap": THICKNESS_COLOURS}
    image = axes.imshow(map_um, vmin=low, vmax=high, **options)
    _colour_bar(figure, axes, image, label, _extend(map_um, (low, high)))
    _scale_bar(axes, width_um, height_um)
    axes.set(xlabel="x (µm)", ylabel="y (µm)")
    return figure


def thickness_limits(map_um: NDArray[Any]) -> tuple[float, float]:
    """Return the ends of the colour bar: zero (or the least value, if negative) to the 99.5th percentile.

    Parameters
    ----------
    map_um : (n_y, n_x) array
        Thickness in µm; NaN where not measured.

    Returns
    -------
    (float, float)
        In µm.
    """
    finite = map_um[np.isfinite(map_um)]
    if not finite.size:
        return 0.0, 1.0
    low, high = min(0.0, float(np.percentile(finite, 0.5))), float(np.percentile(finite, 99.5))
    return low, high if high > low else low + 1.0


def new_figure(
    height_in: float, *, width_in: float = WIDTH_IN, layout: Literal["constrained"] | None = "constrained"
) -> "Figure":
    """Return an empty figure that belongs to no window and no global state.

    Parameters
    ----------
    height_in : float
        Height in inches.
    width_in : float
        Width in inches.
    layout : {"constrained", None}
        Whether matplotlib keeps the axes free of overlaps.

    Returns
    -------
    matplotlib.figure.Figure
        Of 144 pixels per inch.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def _plane_axes(
    plane: Slice, *, title: str = "", has_legend: bool = False
) -> tuple["Figure", "Axes", tuple[float, float, float, float]]:
    """Figure and axes of a slice, with scale bar, and the extent of its image in µm."""
    height_um, width_um = (n * v for n, v in zip(plane.values.shape, plane.voxel_um, strict=True))
    figure, axes = _image_axes(height_um / width_um, title=title, has_legend=has_legend)
    axes.set(xlabel=f"{plane.across[1]} (µm)", ylabel=f"{plane.across[0]} (µm)")
    _scale_bar(axes, width_um, height_um)
    return figure, axes, (0.0, width_um, height_um, 0.0)


def _image_axes(ratio: float, *, title: str = "", has_legend: bool = False) -> tuple["Figure", "Axes"]:
    """Figure around an image of the given height over width, with room for names, colour bar and legend."""
    width, left, right = WIDTH_IN, 0.62, 0.95
    top, bottom = 0.4 if title else 0.12, 1.0 if has_legend else 0.52
    inner = width - left - right
    height = min(max(inner * ratio, 1.15), 2 * inner)
    whole = top + height + bottom
    figure = new_figure(whole, layout=None)
    axes = figure.add_axes((left / width, bottom / whole, inner / width, height / whole))
    axes.set_title(title)
    return figure, axes


def _colour_bar(figure: "Figure", axes: "Axes", image: Any, label: str, extend: str) -> None:
    """Set a colour bar beside the image, of its height, with arrows where values lie beyond its ends."""
    place = axes.inset_axes((1.04, 0.0, 0.045, 1.0))
    bar = figure.colorbar(image, cax=place, extend=extend, extendfrac=0.04)
    bar.set_label(label)


def _extend(values: NDArray[Any], limits: tuple[float, float]) -> str:
    below, above = bool((values < limits[0]).any()), bool((values > limits[1]).any())  # NaN is neither
    return {(True, True): "both", (True, False): "min", (False, True): "max"}.get((below, above), "neither")


def _overlay(labels: NDArray[Any]) -> NDArray[Any]:
    """(rows, columns, 4) colours: phases nearly opaque, outside and unlabelled voxels clear."""
    table = np.zeros((256, 4))
    for phase, colour in COLOURS.items():
        if phase != Phase.OUTSIDE:
            table[phase] = [*(byte / 255 for byte in bytes.fromhex(colour[1:])), 0.75]
    return table[labels]


def _phase_legend(figure: "Figure", labels: NDArray[Any]) -> None:
    from matplotlib.patches import Patch

    present = [phase for phase in Phase if phase != Phase.OUTSIDE and (labels == phase).any()]
    patches = [Patch(facecolor=COLOURS[p], edgecolor=INK, linewidth=0.5, label=p.name.lower()) for p in present]
    if patches:
        figure.legend(handles=patches, loc="lower center", ncols=3, frameon=False)


def _scale_bar(axes: "Axes", width_um: float, height_um: float) -> None:
    """Draw a bar of 1, 2 or 5 times a power of ten, about a quarter of the width, at the lower right."""
    from matplotlib.patheffects import withStroke

    decade = 10 ** math.floor(math.log10(width_um / 4))
    length = max(step * decade for step in (1, 2, 5) if step * decade <= width_um / 4)
    right, base = 0.95 * width_um, height_um - 0.06 * max(height_um, width_um / 3)
    outline = [withStroke(linewidth=4, foreground="black")]
    axes.plot([right - length, right], [base, base], color="white", linewidth=2.5, path_effects=outline)
    axes.annotate(
        f"{length:g} µm",
        (right - length / 2, base),
        (0, 6),
        textcoords="offset points",
        ha="center",
        va="bottom",
        color="white",
        fontsize=9,
        bbox={"facecolor": "black", "alpha": 0.65, "linewidth": 0, "pad": 1.5},
    )

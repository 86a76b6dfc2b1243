"""Pictures of slices and projections as PNG, with scale bar, colour bar and units."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[Any]


def _figure(width: float, height: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    figure.savefig(partial, format="png", dpi=110)
    partial.replace(target)


def save_grey(image: Image, target: Path, *, label: str = "transmission, dimensionless") -> None:
    """Draw one image in grey with a bar that says what grey means.

    Parameters
    ----------
    image : (n_rows, n_cols) array
        Any finite values.
    target : Path
        PNG file.
    label : str
        Quantity and unit.
    """
    height, width = image.shape
    figure = _figure(7, float(np.clip(6 * height / width, 1.5, 8)))
    axes = figure.subplots()
    low, high = np.nanpercentile(image, [0.5, 99.5])
    shown = axes.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest", aspect="auto")
    axes.set(xlabel="column, px", ylabel="row, px")
    figure.colorbar(shown, ax=axes, label=label)
    _save(figure, target)


def save_contact_sheet(slices: Sequence[Image], captions: Sequence[str], target: Path) -> None:
    """Draw slices side by side on one grey scale, each with its caption.

    Parameters
    ----------
    slices : sequence of (n, n) arrays
        One slice a candidate.
    captions : sequence of str
        What stands above each.
    target : Path
        PNG file.
    """
    across = min(4, max(1, len(slices)))
    down = -(-len(slices) // across)
    figure = _figure(3.2 * across, 3.4 * down)
    grid = np.atleast_1d(figure.subplots(down, across)).ravel()
    low, high = np.percentile(np.stack(slices), [1, 99.5])
    for axes, image, caption in zip(grid, slices, captions, strict=False):
        axes.imshow(image, cmap="gray", vmin=low, vmax=high)
        axes.set_title(caption, fontsize=9)
    for axes in grid:
        axes.set_axis_off()
    _save(figure, target)


def save_slices(slices: Image, places: Sequence[int], voxel_um: float, target: Path, *, title: str) -> None:
    """Draw slices of µ with a scale bar and a colour bar.

    Parameters
    ----------
    slices : (n, ny, nx) array
        µ in cm^-1.
    places : sequence of int
        Detector row of each slice.
    voxel_um : float
        Edge of a voxel, in µm.
    target : Path
        PNG file.
    title : str
        What is shown.
    """
    count = len(slices)
    figure = _figure(4.4 * count + 1, 4.8)
    panels = np.atleast_1d(figure.subplots(1, count))
    low, high = np.percentile(slices, [0.5, 99.7])
    length_um = _round_length(0.25 * slices.shape[2] * voxel_um)
    for axes, image, place in zip(panels, slices, places, strict=True):
        shown = axes.imshow(image, cmap="gray", vmin=low, vmax=high)
        axes.set_title(f"row {place}", fontsize=9)
        axes.set_axis_off()
        x, y = 0.04 * image.shape[1], 0.96 * image.shape[0]
        axes.plot([x, x + length_um / voxel_um], [y, y], color="white", linewidth=3)
        axes.text(x, y - 0.02 * image.shape[0], f"{length_um:g} µm", color="white", fontsize=9, va="bottom")
    figure.suptitle(title)
    figure.colorbar(shown, ax=list(panels), label="µ, cm$^{-1}$")
    _save(figure, target)


def _round_length(um: float) -> float:
    """Largest of 1, 2, 5 times a power of ten below a length."""
    power = 10 ** np.floor(np.log10(um))
    return float(max(step for step in (1, 2, 5) if step * power <= um * 1.0001) * power)

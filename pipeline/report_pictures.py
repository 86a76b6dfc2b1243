"""The pictures of a report: each with what it shows in words, for those who cannot see it."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..materials.phases import Phase
from .charts import balance_figure, histogram_figure, thickness_histogram_figure
from .config import Config
from .figures import ExpectedMu, figure_bytes, fraction_figure, slice_figure, thickness_figure
from .overview import Sample, Slice
from .quantities import is_number, number, percent, quantity
from .summary import BalanceRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure


DEPTH_LABEL = "depth in the electrolyte (µm)"


@dataclass(frozen=True)
class Picture:
    """A figure as the page holds it.

    Parameters
    ----------
    webp : str
        Base64 of the WebP image.
    width, height : int
        Size in pixels.
    alt : str
        What it shows, for screen readers.
    caption : str
        Text below it.
    chart : str
        Name of the chart that takes its place where scripts run; empty if there is none.
    """

    webp: str
    width: int
    height: int
    alt: str
    caption: str
    chart: str = ""

    def with_chart(self, name: str) -> "Picture":
        """Name the interactive chart that takes this picture's place.

        Parameters
        ----------
        name : str
            Name of the chart within the page.

        Returns
        -------
        Picture
            The same picture.
        """
        return replace(self, chart=name)


def picture(figure: "Figure", *, alt: str, caption: str) -> Picture:
    """Draw a figure for the page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What to draw.
    alt : str
        What it shows, in words.
    caption : str
        Text below it.

    Returns
    -------
    Picture
        The image with its size.
    """
    image = figure_bytes(figure, "webp")
    width, height = figure.canvas.get_width_height()
    return Picture(base64.b64encode(image).decode(), width, height, alt, caption)


def balance_picture(rows: Sequence[BalanceRow]) -> Picture:
    """Draw the balance.

    Parameters
    ----------
    rows : sequence of BalanceRow
        As `summary.balance_rows` gives them.

    Returns
    -------
    Picture
        Bars with standard deviations.
    """
    words = "; ".join(f"{row.name}: {quantity(row.value, row.std, 'µm')}" for row in rows)
    truth = ", diamonds the truth of the simulated cell" if any(is_number(r.truth) for r in rows) else ""
    caption = f"Lithium as a layer over the electrode area in view. Whiskers: one standard deviation{truth}."
    return picture(balance_figure(rows), alt=f"Bars of the lithium balance. {words}.", caption=caption)


def slice_pictures(slices: Sequence[Slice], scan: str, *, limits: tuple[float, float]) -> list[Picture]:
    """Draw the slices of a scan in grey.

    Parameters
    ----------
    slices : sequence of Slice
        Planes with scale.
    scan : str
        Name of the scan.
    limits : (float, float)
        Black and white, in cm^-1.

    Returns
    -------
    list of Picture
        One a slice.
    """
    window = f"{number(limits[0])} to {number(limits[1])} cm⁻¹"
    return [
        picture(
            slice_figure(plane, limits=limits),
            alt=f"{_where(plane)} through the {scan} scan, {_size(plane)}, µ in grey from {window}.",
            caption=f"{_where(plane)}, {scan}",
        )
        for plane in slices
    ]


def phase_pictures(slices: Sequence[Slice], *, limits: tuple[float, float]) -> list[Picture]:
    """Draw the phases over the slices.

    Parameters
    ----------
    slices : sequence of Slice
        Planes with labels; those without are left out.
    limits : (float, float)
        Black and white of the grey values below, in cm^-1.

    Returns
    -------
    list of Picture
        One a slice.
    """
    return [
        picture(
            slice_figure(plane, limits=limits, phases=True),
            alt=f"{_where(plane)} with its phases in colour, {_size(plane)}. Shares: {_shares(plane.labels)}.",
            caption=f"{_where(plane)}, phases over grey values",
        )
        for plane in slices
        if plane.labels is not None
    ]


def fraction_pictures(slices: Sequence[Slice]) -> list[Picture]:
    """Draw the share of lithium in each voxel.

    Parameters
    ----------
    slices : sequence of Slice
        Shares, dimensionless, 1 = all.

    Returns
    -------
    list of Picture
        One a slice.
    """
    return [
        picture(
            fraction_figure(plane),
            alt=f"{_where(plane)}, {_size(plane)}: share of lithium in each voxel, "
            f"{percent(_mean(plane.values))} on average.",
            caption=f"{_where(plane)}, share of lithium in each voxel",
        )
        for plane in slices
    ]


def thickness_pictures(
    map_um: NDArray[Any], *, voxel_um: tuple[float, float], marks_um: Mapping[str, Any]
) -> list[Picture]:
    """Draw map and histogram of the thickness.

    Parameters
    ----------
    map_um : (n_y, n_x) array
        Thickness in µm; NaN where not measured.
    voxel_um : (float, float)
        Size of a column along y and x, in µm.
    marks_um : mapping
        "mean" and "expected" thickness in µm; null ones are left out.

    Returns
    -------
    list of Picture
        The map and the histogram.
    """
    finite = map_um[np.isfinite(map_um)]
    low, middle, high = np.percentile(finite, (5, 50, 95)) if finite.size else (np.nan,) * 3
    spread = f"median {number(middle)} µm, 5th to 95th percentile {number(low)} to {number(high)} µm"
    measured = f"{percent(finite.size / max(map_um.size, 1))} of the columns were measured"
    histogram = thickness_histogram_figure(map_um, mean_um=marks_um.get("mean"), expected_um=marks_um.get("expected"))
    return [
        picture(
            thickness_figure(map_um, voxel_um=voxel_um),
            alt=f"Map of the lithium thickness over the electrode: {spread}; {measured}.",
            caption="Thickness of the lithium over the electrode; grey: not measured.",
        ),
        picture(
            histogram,
            alt=f"Histogram of the lithium thickness: {spread}.",
            caption="How often each thickness occurs; bare columns count as zero.",
        ),
    ]


def depth_picture(map_um: NDArray[Any], *, voxel_um: tuple[float, float]) -> Picture:
    """Draw how deep lithium stands in the electrolyte.

    Parameters
    ----------
    map_um : (n_y, n_x) array
        Depth in µm; NaN where not measured.
    voxel_um : (float, float)
        Size of a column along y and x, in µm.

    Returns
    -------
    Picture
        The map.
    """
    finite = map_um[np.isfinite(map_um)]
    deepest = f"deepest {number(float(finite.max()))} µm" if finite.size else "nothing was measured"
    share = percent(float((finite > 0).mean())) if finite.size else "none"
    return picture(
        thickness_figure(map_um, voxel_um=voxel_um, label=DEPTH_LABEL),
        alt=f"Map of the depth of lithium in the electrolyte: {deepest}, lithium in {share} of the columns.",
        caption=f"Depth to which lithium stands in the electrolyte, {deepest}; grey: not measured.",
    )


def attenuation_picture(config: Config) -> Picture:
    """Draw µ over energy for the materials of a run.

    Parameters
    ----------
    config : Config
        Names materials, gases and beam.

    Returns
    -------
    Picture
        Curves, with the beam behind.
    """
    from .attenuation_chart import attenuation_figure, attenuation_words

    return picture(
        attenuation_figure(config),
        alt=f"µ over photon energy. At 17.5 keV in cm⁻¹: {attenuation_words(config, 17.5)}.",
        caption="µ over photon energy from tables; grey: the beam as the detector weighs it.",
    )


def histogram_picture(sample: Sample, scan: str, *, expected: ExpectedMu, limits: tuple[float, float]) -> Picture:
    """Draw the grey values of a scan.

    Parameters
    ----------
    sample : Sample
        Voxels of the scan.
    scan : str
        Name of the scan.
    expected : mapping
        Expected µ of the phases, in cm^-1.
    limits : (float, float)
        The slices' grey window, in cm^-1.

    Returns
    -------
    Picture
        Shares by phase, the expected µ marked.
    """
    values = sample.values if sample.values.size else np.zeros(1)
    low, middle, high = np.percentile(values, (1, 50, 99))
    marks = [
        f"{name} at {quantity(e.get('mu_per_cm'), unit='cm⁻¹')}"
        for name, e in expected.items()
        if is_number(e.get("mu_per_cm"))
    ]
    marked = f" Expected: {', '.join(marks)}." if marks else ""
    drawn = "all voxels" if sample.share >= 1 else f"a sample of {percent(sample.share)} of the voxels"
    return picture(
        histogram_figure(sample, expected=expected, limits=limits),
        alt=f"Histogram of µ in the {scan} scan: median {number(middle)}, percentiles 1 and 99 {number(low)} "
        f"and {number(high)} cm⁻¹.{marked}",
        caption=f"Grey values of {drawn} inside the cell; dashed: expected µ, shaded: its range.",
    )


def _mean(values: NDArray[Any]) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else None


def _where(plane: Slice) -> str:
    return f"Slice across {plane.axis} at {number(plane.position_um)} µm"


def _size(plane: Slice) -> str:
    height, width = (n * v for n, v in zip(plane.values.shape, plane.voxel_um, strict=True))
    return f"{number(width)} by {number(height)} µm"


def _shares(labels: NDArray[Any] | None) -> str:
    if labels is None or not labels.size:
        return "none"
    inside = max(int((labels != Phase.OUTSIDE).sum()), 1)
    shares = {p.name.lower(): float((labels == p).sum()) / inside for p in Phase if p != Phase.OUTSIDE}
    return ", ".join(f"{name} {percent(share)}" for name, share in shares.items() if share) or "none"

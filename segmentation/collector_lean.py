"""What a leaning or rough collector does to its surface as rays see it: they end at its highest point, not its mean.

A plane that leans by a slope t casts, at the column s of the detector and averaged over all views, a shadow that is
higher than the plane's middle by t 2 / pi times half the chord of the cell at s. Strips of columns therefore see the
surface at heights that grow with their chord, and the height at chord zero is the mean one. Steel is not quite opaque:
rays through less than its attenuation length still pass, so that a chord counts only beyond it.
"""

from dataclasses import replace
from math import hypot

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, to_host
from .surfaces import Surface, collector_surface_from_transmission

STRIPS = 10
CHORD = 0.75
"""Strips reach so far across the radius: beyond, chords are short and the casing's edge is near."""

PASSES_UM = 40.0
PASSES_UM_STD = 20.0
"""Path in a collector through which light still comes, in µm."""

SHARP_PX = 0.85
"""Standard deviation of a plane surface's edge at a detector blur of 0.8 pixels, in rows; beyond, it is rough."""

PER_EXCESS = 1.5
"""A rough surface is seen so many times its excess width too high, at most."""

SIGNIFICANT = 4.0
MIDDLE_CHORD = 0.957
"""Mean half chord over the middle half of the columns, over the radius."""


def upright(surface: Surface, transmission: Array, *, centre_px: float, radius_px: float, voxel_um: float) -> Surface:
    """Return the mean surface of a collector that may lean or be rough.

    Parameters
    ----------
    surface : Surface
        As the mean over the middle columns shows it.
    transmission : (n_rows, n_cols) array
        Transmission, mean over the views, dimensionless.
    centre_px : float
        Column of the axis, pixel-centre index.
    radius_px : float
        Radius of the bore, in pixels.
    voxel_um : float
        Edge of a pixel at the axis, in µm.

    Returns
    -------
    Surface
        Moved by what the lean adds, with the uncertainty that lean and roughness leave; the guard grows with the lean.
    """
    image = np.asarray(to_host(transmission), dtype=np.float64)
    rough = PER_EXCESS * max(edge_std(image, surface, centre_px, radius_px) ** 2 - SHARP_PX**2, 0.0) ** 0.5
    places = centre_px + radius_px * np.linspace(-CHORD, CHORD, STRIPS)
    width = radius_px * CHORD / STRIPS
    heights, chords, sides = [], [], []
    for place in places:
        first, last = round(place - width), round(place + width) + 1
        if first < 0 or last > image.shape[1]:
            continue
        found = collector_surface_from_transmission(image[:, first:last].mean(axis=1), end=surface.end)
        if found is not None:
            heights.append(found.z if surface.end == "low" else -found.z)  # grows towards the light side
            chords.append(float(np.sqrt(max(radius_px**2 - (place - centre_px) ** 2, 0.0))))
            sides.append(float(place - centre_px))
    if len(heights) < STRIPS // 2:
        return replace(surface, std=hypot(surface.std, rough))
    slope, slope_std = _along_chord(np.array(chords), np.array(sides), np.array(heights))
    if slope < SIGNIFICANT * slope_std or slope <= 0:
        return replace(surface, std=hypot(surface.std, rough))
    chord = MIDDLE_CHORD * radius_px
    lift = slope * max(chord - PASSES_UM / voxel_um, 0.0)
    std = hypot(surface.std, slope * PASSES_UM_STD / voxel_um, slope_std * chord, max(rough - lift, 0.0))
    z = surface.z - lift if surface.end == "low" else surface.z + lift
    return replace(surface, z=z, std=std, guard=surface.guard + int(np.ceil(lift)))


def shadow(transmission: Array, surface: Surface) -> tuple[float, float] | None:
    """Return the middle and the half width of the collector's shadow.

    Parameters
    ----------
    transmission : (n_rows, n_cols) array
        Transmission, mean over the views, dimensionless.
    surface : Surface
        Of the collector.

    Returns
    -------
    (centre_px, radius_px) or None
        In columns; None where the shadow leaves the view, or there are no rows inside the collector.
    """
    image = np.asarray(to_host(transmission), dtype=np.float64)
    inside = surface.depth(np.arange(image.shape[0])) > surface.settled
    if image.ndim != 2 or not inside.any():
        return None
    dark = np.flatnonzero(image[inside].mean(axis=0) < 0.5 * (surface.light + surface.dense))
    if dark.size < 4 * STRIPS or dark[0] == 0 or dark[-1] == image.shape[1] - 1:
        return None
    return 0.5 * float(dark[0] + dark[-1]), 0.5 * float(dark[-1] - dark[0] + 1)


def edge_std(transmission: NDArray[np.float64], surface: Surface, centre_px: float, radius_px: float) -> float:
    """Return how wide the edge of a surface is in transmission.

    Parameters
    ----------
    transmission : (n_rows, n_cols) array
        Transmission, mean over the views, dimensionless.
    surface : Surface
        Where it is.
    centre_px, radius_px : float
        Axis and radius of the bore, in columns.

    Returns
    -------
    float
        Standard deviation of the edge, in rows.
    """
    half = 0.5 * radius_px
    columns = slice(max(round(centre_px - half), 0), min(round(centre_px + half) + 1, transmission.shape[1]))
    profile = transmission[:, columns].mean(axis=1)
    share = np.clip((surface.light - profile) / (surface.light - surface.dense), 0.0, 1.0)
    rows = np.arange(share.size - 1) + 0.5
    # Towards the collector the share grows; where it falls the electrolyte lies, beyond a thin film.
    growth = np.diff(share) if surface.end == "high" else -np.diff(share)
    weight = np.maximum(growth, 0.0) * (np.abs(rows - surface.z) < 6)
    if weight.sum() <= 0:
        return 0.0
    mean = float((weight * rows).sum() / weight.sum())
    return float(((weight * (rows - mean) ** 2).sum() / weight.sum()) ** 0.5)


def _along_chord(
    chords: NDArray[np.float64], sides: NDArray[np.float64], heights: NDArray[np.float64]
) -> tuple[float, float]:
    """How heights grow with the chord, and its standard deviation; over half a turn a lean also runs across columns."""
    terms = np.stack([np.ones(chords.size), chords, sides], axis=1)
    if chords.size < 5 or np.linalg.matrix_rank(terms) < 3:
        return 0.0, np.inf
    found, *_ = np.linalg.lstsq(terms, heights, rcond=None)
    residual = heights - terms @ found
    spread = np.linalg.inv(terms.T @ terms)[1, 1]
    return float(found[1]), float((residual @ residual) / (chords.size - 3) * spread) ** 0.5

"""The beam and the detector of one scan: flats, darks, pixels to fill, and what a step must know of the geometry."""

import logging
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..reconstruction import flat_field
from ..reconstruction.artefacts import bad_pixels
from ..reconstruction.detector_blur import Floor, measure_floor, shadow_of
from ..reconstruction.dynamic_flats import flat_model
from ..reconstruction.hardening import Linearisation
from ..scans.geometry import ConeBeam
from ..scans.scan import Frames, Scan
from ..segmentation.surfaces import collector_surface_from_transmission
from .selection import Selection
from .steps import BadPixels, DynamicFlats, GlareFloor, Shifts, Step

log = logging.getLogger(__name__)

Image = NDArray[np.float32]
FRAMES_AT_ONCE = 32
LEAST_FLATS = 3
COLLECTOR_STD = 0.2
"""Standard deviation of what the collector itself lets through, as a share of it: 5 % of its µ behind 4 lengths."""

GLARE_VIEWS = 24
"""Views, evenly spread, in which the floor is measured."""

MOST_FLATS = 48
"""Flats whose changes are looked at; more are thinned out evenly, so that memory stays bounded."""


@dataclass(frozen=True)
class Fields:
    """The beam and the detector of one scan, cut and binned like its projections.

    Parameters
    ----------
    flats : (n_times, n_rows, n_cols) array of float32 or None
        Mean flat of each time, in counts; None where the projections are line integrals.
    positions : (n_times,) array
        Index of the projection that follows each of them.
    dark : (n_rows, n_cols) array of float32
        Mean counts with the shutter closed.
    dead : (n_rows, n_cols) array of bool
        Pixels to be filled from their neighbours.
    floor : (n_rows, n_cols) array of float32
        Transmission of half a count, below which the detector tells nothing.
    views : (n_views,) array
        Index of each selected view in the whole scan.
    columns : tuple of int
        First detector column, and pixels per bin.
    hardening : Linearisation or None
        Map for the step `hardening`.
    jig : float
        Line integral of gas beside the cell that the flats did not see, dimensionless.
    beam : (n_rows, n_cols) array of float32 or None
        Mean beam, in counts, where flats are fitted to each projection.
    modes : (n_modes, n_rows, n_cols) array of float32 or None
        Main ways in which the flats differ from it, as shares.
    shifts : (n_theta, 2) array or None
        Row and column shift of each projection of the whole scan that aligns it, in detector pixels.
    pixel_um : float or None
        Pixel of the selection on the detector, in µm.
    distance_mm : float or None
        Distance from the axis to the detector, in mm; None where the scan does not tell.
    magnification : float
        Size on the detector over size at the axis, dimensionless.
    glare, glare_std : float or None
        Additive floor measured in the shadow of the collector, as a share of the open beam, and its standard deviation;
        None where no step asks for it.
    """

    flats: Image | None
    positions: NDArray[np.int64]
    dark: Image
    dead: NDArray[np.bool_]
    floor: Image
    views: NDArray[np.int64]
    columns: tuple[int, int]
    hardening: Linearisation | None = None
    jig: float = 0.0
    beam: Image | None = None
    modes: Image | None = None
    shifts: NDArray[np.float64] | None = None
    pixel_um: float | None = None
    distance_mm: float | None = None
    magnification: float = 1.0
    glare: float | None = None
    glare_std: float | None = None

    def moves(self, step: Shifts, first_view: int, n_views: int) -> NDArray[np.float64]:
        """Return how far the step `shifts` moves each of some views.

        Parameters
        ----------
        step : Shifts
            Stored shifts, drift, or both.
        first_view : int
            Place of the first one among the selected views.
        n_views : int
            How many.

        Returns
        -------
        (n_views, 2) array
            Rows and columns, in pixels of the selection.
        """
        views = self.views[first_view : first_view + n_views]
        total = np.zeros((len(views), 2))
        if step.stored and self.shifts is not None:
            total += self.shifts[views] / self.columns[1]
        if any(step.drift_px):
            share = views / max(int(self.views[-1]), 1) - 0.5
            total -= share[:, None] * np.asarray(step.drift_px) / self.columns[1]
        return total


def open_fields(scan: Scan, selection: Selection, steps: tuple[Step, ...] = ()) -> Fields:
    """Average the flats and darks of a scan.

    Parameters
    ----------
    scan : Scan
        The raw data.
    selection : Selection
        The part of it that is run.
    steps : tuple of Step
        Steps that read projections; some say how flats and pixels are judged.

    Returns
    -------
    Fields
        Empty of flats where the scan holds line integrals.

    Raises
    ------
    ValueError
        If flats or darks are of another frame size, or the flats are not brighter than the dark.
    """
    size = selection.shape[1:]
    views = np.asarray(selection.views, np.int64)
    columns = (selection.columns[0], selection.bin)
    blank, alive = np.zeros(size, np.float32), np.zeros(size, bool)
    if scan.is_line_integral or scan.flats is None:
        return Fields(None, np.zeros(1, np.int64), blank, alive, blank, views, columns)
    for name, frames in (("flats", scan.flats), ("darks", scan.darks)):
        if frames is not None and frames.shape[1:] != scan.shape[1:]:
            raise ValueError(
                f"{name} are {frames.shape[1:]} pixels and projections {scan.shape[1:]}; crop all to the same "
                "region of the detector"
            )
    if scan.darks is None:
        log.warning("the scan has no darks: a dark of 0 counts is used; give dark_path if the detector has an offset")
    dark = blank if scan.darks is None else _mean(scan.darks, selection, 0, scan.darks.shape[0])
    flats, positions = _mean_flats(scan, selection)
    mean_flat = flats.mean(axis=0, dtype=np.float32)
    limits = next((step for step in steps if isinstance(step, BadPixels)), BadPixels())
    odd = bad_pixels(mean_flat, dark, low=limits.low, high=limits.high, hot=limits.hot)
    dead = flat_field.dead_pixels(mean_flat, dark) | odd
    floor = flat_field.transmission_floor(mean_flat, dark)
    geometry = scan.geometry
    cone = geometry if isinstance(geometry, ConeBeam) else None
    found = Fields(
        flats,
        positions,
        dark,
        np.asarray(dead),
        np.asarray(floor),
        views,
        columns,
        shifts=scan.shifts_px,
        pixel_um=None if geometry.pixel_um is None else geometry.pixel_um * selection.bin,
        distance_mm=None if cone is None else cone.source_detector_mm - cone.source_axis_mm,
        magnification=1.0 if cone is None else cone.magnification,
    )
    dynamic = next((step for step in steps if isinstance(step, DynamicFlats)), None)
    if dynamic is not None:
        found = _with_modes(found, scan.flats, selection, dynamic)
    asks = next((step for step in steps if isinstance(step, GlareFloor) and step.share is None), None)
    return found if asks is None else _with_glare(found, scan, selection, asks)


def _with_glare(fields: Fields, scan: Scan, selection: Selection, step: GlareFloor) -> Fields:
    """Add the floor that is read where the collector lets nothing through."""
    places = np.unique(np.linspace(0, len(selection.views) - 1, GLARE_VIEWS).round().astype(int))
    frames = np.concatenate([selection.read(scan.projections, int(i), int(i) + 1) for i in places])
    flat = fields.flats.mean(axis=0, dtype=np.float32) if fields.flats is not None else fields.dark + 1
    light = flat_field.transmission(frames, flat, fields.dark, dead=fields.dead)
    mean = light.mean(axis=0, dtype=np.float32)
    rows = np.zeros(mean.shape[0], bool)
    if step.rows is not None:
        first, last = ((row - selection.rows[0]) // selection.bin for row in step.rows)
        rows[max(first, 0) : max(last, 0)] = True
    elif (surface := collector_surface_from_transmission(mean)) is not None:
        rows = np.asarray(surface.depth(np.arange(len(rows))) > surface.settled)
    found = _without_collector(measure_floor(light, _middle_of(shadow_of(mean) & rows[:, None])), step)
    log.info("the floor is %.4g +- %.2g of the open beam, from %d pixels", found.level, found.std, found.n_pixels)
    return replace(fields, glare=found.level, glare_std=found.std)


def _middle_of(shadow: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The middle half of a shadow's columns, behind which the collector is thickest."""
    columns = np.flatnonzero(shadow.any(axis=0))
    if columns.size == 0:
        return shadow
    quarter = (columns[-1] - columns[0] + 1) // 4
    inner = np.zeros(shadow.shape[1], bool)
    inner[columns[0] + quarter : columns[-1] + 1 - quarter] = True
    return shadow & inner


def _without_collector(found: Floor, step: GlareFloor) -> Floor:
    """What is left of light in the shadow, without that which the collector itself lets through."""
    own = step.collector_share or 0.0
    level = (found.level - own) / (1 - own)
    return Floor(max(level, 0.0), float(np.hypot(found.std, COLLECTOR_STD * own)), found.n_pixels)


def _with_modes(fields: Fields, flats: Frames, selection: Selection, step: DynamicFlats) -> Fields:
    """Add the main ways in which the flats differ."""
    n_flats = flats.shape[0]
    if n_flats < LEAST_FLATS:
        raise ValueError(
            f"the step dynamic-flats needs {LEAST_FLATS} flats at least, better 20, and the scan has {n_flats}; "
            "leave it out"
        )
    chosen = np.unique(np.linspace(0, n_flats - 1, min(n_flats, MOST_FLATS)).round().astype(int))
    frames = np.concatenate([selection.cut(flats, slice(int(i), int(i) + 1)) for i in chosen])
    modes = None if step.modes is None else min(step.modes, len(chosen) - 1)
    model = flat_model(frames, fields.dark, n_modes=modes)
    log.info("%d ways in which the flats change are fitted to every projection", len(model.modes))
    return replace(fields, beam=np.asarray(model.mean), modes=np.asarray(model.modes))


def _mean_flats(scan: Scan, selection: Selection) -> tuple[Image, NDArray[np.int64]]:
    """Mean flat of each time at which flats were taken."""
    flats = scan.flats
    if flats is None:
        raise ValueError("the scan has no flats; give flat_path")
    positions = scan.flat_positions
    if positions is None or len(positions) != flats.shape[0]:
        return _mean(flats, selection, 0, flats.shape[0])[None], np.zeros(1, np.int64)
    cuts = np.flatnonzero(np.diff(positions)) + 1
    edges = [0, *cuts.tolist(), len(positions)]
    means = [_mean(flats, selection, a, b) for a, b in pairwise(edges)]
    return np.stack(means), np.asarray([positions[a] for a in edges[:-1]], np.int64)


def _mean(frames: Frames, selection: Selection, start: int, stop: int) -> Image:
    total = np.zeros(selection.shape[1:], np.float64)
    for first in range(start, stop, FRAMES_AT_ONCE):
        part = selection.cut(frames, slice(first, min(first + FRAMES_AT_ONCE, stop)))
        total += part.sum(axis=0, dtype=np.float64)
    return (total / max(stop - start, 1)).astype(np.float32)

"""Weigh and filter cone-beam projections, on the rows and columns that a back-projection needs."""

import logging
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..arrays import Array, array_namespace, is_on_gpu, thread_map
from .cone_detector import Beam, Grid, real_rows, rows_reached, straighten
from .cone_weights import covered_arc, is_offset, redundancy_weights
from .filters import padded_length, ramp_response

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ViewFilter:
    """What turns projections into filtered views.

    Parameters
    ----------
    beam : Beam
        Beam and detector.
    weights : (n_theta, n_cols) array of float32
        Angle that each view stands for times the share of each ray, in rad.
    response : (n,) array of float32
        Transfer function of the ramp at the axis, in cm^-1.
    rows : (int, int)
        Rows wanted, on an endless straight detector; the outermost row is repeated beyond the real one.
    columns : (int, int)
        Columns wanted, likewise; beyond the real one projections are 0, filtered ones are not.
    radius_mm : float
        Radius of the field of view.
    """

    beam: Beam
    weights: NDArray[np.float32]
    response: NDArray[np.float32]
    rows: tuple[int, int]
    columns: tuple[int, int]
    radius_mm: float

    @property
    def bytes_per_view(self) -> int:
        """Size of one filtered view."""
        return 4 * (self.rows[1] - self.rows[0]) * (self.columns[1] - self.columns[0])


def view_filter(theta: NDArray[np.float64], beam: Beam, grid: Grid, window: str) -> ViewFilter:
    """Work out weights, filter, rows and columns for a scan and a window of its volume.

    Parameters
    ----------
    theta : (n_theta,) array
        Angles in rad, counted in the direction of `ConeBeam.direction` 1.
    beam : Beam
        Beam and detector.
    grid : Grid
        Voxels and window.
    window : str
        Window on the ramp.

    Returns
    -------
    ViewFilter
        For `filtered_views`.
    """
    arc = covered_arc(theta)
    gamma = np.arctan(beam.across_mm() / beam.source_detector_mm)
    needed = math.pi + 2 * float(np.abs(gamma).max())
    if not arc.is_full and arc.span_rad < needed - 2 * float(arc.width.max()):
        logger.warning(
            "views cover %.1f degrees and a fan of this width needs %.1f: mu is biased away from the axis",
            math.degrees(arc.span_rad),
            math.degrees(needed),
        )
    is_one_sided = arc.is_full and is_offset(gamma)
    radius = beam.radius_mm(is_offset=is_one_sided)
    columns = (-1, beam.n_cols + 1)
    if is_one_sided:
        far = max(beam.centre_px + 0.5, beam.n_cols - 0.5 - beam.centre_px)
        first, last = math.floor(beam.centre_px - far), math.ceil(beam.centre_px + far)
        columns = (min(columns[0], first), max(columns[1], last + 1))
    weights = redundancy_weights(arc, gamma) * arc.width[:, None]
    pixel_at_axis_cm = beam.pixel_mm * beam.source_axis_mm / beam.source_detector_mm / 10
    response = ramp_response(padded_length(columns[1] - columns[0]), window) / pixel_at_axis_cm
    rows = rows_reached(beam, grid, radius)
    return ViewFilter(beam, weights.astype(np.float32), response.astype(np.float32), rows, columns, radius)


def filtered_views(projections: Any, which: slice, views: ViewFilter) -> Array:
    """Weigh and filter some views.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array
        Line integrals, dimensionless; only `which` and the rows needed are read.
    which : slice
        Views wanted.
    views : ViewFilter
        Weights and filter.

    Returns
    -------
    (n, rows, columns) array of float32
        Filtered views, in rad cm^-1, on the rows and columns that `views` names.
    """
    start, stop = real_rows(views.beam, views.rows)
    part = projections[which, start:stop]
    xp = array_namespace(part)
    part = part.astype(xp.float32)
    measured = (max(views.rows[0], start), min(views.rows[1], stop))
    if not views.beam.is_straight:
        measured = views.rows
        part = straighten(part, views.beam, measured, start)
    elif measured[0] >= measured[1]:
        measured = (start, stop)
    else:
        part = part[:, measured[0] - start : measured[1] - start]
    weights = xp.asarray(views.weights[which])[:, None, :]
    part = part * _cosine(xp, views.beam, measured)[None]
    part *= weights
    result = _convolved(xp, part, views)
    if measured != views.rows:
        order = xp.clip(xp.arange(*views.rows) - measured[0], 0, measured[1] - measured[0] - 1)
        result = xp.take(result, order, axis=1)
    return result


def _cosine(xp: Any, beam: Beam, rows: tuple[int, int]) -> Array:
    """Cosine of the angle between each ray and the central one, (rows, n_cols)."""
    u = beam.across_mm()
    v = (np.arange(*rows) - beam.row_px) * beam.pixel_mm
    distance = beam.source_detector_mm
    return xp.asarray(distance / np.sqrt(distance**2 + u**2 + v[:, None] ** 2), dtype=xp.float32)


def _convolved(xp: Any, part: Array, views: ViewFilter) -> Array:
    """Convolve every row with the ramp, on the columns that `views` names."""
    fft: Any = xp.fft if is_on_gpu(part) else scipy.fft  # both keep float32
    n_pad = 2 * (len(views.response) - 1)
    n_wanted, before = views.columns[1] - views.columns[0], -views.columns[0]
    response = xp.asarray(views.response)
    result = xp.empty((*part.shape[:2], n_wanted), dtype=xp.float32)

    def convolve(which: int | slice) -> None:
        spread = fft.irfft(fft.rfft(part[which], n=n_pad, axis=-1) * response, n=n_pad, axis=-1)
        result[which, ..., :before] = spread[..., n_pad - before :]
        result[which, ..., before:] = spread[..., : n_wanted - before]

    if is_on_gpu(part):
        convolve(slice(None))
        return result
    for _ in thread_map(convolve, range(len(part))):
        pass
    return result

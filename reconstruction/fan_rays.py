"""Rays of a fan beam: those that run along one line from both ends, and their sorting into parallel views."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .centre_overlap import Agreement
from .centre_views import Views

VIEWS_COMPARED = 120


@dataclass(frozen=True)
class Fan:
    """Views of the plane of the source, on even angles.

    Parameters
    ----------
    sinograms : (n_rows, n_views, n_cols) array of float32
        Line integrals, cleaned and binned.
    start_rad, step_rad : float
        First angle and the step to the next.
    is_round : bool
        True if the views close a full turn.
    pixels : float
        Distance from source to detector in binned columns.
    """

    sinograms: NDArray[np.float32]
    start_rad: float
    step_rad: float
    is_round: bool
    pixels: float


def even_fan(fine: NDArray[np.float32], views: Views, pixels: float) -> Fan:
    """Interpolate views to even angles, round the whole turn where they cover it.

    Parameters
    ----------
    fine : (n_rows, n_views, n_cols) array of float32
        The sinograms of `views`, or what was made of them.
    views : Views
        Their angles.
    pixels : float
        Distance from source to detector, in binned columns.

    Returns
    -------
    Fan
        On even angles.
    """
    theta, turn = views.theta, 2 * np.pi
    step = float(np.median(np.diff(theta)))
    if views.full_turn:
        n = max(4, round(turn / step))
        wanted = theta[0] + np.arange(n) * turn / n
        ring, fine = np.append(theta, theta[0] + turn), np.concatenate([fine, fine[:, :1]], axis=1)
        step = turn / n
    else:
        n = max(4, round((theta[-1] - theta[0]) / step) + 1)
        wanted, ring = np.linspace(theta[0], theta[-1], n), theta
        step = float(wanted[1] - wanted[0])
    place = np.interp(wanted, ring, np.arange(ring.size))
    before = np.minimum(place.astype(int), ring.size - 2)
    share = (place - before).astype(np.float32)[:, None]
    even = (1 - share) * fine[:, before] + share * fine[:, before + 1]
    return Fan(np.ascontiguousarray(even, dtype=np.float32), float(theta[0]), step, views.full_turn, pixels)


def conjugate_agreement(fan: Fan) -> Agreement:
    """Correlate conjugate rays about every half column.

    Parameters
    ----------
    fan : Fan
        Detail of the views.

    Returns
    -------
    Agreement
        Over centres half a column apart.
    """
    n_columns, n_views = fan.sinograms.shape[2], fan.sinograms.shape[1]
    doubled = np.arange(2, 2 * n_columns - 3)  # twice the centre: mirrored columns are whole
    every = max(1, n_views // VIEWS_COMPARED)
    together, own, partner = _sums(fan.sinograms, doubled, every, fan.step_rad, fan.is_round, fan.pixels)
    power = np.sum(fan.sinograms[:, ::every].astype(np.float64) ** 2, axis=(1, 2))
    tiny = np.finfo(float).tiny
    alive = power > 0
    shared = np.mean(own[:, alive] / np.maximum(power[alive], tiny), axis=1) if alive.any() else own[:, 0]
    rows = together[:, alive] / np.sqrt(np.maximum(own[:, alive] * partner[:, alive], tiny))
    correlation = rows.mean(axis=1) if alive.any() else together[:, 0]
    return Agreement(doubled / 2, np.where(shared > 1e-6, correlation * np.sqrt(np.maximum(shared, 0)), 0.0), shared)


def parallel_views(
    fan: Fan, centres: NDArray[np.float64], theta: NDArray[np.float64], *, n_columns: int, step_px: float
) -> NDArray[np.float32]:
    """Sort the rays of a fan's first row into parallel views, about several centres.

    Parameters
    ----------
    fan : Fan
        The views.
    centres : (n,) array
        Columns taken for the axis, in binned columns.
    theta : (n_theta,) array
        Angles of the parallel views, in rad.
    n_columns : int
        Columns of the parallel views, the axis in their middle.
    step_px : float
        Distance between them, in binned columns as the detector sees the axis.

    Returns
    -------
    (n, n_theta, n_columns) array of float32
        Mean of the two rays along each line, or the one that is measured; 0 where none is.
    """
    frame = (fan.start_rad, fan.step_rad, fan.is_round, fan.pixels)
    return np.stack([_rebinned(fan.sinograms[0], *frame, float(c), theta, n_columns, step_px) for c in centres])


@njit(nogil=True, cache=True)
def _sums(sinograms, doubled, every, step_rad, is_round, pixels):  # type: ignore[no-untyped-def]
    """Sums over conjugate rays for each centre and row: of products, of own squares, of partners' squares."""
    n_rows, n_views, n_columns = sinograms.shape
    together = np.zeros((doubled.size, n_rows))
    own, partner = np.zeros((doubled.size, n_rows)), np.zeros((doubled.size, n_rows))
    half_turn = np.pi / step_rad
    for k in range(doubled.size):
        first, last = max(0, doubled[k] - n_columns + 1), min(n_columns - 1, doubled[k])
        for j in range(first, last + 1):
            lag = half_turn - 2 * np.arctan((j - doubled[k] / 2) / pixels) / step_rad
            mirrored = doubled[k] - j
            for i in range(0, n_views, every):
                place = i + lag
                if is_round:
                    place -= np.floor(place / n_views) * n_views
                else:
                    place -= np.floor(place * step_rad / (2 * np.pi)) * 2 * np.pi / step_rad
                    if place > n_views - 1:
                        continue
                before = int(place)
                share = np.float32(place - before)
                before = before % n_views
                after = before + 1
                if after == n_views:
                    after = 0 if is_round else before
                for row in range(n_rows):
                    a = sinograms[row, i, j]
                    b = (1 - share) * sinograms[row, before, mirrored] + share * sinograms[row, after, mirrored]
                    together[k, row] += a * b
                    own[k, row] += a * a
                    partner[k, row] += b * b
    return together, own, partner


@njit(nogil=True, cache=True)
def _rebinned(sinogram, start, step, is_round, pixels, centre, parallel, n, ratio):  # type: ignore[no-untyped-def]
    """Views of parallel rays: mean of the two rays along each line, or the one that is measured.

    Distances from the axis are counted in binned columns as the detector sees them; the circle of the source
    then has the radius `pixels`.
    """
    n_views, n_columns = sinogram.shape
    result = np.zeros((parallel.size, n), np.float32)
    for m in range(n):
        sine = (m - (n - 1) / 2) * ratio / pixels
        if abs(sine) >= 1:
            continue
        gamma = np.arcsin(sine)
        for k in range(parallel.size):
            total, count = 0.0, 0
            for side in range(2):
                column = centre + (1 - 2 * side) * pixels * np.tan(gamma)
                angle = parallel[k] + (gamma if side == 0 else np.pi - gamma)
                place = (angle - start) / step
                if is_round:
                    place -= np.floor(place / n_views) * n_views
                else:
                    place -= np.floor(place * step / (2 * np.pi)) * 2 * np.pi / step
                left, before = int(np.floor(column)), int(place)
                if left < 0 or left + 1 >= n_columns or (not is_round and before + 1 >= n_views):
                    continue
                before = before % n_views
                after = (before + 1) % n_views
                t, w = column - left, place - int(place)
                total += (1 - w) * ((1 - t) * sinogram[before, left] + t * sinogram[before, left + 1])
                total += w * ((1 - t) * sinogram[after, left] + t * sinogram[after, left + 1])
                count += 1
            if count > 0:
                result[k, m] = total / count
    return result

"""The sinograms of one scan on the rays of another one, between which the object moved."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

NEGLIGIBLE_PX = 0.02
"""A move below this everywhere is left out: interpolation would cost more than it mends."""

ROW_MARGIN = 8
"""Rows on either side that a cubic spline along the rows feels."""

Floats = NDArray[np.float32]


def needed_rows(first: int, stop: int, row_px: float, n_rows: int) -> tuple[int, int]:
    """Return the rows of the other scan from which rows first to stop can be made.

    Parameters
    ----------
    first, stop : int
        Half-open range of rows wanted.
    row_px : float
        Shift along the rows: what is wanted in row r lies in row r + row_px of the other scan.
    n_rows : int
        Rows of the other scan.

    Returns
    -------
    tuple of int
        Half-open range, at least one row, within the other scan.
    """
    if abs(row_px) < NEGLIGIBLE_PX:
        return min(first, n_rows - 1), min(stop, n_rows)
    low = int(np.clip(math.floor(first + row_px) - ROW_MARGIN, 0, n_rows - 1))
    return low, int(np.clip(math.ceil(stop + row_px) + ROW_MARGIN, low + 1, n_rows))


def on_rows(sinograms: Floats, places: NDArray[np.float64]) -> Floats:
    """Interpolate sinograms between rows, by cubic splines.

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) array of float32
        Line integrals, dimensionless.
    places : (n_wanted,) array
        Row of each sinogram that is wanted; those beyond the ends take the last row.

    Returns
    -------
    (n_wanted, n_theta, n_cols) array of float32
        Line integrals.
    """
    n_rows = len(sinograms)
    nearest = np.rint(places)
    if n_rows < 2 or np.abs(places - nearest).max(initial=0.0) < NEGLIGIBLE_PX:
        return sinograms[np.clip(nearest.astype(int), 0, n_rows - 1)]
    coefficients = ndimage.spline_filter1d(sinograms, order=3, axis=0, output=np.float32, mode="mirror")
    held = np.clip(places, 0, n_rows - 1)
    index, weights = _taps(held, n_rows)
    total = np.zeros((len(places), *sinograms.shape[1:]), np.float32)
    for tap in range(4):
        total += weights[tap][:, None, None] * coefficients[index[tap]]
    return total


def on_columns(sinograms: Floats, offset_px: NDArray[np.float64]) -> Floats:
    """Move the columns of every view by its own amount, by cubic splines.

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) array of float32
        Line integrals, dimensionless.
    offset_px : (n_theta,) array
        What is wanted in column j of view i lies in column j + offset_px[i].

    Returns
    -------
    (n_rows, n_theta, n_cols) array of float32
        Line integrals; columns beyond the ends take the last one.
    """
    if np.abs(offset_px).max(initial=0.0) < NEGLIGIBLE_PX:
        return sinograms
    n_cols = sinograms.shape[2]
    coefficients = ndimage.spline_filter1d(sinograms, order=3, axis=2, output=np.float32, mode="mirror")
    result = np.empty_like(sinograms)
    for view, offset in enumerate(offset_px):
        index, weights = _taps(np.clip(np.arange(n_cols) + offset, 0, n_cols - 1), n_cols)
        picked = coefficients[:, view]
        result[:, view] = sum(weights[tap] * picked[:, index[tap]] for tap in range(4))
    return result


def on_angles(
    sinograms: Floats, theta: NDArray[np.float64], wanted: NDArray[np.float64], *, centre_px: float
) -> Floats:
    """Interpolate sinograms between views, by cubic convolution [1]_.

    Views of half a turn go on mirrored about the axis, those of a full turn from its start.

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) array of float32
        Line integrals, dimensionless.
    theta : (n_theta,) array
        Angle of each view in rad, rising or falling evenly.
    wanted : (n_wanted,) array
        Angles wanted, in rad.
    centre_px : float
        Column of the rotation axis, pixel-centre index.

    Returns
    -------
    (n_rows, n_wanted, n_cols) array of float32
        Line integrals at the angles wanted; angles that no view is near take the nearest one.

    Raises
    ------
    ValueError
        If the views are not evenly spaced.

    References
    ----------
    .. [1] Keys, IEEE Trans. Acoust. Speech Signal Process. 29 (1981) 1153.
    """
    n_theta, n_cols = len(theta), sinograms.shape[2]
    reach = max(centre_px, n_cols - 1 - centre_px)
    if len(wanted) == n_theta and np.abs(theta - wanted).max() * reach < NEGLIGIBLE_PX:
        return sinograms
    step = (theta[-1] - theta[0]) / max(n_theta - 1, 1)
    if n_theta < 4 or np.abs(np.diff(theta) - step).max() > 1e-3 * abs(step):
        raise ValueError(
            f"the {n_theta} angles of the scan that has turned are not evenly spaced, so that it cannot be turned back "
            "before the decomposition; set two_gas: {decompose: off}, or scan at even steps"
        )
    place = (wanted - theta[0]) / step
    turn = abs(step) * n_theta
    full, half = (abs(turn - span) < 1.5 * abs(step) for span in (2 * np.pi, np.pi))
    mirrored = None
    if half:
        mirrored = on_columns(sinograms[:, :, ::-1], np.full(n_theta, n_cols - 1 - 2 * centre_px))
    if not (full or half):
        place = np.clip(place, 0, n_theta - 1)
    whole = np.floor(place).astype(int)
    weights = _convolution_weights(place - whole)
    result = np.zeros((len(sinograms), len(wanted), n_cols), np.float32)
    for tap in range(4):
        index = whole + tap - 1
        if not (full or half):
            index = np.clip(index, 0, n_theta - 1)
        turns, inside = np.divmod(index, n_theta)
        views = sinograms[:, inside]
        if mirrored is not None:
            odd = turns % 2 == 1
            views[:, odd] = mirrored[:, inside[odd]]
        result += weights[tap].astype(np.float32)[:, None] * views
    return result


def _convolution_weights(t: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [
        ((-0.5 * t + 1) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1,
        ((-1.5 * t + 2) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    ]


def _taps(place: NDArray[np.float64], n: int) -> tuple[list[NDArray[np.intp]], list[NDArray[np.float32]]]:
    """Indices (mirrored at the ends) and B-spline weights of the four coefficients around each place."""
    whole = np.floor(place).astype(np.intp)
    t = place - whole
    weights = [(1 - t) ** 3 / 6, (3 * t**3 - 6 * t**2 + 4) / 6, (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6, t**3 / 6]
    last = n - 1
    index = [last - np.abs(last - np.abs(whole + tap - 1)) for tap in range(4)]
    return index, [w.astype(np.float32) for w in weights]

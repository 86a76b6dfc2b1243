"""The sinograms of one scan on the rays of another one, between which the object moved."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

NEGLIGIBLE_PX = 0.02
"""A move below this everywhere is left out: interpolation would cost more than it mends."""

MARGIN = 8
"""Rows, or views, on either side that a cubic spline along them feels."""

LEAST_STRENGTH = 5.0
"""Slopes of two scans that agree by less than this many of their standard deviations are noise."""

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
    low = int(np.clip(math.floor(first + row_px) - MARGIN, 0, n_rows - 1))
    return low, int(np.clip(math.ceil(stop + row_px) + MARGIN, low + 1, n_rows))


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
    """Interpolate sinograms between views, by cubic splines.

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
    """
    n_theta, n_cols = len(theta), sinograms.shape[2]
    reach = max(centre_px, n_cols - 1 - centre_px)
    if len(wanted) == n_theta and np.abs(theta - wanted).max() * reach < NEGLIGIBLE_PX:
        return sinograms
    step = (theta[-1] - theta[0]) / max(n_theta - 1, 1)
    if n_theta < MARGIN or np.abs(np.diff(theta) - step).max() > 1e-3 * abs(step):
        raise ValueError(
            f"the {n_theta} angles of the scan that has turned are not evenly spaced, so that it cannot be turned back "
            "before the decomposition; set two_gas: {decompose: off}, or scan at even steps"
        )
    place = (wanted - theta[0]) / step
    turn = abs(step) * n_theta
    full, half = (abs(turn - span) < 1.5 * abs(step) for span in (2 * np.pi, np.pi))
    ends = sinograms
    if half:
        ends = on_columns(sinograms[:, :, ::-1], np.full(n_theta, n_cols - 1 - 2 * centre_px))
    wraps = full or half
    if wraps:
        sinograms = np.concatenate([ends[:, -MARGIN:], sinograms, ends[:, :MARGIN]], axis=1)
        turned = np.floor(place / n_theta) % 2 == 1
        place = place % n_theta + MARGIN
    index, weights = _taps(np.clip(place, 0, sinograms.shape[1] - 1), sinograms.shape[1])
    coefficients = ndimage.spline_filter1d(sinograms, order=3, axis=1, output=np.float32, mode="mirror")
    result = sum(weights[tap][:, None] * coefficients[:, index[tap]] for tap in range(4))
    if half and turned.any():
        result[:, turned] = on_columns(
            np.ascontiguousarray(result[:, turned, ::-1]), np.full(int(turned.sum()), n_cols - 1 - 2 * centre_px)
        )
    return np.asarray(result, np.float32)


@dataclass(frozen=True)
class Offsets:
    """How far the columns of a second scan still lie beside those of a first one: c + x cos(theta) + y sin(theta).

    Parameters
    ----------
    constant_px, x_px, y_px : float
        c, x and y in pixels; c is an error of the axes, x and y one of the move.
    std_px : float
        Standard deviation of c, in pixels, from the views' own scatter.
    """

    constant_px: float = 0.0
    x_px: float = 0.0
    y_px: float = 0.0
    std_px: float = math.inf

    def at(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the offset of each view.

        Parameters
        ----------
        theta : (n_theta,) array
            Angles of the first scan, in rad.

        Returns
        -------
        (n_theta,) array
            In pixels.
        """
        return self.constant_px + self.x_px * np.cos(theta) + self.y_px * np.sin(theta)


def find_offsets(first: Floats, second: Floats, theta: NDArray[np.float64]) -> Offsets:
    """Find the small offsets between sinograms that ought to lie on the same rays, from the slopes of the second.

    In each view the difference of the scans is fitted by a constant, a share of the line integral (another gas, another
    hardening) and a share of its slope along the columns, which is the offset [1]_; rays are weighted with their
    transmission. Over the views the offsets follow a sinusoid and a constant.

    Parameters
    ----------
    first, second : (n_rows, n_theta, n_cols) array of float32
        Line integrals, dimensionless.
    theta : (n_theta,) array
        Angles of the first scan, in rad.

    Returns
    -------
    Offsets
        What is in column j of the first scan lies in column j + offset of the second.

    References
    ----------
    .. [1] Lucas & Kanade, Proc. IJCAI (1981) 674-679.
    """
    values = second[:, :, 1:-1].astype(np.float64)
    slope = 0.5 * (second[:, :, 2:] - second[:, :, :-2]).astype(np.float64)
    miss = first[:, :, 1:-1] - values
    weight = np.exp(-np.clip(values, 0, None))
    basis = [np.ones_like(values), values, slope]
    normal = np.array([[(weight * a * b).sum(axis=(0, 2)) for a in basis] for b in basis]).transpose(2, 0, 1)
    right = np.array([(weight * a * miss).sum(axis=(0, 2)) for a in basis]).T
    if not normal[:, 2, 2].max() > 0:
        return Offsets()
    normal += 1e-9 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(3)
    offsets = np.linalg.solve(normal, right[:, :, None])[:, 2, 0]
    strength = normal[:, 2, 2]
    design = np.stack([np.ones_like(theta), np.cos(theta), np.sin(theta)], axis=1)
    square = design.T @ (strength[:, None] * design)
    found = np.linalg.solve(square + 1e-12 * np.trace(square) * np.eye(3), design.T @ (strength * offsets))
    scatter = np.average((offsets - design @ found) ** 2, weights=strength) * strength.mean()
    std = math.sqrt(max(float(np.linalg.inv(square + 1e-12 * np.trace(square) * np.eye(3))[0, 0] * scatter), 0.0))
    return Offsets(float(found[0]), float(found[1]), float(found[2]), std)


def find_shift(first: Floats, second: Floats, axis: int) -> tuple[float, float]:
    """Find the small shift along the rows, or along the views, between sinograms that ought to lie on the same rays.

    Least squares on slopes [1]_, with the first scan's slopes as instruments of the second's: their noise is not
    shared, so that it does not draw the answer towards nought as it does where slopes are regressors.

    Parameters
    ----------
    first, second : (n_rows, n_theta, n_cols) array of float32
        Line integrals, dimensionless.
    axis : int
        0 for the rows, 1 for the views.

    Returns
    -------
    shift_px, std_px : float
        What is in place i of the first scan lies in place i + shift of the second, in rows or views, with its standard
        deviation from the scatter between parts of the sinograms. Infinite deviation where nothing changes along the
        axis, or there are fewer than 8 places.

    References
    ----------
    .. [1] Wooldridge, Econometric Analysis of Cross Section and Panel Data (2010), chapter 5.
    """
    n = first.shape[axis]
    if n < MARGIN:
        return 0.0, math.inf
    a, b = (np.moveaxis(values, axis, 0).astype(np.float64) for values in (first, second))
    slopes = [0.5 * (values[2:] - values[:-2]) for values in (a, b)]
    miss = (a - b)[1:-1]
    weight = np.exp(-np.clip(0.5 * (a + b)[1:-1], 0, None))
    # Sums over each column of the other two axes: noise is independent from one to the next, and structure nearly so.
    strength = (weight * slopes[0] * slopes[1]).sum(axis=0).ravel()
    pull = (weight * slopes[0] * miss).sum(axis=0).ravel()
    total = float(strength.sum())
    scatter = float(((pull - pull.sum() / total * strength) ** 2).sum()) if total > 0 else 0.0
    if not total > 0 or not total > LEAST_STRENGTH * math.sqrt(float((strength**2).sum())):
        return 0.0, math.inf
    return float(pull.sum()) / total, math.sqrt(scatter) / total


def _taps(place: NDArray[np.float64], n: int) -> tuple[list[NDArray[np.intp]], list[NDArray[np.float32]]]:
    """Indices (mirrored at the ends) and B-spline weights of the four coefficients around each place."""
    whole = np.floor(place).astype(np.intp)
    t = place - whole
    weights = [(1 - t) ** 3 / 6, (3 * t**3 - 6 * t**2 + 4) / 6, (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6, t**3 / 6]
    last = n - 1
    index = [last - np.abs(last - np.abs(whole + tap - 1)) for tap in range(4)]
    return index, [w.astype(np.float32) for w in weights]

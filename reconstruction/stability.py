"""What changes in the course of a scan: the beam, the place of the sample, and the angles that are missing."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d

from .parallel_beam import WIDE_GAP

CUT = 0.02  # line integral at the edges, as a share of the strongest, above which the object is not whole in view
ROUNDS = 6
LEAST_ROWS = 12


def missing_angle_deg(theta: ArrayLike, *, needed_deg: float) -> float:
    """Return how much of the turn no view stands for.

    Parameters
    ----------
    theta : (n_theta,) array
        Angles in rad.
    needed_deg : float
        Angle after which views repeat one another mirrored, in degrees: 180 for parallel rays, 360 for a cone.

    Returns
    -------
    float
        Sum of the gaps that are wider than steps between views, less one step each, in degrees.
    """
    turn = np.deg2rad(needed_deg)
    folded = np.sort(np.mod(np.asarray(theta, np.float64), turn))
    gaps = np.diff(folded, append=folded[0] + turn)
    steps = gaps[gaps > 1e-9]
    step = float(np.median(steps)) if steps.size else turn
    wide = gaps[gaps > WIDE_GAP * step]
    return float(np.rad2deg(np.sum(wide - step)))


def row_drift_px(profiles: NDArray[np.floating]) -> NDArray[np.float64] | None:
    """Follow how far the sample moves along the rows, from the sum of every row.

    The sum of a row's line integrals is the amount of matter in the slice and does not change as the sample
    turns in parallel rays; where it moves, the profile over the rows moves along.

    Parameters
    ----------
    profiles : (n_times, n_rows) array
        Line integrals summed over the columns, at several times.

    Returns
    -------
    (n_times,) array or None
        Place against the first, in rows; None where the profile has no structure to tell it by.
    """
    if profiles.shape[0] < 2 or profiles.shape[1] < LEAST_ROWS or not np.isfinite(profiles).all():
        return None
    smooth = gaussian_filter1d(np.asarray(profiles, np.float64), 1.0, axis=1)
    fine = smooth - gaussian_filter1d(smooth, profiles.shape[1] / 8, axis=1)
    rows, shifts = np.arange(profiles.shape[1]), np.zeros(profiles.shape[0])
    inner = slice(4, -4)
    left_over = model = np.zeros(1)
    for _ in range(ROUNDS):
        moved = np.stack([np.interp(rows + s, rows, f) for s, f in zip(shifts, fine, strict=True)])
        model = moved.mean(axis=0)
        slope = np.gradient(model)[inner]
        power = float(slope @ slope)
        if not power > 0:
            return None
        residual = (moved - model)[:, inner]
        shifts -= residual @ slope / power
        left_over = residual
    if model.var() < 4 * left_over.var():  # noise, not structure, was laid over itself
        return None
    result: NDArray[np.float64] = shifts - shifts[0]
    return result


def column_drift_px(sinogram: NDArray[np.floating], theta: ArrayLike) -> float | None:
    """Return how far the sample moves along the columns in the course of a full turn.

    The centre of mass of a parallel view runs along a sine; a steady drift is what a straight line adds [1]_.

    Parameters
    ----------
    sinogram : (n_theta, n_cols) array
        Line integrals of one row, in the order in which they were taken.
    theta : (n_theta,) array
        Angles in rad.

    Returns
    -------
    float or None
        Columns from the first to the last view; None for less than a full turn, in which a drift and a sine are
        one, and where the object is not whole in view.

    References
    ----------
    .. [1] Natterer, The Mathematics of Computerized Tomography (1986), section II.4: moments of the Radon transform.
    """
    angles = np.asarray(theta, np.float64)
    mean = np.asarray(sinogram, np.float64).mean(axis=0)
    edge = max(abs(float(mean[:3].mean())), abs(float(mean[-3:].mean())))
    if np.ptp(angles) < 1.9 * np.pi or edge > CUT * mean.max():
        return None
    mass = sinogram.sum(axis=1, dtype=np.float64)
    if not mass.min() > 0:
        return None
    place = sinogram @ np.arange(sinogram.shape[1]) / mass
    time = np.linspace(-0.5, 0.5, angles.size)
    design = np.stack([np.ones_like(time), np.cos(angles), np.sin(angles), time], axis=1)
    return float(np.linalg.lstsq(design, place, rcond=None)[0][3])


def flat_stability(flats: NDArray[np.floating], dark: NDArray[np.floating]) -> tuple[float | None, float | None]:
    """Return how much the open beam flickers and how much its profile changes.

    Parameters
    ----------
    flats : (n_flats, n_rows, n_cols) array
        Counts with the sample out, in order of time.
    dark : (n_rows, n_cols) array
        Counts with the shutter closed.

    Returns
    -------
    float or None
        Flicker: standard deviation of the frames' means over their mean; None for one frame.
    float or None
        Change of profile: of what blocks of 16 x 16 pixels change from the first half of the frames to the second
        beyond the mean and the noise, the standard deviation over the mean; None for fewer than four frames.
    """
    beam = np.asarray(flats, np.float64) - dark
    means = beam.mean(axis=(1, 2))
    if len(beam) < 2 or not means.mean() > 0:
        return None, None
    flicker = float(means.std(ddof=1) / means.mean())
    if len(beam) < 4:
        return flicker, None
    scaled = _blocked(beam) / means[:, None, None]
    level = np.maximum(scaled.mean(axis=0), 1e-6)
    half = len(scaled) // 2
    ratio = (scaled[half:].mean(axis=0) - scaled[:half].mean(axis=0)) / level
    noise = (scaled[:half].var(axis=0, ddof=1) + scaled[half:].var(axis=0, ddof=1)) / 2 / level**2
    excess = float(np.mean(ratio**2) - np.mean(noise) * (1 / half + 1 / (len(scaled) - half)))
    return flicker, float(np.sqrt(max(excess, 0.0)))


def _blocked(frames: NDArray[np.float64], size: int = 16) -> NDArray[np.float64]:
    n, n_rows, n_cols = frames.shape
    size = max(1, min(size, n_rows, n_cols))
    cut = frames[:, : n_rows // size * size, : n_cols // size * size]
    result: NDArray[np.float64] = cut.reshape(n, n_rows // size, size, n_cols // size, size).mean(axis=(2, 4))
    return result

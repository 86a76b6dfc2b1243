"""Projections that drifted are moved back, each by its own row and column shift."""

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array, array_namespace

NEGLIGIBLE_PX = 1e-3


def shift_projections(projections: Array, shifts_px: ArrayLike) -> Array:
    """Move every projection by its own shift, with cubic convolution [1]_ and repeated edges.

    A feature at (row, column) of projection i comes out at (row + shifts[i, 0], column + shifts[i, 1]). To undo a drift
    give its negative. Line integrals and transmission may both be moved; move transmission where edges are sharp.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array
        Frames.
    shifts_px : (n_theta, 2) array
        Shift along rows and along columns, in pixels.

    Returns
    -------
    (n_theta, n_rows, n_cols) array of float32
        Moved frames; whole shifts are exact.

    Raises
    ------
    ValueError
        If there is not one finite pair for each projection.

    References
    ----------
    .. [1] Keys, IEEE Trans. Acoust. Speech Signal Process. 29 (1981) 1153, doi:10.1109/TASSP.1981.1163711.
    """
    xp = array_namespace(projections)
    shifts = np.asarray(shifts_px, dtype=np.float64)
    if shifts.shape != (projections.shape[0], 2) or not np.isfinite(shifts).all():
        raise ValueError(
            f"shifts_px is {shifts.shape} for {projections.shape[0]} projections; "
            "give one finite pair (rows, columns) in pixels for each"
        )
    result = projections.astype(xp.float32)
    for i, pair in enumerate(shifts):
        for axis, shift in enumerate(pair):
            if abs(shift) > NEGLIGIBLE_PX:
                result[i] = _moved(result[i], float(shift), axis)
    return result


def _moved(frame: Array, shift: float, axis: int) -> Array:
    """Move one frame along one axis."""
    xp = array_namespace(frame)
    n = frame.shape[axis]
    whole = int(np.floor(-shift))
    t = -shift - whole
    taps = (
        ((-0.5 * t + 1) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1,
        ((-1.5 * t + 2) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )
    total = xp.zeros_like(frame)
    for k, weight in enumerate(taps):
        index = xp.clip(xp.arange(n) + whole + k - 1, 0, n - 1)
        total += np.float32(weight) * xp.take(frame, index, axis=axis)
    return total

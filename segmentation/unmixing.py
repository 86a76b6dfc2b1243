"""Shares of phases in a voxel from its µ in one or two gases: a linear problem wherever attenuation is weak."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array


def unmixing_matrix(levels: NDArray[np.float64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the linear map from measured µ to unconstrained shares that add up to 1.

    Least squares, weighted with the noise of each scan, of `v = levels @ f` under `sum(f) = 1`; nothing is
    clipped, so that sums and means of the shares are free of bias.

    Parameters
    ----------
    levels : (n_scans, n_phases) array
        µ of each pure phase in each scan, in cm^-1; at most one phase more than scans.
    noise : (n_scans,) array
        Standard deviation of µ in each scan, in cm^-1, positive.

    Returns
    -------
    (n_phases, n_scans + 1) array
        Shares are `matrix[:, :-1] @ v + matrix[:, -1]`.

    Raises
    ------
    ValueError
        If there are more phases than the scans can tell apart.
    """
    levels = np.asarray(levels, dtype=np.float64)
    n_scans, n_phases = levels.shape
    if n_phases > n_scans + 1:
        raise ValueError(
            f"{n_phases} phases cannot be unmixed from {n_scans} scan(s); give at most {n_scans + 1} phases"
        )
    last = levels[:, -1]
    weight = 1.0 / np.asarray(noise, dtype=np.float64)
    inverse = np.linalg.pinv((levels[:, :-1] - last[:, None]) * weight[:, None]) * weight[None, :]
    first = np.column_stack([inverse, -inverse @ last])
    rest = -first.sum(axis=0)
    rest[-1] += 1.0
    return np.vstack([first, rest])


def shares(matrix: NDArray[np.float64], volumes: Sequence[Array]) -> list[Array]:
    """Apply an unmixing matrix to volumes.

    Parameters
    ----------
    matrix : (n_phases, n_scans + 1) array
        From `unmixing_matrix`.
    volumes : sequence of n_scans arrays
        µ in cm^-1, all of one shape.

    Returns
    -------
    list of n_phases arrays of float32
        Share of each phase, dimensionless, unconstrained.
    """
    return [
        sum((np.float32(w) * v for w, v in zip(row[:-1], volumes, strict=True)), start=np.float32(row[-1]))
        for row in matrix
    ]

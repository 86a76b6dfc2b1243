"""Reconstruction by iteration, for few views and starved data: SIRT, and least squares under total variation."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array, array_namespace
from ..scans.geometry import Geometry
from .projectors import back, forward

BALANCE = 2.0
"""Step of total variation over that of the misfit: 1 to 3 serve all strengths."""

FLATTEST = 1e-3
"""Voxels that rays hardly meet step as if they met this share of the most."""


def sirt(
    projections: Array,
    theta: ArrayLike,
    geometry: Geometry,
    *,
    iterations: int = 100,
    shape: Sequence[int] | None = None,
    voxel_um: float | None = None,
    start: Array | None = None,
) -> Array:
    """Reconstruct by the simultaneous iterative technique [1]_, rows and columns normalised by their sums [2]_.

    Each step adds C A* R (projections - A volume), with R and C one over the sums of rows and columns of
    A. It tends to the least-squares solution; stopping early keeps noise and fine detail back. µ is not
    clipped at zero.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array
        Line integrals, dimensionless.
    theta : (n_theta,) array
        Angle of each view in rad.
    geometry : ParallelBeam or ConeBeam
        Beam with `pixel_um` and `centre_px`.
    iterations : int
        Number of steps, at least 1.
    shape : (int, int, int), optional
        Slices, lines and columns; by default (n_rows, n_cols, n_cols).
    voxel_um : float, optional
        Side of a voxel in µm; by default that of a pixel, scaled down to the axis.
    start : (z, y, x) array, optional
        µ in cm^-1 to start from; by default 0.

    Returns
    -------
    (z, y, x) array of float32
        µ in cm^-1, on the device of `projections`.

    Raises
    ------
    ValueError
        If sizes, angles and geometry do not fit together, or `iterations` is below 1.

    References
    ----------
    .. [1] Gilbert, Iterative methods for the three-dimensional reconstruction of an object from
       projections, J. Theor. Biol. 36 (1972) 105.
    .. [2] Gregor & Benson, Computational analysis and improvement of SIRT, IEEE Trans. Med. Imaging 27
       (2008) 918.
    """
    xp = array_namespace(projections)
    _check_iterations(iterations)
    values = projections.astype(xp.float32)
    spread = partial(back, theta=theta, geometry=geometry, shape=shape, voxel_um=voxel_um)
    of_columns = _inverse(xp, spread(xp.ones_like(values)))
    volume = xp.zeros_like(of_columns) if start is None else _checked_start(xp, start, of_columns.shape)
    detector = (int(values.shape[1]), int(values.shape[2]))
    project = partial(forward, theta=theta, geometry=geometry, voxel_um=voxel_um, detector=detector)
    of_rows = _inverse(xp, project(xp.ones_like(volume)))
    for _ in range(iterations):
        volume += of_columns * spread(of_rows * (values - project(volume)))
    return volume


def total_variation(
    projections: Array,
    theta: ArrayLike,
    geometry: Geometry,
    *,
    strength_cm: float,
    iterations: int = 200,
    weights: Array | None = None,
    shape: Sequence[int] | None = None,
    voxel_um: float | None = None,
) -> Array:
    """Reconstruct by least squares under total variation, for few views or few photons.

    Minimises 1/2 sum weights (A volume - projections)^2 + strength sum |gradient of volume| by the
    primal-dual iteration of Condat [1]_ and Vu [2]_: one forward and one back projection a step, and
    nothing to tune, as steps follow from sums of A, voxel by voxel [3]_. Flat regions come out flat and
    edges sharp; fine texture is lost, and contrast of small details with it: a volume for segmentation,
    not for sums of µ. µ is not clipped at zero.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array
        Line integrals, dimensionless.
    theta : (n_theta,) array
        Angle of each view in rad.
    geometry : ParallelBeam or ConeBeam
        Beam with `pixel_um` and `centre_px`.
    strength_cm : float
        Weight of the total variation (µ differences between neighbouring voxels, in cm^-1), in cm; 0 is
        plain least squares.
    iterations : int
        Number of steps, at least 1.
    weights : (n_theta, n_rows, n_cols) array, optional
        Inverse variance of each line integral, such as the counts behind the sample; by default 1.
    shape : (int, int, int), optional
        Slices, lines and columns; by default (n_rows, n_cols, n_cols).
    voxel_um : float, optional
        Side of a voxel in µm; by default that of a pixel, scaled down to the axis.

    Returns
    -------
    (z, y, x) array of float32
        µ in cm^-1, on the device of `projections`.

    Raises
    ------
    ValueError
        If sizes, angles and geometry do not fit together, or a parameter is out of its range.

    References
    ----------
    .. [1] Condat, A primal-dual splitting method for convex optimization involving Lipschitzian, proximable
       and linear composite terms, J. Optim. Theory Appl. 158 (2013) 460.
    .. [2] Vu, A splitting algorithm for dual monotone inclusions involving cocoercive operators, Adv.
       Comput. Math. 38 (2013) 667.
    .. [3] Pock & Chambolle, Diagonal preconditioning for first order primal-dual algorithms in convex
       optimization, ICCV (2011) 1762.
    """
    xp = array_namespace(projections)
    _check_iterations(iterations)
    if not (strength_cm >= 0 and math.isfinite(strength_cm)):
        raise ValueError(f"strength_cm is {strength_cm}; give a weight in cm, 0 or more")
    values = projections.astype(xp.float32)
    share = xp.ones_like(values) if weights is None else _checked_weights(xp, weights, values.shape)
    spread = partial(back, geometry=geometry, shape=shape, voxel_um=voxel_um)
    angles = np.asarray(theta, np.float64)
    volume = xp.zeros_like(spread(values, angles))
    detector = (int(values.shape[1]), int(values.shape[2]))
    project = partial(forward, geometry=geometry, voxel_um=voxel_um, detector=detector)
    bend = spread(share * project(volume + 1, angles), angles)  # bounds the curvature of the misfit
    bend = xp.maximum(bend, FLATTEST * bend.max())
    edges = 4 * max(sum(n > 1 for n in volume.shape), 1)  # bounds the gradient's squared norm
    grip = float(bend.mean()) * BALANCE / (2 * edges)
    step = 1 / (bend / 2 + edges * grip)
    flow = xp.zeros((3, *volume.shape), dtype=xp.float32)
    for _ in range(iterations):
        downhill = spread(share * (project(volume, angles) - values), angles) - divergence(flow)
        new = volume - step * downhill
        flow = _limited(xp, flow + grip * gradient(2 * new - volume), strength_cm)
        volume = new
    return volume


def gradient(volume: Array) -> Array:
    """Return forward differences between neighbouring voxels, 0 at the far faces.

    Parameters
    ----------
    volume : (z, y, x) array
        Any unit.

    Returns
    -------
    (3, z, y, x) array
        Differences along z, y and x, in that unit per voxel.
    """
    xp = array_namespace(volume)
    result = xp.zeros((3, *volume.shape), dtype=volume.dtype)
    result[0, :-1] = volume[1:] - volume[:-1]
    result[1, :, :-1] = volume[:, 1:] - volume[:, :-1]
    result[2, :, :, :-1] = volume[:, :, 1:] - volume[:, :, :-1]
    return result


def divergence(flow: Array) -> Array:
    """Return minus the transpose of `gradient`.

    Parameters
    ----------
    flow : (3, z, y, x) array
        Flow along z, y and x.

    Returns
    -------
    (z, y, x) array
        What flows out of each voxel, per voxel.
    """
    xp = array_namespace(flow)
    result = xp.zeros(flow.shape[1:], dtype=flow.dtype)
    result[:-1] += flow[0, :-1]
    result[1:] -= flow[0, :-1]
    result[:, :-1] += flow[1, :, :-1]
    result[:, 1:] -= flow[1, :, :-1]
    result[:, :, :-1] += flow[2, :, :, :-1]
    result[:, :, 1:] -= flow[2, :, :, :-1]
    return result


def _limited(xp: Any, flow: Array, limit: float) -> Array:
    """Shorten vectors that are longer than a limit."""
    length = xp.sqrt((flow**2).sum(axis=0))
    return flow * (limit / xp.maximum(length, max(limit, 1e-30)))


def _inverse(xp: Any, sums: Array) -> Array:
    """One over each sum; 0 where no ray meets a voxel."""
    return xp.where(sums > 1e-6 * sums.max(), 1 / xp.maximum(sums, 1e-30), 0).astype(xp.float32)


def _check_iterations(iterations: int) -> None:
    """Refuse no work."""
    if iterations < 1:
        raise ValueError(f"iterations is {iterations}; give at least 1")


def _checked_start(xp: Any, start: Array, shape: tuple[int, ...]) -> Array:
    """Copy a start of the right shape."""
    if start.shape != shape:
        raise ValueError(f"start has shape {start.shape} and the volume {shape}; give the same")
    return xp.array(start, dtype=xp.float32, copy=True)


def _checked_weights(xp: Any, weights: Array, shape: tuple[int, ...]) -> Array:
    """Weights of the right shape, none negative."""
    if weights.shape != shape:
        raise ValueError(f"weights have shape {weights.shape} and projections {shape}; give the same")
    if not bool((weights >= 0).all()):
        raise ValueError("weights are negative or NaN in places; give inverse variances, 0 for rays to ignore")
    return weights.astype(xp.float32)

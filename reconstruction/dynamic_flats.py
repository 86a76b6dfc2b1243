"""Flats that change in shape during the scan: their main ways of changing, fitted to every projection."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, array_namespace

NOISE_MARGIN = 1.1
ROUNDS = 6  # of reweighting, from least squares towards least absolute gradient
SOFTENING = 0.5  # of the median gradient: below it gradients count as squares


@dataclass(frozen=True)
class FlatModel:
    """A mean flat and the main ways in which flats depart from it.

    Parameters
    ----------
    mean : (n_rows, n_cols) array of float32
        Mean beam: flat less dark, in counts.
    modes : (n_modes, n_rows, n_cols) array of float32
        Departures as shares of the mean, of unit root mean square, dimensionless; the strongest first.
    strengths : (n_modes,) array of float32
        Root mean square share of the beam that each mode has in the flats, dimensionless.
    """

    mean: Array
    modes: Array
    strengths: Array


def flat_model(flats: Array, dark: Array, *, n_modes: int | None = None) -> FlatModel:
    """Find the principal components of a stack of flats (Van Nieuwenhove [1]_).

    Without `n_modes` a component is kept if it exceeds what photon noise alone makes: the median eigenvalue times the
    upper edge of the spectrum of a random matrix (Marchenko and Pastur), with a tenth to spare.

    Parameters
    ----------
    flats : (n_flats, n_rows, n_cols) array
        Detector counts with the sample out, three at least.
    dark : (n_rows, n_cols) array
        Mean detector counts with the shutter closed.
    n_modes : int, optional
        Components to keep; 0 is a plain mean.

    Returns
    -------
    FlatModel
        Mean and modes, on the device of `flats`.

    Raises
    ------
    ValueError
        If there are fewer than three flats, or `n_modes` is not 0 to n_flats - 1.

    References
    ----------
    .. [1] Van Nieuwenhove et al., Optics Express 23 (2015) 27975, doi:10.1364/OE.23.027975.
    """
    xp = array_namespace(flats, dark)
    n_flats = flats.shape[0]
    if n_flats < 3:
        raise ValueError(f"there are {n_flats} flats; dynamic flats need 3 at least, better 20: use their mean instead")
    if n_modes is not None and not 0 <= n_modes < n_flats:
        raise ValueError(f"n_modes is {n_modes}; it must be 0 to {n_flats - 1} with {n_flats} flats")
    beams = flats.astype(xp.float32) - dark.astype(xp.float32)
    mean = xp.mean(beams, axis=0)
    safe = xp.where(mean > 0, mean, 1)
    shares = xp.where(mean > 0, beams / safe - 1, 0).reshape(n_flats, -1)
    values, vectors = _components(xp, shares)
    if n_modes is None:
        edge = (1 + np.sqrt(n_flats / shares.shape[1])) ** 2
        n_modes = int(xp.sum(values[:-1] > NOISE_MARGIN * edge * xp.median(values[:-1])))  # the last one is the mean's
    modes = vectors[:, :n_modes].T @ shares
    strengths = xp.sqrt(xp.mean(modes**2, axis=1))
    modes = modes / xp.maximum(strengths, xp.asarray(1e-12, dtype=xp.float32))[:, None]
    return FlatModel(mean, modes.reshape(n_modes, *mean.shape), strengths / np.float32(np.sqrt(n_flats)))


def fitted_flats(projections: Array, dark: Array, model: FlatModel) -> tuple[Array, Array]:
    """Find the flat of each projection: the one that leaves least of the beam's pattern in the transmission.

    The weights of the modes make the total variation of the logarithm least, by reweighted least squares on its
    gradient. The object's own gradients do not follow the modes and count little.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array
        Detector counts with the sample in.
    dark : (n_rows, n_cols) array
        Mean detector counts with the shutter closed.
    model : FlatModel
        Mean flat and modes.

    Returns
    -------
    (n_theta, n_rows, n_cols) array of float32
        One flat for each projection, dark included, for `flat_field.transmission`.
    (n_theta, n_modes) array of float32
        Weights of the modes, as shares of the beam, dimensionless.
    """
    xp = array_namespace(projections, dark, model.mean)
    dark = dark.astype(xp.float32)
    n_modes = model.modes.shape[0]
    columns = xp.stack([_gradient(xp, mode) for mode in model.modes], axis=1) if n_modes else None
    weights = xp.zeros((projections.shape[0], n_modes), dtype=xp.float32)
    flats = xp.empty(projections.shape, dtype=xp.float32)
    for i in range(projections.shape[0]):
        if columns is not None:
            light = (projections[i].astype(xp.float32) - dark) / xp.where(model.mean > 0, model.mean, 1)
            floor = 1e-3 * xp.median(light)
            usable = light > xp.maximum(floor, xp.asarray(1e-6, dtype=xp.float32))
            slope = _gradient(xp, xp.log(xp.where(usable, light, 1)))
            weights[i] = _least_variation(xp, columns, slope, _both_usable(xp, usable))
        change = xp.sum(weights[i][:, None, None] * model.modes, axis=0) if n_modes else 0
        flats[i] = model.mean * (1 + change) + dark
    return flats, weights


def _components(xp: Any, shares: Array) -> tuple[Array, Array]:
    """Return eigenvalues and eigenvectors of the flats' covariance, the largest first."""
    values, vectors = xp.linalg.eigh((shares @ shares.T).astype(xp.float64) / shares.shape[1])
    return values[::-1], vectors[:, ::-1].astype(xp.float32)


def _gradient(xp: Any, frame: Array) -> Array:
    """Return differences along columns and along rows, one after the other."""
    along = (frame[:, 1:] - frame[:, :-1]).reshape(-1)
    across = (frame[1:] - frame[:-1]).reshape(-1)
    return xp.concatenate([along, across])


def _both_usable(xp: Any, usable: Array) -> Array:
    """Mark the differences whose two pixels are both usable."""
    along = (usable[:, 1:] & usable[:, :-1]).reshape(-1)
    across = (usable[1:] & usable[:-1]).reshape(-1)
    return xp.concatenate([along, across])


def _least_variation(xp: Any, columns: Array, slope: Array, usable: Array) -> Array:
    """Return the weights of `columns` that leave the least sum of absolute values of `slope`."""
    counts = usable.astype(xp.float32)
    weights = xp.zeros(columns.shape[1], dtype=xp.float32)
    ridge = 1e-6 * xp.eye(columns.shape[1], dtype=xp.float32)
    for _ in range(ROUNDS):
        left = xp.abs(slope - columns @ weights)
        soft = SOFTENING * xp.median(left) + 1e-12
        share = counts / xp.maximum(left, soft)
        normal = (columns * share[:, None]).T @ columns
        weights = xp.linalg.solve(
            normal + ridge * xp.max(xp.abs(normal)) + 1e-20 * ridge, (columns * share[:, None]).T @ slope
        )
    return weights

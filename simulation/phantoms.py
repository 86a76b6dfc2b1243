"""Analytic phantoms: line integrals of ellipses and spheres in a parallel beam, exact at any sampling."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..scans.geometry import ParallelBeam

CM_PER_UM = 1e-4


@dataclass(frozen=True)
class Ellipse:
    """An elliptic cylinder along the rotation axis.

    Parameters
    ----------
    mu_per_cm : float
        µ in cm^-1, added to that of whatever else lies there.
    x_um, y_um : float
        Place of the middle in µm from the rotation axis.
    semi_x_um, semi_y_um : float
        Half axes in µm before the turn, above 0.
    turn_rad : float
        Turn about the middle in rad, from x towards y.
    """

    mu_per_cm: float
    x_um: float
    y_um: float
    semi_x_um: float
    semi_y_um: float
    turn_rad: float = 0.0


def disc_phantom(mu_per_cm: float, radius_um: float, *, x_um: float = 0.0, y_um: float = 0.0) -> Ellipse:
    """Return a round cylinder along the rotation axis.

    Parameters
    ----------
    mu_per_cm : float
        µ in cm^-1.
    radius_um : float
        Radius in µm.
    x_um, y_um : float
        Place of the middle in µm from the rotation axis.

    Returns
    -------
    Ellipse
        The cylinder.
    """
    return Ellipse(mu_per_cm, x_um, y_um, radius_um, radius_um)


@dataclass(frozen=True)
class Sphere:
    """A ball.

    Parameters
    ----------
    mu_per_cm : float
        µ in cm^-1, added to that of whatever else lies there.
    x_um, y_um : float
        Place of the middle in µm from the rotation axis.
    z_um : float
        Place of the middle in µm from the middle of detector row 0, growing with the row.
    radius_um : float
        Radius in µm, above 0.
    """

    mu_per_cm: float
    x_um: float
    y_um: float
    z_um: float
    radius_um: float


def ellipse_sinogram(
    ellipses: Sequence[Ellipse], theta: NDArray[np.float64], n_cols: int, geometry: ParallelBeam
) -> NDArray[np.float32]:
    """Return the line integrals of elliptic cylinders, equation 3.5 of [1]_.

    Parameters
    ----------
    ellipses : sequence of Ellipse
        What is scanned; overlapping parts add up.
    theta : (n_theta,) array of float64
        Angles in rad.
    n_cols : int
        Columns of the detector.
    geometry : ParallelBeam
        Pixel and axis; an axis that is None is the middle.

    Returns
    -------
    (n_theta, n_cols) array of float32
        Line integrals, dimensionless, each along the line through the middle of its pixel.

    Raises
    ------
    ValueError
        If the pixel size is not known.

    References
    ----------
    .. [1] Kak & Slaney, Principles of Computerized Tomographic Imaging (1988), section 3.1.
    """
    s = _distances_um(n_cols, geometry)[None, :]
    cos, sin = np.cos(theta)[:, None], np.sin(theta)[:, None]
    total = np.zeros((len(theta), n_cols))
    for e in ellipses:
        offset = s - e.x_um * cos - e.y_um * sin
        angle = theta[:, None] - e.turn_rad
        squared = (e.semi_x_um * np.cos(angle)) ** 2 + (e.semi_y_um * np.sin(angle)) ** 2
        chord = 2 * e.semi_x_um * e.semi_y_um * np.sqrt(np.maximum(squared - offset**2, 0)) / squared
        total += e.mu_per_cm * CM_PER_UM * chord
    return total.astype(np.float32)


def sphere_projections(
    spheres: Sequence[Sphere], theta: NDArray[np.float64], shape: tuple[int, int], geometry: ParallelBeam
) -> NDArray[np.float32]:
    """Return the line integrals of balls.

    Parameters
    ----------
    spheres : sequence of Sphere
        What is scanned; overlapping parts add up.
    theta : (n_theta,) array of float64
        Angles in rad.
    shape : (n_rows, n_cols)
        Size of the detector.
    geometry : ParallelBeam
        Pixel and axis; an axis that is None is the middle.

    Returns
    -------
    (n_theta, n_rows, n_cols) array of float32
        Line integrals, dimensionless, each along the line through the middle of its pixel.

    Raises
    ------
    ValueError
        If the pixel size is not known.
    """
    s = _distances_um(shape[1], geometry)[None, None, :]
    z = (np.arange(shape[0]) * (geometry.pixel_um or 0.0))[None, :, None]
    cos, sin = np.cos(theta)[:, None, None], np.sin(theta)[:, None, None]
    total = np.zeros((len(theta), *shape))
    for ball in spheres:
        squared = (s - ball.x_um * cos - ball.y_um * sin) ** 2 + (z - ball.z_um) ** 2
        chord = 2 * np.sqrt(np.maximum(ball.radius_um**2 - squared, 0))
        total += ball.mu_per_cm * CM_PER_UM * chord
    return total.astype(np.float32)


def ellipse_image(ellipses: Sequence[Ellipse], n: int, voxel_um: float) -> NDArray[np.float32]:
    """Return µ of elliptic cylinders at the middles of the voxels of a slice.

    Parameters
    ----------
    ellipses : sequence of Ellipse
        What to draw; overlapping parts add up.
    n : int
        Voxels along an edge; the rotation axis passes through index (n - 1) / 2.
    voxel_um : float
        Edge of a voxel in µm.

    Returns
    -------
    (n, n) array of float32
        µ in cm^-1, axes y and x.
    """
    place = (np.arange(n) - (n - 1) / 2) * voxel_um
    image = np.zeros((n, n), dtype=np.float32)
    for e in ellipses:
        y, x = place[:, None] - e.y_um, place[None, :] - e.x_um
        cos, sin = np.cos(e.turn_rad), np.sin(e.turn_rad)
        along, across = (x * cos + y * sin) / e.semi_x_um, (y * cos - x * sin) / e.semi_y_um
        image[along**2 + across**2 < 1] += np.float32(e.mu_per_cm)
    return image


def _distances_um(n_cols: int, geometry: ParallelBeam) -> NDArray[np.float64]:
    """Return the distance of each column's line from the rotation axis."""
    if geometry.pixel_um is None:
        raise ValueError("the geometry has no pixel size; give pixel_um, for instance ParallelBeam(pixel_um=1.0)")
    centre = (n_cols - 1) / 2 if geometry.centre_px is None else geometry.centre_px
    return (np.arange(n_cols, dtype=np.float64) - centre) * geometry.pixel_um

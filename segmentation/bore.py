"""The bore of the casing: its axis and radius, from a layer that fills it."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..arrays import Array, to_host

AGREE = 0.03
"""A found diameter may differ from the given one by this share before the given one is taken."""


@dataclass(frozen=True)
class Bore:
    """A circle across the axis of the cell, in voxels.

    Parameters
    ----------
    y, x : float
        Axis, as voxel-centre indices.
    radius_px : float
        Inner radius of the casing.
    outer_radius_px : float or None
        Outer radius of the casing; None where it lies out of view.
    source : {"found", "given", "view"}
        Whether the radius was found in a dense layer, taken as given, or is the field of view itself.
    """

    y: float
    x: float
    radius_px: float
    outer_radius_px: float | None = None
    source: Literal["found", "given", "view"] = "found"

    def distance(self, n_y: int, n_x: int) -> NDArray[np.float32]:
        """Return the distance of each column of voxels from the axis.

        Parameters
        ----------
        n_y, n_x : int
            Size of a slice.

        Returns
        -------
        (n_y, n_x) array of float32
            Distance in voxels.
        """
        y, x = np.ogrid[:n_y, :n_x]
        return np.hypot(y - self.y, x - self.x).astype(np.float32)

    def window(self, n_y: int, n_x: int) -> tuple[slice, slice]:
        """Return the square around the bore, as far as it lies in a slice.

        Parameters
        ----------
        n_y, n_x : int
            Size of the slice.

        Returns
        -------
        tuple of slice
            Along y and along x, one voxel wider than the bore.
        """
        return (
            slice(max(math.floor(self.y - self.radius_px) - 1, 0), min(math.ceil(self.y + self.radius_px) + 2, n_y)),
            slice(max(math.floor(self.x - self.radius_px) - 1, 0), min(math.ceil(self.x + self.radius_px) + 2, n_x)),
        )


def find_bore(dense: Array, *, diameter_px: float | None = None) -> Bore:
    """Find axis and radius from a slice through a layer that fills the bore, such as the electrolyte.

    Parameters
    ----------
    dense : (n_y, n_x) array
        Slice of µ in cm^-1, mean of a few rows; brighter inside the bore than outside.
    diameter_px : float, optional
        Known bore in voxels. It is taken where the slice says otherwise by more than 3 %.

    Returns
    -------
    Bore
        Centre of mass and equal-area radius of the region above half of the slice's 90th percentile; the
        field of view where that region reaches its edge and no diameter is given.
    """
    plane = np.asarray(to_host(dense), dtype=np.float64)
    n_y, n_x = plane.shape
    view = Bore((n_y - 1) / 2, (n_x - 1) / 2, min(n_y, n_x) / 2, None, "view")
    smooth = ndimage.gaussian_filter(plane, 1.0)
    inside, _ = ndimage.label(smooth > 0.5 * np.percentile(smooth, 90))
    largest = ndimage.binary_fill_holes(inside == np.bincount(inside.ravel())[1:].argmax() + 1)
    y, x = ndimage.center_of_mass(largest)
    radius = float(np.sqrt(largest.sum() / np.pi))
    within_view = view.distance(n_y, n_x)[largest].max() < view.radius_px - 1.0
    if within_view and (diameter_px is None or abs(2 * radius / diameter_px - 1) < AGREE):
        return Bore(float(y), float(x), radius)
    if diameter_px is None:
        return view
    centre = (float(y), float(x)) if within_view else (view.y, view.x)
    return Bore(*centre, min(diameter_px / 2, view.radius_px), None, "given")


def radial_profile(plane: Array, bore: Bore) -> NDArray[np.float64]:
    """Average a slice over circles around the axis of the bore.

    Parameters
    ----------
    plane : (n_y, n_x) array
        Any quantity.
    bore : Bore
        Gives the axis.

    Returns
    -------
    (n,) array of float64
        Mean at distances 0, 1, 2 ... voxels, as far as whole circles lie in the slice.
    """
    values = np.asarray(to_host(plane), dtype=np.float64)
    n_y, n_x = values.shape
    ring = np.rint(bore.distance(n_y, n_x)).astype(np.intp).ravel()
    count = np.bincount(ring)
    reach = int(min(bore.y, bore.x, n_y - 1 - bore.y, n_x - 1 - bore.x)) + 1
    reach = max(reach, 1)
    return np.bincount(ring, weights=values.ravel())[:reach] / np.maximum(count[:reach], 1)


def outer_radius(plane: Array, bore: Bore) -> float | None:
    """Find where the casing ends and gas begins.

    Parameters
    ----------
    plane : (n_y, n_x) array
        Slice of µ in cm^-1, mean of rows without dense layers.
    bore : Bore
        Axis and inner radius.

    Returns
    -------
    float or None
        Outer radius in voxels; None where no step is seen within the view.
    """
    profile = radial_profile(plane, bore)
    first = round(bore.radius_px) + 3
    ring = profile[first:]
    if ring.size < 8:
        return None
    casing, beyond = float(np.median(ring[:3])), float(np.median(ring[-3:]))
    if abs(beyond - casing) < 0.25 * max(abs(casing), abs(beyond)):
        return None
    nearer_casing = np.abs(ring - casing) < np.abs(ring - beyond)
    return first + float(np.flatnonzero(nearer_casing)[-1]) + 0.5

"""The bore of the casing: its axis and radius, from a layer that fills it."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..arrays import Array, to_host
from .contrast import ExpectedMu

AGREE = 0.03
"""A found diameter may differ from the given one by this share before the given one is taken."""

TOLERATED = 0.05
TOLERATED_PX = 3.0
"""A measured bore may differ from the declared one by this share of it or by so many voxels, whichever is more."""

WALL_RINGS = 2
"""Rings one voxel wide that must read as casing before a wall is seen there."""

BLUR_PX = 1
"""Rings this close to an edge hold what is on its other side too."""


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
            Along y and along x, one voxel wider than the bore; of no length where it lies beside the slice.
        """
        first = [math.floor(middle - self.radius_px) - 1 for middle in (self.y, self.x)]
        last = [math.ceil(middle + self.radius_px) + 2 for middle in (self.y, self.x)]
        y, x = (slice(min(max(a, 0), n), max(min(b, n), 0)) for a, b, n in zip(first, last, (n_y, n_x), strict=True))
        return y, x

    def seen_from(self, y: int, x: int) -> "Bore":
        """Return the same circle in the indices of a part of the slice.

        Parameters
        ----------
        y, x : int
            First row and column of the part, in voxels of the slice.

        Returns
        -------
        Bore
            Its axis counted from there.
        """
        return replace(self, y=self.y - y, x=self.x - x)


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
    disc = _dense_disc(plane)
    if disc is not None and (diameter_px is None or abs(2 * disc.radius_px / diameter_px - 1) < AGREE):
        return disc
    if diameter_px is None:
        return view
    centre = (view.y, view.x) if disc is None else (disc.y, disc.x)
    return Bore(*centre, min(diameter_px / 2, view.radius_px), None, "given")


def _dense_disc(plane: NDArray[np.float64]) -> Bore | None:
    """Circle of the largest dense region; None where it reaches the edge of the view."""
    n_y, n_x = plane.shape
    view = Bore((n_y - 1) / 2, (n_x - 1) / 2, min(n_y, n_x) / 2, None, "view")
    smooth = ndimage.gaussian_filter(plane, 1.0)
    inside, _ = ndimage.label(smooth > 0.5 * np.percentile(smooth, 90))
    largest = ndimage.binary_fill_holes(inside == np.bincount(inside.ravel())[1:].argmax() + 1)
    if view.distance(n_y, n_x)[largest].max() >= view.radius_px - 1.0:
        return None
    y, x = ndimage.center_of_mass(largest)
    return Bore(float(y), float(x), float(np.sqrt(largest.sum() / np.pi)))


def check_bore(
    dense: Array,
    *,
    diameter_px: float,
    voxel_um: float,
    electrolyte: ExpectedMu,
    casing: ExpectedMu,
    gas: ExpectedMu,
) -> None:
    """Refuse a declared bore that the scan contradicts.

    The electrolyte contradicts a narrower bore, as it cannot reach into the wall; a wall that reads as casing
    contradicts a wider one, in which only a gap of gas could lie around the electrolyte. Where the edge of the
    electrolyte is out of view, or reads as neither, nothing is said.

    Parameters
    ----------
    dense : (n_y, n_x) array
        Slice of µ in cm^-1 through the electrolyte, mean of a few rows.
    diameter_px : float
        Declared bore in voxels.
    voxel_um : float
        Edge of a voxel, in µm.
    electrolyte, casing, gas : ExpectedMu
        What they should read in this scan.

    Raises
    ------
    ValueError
        If measured and declared bore differ by more than 5 % and by more than 3 voxels.
    """
    plane = np.asarray(to_host(dense), dtype=np.float64)
    disc = _dense_disc(plane)
    if disc is None or abs(2 * disc.radius_px - diameter_px) <= max(TOLERATED * diameter_px, TOLERATED_PX):
        return
    profile = radial_profile(plane, disc)
    edge = disc.radius_px
    if np.median(profile[: max(math.floor(edge) - 2 * BLUR_PX, 1)]) < 0.5 * electrolyte.low_per_cm:
        return
    beyond = profile[math.ceil(edge) + BLUR_PX : max(math.floor(diameter_px / 2) - BLUR_PX, 0)]
    if 2 * edge < diameter_px and np.count_nonzero(_reads_casing(beyond, casing, gas)) < WALL_RINGS:
        return
    found_mm, given_mm = (1e-3 * voxel_um * px for px in (2 * edge, diameter_px))
    raise ValueError(
        f"the bore measures {found_mm:.3g} mm in the scan ({2 * edge:.0f} voxels of {voxel_um:.3g} µm), but "
        f"{given_mm:.3g} mm are declared; they may differ by {100 * TOLERATED:.0f} % or {TOLERATED_PX:.0f} voxels: "
        f"give cell: {{inner_diameter_mm: {found_mm:.3g}}}, or mend the pixel size (pixel_um, voxel_um) if the bore "
        "is right"
    )


def _reads_casing(values: NDArray[np.float64], casing: ExpectedMu, gas: ExpectedMu) -> NDArray[np.bool_]:
    """Tell what reads nearer to the casing than to gas; nothing does where the two read alike."""
    mu, away = casing.mu_per_cm, gas.mu_per_cm - casing.mu_per_cm
    if abs(away) < 0.1 * mu:
        return np.zeros(values.shape, dtype=bool)
    low, high = (0.5 * mu, mu + 0.5 * away) if away > 0 else (mu + 0.5 * away, 2.0 * mu)
    return (values > low) & (values < high)


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

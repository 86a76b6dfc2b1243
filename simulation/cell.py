"""The simulated cell: labels on a fine grid inside a tube, and the rings of the casing around it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..materials import Absorber, Phase
from .slabs import Labels, Workpiece, count_voxels
from .tissues import Fill, Site, Tissue


@dataclass(frozen=True)
class Ring:
    """A hollow cylinder around the cell, from the radius of what lies inside it to its own.

    Parameters
    ----------
    outer_radius_um : float
        Outer radius in µm.
    filling : Material, Gas or Fill.GAS
        What it is made of; `Fill.GAS` for a gap that the gas of the scan fills.
    """

    outer_radius_um: float
    filling: Absorber | Fill

    @property
    def phase(self) -> Phase:
        """Phase that its voxels are labelled with."""
        return Phase.VOID if isinstance(self.filling, Fill) else Phase.CASING


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell with exact truth: every voxel of a grid finer than the scan's has one tissue.

    Parameters
    ----------
    labels : (n_z, n, n) array of uint8, or PackedLabels
        Index into `tissues`; z grows away from the collector, the tube's axis passes through index (n - 1) / 2
        of y and x. Voxels outside the inner tube hold what the nearest inside would, and are not part of the cell.
    tissues : tuple of Tissue
        What the labels stand for.
    voxel_um : float
        Edge of a voxel in µm.
    radius_um : float
        Inner radius of the innermost tube in µm.
    rings : tuple of Ring
        Casing and gaps around the cell, from the inside out.
    name : str
        Preset that made it.
    parameters : mapping
        What the preset was given, seed included.

    Raises
    ------
    ValueError
        If the labels do not cover the tube, name no tissue, or the rings do not grow.
    """

    labels: Labels
    tissues: tuple[Tissue, ...]
    voxel_um: float
    radius_um: float
    rings: tuple[Ring, ...] = ()
    name: str = "cell"
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the parts fit each other."""
        n_z, n_y, n_x = self.labels.shape
        needed = min_side(self.radius_um, self.voxel_um)
        if n_y != n_x or n_y < needed:
            raise ValueError(
                f"labels are {n_y} x {n_x} voxels across; a tube of {self.radius_um:g} µm radius needs a square "
                f"of at least {needed} voxels of {self.voxel_um:g} µm"
            )
        if n_z < 1 or int(self.labels.max()) >= len(self.tissues):
            raise ValueError(
                f"labels of {n_z} slices reach {int(self.labels.max())}, but there are {len(self.tissues)} tissues; "
                "name every tissue in use"
            )
        radii = [self.radius_um, *(ring.outer_radius_um for ring in self.rings)]
        if any(not outer > inner for inner, outer in pairwise(radii)):
            raise ValueError(f"radii of tube and rings are {radii} µm; list the rings from the inside out")

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(n, n) array: True where a column's centre lies in the tube; these columns are the electrode."""
        return disc(self.labels.shape[1], self.radius_um / self.voxel_um)

    @property
    def area_cm2(self) -> float:
        """Area of the electrode in cm^2: its columns of voxels, counted."""
        return float(self.inside.sum()) * self.voxel_um**2 * 1e-8

    @property
    def outer_radius_um(self) -> float:
        """Radius of everything, casing included, in µm."""
        return self.rings[-1].outer_radius_um if self.rings else self.radius_um

    @property
    def height_um(self) -> float:
        """Extent along z in µm."""
        return self.labels.shape[0] * self.voxel_um

    def lithium_um3(self, site: Site | None = None) -> float:
        """Return the volume of lithium metal in the tube, counted voxel by voxel.

        Parameters
        ----------
        site : Site, optional
            Count only lithium at this place; None counts all.

        Returns
        -------
        float
            Volume in µm^3.
        """
        volumes = self.lithium_by_site()
        return sum(volumes.values()) if site is None else volumes[site]

    def lithium_by_site(self) -> dict[Site, float]:
        """Return the volume of lithium metal at each place, counted voxel by voxel.

        Returns
        -------
        dict of Site to float
            Volumes in µm^3.
        """
        volumes = dict.fromkeys(Site, 0.0)
        for tissue, count in zip(self.tissues, self.voxel_counts(), strict=True):
            if tissue.site is not None:
                volumes[tissue.site] += float(count) * tissue.lithium_share * self.voxel_um**3
        return volumes

    def voxel_counts(self) -> NDArray[np.int64]:
        """Return how many voxels of the tube hold each tissue.

        Returns
        -------
        (n_tissues,) array of int64
            Counts in the order of `tissues`.
        """
        return self.slice_counts().sum(axis=0)

    def slice_counts(self) -> NDArray[np.int64]:
        """Return how many voxels of the tube hold each tissue, slice by slice.

        Returns
        -------
        (n_z, n_tissues) array of int64
            Counts in the order of `tissues`.
        """
        inside = self.inside
        parts = [count_voxels(part, inside, len(self.tissues)) for _, part in Workpiece(self.labels, inside).read()]
        return np.concatenate(parts)


def disc(n: int, radius_px: float) -> NDArray[np.bool_]:
    """Return the pixels whose centres lie in a disc around the middle of a square.

    Parameters
    ----------
    n : int
        Pixels along an edge.
    radius_px : float
        Radius of the disc in pixels.

    Returns
    -------
    (n, n) array of bool
        True inside.
    """
    offset = np.arange(n) - (n - 1) / 2
    return offset[:, None] ** 2 + offset[None, :] ** 2 < radius_px**2


def min_side(radius_um: float, voxel_um: float) -> int:
    """Return the fewest voxels across that hold a tube, one voxel of margin on each side, even.

    Parameters
    ----------
    radius_um : float
        Inner radius in µm.
    voxel_um : float
        Edge of a voxel in µm.

    Returns
    -------
    int
        Number of voxels.
    """
    return 2 * (int(np.ceil(radius_um / voxel_um)) + 1)

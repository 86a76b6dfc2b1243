"""The electrolyte itself: porosity, cracks, and the contact lost at both ends of it."""

from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from ..materials import Phase
from .connectivity import Joiner
from .interfaces import Interfaces
from .stack import Stack

FLATNESS = 4.0
"""A void is a crack if it is so many times wider than thick, and wider than `CRACK_WIDTH_VOXELS`."""

CRACK_WIDTH_VOXELS = 10.0
CONTACT_REACH_PX = 3.0


@dataclass(frozen=True, eq=False)
class Void:
    """The voids of the electrolyte, piece by piece, largest first.

    Parameters
    ----------
    volume_um3 : (n,) array of float64
        Volume of each piece, in µm^3.
    extent_um : (n, 3) array of float64
        Lengths of the box of equal second moments, longest first, in µm.
    is_crack : (n,) array of bool
        Whether it is flat: at least 4 times wider than thick.
    """

    volume_um3: NDArray[np.float64]
    extent_um: NDArray[np.float64]
    is_crack: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Electrolyte:
    """State of the electrolyte between its two surfaces.

    Parameters
    ----------
    volume_um3 : float
        Volume between the surfaces, lithium and void included, in µm^3.
    porosity : float or None
        Share of void in void and electrolyte, dimensionless; None where there is neither.
    crack_volume_um3 : float
        Volume of the flat voids, in µm^3.
    crack_count : int
        Number of flat voids.
    anode_contact_lost : float or None
        Share of the anode's interface at which a void lies against the electrolyte, dimensionless.
    counter_contact_lost : float or None
        The same at the counter side.
    voids : Void
        All pieces.
    """

    volume_um3: float
    porosity: float | None
    crack_volume_um3: float
    crack_count: int
    anode_contact_lost: float | None
    counter_contact_lost: float | None
    voids: Void


@dataclass(eq=False)
class _Moments:
    """Count, first and second moments (z, y, x, zz, yy, xx, zy, zx, yx) of each provisional number."""

    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros((1, 10)))

    def add(self, owners: NDArray[np.int64], place: NDArray[np.float64], count: int) -> None:
        if count >= len(self.sums):
            more = max(count + 1, 2 * len(self.sums)) - len(self.sums)
            self.sums = np.concatenate([self.sums, np.zeros((more, 10))])
        z, y, x = place
        terms = np.stack([np.ones_like(z), z, y, x, z * z, y * y, x * x, z * y, z * x, y * x], axis=1)
        np.add.at(self.sums, owners, terms)


def inspect_electrolyte(stack: Stack, faces: Interfaces, *, electrode: NDArray[np.bool_] | None = None) -> Electrolyte:
    """Measure porosity, cracks and lost contact of the electrolyte, plane by plane.

    Contact is lost in a column if void lies within 3 voxels of the surface, on either side of it: between the
    deposit and the electrolyte, or in the electrolyte's own skin.

    Parameters
    ----------
    stack : Stack
        Labels seen from the anode.
    faces : Interfaces
        Where the electrolyte begins and ends.
    electrode : (n_y, n_x) array of bool, optional
        Columns of the electrode; None takes all.

    Returns
    -------
    Electrolyte
        Shares, volumes and pieces.
    """
    chosen = np.ones(stack.shape, dtype=bool) if electrode is None else electrode
    counts = {Phase.VOID: 0, Phase.ELECTROLYTE: 0, Phase.LITHIUM: 0}
    lost = np.zeros((2, *stack.shape), dtype=bool)
    joiner, moments = Joiner(stack.shape), _Moments()
    for first, slab in stack.slabs():
        for index, plane in enumerate(slab, start=first):
            is_void = (plane == Phase.VOID) & chosen
            for end, surface in enumerate((faces.near_px, faces.far_px)):
                lost[end] |= is_void & (np.abs(index - surface) <= CONTACT_REACH_PX)
            between = chosen & (index > faces.near_px) & (index < faces.far_px)
            for phase in counts:
                counts[phase] += int((between & (plane == phase)).sum())
            is_void &= between
            numbers = joiner.number(is_void)
            rows, columns = np.nonzero(is_void)
            if rows.size:
                place = np.stack([np.full(rows.shape, float(index)), rows, columns])
                moments.add(numbers[is_void], place, joiner.count)
    voids = _voids(joiner, moments, stack)
    solid = counts[Phase.VOID] + counts[Phase.ELECTROLYTE]
    columns_in = int(chosen.sum())
    shares = [float(part[chosen].mean()) if columns_in else None for part in lost]
    return Electrolyte(
        volume_um3=sum(counts.values()) * stack.voxel_um3,
        porosity=counts[Phase.VOID] / solid if solid else None,
        crack_volume_um3=float(voids.volume_um3[voids.is_crack].sum()),
        crack_count=int(voids.is_crack.sum()),
        anode_contact_lost=shares[0],
        counter_contact_lost=shares[1],
        voids=voids,
    )


def _voids(joiner: Joiner, moments: _Moments, stack: Stack) -> Void:
    """Merge the moments of each piece, and turn them into boxes."""
    pieces = joiner.pieces()
    sums = np.zeros((int(pieces.max(initial=0)) + 1, 10))
    known = moments.sums[: pieces.size]
    np.add.at(sums, pieces[: len(known)], known)
    sums = sums[1:]
    sums = sums[np.argsort(-sums[:, 0], kind="stable")]
    count = sums[:, :1]
    mean = sums[:, 1:4] / count
    second = sums[:, 4:] / count
    edges = np.array([stack.depth_um, *stack.pixel_um])
    tensor = np.zeros((len(sums), 3, 3))
    for i in range(3):
        tensor[:, i, i] = second[:, i] - mean[:, i] ** 2 + 1 / 12  # a voxel is as wide as itself
    for k, (i, j) in enumerate(((0, 1), (0, 2), (1, 2)), start=3):
        tensor[:, i, j] = tensor[:, j, i] = second[:, k] - mean[:, i] * mean[:, j]
    tensor *= edges[:, None] * edges[None, :]
    extent = np.sqrt(12 * np.maximum(np.linalg.eigvalsh(tensor)[:, ::-1], 0.0))
    width = np.sqrt(extent[:, 0] * extent[:, 1])
    least = CRACK_WIDTH_VOXELS * sqrt(stack.pixel_um[0] * stack.pixel_um[1])
    is_crack = (extent[:, 1] >= FLATNESS * extent[:, 2]) & (width >= least)
    return Void(count[:, 0] * stack.voxel_um3, extent, is_crack)

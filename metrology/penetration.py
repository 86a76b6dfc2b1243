"""How deep lithium has grown from the anode into the electrolyte, and what lies there unconnected."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array
from ..materials import Phase
from .connectivity import Joiner, Replay
from .stack import Side, Stack
from .surfaces import column_limits, fit_surface
from .voxels import VoxelSize

TOLERANCE_STDS = 3.0
"""Lithium that rises above a fitted interface by less than so many standard deviations is roughness of the film."""


@dataclass(frozen=True, eq=False)
class Isolated:
    """Lithium beyond the interface that no lithium connects to the anode, piece by piece.

    Without a scan before charging such a piece may be a closed pore that the gas cannot enter.

    Parameters
    ----------
    volume_um3 : (n,) array of float64
        Volume of each piece, in µm^3, largest first.
    distance_um : (n,) array of float64
        How far its nearest face lies from the interface along the stack, in µm.
    """

    volume_um3: NDArray[np.float64]
    distance_um: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Penetration:
    """Lithium beyond the anode's interface.

    Parameters
    ----------
    depth_um : (n_y, n_x) array of float32
        Depth of the deepest connected lithium of each column below the interface, in µm; 0 where none.
    column_um : (n_y, n_x) array of float32
        Connected lithium beyond the interface over the column's area, in µm.
    max_depth_um : float
        Largest of `depth_um`, in µm.
    volume_um3 : float
        Volume of connected lithium beyond the interface, in µm^3.
    electrolyte_crossed : float
        Largest share of the electrolyte that connected lithium crosses in one column, dimensionless, 1 = all.
    is_shorted : bool
        True if connected lithium reaches the counter side of the electrolyte.
    film_volume_um3 : float
        Volume of the lithium on the anode's side of the interface, in µm^3.
    tolerance_um : float
        Lithium less deep than this is roughness of the film: it counts in the volume, not in the depths.
    isolated : Isolated
        Pieces that nothing connects to the anode.
    """

    depth_um: NDArray[np.float32]
    column_um: NDArray[np.float32]
    max_depth_um: float
    volume_um3: float
    electrolyte_crossed: float
    is_shorted: bool
    film_volume_um3: float
    tolerance_um: float
    isolated: Isolated

    @property
    def isolated_volume_um3(self) -> float:
        """Volume of all isolated pieces, in µm^3."""
        return float(self.isolated.volume_um3.sum())

    @property
    def isolated_count(self) -> int:
        """Number of isolated pieces."""
        return int(self.isolated.volume_um3.size)


@dataclass(frozen=True, eq=False)
class Interfaces:
    """Where the electrolyte begins and ends, counted from the anode.

    Parameters
    ----------
    near_px : (n_y, n_x) array of float64
        Index at which the electrolyte begins on the anode's side; a face lies at half an index.
    far_px : (n_y, n_x) array of float64
        Index at which it ends on the counter side.
    tolerance_px : float
        Roughness of the near surface that is no growth, in pixels.
    """

    near_px: NDArray[np.float64]
    far_px: NDArray[np.float64]
    tolerance_px: float = 0.0


@dataclass(eq=False)
class _Tally:
    """What the first pass knows of each provisional number."""

    is_rooted: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(1, dtype=bool))
    voxels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    nearest: NDArray[np.float64] = field(default_factory=lambda: np.full(1, np.inf))

    def make_room(self, count: int) -> None:
        if count >= self.voxels.size:
            more = max(count + 1, 2 * self.voxels.size) - self.voxels.size
            self.is_rooted = np.concatenate([self.is_rooted, np.zeros(more, dtype=bool)])
            self.voxels = np.concatenate([self.voxels, np.zeros(more, dtype=np.int64)])
            self.nearest = np.concatenate([self.nearest, np.full(more, np.inf)])


def measure_penetration(
    labels: Array,
    *,
    voxel_um: VoxelSize,
    axis: int = 0,
    anode: Side = "low",
    interface_px: ArrayLike | None = None,
    counter_px: ArrayLike | None = None,
    degree: int = 1,
) -> Penetration:
    """Measure the lithium that has grown from the anode into the electrolyte.

    Lithium is connected if it touches, by face, edge or corner, lithium on the anode's side of the interface,
    or lies against the interface itself: a filament one voxel wide that runs aslant holds together. The volume
    is read twice, slab by slab, and may be larger than memory.

    Parameters
    ----------
    labels : (n_z, n_y, n_x) array of uint8
        Values of `Phase`, 255 where not labelled; sliced along `axis` only.
    voxel_um : float or (3,) sequence of float
        Edge of a cubic voxel, or the edges (z, y, x), in µm.
    axis : int
        Stack axis of the cell.
    anode : {"low", "high"}
        Whether the anode lies at low or high indices of `axis`.
    interface_px : float or (n_y, n_x) array, optional
        Where the electrolyte begins, as a pixel-centre index along `axis` (a face lies at half an index).
        None fits a smooth surface to the first electrolyte voxel of each column, robust against growths.
    counter_px : float or (n_y, n_x) array, optional
        Where the electrolyte ends, likewise.
    degree : int
        Degree of the fitted surfaces: 1 plane, 2 parabolic.

    Returns
    -------
    Penetration
        Depths, volumes and shares; zeros where there is no lithium in the electrolyte.

    Raises
    ------
    TypeError
        If labels are not uint8.
    ValueError
        If labels are empty, not 3-D or hold no electrolyte, or the electrolyte ends before it begins.
    """
    stack = Stack(labels, voxel_um, axis, anode)
    faces = find_interfaces(stack, interface_px=interface_px, counter_px=counter_px, degree=degree)
    pieces, tally, film_voxels = _join(stack, faces)
    is_rooted, isolated = _judge(pieces, tally, stack)
    deepest = np.full(stack.shape, -np.inf)
    voxels = np.zeros(stack.shape, dtype=np.int64)
    for index, grown in _replayed(stack, faces, pieces, is_rooted):
        deepest[grown] = index
        voxels += grown
    depth = np.where(np.isfinite(deepest), deepest + 0.5 - faces.near_px, 0.0)
    is_deep = depth > faces.tolerance_px
    depth = np.where(is_deep, depth, 0.0)
    crossed = np.minimum(depth / (faces.far_px - faces.near_px), 1.0)
    return Penetration(
        depth_um=(depth * stack.depth_um).astype(np.float32),
        column_um=(voxels * stack.depth_um).astype(np.float32),
        max_depth_um=float(depth.max() * stack.depth_um),
        volume_um3=float(voxels.sum() * stack.voxel_um3),
        electrolyte_crossed=float(crossed.max()),
        is_shorted=bool((is_deep & (deepest >= faces.far_px - 1)).any()),
        film_volume_um3=film_voxels * stack.voxel_um3,
        tolerance_um=faces.tolerance_px * stack.depth_um,
        isolated=isolated,
    )


def grown_lithium(stack: Stack, faces: Interfaces) -> tuple[int, NDArray[np.bool_]]:
    """Return the connected lithium beyond the interface's roughness as a volume.

    Parameters
    ----------
    stack : Stack
        Labels seen from the anode.
    faces : Interfaces
        Where the electrolyte begins and ends.

    Returns
    -------
    first : int
        Index of the volume's first plane, counted from the anode.
    grown : (n, n_y, n_x) array of bool
        Connected lithium deeper than the tolerance, from its first plane to its last; n is 0 if there is none.
    """
    pieces, tally, _ = _join(stack, faces)
    is_rooted, _ = _judge(pieces, tally, stack)
    planes, indices = [], []
    for index, grown in _replayed(stack, faces, pieces, is_rooted):
        deep = grown & (index + 0.5 - faces.near_px > faces.tolerance_px)
        if deep.any():
            planes.append(deep)
            indices.append(index)
    if not planes:
        return 0, np.zeros((0, *stack.shape), dtype=bool)
    volume = np.zeros((indices[-1] - indices[0] + 1, *stack.shape), dtype=bool)
    for index, plane in zip(indices, planes, strict=True):
        volume[index - indices[0]] = plane
    return indices[0], volume


def find_interfaces(
    stack: Stack,
    *,
    interface_px: ArrayLike | None = None,
    counter_px: ArrayLike | None = None,
    degree: int = 1,
) -> Interfaces:
    """Find where the electrolyte begins and ends, or take what is given.

    Parameters
    ----------
    stack : Stack
        Labels seen from the anode.
    interface_px, counter_px : float or (n_y, n_x) array, optional
        Pixel-centre indices along the axis of the volume; None fits a surface.
    degree : int
        1 for a plane, 2 for a parabolic surface.

    Returns
    -------
    Interfaces
        Counted from the anode.

    Raises
    ------
    ValueError
        If there is no electrolyte to fit, or it ends before it begins.
    """
    near, far, tolerance = None, None, 0.0
    if interface_px is not None:
        near = stack.oriented_px(np.asarray(interface_px, dtype=np.float64))
    if counter_px is not None:
        far = stack.oriented_px(np.asarray(counter_px, dtype=np.float64))
    if near is None or far is None:
        first, last = column_limits(stack, Phase.ELECTROLYTE)
        if not np.isfinite(first).any():
            raise ValueError("labels hold no electrolyte; depth is counted from its surface: label it, value 4")
        if near is None:
            surface = fit_surface(first - 0.5, degree=degree)
            near, tolerance = surface.heights_px(), TOLERANCE_STDS * surface.std_px
        if far is None:
            far = fit_surface(last + 0.5, degree=degree).heights_px()
    near, far = (np.broadcast_to(px, stack.shape).astype(np.float64) for px in (near, far))
    if not (far > near).all():
        raise ValueError(
            "the electrolyte ends before it begins in some column; check anode, interface_px and counter_px"
        )
    return Interfaces(near, far, tolerance)


def _join(stack: Stack, faces: Interfaces) -> tuple[NDArray[np.int64], _Tally, int]:
    """First pass: join lithium into pieces and tally what lies where."""
    joiner, tally, film = Joiner(stack.shape), _Tally(), 0
    for first, slab in stack.slabs():
        for index, plane in enumerate(slab, start=first):
            lithium = plane == Phase.LITHIUM
            numbers = joiner.number(lithium)
            if not lithium.any():
                continue
            tally.make_room(joiner.count)
            tally.is_rooted[numbers[lithium & (index <= faces.near_px + 1)]] = True
            beyond = lithium & (index > faces.near_px)
            film += int(lithium.sum()) - int(beyond.sum())
            owners = numbers[beyond]
            np.add.at(tally.voxels, owners, 1)
            np.minimum.at(tally.nearest, owners, (index - 0.5 - faces.near_px)[beyond])
    tally.make_room(joiner.count)
    return joiner.pieces(), tally, film


def _judge(pieces: NDArray[np.int64], tally: _Tally, stack: Stack) -> tuple[NDArray[np.bool_], Isolated]:
    """Tell rooted pieces from isolated ones."""
    count = int(pieces.max(initial=0)) + 1
    is_rooted = np.zeros(count, dtype=bool)
    voxels = np.zeros(count, dtype=np.int64)
    nearest = np.full(count, np.inf)
    np.logical_or.at(is_rooted, pieces, tally.is_rooted[: pieces.size])
    np.add.at(voxels, pieces, tally.voxels[: pieces.size])
    np.minimum.at(nearest, pieces, tally.nearest[: pieces.size])
    is_rooted[0] = False
    loose = ~is_rooted & (voxels > 0)
    loose[0] = False
    order = np.argsort(-voxels[loose], kind="stable")
    volume_um3 = voxels[loose][order].astype(np.float64) * stack.voxel_um3
    return is_rooted, Isolated(volume_um3, np.maximum(nearest[loose][order], 0.0) * stack.depth_um)


def _replayed(
    stack: Stack, faces: Interfaces, pieces: NDArray[np.int64], is_rooted: NDArray[np.bool_]
) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Second pass: yield the rooted lithium beyond the interface, plane by plane."""
    replay = Replay(stack.shape, pieces)
    for first, slab in stack.slabs():
        for index, plane in enumerate(slab, start=first):
            numbers = replay.number(plane == Phase.LITHIUM)
            yield index, is_rooted[numbers] & (index > faces.near_px)

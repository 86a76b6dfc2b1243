"""Lithium beyond the interface, traced back to the anode plane by plane, and what nothing connects to it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .connectivity import Joiner, Replay
from .interfaces import Interfaces
from .stack import Stack


@dataclass(frozen=True, eq=False)
class Isolated:
    """Lithium in the electrolyte that no lithium connects to an electrode, piece by piece.

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
class Growth:
    """Connected lithium beyond the interface.

    Parameters
    ----------
    deepest_px : (n_y, n_x) array of float64
        Index of the deepest connected voxel of each column, counted from the anode; minus infinity where none.
    voxels : (n_y, n_x) array of int64
        Number of connected voxels of each column.
    film_voxels : int
        Lithium voxels on the anode's side of the interface.
    isolated : Isolated
        Pieces in the electrolyte that nothing connects to either electrode.
    counter_voxels : int
        Lithium voxels in the electrolyte that are connected to its counter side and not to the anode.
    first : int
        Index of the first plane of `volume`, counted from the anode.
    volume : (n, n_y, n_x) array of bool or None
        Connected lithium deeper than the film's roughness, from its first plane to its last; None if not kept.
    """

    deepest_px: NDArray[np.float64]
    voxels: NDArray[np.int64]
    film_voxels: int
    isolated: Isolated
    counter_voxels: int = 0
    first: int = 0
    volume: NDArray[np.bool_] | None = None

    def kept(self) -> NDArray[np.bool_]:
        """Return the connected voxels.

        Returns
        -------
        (n, n_y, n_x) array of bool
            The volume.

        Raises
        ------
        ValueError
            If it was not kept.
        """
        if self.volume is None:
            raise ValueError("the growth was traced without its volume; trace it with keep_volume=True")
        return self.volume


@dataclass(eq=False)
class _Tally:
    """What the first pass knows of each provisional number."""

    is_rooted: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(1, dtype=bool))
    is_counter: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(1, dtype=bool))
    voxels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    nearest: NDArray[np.float64] = field(default_factory=lambda: np.full(1, np.inf))

    def make_room(self, count: int) -> None:
        if count >= self.voxels.size:
            more = max(count + 1, 2 * self.voxels.size) - self.voxels.size
            self.is_rooted = np.concatenate([self.is_rooted, np.zeros(more, dtype=bool)])
            self.is_counter = np.concatenate([self.is_counter, np.zeros(more, dtype=bool)])
            self.voxels = np.concatenate([self.voxels, np.zeros(more, dtype=np.int64)])
            self.nearest = np.concatenate([self.nearest, np.full(more, np.inf)])


def trace_growth(stack: Stack, faces: Interfaces, *, keep_volume: bool = False) -> Growth:
    """Trace lithium beyond the interface back to the anode.

    Lithium is connected if it touches, by face, edge or corner, lithium on the anode's side of the interface,
    or comes as near to the interface as that is rough. Lithium past the electrolyte's far end is the counter
    electrode and counts nowhere. The volume is read twice, slab by slab.

    Parameters
    ----------
    stack : Stack
        Labels seen from the anode.
    faces : Interfaces
        Where the electrolyte begins and ends.
    keep_volume : bool
        Whether to keep the connected voxels themselves, one byte for each voxel of the planes they span.

    Returns
    -------
    Growth
        What is connected, by column, and what is not, by piece.
    """
    pieces, tally, film_voxels = _join(stack, faces)
    is_rooted, isolated, counter_voxels = _judge(pieces, tally, stack)
    deepest = np.full(stack.shape, -np.inf)
    voxels = np.zeros(stack.shape, dtype=np.int64)
    kept: dict[int, NDArray[np.bool_]] = {}
    replay = Replay(stack.shape, pieces)
    for first, slab in stack.slabs():
        for index, plane in enumerate(slab, start=first):
            numbers = replay.number(faces.lithium(plane))
            if index <= faces.lowest_px:
                continue
            grown = is_rooted[numbers] & (faces.near_px < index) & (faces.far_px > index)
            deepest[grown] = index
            voxels += grown
            if keep_volume:
                deep = grown & (faces.near_px < index + 0.5 - faces.tolerance_px)
                if deep.any():
                    kept[index] = deep
    start, volume = _stacked(kept, stack.shape) if keep_volume else (0, None)
    return Growth(deepest, voxels, film_voxels, isolated, counter_voxels, start, volume)


def _join(stack: Stack, faces: Interfaces) -> tuple[NDArray[np.int64], _Tally, int]:
    """First pass: join lithium into pieces and tally what lies where."""
    joiner, tally, film = Joiner(stack.shape), _Tally(), 0
    for first, slab in stack.slabs():
        for index, plane in enumerate(slab, start=first):
            lithium = faces.lithium(plane)
            numbers = joiner.number(lithium)
            if not lithium.any():
                continue
            tally.make_room(joiner.count)
            tally.is_rooted[numbers[lithium & (faces.near_px + faces.tolerance_px >= index - 1)]] = True
            tally.is_counter[numbers[lithium & (faces.far_px <= index + 1)]] = True
            if index <= faces.lowest_px:
                film += int(np.count_nonzero(lithium))
                continue
            above = lithium & (faces.near_px < index)
            film += int(np.count_nonzero(lithium)) - int(np.count_nonzero(above))
            beyond = above & (faces.far_px > index)
            owners = numbers[beyond]
            np.add.at(tally.voxels, owners, 1)
            np.minimum.at(tally.nearest, owners, index - 0.5 - faces.near_px[beyond])
    tally.make_room(joiner.count)
    return joiner.pieces(), tally, film


def _judge(pieces: NDArray[np.int64], tally: _Tally, stack: Stack) -> tuple[NDArray[np.bool_], Isolated, int]:
    """Tell rooted pieces from isolated ones, and count what hangs on the counter side."""
    count = int(pieces.max(initial=0)) + 1
    is_rooted, is_counter = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    voxels = np.zeros(count, dtype=np.int64)
    nearest = np.full(count, np.inf)
    np.logical_or.at(is_rooted, pieces, tally.is_rooted[: pieces.size])
    np.logical_or.at(is_counter, pieces, tally.is_counter[: pieces.size])
    np.add.at(voxels, pieces, tally.voxels[: pieces.size])
    np.minimum.at(nearest, pieces, tally.nearest[: pieces.size])
    is_rooted[0] = False
    loose = ~is_rooted & ~is_counter & (voxels > 0)
    loose[0] = False
    order = np.argsort(-voxels[loose], kind="stable")
    volume_um3 = voxels[loose][order].astype(np.float64) * stack.voxel_um3
    isolated = Isolated(volume_um3, np.maximum(nearest[loose][order], 0.0) * stack.depth_um)
    return is_rooted, isolated, int(voxels[is_counter & ~is_rooted].sum())


def _stacked(kept: dict[int, NDArray[np.bool_]], shape: tuple[int, int]) -> tuple[int, NDArray[np.bool_]]:
    """Stack planes by index, empty ones between; the planes are given up on the way to save memory."""
    start = min(kept, default=0)
    volume = np.zeros((max(kept, default=start - 1) + 1 - start, *shape), dtype=bool)
    for index in list(kept):
        volume[index - start] = kept.pop(index)
    return start, volume

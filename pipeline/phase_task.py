"""Phases of one slab as a record that a thread, a process or another machine can run: references go out, not arrays."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Block
from ..arrays.blocks import blocks
from ..segmentation.denoising import denoised_phases
from ..segmentation.thresholds import HALO_VOXELS, Thresholds, apply
from .alignment import Moved
from .checksums import save_slab
from .store import ImageLayout, open_level
from .tasks import Facts

COPIES = 12
"""Memory that a part of a slab takes while it is labelled, in units of one scan's voxels in it with their halo."""

MOVED_COPIES = 8
"""What resampling takes beside that, where one scan lies askew."""

MORE_COPIES = 14
"""What denoising takes."""

KEPT_BYTES = 7
"""Of each voxel of a slab's own rows until they are written: label, share of lithium, and a level of the pyramid."""

SMALLEST_PART = 64
"""Parts are not cut smaller than this along y and x, halo left out."""


@dataclass(frozen=True)
class PhasesTask:
    """One slab of volumes on one grid, to labels and shares of lithium in their own chunks.

    Parameters
    ----------
    volumes : mapping
        By gas, what is read when sliced: arrays on disk, one of them perhaps seen on the other's grid.
    thresholds : Thresholds
        Levels, surfaces and noise.
    network : Path or None
        Labels that a network gave, an image; None where the thresholds label.
    labels, lithium : Path
        Images to write to.
    layout : ImageLayout
        Of both.
    names : tuple of str
        Names that the two images have once they are finished.
    denoise : bool
        Whether light phases are told apart in denoised µ.
    part_px : int
        Voxels along y and along x that are labelled at a time, halo left out.
    """

    volumes: Mapping[str, Any]
    thresholds: Thresholds
    network: Path | None
    labels: Path
    lithium: Path
    layout: ImageLayout
    names: tuple[str, str]
    denoise: bool = False
    part_px: int = 2**31

    @property
    def slab_bytes(self) -> float:
        """Memory that one slab takes, estimated."""
        edge_y, edge_x = (min(self.part_px + 2 * HALO_VOXELS, n) for n in self.layout.shape[1:])
        return self._bytes_per_column * edge_y * edge_x + self._kept_bytes

    @property
    def _bytes_per_column(self) -> float:
        """Memory of all rows of one column, halo and all, while they are labelled."""
        moved = any(isinstance(volume, Moved) for volume in self.volumes.values())
        copies = COPIES + moved * MOVED_COPIES + self.denoise * MORE_COPIES
        return 4.0 * copies * (self.layout.slab + 2 * HALO_VOXELS)

    @property
    def _kept_bytes(self) -> float:
        _, n_y, n_x = self.layout.shape
        return float(KEPT_BYTES) * self.layout.slab * n_y * n_x

    def within(self, memory_bytes: float) -> "PhasesTask":
        """Return the same task, working through each slab in parts that fit.

        Parameters
        ----------
        memory_bytes : float
            For one slab.

        Returns
        -------
        PhasesTask
            Its parts at least `SMALLEST_PART` wide. A network's bodies are judged as a whole, in whole slabs.
        """
        if self.network is not None:
            return self
        room = max(memory_bytes - self._kept_bytes, 0.0) / self._bytes_per_column
        edge = max(math.floor(math.sqrt(room)) - 2 * HALO_VOXELS, SMALLEST_PART)
        return self if edge >= min(self.layout.shape[1:]) else replace(self, part_px=edge)

    def __call__(self, slab: Block) -> Facts:
        """Label the slab and write it; the answer holds the checksums of its chunks."""
        shape = (len(slab), *self.layout.shape[1:])
        labels, lithium = np.empty(shape, np.uint8), np.empty(shape, np.float32)
        for y, x in self._parts():
            labels[:, y.slice, x.slice], lithium[:, y.slice, x.slice] = self._part(slab, y, x)
        of_labels = save_slab(self.labels, self.layout, slab, labels)
        del labels
        of_lithium = save_slab(self.lithium, self.layout, slab, lithium)
        return {"crc32c": dict(zip(self.names, (of_labels, of_lithium), strict=True))}

    def _parts(self) -> Iterator[tuple[Block, Block]]:
        _, n_y, n_x = self.layout.shape
        for y in blocks(n_y, self.part_px):
            for x in blocks(n_x, self.part_px):
                yield y, x

    def _part(self, slab: Block, y: Block, x: Block) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Labels and shares of lithium of a part of a slab, seen with its halo."""
        size = self.layout.shape
        spans = [_with_halo(side, n) for side, n in zip((slab, y, x), size, strict=True)]
        first, corner = spans[0].start, (spans[1].start, spans[2].start)
        slabs = {gas: np.asarray(array[tuple(spans)]) for gas, array in self.volumes.items()}
        phases = None if self.network is None else np.asarray(open_level(self.network)[tuple(spans)])
        if self.denoise:
            phases = denoised_phases(self.thresholds, slabs, first, corner=corner)
        found = apply(
            self.thresholds, slabs.get("argon"), slabs.get("xenon"), first, phases=phases, corner=corner, view=size[1:]
        )
        inner = tuple(
            slice(side.start - span.start, side.stop - span.start)
            for side, span in zip((slab, y, x), spans, strict=True)
        )
        return found[0][inner], found[1][inner]


def _with_halo(side: Block, length: int) -> slice:
    return slice(max(side.start - HALO_VOXELS, 0), min(side.stop + HALO_VOXELS, length))

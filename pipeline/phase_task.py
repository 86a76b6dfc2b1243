"""Phases of one slab as a record that a thread, a process or another machine can run: references go out, not arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Block
from ..segmentation.denoising import denoised_phases
from ..segmentation.thresholds import HALO_VOXELS, Thresholds, apply
from .checksums import save_slab
from .store import ImageLayout, open_level
from .tasks import Facts

COPIES = 12
"""Memory that a slab takes while it is labelled, in units of one scan's slab with its halo."""

MORE_COPIES = 14
"""What denoising takes beside that."""


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
    """

    volumes: Mapping[str, Any]
    thresholds: Thresholds
    network: Path | None
    labels: Path
    lithium: Path
    layout: ImageLayout
    names: tuple[str, str]
    denoise: bool = False

    @property
    def slab_bytes(self) -> float:
        """Memory that one slab takes, estimated."""
        _, n_y, n_x = self.layout.shape
        return 4.0 * (COPIES + self.denoise * MORE_COPIES) * (self.layout.slab + 2 * HALO_VOXELS) * n_y * n_x

    def __call__(self, slab: Block) -> Facts:
        """Label the slab and write it; the answer holds the checksums of its chunks."""
        first, last = max(slab.start - HALO_VOXELS, 0), min(slab.stop + HALO_VOXELS, self.layout.shape[0])
        slabs = {gas: np.asarray(array[first:last]) for gas, array in self.volumes.items()}
        phases = None if self.network is None else np.asarray(open_level(self.network)[first:last])
        if self.denoise:
            phases = denoised_phases(self.thresholds, slabs, first)
        labels, lithium = apply(self.thresholds, slabs.get("argon"), slabs.get("xenon"), first, phases=phases)
        inner = slice(slab.start - first, slab.stop - first)
        images = zip(self.names, (self.labels, self.lithium), (labels, lithium), strict=True)
        return {"crc32c": {name: save_slab(path, self.layout, slab, values[inner]) for name, path, values in images}}

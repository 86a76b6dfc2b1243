"""What the steps of building a cell share: labels, keys of randomness, layers, and lithium to place."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .design import CellDesign
from .fields import SliceField
from .noise import stream
from .slabs import Workpiece

VOID, FILM, CARBON, ELECTROLYTE, COLLECTOR, CLOSED, MASS, MIXED, IN_CARBON, ISOLATED, FOIL, COUNTER = range(12)
"""Labels of the tissues; layers of the counter electrode follow from `COUNTER` on."""

LAYERS, PORES, SEALS, FILLING, FILAMENTS, CLUSTERS, MASSES, GRAIN, VOIDS, CRACKS, CRACKS_TURNED = range(100, 111)
"""Purposes of the random streams; each step has its own, apart from those of a scan."""

PATTERN = 65536
"""Slice of the random fields that lies at the origin of a cell, so that slices below it are there too."""


@dataclass(frozen=True, eq=False)
class Construction:
    """A cell while it is built.

    Parameters
    ----------
    design : CellDesign
        Sizes and morphology.
    work : Workpiece
        Its labels.
    tops : (5, n, n) array of int32
        Slice one past the last of collector, foil, film, gas on the film and carbon.
    ceiling : int
        Slice where the counter electrode begins, or one past the last.
    budget : mapping of str to int
        Voxels of lithium at each place of the deposit.
    seed : int
        Seed of the morphology.
    """

    design: CellDesign
    work: Workpiece
    tops: NDArray[np.int32]
    ceiling: int
    budget: Mapping[str, int]
    seed: int

    @property
    def voxel_um(self) -> float:
        """Edge of a voxel in µm."""
        return self.design.bore.voxel_um

    @property
    def side(self) -> int:
        """Voxels across a slice."""
        return len(self.work.inside)

    @property
    def origin(self) -> int:
        """Mean top of the carbon in the tube, in slices: pores and voids are placed from it, charged or not."""
        tops = self.tops[-1][self.work.inside]
        return int(tops.sum(dtype=np.int64)) // tops.size

    @property
    def carbon_rows(self) -> tuple[int, int]:
        """First slice of the carbon in the tube, and one past its last."""
        inside = self.work.inside
        return int(self.tops[-2][inside].min()), int(self.tops[-1][inside].max())

    @property
    def electrolyte_rows(self) -> tuple[int, int]:
        """First slice of the electrolyte in the tube, and one past its last."""
        return int(self.tops[-1][self.work.inside].min()), self.ceiling

    def draws(self, purpose: int) -> np.random.Generator:
        """Return the source of random numbers of a step.

        Parameters
        ----------
        purpose : int
            What they are for.

        Returns
        -------
        numpy.random.Generator
            The source.
        """
        return stream(self.seed, purpose, 0)

    def field(self, correlation_px: float, purpose: int) -> SliceField:
        """Return a random field over the cell.

        Parameters
        ----------
        correlation_px : float
            Distance in voxels at which its autocorrelation has fallen to 1/e, above 0.
        purpose : int
            What it is for.

        Returns
        -------
        SliceField
            The field.
        """
        return SliceField(self.side, correlation_px, self.seed, purpose)

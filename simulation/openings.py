"""Pores of the carbon, and voids and cracks of the electrolyte."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .construction import (
    CARBON,
    CLOSED,
    CRACKS,
    CRACKS_TURNED,
    ELECTROLYTE,
    PATTERN,
    PORES,
    SEALS,
    VOID,
    VOIDS,
    Construction,
)
from .fields import pores
from .inclusions import carve
from .scatter import cracks, flat_voids, scattered_balls


def open_carbon(cell: Construction) -> None:
    """Open the pores of the carbon.

    Parameters
    ----------
    cell : Construction
        The cell while it is built; its labels change in place.
    """
    carbon = cell.design.carbon
    if carbon is None or carbon.porosity == 0:
        return
    bottom, top = int(cell.tops[-2].min()), int(cell.tops[-1].max())
    size_px = carbon.pore_um / cell.voxel_um
    for start, labels in cell.work.slabs(bottom, top) if top > bottom else ():
        low, high = max(bottom - start, 0), min(top - start, len(labels))
        slab = labels[low:high]
        at: dict[str, Any] = {"seed": cell.seed, "start": PATTERN + start + low - cell.origin}
        hollow = pores(slab.shape, carbon.porosity, size_px, purpose=PORES, **at) & (slab == CARBON)
        slab[hollow] = VOID
        if carbon.closed_share > 0:
            slab[hollow & pores(slab.shape, carbon.closed_share, 4 * size_px, purpose=SEALS, **at)] = CLOSED


def open_electrolyte(cell: Construction) -> None:
    """Open voids and cracks in the electrolyte.

    Parameters
    ----------
    cell : Construction
        The cell while it is built; its labels change in place.
    """
    part, (low, high) = cell.design.electrolyte, cell.electrolyte_rows
    if high <= low or (part.void_share == 0 and part.cracks == 0):
        return
    generator, half = cell.draws(VOIDS), cell.side / 2
    left = cell.work.count(ELECTROLYTE) if part.void_share > 0 else 0
    # Above the mean top of the carbon by as much as there is room before the charge: the same voids then and after.
    film = int((cell.tops[2] - cell.tops[1])[cell.work.inside].sum(dtype=np.int64)) // int(cell.work.inside.sum())
    span = (cell.origin, high - 1 + film)
    places = scattered_balls(*span, half, part.void_um / cell.voxel_um, cell.side, generator)

    def _belongs(centre: NDArray[np.float64]) -> bool:
        y, x = np.clip(np.rint(centre[1:]).astype(int), 0, cell.side - 1)
        return bool(cell.work.inside[y, x] and cell.tops[-1, y, x] <= centre[0] < cell.ceiling)

    voids, closed = flat_voids(
        places, part.void_share * left, belongs=_belongs, closed_share=part.closed_share, generator=generator
    )
    carve(cell.work, voids, host=ELECTROLYTE, codes=np.where(closed, CLOSED, VOID).astype(np.uint8))
    places = scattered_balls(*span, half, part.crack_um / cell.voxel_um, cell.side, cell.draws(CRACKS))
    broken = cracks(places, part.cracks, cell.draws(CRACKS_TURNED))
    carve(cell.work, broken, host=ELECTROLYTE, codes=np.full(broken.count, VOID, dtype=np.uint8))

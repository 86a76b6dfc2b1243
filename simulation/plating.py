"""Lithium off the film: in pores of the carbon, and in filaments, clusters and masses in the electrolyte."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .construction import (
    CLUSTERS,
    ELECTROLYTE,
    FILAMENTS,
    FILLING,
    GRAIN,
    IN_CARBON,
    ISOLATED,
    MASS,
    MASSES,
    MIXED,
    VOID,
    Construction,
)
from .inclusions import UNLIMITED, balls, carve, carve_count, take_lowest, voxels_of
from .morphology import points_in_disc
from .scatter import filament, scattered_balls


def fill_pores(cell: Construction) -> None:
    """Fill open pores of the carbon with lithium, from the collector's side on.

    Parameters
    ----------
    cell : Construction
        The cell while it is built; its labels change in place.

    Raises
    ------
    ValueError
        If there is no carbon, or the pores hold less.
    """
    if cell.budget["in_carbon"] == 0:
        return
    bottom, top = cell.carbon_rows
    if top <= bottom:
        raise ValueError("lithium is to lie in pores of the carbon, but there is no carbon; give a thicker layer")
    waves, depth = cell.field(8.0, FILLING), np.float32(32 / (top - bottom))

    def _score(start: int, stop: int) -> NDArray[np.float32]:
        height = np.arange(start - bottom, stop - bottom, dtype=np.float32)[:, None, None]
        return depth * height + np.float32(0.2 * 32) * waves.slices(start, stop)

    take_lowest(cell.work, _score, count=cell.budget["in_carbon"], host=VOID, code=IN_CARBON, rows=(bottom, top))


def grow_filaments(cell: Construction) -> None:
    """Grow whole filaments through the electrolyte; masses take what is left of their lithium.

    Parameters
    ----------
    cell : Construction
        The cell while it is built; its labels change in place.

    Raises
    ------
    ValueError
        If the charge does not make one filament.
    """
    count, deposit = cell.budget["filaments"], cell.design.deposit
    if count == 0:
        return
    generator = cell.draws(FILAMENTS)
    low, high = _electrolyte_rows(cell)
    width = deposit.filament_um / cell.voxel_um
    likely = max(deposit.filament_reach * (high - low) * width**2 / 2, 1.0)
    bodies = balls(
        (centre, radius, group)
        for group in range(int(count / likely) + 4)
        for centre, radius in _one_filament(cell, width, generator)
    )
    held = voxels_of(cell.work, bodies, host=ELECTROLYTE)
    fitting = int((np.cumsum(held) <= count).sum())
    if fitting == 0:
        raise ValueError(
            f"{count} voxels of lithium do not make one filament of {deposit.filament_um:g} µm across the "
            "electrolyte; give more charge, thinner filaments or a shorter reach"
        )
    quotas = np.where(np.arange(bodies.count) < fitting, UNLIMITED, 0)
    carve(cell.work, bodies, host=ELECTROLYTE, codes=np.full(bodies.count, MASS, dtype=np.uint8), quotas=quotas)


def _one_filament(
    cell: Construction, width: float, generator: np.random.Generator
) -> Iterator[tuple[NDArray[np.float64], float]]:
    """Draw a filament from the foot of the electrolyte up."""
    reach = 0.8 * cell.design.bore.radius_um / cell.voxel_um
    y, x = points_in_disc(1, reach, generator)[0] + (cell.side - 1) / 2
    foot = float(cell.tops[-1, round(y), round(x)])
    top = foot + cell.design.deposit.filament_reach * (cell.ceiling - 1 - foot) + 1
    return filament(np.array([foot - 1.0, y, x]), top, width, generator)


def scatter_clusters(cell: Construction) -> None:
    """Put isolated clusters into the upper part of the electrolyte.

    Parameters
    ----------
    cell : Construction
        The cell while it is built; its labels change in place.

    Raises
    ------
    ValueError
        If the electrolyte holds less.
    """
    count = cell.budget["isolated"]
    if count == 0:
        return
    low, high = _electrolyte_rows(cell)
    radius = cell.design.deposit.cluster_um / cell.voxel_um
    reach = 0.9 * cell.design.bore.radius_um / cell.voxel_um
    # A ball of a radius between half and one and a half times the mean holds 5/4 of its volume on average.
    needed = int(1.3 * count / (4 / 3 * np.pi * 1.25 * max(radius, 0.6) ** 3)) + 20
    drawn = scattered_balls(low + 0.3 * (high - low), high, reach, radius, cell.side, cell.draws(CLUSTERS))
    bodies = balls((centre, size, group) for group, (centre, size) in zip(range(needed), drawn, strict=False))
    carve_count(cell.work, bodies, count=count, host=ELECTROLYTE, code=ISOLATED)


def grow_masses(cell: Construction) -> None:
    """Grow large masses in the electrolyte, and the zone around them where lithium is finer than a voxel.

    Parameters
    ----------
    cell : Construction
        The cell while it is built; its labels change in place.

    Raises
    ------
    ValueError
        If the electrolyte holds less.
    """
    deposit, budget = cell.design.deposit, cell.budget
    grown = cell.work.count(MASS) if budget["filaments"] else 0
    count, mixed = budget["mass"] + budget["filaments"] - grown, round(budget["mixed"] / deposit.mixed_fraction)
    if count == 0 and mixed == 0:
        return
    low, high = _electrolyte_rows(cell)
    size = deposit.mass_um / cell.voxel_um
    middle = np.float32(low + deposit.mass_height_um / cell.voxel_um)
    shape, grain = cell.field(size, MASSES), cell.field(4.0 / cell.voxel_um, GRAIN)

    def _score(start: int, stop: int) -> NDArray[np.float32]:
        height = np.abs(np.arange(start, stop, dtype=np.float32) - middle) / np.float32(size)
        return shape.slices(start, stop) + height[:, None, None]

    def _grainy(start: int, stop: int) -> NDArray[np.float32]:
        return _score(start, stop) + np.float32(0.05) * grain.slices(start, stop)

    rows = (low, high)
    take_lowest(cell.work, _score, count=count, host=ELECTROLYTE, code=MASS, rows=rows)
    take_lowest(cell.work, _grainy, count=mixed, host=ELECTROLYTE, code=MIXED, rows=rows)


def _electrolyte_rows(cell: Construction) -> tuple[int, int]:
    """Return the slices of the electrolyte, if there are any."""
    low, high = cell.electrolyte_rows
    if high <= low:
        raise ValueError("lithium is to lie in the electrolyte, but there is none left; give a taller cell")
    return low, high

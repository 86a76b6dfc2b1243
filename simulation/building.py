"""Build a cell from its design: layers, pores, and lithium by Faraday's law, to the voxel."""

import itertools
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from ..materials import MATERIALS, Absorber, Gas, Phase
from .cell import Cell, Ring, disc, min_side
from .charge import Charge
from .construction import Construction
from .deposit import lithium_voxels, split_voxels, tops_of
from .design import Bore, CellDesign, part_material
from .layers import check_room, layer_heights, stack
from .openings import open_carbon, open_electrolyte
from .plating import fill_pores, grow_filaments, grow_masses, scatter_clusters
from .slabs import Workpiece, empty_labels
from .tissues import OPEN_VOID, Fill, Site, Tissue, solid

SEALED = Gas("argon", 1.0)
"""Gas of closed voids: that of the glove box the cell was made in."""


def build_cell(
    design: CellDesign,
    charge: Charge,
    *,
    seed: int = 0,
    memory_gib: float = 4.0,
    progress: Callable[[int, int], Any] | None = None,
) -> Cell:
    """Build a cell whose lithium is Faraday's to the voxel.

    Parameters
    ----------
    design : CellDesign
        Sizes, morphology, and where the lithium goes.
    charge : Charge
        What passed through it.
    seed : int
        Seed of the morphology, not negative.
    memory_gib : float
        Memory to keep to, in GiB; the cell does not depend on it. Labels that would take more than a quarter of it
        are held packed.
    progress : callable, optional
        Called with the steps that are done, and their number.

    Returns
    -------
    Cell
        The cell.

    Raises
    ------
    ValueError
        If the seed is negative, the layers do not fit, or the charge needs more lithium than there is room for.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}; give 0 or more")
    bore = design.bore
    side = min_side(bore.radius_um, bore.voxel_um)
    inside = disc(side, bore.radius_um / bore.voxel_um)
    voxels = lithium_voxels(charge.plated_mah_per_cm2, int(inside.sum()), bore.voxel_um)
    budget = split_voxels(voxels, design.deposit.shares)
    heights = layer_heights(design, budget["film"], inside, seed)
    n_z = round(bore.height_um / bore.voxel_um)
    check_room(design, charge, heights, budget["film"])
    ceiling = n_z - round(design.counter_um / bore.voxel_um)
    work = Workpiece(empty_labels((n_z, side, side), memory_gib), inside)
    built = Construction(design, work, tops_of(heights, n_z), ceiling, budget, seed)
    for done, step in enumerate(STEPS, start=1):
        step(built)
        if progress is not None:
            progress(done, len(STEPS))
    return Cell(
        labels=work.labels,
        tissues=_tissues(design),
        voxel_um=bore.voxel_um,
        radius_um=bore.radius_um,
        rings=casing(bore),
        name=design.name,
        parameters={"design": asdict(design), "charge": asdict(charge), "seed": seed},
    )


def casing(bore: Bore) -> tuple[Ring, ...]:
    """Return the tubes around a cell and the gas between them.

    Parameters
    ----------
    bore : Bore
        The innermost tube and the walls around it.

    Returns
    -------
    tuple of Ring
        From the inside out.
    """
    radii = bore.radius_um + np.cumsum(bore.walls_um)
    kinds: tuple[Absorber | Fill, ...] = (part_material(bore.casing, Phase.CASING), Fill.GAS)
    fillings = itertools.cycle(kinds)
    return tuple(Ring(float(radius), filling) for radius, filling in zip(radii, fillings, strict=False))


def _tissues(design: CellDesign) -> tuple[Tissue, ...]:
    """List the tissues in the order of their labels."""
    electrolyte, lithium = part_material(design.electrolyte.material, Phase.ELECTROLYTE), MATERIALS["lithium"]
    fraction = design.deposit.mixed_fraction
    uptake = design.carbon.gas_uptake if design.carbon else 0.0
    counter = [
        solid(
            part_material(name, Phase.COLLECTOR, Phase.LITHIUM),
            Site.COUNTER if name == "lithium" else None,
            f"counter electrode, {name}",
        )
        for name, _ in design.counter
    ]
    return (
        OPEN_VOID,
        solid(lithium, Site.FILM, "lithium film"),
        Tissue("carbon", Phase.CARBON, ((MATERIALS["carbon"], 1.0), (Fill.GAS, uptake))),
        solid(electrolyte),
        solid(part_material(design.collector.material, Phase.COLLECTOR)),
        Tissue("closed void", Phase.VOID, ((SEALED, 1.0),)),
        solid(lithium, Site.IN_ELECTROLYTE, "lithium in the electrolyte"),
        Tissue("SE + Li", Phase.ELECTROLYTE, ((electrolyte, 1 - fraction), (lithium, fraction)), Site.MIXED_ZONE),
        solid(lithium, Site.IN_CARBON, "lithium in pores of the carbon"),
        solid(lithium, Site.ISOLATED, "isolated lithium"),
        solid(lithium, Site.FOIL, "lithium foil"),
        *counter,
    )


STEPS = (
    stack,
    open_carbon,
    fill_pores,
    grow_filaments,
    scatter_clusters,
    grow_masses,
    open_electrolyte,
)
"""How a cell is built, in this order."""

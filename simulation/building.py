"""Build a cell from its design: layers, pores, and lithium by Faraday's law, to the voxel."""

import itertools
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..materials import MATERIALS, Absorber, Gas, Phase
from .cell import Cell, Ring, count_voxels, disc, min_side
from .charge import Charge
from .deposit import film_columns, lithium_voxels, split_voxels, stack_layers
from .design import Bore, CellDesign, Collector
from .inclusions import (
    add_balls,
    add_cracks,
    add_voids,
    filament,
    relabel,
    scattered_balls,
    take_lowest,
    voxels_of_balls,
)
from .morphology import coarse_field, gaussian_field, lenses, points_in_disc, pores
from .tissues import OPEN_VOID, Fill, Site, Tissue, solid

VOID, FILM, CARBON, ELECTROLYTE, COLLECTOR, CLOSED, MASS, MIXED, IN_CARBON, ISOLATED, FOIL, COUNTER = range(12)
"""Labels of the tissues; layers of the counter electrode follow from `COUNTER` on."""

SEALED = Gas("argon", 1.0)
"""Gas of closed voids: that of the glove box the cell was made in."""


def build_cell(design: CellDesign, charge: Charge, *, seed: int = 0) -> Cell:
    """Build a cell whose lithium is Faraday's to the voxel.

    Parameters
    ----------
    design : CellDesign
        Sizes, morphology, and where the lithium goes.
    charge : Charge
        What passed through it.
    seed : int
        Seed of the morphology, not negative.

    Returns
    -------
    Cell
        The cell.

    Raises
    ------
    ValueError
        If the layers do not fit, or the charge needs more lithium than there is room for.
    """
    generator = np.random.default_rng(seed)
    bore = design.bore
    side = min_side(bore.radius_um, bore.voxel_um)
    inside = disc(side, bore.radius_um / bore.voxel_um)
    voxels = lithium_voxels(charge.plated_mah_per_cm2, int(inside.sum()), bore.voxel_um)
    budget = split_voxels(voxels, design.deposit.shares)
    heights = _layers(design, budget["film"], inside, generator)
    labels = _stack(design, charge, heights, budget["film"])
    if design.carbon is not None:
        _open_carbon(labels, design, heights, generator)
        _fill_pores(labels, inside, budget["in_carbon"], generator)
    _plate_electrolyte(labels, inside, design, budget, generator)
    _open_electrolyte(labels, inside, design, generator)
    return Cell(
        labels=labels,
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
    kinds: tuple[Absorber | Fill, ...] = (MATERIALS[bore.casing], Fill.GAS)
    fillings = itertools.cycle(kinds)
    return tuple(Ring(float(radius), filling) for radius, filling in zip(radii, fillings, strict=False))


def _tissues(design: CellDesign) -> tuple[Tissue, ...]:
    """List the tissues in the order of their labels."""
    electrolyte, lithium = MATERIALS[design.electrolyte.material], MATERIALS["lithium"]
    fraction = design.deposit.mixed_fraction
    uptake = design.carbon.gas_uptake if design.carbon else 0.0
    counter = [
        solid(MATERIALS[name], Site.COUNTER if name == "lithium" else None, f"counter electrode, {name}")
        for name, _ in design.counter
    ]
    return (
        OPEN_VOID,
        solid(lithium, Site.FILM, "lithium film"),
        Tissue("carbon", Phase.CARBON, ((MATERIALS["carbon"], 1.0), (Fill.GAS, uptake))),
        solid(electrolyte),
        solid(MATERIALS[design.collector.material]),
        Tissue("closed void", Phase.VOID, ((SEALED, 1.0),)),
        solid(lithium, Site.IN_ELECTROLYTE, "lithium in the electrolyte"),
        Tissue("SE + Li", Phase.ELECTROLYTE, ((electrolyte, 1 - fraction), (lithium, fraction)), Site.MIXED_ZONE),
        solid(lithium, Site.IN_CARBON, "lithium in pores of the carbon"),
        solid(lithium, Site.ISOLATED, "isolated lithium"),
        solid(lithium, Site.FOIL, "lithium foil"),
        *counter,
    )


def _layers(
    design: CellDesign, voxels: int, inside: NDArray[np.bool_], generator: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Return the heights of collector, foil, film, gas on the film, and carbon, in voxels."""
    film, voxel_um = design.film, design.bore.voxel_um
    side, radius_px = len(inside), design.bore.radius_um / voxel_um
    relief = film.roughness_um * gaussian_field((side, side), film.correlation_um / voxel_um, generator)
    spots = points_in_disc(film.bare_spots, max(radius_px - film.bare_um / voxel_um, 0.0), generator)
    radii = np.full(film.bare_spots, film.bare_um / voxel_um)
    bare = lenses(side, spots, radii, np.ones(film.bare_spots)) > 0
    deposit = film_columns(relief / voxel_um, ~bare, voxels, counted=inside)
    gap = np.zeros((side, side), dtype=np.int64)
    if voxels:
        gap[bare] = round(float(deposit[inside & ~bare].mean()))
        gap = np.maximum(gap, _pockets(design, side, generator))
    if film.gap_um > 0:
        gap = np.maximum(gap, np.rint((film.gap_um + relief) / voxel_um).astype(np.int64))
    foil = np.full((side, side), round(film.foil_um / voxel_um), dtype=np.int64)
    carbon = np.zeros((side, side))
    if design.carbon is not None:
        layer = gaussian_field((side, side), film.correlation_um / 2 / voxel_um, generator)
        carbon = (design.carbon.thickness_um + design.carbon.roughness_um * layer) / voxel_um
    collector = _collector_height(design.collector, side, voxel_um, generator)
    return [collector, foil, deposit, gap, np.maximum(np.rint(carbon), 0).astype(np.int64)]


def _collector_height(
    collector: Collector, side: int, voxel_um: float, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Return the height of the collector's surface in voxels: plane, tilt, bend and roughness."""
    offset = np.arange(side) - (side - 1) / 2
    y, x = offset[:, None], offset[None, :]
    direction = np.deg2rad(collector.tilt_to_deg)
    height = np.full((side, side), collector.thickness_um / voxel_um)
    height += np.tan(np.deg2rad(collector.tilt_deg)) * (x * np.cos(direction) + y * np.sin(direction))
    height += collector.bend_um / voxel_um * (0.5 - (x**2 + y**2) / offset[-1] ** 2)
    if collector.roughness_um > 0:
        field = gaussian_field((side, side), collector.correlation_um / voxel_um, generator)
        height += collector.roughness_um / voxel_um * field
    return np.maximum(np.rint(height), 0).astype(np.int64)


def _pockets(design: CellDesign, side: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return the height of flat gas pockets on the film, in voxels."""
    film, voxel_um = design.film, design.bore.voxel_um
    centres = points_in_disc(film.pockets, design.bore.radius_um / voxel_um, generator)
    radii = film.pocket_um / voxel_um * generator.uniform(0.6, 1.4, film.pockets)
    heights = radii * generator.uniform(0.15, 0.35, film.pockets)
    return np.rint(lenses(side, centres, radii, heights)).astype(np.int64)


def _stack(design: CellDesign, charge: Charge, heights: list[NDArray[np.int64]], film_voxels: int) -> NDArray[np.uint8]:
    """Lay the layers on each other under the counter electrode; refuse what does not fit."""
    voxel_um = design.bore.voxel_um
    n_z = round(design.bore.height_um / voxel_um)
    room_um = (n_z * voxel_um) - design.counter_um
    highest_um = float(np.sum(heights, axis=0).max()) * voxel_um
    if highest_um >= room_um:
        film_um = float(heights[2].max()) * voxel_um if film_voxels else 0.0
        raise ValueError(
            f"{charge.plated_mah_per_cm2:g} mAh/cm2 plate up to {film_um:.1f} µm of film; all layers under the "
            f"electrolyte reach {highest_um:.1f} µm and leave no room for it below {room_um:g} µm: give less "
            "charge or a taller cell"
        )
    labels = stack_layers(heights, [COLLECTOR, FOIL, FILM, VOID, CARBON], n_z, fill=ELECTROLYTE)
    low = n_z - round(design.counter_um / voxel_um)
    for code, (_, thickness_um) in enumerate(design.counter, start=COUNTER):
        high = low + round(thickness_um / voxel_um)
        labels[low:high] = code
        low = high
    return labels


def _open_carbon(
    labels: NDArray[np.uint8],
    design: CellDesign,
    heights: list[NDArray[np.int64]],
    generator: np.random.Generator,
) -> None:
    """Open the pores of the carbon, in place."""
    if design.carbon is None:
        return
    bottom, top = int(np.sum(heights[:4], axis=0).min()), int(np.sum(heights, axis=0).max())
    slab = labels[bottom:top]
    if slab.size == 0:
        return
    size_px = design.carbon.pore_um / design.bore.voxel_um
    hollow = pores(slab.shape, design.carbon.porosity, size_px, generator) & (slab == CARBON)
    slab[hollow] = VOID
    if design.carbon.closed_share > 0:
        sealed = pores(slab.shape, design.carbon.closed_share, 4 * size_px, generator)
        slab[hollow & sealed] = CLOSED


def _fill_pores(
    labels: NDArray[np.uint8], inside: NDArray[np.bool_], count: int, generator: np.random.Generator
) -> None:
    """Fill open pores of the carbon with lithium from the collector's side on, in place."""
    if count == 0:
        return
    layers = np.flatnonzero(count_voxels(labels, inside, 256)[:, CARBON])
    if layers.size == 0:
        raise ValueError("lithium is to lie in pores of the carbon, but there is no carbon; give a thicker layer")
    slab = labels[layers[0] : layers[-1] + 1]
    height = np.arange(len(slab), dtype=np.float32)[:, None, None]
    score = height + coarse_field(slab.shape, 8.0, generator) * np.float32(0.2 * len(slab))
    take_lowest(slab, (slab == VOID) & inside, score, count, IN_CARBON)


def _plate_electrolyte(
    labels: NDArray[np.uint8],
    inside: NDArray[np.bool_],
    design: CellDesign,
    budget: dict[str, int],
    generator: np.random.Generator,
) -> None:
    """Put filaments, clusters, masses and the mixed zone into the electrolyte, in place."""
    deposit, voxel_um = design.deposit, design.bore.voxel_um
    if not any(budget[name] for name in ("filaments", "isolated", "mass", "mixed")):
        return
    layers = np.flatnonzero(count_voxels(labels, inside, 256)[:, ELECTROLYTE])
    if layers.size == 0:
        raise ValueError("lithium is to lie in the electrolyte, but there is none left; give a taller cell")
    low, high = float(layers[0]), float(layers[-1])
    reach, side = design.bore.radius_um / voxel_um, len(inside)
    left = _grow_filaments(labels, inside, design, budget["filaments"], generator)
    clusters = scattered_balls(
        low + 0.3 * (high - low), high, 0.9 * reach, deposit.cluster_um / voxel_um, side, generator
    )
    add_balls(labels, inside, clusters, count=budget["isolated"], host=ELECTROLYTE, code=ISOLATED)
    slab = labels[layers[0] : layers[-1] + 1]
    size = deposit.mass_um / voxel_um
    height = np.arange(len(slab), dtype=np.float32)[:, None, None] - deposit.mass_height_um / voxel_um
    score = coarse_field(slab.shape, size, generator) + np.abs(height) / np.float32(size)
    take_lowest(slab, (slab == ELECTROLYTE) & inside, score, budget["mass"] + left, MASS)
    grain = coarse_field(slab.shape, 4.0 / voxel_um, generator) * np.float32(0.05)
    count = round(budget["mixed"] / deposit.mixed_fraction)
    take_lowest(slab, (slab == ELECTROLYTE) & inside, score + grain, count, MIXED)


def _grow_filaments(
    labels: NDArray[np.uint8],
    inside: NDArray[np.bool_],
    design: CellDesign,
    count: int,
    generator: np.random.Generator,
) -> int:
    """Grow whole filaments through the electrolyte, in place; return what is left of their lithium."""
    deposit, voxel_um = design.deposit, design.bore.voxel_um
    left, grown = count, 0
    reach, middle = 0.8 * design.bore.radius_um / voxel_um, (len(inside) - 1) / 2
    while left > 0:
        y, x = points_in_disc(1, reach, generator)[0] + middle
        column = np.flatnonzero(labels[:, round(y), round(x)] == ELECTROLYTE)
        if column.size == 0:
            break
        top = column[0] + deposit.filament_reach * (column[-1] - column[0]) + 1
        foot = np.array([column[0] - 1.0, y, x])
        balls = filament(foot, top, deposit.filament_um / voxel_um, generator)
        places = voxels_of_balls(labels, inside, balls, host=ELECTROLYTE)
        if len(places) > left:
            break
        relabel(labels, places, MASS)
        left, grown = left - len(places), grown + 1
    if count and not grown:
        raise ValueError(
            f"{count} voxels of lithium do not make one filament of {deposit.filament_um:g} µm across the "
            "electrolyte; give more charge, thinner filaments or a shorter reach"
        )
    return left


def _open_electrolyte(
    labels: NDArray[np.uint8], inside: NDArray[np.bool_], design: CellDesign, generator: np.random.Generator
) -> None:
    """Open voids and cracks in the electrolyte, in place."""
    part, voxel_um = design.electrolyte, design.bore.voxel_um
    voids: dict[str, Any] = {"host": ELECTROLYTE, "codes": (VOID, CLOSED), "generator": generator}
    add_voids(
        labels,
        inside,
        share=part.void_share,
        radius=part.void_um / voxel_um,
        closed_share=part.closed_share,
        **voids,
    )
    add_cracks(labels, part.cracks, part.crack_um / voxel_um, host=ELECTROLYTE, code=VOID, generator=generator)

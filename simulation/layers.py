"""The layers of a cell: heights of collector, film, gas and carbon, and how they lie on each other."""

import numpy as np
from numpy.typing import NDArray

from .charge import Charge
from .construction import CARBON, COLLECTOR, COUNTER, ELECTROLYTE, FILM, FOIL, LAYERS, VOID, Construction
from .deposit import fill_layers, film_columns
from .design import CellDesign, Collector
from .fields import gaussian_field
from .morphology import lenses, points_in_disc
from .noise import stream


def layer_heights(design: CellDesign, voxels: int, inside: NDArray[np.bool_], seed: int) -> list[NDArray[np.int64]]:
    """Return the heights of collector, foil, film, gas on the film, and carbon, in voxels.

    Each layer has its own draws, so that a cell before its charge has the collector and the carbon of the cell after
    it.

    Parameters
    ----------
    design : CellDesign
        Sizes and morphology.
    voxels : int
        Lithium of the film, in voxels of the tube.
    inside : (n, n) array of bool
        Columns in the tube.
    seed : int
        Seed of the morphology.

    Returns
    -------
    list of (n, n) array of int64
        Height of each layer in voxels.
    """
    film, voxel_um = design.film, design.bore.voxel_um
    side, radius_px = len(inside), design.bore.radius_um / voxel_um
    own = [stream(seed, LAYERS, layer) for layer in range(5)]
    relief = film.roughness_um * gaussian_field((side, side), film.correlation_um / voxel_um, own[0])
    spots = points_in_disc(film.bare_spots, max(radius_px - film.bare_um / voxel_um, 0.0), own[1])
    radii = np.full(film.bare_spots, film.bare_um / voxel_um)
    bare = lenses(side, spots, radii, np.ones(film.bare_spots)) > 0
    deposit = film_columns(relief / voxel_um, ~bare, voxels, counted=inside)
    gap = np.zeros((side, side), dtype=np.int64)
    if voxels:
        gap[bare] = round(float(deposit[inside & ~bare].mean()))
        gap = np.maximum(gap, _pockets(design, side, own[2]))
    if film.gap_um > 0:
        gap = np.maximum(gap, np.rint((film.gap_um + relief) / voxel_um).astype(np.int64))
    foil = np.full((side, side), round(film.foil_um / voxel_um), dtype=np.int64)
    carbon = np.zeros((side, side))
    if design.carbon is not None:
        layer = gaussian_field((side, side), film.correlation_um / 2 / voxel_um, own[3])
        carbon = (design.carbon.thickness_um + design.carbon.roughness_um * layer) / voxel_um
    collector = _collector_height(design.collector, side, voxel_um, own[4])
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


def check_room(design: CellDesign, charge: Charge, heights: list[NDArray[np.int64]], film_voxels: int) -> None:
    """Refuse layers that do not fit under the counter electrode.

    Parameters
    ----------
    design : CellDesign
        Sizes.
    charge : Charge
        What is plated.
    heights : list of (n, n) array of int64
        Height of each layer in voxels.
    film_voxels : int
        Lithium of the film, in voxels.

    Raises
    ------
    ValueError
        If they reach the counter electrode or the upper end.
    """
    voxel_um = design.bore.voxel_um
    room_um = (round(design.bore.height_um / voxel_um) * voxel_um) - design.counter_um
    highest_um = float(np.sum(heights, axis=0).max()) * voxel_um
    if highest_um >= room_um:
        film_um = float(heights[2].max()) * voxel_um if film_voxels else 0.0
        raise ValueError(
            f"{charge.plated_mah_per_cm2:g} mAh/cm2 plate up to {film_um:.1f} µm of film; all layers under the "
            f"electrolyte reach {highest_um:.1f} µm and leave no room for it below {room_um:g} µm: give less "
            "charge or a taller cell"
        )


def stack(cell: Construction) -> None:
    """Lay the layers on each other under the counter electrode.

    Parameters
    ----------
    cell : Construction
        The cell while it is built; its labels change in place.
    """
    codes = np.array([COLLECTOR, FOIL, FILM, VOID, CARBON, ELECTROLYTE], dtype=np.uint8)
    for start, labels in cell.work.slabs():
        fill_layers(labels, start, cell.tops, codes)
        low = cell.ceiling
        for code, (_, thickness_um) in enumerate(cell.design.counter, start=COUNTER):
            high = low + round(thickness_um / cell.voxel_um)
            labels[max(low - start, 0) : max(high - start, 0)] = code
            low = high

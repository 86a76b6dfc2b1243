"""Kodama's process 3: an even lithium film between carbon interlayer and collector."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ..materials import MATERIALS, Phase
from .cell import Cell, Ring, disc, min_side
from .deposit import film_columns, lithium_voxels, stack_layers
from .morphology import carve_ellipsoid, gaussian_field, lenses, points_in_disc, pores
from .tissues import OPEN_VOID, Fill, Site, solid

VOID, LITHIUM, CARBON, ELECTROLYTE, COLLECTOR = range(5)
"""Labels of the cell's tissues."""


@dataclass(frozen=True)
class ProcessThree:
    """Sizes and morphology of a process-3 cell [1]_.

    Layers lie on each other along z: collector, lithium film, carbon interlayer, electrolyte up to the top.

    Parameters
    ----------
    inner_diameter_um : float
        Inner diameter of the inner tube in µm.
    height_um : float
        Height of the cell in µm; the electrolyte fills what the other layers leave.
    voxel_um : float
        Edge of a voxel of the truth in µm.
    collector_um, carbon_um : float
        Thickness of the collector in the cell and mean thickness of the carbon interlayer in µm.
    roughness_um, correlation_um : float
        Standard deviation and correlation length of the film's surface in µm.
    carbon_roughness_um : float
        Standard deviation of the carbon's thickness in µm.
    porosity, pore_um : float
        Share of the carbon that is open pore, and width of its pores in µm.
    void_share, void_um : float
        Share of the electrolyte that is open void, and mean radius of its voids in µm.
    pockets, pocket_um : int, float
        Flat gas pockets between lithium and carbon, and their mean radius in µm.
    bare_spots, bare_um : int, float
        Spots where gas lies in place of the film, and their radius in µm.
    tube_um : tuple of float
        Wall of the inner tube, gas gap, and wall of the outer tube in µm.
    electrolyte : str
        Name of the electrolyte in `MATERIALS`.

    Raises
    ------
    ValueError
        If a length or a number is negative, or a size is zero.

    References
    ----------
    .. [1] Kodama et al., Journal of Power Sources Advances 26 (2024) 100142.
    """

    inner_diameter_um: float = 1000.0
    height_um: float = 600.0
    voxel_um: float = 1.0
    collector_um: float = 60.0
    carbon_um: float = 22.0
    roughness_um: float = 4.0
    correlation_um: float = 60.0
    carbon_roughness_um: float = 2.0
    porosity: float = 0.3
    pore_um: float = 4.0
    void_share: float = 0.004
    void_um: float = 6.0
    pockets: int = 12
    pocket_um: float = 15.0
    bare_spots: int = 2
    bare_um: float = 16.0
    tube_um: tuple[float, float, float] = (200.0, 50.0, 300.0)
    electrolyte: str = "li5.5ps4.5br1.5"

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, value in asdict(self).items():
            if name in ("electrolyte", "tube_um"):
                continue
            if not value >= 0:
                raise ValueError(f"{name} of the cell is {value}; give 0 or more")
        for name in ("inner_diameter_um", "height_um", "voxel_um", "correlation_um", "pore_um", "void_um"):
            if getattr(self, name) == 0:
                raise ValueError(f"{name} of the cell is 0; give more than 0 µm")
        if len(self.tube_um) != 3 or not min(self.tube_um) > 0:
            raise ValueError(f"walls of the tubes are {self.tube_um} µm; give inner wall, gap and outer wall above 0")
        if self.electrolyte not in MATERIALS or MATERIALS[self.electrolyte].phase is not Phase.ELECTROLYTE:
            raise ValueError(f"electrolyte {self.electrolyte!r} is not known; use a name from MATERIALS")


def process_three(design: ProcessThree, areal_capacity_mah_per_cm2: float, *, seed: int = 0) -> Cell:
    """Build a process-3 cell whose lithium is Faraday's to the voxel.

    Parameters
    ----------
    design : ProcessThree
        Sizes and morphology.
    areal_capacity_mah_per_cm2 : float
        Charge over electrode area in mAh cm^-2, not negative.
    seed : int
        Seed of the morphology.

    Returns
    -------
    Cell
        The cell.

    Raises
    ------
    ValueError
        If the charge needs more lithium than there is room for between collector and cell top.
    """
    generator = np.random.default_rng(seed)
    side = min_side(design.inner_diameter_um / 2, design.voxel_um)
    heights = _layer_heights(design, areal_capacity_mah_per_cm2, side, generator)
    n_z = round(design.height_um / design.voxel_um)
    highest, room = int(np.sum(heights, axis=0).max()), n_z
    if highest >= room:
        film_um = float(heights[1].max()) * design.voxel_um
        raise ValueError(
            f"{areal_capacity_mah_per_cm2:g} mAh/cm2 plate up to {film_um:.1f} µm of lithium; collector, film and "
            f"carbon reach {highest * design.voxel_um:.1f} µm, the cell {design.height_um:g} µm: give less charge "
            "or a taller cell"
        )
    labels = stack_layers(heights, [COLLECTOR, LITHIUM, VOID, CARBON], n_z, fill=ELECTROLYTE)
    _open_carbon(labels, design, heights, generator)
    _open_electrolyte(labels, design, generator)
    return Cell(
        labels=labels,
        tissues=(
            OPEN_VOID,
            solid(MATERIALS["lithium"], Site.FILM, "lithium film"),
            solid(MATERIALS["carbon"]),
            solid(MATERIALS[design.electrolyte]),
            solid(MATERIALS["steel"]),
        ),
        voxel_um=design.voxel_um,
        radius_um=design.inner_diameter_um / 2,
        rings=double_tube(design.inner_diameter_um / 2, design.tube_um),
        name="kodama-process-3",
        parameters=asdict(design) | {"areal_capacity_mah_per_cm2": areal_capacity_mah_per_cm2, "seed": seed},
    )


def double_tube(radius_um: float, walls_um: tuple[float, float, float]) -> tuple[Ring, ...]:
    """Return Kodama's casing: a PEEK tube in a PEEK tube, with gas between them.

    Parameters
    ----------
    radius_um : float
        Inner radius in µm.
    walls_um : (inner wall, gap, outer wall)
        Thickness of each in µm, above 0.

    Returns
    -------
    tuple of Ring
        From the inside out.
    """
    inner, gap, outer = radius_um + np.cumsum(walls_um)
    peek = MATERIALS["peek"]
    return Ring(float(inner), peek), Ring(float(gap), Fill.GAS), Ring(float(outer), peek)


def _layer_heights(
    design: ProcessThree, areal_capacity: float, side: int, generator: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Return the heights of collector, film, gas on the film, and carbon, in voxels."""
    voxel, radius_px = design.voxel_um, design.inner_diameter_um / 2 / design.voxel_um
    inside = disc(side, radius_px)
    voxels = lithium_voxels(areal_capacity, int(inside.sum()), voxel)
    relief = design.roughness_um * gaussian_field((side, side), design.correlation_um / voxel, generator)
    spots = points_in_disc(design.bare_spots, radius_px - design.bare_um / voxel, generator)
    radii = np.full(design.bare_spots, design.bare_um / voxel)
    bare = lenses(side, spots, radii, np.ones(design.bare_spots)) > 0
    film = film_columns(relief / voxel, ~bare, voxels, counted=inside)
    gap = np.where(bare, np.rint(film[inside & ~bare].mean()) if voxels else 0, 0).astype(np.int64)
    if voxels:
        gap = np.maximum(gap, _pockets(design, side, generator))
    carbon = design.carbon_um + design.carbon_roughness_um * gaussian_field(
        (side, side), design.correlation_um / 2 / voxel, generator
    )
    collector = np.full((side, side), round(design.collector_um / voxel), dtype=np.int64)
    return [collector, film, gap, np.maximum(np.rint(carbon / voxel), 0).astype(np.int64)]


def _pockets(design: ProcessThree, side: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return the height of flat gas pockets on the film, in voxels."""
    centres = points_in_disc(design.pockets, design.inner_diameter_um / 2 / design.voxel_um, generator)
    radii = design.pocket_um / design.voxel_um * generator.uniform(0.6, 1.4, design.pockets)
    heights = radii * generator.uniform(0.15, 0.35, design.pockets)
    return np.rint(lenses(side, centres, radii, heights)).astype(np.int64)


def _open_carbon(
    labels: NDArray[np.uint8],
    design: ProcessThree,
    heights: list[NDArray[np.int64]],
    generator: np.random.Generator,
) -> None:
    """Open the pores of the carbon, in place."""
    bottom = int(np.sum(heights[:3], axis=0).min())
    slab = labels[bottom : int(np.sum(heights, axis=0).max())]
    hollow = pores(slab.shape, design.porosity, design.pore_um / design.voxel_um, generator)
    slab[hollow & (slab == CARBON)] = VOID


def _open_electrolyte(labels: NDArray[np.uint8], design: ProcessThree, generator: np.random.Generator) -> None:
    """Open voids in the electrolyte until their share is met, in place."""
    inside = disc(labels.shape[1], design.inner_diameter_um / 2 / design.voxel_um)
    wanted = design.void_share * float((labels[:, inside] == ELECTROLYTE).sum())
    opened, n_z = 0, labels.shape[0]
    while opened < wanted:
        size = design.void_um / design.voxel_um * generator.uniform(0.5, 1.5)
        place = points_in_disc(1, labels.shape[1] / 2, generator)[0] + (labels.shape[1] - 1) / 2
        centre = np.array([generator.uniform(0, n_z), *place])
        axes = size * np.array([0.6, *generator.uniform(0.7, 1.4, 2)])
        if labels[int(centre[0]), int(place[0]), int(place[1])] == ELECTROLYTE:
            opened += carve_ellipsoid(labels, centre, axes, host=ELECTROLYTE, code=VOID)

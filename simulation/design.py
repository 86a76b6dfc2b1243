"""What a simulated cell is made of: sizes, morphology, and where its lithium goes."""

from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..materials import MATERIALS, Material, Phase, material


def _check(part: Any, *, positive: tuple[str, ...] = (), shares: tuple[str, ...] = ()) -> None:
    """Refuse negative numbers, zeros where a size is needed, and shares beyond 1."""
    kind = type(part).__name__.lower()
    for item in fields(part):
        value = getattr(part, item.name)
        if not isinstance(value, int | float):
            continue
        if not value >= 0:
            raise ValueError(f"{item.name} of the {kind} is {value}; give 0 or more")
        if item.name in positive and value == 0:
            raise ValueError(f"{item.name} of the {kind} is 0; give more than 0")
        if item.name in shares and value > 1:
            raise ValueError(f"{item.name} of the {kind} is {value}; give a share from 0 to 1")


def part_material(name: str, *phases: Phase) -> Material:
    """Return what a part of the cell is made of.

    Parameters
    ----------
    name : str
        Name in `MATERIALS`, or "FORMULA@DENSITY" with the density in g cm^-3, as in "Li3PS4@1.87".
    *phases : Phase
        What the part may be; a formula becomes the first of them.

    Returns
    -------
    Material
        The material, with its phase.

    Raises
    ------
    ValueError
        If it is not known or is no such part of a cell.
    """
    if "@" in name:
        return replace(material(name), phase=phases[0])
    fitting = [key for key, known in MATERIALS.items() if known.phase in phases]
    if name not in fitting:
        raise ValueError(
            f"material {name!r} does not fit here; use one of {', '.join(fitting)}, or a formula with its density in "
            "g/cm3 as in 'Li3PS4@1.87'"
        )
    return MATERIALS[name]


@dataclass(frozen=True)
class Bore:
    """The tube that holds the cell, and the grid of the truth.

    Parameters
    ----------
    inner_diameter_um : float
        Inner diameter of the innermost tube in µm.
    height_um : float
        Height of the cell in µm, from within the collector up.
    voxel_um : float
        Edge of a voxel of the truth in µm; finer than the scan's.
    walls_um : tuple of float
        Thickness in µm of wall, gas gap, wall, ... from the inside out; an odd number of them.
    casing : str
        Name of the walls' material.

    Raises
    ------
    ValueError
        If a size is not above 0, or the walls do not end with a wall.
    """

    inner_diameter_um: float = 1000.0
    height_um: float = 700.0
    voxel_um: float = 1.0
    walls_um: tuple[float, ...] = (200.0, 50.0, 300.0)
    casing: str = "peek"

    def __post_init__(self) -> None:
        """Check the sizes."""
        _check(self, positive=("inner_diameter_um", "height_um", "voxel_um"))
        part_material(self.casing, Phase.CASING)
        if len(self.walls_um) % 2 == 0 or not min(self.walls_um) > 0:
            raise ValueError(
                f"walls of the tubes are {self.walls_um} µm; give wall, gap, wall, ... above 0, a wall last"
            )

    @property
    def radius_um(self) -> float:
        """Inner radius in µm."""
        return self.inner_diameter_um / 2


@dataclass(frozen=True)
class Collector:
    """The current collector under the deposit.

    Parameters
    ----------
    thickness_um : float
        Mean thickness in the cell in µm.
    material : str
        Name of the material.
    roughness_um, correlation_um : float
        Standard deviation and correlation length of its surface in µm.
    tilt_deg, tilt_to_deg : float
        Slope of its surface against the rotation axis in degrees, and the direction in which it rises, from x
        towards y.
    bend_um : float
        Height of the middle over the rim in µm.

    Raises
    ------
    ValueError
        If a number is negative.
    """

    thickness_um: float = 60.0
    material: str = "steel"
    roughness_um: float = 0.0
    correlation_um: float = 40.0
    tilt_deg: float = 0.0
    tilt_to_deg: float = 0.0
    bend_um: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        _check(self, positive=("correlation_um",))
        part_material(self.material, Phase.COLLECTOR)


@dataclass(frozen=True)
class Film:
    """The surface of the lithium film, and what parts it from what lies on it.

    Parameters
    ----------
    roughness_um, correlation_um : float
        Standard deviation and correlation length of the surface in µm.
    foil_um : float
        Lithium that was there before the charge, in µm.
    gap_um : float
        Gas gap over the whole electrode in µm: a delaminated cell.
    pockets, pocket_um : int, float
        Flat gas pockets on the film, and their mean radius in µm.
    bare_spots, bare_um : int, float
        Spots where gas lies in place of the film, and their radius in µm.

    Raises
    ------
    ValueError
        If a number is negative.
    """

    roughness_um: float = 4.0
    correlation_um: float = 60.0
    foil_um: float = 0.0
    gap_um: float = 0.0
    pockets: int = 12
    pocket_um: float = 15.0
    bare_spots: int = 2
    bare_um: float = 16.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        _check(self, positive=("correlation_um",))


@dataclass(frozen=True)
class Carbon:
    """The porous carbon interlayer.

    Parameters
    ----------
    thickness_um, roughness_um : float
        Mean thickness and its standard deviation in µm.
    porosity, pore_um : float
        Share of the layer that is pore, and width of the pores in µm.
    closed_share : float
        Share of the pores that no gas enters.
    gas_uptake : float
        Gas that the solid takes up, as a share of its volume at the gas's density; may exceed 1.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    thickness_um: float = 22.0
    roughness_um: float = 2.0
    porosity: float = 0.3
    pore_um: float = 4.0
    closed_share: float = 0.0
    gas_uptake: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        _check(self, positive=("pore_um",), shares=("porosity", "closed_share"))


@dataclass(frozen=True)
class Electrolyte:
    """The solid electrolyte, which fills what the other layers leave.

    Parameters
    ----------
    material : str
        Name of the material.
    void_share, void_um : float
        Share of the electrolyte that is void, and mean radius of the voids in µm.
    closed_share : float
        Share of the voids that no gas enters.
    cracks, crack_um : int, float
        Flat open cracks, and their mean radius in µm; they are two voxels wide.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    material: str = "li5.5ps4.5br1.5"
    void_share: float = 0.004
    void_um: float = 6.0
    closed_share: float = 0.0
    cracks: int = 0
    crack_um: float = 60.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        _check(self, positive=("void_um", "crack_um"), shares=("void_share", "closed_share"))
        part_material(self.material, Phase.ELECTROLYTE)


@dataclass(frozen=True)
class Deposit:
    """Where the plated lithium goes, as shares of its volume, and what it looks like there.

    Parameters
    ----------
    film : float
        Share in the film on the collector.
    mass, mass_um, mass_height_um : float
        Share in large dark masses in the electrolyte, their size, and their height over its lower face in µm.
    mixed, mixed_fraction : float
        Share in the zone around the masses where lithium is finer than a voxel, and the share of that zone's
        volume that is lithium.
    filaments, filament_um, filament_reach : float
        Share in filaments, their width in µm, and how far across the electrolyte they reach (1: shorted).
    in_carbon : float
        Share in the pores of the carbon.
    isolated, cluster_um : float
        Share in isolated clusters in the electrolyte, and their mean radius in µm.
    outside : float
        Share that lies outside the cell that is simulated (on the rim, behind the collector).

    Raises
    ------
    ValueError
        If a number is out of range or the shares do not add up to 1.
    """

    film: float = 1.0
    mass: float = 0.0
    mass_um: float = 80.0
    mass_height_um: float = 0.0
    mixed: float = 0.0
    mixed_fraction: float = 0.15
    filaments: float = 0.0
    filament_um: float = 6.0
    filament_reach: float = 1.0
    in_carbon: float = 0.0
    isolated: float = 0.0
    cluster_um: float = 5.0
    outside: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges and the sum."""
        sizes = ("mass_um", "mixed_fraction", "filament_um", "cluster_um")
        _check(self, positive=sizes, shares=(*self.shares, "mixed_fraction", "filament_reach"))
        if abs(sum(self.shares.values()) - 1) > 1e-9:
            raise ValueError(f"shares of the deposit are {self.shares}; they must add up to 1")

    @property
    def shares(self) -> dict[str, float]:
        """Share of the plated volume at each place."""
        names = ("film", "mass", "mixed", "filaments", "in_carbon", "isolated", "outside")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class CellDesign:
    """A cell of layers along z: collector, film, carbon, electrolyte, counter electrode.

    Parameters
    ----------
    bore : Bore
        Tube and grid.
    collector : Collector
        What the lithium is plated on.
    film : Film
        Surface of the deposit.
    carbon : Carbon or None
        Interlayer, where there is one.
    electrolyte : Electrolyte
        What fills the rest.
    counter : tuple of (str, float)
        Material and thickness in µm of the flat layers over the electrolyte, from it upwards.
    deposit : Deposit
        Where the lithium goes.
    name : str
        Name of the preset.

    Raises
    ------
    ValueError
        If the counter electrode does not fit, or lithium is to lie in a carbon that is not there.
    """

    bore: Bore = field(default_factory=Bore)
    collector: Collector = field(default_factory=Collector)
    film: Film = field(default_factory=Film)
    carbon: Carbon | None = field(default_factory=Carbon)
    electrolyte: Electrolyte = field(default_factory=Electrolyte)
    counter: tuple[tuple[str, float], ...] = ()
    deposit: Deposit = field(default_factory=Deposit)
    name: str = "cell"

    def __post_init__(self) -> None:
        """Check that the parts fit each other."""
        for name, thickness_um in self.counter:
            part_material(name, Phase.COLLECTOR, Phase.LITHIUM)
            if not thickness_um > 0:
                raise ValueError(f"layer of {name} is {thickness_um} µm thick; give more than 0 µm")
        if self.carbon is None and self.deposit.in_carbon > 0:
            raise ValueError(
                f"{self.deposit.in_carbon:g} of the lithium is to lie in carbon, but there is none; add a carbon layer"
            )

    @property
    def counter_um(self) -> float:
        """Height of the counter electrode in µm."""
        return sum(thickness for _, thickness in self.counter)

"""Cells by name: Kodama's four, uncharged and delaminated ones, and Ham's shorted symmetric cell."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ..materials import lithium
from .charge import Charge
from .design import Bore, Carbon, CellDesign, Collector, Deposit, Electrolyte, Film

KODAMA_MAH_PER_CM2 = lithium.areal_charge_mah_per_cm2(0.2, 4000.0)
"""0.2 mA cm^-2 for 4000 min: 13.33 mAh cm^-2."""

NO_INTERLAYER_MAH_PER_CM2 = lithium.areal_charge_mah_per_cm2(0.2, 3500.0)
"""0.2 mA cm^-2 for 3500 min, without an interlayer."""


@dataclass(frozen=True)
class Preset:
    """A named cell and its charge.

    Parameters
    ----------
    design : CellDesign
        The cell.
    charge : Charge
        What passed through it.
    note : str
        What it shows, in one line.
    """

    design: CellDesign
    charge: Charge
    note: str


def _kodama(name: str, deposit: Deposit, **changes: object) -> CellDesign:
    parts: dict[str, object] = {"counter": (("inli", 100.0),), "deposit": deposit, "name": name} | changes
    return replace(CellDesign(bore=Bore(height_um=760.0)), **parts)  # type: ignore[arg-type]


_INSIDE = Deposit(film=0.0, mass=0.75, mixed=0.25, mass_um=90.0, mass_height_um=60.0)

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "kodama-no-interlayer": Preset(
            _kodama(
                "kodama-no-interlayer",
                Deposit(film=0.0, mass=0.7, mixed=0.3, mass_um=120.0, mixed_fraction=0.3),
                carbon=None,
            ),
            Charge(NO_INTERLAYER_MAH_PER_CM2),
            "no interlayer: a large dark mass and a zone where lithium is finer than a voxel",
        ),
        "kodama-process-1": Preset(
            _kodama("kodama-process-1", _INSIDE, carbon=Carbon(thickness_um=28.0, porosity=0.45)),
            Charge(KODAMA_MAH_PER_CM2),
            "carbon pressed on at 3 MPa: lithium inside the electrolyte",
        ),
        "kodama-process-2": Preset(
            _kodama("kodama-process-2", replace(_INSIDE, mass_um=70.0, mass_height_um=40.0)),
            Charge(KODAMA_MAH_PER_CM2),
            "carbon pressed on at 400 MPa after the pellet: lithium inside the electrolyte",
        ),
        "kodama-process-3": Preset(
            _kodama("kodama-process-3", Deposit()),
            Charge(KODAMA_MAH_PER_CM2),
            "pellet and carbon pressed together: an even film of 65 µm between carbon and collector",
        ),
        "kodama-uncharged": Preset(
            _kodama("kodama-uncharged", Deposit(), film=Film(pockets=0, bare_spots=0)),
            Charge(0.0),
            "before charging: no lithium metal",
        ),
        "kodama-delaminated": Preset(
            _kodama("kodama-delaminated", Deposit(), film=Film(gap_um=65.0, pockets=0, bare_spots=0)),
            Charge(0.0),
            "no lithium, and a gap full of gas where a film would lie",
        ),
        "ham-symmetric": Preset(
            CellDesign(
                bore=Bore(inner_diameter_um=2000.0, height_um=900.0, voxel_um=2.0, walls_um=(1500.0,), casing="ptfe"),
                collector=Collector(thickness_um=100.0),
                film=Film(foil_um=60.0, roughness_um=6.0, pockets=4, bare_spots=0),
                carbon=None,
                electrolyte=Electrolyte(material="li6ps5cl", void_share=0.01, void_um=10.0),
                counter=(("lithium", 60.0), ("steel", 100.0)),
                deposit=Deposit(film=0.5, mass=0.2, filaments=0.3, filament_um=20.0, mass_um=80.0),
                name="ham-symmetric",
            ),
            Charge(2.0, shorted_share=0.25),
            "shorted symmetric cell: filaments from one electrode to the other",
        ),
    }
)
"""Cells by name, with what passed through them. Kodama's [1]_ and Ham's sizes are the papers' where they state them.

References
----------
.. [1] Kodama et al., Journal of Power Sources Advances 26 (2024) 100142.
"""


def shrunk(preset: Preset, inner_diameter_um: float, height_um: float, *, voxel_um: float = 1.0) -> Preset:
    """Return a smaller cell of the same kind: all sizes along and across z scaled, charge with the thickness.

    Parameters
    ----------
    preset : Preset
        The cell.
    inner_diameter_um : float
        New inner diameter in µm.
    height_um : float
        New height in µm.
    voxel_um : float
        New voxel of the truth in µm.

    Returns
    -------
    Preset
        The small cell. Pores and voids keep their size.
    """
    design = preset.design
    wide, high = inner_diameter_um / design.bore.inner_diameter_um, height_um / design.bore.height_um
    film, deposit, carbon = design.film, design.deposit, design.carbon
    small = replace(
        design,
        bore=replace(
            design.bore,
            inner_diameter_um=inner_diameter_um,
            height_um=height_um,
            voxel_um=voxel_um,
            walls_um=tuple(max(wall * wide, 2 * voxel_um) for wall in design.bore.walls_um),
        ),
        collector=replace(design.collector, thickness_um=design.collector.thickness_um * high),
        film=replace(
            film,
            roughness_um=film.roughness_um * high,
            correlation_um=film.correlation_um * wide,
            foil_um=film.foil_um * high,
            gap_um=film.gap_um * high,
            pocket_um=film.pocket_um * wide,
            bare_um=film.bare_um * wide,
        ),
        carbon=carbon
        and replace(carbon, thickness_um=carbon.thickness_um * high, roughness_um=carbon.roughness_um * high),
        counter=tuple((name, thickness * high) for name, thickness in design.counter),
        deposit=replace(
            deposit,
            mass_um=deposit.mass_um * wide,
            mass_height_um=deposit.mass_height_um * high,
            filament_um=max(deposit.filament_um * wide, 3 * voxel_um),
        ),
    )
    charge = replace(preset.charge, areal_capacity_mah_per_cm2=preset.charge.areal_capacity_mah_per_cm2 * high)
    return Preset(small, charge, preset.note)

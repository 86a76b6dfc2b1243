"""What will not work in a planned scan, in plain words, and what to do about it."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..materials import MATERIALS, Gas, Material, Phase, Spectrum, effective_mu_per_cm, monochromatic
from .acquisition import Acquisition
from .design import CellDesign, part_material

CM_PER_UM = 1e-4

JIG_LIMIT_ATM = 8.0
"""Highest pressure of Kodama's jig."""

ALIKE = 0.3
"""Two phases look alike if their µ differ by less than this share of the larger."""

STARVED = 0.01
"""Below this transmission an additive floor and read-out noise rule the signal."""

FLOORED = 5.0
"""Below this multiple of scatter and glare, transmission is warned of."""


def transmission_of(design: CellDesign, solid: Material, spectrum: Spectrum) -> float:
    """Return what is left of the beam through the middle of a slice of one solid, walls included.

    Parameters
    ----------
    design : CellDesign
        The cell.
    solid : Material
        What fills the slice.
    spectrum : Spectrum
        The beam.

    Returns
    -------
    float
        Share of the beam, dimensionless.
    """
    bore_cm = design.bore.inner_diameter_um * CM_PER_UM
    walls_cm = 2 * sum(design.bore.walls_um[::2]) * CM_PER_UM
    depth = part_material(design.bore.casing, Phase.CASING).mu_per_cm(spectrum.energy_kev) * walls_cm
    if solid.phase is not Phase.CASING:
        depth = depth + solid.mu_per_cm(spectrum.energy_kev) * bore_cm
    return float(np.exp(-depth) @ spectrum.photons)


def label(gas: Gas) -> str:
    """Name a gas with its pressure.

    Parameters
    ----------
    gas : Gas
        The gas.

    Returns
    -------
    str
        For tables and sentences.
    """
    return gas.name if gas.formula == "" else f"{gas.name} {gas.pressure_atm:g} atm"


def warnings_of(
    design: CellDesign, gases: Sequence[Gas], acquisition: Acquisition, transmission: Mapping[str, float]
) -> list[str]:
    """Say what will not work, and what to do.

    Parameters
    ----------
    design : CellDesign
        The cell.
    gases : sequence of Gas
        Gas of each scan.
    acquisition : Acquisition
        How it is scanned.
    transmission : mapping of str to float
        Share of the beam left through the middle of a slice of each material.

    Returns
    -------
    list of str
        One sentence each.
    """
    warnings, spectrum = [], acquisition.spectrum
    lithium, electrolyte = MATERIALS["lithium"], part_material(design.electrolyte.material, Phase.ELECTROLYTE)
    mu_lithium = float(effective_mu_per_cm(lithium, spectrum))
    lightest = min(gases, key=lambda gas: float(effective_mu_per_cm(gas, spectrum)))
    for gas in gases:
        mu_gas = float(effective_mu_per_cm(gas, spectrum))
        if mu_gas < 3 * mu_lithium and gas is lightest and len(gases) == 1:
            warnings.append(
                f"{label(gas)} looks like lithium here ({mu_gas:.2f} against {mu_lithium:.2f} cm^-1); scan in xenon too"
            )
        if design.carbon is not None:
            mu_carbon = float(effective_mu_per_cm(MATERIALS["carbon"], spectrum))
            if abs(mu_gas - mu_carbon) < ALIKE * max(mu_gas, mu_carbon):
                warnings.append(_carbon_warning(gas, gases, mu_gas, mu_carbon, spectrum))
    share, floor = transmission[electrolyte.name], acquisition.optics.scatter + acquisition.optics.glare
    if share < max(STARVED, FLOORED * floor):
        warnings.append(_starvation_warning(design, electrolyte, share))
    if floor > 0 and share < FLOORED * floor:
        warnings.append(
            f"scatter and glare add {100 * floor:.2g} % of the open beam to the {100 * share:.2g} % that come through "
            "the electrolyte; measure them in the shadow of the collector and subtract them (step floor)"
        )
    warnings += _view_warnings(design, acquisition)
    thin, thick = (
        float(effective_mu_per_cm(electrolyte, spectrum, length))
        for length in (0.0, design.bore.inner_diameter_um * CM_PER_UM)
    )
    if thick < 0.9 * thin:
        warnings.append(
            f"beam hardening lowers the electrolyte from {thin:.0f} to {thick:.0f} cm^-1 across the cell; correct "
            "for it with the spectrum, or use a harder filter"
        )
    return warnings


def _view_warnings(design: CellDesign, acquisition: Acquisition) -> list[str]:
    """Say where the view is narrower than the tubes, or the cell."""
    detector, bore = acquisition.detector, design.bore
    view_um = detector.n_cols * acquisition.voxel_um
    outer_um = bore.inner_diameter_um + 2 * sum(bore.walls_um)
    if view_um >= outer_um:
        return []
    seen = "the cell" if view_um < bore.inner_diameter_um else "the tubes"
    return [
        f"the view of {view_um / 1e3:.2g} mm is narrower than {seen} ({bore.inner_diameter_um / 1e3:.2g} mm inside, "
        f"{outer_um / 1e3:.2g} mm outside): state both diameters in the configuration and keep the step truncation, or "
        "µ of the electrolyte is biased; only the area in view counts"
    ]


def _carbon_warning(gas: Gas, gases: Sequence[Gas], mu_gas: float, mu_carbon: float, spectrum: Spectrum) -> str:
    """Word the warning that a gas looks like carbon, with the pressure that would part them."""
    remedies = []
    if len(gases) == 1:
        remedies.append("scan in argon too")
    else:
        remedies.append("the difference of the two scans tells them apart")
    for pressure in np.arange(np.ceil(gas.pressure_atm) + 1, JIG_LIMIT_ATM + 1):
        raised = float(effective_mu_per_cm(Gas(gas.name, float(pressure), gas.temperature_k), spectrum))
        if raised - mu_carbon >= ALIKE * raised:
            remedies.append(f"raise to {pressure:g} atm")
            break
    return f"{label(gas)} looks like carbon here ({mu_gas:.2f} against {mu_carbon:.2f} cm^-1); " + ", or ".join(
        remedies
    )


def _starvation_warning(design: CellDesign, electrolyte: Material, share: float) -> str:
    """Word the warning of too little light, with an energy that would get through."""
    for energy_kev in range(15, 121):
        if transmission_of(design, electrolyte, monochromatic(float(energy_kev))) > 0.1:
            return (
                f"{100 * share:.2g} % transmission through the electrolyte: expect starvation; use "
                f"{energy_kev} keV or a thinner cell"
            )
    return f"{100 * share:.2g} % transmission through the electrolyte: expect starvation; use a thinner cell"

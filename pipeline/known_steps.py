"""What a configuration's beam and cell add to its steps: the map against hardening, the µ of the tube."""

from ..materials import Material, Phase, effective_mu_per_cm
from ..reconstruction.hardening import Linearisation, linearisation
from .beams import beside_cell, beside_flats, spectrum_of
from .config import Config
from .steps import FlatField, Hardening, Step, Truncation

UM_PER_CM = 1e4


def hardening_map(config: Config, scan: str) -> Linearisation | None:
    """Tabulate the map for a scan whose chain has the step `hardening`.

    Parameters
    ----------
    config : Config
        The configuration; its source is the beam as the flats saw it, and its casing lies in every ray.
    scan : str
        Key in `scans`.

    Returns
    -------
    Linearisation or None
        None where the chain has no such step.

    Raises
    ------
    ValueError
        If the beam or the material is not given.
    """
    steps = config.scans[scan].reconstruction or config.reconstruction
    step = next((step for step in steps if isinstance(step, Hardening)), None)
    if step is None:
        return None
    spectrum = spectrum_of(config, scan)
    if spectrum is None:
        raise ValueError("the step hardening needs the beam; give source: {tube: ..., kv: ...}")
    materials = config.cell.materials()
    phase = Phase[step.material.upper()]
    if phase not in materials:
        raise ValueError(f"the step hardening names {step.material}, which the cell does not have; describe it in cell")
    solid, casing = materials[phase], materials.get(Phase.CASING)
    behind = []
    if casing is not None and config.cell.casing_um > 0 and phase is not Phase.CASING:
        wall = Material("casing", casing.formula, casing.density_g_cm3, Phase.CASING)
        behind = [(wall, config.cell.casing_um / UM_PER_CM)]
    material = Material(step.material, solid.formula, solid.density_g_cm3, phase)
    return linearisation(spectrum, material, behind=behind, energy_kev=step.energy_kev, name=step.material)


def jig_integral(config: Config, scan: str) -> float:
    """Return the line integral of gas that lies beside the cell in the projections, and did not in the flats.

    Parameters
    ----------
    config : Config
        The configuration.
    scan : str
        Key in `scans`.

    Returns
    -------
    float
        What is to be subtracted from every line integral, dimensionless; 0 where the projections are scaled to air
        in the view, which lies behind the same gas.

    Raises
    ------
    ValueError
        If a path is given, and gas or beam are not.
    """
    steps = config.scans[scan].reconstruction or config.reconstruction
    if any(isinstance(step, FlatField) and step.air_columns is not None for step in steps):
        return 0.0
    return beside_cell(config, scan) - beside_flats(config, scan)


def known_chain(config: Config, scan: str, *, is_cone: bool = False) -> tuple[Step, ...]:
    """Return the steps of a scan, with the tube's outer diameter and µ where the cell tells them.

    Parameters
    ----------
    config : Config
        The configuration.
    scan : str
        Key in `scans`.
    is_cone : bool
        Whether its beam is a cone.

    Returns
    -------
    tuple of Step
        A truncation step without diameter takes the cell's, and the casing's µ behind its own wall.
    """
    chain = config.chain(scan, is_cone=is_cone)
    outer_mm, casing = config.cell.outer_diameter_mm, config.cell.materials().get(Phase.CASING)
    if outer_mm is None or casing is None or not any(isinstance(step, Truncation) for step in chain):
        return chain
    spectrum = spectrum_of(config, scan)
    mu = None
    if spectrum is not None:
        wall = Material("casing", casing.formula, casing.density_g_cm3, Phase.CASING)
        mu = float(effective_mu_per_cm(wall, spectrum, config.cell.casing_um / UM_PER_CM))
    known = {"outer_diameter_mm": outer_mm, "mu_per_cm": mu}
    return tuple(
        step.model_copy(update=known) if isinstance(step, Truncation) and step.outer_diameter_mm is None else step
        for step in chain
    )

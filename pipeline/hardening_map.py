"""The map against beam hardening that a configuration asks for."""

from ..materials import Material, Phase
from ..reconstruction.hardening import Linearisation, linearisation
from .config import Config
from .phase_map import spectrum_of
from .steps import Hardening

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

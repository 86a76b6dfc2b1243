"""What a configuration's beam and cell add to its steps: the map against hardening, the µ of the tube."""

import numpy as np

from ..materials import Material, Phase, effective_mu_per_cm
from ..reconstruction.hardening import Linearisation, linearisation
from ..reconstruction.phase import delta_beta
from .beams import CM_PER_MM, beside_cell, beside_flats, filling, source_spectrum, spectrum_of
from .config import Config
from .steps import Air, GlareFloor, Hardening, PhaseRetrieval, Step, Truncation

UM_PER_CM = 1e4
MOST_COLLECTOR_SHARE = 0.01
"""Transmission of the collector itself above which a floor is not read in its shadow."""


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
    if any(isinstance(step, Air) for step in steps):
        return 0.0
    return beside_cell(config, scan) - beside_flats(config, scan)


def _known(config: Config, scan: str, step: Step) -> Step:
    """The step with what beam and cell tell of it."""
    if isinstance(step, PhaseRetrieval):
        return _known_phase(config, scan, step)
    if isinstance(step, GlareFloor) and step.share is None and step.collector_share is None:
        return step.model_copy(update={"collector_share": collector_share(config, scan)})
    return step


def collector_share(config: Config, scan: str) -> float | None:
    """Return what the collector itself lets through: the hard end of a tube's beam passes thin steel.

    Parameters
    ----------
    config : Config
        The configuration.
    scan : str
        Key in `scans`.

    Returns
    -------
    float or None
        Mean transmission behind the middle half of the bore, dimensionless; None where beam, collector or bore are not
        known.

    Raises
    ------
    ValueError
        If it is above 1 %, too much to read a floor beside it.
    """
    spectrum, solids, inner_um = source_spectrum(config, scan), config.cell.materials(), config.cell.inner_diameter_um
    if spectrum is None or inner_um is None or Phase.COLLECTOR not in solids:
        return None
    energy, entry = spectrum.energy_kev, config.scans[scan]
    depth = np.zeros(energy.shape)
    if entry.gas is not None:
        depth = depth + filling(entry.gas).mu_per_cm(energy) * CM_PER_MM * entry.gas_path_mm
    if (casing := solids.get(Phase.CASING)) is not None:
        wall = Material("casing", casing.formula, casing.density_g_cm3)
        depth = depth + wall.mu_per_cm(energy) * config.cell.casing_um / UM_PER_CM
    solid = solids[Phase.COLLECTOR]
    steel = Material("collector", solid.formula, solid.density_g_cm3).mu_per_cm(energy)
    chords_cm = inner_um / UM_PER_CM * np.sqrt(1 - np.linspace(0, 0.5, 16) ** 2)
    light = np.exp(-depth - np.multiply.outer(chords_cm, steel)) @ spectrum.photons / spectrum.photons.sum()
    share = float(light.mean()) * float(np.exp(beside_flats(config, scan)))
    if share > MOST_COLLECTOR_SHARE:
        raise ValueError(
            f"the collector itself lets {100 * share:.1f} % of this beam through, too much to read a floor in its "
            "shadow; give {step: floor, share: ...}"
        )
    return share


def _known_phase(config: Config, scan: str, step: PhaseRetrieval) -> PhaseRetrieval:
    """The step with energy and delta / beta, where beam and cell tell them."""
    energy_kev, spectrum = step.energy_kev, spectrum_of(config, scan)
    if energy_kev is None and spectrum is not None:
        energy_kev = float(spectrum.energy_kev @ spectrum.photons / spectrum.photons.sum())
    ratio, solid = step.delta_beta, config.cell.materials().get(Phase[step.material.upper()])
    if ratio is None and energy_kev is not None:
        if solid is None:
            raise ValueError(
                f"the step phase names {step.material}, which the cell does not have; describe it in cell, or give "
                "delta_beta"
            )
        ratio = delta_beta(Material(step.material, solid.formula, solid.density_g_cm3), energy_kev)
    if energy_kev is None or ratio is None:
        raise ValueError("the step phase needs the beam; give source: {energy_kev: ...}, or {tube: ..., kv: ...}")
    return step.model_copy(update={"energy_kev": energy_kev, "delta_beta": ratio})


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
        A truncation step without diameter takes the cell's, and the casing's µ behind its own wall; phase retrieval
        without energy and delta / beta takes the beam's mean and the material's.
    """
    chain = tuple(_known(config, scan, step) for step in config.chain(scan, is_cone=is_cone))
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

"""The beam of a scan: its spectrum, and the gas that lies in it beside the cell."""

import numpy as np

from ..materials import MATERIALS, Gas, Material, Spectrum, monochromatic, tube
from ..materials.gases import gas_name
from .config import Config, GasFill, Source

GASES = ("argon", "xenon")
CM_PER_MM = 0.1


def source_spectrum(config: Config, scan: str) -> Spectrum | None:
    """Return the beam of a scan as the detector weighs it, with nothing in it.

    Parameters
    ----------
    config : Config
        The configuration.
    scan : str
        Key in `scans`.

    Returns
    -------
    Spectrum or None
        None where neither energy nor tube is given.
    """
    energy_kev = config.scans[scan].energy_kev
    if energy_kev is not None:
        return monochromatic(energy_kev)
    return None if config.source is None else beam_of(config.source)


def beam_of(source: Source) -> Spectrum | None:
    """Return the beam that a source sends, as the detector weighs it.

    Parameters
    ----------
    source : Source
        Energy, or tube with filters and detector.

    Returns
    -------
    Spectrum or None
        None where neither energy nor tube is given.

    Raises
    ------
    ValueError
        If the scintillator is not known by name and has no density.
    """
    if source.energy_kev is not None:
        return monochromatic(source.energy_kev)
    if source.tube is None or source.kv is None:
        return None
    filters = [
        (f.formula, f.mm) if f.density_g_cm3 is None else (f.formula, f.mm, f.density_g_cm3) for f in source.filters
    ]
    beam = tube(source.tube, source.kv, filters=filters)
    if source.detector is None:
        return beam
    screen = source.detector
    known = MATERIALS.get(screen.scintillator)
    if known is None:
        if screen.density_g_cm3 is None:
            raise ValueError(f"scintillator {screen.scintillator} is not known by name; give its density_g_cm3")
        known = Material(screen.scintillator, screen.scintillator, screen.density_g_cm3)
    return beam.detected(known, screen.thickness_um)


def spectrum_of(config: Config, scan: str) -> Spectrum | None:
    """Return the beam of a scan as the detector weighs it, behind the gas that lies beside the cell.

    Parameters
    ----------
    config : Config
        The configuration.
    scan : str
        Key in `scans`.

    Returns
    -------
    Spectrum or None
        None where neither energy nor tube is given.
    """
    spectrum, entry = source_spectrum(config, scan), config.scans[scan]
    if spectrum is None or entry.gas is None or not entry.gas_path_mm > 0:
        return spectrum
    return spectrum.filtered(filling(entry.gas), CM_PER_MM * entry.gas_path_mm)


def filling(entry: GasFill) -> Gas:
    """Return the gas that an entry describes.

    Parameters
    ----------
    entry : GasFill
        Name, pressure and temperature.

    Returns
    -------
    Gas
        With its attenuation.
    """
    return Gas(entry.name, entry.pressure_atm, entry.temperature_k)


def gas_integral(spectrum: Spectrum, gas: Gas, path_mm: float) -> float:
    """Return the line integral of gas alone.

    Parameters
    ----------
    spectrum : Spectrum
        The beam with nothing in it.
    gas : Gas
        The gas.
    path_mm : float
        Path through it, in mm.

    Returns
    -------
    float
        Dimensionless.
    """
    left = spectrum.photons * np.exp(-gas.mu_per_cm(spectrum.energy_kev) * CM_PER_MM * path_mm)
    return -float(np.log(left.sum() / spectrum.photons.sum()))


def beside_cell(config: Config, scan: str) -> float:
    """Return the line integral of the gas beside the cell, with nothing else in the beam.

    Parameters
    ----------
    config : Config
        The configuration.
    scan : str
        Key in `scans`.

    Returns
    -------
    float
        Dimensionless; 0 where no such gas is given.

    Raises
    ------
    ValueError
        If a path is given, and gas or beam are not.
    """
    entry = config.scans[scan]
    if not entry.gas_path_mm > 0:
        return 0.0
    spectrum = source_spectrum(config, scan)
    if spectrum is None or entry.gas is None:
        lacks = "gas: {name: xenon, pressure_atm: 6}" if entry.gas is None else "source: {tube: ..., kv: ...}"
        raise ValueError(f"scans.{scan} has gas_path_mm of {entry.gas_path_mm:g} and lacks {lacks}")
    return gas_integral(spectrum, filling(entry.gas), entry.gas_path_mm)


def beside_flats(config: Config, scan: str) -> float:
    """Return the line integral of the gas that the flats were taken through, along the path beside the cell.

    Parameters
    ----------
    config : Config
        The configuration.
    scan : str
        Key in `scans`.

    Returns
    -------
    float
        Dimensionless; 0 for flats without gas. The scan's own gas has its own pressure, any other one 1 atm where
        none is given.
    """
    entry, spectrum = config.scans[scan], source_spectrum(config, scan)
    if entry.flats is None or spectrum is None or not entry.gas_path_mm > 0:
        return 0.0
    name, own = gas_name(entry.flats.gas), entry.gas
    pressure = entry.flats.pressure_atm
    if pressure is None:
        pressure = own.pressure_atm if own is not None and gas_name(own.name) == name else 1.0
    return gas_integral(spectrum, Gas(name, pressure), entry.gas_path_mm)


def scans_by_gas(config: Config) -> dict[str, str]:
    """Return the name of the scan in each gas.

    Parameters
    ----------
    config : Config
        The configuration.

    Returns
    -------
    dict of str
        Gas to scan.
    """
    named = {gas_name(e.gas.name): name for name, e in config.scans.items() if e.gas is not None}
    return {gas: named[gas] for gas in GASES if gas in named}


def chosen_scans(config: Config) -> dict[str, str]:
    """Return the scans that the configured method looks at.

    Parameters
    ----------
    config : Config
        The configuration.

    Returns
    -------
    dict of str
        Gas to scan.

    Raises
    ------
    ValueError
        If the method asks for a gas that no scan has.
    """
    scans = scans_by_gas(config)
    method = config.segmentation.method
    if method == "two-gas" and len(scans) < 2:
        raise ValueError(
            f"segmentation.method is two-gas, but the scans have {', '.join(scans) or 'no gas'}; give a scan in argon "
            "and one in xenon, or method: thresholds"
        )
    if method == "unet" and "xenon" not in scans:
        raise ValueError(
            f"segmentation.method is unet, but the scans have {', '.join(scans) or 'no gas'}; give a scan in xenon, "
            "alone or beside one in argon"
        )
    if method == "thresholds" and "xenon" in scans:
        return {"xenon": scans["xenon"]}
    return scans

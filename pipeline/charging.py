"""The charge as a configuration gives it, and the area it flowed through."""

import logging
import math

from ..metrology.coulometry import Charge, charge_of_density, charge_over_area
from .config import Config

log = logging.getLogger(__name__)


def charge_of(config: Config) -> Charge | None:
    """Return what the configuration says of the charge.

    Parameters
    ----------
    config : Config
        The configuration.

    Returns
    -------
    Charge or None
        None where no charge is given.

    Raises
    ------
    ValueError
        If the cycler's file cannot be read.
    """
    entry = config.charge
    if entry is None:
        return None
    share = entry.current_share_std
    if entry.current_density_ma_per_cm2 is not None and entry.duration_min is not None:
        return charge_of_density(
            entry.current_density_ma_per_cm2,
            entry.duration_min,
            density_std_ma_per_cm2=share * entry.current_density_ma_per_cm2,
            area_cm2=entry.area_cm2 or electrode_area_cm2(config),
            efficiency=entry.efficiency,
        )
    total, counter_std = entry.charge_mah, 0.0
    if total is None:
        from ..metrology.cycler import plated_charge_mah, read_cycler

        if entry.file is None:
            raise ValueError("charge gives neither a density, a charge nor a file; give one of them")
        found = plated_charge_mah(
            read_cycler(entry.file), steps=entry.steps, cycles=entry.cycles, plating=entry.plating
        )
        for finding in found.findings:
            log.warning("cycler file: %s", finding.message)
        total, counter_std = found.charge_mah, found.charge_mah_std or 0.0
    return charge_over_area(
        total,
        entry.area_cm2 or math.nan,
        total_std_mah=math.hypot(share * total, counter_std),
        area_std_cm2=entry.area_cm2_std,
        efficiency=entry.efficiency,
    )


def electrode_area_cm2(config: Config) -> float | None:
    """Return the electrode's area: given, or the bore of the tube.

    Parameters
    ----------
    config : Config
        The configuration.

    Returns
    -------
    float or None
        In cm^2; None where neither is known.
    """
    if config.metrology.area_cm2 is not None:
        return config.metrology.area_cm2
    bore_um = config.cell.inner_diameter_um
    return None if bore_um is None else math.pi / 4 * (bore_um * 1e-4) ** 2

"""From phases to numbers: thickness map, deposit, charge and balance of one run."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from ..materials import Phase
from ..metrology.coulometry import Charge, charge_of_density, charge_over_area
from ..metrology.deposit import Deposit, deposit_statistics
from ..metrology.inventory import Amount, Balance, balance
from ..metrology.thickness import ThicknessSum
from .config import Config
from .job import Reconstructed
from .phase_map import Labelled, Unlabelled
from .store import open_level

log = logging.getLogger(__name__)

SURFACE_STD_VOXELS = 0.25
"""Assumed standard deviation of where lithium ends towards carbon, in voxels; not yet validated on many cells."""

LEVEL_STD_SHARE = 0.01
"""Assumed standard deviation from the levels of µ, as a share of the film; not yet validated on many cells."""


@dataclass(frozen=True)
class Measured:
    """The numbers of a run.

    Parameters
    ----------
    thickness_um : (n_y, n_x) array or None
        Column thickness of the film in µm, NaN outside the electrode; None where phases were not told apart.
    deposit : Deposit or None
        The film in numbers.
    charge : Charge or None
        What coulometry says.
    balance : Balance
        The film against the charge.
    """

    thickness_um: NDArray[np.float32] | None
    deposit: Deposit | None
    charge: Charge | None
    balance: Balance


def measure(
    config: Config, volumes: Mapping[str, Reconstructed], labelled: Labelled | Unlabelled, folder: Path
) -> Measured:
    """Measure the deposit of a run and compare it with the charge.

    Parameters
    ----------
    config : Config
        The configuration.
    volumes : mapping
        Finished volumes by scan.
    labelled : Labelled or Unlabelled
        Phases on disk, or why there are none.
    folder : Path
        The run folder; `thickness.tif` is written there.

    Returns
    -------
    Measured
        With None for all that was not measured.
    """
    charge = charge_of(config)
    if isinstance(labelled, Unlabelled):
        return Measured(None, None, charge, balance(charge))
    thickness = film_thickness(labelled)
    std_um = film_std_um(labelled, thickness)
    deposit = deposit_statistics(
        thickness,
        np.isfinite(thickness),
        voxel_um=labelled.layout.voxel_um,
        mean_std_um=std_um,
        area_cm2=electrode_area_cm2(config),
    )
    write_map(folder / "thickness.tif", thickness, labelled.layout.voxel_um)
    film = None if deposit.mean_thickness_um is None else Amount(deposit.mean_thickness_um, std_um)
    return Measured(thickness, deposit, charge, balance(charge, film=film))


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
    total = entry.charge_mah
    if total is None:
        from ..metrology.cycler import plated_charge_mah, read_cycler

        if entry.file is None:
            raise ValueError("charge gives neither a density, a charge nor a file; give one of them")
        found = plated_charge_mah(
            read_cycler(entry.file), steps=entry.steps, cycles=entry.cycles, plating=entry.plating
        )
        for finding in found.findings:
            log.warning("cycler file: %s", finding.message)
        total = found.charge_mah
    return charge_over_area(
        total,
        entry.area_cm2 or math.nan,
        total_std_mah=share * total,
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


def film_thickness(labelled: Labelled) -> NDArray[np.float32]:
    """Add up the lithium between collector and electrolyte, slab by slab.

    Parameters
    ----------
    labelled : Labelled
        Phases and lithium shares on disk.

    Returns
    -------
    (n_y, n_x) array of float32
        Column thickness in µm, NaN outside the bore.
    """
    lithium, labels = open_level(labelled.lithium), open_level(labelled.labels)
    t = labelled.thresholds
    total = ThicknessSum(labelled.layout.voxel_um)
    for slab in labelled.layout.slabs:
        rows = np.arange(slab.start, slab.stop, dtype=np.float64)
        depth = np.full(rows.shape, -np.inf) if t.electrolyte is None else t.electrolyte.depth(rows)
        shares = np.asarray(lithium[slab.slice])
        inside = np.isfinite(shares)
        outside_electrolyte = (depth < 0)[:, None, None] & inside
        phases = np.where(inside, np.asarray(labels[slab.slice]), np.uint8(Phase.OUTSIDE))
        total.add(phases, fractions=np.where(inside, shares, 0), within=outside_electrolyte)
    _, n_y, n_x = labelled.layout.shape
    bore = t.bore.distance(n_y, n_x) <= t.bore.radius_px
    return np.where(bore, np.asarray(total.thickness_um()), np.float32(np.nan)).astype(np.float32)


def film_std_um(labelled: Labelled, thickness: NDArray[np.float32]) -> float:
    """Return the standard deviation of the mean film thickness.

    Parameters
    ----------
    labelled : Labelled
        Gives the surfaces and their uncertainty.
    thickness : (n_y, n_x) array
        Column thickness in µm.

    Returns
    -------
    float
        In µm: collector surface, lithium's far surface and levels, added in squares.
    """
    voxel_um, collector = labelled.layout.voxel_um, labelled.thresholds.collector
    near = 1.0 if collector is None else collector.std
    mean_um = float(np.nanmean(thickness)) if np.isfinite(thickness).any() else 0.0
    return math.hypot(voxel_um * near, voxel_um * SURFACE_STD_VOXELS, LEVEL_STD_SHARE * mean_um)


def write_map(path: Path, values: NDArray[Any], pixel_um: float) -> None:
    """Write a map as float32 TIFF whose resolution tags give the pixel.

    Parameters
    ----------
    path : Path
        Final name.
    values : (n_y, n_x) array
        Any quantity.
    pixel_um : float
        Edge of a pixel, in µm.
    """
    partial = path.with_name(path.name + ".partial")
    per_cm = 1e4 / pixel_um
    tifffile.imwrite(
        partial,
        np.asarray(values, np.float32),
        imagej=True,
        resolution=(1 / pixel_um, 1 / pixel_um),
        metadata={"unit": "um", "axes": "YX", "Info": f"values in µm; {per_cm:g} pixels per cm"},
    )
    partial.replace(path)

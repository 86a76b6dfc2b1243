"""The same cell before charging: its own run, and what it takes off the numbers of the charged one."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..materials import Phase
from ..metrology.carbon import pore_filling
from ..metrology.inventory import Amount
from ..metrology.mixed_zone import RowShares
from ..metrology.survey import Survey
from .config import Config, ScanEntry
from .phase_map import Labelled, Unlabelled
from .store import open_level
from .two_gas import TwoGas
from .two_gas_task import RIM_PX

OWN = ("centre_px", "theta_file")
"""Hints that belong to one scan alone; the cell was mounted anew."""


@dataclass(frozen=True, eq=False)
class Stage:
    """What a run has found on the way to its numbers.

    Parameters
    ----------
    labelled : Labelled or Unlabelled
        Phases on disk, or why there are none.
    shares : TwoGas or str
        Shares of electrolyte and gas, or why there are none.
    survey : Survey or None
        What the labels tell.
    mark : str
        Fingerprint of all that these depend on.
    rows : (n_z, 3, n_rings) array of float32 or None
        Of a scan before charging: means of the shares of electrolyte, gas and labelled lithium over the rows and
        rings of the charged scan, where it was registered to that.
    """

    labelled: Labelled | Unlabelled
    shares: TwoGas | str
    survey: Survey | None
    mark: str = ""
    rows: NDArray[np.float32] | None = None


def config_before(config: Config) -> Config | None:
    """Return the configuration of the scans before charging.

    Parameters
    ----------
    config : Config
        The configuration of the run.

    Returns
    -------
    Config or None
        The same cell and steps, without charge and truth; None where there are no such scans.
    """
    if not config.before:
        return None
    scans = {name: _filled(entry, config.scans.get(name)) for name, entry in config.before.items()}
    changes = {"sample": f"{config.sample}, before charging", "scans": scans, "before": {}, "charge": None}
    return config.model_copy(update={**changes, "truth": None})


def _filled(entry: ScanEntry, charged: ScanEntry | None) -> ScanEntry:
    """Take from the charged scan what the entry leaves out."""
    if charged is None:
        return entry
    fields = type(entry).model_fields
    given = {n: getattr(entry, n) for n, field in fields.items() if getattr(entry, n) != field.get_default()}
    input_of_its_own = {"path": entry.path, "volume": entry.volume}
    return charged.model_copy(update={**dict.fromkeys(OWN), **given, **input_of_its_own})


def on_same_rows(charged: RowShares, before: RowShares) -> tuple[RowShares, RowShares]:
    """Cut the rows of two scans to those that both have, counted from the interface.

    The film lifts the electrolyte while it grows, so rows are counted from the electrolyte's surface.

    Parameters
    ----------
    charged, before : RowShares
        Rows from the interface on.

    Returns
    -------
    tuple of RowShares
        Of equal length.
    """
    n = min(len(charged.electrolyte), len(before.electrolyte))
    cut = [replace(s, electrolyte=s.electrolyte[:n], gas=s.gas[:n], lithium=s.lithium[:n]) for s in (charged, before)]
    return cut[0], cut[1]


def foil_um(before: Stage) -> Amount | None:
    """Return the lithium that lay on the collector before charging.

    Parameters
    ----------
    before : Stage
        Of the scans before charging.

    Returns
    -------
    Amount or None
        Over the area in view, in µm, with the standard deviation of a quarter of a voxel; None where not measured.
    """
    if before.survey is None or before.survey.deposit.mean_thickness_um is None:
        return None
    return Amount(before.survey.deposit.mean_thickness_um, 0.25 * before.survey.voxel_um[0])


def filled_pores(labelled: Labelled, before: Stage, *, porosity: tuple[float, float], area_um2: float) -> Amount | str:
    """Return the lithium in the pores of the carbon from its loss of xenon.

    Parameters
    ----------
    labelled : Labelled
        Phases of the charged cell.
    before : Stage
        Of the scans before charging.
    porosity : (value, std)
        Share of the layer that is open pore before charging, declared, dimensionless.
    area_um2 : float
        Area in view, in µm^2.

    Returns
    -------
    Amount or str
        Over the area in view, in µm; or why it was not measured.
    """
    fresh = before.labelled
    if isinstance(fresh, Unlabelled):
        return f"the scans before charging were not told apart: {fresh.reason}"
    if len(labelled.thresholds.scans) < 2 or len(fresh.thresholds.scans) < 2:
        return "the loss of xenon needs argon and xenon, before and after"
    charged, height = _uptake(labelled)
    uptake, thickness = _uptake(fresh)
    if height == 0 or thickness == 0:
        return "no carbon was labelled"
    voxel_um = fresh.layout.voxel_um
    layer_um = thickness * voxel_um**3 / area_um2
    return pore_filling(uptake, charged, thickness_um=(layer_um, 0.25 * voxel_um), porosity=porosity)


def _uptake(labelled: Labelled) -> tuple[tuple[float, float], int]:
    """Mean gas fraction of the carbon with its standard deviation, and the carbon's voxels (pores among them)."""
    labels, t = open_level(labelled.labels), labelled.thresholds
    volumes = labelled.aligned.volumes
    _, n_y, n_x = labelled.layout.shape
    within = t.bore.distance(n_y, n_x) <= t.bore.radius_px - RIM_PX
    contrast = t.levels["xenon"][Phase.VOID] - t.levels["argon"][Phase.VOID]
    rows, voxels = [], 0
    for slab in labelled.layout.slabs:
        planes = np.asarray(labels[slab.slice])
        is_carbon: NDArray[np.bool_] = planes == Phase.CARBON
        voxels += int(np.count_nonzero(is_carbon))
        if not is_carbon.any():
            continue
        gain = np.asarray(volumes["xenon"][slab.slice]) - np.asarray(volumes["argon"][slab.slice])
        for plane, chosen in zip(gain, is_carbon & within, strict=True):
            if np.count_nonzero(chosen) > 0.2 * np.count_nonzero(within):
                rows.append(float(plane[chosen].mean()) / contrast)
    if len(rows) < 2:
        return (0.0, 0.0), 0
    return (float(np.mean(rows)), float(np.std(rows, ddof=1)) / len(rows) ** 0.5), voxels

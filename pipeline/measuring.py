"""From phases to numbers: film, lithium in the electrolyte, charge and balance of one run."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..metrology.coulometry import Charge
from ..metrology.inventory import Balance, ErrorShare, balance, error_budget
from ..metrology.mixed_zone import MixedZone
from ..metrology.stack import Side
from ..metrology.survey import Survey, survey_labels
from ..segmentation.thresholds import Thresholds
from .balance_terms import relative_to, terms_of
from .before import Stage
from .charging import charge_of, electrode_area_cm2
from .config import Config
from .map_files import write_map
from .mixing import mixed_of
from .phase_map import Labelled, Unlabelled
from .store import open_level
from .two_gas import TwoGas

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Measured:
    """The numbers of a run.

    Parameters
    ----------
    charge : Charge or None
        What coulometry says.
    balance : Balance
        Lithium found against the charge.
    survey : Survey or None
        What the labels tell; None where phases were not told apart.
    budget : tuple of ErrorShare
        Causes of uncertainty of found minus expected, largest first.
    isolated_range_um : (low, high) or None
        Bounds of the isolated lithium, in µm over the area in view, where only they are known.
    reason : str or None
        Why nothing was measured.
    mean_std_um : float or None
        Standard deviation of the mean film thickness, in µm.
    mixed : MixedZone or str
        Lithium finer than a voxel, or why it was not measured.
    """

    charge: Charge | None
    balance: Balance
    survey: Survey | None = None
    budget: tuple[ErrorShare, ...] = ()
    isolated_range_um: tuple[float, float] | None = None
    reason: str | None = None
    mean_std_um: float | None = None
    mixed: MixedZone | str = "no pair of scans was decomposed"


def measure(
    config: Config,
    labelled: Labelled | Unlabelled,
    folder: Path,
    *,
    shares: TwoGas | str = "no pair of scans",
    before: Stage | None = None,
) -> Measured:
    """Measure the lithium of a run and compare it with the charge.

    Parameters
    ----------
    config : Config
        The configuration.
    labelled : Labelled or Unlabelled
        Phases on disk, or why there are none.
    folder : Path
        The run folder; maps are written there.
    shares : TwoGas or str
        Shares of electrolyte and gas, or why there are none.
    before : Stage, optional
        What the scans before charging have shown.

    Returns
    -------
    Measured
        With None for all that was not measured.
    """
    charge = charge_of(config)
    if isinstance(labelled, Unlabelled):
        return Measured(charge, balance(charge), reason=labelled.reason)
    try:
        survey = survey_phases(config, labelled)
    except ValueError as error:
        log.warning("phases were told apart, but not measured: %s", error)
        return Measured(charge, balance(charge), reason=str(error))
    write_map(folder / "thickness.tif", survey.thickness_um, labelled.layout.voxel_um)
    _write_depths(folder / "penetration.tif", survey, labelled.layout.voxel_um)
    mixed = mixed_of(labelled, survey, shares, before)
    terms = terms_of(config, labelled, survey, mixed)
    if before is not None:
        terms = relative_to(config, terms, labelled, survey, before)
    found = balance(
        charge, **terms.amounts, is_shorted=survey.penetration is not None and survey.penetration.is_shorted
    )
    expected = {} if charge is None else {f"charge: {name}": um2 for name, um2 in charge.variances_um2}
    film = terms.amounts["film"]
    return Measured(
        charge,
        found,
        survey,
        error_budget(terms.variances_um2 | expected),
        terms.isolated_range_um,
        mean_std_um=None if film is None else film.std_um,
        mixed=mixed,
    )


def survey_phases(config: Config, labelled: Labelled) -> Survey:
    """Measure the labels of a run, slab by slab.

    Parameters
    ----------
    config : Config
        Gives the electrode's area.
    labelled : Labelled
        Phases and lithium shares on disk.

    Returns
    -------
    Survey
        Film, penetration and electrolyte, over the bore in view.

    Raises
    ------
    ValueError
        If the end of the anode cannot be told.
    """
    t = labelled.thresholds
    _, n_y, n_x = labelled.layout.shape
    area = electrode_area_cm2(config)
    return survey_labels(
        open_level(labelled.labels),
        voxel_um=labelled.layout.voxel_um,
        axis=0,
        anode=anode_end(t),
        mask=t.bore.distance(n_y, n_x) <= t.bore.radius_px,
        area_cm2=None if area is None else (area, config.metrology.area_cm2_std),
        fractions=open_level(labelled.lithium),
    )


def anode_end(thresholds: Thresholds) -> Side | None:
    """Return at which end of z the plated collector lies.

    Parameters
    ----------
    thresholds : Thresholds
        What was found in the scan.

    Returns
    -------
    {"low", "high"} or None
        The collector's end, or the one opposite to the electrolyte; None where neither is in view.
    """
    if thresholds.collector is not None:
        return thresholds.collector.end
    if thresholds.electrolyte is not None:
        return "low" if thresholds.electrolyte.end == "high" else "high"
    return thresholds.layout.collector_end


def _write_depths(path: Path, survey: Survey, voxel_um: float) -> None:
    """Map how deep lithium stands in the electrolyte; NaN off the electrode, no file where it was not measured."""
    if survey.penetration is None:
        path.unlink(missing_ok=True)
        return
    depth = survey.penetration.depth_um
    seen = np.isfinite(survey.thickness_um) | (depth > 0)
    write_map(path, np.where(seen, depth, np.nan).astype(np.float32), voxel_um)

"""From phases to numbers: film, lithium in the electrolyte, charge and balance of one run."""

import logging
from dataclasses import dataclass, field
from math import hypot
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..materials import Phase
from ..metrology.carbon import declared_uptake, loading_mg_per_cm2
from ..metrology.coulometry import Charge
from ..metrology.inventory import Amount, Balance, ErrorShare, balance, error_budget
from ..metrology.mixed_zone import MixedZone
from ..metrology.stack import Side
from ..metrology.survey import Survey, survey_labels
from ..metrology.terms import connected_lithium, isolated_range_um
from ..metrology.uncertainty import between, film_variances_um2, sampling_std_um
from ..segmentation.thresholds import Thresholds
from .charging import charge_of, electrode_area_cm2
from .config import Config
from .map_files import write_map
from .mixing import mixed_of
from .phase_map import Labelled, Unlabelled
from .store import open_level
from .two_gas import TwoGas

log = logging.getLogger(__name__)

SURFACE_STD_VOXELS = 0.25
"""Standard deviation of where lithium ends towards carbon and electrolyte, in voxels, all surfaces together."""

LEVEL_STD_SHARE = 0.01
"""Standard deviation from the levels of µ, as a share of the film."""


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


@dataclass(frozen=True)
class Terms:
    """The terms of a balance and what adds to their variance.

    Parameters
    ----------
    amounts : dict of str to Amount or None
        By the keyword of `balance`.
    variances_um2 : dict of str to float
        Variance of each cause, in µm^2.
    isolated_range_um : (low, high) or None
        Bounds of the isolated lithium where only they are known.
    """

    amounts: dict[str, Amount | None]
    variances_um2: dict[str, float] = field(default_factory=dict)
    isolated_range_um: tuple[float, float] | None = None


def measure(
    config: Config, labelled: Labelled | Unlabelled, folder: Path, *, shares: TwoGas | str = "no pair of scans"
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
    mixed = mixed_of(labelled, survey, shares)
    terms = terms_of(config, labelled, survey, mixed)
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


def terms_of(config: Config, labelled: Labelled, survey: Survey, mixed: MixedZone | str) -> Terms:
    """Gather the terms of the balance from what was measured.

    Parameters
    ----------
    config : Config
        Gives what is declared of the carbon.
    labelled : Labelled
        What the phases rest on.
    survey : Survey
        What the labels tell.
    mixed : MixedZone or str
        Lithium finer than a voxel, or why it was not measured.

    Returns
    -------
    Terms
        With None for each term that was not measured.
    """
    t = labelled.thresholds
    edge_um = SURFACE_STD_VOXELS * labelled.layout.voxel_um
    variances = film_variances(config, t, survey)
    amounts: dict[str, Amount | None] = dict.fromkeys(("film", "in_electrolyte", "mixed_zone", "in_carbon", "isolated"))
    if survey.deposit.mean_thickness_um is not None:
        amounts["film"] = Amount(survey.deposit.mean_thickness_um, hypot(*(v**0.5 for v in variances.values())))
    amounts["in_carbon"] = carbon_amount(config, t)
    bounds = None
    if not t.layout.has_electrolyte:
        amounts |= dict.fromkeys(("in_electrolyte", "mixed_zone", "isolated"), Amount(0.0, 0.0))
    elif bodies_are_known(t):
        declared = len(t.scans) == 1
        amounts["in_electrolyte"] = connected_lithium(survey, surface_std_um=edge_um, is_declared=declared)
        bounds = isolated_range_um(survey)
        amounts["isolated"] = None if bounds is None else between(*bounds)
    if isinstance(mixed, MixedZone):
        amounts["mixed_zone"] = mixed.amount
    causes = {
        "in_electrolyte": "surfaces in the electrolyte",
        "isolated": "isolated lithium or closed pores",
        "in_carbon": "capacity of the carbon",
        "mixed_zone": "noise of the mixed zone",
    }
    for name, cause in causes.items():
        amount = amounts[name]
        if amount is not None and amount.std_um:
            variances[cause] = amount.std_um**2
    return Terms(amounts, variances, bounds)


def bodies_are_known(thresholds: Thresholds) -> bool:
    """Tell whether dark bodies in the electrolyte are known to be lithium or void.

    Parameters
    ----------
    thresholds : Thresholds
        What the phases rest on.

    Returns
    -------
    bool
        True with two gases, or where the cell is declared to plate in the electrolyte.
    """
    return len(thresholds.scans) == 2 or thresholds.layout.dark_in_electrolyte == Phase.LITHIUM


def carbon_amount(config: Config, thresholds: Thresholds) -> Amount | None:
    """Return the lithium in the carbon: none without carbon, else what is declared.

    Parameters
    ----------
    config : Config
        Gives what is declared.
    thresholds : Thresholds
        Tells whether there is carbon.

    Returns
    -------
    Amount or None
        None where there is carbon of unknown capacity.
    """
    if not thresholds.layout.has_carbon:
        return Amount(0.0, 0.0)
    declared = config.metrology.carbon
    if declared is None:
        return None
    loading = declared.loading_mg_per_cm2
    if loading is None:
        loading = loading_mg_per_cm2(declared.thickness_um or 0.0, declared.density_g_cm3 or 0.0)
    return declared_uptake(
        declared.capacity_mah_per_g,
        loading,
        capacity_std_mah_per_g=declared.capacity_std_mah_per_g,
        loading_std_mg_per_cm2=declared.loading_std_mg_per_cm2,
    )


def film_variances(config: Config, thresholds: Thresholds, survey: Survey) -> dict[str, float]:
    """Return what each cause adds to the variance of the mean film thickness.

    Parameters
    ----------
    config : Config
        Gives the uncertainty of the voxel.
    thresholds : Thresholds
        Gives the uncertainty of the collector's surface.
    survey : Survey
        The film and its texture.

    Returns
    -------
    dict of str to float
        Variance by cause, in µm^2.
    """
    deposit = survey.deposit
    mean_um = deposit.mean_thickness_um or 0.0
    collector = thresholds.collector
    grain = None if survey.texture is None else survey.texture.correlation_length_um
    view, whole = deposit.area_in_view_cm2, deposit.area_cm2
    sampled = None
    if whole is not None and view < 0.98 * whole:
        sampled = sampling_std_um(
            survey.thickness_um, area_in_view_cm2=view, area_cm2=whole, correlation_length_um=grain
        )
    return film_variances_um2(
        mean_um,
        voxel_um=thresholds.voxel_um,
        voxel_relative_std=config.metrology.voxel_share_std,
        surface_stds_voxels={
            "collector surface": 1.0 if collector is None else collector.std,
            "lithium surface": SURFACE_STD_VOXELS,
        },
        level_relative_std=LEVEL_STD_SHARE,
        sampling_std_um=sampled,
        unlabelled_um=mean_of(survey.unlabelled_um[survey.frame.electrode]),
    )


def mean_of(values: NDArray[Any]) -> float:
    """Return the mean of the finite values.

    Parameters
    ----------
    values : array
        Any quantity.

    Returns
    -------
    float
        0 where none is finite.
    """
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else 0.0


def _write_depths(path: Path, survey: Survey, voxel_um: float) -> None:
    """Map how deep lithium stands in the electrolyte; NaN off the electrode, no file where it was not measured."""
    if survey.penetration is None:
        path.unlink(missing_ok=True)
        return
    depth = survey.penetration.depth_um
    seen = np.isfinite(survey.thickness_um) | (depth > 0)
    write_map(path, np.where(seen, depth, np.nan).astype(np.float32), voxel_um)

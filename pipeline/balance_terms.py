"""The terms of a run's balance: what each amounts to, and what adds to its variance."""

import logging
from dataclasses import dataclass, field
from math import hypot
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..materials import Phase
from ..metrology.carbon import declared_uptake, loading_mg_per_cm2
from ..metrology.deposit import UM2_PER_CM2
from ..metrology.inventory import Amount
from ..metrology.mixed_zone import MixedZone
from ..metrology.survey import Survey
from ..metrology.terms import connected_lithium, isolated_range_um, new_lithium
from ..metrology.uncertainty import between, film_variances_um2, sampling_std_um
from ..segmentation.thresholds import Thresholds
from .before import Stage, filled_pores, foil_um
from .config import Config
from .phase_map import Labelled

log = logging.getLogger(__name__)

SURFACE_STD_VOXELS = 0.1
"""Standard deviation of where lithium ends towards carbon and electrolyte, in voxels, all surfaces together:
chosen on forty simulated cells, then validated on forty others (docs/validation/coverage.md)."""

BODY_STD_VOXELS = 0.5
"""Standard deviation of where a body in the electrolyte ends, in voxels: half-way in µ is not half-way in a body that
a mixed zone surrounds or that hardened rays cross."""

LEVEL_STD_SHARE = 0.005
"""Standard deviation from the levels of µ, as a share of the film; from the same cells."""


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
    edge_um = BODY_STD_VOXELS * labelled.layout.voxel_um
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


def relative_to(config: Config, terms: Terms, labelled: Labelled, survey: Survey, before: Stage) -> Terms:
    """Take off what was there before charging, and add what only the scans before charging can tell.

    Parameters
    ----------
    config : Config
        Gives what is declared of the carbon.
    terms : Terms
        Of the charged cell.
    labelled : Labelled
        Its phases.
    survey : Survey
        What its labels tell.
    before : Stage
        What the scans before charging have shown.

    Returns
    -------
    Terms
        Film, bodies in the electrolyte and isolated lithium are differences; dark bodies that are new are lithium.
    """
    amounts, variances = dict(terms.amounts), dict(terms.variances_um2)
    fresh, edge_um = before.survey, BODY_STD_VOXELS * labelled.layout.voxel_um
    foil, film = foil_um(before), amounts["film"]
    if foil is not None and film is not None:
        amounts["film"] = Amount(film.um - foil.um, hypot(film.std_um or 0.0, foil.std_um or 0.0))
        variances["lithium before charging"] = (foil.std_um or 0.0) ** 2
    bounds = terms.isolated_range_um
    if fresh is not None and bodies_are_known(labelled.thresholds):
        found = {"in_electrolyte": amounts["in_electrolyte"], "isolated": new_lithium(survey, surface_std_um=edge_um)}
        was = {
            "in_electrolyte": connected_lithium(fresh, surface_std_um=edge_um),
            "isolated": new_lithium(fresh, surface_std_um=edge_um),
        }
        for name, now in found.items():
            then = was[name]
            if now is not None and then is not None:
                amounts[name] = Amount(now.um - then.um, hypot(now.std_um or 0.0, then.std_um or 0.0), now.is_declared)
        bounds = None
        isolated = amounts["isolated"]
        variances.pop("isolated lithium or closed pores", None)
        variances["isolated lithium"] = 0.0 if isolated is None else (isolated.std_um or 0.0) ** 2
    porosity = config.metrology.carbon_porosity
    if porosity is not None and labelled.thresholds.layout.has_carbon:
        spread = config.metrology.carbon_porosity_std
        area_um2 = survey.frame.area_in_view_cm2 * UM2_PER_CM2
        filled = filled_pores(labelled, before, porosity=(porosity, spread), area_um2=area_um2)
        if isinstance(filled, Amount):
            declared = amounts["in_carbon"] or Amount(0.0, 0.0)
            amounts["in_carbon"] = Amount(filled.um + declared.um, hypot(filled.std_um or 0.0, declared.std_um or 0.0))
            variances["loss of xenon in the carbon"] = (filled.std_um or 0.0) ** 2
        else:
            log.warning("lithium in the carbon's pores was not measured: %s", filled)
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

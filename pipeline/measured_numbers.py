"""Sections of results.json that hold what was measured: deposit, penetration, electrolyte, balance."""

from dataclasses import asdict, fields
from math import degrees, hypot
from typing import Any

import numpy as np

from ..metrology.deposit import Deposit
from ..metrology.filaments import Filament
from ..metrology.mixed_zone import MixedZone
from ..metrology.survey import Survey
from .measuring import Measured

PENETRATION = (
    "max_depth_um",
    "volume_um3",
    "electrolyte_crossed",
    "narrowest_ligament_um",
    "isolated_volume_um3",
    "isolated_count",
    "filament_count",
    "filament_width_um",
    "filament_length_um",
    "filament_tortuosity",
    "is_shorted",
    "least_depth_um",
    "least_body_um3",
)
TEXTURE = ("sa_um", "ssk", "sku", "correlation_length_um")


def deposit_section(measured: Measured) -> dict[str, Any]:
    """Return the film in numbers.

    Parameters
    ----------
    measured : Measured
        What was measured.

    Returns
    -------
    dict
        Fields of `Deposit` and `Texture`, unlabelled height and tilt; None where not measured.
    """
    names = [field.name for field in fields(Deposit)]
    survey = measured.survey
    if survey is None:
        return dict.fromkeys((*names, *TEXTURE, "unlabelled_um", "tilt_deg"))
    film = asdict(survey.deposit) | {"mean_thickness_um_std": measured.mean_std_um}
    grain = {} if survey.texture is None else asdict(survey.texture)
    electrode = survey.frame.electrode
    return (
        film
        | {name: grain.get(name) for name in TEXTURE}
        | {
            "unlabelled_um": float(np.mean(survey.unlabelled_um[electrode])) if electrode.any() else None,
            "tilt_deg": degrees(survey.frame.tilt_rad),
        }
    )


def penetration_section(
    survey: Survey | None, *, is_known: bool, least_body_um3: float | None = None
) -> dict[str, Any]:
    """Return the lithium beyond the interface in numbers.

    Parameters
    ----------
    survey : Survey or None
        What the labels tell.
    is_known : bool
        Whether dark bodies in the electrolyte are told from voids.
    least_body_um3 : float, optional
        Volume below which the scan's noise lets no lithium in the electrolyte be told from a pore, in µm^3.

    Returns
    -------
    dict
        None where not measured; what is left to cross only where the counter side is in view.
    """
    if survey is None or survey.penetration is None or not is_known:
        return dict.fromkeys(PENETRATION)
    found, seen = survey.penetration, survey.counter_in_view
    ligament = survey.ligament.length_um if survey.ligament is not None and seen else None
    return {
        "max_depth_um": found.max_depth_um,
        "volume_um3": found.volume_um3,
        "electrolyte_crossed": found.electrolyte_crossed if seen else None,
        "narrowest_ligament_um": 0.0 if found.is_shorted else ligament,
        "isolated_volume_um3": found.isolated_volume_um3,
        "isolated_count": found.isolated_count,
        "filament_count": survey.filament_count,
        "filament_width_um": _weighted(survey.filaments, "width_um"),
        "filament_length_um": _weighted(survey.filaments, "length_um"),
        "filament_tortuosity": _weighted(survey.filaments, "tortuosity"),
        "is_shorted": found.is_shorted if seen else None,
        "least_depth_um": found.tolerance_um,
        "least_body_um3": least_body_um3,
    }


def _weighted(filaments: tuple[Filament, ...], name: str) -> float | None:
    """Mean over the filaments, weighted by volume."""
    if not filaments:
        return None
    return float(np.average([getattr(f, name) for f in filaments], weights=[f.volume_um3 for f in filaments]))


def cut_notes(survey: Survey | None) -> tuple[str, ...]:
    """Say where the view cuts the film.

    Parameters
    ----------
    survey : Survey or None
        What the labels tell.

    Returns
    -------
    tuple of str
        One sentence for each end that cuts it.
    """
    if survey is None:
        return ()
    notes = []
    if not survey.anode_in_view:
        notes.append(
            "the volume begins within the cell: the film is at least as thick as stated, and is not measured in "
            "columns that begin in carbon or electrolyte; extend the rows beyond the collector"
        )
    if survey.frame.interface is None:
        notes.append(
            "the volume ends before the electrolyte: the film is at least as thick as stated; extend the rows into the "
            "electrolyte"
        )
    return tuple(notes)


def electrolyte_section(survey: Survey | None) -> dict[str, Any]:
    """Return the state of the electrolyte.

    Parameters
    ----------
    survey : Survey or None
        What the labels tell.

    Returns
    -------
    dict
        Porosity, cracks and lost contact; None where not measured.
    """
    names = ("porosity", "crack_count", "crack_volume_um3", "anode_contact_lost", "counter_contact_lost")
    if survey is None or survey.electrolyte is None:
        return dict.fromkeys(names)
    found = {name: getattr(survey.electrolyte, name) for name in names}
    return found if survey.counter_in_view else found | {"counter_contact_lost": None}


def balance_section(measured: Measured) -> dict[str, Any]:
    """Return the balance, with the uncertainty of its closure and bounds where only they are known.

    Parameters
    ----------
    measured : Measured
        What was measured.

    Returns
    -------
    dict
        Fields of `Balance`, `closure_std`, and a pair of numbers as `isolated_um` where it lies between them.
    """
    found = asdict(measured.balance)
    found["closure_std"] = _closure_std(measured)
    mixed = measured.mixed
    found["mixed_zone_detection_limit_um"] = mixed.detection_limit_um if isinstance(mixed, MixedZone) else None
    found["mixed_zone_reference"] = mixed.reference if isinstance(mixed, MixedZone) else None
    bounds = measured.isolated_range_um
    if bounds is not None and bounds[1] > bounds[0]:
        found["isolated_um"] = list(bounds)
    return found


def _closure_std(measured: Measured) -> float | None:
    closure, charge, std = measured.balance.closure, measured.charge, measured.balance.measured_um_std
    if closure is None or charge is None or std is None:
        return None
    expected = charge.expected_thickness_um
    return hypot(std / expected, closure * (charge.expected_thickness_um_std or 0.0) / expected)


def report_section(measured: Measured) -> dict[str, Any]:
    """Return what only the report shows: error budget, tables of pieces.

    Parameters
    ----------
    measured : Measured
        What was measured.

    Returns
    -------
    dict
        Lists of records.
    """
    found: dict[str, Any] = {"error_budget": [asdict(share) for share in measured.budget]}
    if isinstance(measured.mixed, str):
        found["mixed_zone_not_measured"] = measured.mixed
    if measured.reason is not None:
        found["not_measured"] = measured.reason
    return found

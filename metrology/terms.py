"""Terms of the balance from a survey of labels: amounts over the area in view, and how far off they may be."""

from math import hypot, pi

from .deposit import UM2_PER_CM2
from .inventory import Amount
from .survey import Survey

SHALLOW = 2.0
"""Lithium less deep than so many times the roughness of the interface may be a bulge of what lies before it."""

SPECK_VOXELS = 10
"""Bodies of fewer voxels are not told from noise."""


def connected_lithium(survey: Survey, *, surface_std_um: float, is_declared: bool = False) -> Amount | None:
    """Return the lithium that has grown into the electrolyte and touches the film or the interface.

    Parameters
    ----------
    survey : Survey
        What the labels tell.
    surface_std_um : float
        Standard deviation of where a body's surface is found, in µm; it moves all surfaces at once.
    is_declared : bool
        True if the labels take dark bodies for lithium because the cell is said to plate there.

    Returns
    -------
    Amount or None
        Over the area in view, in µm; None where the labels hold no electrolyte.
    """
    if survey.penetration is None or survey.in_electrolyte_um is None:
        return None
    std_um = surface_std_um * survey.grown_surface_um2 / _area_um2(survey)
    return Amount(survey.in_electrolyte_um, hypot(std_um, _speck_um(survey), _shallow_um(survey)), is_declared)


def isolated_range_um(survey: Survey) -> tuple[float, float] | None:
    """Return between which bounds isolated lithium lies without a scan before charging.

    Parameters
    ----------
    survey : Survey
        What the labels tell.

    Returns
    -------
    (low, high) or None
        Over the area in view, in µm: all pieces may be closed pores, or all lithium; None where the labels
        hold no electrolyte.
    """
    return None if survey.isolated_um is None else (0.0, survey.isolated_um)


def new_lithium(survey: Survey, *, surface_std_um: float) -> Amount | None:
    """Return isolated lithium where a scan before charging has shown that nothing dark was there.

    Parameters
    ----------
    survey : Survey
        What labels tell from which the bodies that were there before charging were taken out.
    surface_std_um : float
        Standard deviation of where a body's surface is found, in µm.

    Returns
    -------
    Amount or None
        Over the area in view, in µm; None where the labels hold no electrolyte.
    """
    if survey.penetration is None or survey.isolated_um is None:
        return None
    volume = survey.penetration.isolated.volume_um3
    surface_um2 = float(((36 * pi) ** (1 / 3) * volume ** (2 / 3)).sum())
    std_um = surface_std_um * surface_um2 / _area_um2(survey)
    return Amount(survey.isolated_um, hypot(std_um, _speck_um(survey)))


def _shallow_um(survey: Survey) -> float:
    """Lithium in columns that hardly leave the roughness of the interface: a bulge of the carbon looks like it."""
    found = survey.penetration
    if found is None:
        return 0.0
    shallow = (found.depth_um > 0) & (found.depth_um < SHALLOW * found.tolerance_um)
    pixel_um2 = survey.voxel_um[1] * survey.voxel_um[2]
    return float(found.column_um[shallow].sum()) * pixel_um2 / _area_um2(survey)


def _area_um2(survey: Survey) -> float:
    return survey.frame.area_in_view_cm2 * UM2_PER_CM2


def _speck_um(survey: Survey) -> float:
    """One body at the limit of what is told from noise, as a layer."""
    z, y, x = survey.voxel_um
    return SPECK_VOXELS * z * y * x / _area_um2(survey)

"""What the steps that read projections do to transmission, each by one function of `reconstruction`."""

import numpy as np

from ..reconstruction import flat_field
from ..reconstruction.detector_blur import deblur, subtract_floor
from ..reconstruction.dynamic_flats import FlatModel, fitted_flats
from ..reconstruction.hardening import linearise
from ..reconstruction.phase import retrieve_phase
from ..reconstruction.shifts import shift_projections
from .fields import Fields, Image
from .steps import Air, Deblur, GlareFloor, PhaseRetrieval, Shifts, Step


def at_one_energy(integrals: Image, fields: Fields) -> Image:
    """Take off the gas beside the cell, and map line integrals against hardening where the chain says so.

    Parameters
    ----------
    integrals : (n, n_rows, n_cols) array of float32
        Line integrals, dimensionless.
    fields : Fields
        Beam and detector.

    Returns
    -------
    (n, n_rows, n_cols) array of float32
        Line integrals, dimensionless.
    """
    if fields.jig:
        integrals = integrals - np.float32(fields.jig)
    return integrals if fields.hardening is None else linearise(integrals, fields.hardening)


def flats_of(frames: Image, fields: Fields, first_view: int) -> Image:
    """Return the flat of all frames, or one for each.

    Parameters
    ----------
    frames : (n, n_rows, n_cols) array of float32
        Counts.
    fields : Fields
        Beam and detector.
    first_view : int
        Place of the first frame among the selected views.

    Returns
    -------
    (n_rows, n_cols) or (n, n_rows, n_cols) array of float32
        Counts: interpolated in time between flats of several times, or fitted to each frame.

    Raises
    ------
    ValueError
        If the scan has no flats.
    """
    if fields.modes is not None and fields.beam is not None:
        model = FlatModel(fields.beam, fields.modes, np.zeros(len(fields.modes), np.float32))
        return fitted_flats(frames, fields.dark, model)[0]
    if fields.flats is None:
        raise ValueError("the scan has no flats; give flat_path")
    if len(fields.flats) == 1:
        return fields.flats[0]
    index = fields.views[first_view : first_view + len(frames)]
    return flat_field.flat_at(fields.flats, fields.positions, index)


def corrected_light(light: Image, step: Step, fields: Fields, first_view: int) -> Image:
    """Run one step on transmission.

    Parameters
    ----------
    light : (n, n_rows, n_cols) array of float32
        Transmission, dimensionless; may be changed in place.
    step : Step
        The step; one that does not work on transmission leaves it as it is.
    fields : Fields
        Beam and detector.
    first_view : int
        Place of the first frame among the selected views.

    Returns
    -------
    (n, n_rows, n_cols) array of float32
        Transmission, dimensionless.
    """
    if isinstance(step, Air):
        return flat_field.normalise_air(light, [_binned(columns, fields.columns) for columns in step.columns])
    if isinstance(step, Shifts):
        return shift_projections(light, fields.moves(step, first_view, len(light)))
    if isinstance(step, GlareFloor):
        level = fields.glare if step.share is None else step.share
        if level is None:
            raise ValueError("the floor was not measured; give {step: floor, share: ...}")
        return subtract_floor(light, level, in_flats=step.in_flats)
    if isinstance(step, Deblur):
        return deblur(light, sigma_px=step.sigma_px, noise=step.noise)
    if isinstance(step, PhaseRetrieval):
        return _retrieved(light, step, fields)
    return light


def _retrieved(light: Image, step: PhaseRetrieval, fields: Fields) -> Image:
    """Paganin's filter, view by view, with what the scan and the cell know."""
    distance_mm = fields.distance_mm if step.distance_mm is None else step.distance_mm
    if distance_mm is None or step.energy_kev is None or step.delta_beta is None or fields.pixel_um is None:
        raise ValueError(
            "the step phase lacks a distance, an energy, delta_beta or a pixel; give distance_mm, and source or both "
            "energy_kev and delta_beta"
        )
    facts = {"pixel_um": fields.pixel_um, "magnification": fields.magnification, "distance_mm": distance_mm}
    for view in range(len(light)):  # one at a time: the padded transform takes several frames
        light[view : view + 1] = retrieve_phase(
            light[view : view + 1], energy_kev=step.energy_kev, delta_beta=step.delta_beta, **facts
        )
    return light


def _binned(columns: tuple[int, int], offset_bin: tuple[int, int]) -> tuple[int, int]:
    """Columns of the detector as columns of the selection, bins that are wholly inside."""
    first, size = offset_bin
    return -((first - columns[0]) // size), (columns[1] - first) // size

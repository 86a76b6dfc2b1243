"""What a scan must have for its steps to run, checked before anything is read."""

import numpy as np

from ..scans.geometry import ConeBeam
from ..scans.scan import Scan
from .fields import LEAST_FLATS
from .selection import Selection
from .steps import (
    Air,
    BadPixels,
    Deblur,
    DynamicFlats,
    GlareFloor,
    HalfAcquisition,
    PhaseRetrieval,
    Shifts,
    Step,
)

ON_COUNTS = (BadPixels, DynamicFlats, Air, Shifts, GlareFloor, Deblur, PhaseRetrieval)
FULL_TURN_DEG = 355.0


def check_steps(name: str, scan: Scan, selection: Selection, chain: tuple[Step, ...]) -> None:
    """Refuse steps that lack what they need.

    Parameters
    ----------
    name : str
        Name of the scan, for the message.
    scan : Scan
        The raw data; nothing of it is read.
    selection : Selection
        The part of it that is run.
    chain : tuple of Step
        Its steps.

    Raises
    ------
    ValueError
        If a step cannot do its work on this scan; the message says what to give.
    """
    for step in chain:
        fault = _fault(step, scan, selection)
        if fault is not None:
            raise ValueError(f"scan {name}: step {step.model_dump()['step']} {fault}")


def _fault(step: Step, scan: Scan, selection: Selection) -> str | None:
    """What a step lacks, and what to do."""
    if scan.is_line_integral and isinstance(step, ON_COUNTS):
        return "works on counts, and the scan holds line integrals; take it out"
    if isinstance(step, DynamicFlats) and scan.flats is not None and scan.flats.shape[0] < LEAST_FLATS:
        return f"needs {LEAST_FLATS} flats at least, better 20, and there are {scan.flats.shape[0]}; take it out"
    if isinstance(step, Shifts) and not any(step.drift_px) and (scan.shifts_px is None or not step.stored):
        return "has nothing to do: the file stores no shifts; give drift_px: [rows, columns], or take it out"
    if isinstance(step, PhaseRetrieval) and step.distance_mm is None and not isinstance(scan.geometry, ConeBeam):
        return "needs distance_mm, from the sample to the detector"
    if isinstance(step, HalfAcquisition):
        span = 0.0 if scan.theta is None else float(np.rad2deg(np.ptp(scan.theta)))
        if span < FULL_TURN_DEG:
            return f"needs views over 360 degrees, and they span {span:.0f}; take it out"
    if isinstance(step, Air):
        first, last = selection.columns
        outside = [list(span) for span in step.columns if span[0] < first or span[1] > last]
        if outside:
            return f"has columns {outside} outside the columns {first} to {last} that are run; choose others"
        if any(span[1] - span[0] < 2 * selection.bin for span in step.columns):
            return f"has ranges narrower than two bins of {selection.bin} columns; make them wider"
    return None

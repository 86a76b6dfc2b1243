"""What the selected part of the detector sees of a scan: its cone, and whether it cuts the object off."""

import logging
from dataclasses import replace
from typing import Any

import numpy as np

from ..scans.geometry import ConeBeam
from .axis import Axis
from .chain import extended
from .job import Job
from .steps import HalfAcquisition, Truncation
from .store import ImageLayout

log = logging.getLogger(__name__)

CUT_LEVEL = 0.02
"""Line integral at the edges of the view, as a share of the strongest, above which the object is cut off."""

SHIFTED = 0.05
"""Distance of the axis from the middle of a cone's detector, as a share of its width, that is there on purpose."""


def is_biased(job: Job, integrals: Any, layout: ImageLayout, centre: Axis) -> bool:
    """Tell whether the detector cuts the object off in a way that leaves µ uncertain, and say so.

    Parameters
    ----------
    job : Job
        The scan and its steps.
    integrals : Integrals
        (n_theta, n_rows, n_cols) line integrals, read when sliced.
    layout : ImageLayout
        The volume.
    centre : Axis
        The axis in the selection.

    Returns
    -------
    bool
        False where the object is whole in view, or its outer radius and µ are known.
    """
    row = job.selection.shape[1] // 2
    sinogram = np.ascontiguousarray(np.swapaxes(np.asarray(integrals[:, row : row + 1]), 0, 1))
    mean = sinogram.mean(axis=(0, 1))
    sides, strongest = [float(mean[:3].mean()), float(mean[-3:].mean())], float(mean.max())
    off = centre.centre_px - (mean.size - 1) / 2
    is_cone = isinstance(job.scan.geometry, ConeBeam)
    is_half = any(isinstance(step, HalfAcquisition) for step in job.chain)
    if is_half or (is_cone and abs(off) > SHIFTED * mean.size):
        sides = sides[:1] if off > 0 else sides[1:]  # a detector shifted on purpose cuts the object on one side
    edge = max(sides)
    if edge <= CUT_LEVEL * strongest:
        return False
    share = 100 * edge / strongest
    if is_cone:
        log.warning(
            "scan %s is cut off by the detector (%.0f %% of the strongest line integral at its edges), so that µ is "
            "biased: the rim of the view reads high, its middle low",
            job.name,
            share,
        )
        return True
    step = next((step for step in job.chain if isinstance(step, Truncation)), None)
    if step is None:
        log.warning(
            "scan %s is cut off by the detector (%.0f %% of the strongest line integral at its edges), so that µ is "
            "biased; add {step: truncation}, with outer_diameter_mm and mu_per_cm where known",
            job.name,
            share,
        )
        return True
    biased = extended(sinogram, step, centre_px=centre.centre_px, voxel_um=layout.voxel_um).biased
    if biased:
        log.warning(
            "scan %s: the outer radius is a guess and µ is biased; give outer_diameter_mm and mu_per_cm", job.name
        )
    return bool(biased)


def cone_of_selection(job: Job, axis: Axis) -> ConeBeam | None:
    """Return the cone beam as the selected, binned detector sees it.

    Parameters
    ----------
    job : Job
        The scan and its selection.
    axis : Axis
        The axis in the selection; its tilt is the detector's where it is to be corrected.

    Returns
    -------
    ConeBeam or None
        None for a parallel beam.
    """
    geometry, chosen = job.scan.geometry, job.selection
    if not isinstance(geometry, ConeBeam) or geometry.pixel_um is None:
        return None
    row = (job.scan.shape[1] - 1) / 2 if geometry.row_px is None else geometry.row_px
    row_px = (row - chosen.rows[0] + 0.5) / chosen.bin - 0.5
    tilt_rad = geometry.detector_tilt_rad if axis.is_upright else axis.tilt_rad
    return replace(
        geometry,
        pixel_um=geometry.pixel_um * chosen.bin,
        centre_px=axis.centre_px,
        row_px=row_px,
        detector_tilt_rad=tilt_rad,
    )

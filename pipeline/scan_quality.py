"""The quality of one scan in numbers, from three of its slices and what the passes kept: cheap beside the run."""

import logging
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from ..arrays import Block
from ..arrays.blocks import thread_count
from ..reconstruction import quality
from ..reconstruction.stability import column_drift_px, flat_stability, missing_angle_deg, row_drift_px
from .axis import Axis
from .chain import reconstruct_cone_slab, reconstruct_slab, rows_of_slab
from .field_of_view import cone_of_selection
from .job import Job
from .scratch import SUMS, Integrals
from .steps import Layout
from .store import ImageLayout

log = logging.getLogger(__name__)

SLICES = 3
MOST_FLATS = 40

Image = NDArray[np.float32]


def measure_quality(job: Job, path: Path, layout: ImageLayout, axis: Axis) -> dict[str, Any]:
    """Measure how good a scan is.

    Parameters
    ----------
    job : Job
        The scan and its steps.
    path : Path
        Its line integrals on scratch.
    layout : ImageLayout
        The volume.
    axis : Axis
        The axis in the selection.

    Returns
    -------
    dict
        Numbers under names with their units, None for what cannot be measured.
    """
    integrals = Integrals(path)
    theta, is_cone = job.theta, cone_of_selection(job, axis) is not None
    facts: dict[str, Any] = {
        "views": len(theta),
        "missing_angles_deg": missing_angle_deg(theta, needed_deg=360.0 if is_cone else 180.0),
    }
    facts |= _of_halves(_halves(job, integrals, layout, axis), layout.voxel_um)
    facts |= _of_time(job, integrals, is_cone=is_cone, voxel_um=layout.voxel_um)
    facts |= _of_flats(job)
    selection = job.selection
    curve = axis.on_detector(selection)
    facts["centre_curve"] = {"rows_px": list(curve.rows_px), "centres_px": list(curve.centres_px)}
    return facts


def _halves(job: Job, integrals: Integrals, layout: ImageLayout, axis: Axis) -> list[tuple[Image, Image]]:
    """Some slices, each from the even and from the odd views."""
    theta, n_rows = job.theta, integrals.shape[1]
    if len(theta) < 8:
        return []
    steps, cone = job.steps(Layout.SINOGRAMS), cone_of_selection(job, axis)
    places = np.unique(np.linspace(0, n_rows - 1, SLICES + 2)[1:-1].round().astype(int)).tolist()
    pairs = []
    for place in places:
        slab = Block(0, place, place + 1)
        if cone is None:
            rows = np.ascontiguousarray(np.swapaxes(integrals[:, place : place + 1], 0, 1))
            work = partial(
                reconstruct_slab,
                steps=steps,
                centre_px=axis.centre_px,
                voxel_um=layout.voxel_um,
                threads=thread_count(job.compute.threads),
            )
            first, second = (work(np.ascontiguousarray(rows[:, k::2]), theta[k::2])[0] for k in (0, 1))
        else:
            start, stop = rows_of_slab(cone, integrals.shape[1:], slab)
            rows = integrals[:, start:stop]
            work = partial(reconstruct_cone_slab, steps=steps, geometry=cone, first_row=start, n_rows=n_rows, slab=slab)
            first, second = (work(np.ascontiguousarray(rows[k::2]), theta[k::2])[0] for k in (0, 1))
        pairs.append((np.asarray(first), np.asarray(second)))
    return pairs


def _of_halves(pairs: list[tuple[Image, Image]], voxel_um: float) -> dict[str, Any]:
    """Noise, resolution, blur and rings: the median over the slices, the correlation over all of them."""
    noise = [quality.noise_of_halves(*pair) for pair in pairs]
    rings = [quality.rings_of_halves(*pair) for pair in pairs]
    found = [quality.edge_sharpness((a + b) * np.float32(0.5), noise=n) for (a, b), n in zip(pairs, noise, strict=True)]
    edges = [edge for edge in found if edge is not None]
    resolution = quality.resolution_px(pairs)
    blur = float(np.median([edge.blur_px for edge in edges])) if edges else math.nan
    width = float(np.median([edge.width_px for edge in edges])) if edges else math.nan
    return {
        "noise_per_cm": _known(np.median(noise) if noise else math.nan),
        "rings_per_cm": _known(np.median(rings) if rings else math.nan),
        "resolution_um": None if resolution is None else resolution * voxel_um,
        "edge_blur_um": _known(blur * voxel_um),
        "edge_width_um": _known(width * voxel_um),
    }


def _of_time(job: Job, integrals: Integrals, *, is_cone: bool, voxel_um: float) -> dict[str, Any]:
    """How far the sample moved along rows and columns; told of parallel beams alone."""
    names = ("drift_rows_um", "drift_columns_um")
    if is_cone:
        return dict.fromkeys(names)
    sums: Any = zarr.open_array(job.scratch / SUMS, mode="r")
    n_theta, per_block = integrals.shape[0], job.blocks.views
    profiles = []
    for index in range(sums.shape[0]):
        count = min(per_block, n_theta - index * per_block)
        mean = np.asarray(sums[index], np.float64) / count
        profiles.append(-np.log(np.maximum(mean, 1e-4)).sum(axis=1))
    along = row_drift_px(np.array(profiles))
    # means of blocks stand half a block inside the first and the last view
    stretch = n_theta / max(n_theta - per_block, 1) if len(profiles) > 1 else 1.0
    rows = None if along is None else float(along[np.abs(along).argmax()]) * min(stretch, 2.0) * voxel_um
    middle = integrals.shape[1] // 2
    columns = column_drift_px(integrals[:, middle : middle + 1][:, 0], job.theta)
    return {"drift_rows_um": rows, "drift_columns_um": None if columns is None else columns * voxel_um}


def _of_flats(job: Job) -> dict[str, Any]:
    """How much the open beam flickers and changes, from a band of rows in the middle of the flats."""
    names = ("flat_flicker", "flat_change")
    flats, darks = job.scan.flats, job.scan.darks
    if flats is None or job.scan.is_line_integral:
        return dict.fromkeys(names)
    n_rows = flats.shape[1]
    band = slice(max(n_rows // 2 - 32, 0), min(n_rows // 2 + 32, n_rows))
    every = max(1, flats.shape[0] // MOST_FLATS)
    frames = np.concatenate([flats[k : k + 1, band] for k in range(0, flats.shape[0], every)])
    dark = 0.0 if darks is None else np.asarray(darks[0 : min(darks.shape[0], 10), band], np.float64).mean(axis=0)
    return dict(zip(names, flat_stability(frames, np.broadcast_to(dark, frames.shape[1:])), strict=True))


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None

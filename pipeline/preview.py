"""A quick look at a scan: binned, every fourth view, three slices, before a night is spent on it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from .axis import Axis, find_axis
from .chain import correct_block, reconstruct_slab
from .config import Config
from .fields import open_fields
from .job import Job, check_job
from .known_steps import hardening_map, jig_integral, known_chain
from .opening import Opened, region_of
from .pictures import save_slices
from .planning import plan_blocks
from .selection import preview_of
from .steps import Centre, Layout


def preview_scan(config: Config, one: Opened, folder: Path) -> Path:
    """Reconstruct and draw three slices of a scan.

    Parameters
    ----------
    config : Config
        The configuration.
    one : Opened
        The scan.
    folder : Path
        Where the picture goes.

    Returns
    -------
    Path
        The PNG; its title states centre and verdict.

    Raises
    ------
    ValueError
        If angles, pixel size or flats are missing, or the data are not finite.
    """
    if one.scan is None:
        raise ValueError(f"scan {one.name} is a ready volume; a preview is for raw projections")
    selection = preview_of(one.scan.shape, region_of(config, one.name))
    job = Job(one.name, one.scan, selection, known_chain(config, one.name), folder, config.compute)
    check_job(job)
    fields = replace(
        open_fields(one.scan, selection), hardening=hardening_map(config, one.name), jig=jig_integral(config, one.name)
    )
    size = plan_blocks(selection, config.compute).views
    steps = job.steps(Layout.PROJECTIONS)
    parts = []
    for start in range(0, selection.shape[0], size):
        frames = selection.read(one.scan.projections, start, min(start + size, selection.shape[0]))
        parts.append(correct_block(frames, fields, steps, first_view=start).integrals)
    integrals = np.concatenate(parts)
    hint = one.scan.geometry.centre_px
    step = next((step for step in job.chain if isinstance(step, Centre)), Centre())
    axis = find_axis(integrals, job.theta, step, selection) if hint is None else Axis(selection.centre_px(hint))
    volume = reconstruct_slab(
        np.ascontiguousarray(np.swapaxes(integrals, 0, 1)),
        job.theta,
        job.steps(Layout.SINOGRAMS),
        centre_px=axis.centre_px,
        voxel_um=job.voxel_um,
        threads=plan_blocks(selection, config.compute).threads * 2,
    )
    target = folder / f"{one.name}.png"
    centre = f"centre {selection.full_px(axis.centre_px):.2f} px ({axis.verdict})"
    title = f"{config.sample}: {one.name}, preview at bin {selection.bin}, {centre}"
    save_slices(volume, selection.rows, job.voxel_um, target, title=title)
    return target

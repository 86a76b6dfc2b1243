"""A quick look at a scan: binned, every fourth view, three slices, before a night is spent on it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..arrays import Block
from ..scans.geometry import ConeBeam
from .axis import Axis, find_axis
from .chain import correct_block, reconstruct_cone_slab, reconstruct_slab
from .config import Config
from .field_of_view import cone_of_selection
from .fields import open_fields
from .job import Advance, Job, check_job
from .known_steps import hardening_map, jig_integral, known_chain
from .loading import load_config
from .opening import Opened, open_all, region_of
from .pictures import save_slices
from .planning import plan_blocks
from .selection import cone_preview_of, preview_of
from .steps import Centre, Layout

CONE_SLICES = 3

Image = NDArray[np.float32]


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
    is_cone = isinstance(one.scan.geometry, ConeBeam)
    choose = cone_preview_of if is_cone else preview_of
    selection = choose(one.scan.shape, region_of(config, one.name))
    job = Job(one.name, one.scan, selection, known_chain(config, one.name, is_cone=is_cone), folder, config.compute)
    check_job(job)
    fields = replace(
        open_fields(one.scan, selection, job.steps(Layout.PROJECTIONS)),
        hardening=hardening_map(config, one.name),
        jig=jig_integral(config, one.name),
    )
    size = plan_blocks(selection, config.compute).views
    steps = job.steps(Layout.PROJECTIONS)
    parts = []
    for start in range(0, selection.shape[0], size):
        frames = selection.read(one.scan.projections, start, min(start + size, selection.shape[0]))
        parts.append(correct_block(frames, fields, steps, first_view=start).integrals)
    integrals = np.concatenate(parts)
    hint = one.scan.geometry.centre_px
    step = next((step for step in job.chain if isinstance(step, Centre)), Centre()).model_copy(update={"tilt": "off"})
    axis = Axis(0.0) if hint is None else Axis(selection.centre_px(hint))
    if hint is None:
        axis = find_axis(integrals, job.theta, step, selection, cone_of_selection(job, axis))
    rows, volume = _slices(job, integrals, axis)
    target = folder / f"{one.name}.png"
    centre = f"centre {selection.full_px(axis.centre_px):.2f} px ({axis.verdict})"
    title = f"{config.sample}: {one.name}, preview at bin {selection.bin}, {centre}"
    save_slices(volume, rows, job.voxel_um, target, title=title)
    return target


def _slices(job: Job, integrals: Image, axis: Axis) -> tuple[list[int], Image]:
    """Reconstruct the slices of a preview; return their rows on the detector, too."""
    steps, rows, cone = job.steps(Layout.SINOGRAMS), list(job.selection.rows), cone_of_selection(job, axis)
    if cone is not None:
        n_rows = len(rows)
        places = [round(float(place)) for place in np.linspace(0, n_rows - 1, CONE_SLICES + 2)[1:-1]]
        parts = [
            reconstruct_cone_slab(
                integrals, job.theta, steps, cone, first_row=0, n_rows=n_rows, slab=Block(0, place, place + 1)
            )
            for place in places
        ]
        return [rows[place] for place in places], np.concatenate(parts)
    volume = reconstruct_slab(
        np.ascontiguousarray(np.swapaxes(integrals, 0, 1)),
        job.theta,
        steps,
        centre_px=axis.centre_px,
        voxel_um=job.voxel_um,
        threads=plan_blocks(job.selection, job.compute).threads * 2,
    )
    return rows, volume


def preview_config(config_path: Path, folder: Path, *, advance: Advance) -> list[Path]:
    """Reconstruct a few binned slices of every scan and draw them.

    Parameters
    ----------
    config_path : Path
        YAML configuration.
    folder : Path
        The run folder; pictures go to its `preview` folder.
    advance : callable
        Told of every finished scan.

    Returns
    -------
    list of Path
        One PNG a scan.
    """
    config = load_config(config_path)
    opened = [one for one in open_all(config) if one.scan is not None]
    pictures = []
    for place, one in enumerate(opened):
        advance("preview", place, len(opened))
        pictures.append(preview_scan(config, one, folder / "preview"))
        advance("preview", place + 1, len(opened))
    return pictures

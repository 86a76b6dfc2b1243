"""From the frames of one scan to a volume on disk: two passes over blocks, each block recorded when it is safe.

The first pass reads every frame once, corrects it and writes line integrals to a scratch array whose chunks suit the
second pass: (views of a block, rows of a slab, all columns). The second pass takes one slab of rows at a time through
the sinogram steps and the reconstruction, and writes the slab's own chunks.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Block, blocks, open_device
from ..arrays.gpu import Host
from ..reconstruction.half_acquisition import joined_columns
from ..scans.geometry import ConeBeam
from .axis import Axis, find_axis
from .field_of_view import cone_of_selection, is_biased
from .fields import open_fields
from .job import Job, Reconstructed, check_job
from .ledger import Ledger, fingerprint
from .scan_quality import measure_quality
from .scratch import CorruptScratch, Integrals, make_scratch, save_transmission
from .status import STATE
from .steps import Centre, FlatField, GlareFloor, HalfAcquisition, Layout, Step
from .store import ImageLayout, create_image, plan_layout, publish
from .tasks import Facts, ProjectionTask, SlabTask, Task, store_record
from .upright import UprightTask, make_upright_array

log = logging.getLogger(__name__)

MOST_REPAIRS = 2
"""How often line integrals that are damaged on disk are redone before the disk is given up."""


def reconstruct(job: Job, ledger: Ledger, source_mark: str) -> Reconstructed:
    """Do what is not done yet of one scan.

    Parameters
    ----------
    job : Job
        The scan, its steps and where to write.
    ledger : Ledger
        What is done.
    source_mark : str
        Fingerprint of the raw input.

    Returns
    -------
    Reconstructed
        The finished volume.

    Raises
    ------
    ValueError
        If angles, pixel size or flats are missing, or the data cannot be repaired.
    """
    check_job(job)
    job = _with_device(job)
    read_mark = _read_mark(job, source_mark)
    axis_mark = fingerprint(read_mark, job.scan.geometry.centre_px, job.theta.tolist(), *_dump(job.steps(Layout.SCAN)))
    scratch_mark = fingerprint(read_mark, job.blocks.views, job.blocks.batch)
    if not ledger.done(f"{job.name}/centre", 0, axis_mark):
        _integrate(job, ledger, scratch_mark)
        _mended(job, ledger, scratch_mark, lambda: _record_centre(job, ledger, axis_mark))
    centre = Axis.from_facts(ledger.facts(f"{job.name}/centre"))
    layout = _layout(job, centre)
    mark = fingerprint(axis_mark, *_dump(job.steps(Layout.SINOGRAMS)), layout)
    stages = [-1, *(slab.index for slab in layout.slabs)]
    if not (job.image.exists() and all(ledger.done(f"{job.name}/volume", block, mark) for block in stages)):
        _integrate(job, ledger, scratch_mark)
        _mended(job, ledger, scratch_mark, lambda: _reconstruct_slabs(job, ledger, layout, centre, mark))
        _mended(job, ledger, scratch_mark, lambda: _record_quality(job, ledger, layout, centre, mark))
    sums = np.load(job.folder / STATE / f"{job.name}-transmission.npy")
    repaired = dict(ledger.facts(f"{job.name}/integrals", -1).get("repaired", {}))
    found = centre.on_detector(job.selection)
    biased = bool(ledger.facts(f"{job.name}/volume", -1).get("biased", False))
    floor = ledger.facts(f"{job.name}/floor") if any(isinstance(step, GlareFloor) for step in job.chain) else {}
    quality = ledger.facts(f"{job.name}/quality")
    return Reconstructed(job.image, layout, found, sums, repaired, mark, biased, dict(floor), quality)


def line_integrals(job: Job, ledger: Ledger, source_mark: str) -> Integrals:
    """Return the corrected line integrals of a scan, made again where they are gone.

    Parameters
    ----------
    job : Job
        The scan, its steps and where to write.
    ledger : Ledger
        What is done.
    source_mark : str
        Fingerprint of the raw input, as for `reconstruct`.

    Returns
    -------
    Integrals
        (n_theta, n_rows, n_cols) line integrals, dimensionless, read when sliced.
    """
    path = job.scratch / "integrals"
    _integrate(job, ledger, fingerprint(_read_mark(job, source_mark), job.blocks.views, job.blocks.batch))
    if facts := ledger.facts(f"{job.name}/centre"):
        path = _upright(job, ledger, Axis.from_facts(facts))
    return Integrals(path)


def _upright(job: Job, ledger: Ledger, axis: Axis) -> Path:
    """Where the line integrals lie whose axis runs along the columns: made where it leans, in a parallel beam."""
    integrals, upright = job.scratch / "integrals", job.scratch / "upright"
    if axis.is_upright or isinstance(job.scan.geometry, ConeBeam):
        return integrals
    stage, todo = f"{job.name}/upright", blocks(job.selection.shape[0], job.blocks.views)
    frames = ledger.facts(f"{job.name}/integrals", -1).get("frames_sha256")
    mark = fingerprint(frames, axis.tilt_rad)
    if not (upright.exists() and ledger.done(stage, -2, mark)):
        make_upright_array(integrals, upright)
        ledger.record(stage, -2, mark, {"blocks": len(todo)})
        for block in todo:
            ledger.forget(stage, block.index, "scratch is new")
    missing = [block for block in todo if not ledger.done(stage, block.index, mark)]
    task = UprightTask(integrals, upright, axis.tilt_rad)
    _run_blocks(job, ledger, stage, task, missing, total=len(todo), mark=mark)
    return upright


def _layout(job: Job, centre: Axis) -> ImageLayout:
    _, n_rows, n_cols = job.selection.shape
    if any(isinstance(step, HalfAcquisition) for step in job.chain):
        n_cols = joined_columns(n_cols, centre.centre_px)[0]
    return plan_layout(
        (n_rows, n_cols, n_cols),
        voxel_um=job.voxel_um,
        most_levels=job.levels,
        slab=job.blocks.slab,
    )


def _read_mark(job: Job, source_mark: str) -> str:
    """Fingerprint of all that the line integrals depend on."""
    steps = _dump(job.steps(Layout.PROJECTIONS))
    return fingerprint(source_mark, job.selection, *steps, job.blocks.slab, _table_mark(job), job.jig)


def _with_device(job: Job) -> Job:
    """Settle where blocks are worked on, before anything is read; workers elsewhere settle it for themselves."""
    if job.compute.scheduler != "threads":
        return job
    device = open_device(job.compute.device)
    log.info("scan %s is worked on by %s", job.name, device.name)
    kind = "cpu" if isinstance(device, Host) else "gpu"
    return replace(job, compute=job.compute.model_copy(update={"device": kind}))


def _dump(steps: tuple[Step, ...]) -> list[dict[str, Any]]:
    return [step.model_dump(mode="json") for step in steps]


def _table_mark(job: Job) -> float | None:
    return None if job.hardening is None else float(job.hardening.measured @ job.hardening.linear)


def _run_blocks(job: Job, ledger: Ledger, stage: str, task: Task, todo: list[Block], *, total: int, mark: str) -> None:
    """Run the blocks that are missing, wherever blocks are run, and record each when it is safe."""
    title = f"{job.name}: {'projections' if stage.endswith('integrals') else 'volume'}"
    done = iter(range(total - len(todo) + 1, total + 1))
    job.advance(title, total - len(todo), total)

    def finished(block: Block, facts: Facts) -> None:
        ledger.record(stage, block.index, mark, facts)
        job.advance(title, next(done), total)

    if todo:
        job.workers.run(task, todo, finished, at_once=job.blocks.at_once)


def _integrate(job: Job, ledger: Ledger, mark: str) -> None:
    """First pass: frames to line integrals on scratch, and the mean transmission of every pixel."""
    stages = (-1, *(block.index for block in blocks(job.selection.shape[0], job.blocks.views)))
    if (job.scratch / "integrals").exists() and all(ledger.done(f"{job.name}/integrals", n, mark) for n in stages):
        return
    n_theta = job.selection.shape[0]
    todo = blocks(n_theta, job.blocks.views)
    stage = f"{job.name}/integrals"
    integrals, sums = job.scratch / "integrals", job.scratch / "sums"
    fresh = not (integrals.exists() and sums.exists() and ledger.done(stage, -2, mark))
    if fresh:
        shape, chunk = job.selection.shape, (job.blocks.batch, job.blocks.slab)
        make_scratch(job.scratch, shape, chunk=chunk, n_blocks=len(todo))
        ledger.record(stage, -2, mark, {"blocks": len(todo)})
        for block in todo:
            ledger.forget(stage, block.index, "scratch is new")
    missing = [b for b in todo if not ledger.done(stage, b.index, mark)]
    if missing:
        fields = replace(
            open_fields(job.scan, job.selection, job.steps(Layout.PROJECTIONS)), hardening=job.hardening, jig=job.jig
        )
        if fields.glare is not None:
            ledger.record(f"{job.name}/floor", 0, mark, {"share": fields.glare, "std": fields.glare_std})
        task = ProjectionTask(
            job.scan.projections,
            job.selection,
            job.steps(Layout.PROJECTIONS),
            store_record(fields, job.scratch / "fields"),
            integrals=integrals,
            sums=sums,
            batch=job.blocks.batch,
            device=job.compute.device,
            is_ahead=job.blocks.is_ahead,
        )
        _run_blocks(job, ledger, stage, task, missing, total=len(todo), mark=mark)
        job.check_input()
    counts: dict[str, int] = {}
    for block in todo:
        for key, value in ledger.facts(stage, block.index)["repaired"].items():
            counts[key] = counts.get(key, 0) + int(value)
    _refuse_nonfinite(job, counts)
    save_transmission(job.scratch, job.folder / STATE / f"{job.name}-transmission.npy", n_theta)
    frames = fingerprint([ledger.facts(stage, block.index)["sha256"] for block in todo])
    ledger.record(stage, -1, mark, {"repaired": counts, "frames_sha256": frames})


def take_back(job: Job, ledger: Ledger, views: Sequence[int]) -> None:
    """Let the blocks of some views be read again, because their line integrals were damaged on disk.

    Parameters
    ----------
    job : Job
        The scan.
    ledger : Ledger
        Where the blocks are taken back.
    views : sequence of int
        A view of each damaged chunk.
    """
    log.warning("scan %s: line integrals of the views from %s on were damaged on disk; redone", job.name, list(views))
    for index in sorted({view // job.blocks.views for view in views}):
        for stage in ("integrals", "upright"):
            ledger.forget(f"{job.name}/{stage}", index, "damaged on scratch")


def _mended(job: Job, ledger: Ledger, mark: str, work: Callable[[], None]) -> None:
    """Do work that reads the line integrals; redo those that turn out to be damaged, and go on."""
    for _ in range(MOST_REPAIRS):
        try:
            return work()
        except CorruptScratch as error:
            take_back(job, ledger, error.views)
            _integrate(job, ledger, mark)
    return work()


def _record_quality(job: Job, ledger: Ledger, layout: ImageLayout, centre: Axis, mark: str) -> None:
    """Measure the scan's quality while its line integrals are at hand."""
    if ledger.done(f"{job.name}/quality", 0, mark):
        return
    job.advance(f"{job.name}: quality", 0, 1)
    ledger.record(f"{job.name}/quality", 0, mark, measure_quality(job, _upright(job, ledger, centre), layout, centre))
    job.advance(f"{job.name}: quality", 1, 1)


def _refuse_nonfinite(job: Job, counts: Mapping[str, int]) -> None:
    """Say how many samples were NaN or Inf; stop unless the chain allows their repair."""
    bad = counts.get("nonfinite", 0)
    step = next((step for step in job.chain if isinstance(step, FlatField)), FlatField())
    if bad and step.nonfinite == "refuse":
        raise ValueError(
            f"scan {job.name} has {bad} NaN or Inf values among {counts['samples']}; set {{step: flat-field, "
            "nonfinite: repair} to fill them from their neighbours, or mend the file"
        )
    if bad:
        log.warning("scan %s: %d NaN or Inf values were filled from their neighbours", job.name, bad)
    if starved := counts.get("nonpositive", 0):
        share = starved / max(counts["samples"], 1)
        log.info("scan %s: %d samples (%.3g of all) saw no photon", job.name, starved, share)


def _record_centre(job: Job, ledger: Ledger, mark: str) -> None:
    """Take the centre from the hint, or find it from the line integrals."""
    hint = job.scan.geometry.centre_px
    step = next((step for step in job.chain if isinstance(step, Centre)), None)
    if hint is not None:
        found = Axis(job.selection.centre_px(hint))
    elif step is None:
        raise ValueError(
            f"scan {job.name} has no centre_px and its steps have no `centre`; give one of the two, since the axis "
            "is never guessed"
        )
    else:
        job.advance(f"{job.name}: centre", 0, 1)
        integrals = Integrals(job.scratch / "integrals")
        found = find_axis(integrals, job.theta, step, job.selection, cone_of_selection(job, Axis(0.0)))
        if not (found.is_upright or isinstance(job.scan.geometry, ConeBeam)):
            upright, only = Integrals(_upright(job, ledger, found)), step.model_copy(update={"tilt": "off"})
            again = find_axis(upright, job.theta, only, job.selection)  # rows of all heights now speak together
            found = replace(found, centre_px=again.centre_px, verdict=again.verdict, confidence=again.confidence)
        job.advance(f"{job.name}: centre", 1, 1)
    if not found.is_trusted:
        log.warning(
            "centre of scan %s: %s at column %.2f (confidence %.2f); look at `xelith centre` or give centre_px",
            job.name,
            found.verdict,
            job.selection.full_px(found.centre_px),
            found.confidence,
        )
    if found.tilt_verdict == "measured":
        log.warning(
            "the axis of scan %s leans by %.3f degrees against the detector's columns: %s",
            job.name,
            math.degrees(found.tilt_rad),
            "not corrected" if found.is_upright else "the projections are set upright",
        )
    ledger.record(f"{job.name}/centre", 0, mark, found.as_facts())


def _reconstruct_slabs(job: Job, ledger: Ledger, layout: ImageLayout, centre: Axis, mark: str) -> None:
    """Second pass: one slab of rows at a time, from scratch to its own chunks of the volume."""
    stage, path = f"{job.name}/volume", _upright(job, ledger, centre)
    is_mending = ledger.done(stage, -1, mark) and job.image.exists()
    target = job.image if is_mending else job.image.with_name(job.image.name + ".partial")
    fresh = not is_mending and not (target.exists() and ledger.done(stage, -2, mark))
    if fresh:
        create_image(target, layout, name=job.name, attributes=job.attributes)
        ledger.record(stage, -2, mark, {"blocks": len(layout.slabs)})
        for slab in layout.slabs:
            ledger.forget(stage, slab.index, "the image is new")
    todo = [s for s in layout.slabs if not ledger.done(stage, s.index, mark)]
    task = SlabTask(
        path,
        job.theta,
        job.steps(Layout.SINOGRAMS),
        centre_px=centre.centre_px,
        cone=cone_of_selection(job, centre),
        image=target,
        layout=layout,
        threads=job.blocks.threads if job.compute.scheduler in ("threads", "local") else job.compute.threads,
        device=job.compute.device,
        name=job.image.name,
    )
    _run_blocks(job, ledger, stage, task, todo, total=len(layout.slabs), mark=mark)
    if not is_mending:
        publish(target, job.image)
    ledger.record(stage, -1, mark, {"biased": is_biased(job, Integrals(path), layout, centre)})

"""What a reconstruction will take: block sizes, memory, disk and time, from sizes alone."""

from dataclasses import dataclass

from ..arrays.blocks import thread_count
from .config import Compute
from .selection import Selection

MOST_VIEWS = 64
SLAB_HEIGHTS = (32, 16, 8, 4)
# Rough, for two cores, and meant to err high: gridding alone takes 5 to 10 ms a slice of 1000 x 1024
# (docs/benchmarks/fourier_fbp.md) where these give 17; corrections, rings and the pyramid come on top of it.
SECONDS_PER_SAMPLE = 1.3e-8
SECONDS_PER_VOXEL = 4e-9
BYTES_PER_SECOND = 3e8


@dataclass(frozen=True)
class Blocks:
    """How a scan is cut for its two passes.

    Parameters
    ----------
    views : int
        Projections per block of the first pass.
    slab : int
        Rows per block of the second pass, a power of 2.
    at_once : int
        Blocks in work at a time.
    threads : int
        Threads inside each block.
    """

    views: int
    slab: int
    at_once: int
    threads: int


@dataclass(frozen=True)
class Cost:
    """What a scan takes, estimated.

    Parameters
    ----------
    memory_bytes : int
        Peak of arrays in memory, above the imports.
    scratch_bytes : int
        Disk for intermediate line integrals, freed at the end.
    output_bytes : int
        Disk for the volume with its pyramid.
    seconds : float
        Time on this machine's number of threads.
    """

    memory_bytes: int
    scratch_bytes: int
    output_bytes: int
    seconds: float


def plan_blocks(selection: Selection, compute: Compute) -> Blocks:
    """Choose block sizes that fit the memory budget.

    Parameters
    ----------
    selection : Selection
        The part of a scan that is run.
    compute : Compute
        Memory and threads.

    Returns
    -------
    Blocks
        The largest blocks that fit; the result does not depend on them.
    """
    n_theta, n_rows, n_cols = selection.shape
    cores = thread_count(compute.threads)
    budget = 0.8 * compute.memory_gib * 2**30
    frame = 4 * n_rows * n_cols * selection.bin**2
    choices = [(h, n) for h in SLAB_HEIGHTS for n in (min(2, cores), 1)]
    slab, at_once = next((c for c in choices if _slab_bytes(selection, c[0]) * c[1] < budget), (2, 1))
    views = min(max(int(budget / (_FRAME_COPIES * frame * at_once)), 1), MOST_VIEWS, n_theta)
    return Blocks(views, slab, at_once, max(1, cores // at_once))


_FRAME_COPIES = 6


def _slab_bytes(selection: Selection, slab: int) -> int:
    """Sinograms and their copy, volume and pyramid, and what Fourier gridding takes for the slices side by side."""
    n_theta, _, n_cols = selection.shape
    side_by_side = min(16, max(4, slab))
    gridding = side_by_side * 8 * (n_theta * n_cols + 0.8 * n_cols**2)
    return int(slab * 4 * n_cols * (2 * n_theta + 2.2 * n_cols) + gridding)


def estimate(selection: Selection, compute: Compute) -> Cost:
    """Estimate what a scan takes.

    Parameters
    ----------
    selection : Selection
        The part of a scan that is run.
    compute : Compute
        Memory and threads.

    Returns
    -------
    Cost
        Memory, disk and time.
    """
    n_theta, n_rows, n_cols = selection.shape
    plan = plan_blocks(selection, compute)
    samples, voxels = n_theta * n_rows * n_cols, n_rows * n_cols**2
    frames = plan.views * 4 * n_rows * n_cols * selection.bin**2 * _FRAME_COPIES
    seconds = (samples * SECONDS_PER_SAMPLE + voxels * SECONDS_PER_VOXEL) * 2 / (plan.at_once * plan.threads)
    moved = samples * 4 * (selection.bin**2 + 2) + voxels * 4
    return Cost(
        memory_bytes=plan.at_once * max(frames, _slab_bytes(selection, plan.slab)),
        scratch_bytes=4 * samples,
        output_bytes=int(4 * voxels * 8 / 7),
        seconds=seconds + moved / BYTES_PER_SECOND,
    )

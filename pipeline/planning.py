"""What a reconstruction will take: block sizes, memory, disk and time, from sizes alone."""

from dataclasses import dataclass, replace

from ..arrays.blocks import thread_count
from ..arrays.gpu import LANES
from .config import Compute
from .selection import Selection
from .steps import HalfAcquisition, Step

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
    batch : int
        Projections in memory at a time within such a block; divides `views`.
    slab : int
        Rows per block of the second pass, a power of 2.
    at_once : int
        Blocks in work at a time on this machine.
    threads : int
        Threads inside each block.
    is_ahead : bool
        Whether frames that the file packs together are all kept when one of them is unpacked.
    """

    views: int
    batch: int
    slab: int
    at_once: int
    threads: int
    is_ahead: bool = False


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


def plan_blocks(selection: Selection, compute: Compute, chain: tuple[Step, ...] = ()) -> Blocks:
    """Choose block sizes that fit the memory budget.

    Parameters
    ----------
    selection : Selection
        The part of a scan that is run.
    compute : Compute
        Memory and threads.
    chain : tuple of Step
        Its steps: some take more memory, and one makes the view nearly twice as wide.

    Returns
    -------
    Blocks
        The largest blocks of which two fit, or one where two do not. Their sizes depend on the scan and on the
        memory alone, so that a run may go on with another number of threads or workers.
    """
    cores = thread_count(compute.threads)
    copies, wide = max((step.copies for step in chain), default=0), _widened(selection, chain)
    budget = 0.8 * compute.memory_gib * 2**30 - _fixed_bytes(selection)
    is_ahead = selection.packed > 1 and 8 * _packed_bytes(selection) <= budget
    ahead = is_ahead * _packed_bytes(selection)
    slab = next((h for h in SLAB_HEIGHTS if _slab_bytes(wide, h) < budget), 2)
    batch = MOST_VIEWS
    while batch % 2 == 0 and 2 * (ahead + _batch_bytes(selection, batch, copies)) > budget:
        batch //= 2
    block_bytes = max(_slab_bytes(wide, slab), ahead + _batch_bytes(selection, batch, copies))
    most = compute.workers or cores if compute.scheduler == "local" else max(min(2, cores), cores // 8)
    if compute.device == "gpu":
        most = max(most, LANES + 1)
    at_once = max(1, min(most, int(budget / block_bytes)))
    return Blocks(MOST_VIEWS, batch, slab, at_once, max(1, cores // at_once), is_ahead)


def slabs_at_once(compute: Compute, slab_bytes: float, *, threaded: int) -> int:
    """Return how many slabs of finished volumes are worked on at a time on this machine.

    Parameters
    ----------
    compute : Compute
        Memory, and who runs the blocks.
    slab_bytes : float
        Memory that one slab takes, in bytes.
    threaded : int
        How many threads of this process work on at most.

    Returns
    -------
    int
        As many as the memory holds, at least one: of `threaded`, or of the workers where they are local.
    """
    most = compute.workers or thread_count(compute.threads) if compute.scheduler == "local" else threaded
    return max(1, min(most, int(0.8 * compute.memory_gib * 2**30 / slab_bytes)))


_FRAME_COPIES = 6
_FRAME_FIELDS = 8


def _widened(selection: Selection, chain: tuple[Step, ...]) -> Selection:
    """The selection with the columns that half views have once they are joined, at most."""
    if not any(isinstance(step, HalfAcquisition) for step in chain):
        return selection
    first, last = selection.columns
    return replace(selection, columns=(first, 2 * last - first))


def _fixed_bytes(selection: Selection) -> int:
    """Flat, dark, dead pixels, floor and the mean transmission of the whole detector."""
    _, n_rows, n_cols = selection.shape
    return _FRAME_FIELDS * 4 * n_rows * n_cols


def _batch_bytes(selection: Selection, batch: int, copies: int) -> int:
    """Raw frames, transmission, what its repair takes, and line integrals of some views."""
    n_theta, n_rows, n_cols = selection.shape
    frames = min(batch + 2, n_theta)
    return 4 * frames * n_rows * n_cols * (_FRAME_COPIES + copies - 1 + selection.bin**2)


def _packed_bytes(selection: Selection) -> int:
    """Frames that are unpacked together, as they are stored."""
    _, n_rows, n_cols = selection.shape
    return 4 * min(selection.packed, len(selection.views)) * n_rows * n_cols * selection.bin**2


def _slab_bytes(selection: Selection, slab: int) -> int:
    """Sinograms and their copy, volume and pyramid, and what Fourier gridding takes for the slices side by side."""
    n_theta, _, n_cols = selection.shape
    side_by_side = min(16, max(4, slab))
    gridding = side_by_side * 8 * (n_theta * n_cols + 0.8 * n_cols**2)
    return int(slab * 4 * n_cols * (2 * n_theta + 2.2 * n_cols) + gridding)


def pass_seconds(selection: Selection, compute: Compute, chain: tuple[Step, ...] = ()) -> tuple[float, float]:
    """Estimate the time of the two passes.

    Parameters
    ----------
    selection : Selection
        The part of a scan that is run.
    compute : Compute
        Memory and threads.
    chain : tuple of Step
        Its steps.

    Returns
    -------
    tuple of float
        Seconds of the first pass and of the second.
    """
    n_theta, n_rows, n_cols = selection.shape
    plan = plan_blocks(selection, compute, chain)
    samples, voxels = n_theta * n_rows * n_cols, n_rows * _widened(selection, chain).shape[2] ** 2
    share = 2 / (plan.at_once * plan.threads)
    first = samples * (SECONDS_PER_SAMPLE * share / 2 + 4 * (selection.bin**2 + 1) / BYTES_PER_SECOND)
    second = samples * (SECONDS_PER_SAMPLE * share / 2 + 4 / BYTES_PER_SECOND)
    return first, second + voxels * (SECONDS_PER_VOXEL * share + 4 / BYTES_PER_SECOND)


def estimate(selection: Selection, compute: Compute, chain: tuple[Step, ...] = ()) -> Cost:
    """Estimate what a scan takes.

    Parameters
    ----------
    selection : Selection
        The part of a scan that is run.
    compute : Compute
        Memory and threads.
    chain : tuple of Step
        Its steps: some take more memory, and one makes the view nearly twice as wide.

    Returns
    -------
    Cost
        Memory, disk and time.
    """
    n_theta, n_rows, n_cols = selection.shape
    plan, wide = plan_blocks(selection, compute, chain), _widened(selection, chain)
    copies = max((step.copies for step in chain), default=0)
    samples, voxels = n_theta * n_rows * n_cols, n_rows * wide.shape[2] ** 2
    ahead = plan.is_ahead * _packed_bytes(selection)
    return Cost(
        memory_bytes=_fixed_bytes(selection)
        + plan.at_once * max(ahead + _batch_bytes(selection, plan.batch, copies), _slab_bytes(wide, plan.slab)),
        scratch_bytes=4 * samples,
        output_bytes=int(4 * voxels * 8 / 7),
        seconds=sum(pass_seconds(selection, compute, chain)),
    )

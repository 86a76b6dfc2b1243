"""What a run tells its ledger of itself as a whole: that it starts, what it plans, and how it ends."""

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .config import Config
from .ledger import Ledger
from .opening import Opened
from .planning import pass_seconds, plan_blocks

SECONDS_PER_LABEL = 4e-8
"""Of telling phases apart, per voxel, on two cores; rough."""


def one_line(error: BaseException) -> str:
    """Say an error in one line for the user.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    str
        With the remedy where the disk is full.
    """
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}no space left on the disk; free some (`xelith check` says how much), then run the same again"
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def run_stages(config: Config, opened: Sequence[Opened]) -> dict[str, dict[str, float]]:
    """Plan the stages of a run, for whoever asks how far it is.

    Parameters
    ----------
    config : Config
        The configuration.
    opened : sequence of Opened
        Its scans.

    Returns
    -------
    dict of dict
        Number of blocks and estimated seconds by stage.
    """
    stages: dict[str, dict[str, float]] = {}
    voxels = slabs = 0
    for one in opened:
        if one.selection is None:
            continue
        n_theta, n_rows, n_cols = one.selection.shape
        cut = plan_blocks(one.selection, config.compute)
        first, second = pass_seconds(one.selection, config.compute)
        slabs = -(-n_rows // cut.slab)
        stages[f"{one.name}/integrals"] = {"blocks": -(-n_theta // cut.views), "seconds": round(first, 3)}
        stages[f"{one.name}/volume"] = {"blocks": slabs, "seconds": round(second, 3)}
        voxels = n_rows * n_cols**2
    described = config.cell.preset is not None or bool(config.cell.layers)
    if voxels and described and config.segmentation.method != "none":
        stages["phases"] = {"blocks": slabs, "seconds": round(voxels * SECONDS_PER_LABEL, 3)}
    return stages


@contextmanager
def announced(ledger: Ledger, sample: str, plan: Mapping[str, Any]) -> Iterator[None]:
    """Record the start of a run and how it ends, whatever ends it.

    Parameters
    ----------
    ledger : Ledger
        The run's ledger.
    sample : str
        Name of the sample.
    plan : mapping
        Stages, as `run_stages` gives them.

    Yields
    ------
    None
        While the run lasts.
    """
    job = os.environ.get("SLURM_JOB_ID")
    holder = f"process {os.getpid()} on {os.uname().nodename}" + (f", job {job}" if job else "")
    ledger.event("started", {"sample": sample, "holder": holder, "plan": dict(plan)})
    try:
        yield
    except BaseException as error:
        name = "failed" if isinstance(error, Exception) else "stopped"
        with contextlib.suppress(OSError):  # a full disk has no room for this line either
            ledger.event(name, {"error": one_line(error), "kind": type(error).__name__})
        raise
    ledger.event("done")

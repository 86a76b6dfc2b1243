"""SLURM by its command line: job arrays of a batch. Nothing a user wrote becomes part of a shell line."""

import logging
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .batch import Batch
from .cluster import job_memory_gib
from .compute import Compute
from .store import write_text

log = logging.getLogger(__name__)

TIMEOUT_S = 60
SMALL_MIB = 4096
"""Memory of the jobs that come after the runs: maps of two scans at a time, and pages."""

MOST_TASKS = 1000
"""Tasks of one array; SLURM's own limit is 1001 where nobody has raised it."""


@dataclass(frozen=True)
class Resources:
    """What a job of a batch asks for.

    Parameters
    ----------
    partition, account, constraint : str or None
        None leaves the choice to the cluster.
    walltime : str
        [days-]hours:minutes:seconds.
    cores, gpus : int
        Of one job.
    memory_mib : int
        Of one job.
    """

    partition: str | None
    account: str | None
    constraint: str | None
    walltime: str
    cores: int
    gpus: int
    memory_mib: int

    @classmethod
    def of(cls, compute: Compute) -> "Resources":
        """Return what a configuration asks for.

        Parameters
        ----------
        compute : Compute
            Its section.

        Returns
        -------
        Resources
            Cores as given, or as many as it has threads.
        """
        asked = compute.slurm
        return cls(
            asked.partition,
            asked.account,
            asked.constraint,
            asked.walltime,
            max(asked.cores, compute.threads or 1),
            asked.gpus,
            round(1024 * job_memory_gib(compute)),
        )

    def options(self) -> list[str]:
        """Return the options of `sbatch`.

        Returns
        -------
        list of str
            One argument each; they never pass through a shell.
        """
        named = {"partition": self.partition, "account": self.account, "constraint": self.constraint}
        options = [f"--{name}={value}" for name, value in named.items() if value is not None]
        options += [f"--gres=gpu:{self.gpus}"] if self.gpus else []
        return [*options, f"--time={self.walltime}", f"--cpus-per-task={self.cores}", f"--mem={self.memory_mib}M"]


def write_job(batch: Batch) -> Path:
    """Write the script that every job of a batch runs.

    Parameters
    ----------
    batch : Batch
        The batch.

    Returns
    -------
    Path
        The script; it names the interpreter and the batch's record, and no sample.
    """
    (batch.root / "log").mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "xelith.pipeline", "batch-item", str(batch.root)]
    script = batch.root / "job.sh"
    write_text(script, f'#!/bin/sh\nexec {shlex.join(command)} "$SLURM_ARRAY_TASK_ID"\n')
    return script


def send(batch: Batch, indices: Sequence[int], resources: Resources, *, at_once: int | None = None) -> dict[int, str]:
    """Send items of a batch as job arrays.

    Parameters
    ----------
    batch : Batch
        The batch, saved.
    indices : sequence of int
        Which of its items.
    resources : Resources
        Of each job.
    at_once : int, optional
        Most jobs that run at a time.

    Returns
    -------
    dict of str
        Job by index, for instance "4711_3".

    Raises
    ------
    OSError
        If SLURM refuses the array; the message is SLURM's own.
    FileNotFoundError
        If there is no `sbatch`.
    """
    script = write_job(batch)
    sent: dict[int, str] = {}
    for first in range(0, len(indices), MOST_TASKS):
        part = indices[first : first + MOST_TASKS]
        limit = f"%{at_once}" if at_once else ""
        log = str(batch.root / "log").replace("%", "%%")
        job = _sbatch(
            [
                f"--array={','.join(map(str, part))}{limit}",
                "--job-name=xelith",
                f"--output={log}/%A_%a.log",
                f"--chdir={batch.root}",
                "--signal=B:TERM@60",
                *resources.options(),
                str(script),
            ]
        )
        sent |= {index: f"{job}_{index}" for index in part}
    return sent


def send_summary(batch: Batch, jobs: Sequence[str], resources: Resources) -> str:
    """Send the job that writes the page over all runs once these have ended, well or not.

    Parameters
    ----------
    batch : Batch
        The batch, saved.
    jobs : sequence of str
        Jobs to wait for, as `send` named them.
    resources : Resources
        Partition and account are taken from it; one core will do.

    Returns
    -------
    str
        The job.
    """
    arrays = sorted({job.split("_")[0] for job in jobs})
    return _send_after(batch, "summary", ["report", str(batch.root)], arrays, resources)


def send_series(batch: Batch, index: int, jobs: Sequence[str], resources: Resources) -> str:
    """Send the job that evaluates a series once the runs of its scans have ended, well or not.

    Parameters
    ----------
    batch : Batch
        The batch, saved.
    index : int
        Which of its series.
    jobs : sequence of str
        Jobs to wait for, as `send` named them; none where every scan has run already.
    resources : Resources
        Partition and account are taken from it; one core will do.

    Returns
    -------
    str
        The job.
    """
    return _send_after(batch, f"series-{index}", ["batch-series", str(batch.root), str(index)], jobs, resources)


def queued(jobs: Sequence[str], *, timeout_s: float = TIMEOUT_S) -> set[str]:
    """Tell which jobs still wait or run.

    Parameters
    ----------
    jobs : sequence of str
        As `send` named them.
    timeout_s : float
        How long SLURM may take to answer, in s.

    Returns
    -------
    set of str
        Those of them that SLURM has; all of them where it does not say.
    """
    if not jobs or shutil.which("squeue") is None:
        return set(jobs)
    numbers = ",".join(sorted({job.split("_")[0] for job in jobs}))
    ask = ["squeue", "--noheader", "--array", "--format=%i", f"--jobs={numbers}"]
    try:
        done = subprocess.run(ask, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return set(jobs)
    if done.returncode and "Invalid job id" not in done.stderr:  # what it says where every job is forgotten
        log.warning("squeue does not tell which jobs are left: %s", " ".join(done.stderr.split()))
        return set(jobs)
    return set(jobs) & set(done.stdout.split())


def _send_after(batch: Batch, name: str, command: list[str], jobs: Sequence[str], resources: Resources) -> str:
    """Send a small job that waits for others to end; a failure of theirs does not keep it from starting."""
    (batch.root / "log").mkdir(parents=True, exist_ok=True)
    script = batch.root / f"{name}.sh"
    write_text(script, f"#!/bin/sh\nexec {shlex.join([sys.executable, '-m', 'xelith.pipeline', *command])}\n")
    small = replace(resources, walltime="01:00:00", cores=1, gpus=0, memory_mib=SMALL_MIB)
    log = str(batch.root / "log").replace("%", "%%")
    options = [f"--job-name=xelith-{name}", f"--output={log}/%j.log", f"--chdir={batch.root}"]
    waits = [f"--dependency=afterany:{':'.join(jobs)}"] if jobs else []
    return _sbatch([*waits, *options, *small.options(), str(script)])


def _sbatch(arguments: Sequence[str]) -> str:
    """Run sbatch without a shell and return the job's number."""
    if shutil.which("sbatch") is None:
        raise FileNotFoundError(
            "no sbatch on the path: there is no SLURM here; use `xelith run` for each configuration, or submit from "
            "a login node of the cluster"
        )
    try:
        done = subprocess.run(
            ["sbatch", "--parsable", *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"sbatch gave no answer in {TIMEOUT_S} s; is the controller up? try `sinfo`") from error
    number = done.stdout.strip().split(";")[0]
    if done.returncode or not re.fullmatch(r"\d+", number):
        reason = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
        raise OSError(f"SLURM refused the jobs: {reason}")
    return number

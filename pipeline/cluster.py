"""Who runs the blocks: threads of this process, or Dask workers here, elsewhere or on SLURM.

Blocks go out as a task record and three numbers; arrays stay on disk. Whoever runs a block writes its chunks before it
answers, and this process alone keeps the ledger.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import product
from typing import Any, Protocol
from uuid import uuid4

from ..arrays import Block
from ..arrays.gpu import gpu_problem, visible_gpus
from .allocation import environment, give_back
from .compute import Compute
from .lanes import Shares, run_in_lanes
from .tasks import Facts, Task

log = logging.getLogger(__name__)

Finished = Callable[[Block, Facts], None]
Lane = tuple[str, int]
"""A thread of a worker: the worker's address and the thread's number there."""
MOST_LANES = 2
"""Threads of one worker that are given blocks: what a block takes of memory, every one of them takes."""

RETRIES = 2


class Workers(Protocol):
    """Whatever can run a task on many blocks."""

    def run(self, task: Task, todo: Sequence[Block], finished: Finished, *, at_once: int) -> None:
        """Run a task on every block.

        Parameters
        ----------
        task : callable
            Takes a block, answers with facts.
        todo : sequence of Block
            The blocks to run.
        finished : callable
            Called with a block and its facts once they are on disk, one call at a time.
        at_once : int
            Blocks in work at a time on this machine.
        """
        ...


class Threads:
    """Dask's threaded scheduler, in this process."""

    def run(self, task: Task, todo: Sequence[Block], finished: Finished, *, at_once: int) -> None:
        """Run a task on every block.

        Parameters
        ----------
        task : callable
            Takes a block, answers with facts.
        todo : sequence of Block
            The blocks to run.
        finished : callable
            Called with a block and its facts once they are on disk, one call at a time.
        at_once : int
            Blocks in work at a time.
        """
        run_in_lanes(task, todo, finished, at_once=at_once)


class Distributed:
    """Dask workers in other processes; started when the first block is to be run.

    Parameters
    ----------
    compute : Compute
        Scheduler, workers, certificates and dashboard.
    """

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._client: Any = None
        self._cluster: Any = None

    def run(self, task: Task, todo: Sequence[Block], finished: Finished, *, at_once: int) -> None:
        """Run a task on every block; a block whose worker is lost is run again on another.

        Parameters
        ----------
        task : callable
            Takes a block, answers with facts; records, paths and small facts only.
        todo : sequence of Block
            The blocks to run.
        finished : callable
            Called with a block and its facts once they are on disk, one call at a time.
        at_once : int
            Workers to start where they are started on this machine, and blocks in work at a time there.

        Raises
        ------
        ChildProcessError
            If blocks are lost again and again with their workers, or no worker comes.
        """
        from distributed import KilledWorker, as_completed

        from .turns import InTurn

        client = self._started(at_once)
        shares, turn = Shares(todo), InTurn(task, uuid4().hex)
        sent: dict[Any, tuple[Block, Lane | None]] = {}
        latest: dict[Lane | None, Any] = {}

        def _top_up() -> list[Any]:
            """Keep two blocks to a thread of a worker under way, neighbours on one; workers may come late, and go."""
            lanes: list[Lane | None] = [
                (address, n) for address, threads in client.ncores().items() for n in range(min(threads, MOST_LANES))
            ]
            is_tight = self._compute.scheduler == "local" and at_once < len(lanes)  # memory holds no more
            most = at_once if is_tight else 2 * max(len(lanes), 1)
            under_way, new = Counter(lane for _, lane in sent.values()), []
            for depth, lane in product(range(2), lanes or [None]):
                is_free = under_way[lane] <= depth and len(sent) < most
                if is_free and (block := shares.take(lane)) is not None:
                    # Dask runs a task where the answer lies that it is given, and elsewhere if that worker is lost.
                    key = (f"{type(task).__name__}-{turn.stage}", block.index)
                    future = client.submit(turn, block, latest.get(lane), key=key, retries=RETRIES)
                    sent[future], latest[lane] = (block, lane), future
                    new.append(future)
            return new

        done = as_completed(_top_up(), loop=client.loop)
        try:
            for future in done:
                address, facts = future.result()
                block, lane = sent.pop(future)
                if lane is not None and lane[0] != address and latest.get(lane) is future:
                    del latest[lane]  # it went astray
                finished(block, facts)
                done.update(_top_up())
            if self._compute.scheduler == "local":
                client.run(give_back, wait=False, on_error="ignore")
        except KilledWorker as error:
            raise ChildProcessError(
                "workers died again and again on the same block, as a rule for want of memory; lower "
                "compute.memory_gib or compute.workers"
            ) from error
        finally:
            client.cancel(list(sent))

    def _started(self, at_once: int) -> Any:
        if self._client is None:
            from distributed import Client

            from .turns import Turns

            address, security = self._address(at_once), self._security()
            extra = {} if security is None else {"security": security}
            try:
                self._client = Client(address, timeout=60, set_as_default=False, **extra)
            except OSError as error:
                raise ConnectionError(
                    f"no Dask scheduler answers at {self._compute.scheduler} ({error}); start it, or mend its address"
                ) from error
            if self._client.dashboard_link:
                log.info("Dask dashboard: %s", self._client.dashboard_link, extra={"shown": True})
            patience_s = 86400 if self._compute.scheduler == "slurm" else 120
            wanted = len(self._cluster.worker_spec) if self._compute.scheduler == "local" else 1
            with suppress(TimeoutError):
                self._client.wait_for_workers(wanted, timeout=patience_s)
            self._client.register_plugin(Turns())
            if not self._client.ncores():
                raise ChildProcessError(
                    f"no Dask worker came in {patience_s} s to {self._compute.scheduler}; start workers there "
                    "(`dask worker ADDRESS --nthreads 1`), or set compute.scheduler: threads"
                )
        return self._client

    def _security(self) -> Any:
        if self._compute.tls is None:
            return None
        from distributed.security import Security

        tls = self._compute.tls
        roles = ("client", "scheduler", "worker")
        files = {f"tls_{role}_{part}": str(getattr(tls, part)) for role in roles for part in ("cert", "key")}
        return Security(tls_ca_file=str(tls.ca_file), require_encryption=True, **files)

    def _address(self, at_once: int) -> Any:
        kind = self._compute.scheduler
        if kind == "local":
            self._cluster = _local_cluster(self._compute, at_once, self._security())
        elif kind == "slurm":
            self._cluster = _slurm_cluster(self._compute, self._security())
        else:
            return kind
        return self._cluster

    def close(self) -> None:
        """End what was started here; a scheduler that was only visited goes on."""
        for one in (self._client, self._cluster):
            if one is not None:
                one.close()
        self._client = self._cluster = None


def pinned(compute: Compute, at_once: int, gpus: Sequence[str] | None = None) -> list[dict[str, str]]:
    """Return the environment of each worker of this machine: one GPU to a worker, or nothing on the CPU.

    Parameters
    ----------
    compute : Compute
        Device and workers.
    at_once : int
        Workers that the blocks ask for.
    gpus : sequence of str, optional
        GPUs by the names that CUDA_VISIBLE_DEVICES takes; default those that CuPy sees.

    Returns
    -------
    list of dict
        One entry a worker; as many workers as GPUs where the configuration leaves their number open.

    Raises
    ------
    ValueError
        If more workers are asked for than there are GPUs, or a GPU and there is none.
    """
    if compute.device == "cpu":
        return [{} for _ in range(at_once)]
    seen = list(visible_gpus() if gpus is None else gpus)
    if not seen and compute.device == "gpu":
        raise ValueError(f"compute.device is gpu, and {gpu_problem() or 'no GPU is visible'}, or set device: cpu")
    if not seen:
        return [{} for _ in range(at_once)]
    if compute.workers is not None and compute.workers > len(seen):
        raise ValueError(
            f"compute.workers is {compute.workers} and {len(seen)} GPUs are visible, one to a worker; set workers: "
            f"{len(seen)}, or device: cpu"
        )
    return [{"CUDA_VISIBLE_DEVICES": name} for name in seen[: min(at_once, len(seen))]]


def _local_cluster(compute: Compute, at_once: int, security: Any) -> Any:
    """Workers on this machine, all of whose ports are on the loopback, and each with a GPU of its own."""
    from distributed import LocalCluster, Nanny

    environments = pinned(compute, at_once)

    class Keeping(Nanny):
        """Starts a worker process that keeps its memory for the next block."""

        def __init__(self, *where: Any, **options: Any) -> None:
            super().__init__(*where, **options)
            self.pre_spawn_env |= environment()

    class Pinned(LocalCluster):
        """Gives the n-th worker the n-th environment; a worker that is started again keeps it."""

        def new_worker_spec(self) -> dict[Any, Any]:
            """Return name and description of the next worker."""
            place = len(self.worker_spec)
            ((name, spec),) = super().new_worker_spec().items()
            return {name: {**spec, "options": {**spec["options"], "env": environments[place]}}}

    extra = {} if security is None else {"security": security, "protocol": "tls://"}
    cluster = Pinned(
        n_workers=0,
        threads_per_worker=1,
        worker_class=Keeping,
        host="127.0.0.1",
        dashboard_address=compute.dashboard or "127.0.0.1:0",
        memory_limit=0,  # blocks are cut to memory_gib; spilling what is on disk already would only cost
        silence_logs=logging.ERROR,
        **extra,
    )
    cluster.scale(len(environments))
    return cluster


def _slurm_cluster(compute: Compute, security: Any) -> Any:
    """One SLURM job a worker."""
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError as error:
        raise ValueError("scheduler: slurm needs dask-jobqueue; install xelith[cluster]") from error
    asked = compute.slurm
    directives = [f"--gres=gpu:{asked.gpus}"] if asked.gpus else []
    directives += [f"--constraint={asked.constraint}"] if asked.constraint else []
    extra = {} if security is None else {"security": security, "protocol": "tls://"}
    return SLURMCluster(
        n_workers=compute.workers or 1,
        cores=1,
        processes=1,
        job_cpu=asked.cores,
        memory=f"{job_memory_gib(compute):.2f}GiB",
        walltime=asked.walltime,
        queue=asked.partition,
        account=asked.account,
        interface=asked.interface,
        job_extra_directives=directives,
        job_script_prologue=[f"export {name}={value}" for name, value in environment().items()],
        scheduler_options={"dashboard_address": compute.dashboard or "127.0.0.1:0"},
        **extra,
    )


def job_memory_gib(compute: Compute) -> float:
    """Return the memory that a SLURM job asks for.

    Parameters
    ----------
    compute : Compute
        The configuration's section.

    Returns
    -------
    float
        In GiB: as given, or the budget of the arrays and a half, and 2 GiB for the libraries.
    """
    return compute.slurm.memory_gib or 1.5 * compute.memory_gib + 2


@contextmanager
def open_workers(compute: Compute) -> Iterator[Workers]:
    """Hold what runs the blocks for as long as a run lasts.

    Parameters
    ----------
    compute : Compute
        The configuration's section.

    Yields
    ------
    Workers
        Threads, or Dask workers that start with the first block.
    """
    if compute.scheduler == "threads":
        yield Threads()
        return
    workers = Distributed(compute)
    try:
        yield workers
    finally:
        workers.close()

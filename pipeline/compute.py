"""The configuration's `compute` section: how much memory, how many threads, and who schedules the blocks."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from .sections import Section

KINDS = ("threads", "local", "slurm")


def known_scheduler(value: str) -> str:
    """Refuse what is no scheduler.

    Parameters
    ----------
    value : str
        threads, local, slurm, or the address of a running Dask scheduler.

    Returns
    -------
    str
        The same.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if value not in KINDS and not re.fullmatch(r"(tcp|tls)://[^\s/]+:\d{1,5}", value):
        raise ValueError(
            f"scheduler {value!r} is not known; give threads, local, slurm, or the address of a running Dask scheduler "
            "such as tcp://host:8786 or tls://host:8786"
        )
    return value


Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@:,+-]{1,64}$")]


class Tls(Section):
    """Certificates for Dask's encrypted connections, in PEM files."""

    ca_file: Path
    cert: Path
    key: Path


class Slurm(Section):
    """What a SLURM job asks for: one job a scan with `xelith submit`, one a worker with `scheduler: slurm`."""

    partition: Word | None = Field(None, description="default: the cluster's own")
    account: Word | None = None
    walltime: str = Field(
        "12:00:00", pattern=r"^(\d{1,3}-)?\d{1,3}:\d{2}:\d{2}$", description="[days-]hours:minutes:seconds"
    )
    cores: int = Field(1, ge=1, le=1024)
    memory_gib: float | None = Field(None, gt=0, description="default: compute.memory_gib and a half, and 2 GiB")
    gpus: int = Field(0, ge=0, le=64)
    constraint: Word | None = Field(None, description="feature of the node")
    interface: Word | None = Field(None, description="network interface of Dask's traffic, with scheduler: slurm")


class Compute(Section):
    """Where it runs."""

    device: Literal["auto", "cpu", "gpu"] = Field(
        "auto", description="of reconstruction; auto is the GPU where CuPy sees one"
    )
    memory_gib: float = Field(4.0, ge=0.25, description="of this machine; of each worker where workers run elsewhere")
    threads: int | None = Field(None, ge=1, le=4096, description="default: one per core")
    scheduler: Annotated[str, AfterValidator(known_scheduler)] = Field(
        "threads", description="threads, local, slurm, or the address of a running Dask scheduler (tcp:// or tls://)"
    )
    workers: int | None = Field(
        None, ge=1, le=4096, description="with scheduler local (default: one per core) or slurm (default: 1)"
    )
    dashboard: str | None = Field(
        None, pattern=r"^[A-Za-z0-9_.:\[\]-]*:\d{1,5}$", description="host:port; default a free port of the loopback"
    )
    tls: Tls | None = None
    slurm: Slurm = Slurm()

    @model_validator(mode="after")
    def _fitting(self) -> "Compute":
        if self.workers is not None and self.scheduler not in ("local", "slurm"):
            raise ValueError(f"workers is given with scheduler {self.scheduler}; it belongs to local and slurm")
        if self.scheduler.startswith("tls://") and self.tls is None:
            raise ValueError("a tls:// scheduler needs tls: {ca_file: ..., cert: ..., key: ...}")
        if self.scheduler == "slurm" and self.slurm.gpus > 1:
            raise ValueError(
                f"slurm.gpus is {self.slurm.gpus} with scheduler slurm, where it is the GPUs of one worker, and a "
                "worker uses one; give gpus: 1, and more workers"
            )
        if self.scheduler == "local" and self.workers is not None and 0 < self.slurm.gpus < self.workers:
            raise ValueError(
                f"workers is {self.workers} and slurm.gpus {self.slurm.gpus}, one to a worker; give as many of both"
            )
        return self

"""The same run on threads, on local workers and on a scheduler by address: the same bits, workers lost or not."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

import dask
import numpy as np
import pytest
from pydantic import ValidationError

from xelith.arrays import Block, blocks
from xelith.pipeline.cluster import Distributed, Threads, job_memory_gib, open_workers, pinned
from xelith.pipeline.compute import Compute, Slurm
from xelith.pipeline.run import run_config
from xelith.pipeline.store import open_level

pytestmark = pytest.mark.usefixtures("no_pictures")


def quiet(stage: str, done: int, total: int) -> None:
    """Stand in for progress bars."""


class Noting:
    """A task that notes in a folder which process ran which block."""

    def __init__(self, folder, seconds=0.0):
        self.folder, self.seconds = folder, seconds

    def __call__(self, block: Block):
        time.sleep(self.seconds)
        (self.folder / f"{block.index}-{os.getpid()}").touch()
        return {"start": block.start}


def answers(workers, task, n=6):
    found = {}
    workers.run(task, blocks(n, 1), lambda block, facts: found.update({block.index: facts["start"]}), at_once=2)
    return found


@pytest.fixture(scope="module")
def local():
    """Two worker processes, for all tests of this file."""
    with open_workers(Compute(scheduler="local", workers=2)) as workers:
        yield workers


def test_threads_run_every_block_once(tmp_path):
    assert answers(Threads(), Noting(tmp_path)) == {i: i for i in range(6)}
    assert {p.name.split("-")[1] for p in tmp_path.iterdir()} == {str(os.getpid())}


def test_workers_are_other_processes_on_the_loopback(local, tmp_path):
    assert isinstance(local, Distributed)
    assert answers(local, Noting(tmp_path, 0.05)) == {i: i for i in range(6)}
    assert str(os.getpid()) not in {p.name.split("-")[1] for p in tmp_path.iterdir()}
    info = local._client.scheduler_info()
    assert info["address"].startswith("tcp://127.0.0.1:")
    assert {worker["host"] for worker in info["workers"].values()} == {"127.0.0.1"}
    assert "//127.0.0.1:" in local._client.dashboard_link


def test_a_killed_worker_costs_its_block_a_second_try(local, tmp_path):
    def kill_one():
        while not (seen := sorted(tmp_path.iterdir())):
            time.sleep(0.02)
        os.kill(int(seen[0].name.split("-")[1]), signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    found = answers(local, Noting(tmp_path, 0.3), n=8)
    killer.join()
    assert found == {i: i for i in range(8)}


def test_a_worker_has_one_gpu():
    def names(gpus, at_once=4, **asked):
        found = pinned(Compute(scheduler="local", **asked), at_once, gpus)
        return [environment.get("CUDA_VISIBLE_DEVICES") for environment in found]

    assert names(["0", "GPU-8f"]) == ["0", "GPU-8f"]  # as many workers as GPUs, where nobody says how many
    assert names(["0", "1", "2"], at_once=2) == ["0", "1"]
    assert names(["0", "1"], workers=1, at_once=1) == ["0"]
    assert names([]) == [None] * 4
    assert names(["0"], device="cpu", workers=4) == [None] * 4
    with pytest.raises(ValueError, match="workers is 3 and 2 GPUs are visible, one to a worker; set workers: 2"):
        names(["0", "1"], workers=3)
    with pytest.raises(ValueError, match=r"device is gpu, and .*, or set device: cpu"):
        names([], device="gpu")


def test_each_worker_process_sees_its_gpu_alone_also_when_started_again(monkeypatch):
    monkeypatch.setattr("xelith.pipeline.cluster.visible_gpus", lambda: ("4", "7"))
    with open_workers(Compute(scheduler="local", workers=2)) as workers:
        client = workers._started(2)

        def seen():
            return sorted(client.run(lambda: (os.environ["CUDA_VISIBLE_DEVICES"], os.getpid())).values())

        before = seen()
        assert [name for name, _ in before] == ["4", "7"]
        os.kill(before[0][1], signal.SIGKILL)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(OSError, KeyError):
                if len(after := seen()) == 2 and after[0] != before[0]:
                    break
            time.sleep(0.1)
        assert [name for name, _ in after] == ["4", "7"]
        assert after[0][1] != before[0][1] and after[1] == before[1]


def fails(block: Block):
    raise ValueError(f"block {block.index} is at fault")


def test_what_a_task_raises_comes_back(local):
    with pytest.raises(ValueError, match="block 0 is at fault"):
        local.run(fails, [Block(0, 0, 1)], lambda block, facts: None, at_once=2)


def dies(block: Block):
    os._exit(9)


def test_a_block_that_kills_every_worker_ends_the_run_with_a_remedy(tmp_path):
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),  # of 3, each of which starts a process
        open_workers(Compute(scheduler="local", workers=1)) as workers,
        pytest.raises(ChildProcessError, match=r"died again and again on the same block.*lower compute\.memory_gib"),
    ):
        workers.run(dies, [Block(0, 0, 1)], lambda block, facts: None, at_once=1)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A Dask scheduler with one worker, started on its own as a cluster's would be."""
    folder = tmp_path_factory.mktemp("scheduler")
    contact = folder / "scheduler.json"
    at = ["--host", "127.0.0.1", "--scheduler-file", str(contact)]
    scheduler = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", *at, "--port", "0", "--no-dashboard"],
        stderr=subprocess.DEVNULL,
    )
    worker = subprocess.Popen(
        [
            *(sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(contact)),
            *("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"),
        ],
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    until = time.monotonic() + 60
    while not contact.exists() and time.monotonic() < until:
        time.sleep(0.1)
    yield json.loads(contact.read_text())["address"]
    for process in (worker, scheduler):
        process.terminate()
        process.wait(20)


def test_one_configuration_gives_the_same_bits_wherever_it_runs(disc_run, running):
    volumes, transmissions = {}, {}
    for name, compute in {
        "one": {"threads": 1},
        "two": {"threads": 2},
        "local": {"scheduler": "local", "workers": 2},
        "address": {"scheduler": running},
    }.items():
        folder = disc_run.folder / name
        run_config(disc_run.config(f"{name}.yaml", compute={"memory_gib": 0.25} | compute), folder, advance=quiet)
        volumes[name] = [open_level(folder / "main.ome.zarr", level)[:] for level in range(1)]
        transmissions[name] = np.load(folder / ".xelith" / "main-transmission.npy")
    for name, levels in volumes.items():
        np.testing.assert_array_equal(levels[0], volumes["one"][0], err_msg=name)
        np.testing.assert_array_equal(transmissions[name], transmissions["one"], err_msg=name)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scheduler": "pbs"}, "scheduler 'pbs' is not known; give threads, local, slurm, or the address"),
        ({"scheduler": "tcp://host"}, "is not known"),
        ({"scheduler": "tls://host:8786"}, "needs tls: {ca_file"),
        ({"workers": 3}, "workers is given with scheduler threads"),
        ({"slurm": {"partition": "a; rm -rf /"}}, "pattern"),
        ({"slurm": {"walltime": "soon"}}, "pattern"),
        ({"dashboard": "everywhere"}, "pattern"),
        ({"scheduler": "slurm", "slurm": {"gpus": 2}}, "gpus is 2 with scheduler slurm.*gpus: 1, and more workers"),
        ({"scheduler": "local", "workers": 4, "slurm": {"gpus": 2}}, "workers is 4 and slurm.gpus 2, one to a worker"),
    ],
)
def test_what_cannot_be_scheduled_is_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        Compute(**values)


def test_a_job_asks_for_more_than_the_arrays_take():
    assert job_memory_gib(Compute(memory_gib=8)) == 14
    assert job_memory_gib(Compute(memory_gib=8, slurm=Slurm(memory_gib=32))) == 32


def certificates(folder):
    """A certificate that signs itself, for 127.0.0.1."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"),
            *("-keyout", str(key), "-out", str(cert), "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("openssl cannot make a certificate here")
    return {"ca_file": cert, "cert": cert, "key": key}


def test_certificates_are_passed_on_to_dask(tmp_path):
    compute = Compute(scheduler="local", workers=1, tls=certificates(tmp_path))
    with open_workers(compute) as workers:
        assert answers(workers, Noting(tmp_path), n=1) == {0: 0}
        assert workers._client.scheduler_info()["address"].startswith("tls://127.0.0.1:")

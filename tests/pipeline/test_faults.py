"""What happens at night, on real processes: killed, stopped, disk full, files gone. Nothing is lost."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psutil
import pytest

from xelith.pipeline.ledger import read_lines
from xelith.pipeline.run import run_config
from xelith.pipeline.status import run_status
from xelith.pipeline.store import open_level

pytestmark = pytest.mark.usefixtures("no_pictures")

COMPUTE = {"memory_gib": 0.25, "threads": 2}


def start(config, out, **environment) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "xelith.pipeline", "run", str(config), "--out", str(out), "--quiet"]
    return subprocess.Popen(
        command,
        cwd=config.parent,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(config, out, **environment) -> tuple[int, str]:
    process = start(config, out, **environment)
    _, complaint = process.communicate(timeout=240)
    return process.returncode, complaint


def arrived(out, share, process) -> bool:
    """Wait until a share of the work is done; False where the run ended before."""
    while process.poll() is None:
        if run_status(out).progress >= share:
            return True
        time.sleep(0.01)
    return False


def levels(out) -> list[np.ndarray]:
    return [open_level(out / "main.ome.zarr", level)[:] for level in range(3)]


def same(out, whole) -> None:
    for found, expected in zip(levels(out), levels(whole), strict=True):
        np.testing.assert_array_equal(found, expected)
    names = ["results.json", "report.html", "config.yaml", "run.log"]
    assert all((out / name).is_file() for name in names)
    assert not list(out.rglob("*.partial*"))
    assert not (out / ".xelith" / "scratch").exists()
    name = "main-transmission.npy"
    np.testing.assert_array_equal(np.load(out / ".xelith" / name), np.load(whole / ".xelith" / name))


def goes_on_by_command(config, out, whole) -> None:
    """Give the same command again, and compare."""
    assert finish(config, out) == (0, "")
    same(out, whole)


def goes_on(config, out, whole) -> None:
    """Run the same again in this process, which costs less than one more, and compare."""
    run_config(config, out, advance=lambda stage, done, total: None)
    same(out, whole)


@pytest.fixture(scope="module")
def long_run(tmp_path_factory, request):
    """A scan of many blocks, its configuration, and its undisturbed result."""
    made = request.getfixturevalue("disc_folder")(tmp_path_factory.mktemp("faults"))
    made.write_scan(n_theta=300, n_rows=400)
    config = made.config(compute=COMPUTE)
    whole = made.folder / "whole"
    code, complaint = finish(config, whole)
    assert code == 0, complaint
    return made, config, whole


@pytest.mark.parametrize(("share", "again"), [(0.2, goes_on_by_command), (0.7, goes_on)])
def test_killed_and_resumed_gives_the_same_bits(long_run, tmp_path, share, again):
    _, config, whole = long_run
    process = start(config, tmp_path / "out")
    assert arrived(tmp_path / "out", share, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert run_status(tmp_path / "out").state == "interrupted"
    assert not (tmp_path / "out" / "main.ome.zarr").exists()
    again(config, tmp_path / "out", whole)


@pytest.mark.validate
@pytest.mark.parametrize("seed", range(25))
def test_killed_at_random_moments(long_run, tmp_path, seed):
    _, config, whole = long_run
    rng = random.Random(seed)
    kills = 0
    while kills < 1 + seed % 3:
        process = start(config, tmp_path / "out")
        moment = rng.uniform(0, 1)
        if not arrived(tmp_path / "out", moment, process):
            process.communicate()
            break
        time.sleep(rng.uniform(0, 0.3))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        kills += 1
    assert finish(config, tmp_path / "out")[0] == 0
    same(tmp_path / "out", whole)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_a_state_that_goes_on(long_run, tmp_path, number):
    _, config, whole = long_run
    process = start(config, tmp_path / "out")
    assert arrived(tmp_path / "out", 0.3, process)
    clock = time.monotonic()
    process.send_signal(number)
    _, complaint = process.communicate(timeout=60)
    assert time.monotonic() - clock < 5  # the promise of the command
    assert process.returncode == 130
    assert complaint.splitlines()[-1] == "xelith: stopped; run the same command again to go on"
    assert run_status(tmp_path / "out").state == "stopped"
    goes_on(config, tmp_path / "out", whole)


def test_a_second_run_in_one_folder_is_refused(long_run, tmp_path):
    _, config, whole = long_run
    first = start(config, tmp_path / "out")
    assert arrived(tmp_path / "out", 0.01, first)
    code, complaint = finish(config, tmp_path / "out")
    assert code == 2
    assert f"in use by process {first.pid}" in complaint and len(complaint.splitlines()) == 1
    first.communicate()
    assert first.returncode == 0
    same(tmp_path / "out", whole)


def test_a_killed_worker_is_replaced(long_run, tmp_path):
    made, _, whole = long_run
    config = made.config("local.yaml", compute={"memory_gib": 0.25, "scheduler": "local", "workers": 2})
    process = start(config, tmp_path / "out")
    assert arrived(tmp_path / "out", 0.1, process)
    children = psutil.Process(process.pid).children(recursive=True)
    workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    assert len(workers) >= 2
    workers[0].kill()
    process.communicate(timeout=240)
    assert process.returncode == 0
    same(tmp_path / "out", whole)


class Clock:
    """The wall clock of processes that are started with `environment`."""

    def __init__(self, folder: Path) -> None:
        library, self.file = folder / "shifted_clock.so", folder / "shift"
        source = Path(__file__).with_name("shifted_clock.c")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True, timeout=60)
        self.jump(0)
        self.environment = {"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(self.file)}

    def jump(self, seconds: int) -> None:
        """Set the clock so far ahead of the true time; a running process sees it at once."""
        with self.file.open("r+b" if self.file.exists() else "wb") as file:
            file.write(seconds.to_bytes(8, sys.byteorder, signed=True))

    def told(self) -> datetime:
        """What a process reads."""
        ask = [sys.executable, "-c", "from datetime import *; print(datetime.now(timezone.utc).isoformat())"]
        answer = subprocess.run(ask, env=os.environ | self.environment, capture_output=True, text=True, check=True)
        return datetime.fromisoformat(answer.stdout.strip())


@pytest.fixture
def clock(tmp_path, requirement):
    """A clock that can jump."""
    if shutil.which("gcc") is None:
        requirement("compiler", "no gcc: no clock that jumps")
    return Clock(tmp_path)


@pytest.mark.parametrize(
    "jump_s", [-86_400, pytest.param(31_557_600, marks=pytest.mark.validate)], ids=["back a day", "on a year"]
)
def test_a_clock_that_jumps_in_the_middle(long_run, tmp_path, clock, jump_s):
    _, config, whole = long_run
    out, before = tmp_path / "out", time.monotonic()
    process = start(config, out, **clock.environment)
    assert arrived(out, 0.2, process)
    clock.jump(jump_s)
    assert abs((clock.told() - datetime.now(UTC)).total_seconds() - jump_s) < 60
    assert arrived(out, 0.5, process)
    status = run_status(out)
    assert status.state == "running"
    assert abs((datetime.fromisoformat(status.changed) - datetime.fromisoformat(status.started)).days) >= 1
    assert 0 <= status.remaining_s < 600  # of a run that takes seconds, or a minute where others work too
    os.kill(process.pid, signal.SIGSTOP)
    code, complaint = finish(config, out, **clock.environment)  # a lock is not old for being a year old
    assert code == 2 and f"in use by process {process.pid}" in complaint
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert run_status(out).state == "interrupted"
    clock.jump(-jump_s)
    assert finish(config, out, **clock.environment) == (0, "")
    same(out, whole)
    lines = list(read_lines(out / ".xelith" / "ledger.jsonl"))
    assert all(0 <= line["elapsed"] < time.monotonic() - before for line in lines)
    assert run_status(out).remaining_s == 0
    assert 0 < json.loads((out / "results.json").read_text())["provenance"]["seconds"] < time.monotonic() - before


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 30 MB, and what makes it larger."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=30m", "tmpfs", disk], capture_output=True, check=False, text=True
    )
    if made.returncode:
        pytest.skip(f"no small disk to fill: {made.stderr.strip()}")
    yield disk, lambda: subprocess.run(["mount", "-o", "remount,size=400m", disk], check=True)
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_is_said_and_more_room_lets_it_go_on(long_run, small_disk):
    _, config, whole = long_run
    disk, enlarge = small_disk
    code, complaint = finish(config, disk / "out")
    assert code == 2
    assert "no space left" in complaint and "run the same again" in complaint
    assert len(complaint.splitlines()) == 1
    assert not (disk / "out" / "main.ome.zarr").exists()
    enlarge()
    goes_on(config, disk / "out", whole)


@pytest.mark.parametrize("fault", ["shrunk", pytest.param("vanished", marks=pytest.mark.validate)])
def test_a_scan_that_vanishes_or_shrinks_is_said(long_run, tmp_path, fault):
    made, _, whole = long_run
    data = shutil.copy(made.folder / "scan.h5", tmp_path / "scan.h5")
    config = Path(shutil.copy(made.folder / "run.yaml", tmp_path / "run.yaml"))
    out = tmp_path / "out"
    process = start(config, out)
    while not (out / ".xelith" / "ledger.jsonl").exists() and process.poll() is None:
        time.sleep(0.005)
    if fault == "vanished":
        Path(data).unlink()
    else:
        os.truncate(data, 2_000_000)
    _, complaint = process.communicate(timeout=240)
    assert process.returncode == 2
    assert len(complaint.splitlines()) == 1
    assert "scan.h5" in complaint or "scan main: its files have changed" in complaint
    assert not (out / "main.ome.zarr").exists()
    assert run_status(out).state == "failed"
    shutil.copy(made.folder / "scan.h5", data)
    goes_on(config, out, whole)


@pytest.mark.parametrize("fault", ["changed", pytest.param("missing", marks=pytest.mark.validate)])
def test_line_integrals_damaged_on_disk_are_redone(long_run, tmp_path, fault, caplog):
    made, _, whole = long_run
    config = made.config("kept.yaml", compute=COMPUTE)
    process = start(config, tmp_path / "out")
    assert arrived(tmp_path / "out", 0.55, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    scratch = tmp_path / "out" / ".xelith" / "scratch" / "main" / "integrals" / "c"
    chunk = max(p for p in scratch.glob("2/*/0"))  # of the last slab
    if fault == "changed":
        data = bytearray(chunk.read_bytes())
        data[1000] ^= 16
        chunk.write_bytes(bytes(data))
    else:
        chunk.unlink()
    goes_on(config, tmp_path / "out", whole)
    assert "views from [128] on were damaged on disk; redone" in caplog.text

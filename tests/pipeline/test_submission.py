"""Batches on a real SLURM, started here: states right at each moment, one job that fails and is sent again."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from xelith.pipeline.batch import Batch, find_configs, load_batch
from xelith.pipeline.compute import Compute
from xelith.pipeline.loading import ConfigError
from xelith.pipeline.slurm import Resources, write_job
from xelith.pipeline.status import run_status
from xelith.pipeline.submission import resubmit, run_item, submit, watch

SLURM_CONF = """\
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/d.pid
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/ctld
SlurmdSpoolDir={folder}/d
SwitchType=switch/none
SlurmctldLogFile={folder}/ctld.log
SlurmdLogFile={folder}/d.log
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmctldTimeout=30
SlurmdTimeout=30
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mib} State=UNKNOWN
PartitionName=debug Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
"""


def free_ports(number):
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start_munge():
    """Start munge unless it runs; return what ends it."""
    if subprocess.run(["munge", "-n"], capture_output=True, check=False).returncode == 0:
        return lambda: None
    for folder in ("/run/munge", "/var/log/munge", "/var/lib/munge"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        shutil.chown(folder, "munge", "munge")
    subprocess.run(["runuser", "-u", "munge", "--", "/usr/sbin/munged", "--force"], check=True, timeout=30)
    return lambda: os.kill(int(Path("/run/munge/munged.pid").read_text()), signal.SIGTERM)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory, requirement):
    """A SLURM of one node on the loopback, from slurm-wlm and munge."""
    if missing := [name for name in ("slurmctld", "slurmd", "sbatch", "munged") if shutil.which(name) is None]:
        requirement("slurm", f"no {', '.join(missing)} on the path")
    if os.geteuid() != 0:
        requirement("slurm", "a SLURM can be started by root only")
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("ctld", "d"):
        (folder / name).mkdir()
    host = socket.gethostname().split(".")[0]
    memory_mib = psutil.virtual_memory().total // 2**20 * 9 // 10
    conf = folder / "slurm.conf"
    conf.write_text(
        SLURM_CONF.format(host=host, folder=folder, ports=free_ports(2), cpus=os.cpu_count(), memory_mib=memory_mib)
    )
    end_munge = start_munge()
    os.environ["SLURM_CONF"] = str(conf)
    for daemon in ("slurmctld", "slurmd"):
        subprocess.run([daemon, "-f", str(conf)], check=True, timeout=60)
    wait(lambda: "idle" in slurm_says("sinfo", "-h", "-o", "%T"), "a node that is idle")
    yield conf
    slurm_says("scancel", "--user=root")
    for name in ("d.pid", "ctld.pid"):
        os.kill(int((folder / name).read_text()), signal.SIGTERM)
    end_munge()
    del os.environ["SLURM_CONF"]


def slurm_says(*command) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout


def wait(true, what, *, seconds=240):
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.3)


def states(root):
    return [status.state for status in load_batch(root).states()]


def xelith(*arguments, cwd):
    command = [sys.executable, "-m", "xelith.pipeline", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


NAMES = ["one", "two three", "four; touch hacked", "$(touch hacked)", "five", "six"]
SMALL = {"memory_gib": 0.25, "threads": 1, "slurm": {"memory_gib": 0.5, "walltime": "00:20:00"}}


@pytest.mark.slurm
def test_six_scans_with_one_that_fails_and_is_sent_again(slurm, disc_run):
    folder, root = disc_run.folder, disc_run.folder / "batch of; scans"
    whole = disc_run.write_scan("later.h5").read_bytes()
    (folder / "later.h5").unlink()
    entry = {"pixel_um": 10.0, "centre_px": disc_run.CENTRE_PX}
    for name in NAMES:
        path = "later.h5" if name == "five" else "scan.h5"
        disc_run.config(f"{name}.yaml", sample=name, compute=SMALL, scans={"main": {"path": path} | entry})
    sent = xelith("submit", *[f"{name}.yaml" for name in NAMES], "--out", root, "--json", "--at-once", 2, cwd=folder)
    assert sent.returncode == 0, sent.stderr
    jobs = json.loads(sent.stdout)["jobs"]
    assert len(jobs) == 6 and len({job.split("_")[0] for job in jobs.values()}) == 1  # one array
    seen = set()

    def all_ended():
        now = states(root)
        seen.update(now)
        assert sum(state == "running" for state in now) <= 2
        return sorted(now) == ["done"] * 5 + ["failed"]

    wait(all_ended, "five scans done and one failed")
    assert {"waiting", "running"} <= seen
    told = json.loads(xelith("status", root, "--json", cwd=folder).stdout)
    (failed,) = [run for run in told["runs"] if run["state"] == "failed"]
    assert "nothing at" in failed["error"] and "later.h5" in failed["error"]
    assert all(run["progress"] == 1.0 for run in told["runs"] if run["state"] == "done")
    assert not list(folder.rglob("hacked"))

    (folder / "later.h5").write_bytes(whole)
    again = xelith("submit", "--retry", "failed", "--out", root, "--json", cwd=folder)
    assert list(json.loads(again.stdout)["jobs"]) == ["five"]
    wait(lambda: states(root) == ["done"] * 6, "the sixth scan")
    assert xelith("status", root, "--verify", cwd=folder).returncode == 0
    page = root / "index.html"  # written by a job that waits for the others
    wait(lambda: page.is_file() and "five" in page.read_text(), "the page over all runs")
    assert "nothing to send" in xelith("submit", "--retry", "failed", "--out", root, cwd=folder).stdout


@pytest.mark.slurm
def test_a_cancelled_job_leaves_a_state_that_goes_on(slurm, disc_run):
    root = disc_run.folder / "batch"
    disc_run.write_scan(n_rows=600, n_theta=180)
    path = disc_run.config(compute=SMALL)
    (job,) = submit([path], root).values()
    run = load_batch(root).folder(load_batch(root).items[0])
    wait(lambda: run_status(run).state == "running" and run_status(run).progress > 0.1, "a job at work")
    slurm_says("scancel", job)
    wait(lambda: run_status(run).state in ("stopped", "interrupted"), "the job to stop")
    assert list(resubmit(root)) == ["run"]
    wait(lambda: run_status(run).state == "done", "the job to go on")


@pytest.mark.slurm
def test_one_huge_scan_takes_its_workers_from_slurm(slurm, disc_run):
    pytest.importorskip("dask_jobqueue")
    asked = {"memory_gib": 1, "walltime": "00:10:00", "interface": "lo"}
    path = disc_run.config(compute={"memory_gib": 0.25, "scheduler": "slurm", "slurm": asked})
    with pytest.raises(ConfigError, match=r"asks for scheduler: slurm.*xelith run"):
        submit([path], disc_run.folder / "batch")
    done = xelith("run", path, "--out", "out", "--quiet", cwd=disc_run.folder)
    assert done.returncode == 0, done.stderr
    assert run_status(disc_run.folder / "out").state == "done"


@pytest.mark.slurm
def test_what_slurm_refuses_comes_back_in_its_words(slurm, disc_run):
    path = disc_run.config(compute={"slurm": {"partition": "nowhere"}})
    with pytest.raises(OSError, match="SLURM refused the jobs: .*nvalid partition"):
        submit([path], disc_run.folder / "batch")


@pytest.mark.slurm
def test_scans_are_sent_as_they_arrive(slurm, disc_run):
    folder, root = disc_run.folder, disc_run.folder / "batch"
    arriving = folder / "beamline"
    arriving.mkdir()
    template = disc_run.config("template.yaml", compute=SMALL)
    shutil.copy(folder / "scan.h5", arriving / "a b.h5")
    told = []
    watch(arriving, root, template=template, told=told.append, seconds=1.5, settled_s=0.4)
    (arriving / "empty.yaml").write_text("no scan")
    shutil.copy(folder / "scan.h5", arriving / "c.h5")
    watch(arriving, root, template=template, told=told.append, seconds=1.5, settled_s=0.4)
    assert [sorted(jobs) for jobs in told] == [["a_b"], ["c"]]
    wait(lambda: states(root) == ["done"] * 2, "both scans")
    samples = [run_status(root / name).sample for name in ("a_b", "c")]
    assert samples == ["a b", "c"]


def test_names_never_reach_the_shell(tmp_path):
    root = tmp_path / "it's; a $(batch)"
    batch = Batch(root).with_configs([tmp_path / f"{name}.yaml" for name in NAMES])
    script = write_job(batch).read_text()
    assert not any(name in script for name in NAMES[1:4])
    shown = subprocess.run(
        ["sh", "-c", script.replace("exec ", "printf '%s\\n' ")],
        capture_output=True,
        text=True,
        env={"SLURM_ARRAY_TASK_ID": "3"},
        check=True,
    )
    assert shown.stdout.splitlines()[-2:] == [str(root), "3"]
    assert [item.name for item in batch.items][1:4] == ["two_three", "four_touch_hacked", "touch_hacked"]


def test_configurations_of_one_name_get_folders_of_their_own(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "run.yaml").write_text("")
    found = find_configs([tmp_path / "a", tmp_path / "b"])
    batch = Batch(tmp_path / "batch").with_configs(found)
    assert [item.name for item in batch.items] == ["run", "run-2"]
    batch.save()
    assert load_batch(tmp_path / "batch") == batch
    assert batch.with_configs(found) == batch
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no .yaml file"):
        find_configs([tmp_path / "empty"])


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"items": 3}', '{"items": [{"name": "../up", "config": "x"}]}', '{"items": [{"name": ".."}]}']
)
def test_a_damaged_batch_is_refused(tmp_path, text):
    (tmp_path / "batch.json").write_text(text)
    with pytest.raises(ConfigError, match=r"batch\.json is damaged"):
        load_batch(tmp_path)


def test_a_folder_of_other_things_is_no_batch(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigError, match="holds other files and no batch"):
        load_batch(tmp_path)
    with pytest.raises(ConfigError, match="holds no batch; submit"):
        resubmit(tmp_path / "new")


def test_what_keeps_a_run_from_starting_is_in_its_ledger(disc_run):
    root = disc_run.folder / "batch"
    entry = {"main": {"path": "gone.h5", "pixel_um": 1, "centre_px": 3}}
    Batch(root).with_configs([disc_run.config(scans=entry)]).save()
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match="nothing at"):
            run_item(root, 0)
    status = run_status(root / "run")
    assert status.state == "failed" and "gone.h5" in status.error
    assert len((root / "run" / ".xelith" / "ledger.jsonl").read_text().split()) > 0
    with pytest.raises(ConfigError, match="none number 7"):
        run_item(root, 7)


def test_jobs_ask_for_what_the_configuration_says():
    compute = Compute(memory_gib=8, threads=4, slurm={"partition": "gpu", "gpus": 2, "walltime": "1-00:00:00"})
    options = Resources.of(compute).options()
    assert options == [
        "--partition=gpu",
        "--gres=gpu:2",
        "--time=1-00:00:00",
        "--cpus-per-task=4",
        "--mem=14336M",
    ]


def test_without_slurm_the_remedy_is_named(disc_run, monkeypatch):
    monkeypatch.setenv("PATH", str(disc_run.folder))
    with pytest.raises(FileNotFoundError, match="no sbatch on the path.*xelith run"):
        submit([disc_run.config()], disc_run.folder / "batch")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to send"),
        (["--retry", "done"], "--retry is 'done'"),
        (["gone.yaml"], "no configuration at"),
        (["a.yaml", "b.yaml", "--watch", "."], "one configuration as a template, not 2"),
        (["--watch", "nowhere"], "no folder nowhere"),
    ],
)
def test_what_cannot_be_sent_is_refused(tmp_path, arguments, words):
    done = xelith("submit", *arguments, cwd=tmp_path)
    assert done.returncode == 2 and words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_template_has_one_scan(disc_run):
    entry = {"path": "scan.h5", "pixel_um": 1, "centre_px": 3}
    path = disc_run.config(scans={"argon": entry, "xenon": entry})
    with pytest.raises(ConfigError, match="has 2 scans; a template"):
        watch(disc_run.folder, disc_run.folder / "batch", template=path, told=print, seconds=0)
    assert yaml.safe_load(path.read_text())

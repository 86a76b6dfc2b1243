"""Batches on a real SLURM, started here: states right at each moment, one job that fails and is sent again."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
import yaml
from typer.testing import CliRunner

from xelith.pipeline.batch import Batch, Item, find_configs, load_batch, load_for_submission
from xelith.pipeline.batch_states import batch_states
from xelith.pipeline.cli import app
from xelith.pipeline.compute import Compute
from xelith.pipeline.ledger import Ledger
from xelith.pipeline.loading import ConfigError
from xelith.pipeline.run_events import one_line
from xelith.pipeline.slurm import Resources, queued, write_job
from xelith.pipeline.status import run_status
from xelith.pipeline.submission import resubmit, run_item, run_series_item, submit, watch

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
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
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
def test_scans_with_one_that_fails_and_is_sent_again(slurm, disc_run):
    folder, root, names = disc_run.folder, disc_run.folder / "batch of; scans", NAMES[1:5]
    whole = disc_run.write_scan("later.h5").read_bytes()
    (folder / "later.h5").unlink()
    entry = {"pixel_um": 10.0, "centre_px": disc_run.CENTRE_PX}
    for name in names:
        path = "later.h5" if name == "five" else "scan.h5"
        disc_run.config(f"{name}.yaml", sample=name, compute=SMALL, scans={"main": {"path": path} | entry})
    sent = xelith("submit", *[f"{name}.yaml" for name in names], "--out", root, "--json", "--at-once", 2, cwd=folder)
    assert sent.returncode == 0, sent.stderr
    jobs = json.loads(sent.stdout)["jobs"]
    assert len(jobs) == 4 and len({job.split("_")[0] for job in jobs.values()}) == 1  # one array
    seen = set()

    def all_ended():
        now = states(root)
        seen.update(now)
        assert sum(state == "running" for state in now) <= 2
        return sorted(now) == ["done"] * 3 + ["failed"]

    wait(all_ended, "three scans done and one failed")
    assert {"waiting", "running"} <= seen
    told = json.loads(xelith("status", root, "--json", cwd=folder).stdout)
    (failed,) = [run for run in told["runs"] if run["state"] == "failed"]
    assert "nothing at" in failed["error"] and "later.h5" in failed["error"]
    assert all(run["progress"] == 1.0 for run in told["runs"] if run["state"] == "done")
    assert not list(folder.rglob("hacked"))

    (folder / "later.h5").write_bytes(whole)
    again = xelith("submit", "--retry", "failed", "--out", root, "--json", cwd=folder)
    assert list(json.loads(again.stdout)["jobs"]) == ["five"]
    wait(lambda: states(root) == ["done"] * 4, "the fourth scan")
    assert xelith("status", root, "--verify", cwd=folder).returncode == 0
    page = root / "index.html"  # written by a job that waits for the others
    wait(lambda: page.is_file() and "five" in page.read_text(), "the page over all runs")
    assert "nothing to send" in xelith("submit", "--retry", "failed", "--out", root, cwd=folder).stdout


@pytest.mark.slurm
def test_what_slurm_still_has_is_known(slurm, tmp_path):
    (tmp_path / "batch").mkdir()
    held = subprocess.run(
        ["sbatch", "--parsable", "--hold", "--array=1,3", "--mem=10M", "--output=/dev/null", "--wrap=true"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    ).stdout.strip()
    jobs = [f"{held}_1", f"{held}_2", f"{held}_3"]
    assert queued(jobs) == {f"{held}_1", f"{held}_3"}
    items = tuple(Item(f"run{n}", tmp_path / "no.yaml", job) for n, job in enumerate(jobs))
    batch = Batch(tmp_path / "batch", items)
    slurm_says("scancel", f"{held}_3")
    assert queued(jobs) == {f"{held}_1"}
    assert [run.state for run in batch_states(batch)] == ["waiting", "lost", "lost"]
    slurm_says("scancel", held)
    assert queued(jobs) == set() and queued(["999999_1"]) == set()


@pytest.mark.slurm
def test_a_series_names_the_run_that_failed_and_goes_on_with_it(slurm, disc_run):
    folder, root = disc_run.folder, disc_run.folder / "batch"
    entry = {"pixel_um": 10.0, "centre_px": disc_run.CENTRE_PX}
    for name, path in (("t00", "scan.h5"), ("t01", "later.h5")):
        disc_run.config(f"{name}.yaml", sample=name, compute=SMALL, scans={"main": {"path": path} | entry})
    file = write_series(folder, ["t00", "t01"])
    sent = xelith("submit", file, "--out", root, "--json", cwd=folder)
    assert sent.returncode == 0, sent.stderr
    jobs = json.loads(sent.stdout)["jobs"]
    assert list(jobs) == ["time_lapse/00-t00", "time_lapse/01-t01", "time_lapse"]
    told = slurm_says("scontrol", "show", "job", jobs["time_lapse"])
    assert "Dependency=(null)" not in told and "Dependency=" in told
    wait(lambda: states(root) == ["done", "failed", "failed"], "one scan done, one failed, and the series to say so")
    runs = json.loads(xelith("status", root, "--json", cwd=folder).stdout)["runs"]
    assert "1 of 2 scans are not done: 01-t01 (failed: scan main: nothing at" in runs[2]["error"]
    assert runs[2]["progress"] == 0.5
    found = json.loads((root / "time_lapse" / "series.json").read_text())
    assert [scan["fault"] is None for scan in found["scans"]] == [True, False]

    before = run_status(root / "time_lapse" / "00-t00").changed
    shutil.copy(folder / "scan.h5", folder / "later.h5")
    again = xelith("submit", "--retry", "failed", "--out", root, "--json", cwd=folder)
    assert list(json.loads(again.stdout)["jobs"]) == ["time_lapse/01-t01", "time_lapse"]
    wait(lambda: states(root) == ["done"] * 3, "the second scan and its series")
    assert run_status(root / "time_lapse" / "00-t00").changed == before
    assert "time_lapse" in xelith("status", root, cwd=folder).stdout
    assert "t01" in (root / "time_lapse" / "index.html").read_text()


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


def write_series(folder, names, file="time lapse.yaml"):
    path = folder / file
    path.write_text(yaml.safe_dump({"series": [{"config": f"{name}.yaml"} for name in names]}))
    return path


def test_what_a_series_runs_is_not_run_beside_it(disc_run):
    folder = disc_run.folder / "configs"
    folder.mkdir()
    for name in ("t00", "t01", "other", "time_lapse"):
        shutil.copy(disc_run.config(), folder / f"{name}.yaml")
    file = write_series(folder, ["t00", "t01"])
    batch = Batch(disc_run.folder / "batch").with_configs(find_configs([folder]))
    assert [item.name for item in batch.items] == ["time_lapse/00-t00", "time_lapse/01-t01", "other", "time_lapse-2"]
    assert [(one.name, one.members) for one in batch.series] == [("time_lapse", (0, 1))]
    batch.save()
    assert load_batch(batch.root) == batch == batch.with_configs(find_configs([folder]))

    write_series(folder, ["t00", "t01", "other"])  # a scan has come
    grown = batch.with_configs([file])
    assert grown.items[4].name == "time_lapse/02-other" and grown.series[0].members == (0, 1, 4)
    shutil.copytree(folder, folder / "moved")
    write_series(folder, ["moved/t00", "t01"])
    with pytest.raises(ConfigError, match=r"moved/t00\.yaml where .*configs/t00\.yaml stood.*put new scans last"):
        batch.with_configs([file])


def fake_sbatch(folder, monkeypatch):
    """An sbatch that writes down its arguments and answers with numbers from 1 on."""
    program, log = folder / "bin" / "sbatch", folder / "sbatch.jsonl"
    program.parent.mkdir()
    log.touch()
    program.write_text(
        f"#!{sys.executable}\nimport json, sys\nlog = open({str(log)!r}, 'a+')\nlog.seek(0)\n"
        "print(len(log.readlines()) + 1)\nlog.write(json.dumps(sys.argv[1:]) + chr(10))\n"
    )
    queue = program.with_name("squeue")
    queue.write_text(f"#!/bin/sh\ncat {str(folder / 'queue')!r}\n")
    program.chmod(0o755)
    queue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return lambda: [json.loads(line) for line in log.read_text().splitlines()]


def note(folder, *events):
    ledger = Ledger(folder / ".xelith" / "ledger.jsonl")
    for event in events:
        ledger.event(event, {"error": "no luck"} if event == "failed" else {"sample": "x", "plan": {}})


def test_a_series_waits_for_its_scans_and_is_sent_again_with_them(disc_run, monkeypatch):
    folder, root = disc_run.folder, disc_run.folder / "batch"
    calls = fake_sbatch(folder, monkeypatch)
    for name in ("t00", "t01", "t02"):
        shutil.copy(disc_run.config(), folder / f"{name}.yaml")
    sent = submit([write_series(folder, ["t00", "t01", "t02"])], root)
    assert sent == {
        "time_lapse/00-t00": "1_0",
        "time_lapse/01-t01": "1_1",
        "time_lapse/02-t02": "1_2",
        "time_lapse": "2",
    }
    array, series, summary = calls()
    assert "--array=0,1,2" in array
    assert "--dependency=afterany:1_0:1_1:1_2" in series and "--mem=4096M" in series
    assert "--dependency=afterany:1:2" in summary
    script = Path(series[-1]).read_text().splitlines()[1]
    assert script.endswith(f"-m xelith.pipeline batch-series {root} 0")
    assert [s.state for s in load_batch(root).states()] == ["waiting"] * 4

    lapse = root / "time_lapse"
    note(lapse / "00-t00", "started", "done")
    note(lapse / "01-t01", "started", "failed")
    status = load_batch(root).states()[3]
    assert (status.folder, status.state, status.progress) == (lapse, "waiting", 0.3333)
    (folder / "queue").write_text("1_2\n2\n3\n")
    assert resubmit(root) == {"time_lapse/01-t01": "4_1", "time_lapse": "5"}
    assert load_batch(root).states()[1].state == "waiting"
    (folder / "queue").write_text("1_2\n3\n4_1\n5\n")
    assert resubmit(root) == {}  # it is on its way already
    assert "--array=1" in calls()[3] and "--dependency=afterany:4_1:1_2" in calls()[4]  # the third may still be at work

    note(lapse / "02-t02", "started", "done")
    with pytest.raises(
        ChildProcessError, match=r"3 of 3 scans are not done: 00-t00 \(its results\.json cannot be read"
    ):
        run_series_item(root, 0)  # which no run of this test has written
    assert load_batch(root).states()[3].state == "failed"
    note(lapse / "01-t01", "started", "done")
    (folder / "queue").write_text("")
    assert resubmit(root) == {"time_lapse": "7"}
    assert not any("dependency" in argument for argument in calls()[6])
    assert resubmit(root) == {"time_lapse": "9"}  # its job was taken from the queue before it began
    with pytest.raises(ConfigError, match="1 series and none number 1"):
        run_series_item(root, 1)


def test_a_job_cancelled_in_the_queue_is_lost_and_sent_again(disc_run, monkeypatch):
    folder, root, queue = disc_run.folder, disc_run.folder / "batch", disc_run.folder / "queue"
    calls = fake_sbatch(folder, monkeypatch)
    paths = [shutil.copy(disc_run.config(), folder / f"{name}.yaml") for name in ("a", "b", "c")]
    queue.write_text("1_0\n1_1\n1_2\n2\n")
    assert submit([Path(path) for path in paths], root) == {"a": "1_0", "b": "1_1", "c": "1_2"}
    assert [run.state for run in batch_states(load_batch(root))] == ["waiting"] * 3
    note(root / "a", "started", "done")
    queue.write_text("1_2\n2\n")  # the first has ended, the second was cancelled, the third waits
    told = xelith("status", root, "--json", cwd=folder)
    assert told.returncode == 1
    runs = json.loads(told.stdout)["runs"]
    assert [run["state"] for run in runs] == ["done", "lost", "waiting"]
    assert "job 1_1 is not in the queue and never began; `xelith submit --retry failed`" in runs[1]["note"]
    assert runs[2]["note"].startswith("job 1_2, sent 0 h 0")
    assert "1 lost" in xelith("status", root, cwd=folder).stdout
    assert resubmit(root) == {"b": "3_1"}
    assert "--array=1" in calls()[2]
    queue.write_text("1_2\n2\n3_1\n4\n")
    assert [run.state for run in batch_states(load_batch(root))] == ["done", "waiting", "waiting"]
    assert resubmit(root) == {}


def test_without_a_queue_that_answers_a_run_waits(disc_run, monkeypatch):
    fake_sbatch(disc_run.folder, monkeypatch)
    root, squeue = disc_run.folder / "batch", disc_run.folder / "bin" / "squeue"
    submit([disc_run.config()], root)
    batch = load_batch(root)
    sent = datetime.now(UTC) - timedelta(hours=3, minutes=5)
    item = replace(batch.items[0], sent=sent.isoformat(timespec="seconds"))
    squeue.write_text("#!/bin/sh\necho slurm_load_jobs error: Unable to contact slurm controller >&2\nexit 1\n")
    (run,) = batch_states(replace(batch, items=(item,)))
    assert (run.state, run.note) == ("waiting", "job 1_0, sent 3 h 05 min ago")
    squeue.write_text("#!/bin/sh\necho slurm_load_jobs error: Invalid job id specified >&2\nexit 1\n")
    assert [run.state for run in batch_states(batch)] == ["lost"]
    squeue.unlink()
    monkeypatch.setenv("PATH", str(squeue.parent))  # a machine without SLURM
    assert [run.state for run in batch_states(batch)] == ["waiting"]
    (run,) = batch_states(replace(batch, items=(replace(item, job=None, sent=None),)))
    assert (run.state, run.note) == ("waiting", "not sent; `xelith submit --retry failed` sends it")
    (run,) = batch_states(replace(batch, items=(replace(item, sent="long ago"),)))
    assert run.note == "job 1_0"


def test_a_run_that_ended_while_the_queue_was_asked_is_not_lost(disc_run, monkeypatch):
    fake_sbatch(disc_run.folder, monkeypatch)
    root = disc_run.folder / "batch"
    submit([disc_run.config()], root)

    def asked(jobs, *, timeout_s):
        note(root / "run", "started", "done")
        return set()

    monkeypatch.setattr("xelith.pipeline.batch_states.queued", asked)
    assert [run.state for run in batch_states(load_batch(root))] == ["done"]


def test_a_series_with_a_fault_is_not_sent(disc_run):
    file = write_series(disc_run.folder, ["run", "gone"])
    disc_run.config()
    with pytest.raises(FileNotFoundError, match=r"series: no configuration at .*gone\.yaml"):
        submit([file], disc_run.folder / "batch")
    disc_run.config("gone.yaml", compute={"scheduler": "slurm"})
    with pytest.raises(ConfigError, match="asks for scheduler: slurm"):
        submit([file], disc_run.folder / "batch")
    assert not (disc_run.folder / "batch").exists()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"items": 3}',
        '{"items": [{"name": "../up", "config": "x"}]}',
        '{"items": [{"name": ".."}]}',
        '{"items": [{"name": "a/../../b", "config": "x"}]}',
        '{"items": [{"name": "a/..", "config": "x"}]}',
        '{"items": [], "series": [{"name": "a", "file": "x", "members": [0]}]}',
        '{"items": [], "series": [{"name": "..", "file": "x", "members": []}]}',
    ],
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


def test_gpus_that_would_lie_idle_are_not_asked_for(disc_run):
    path = disc_run.config(compute={"slurm": {"gpus": 2}})
    with pytest.raises(ConfigError, match="asks for 2 GPUs, and threads use one; set compute.scheduler: local"):
        submit([path], disc_run.folder / "batch")
    path = disc_run.config(compute={"scheduler": "local", "slurm": {"gpus": 2}})
    assert load_for_submission(path).compute.slurm.gpus == 2


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
def test_what_cannot_be_sent_is_refused(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    error = CliRunner().invoke(app, ["submit", *arguments]).exception
    assert isinstance(error, ValueError | OSError)  # status 2 and one line: test_cli
    assert words in one_line(error)


def test_a_template_has_one_scan(disc_run):
    entry = {"path": "scan.h5", "pixel_um": 1, "centre_px": 3}
    path = disc_run.config(scans={"argon": entry, "xenon": {**entry, "path": "other.h5"}})
    with pytest.raises(ConfigError, match="has 2 scans; a template"):
        watch(disc_run.folder, disc_run.folder / "batch", template=path, told=print, seconds=0)
    assert yaml.safe_load(path.read_text())

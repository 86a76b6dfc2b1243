"""`xelith status` from the ledger alone: before, while and after a run, and when chunks on disk have changed."""

import json
import subprocess
import sys

import numpy as np
import pytest

from xelith.pipeline import tasks
from xelith.pipeline.integrity import verify_run
from xelith.pipeline.ledger import Ledger, locked
from xelith.pipeline.run import run_config
from xelith.pipeline.status import run_status
from xelith.pipeline.store import open_level

pytestmark = pytest.mark.usefixtures("no_pictures")


def quiet(stage: str, done: int, total: int) -> None:
    """Stand in for progress bars."""


def xelith(*arguments, cwd):
    command = [sys.executable, "-m", "xelith.pipeline", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def ledger_of(folder) -> Ledger:
    return Ledger(folder / ".xelith" / "ledger.jsonl")


PLAN = {"main/integrals": {"blocks": 2, "seconds": 2.0}, "main/volume": {"blocks": 4, "seconds": 8.0}}


def test_a_folder_without_a_ledger_waits(tmp_path):
    status = run_status(tmp_path / "nothing")
    assert (status.state, status.progress, status.remaining_s, status.stages) == ("waiting", 0.0, None, ())


def test_progress_counts_planned_seconds_and_time_left_follows_the_pace(tmp_path, monkeypatch):
    clock = iter([0.0, 0.0, 1.0, 11.0, 21.0, 22.0, 82.0, 142.0])
    monkeypatch.setattr("xelith.pipeline.ledger.time.monotonic", lambda: next(clock))
    ledger = ledger_of(tmp_path)
    ledger.event("started", {"sample": "A", "plan": PLAN, "holder": "process 1"})
    ledger.record("main/integrals", -2, "m", {"blocks": 2})
    ledger.record("main/integrals", 0, "m")
    ledger.record("main/integrals", 1, "m")
    ledger.record("main/volume", -2, "n", {"blocks": 4})
    ledger.record("main/volume", 0, "n")
    ledger.record("main/volume", 1, "n")
    monkeypatch.undo()
    with locked(tmp_path / ".xelith"):
        status = run_status(tmp_path)
    assert (status.state, status.sample) == ("running", "A")
    assert status.progress == pytest.approx((2 + 4) / 10)
    assert [(s.name, s.done, s.total) for s in status.stages] == [("main/integrals", 2, 2), ("main/volume", 2, 4)]
    assert status.remaining_s == pytest.approx(2 * 60)
    assert run_status(tmp_path).state == "interrupted"


def test_time_left_before_the_first_block_is_the_plan(tmp_path):
    ledger_of(tmp_path).event("started", {"sample": "A", "plan": PLAN})
    assert run_status(tmp_path).remaining_s == pytest.approx(10)


def test_blocks_of_another_configuration_do_not_count(tmp_path):
    ledger = ledger_of(tmp_path)
    ledger.event("started", {"sample": "A", "plan": PLAN})
    ledger.record("main/volume", -2, "old", {"blocks": 4})
    ledger.record("main/volume", 0, "old")
    ledger.record("main/volume", -2, "new", {"blocks": 4})
    assert run_status(tmp_path).stages[1].done == 0


def test_a_run_tells_how_it_ended(disc_run, monkeypatch):
    out = disc_run.folder / "out"
    path = disc_run.config()
    with monkeypatch.context() as patched:
        patched.setattr(tasks, "reconstruct_slab", lambda *a, **k: (_ for _ in ()).throw(ValueError("no\nluck")))
        with pytest.raises(ValueError, match="luck"):
            run_config(path, out, advance=quiet)
    status = run_status(out)
    assert (status.state, status.error) == ("failed", "no luck")
    with monkeypatch.context() as patched:
        patched.setattr(tasks, "reconstruct_slab", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run_config(path, out, advance=quiet)
    assert run_status(out).state == "stopped"
    run_config(path, out, advance=quiet)
    status = run_status(out)
    assert (status.state, status.progress, status.remaining_s, status.error) == ("done", 1.0, 0.0, None)
    assert all(stage.done == stage.total > 0 for stage in status.stages)


def test_a_corrupt_chunk_is_named_and_it_alone_is_redone(disc_run, monkeypatch):
    out = disc_run.folder / "out"
    path = disc_run.config()
    monkeypatch.setattr("xelith.pipeline.planning.SLAB_HEIGHTS", (4,))
    run_config(path, out, advance=quiet)
    before = open_level(out / "main.ome.zarr")[:]
    assert verify_run(out) == []
    chunk = out / "main.ome.zarr" / "0" / "c" / "3" / "0" / "0"
    data = bytearray(chunk.read_bytes())
    data[100] ^= 1
    chunk.write_bytes(bytes(data))
    named = xelith("status", out, "--verify", "--json", cwd=disc_run.folder)
    assert named.returncode == 1
    found = json.loads(named.stdout)
    assert found["corrupt"] == {str(out): ["main.ome.zarr/0/c/3/0/0"]}
    assert run_status(out).state == "corrupt"
    times = {p: p.stat().st_mtime_ns for p in (out / "main.ome.zarr" / "0" / "c").rglob("0") if p.is_file()}
    slabs = []
    work = tasks.reconstruct_slab
    monkeypatch.setattr(tasks, "reconstruct_slab", lambda *a, **k: slabs.append(1) or work(*a, **k))
    run_config(path, out, advance=quiet)
    assert len(slabs) == 1
    np.testing.assert_array_equal(open_level(out / "main.ome.zarr")[:], before)
    assert [p for p, t in times.items() if p.stat().st_mtime_ns != t] == [chunk]
    assert verify_run(out) == [] and run_status(out).state == "done"


def test_a_missing_chunk_is_corrupt_too(disc_run):
    out = disc_run.folder / "out"
    run_config(disc_run.config(), out, advance=quiet)
    (out / "main.ome.zarr" / "0" / "c" / "0" / "0" / "0").unlink()
    assert verify_run(out) == ["main.ome.zarr/0/c/0/0/0"]


def test_scans_before_charging_are_compared_too(tmp_path):
    ledger_of(tmp_path).record("run", 0, "m")
    chunk = tmp_path / "before" / "main.ome.zarr" / "0" / "c" / "0"
    chunk.parent.mkdir(parents=True)
    chunk.write_bytes(b"123456789")
    before = ledger_of(tmp_path / "before")
    before.record("main/volume", 2, "m", {"crc32c": {"main.ome.zarr": {"0/c/0": "e3069283"}}})  # the code's check value
    assert verify_run(tmp_path) == []
    chunk.write_bytes(b"123456788")
    assert verify_run(tmp_path) == ["before/main.ome.zarr/0/c/0"]
    assert not ledger_of(tmp_path).done("run", 0, "m")
    assert not ledger_of(tmp_path / "before").done("main/volume", 2, "m")
    assert run_status(tmp_path).state == "corrupt"


def test_a_ledger_that_points_elsewhere_is_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_bytes(b"1")
    facts = {"crc32c": {"../secret": {"key": "00000000"}, "/etc": {"passwd": "0"}, "x": {"../../y": "0"}, "z": 3}}
    ledger_of(tmp_path / "run").record("main/volume", 0, "m", facts)
    assert verify_run(tmp_path / "run") == []


def test_the_command_shows_a_batch_of_folders(disc_run):
    run_config(disc_run.config(), disc_run.folder / "all" / "one", advance=quiet)
    ledger = ledger_of(disc_run.folder / "all" / "two")
    ledger.event("started", {"sample": "[red]two", "plan": {}})
    ledger.event("failed", {"error": "the [bold]file[/bold] is cut short"})
    shown = xelith("status", "all", cwd=disc_run.folder)
    assert shown.returncode == 1
    for word in ("1 done", "1 failed", "100 %", "the [bold]file[/bold]"):
        assert word in shown.stdout
    told = json.loads(xelith("status", "all", "--json", cwd=disc_run.folder).stdout)
    assert told["states"] == {"done": 1, "failed": 1}


def test_the_command_shows_a_series_and_its_scans(tmp_path):
    for name in ("00-t00", "01-t01"):
        ledger = ledger_of(tmp_path / "lapse" / name)
        ledger.event("started", {"sample": "x", "plan": {}})
    ledger.event("done")
    ledger_of(tmp_path / "lapse").event("started", {"sample": "lapse", "plan": {}})
    (tmp_path / "lapse" / ".xelith" / "series.json").write_text('["00-t00", "01-t01"]')
    runs = json.loads(xelith("status", "lapse", "--json", cwd=tmp_path).stdout)["runs"]
    assert [(run["state"], run["progress"]) for run in runs] == [
        ("interrupted", 0.0), ("done", 1.0), ("interrupted", 0.5),
    ]  # fmt: skip
    (tmp_path / "lapse" / ".xelith" / "series.json").write_text('["../x"]')
    assert len(json.loads(xelith("status", "lapse", "--json", cwd=tmp_path).stdout)["runs"]) == 1


def test_a_folder_without_runs_is_refused(tmp_path):
    done = xelith("status", tmp_path, cwd=tmp_path)
    assert done.returncode == 2 and "holds no run" in done.stderr
    assert "no folder" in xelith("status", "gone", cwd=tmp_path).stderr


def test_a_changed_clock_changes_neither_state_nor_time_left(tmp_path, monkeypatch):
    ledger = ledger_of(tmp_path)
    ledger.event("started", {"sample": "A", "plan": PLAN})
    ledger.record("main/volume", -2, "n", {"blocks": 4})
    ledger.record("main/volume", 0, "n")

    class Yesterday:
        @staticmethod
        def now(zone):
            from datetime import datetime

            return datetime(2001, 1, 1, tzinfo=zone)

    monkeypatch.setattr("xelith.pipeline.ledger.datetime", Yesterday)
    ledger.record("main/volume", 1, "n")
    status = run_status(tmp_path)
    assert status.stages[1].done == 2
    assert 0 <= status.remaining_s < 11
    assert status.changed.startswith("2001")

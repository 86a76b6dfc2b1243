"""The ledger survives a crash, and the lock goes with its holder."""

import subprocess
import sys
import threading

import pytest

from xelith.pipeline.ledger import Ledger, fingerprint, locked


def test_finished_blocks_are_found_again(tmp_path):
    path = tmp_path / "state" / "ledger.jsonl"
    ledger = Ledger(path)
    ledger.record("xenon/volume", 3, "abc", {"n": 1})
    again = Ledger(path)
    assert again.done("xenon/volume", 3, "abc")
    assert not again.done("xenon/volume", 3, "other")
    assert not again.done("xenon/volume", 4, "abc")
    assert again.facts("xenon/volume", 3) == {"n": 1}
    assert again.facts("nothing") == {}


def test_a_line_cut_short_is_ignored(tmp_path):
    path = tmp_path / "ledger.jsonl"
    Ledger(path).record("a", 0, "m")
    with path.open("a") as file:
        file.write('{"stage": "a", "block": 1, "pri')
    ledger = Ledger(path)
    assert ledger.done("a", 0, "m") and not ledger.done("a", 1, "m")
    ledger.record("a", 1, "m")
    assert Ledger(path).done("a", 1, "m")


def test_rubbish_is_ignored(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b'\xff\xfe\n[1]\n{"stage": 1}\nnull\n')
    assert Ledger(path).facts("a") == {}


def test_threads_may_record_at_once(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    threads = [threading.Thread(target=ledger.record, args=("s", i, "m")) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = Ledger(tmp_path / "ledger.jsonl")
    assert all(again.done("s", i, "m") for i in range(20))


def test_fingerprint_depends_on_content_not_on_order():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_lock_refuses_a_second_run_and_frees_itself(tmp_path):
    folder = tmp_path / "run" / ".xelith"
    code = (
        "import sys, time; from pathlib import Path; from xelith.pipeline.ledger import locked\n"
        f"with locked(Path({str(folder)!r})): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline().strip() == "held"
        with pytest.raises(BlockingIOError, match=f"in use by process {holder.pid}"), locked(folder):
            pass
        holder.kill()
    with locked(folder):
        pass

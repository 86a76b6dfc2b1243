"""Seconds by step, and logs and progress as JSON lines."""

import io
import json
import logging
import subprocess
import sys
import time

import pytest

from xelith.pipeline.json_log import json_logs
from xelith.pipeline.ledger import Ledger
from xelith.pipeline.progress import shown
from xelith.pipeline.steps import Fbp, FlatField, Rings
from xelith.pipeline.stopwatch import collecting, step_seconds, timed

pytestmark = pytest.mark.usefixtures("no_pictures")


def last_of(steps):
    for step in timed(steps):
        time.sleep(0.02)
        if isinstance(step, Rings):
            return step  # as a chain does at its last step
    return None


def test_each_step_has_its_time_even_the_one_that_returns():
    with collecting() as spent:
        last_of((FlatField(), Rings(), Fbp()))
    assert list(spent) == ["flat-field", "rings"]
    assert all(value >= 0.02 for value in spent.values())
    last_of((Rings(),))  # outside, nobody counts
    assert list(spent) == ["flat-field", "rings"]


def test_seconds_of_blocks_are_added_up(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for block in range(2):
        seconds = {"read": 1.0, "zingers": 2.0, "write": 0.5, "block": 4.0}
        ledger.record("main/integrals", block, "m", {"seconds": seconds})
    ledger.record("main/volume", 0, "m", {"seconds": {"read": 1.0, "rings": 3.0, "block": 4.5}})
    ledger.record("main/volume", 0, "m", {"seconds": {"read": 1.0, "rings": 3.5, "block": 5.0}})
    ledger.record("main/volume", 1, "m", {"seconds": "long"})
    found = step_seconds(tmp_path / "ledger.jsonl")
    assert found == {"zingers": 4.0, "rings": 3.5, "read": 3.0, "write": 1.0, "flat-field": 1.0, "other": 0.5}
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_logs_and_progress_are_json_lines():
    stream = io.StringIO()
    with json_logs(stream) as advance:
        advance("main: volume", 0, 4)
        advance("main: volume", 1, 4)
        logging.getLogger("xelith.test").info('a "quoted" µ')
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert lines[0]["seconds_left"] is None
    assert lines[1]["done"] == 1 and lines[1]["total"] == 4
    assert lines[1]["seconds_left"] == pytest.approx(3 * lines[1]["seconds"], abs=0.02)
    assert (lines[2]["level"], lines[2]["message"]) == ("info", 'a "quoted" µ')


def test_another_kind_of_log_is_refused():
    with pytest.raises(ValueError, match="--log is 'xml'; give text or json"), shown(log="xml"):
        pass


def test_a_run_writes_json_lines_and_says_what_its_steps_took(disc_run):
    command = [sys.executable, "-m", "xelith.pipeline", "run", str(disc_run.config()), "--out", "out", "--log", "json"]
    done = subprocess.run(command, cwd=disc_run.folder, capture_output=True, text=True, timeout=120, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {"main: projections", "main: volume", "report"} <= {line.get("stage") for line in lines}
    assert any("is done after" in line.get("message", "") for line in lines)
    results = json.loads((disc_run.folder / "out" / "results.json").read_text())
    taken = results["provenance"]["steps_s"]
    assert {"read", "flat-field", "zingers", "fourier-fbp", "write"} <= set(taken)
    assert results["report"]["timings"] == {f"{name}_s": value for name, value in taken.items()}

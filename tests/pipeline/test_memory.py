"""Peak memory of whole runs, measured in a process of their own, against the budget that they were given."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "engine_memory.py"


def measured(folder, memory_gib, views, rows, columns):
    sizes = ["--views", str(views), "--rows", str(rows), "--columns", str(columns)]
    command = [sys.executable, str(BENCHMARK), "--memory-gib", str(memory_gib), *sizes, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=7200, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_run_stays_within_its_budget_and_reads_its_input_once(tmp_path):
    found = measured(tmp_path, 0.4, 480, 192, 448)  # arrays of 0.6 GiB in all, of 0.15 each on disk
    assert found["peak_above_imports_gib"] <= 1.3 * 0.4
    assert found["input_bytes_read_over_file_size"] <= 1.1  # one view in 32 twice, and opening the file


@pytest.mark.validate
def test_a_scan_six_times_the_budget(tmp_path):
    found = measured(tmp_path, 1.0, 2560, 1024, 1280)
    assert found["projections_gib"] > 6 and found["volume_gib"] > 6
    assert found["peak_above_imports_gib"] <= 1.3
    assert found["input_bytes_read_over_file_size"] <= 1.1

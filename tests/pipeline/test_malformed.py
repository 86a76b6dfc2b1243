"""Malformed inputs, 200 in all: each runs or is refused in words; none crashes, hangs, eats memory or strays."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = Path(__file__).with_name("malformed.py")
NUMBERS = {"config": 60, "hdf": 50, "tiff": 25, "ledger": 25, "zarr": 30, "ole": 10}
FEW = {"config": 6, "hdf": 5, "tiff": 2, "ledger": 3, "zarr": 4}


def show(kind: str, first: int, last: int, folder: Path, *extra: Path) -> list[dict[str, str]]:
    command = [sys.executable, str(CHILD), kind, str(first), str(last), str(folder), *map(str, extra)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600, check=False)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(found) == last - first, f"ended at {kind} {first + len(found)}: {done.stderr[-2000:]}"
    return found


def at_fault(found):
    return [one for one in found if one["end"] == "at fault"]


@pytest.mark.parametrize("kind", FEW)
def test_some_malformed_inputs(kind, tmp_path):
    assert at_fault(show(kind, 1000, 1000 + FEW[kind], tmp_path)) == []


@pytest.mark.validate
@pytest.mark.parametrize("kind", NUMBERS)
def test_many_malformed_inputs(kind, tmp_path, data_dir):
    ole = data_dir / "projections" / "zeiss" / "txrm_test_chip_tomo.txrm"
    found = show(kind, 0, NUMBERS[kind], tmp_path, ole)
    if target := os.environ.get("XELITH_MALFORMED"):  # where the table of docs/validation is made from
        with Path(target).open("a", encoding="utf8") as file:
            file.writelines(json.dumps(one) + "\n" for one in found)
    assert at_fault(found) == []
    assert {one["end"] for one in found} <= {"ran", "refused"}

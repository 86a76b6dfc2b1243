"""`xelith check`: plan and faults from headers alone."""

import io
from dataclasses import replace

import h5py
import numpy as np
import pytest
import yaml

from xelith.pipeline.checking import check_config
from xelith.pipeline.config import Compute, Region
from xelith.pipeline.planning import estimate, plan_blocks
from xelith.pipeline.selection import select

GIB = 2**30


@pytest.fixture
def big(tmp_path):
    """A scan of 60 GB by its header, a few kB on disk."""
    with h5py.File(tmp_path / "big.h5", "w") as file:
        for name, frames in (("data", 6000), ("data_white", 20), ("data_dark", 20)):
            file.create_dataset(f"exchange/{name}", (frames, 2160, 2560), "u2", chunks=(1, 2160, 2560))
        file["exchange/theta"] = np.linspace(0, 180, 6000, endpoint=False)
    return tmp_path


def check(folder, **changes):
    values = {"sample": "big", "scans": {"main": {"path": "big.h5", "pixel_um": 0.65}}} | changes
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(values))
    return check_config(path)


def test_a_scan_of_60_gb_is_planned_from_its_header(big):
    plan = check(big)
    facts = plan.scans[0].facts
    assert plan.runnable
    assert facts["volume_voxels"] == [2160, 2560, 2560]
    assert facts["memory_gib"] <= 4
    assert facts["of_which_scratch_gib"] == pytest.approx(6000 * 2160 * 2560 * 4 / GIB, abs=0.01)
    assert facts["centre_px"] == "to be found"
    assert "blocks of" in facts["sections"]
    assert plan.as_dict()["runnable"] is True


def test_every_fault_has_its_remedy(big):
    with h5py.File(big / "big.h5", "r+") as file:
        del file["exchange/data_white"], file["exchange/theta"]
    entry = {"path": "big.h5"}
    plan = check(big, scans={"main": entry}, reconstruction=[{"step": "flat-field"}, {"step": "fbp"}])
    text = " ".join(plan.scans[0].faults)
    for remedy in ("flat_path", "theta_range_deg", "give pixel_um", "centre unknown"):
        assert remedy in text
    assert not plan.runnable


def test_too_little_memory_is_a_fault(big):
    plan = check(big, compute={"memory_gib": 0.25})
    assert "more than memory_gib of 0.25; raise it, or take region.bin: 2" in plan.scans[0].faults[0]
    assert check(big, compute={"memory_gib": 0.25}, region={"bin": 8, "columns": [0, 1024]}).runnable


def test_a_missing_file_is_a_fault_not_a_crash(big):
    plan = check(big, scans={"main": {"path": "gone.h5"}})
    assert "nothing at" in plan.scans[0].faults[0]


@pytest.mark.parametrize(("gas", "words"), [("xenon", "scan in argon too"), ("argon", "scan in xenon too")])
def test_one_gas_is_warned_of(big, gas, words):
    entry = {"path": "big.h5", "pixel_um": 1, "gas": {"name": gas, "pressure_atm": 6}}
    plan = check(big, scans={"main": entry})
    assert any(words in warning for warning in plan.warnings)
    assert any("no charge" in warning for warning in plan.warnings)


def test_the_table_shows_the_sample_as_text(big):
    from rich.console import Console

    console = Console(record=True, width=160, file=io.StringIO())
    console.print(check(big, sample="[red]cell[/red]").table())
    assert "[red]cell[/red]: can run" in console.export_text()


@pytest.mark.parametrize("memory_gib", [0.5, 1, 4, 16])
def test_blocks_fit_the_budget(memory_gib):
    selection = select((3000, 2000, 2000), Region())
    compute = Compute(memory_gib=memory_gib, threads=2)
    plan = plan_blocks(selection, compute)
    assert plan.slab in (2, 4, 8, 16, 32)
    assert 1 <= plan.views <= 64
    if memory_gib >= 4:
        assert estimate(selection, compute).memory_bytes <= memory_gib * GIB
    assert plan_blocks(selection, Compute(memory_gib=32)).slab >= plan.slab


@pytest.mark.parametrize(("packed", "kept"), [(1, False), (16, True), (600, False)])
def test_frames_packed_together_are_kept_where_they_fit(packed, kept):
    selection = replace(select((3000, 500, 1000), Region()), packed=packed)
    plan = plan_blocks(selection, Compute(memory_gib=2, threads=2))
    alone = plan_blocks(replace(selection, packed=1), Compute(memory_gib=2, threads=2))
    assert plan.is_ahead is kept
    assert (plan.slab, plan.views) == (alone.slab, alone.views)
    assert plan.batch <= alone.batch
    assert estimate(selection, Compute(memory_gib=2, threads=2)).memory_bytes <= 2 * GIB


def test_what_is_only_recorded_is_said(big):
    entry = {"path": "big.h5", "pixel_um": 1, "flats": {"jig": "out"}}
    warnings = check(big, scans={"main": entry}).warnings
    assert any("not corrected for: scans.main.flats" in warning for warning in warnings)
    assert not any("not corrected" in warning for warning in check(big).warnings)


def test_a_gpu_that_is_not_there_is_a_fault_and_one_that_is_raises_the_overlap(big, cupy_twin, monkeypatch):
    compute = {"device": "gpu", "memory_gib": 64, "threads": 2}
    found = check(big, compute=compute).scans[0]
    assert not found.faults
    assert "4 at a time" in found.facts["sections"]  # three lanes on the card, and one that reads
    monkeypatch.setattr(cupy_twin.cuda, "is_available", lambda: False)
    faults = check(big, compute=compute).scans[0].faults
    assert "compute.device is gpu, and CuPy sees no CUDA device" in faults[0]
    assert not check(big, compute=compute | {"device": "auto"}).scans[0].faults

"""Blocks that follow one another go to one worker, which keeps what they share: a scan is unpacked once there too."""

import json
from types import SimpleNamespace

import dask
import distributed  # noqa: F401  (its defaults stand before a test changes them)
import h5py
import numpy as np

from xelith.pipeline.run import run_config
from xelith.pipeline.store import open_level
from xelith.pipeline.turns import Turns

COUNT_CHUNKS = """
import os, pathlib
from xelith.scans import hdf_chunks

def dask_setup(worker):
    unpack = hdf_chunks.unpacked_chunk

    def noted(data, origin, filters):
        with open(os.environ["XELITH_TEST_NOTES"], "a") as file:
            file.write(f"{os.getpid()} {origin[0]}\\n")
        return unpack(data, origin, filters)

    hdf_chunks.unpacked_chunk = noted
"""


def pack(path, frames):
    """Store the projections of a scan again, many frames to a gzip chunk."""
    with h5py.File(path, "r+") as file:
        data = file["exchange/data"][:].astype(np.uint16)
        del file["exchange/data"]
        file.create_dataset("exchange/data", data=data, chunks=(frames, *data.shape[1:]), compression="gzip")


def test_workers_unpack_a_scan_once_and_record_every_block(disc_run, monkeypatch, tmp_path):
    n_theta, frames, notes = 1280, 16, tmp_path / "notes"
    pack(disc_run.write_scan(n_theta=n_theta, n_rows=8), frames)
    count = tmp_path / "count_chunks.py"
    count.write_text(COUNT_CHUNKS)
    monkeypatch.setenv("XELITH_TEST_NOTES", str(notes))
    here = disc_run.config("here.yaml", compute={"memory_gib": 0.25, "threads": 1})
    away = disc_run.config("away.yaml", compute={"memory_gib": 0.25, "scheduler": "local", "workers": 2})
    run_config(here, disc_run.folder / "here", advance=lambda *_: None)
    with dask.config.set({"distributed.worker.preload": [str(count)]}):
        run_config(away, disc_run.folder / "away", advance=lambda *_: None)
    volumes = [open_level(disc_run.folder / name / "main.ome.zarr", 0)[:] for name in ("here", "away")]
    np.testing.assert_array_equal(*volumes)
    seen = [line.split() for line in notes.read_text().splitlines()]
    assert len({process for process, _ in seen}) == 2
    assert {int(origin) for _, origin in seen} == set(range(0, n_theta, frames))
    assert len(seen) <= 1.1 * n_theta / frames  # two chunks more wherever two workers' blocks meet
    lines = (disc_run.folder / "away/.xelith/ledger.jsonl").read_text().split("\n")
    found = [line["block"] for line in map(json.loads, filter(None, lines)) if line.get("stage") == "main/integrals"]
    assert sorted(block for block in found if block >= 0) == list(range(n_theta // 64))


def kept(n_threads=1):
    turns = Turns()
    turns.setup(SimpleNamespace(state=SimpleNamespace(nthreads=n_threads)))
    return turns


def test_work_goes_on_with_the_next_block_alone():
    turns, begun = kept(), iter("abcd")
    first = turns.take("s", 3, lambda: next(begun))
    turns.keep("s", 3, first)
    assert turns.take("s", 4, lambda: next(begun)) == first == "a"
    turns.keep("s", 4, first)
    assert turns.take("s", 9, lambda: next(begun)) == "b"  # not the next one; what was kept is let go
    assert turns.take("s", 5, lambda: next(begun)) == "c"


def test_work_that_failed_or_belongs_to_another_stage_is_let_go():
    turns, begun = kept(), iter("abcd")
    turns.take("s", 0, lambda: next(begun))  # and fails: it is not kept
    second = turns.take("s", 0, lambda: next(begun))
    assert second == "b"
    turns.take("t", 0, lambda: next(begun))
    turns.keep("s", 0, second)  # comes late
    assert turns.take("t", 1, lambda: next(begun)) == "d"


def test_as_many_works_are_kept_as_there_are_threads():
    turns, begun = kept(2), iter("abcdef")
    for index in (0, 10, 20):
        turns.keep("s", index, turns.take("s", index, lambda: next(begun)))
    assert turns.take("s", 11, lambda: next(begun)) == "b"
    assert turns.take("s", 21, lambda: next(begun)) == "c"
    assert turns.take("s", 1, lambda: next(begun)) == "d"

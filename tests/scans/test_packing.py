"""Where a range of frames ends so that no chunk is unpacked twice, for every stack that packs frames."""

import h5py
import numpy as np
import pytest
import zarr

from xelith.scans import ArrayFrames
from xelith.scans.hdf_frames import hdf_frames
from xelith.scans.joined_frames import joined_frames
from xelith.scans.packing import packed_frames, packed_until
from xelith.scans.zarr_frames import ZarrFrames

COUNTS = np.zeros((22, 3, 4), np.uint16)


@pytest.fixture
def stored(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("deep", data=COUNTS, chunks=(5, 3, 4), compression="gzip")
        file["plain"] = COUNTS
        yield file


def test_frames_in_memory_are_not_packed():
    assert packed_frames(ArrayFrames(COUNTS)) == 1
    assert [packed_until(ArrayFrames(COUNTS), stop) for stop in (1, 7, 22)] == [1, 7, 22]


def test_hdf_chunks_end_every_so_many_frames(stored):
    assert packed_frames(hdf_frames(stored["plain"])) == 1
    deep = hdf_frames(stored["deep"])
    assert packed_frames(deep) == 5
    assert [packed_until(deep, stop) for stop in (1, 5, 6, 21, 22)] == [5, 5, 10, 22, 22]


def test_a_choice_of_frames_ends_where_their_chunk_does(stored):
    chosen = hdf_frames(stored["deep"], indices=np.array([3, 4, 5, 8, 9, 12, 20, 21]))
    assert [packed_until(chosen, stop) for stop in range(1, 9)] == [2, 2, 5, 5, 5, 6, 8, 8]


def test_zarr_chunks(tmp_path):
    zarr.create_array(tmp_path / "z", shape=COUNTS.shape, chunks=(4, 3, 4), dtype="u2")
    frames = ZarrFrames(tmp_path / "z")
    assert packed_frames(frames) == 4
    assert [packed_until(frames, stop) for stop in (1, 4, 5, 21)] == [4, 4, 8, 22]


def test_joined_stacks_end_where_their_parts_do(stored):
    joined = joined_frames([ArrayFrames(COUNTS[:3]), hdf_frames(stored["deep"])])
    assert packed_frames(joined) == 5
    assert [packed_until(joined, stop) for stop in (2, 3, 4, 9, 25)] == [2, 3, 8, 13, 25]

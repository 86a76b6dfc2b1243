"""Frames of HDF5 datasets: reading by runs, sizes from headers only, faults in one line."""

import os
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

from xelith.scans import ScanError, open_scan
from xelith.scans.hdf_frames import HdfFrameList, hdf_frames

COUNTS = np.random.default_rng(2).integers(0, 60_000, (9, 4, 5)).astype(np.uint16)


def frames_of(path, data=COUNTS, *, indices=None, **options):
    """Write a dataset and describe it as frames."""
    with h5py.File(path, "w") as file:
        file.create_dataset("group/data", data=data, **options)
    with h5py.File(path) as file:
        return hdf_frames(file["group/data"], indices=indices)


@pytest.mark.parametrize("key", [np.s_[:], np.s_[2:4, 1:3], np.s_[:, :, 2:3], np.s_[5:5], np.s_[-1:]])
@pytest.mark.parametrize("indices", [None, [0, 1, 2, 6, 8], [3], [1, 3, 5, 7]])
def test_slices_and_choices(tmp_path, key, indices):
    chosen = None if indices is None else np.array(indices)
    frames = frames_of(tmp_path / "a.h5", indices=chosen, chunks=(2, 4, 5))
    np.testing.assert_array_equal(frames[key], (COUNTS if indices is None else COUNTS[indices])[key])


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "gzip", "chunks": (1, 4, 5)},
        {"compression": "lzf"},
        {**hdf5plugin.Blosc(cname="zstd")},
        {**hdf5plugin.Bitshuffle()},
        {"dtype": ">u2"},
        {"dtype": "<f8"},
    ],
)
def test_filters_and_byte_orders(tmp_path, options):
    frames = frames_of(tmp_path / "a.h5", **options)
    assert frames.dtype.isnative
    np.testing.assert_array_equal(frames[:], COUNTS)


def test_runs_are_read_at_once(tmp_path, monkeypatch):
    frames = frames_of(tmp_path / "a.h5", indices=np.array([0, 1, 2, 6, 7]))
    reads = []
    original = h5py.Dataset.read_direct
    monkeypatch.setattr(h5py.Dataset, "read_direct", lambda *args: (reads.append(args[2][0]), original(*args))[1])
    frames[:]
    assert reads == [slice(0, 3), slice(6, 8)]


def test_frames_travel_to_processes_and_threads(tmp_path):
    sent = pickle.loads(pickle.dumps(frames_of(tmp_path / "a.h5", compression="gzip")))
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(lambda i: sent[i : i + 1], range(9)))
    np.testing.assert_array_equal(np.concatenate(parts), COUNTS)


def bytes_read():
    """Bytes that this process has read through the system so far."""
    return int(Path("/proc/self/io").read_text().split()[1])


@pytest.mark.skipif(not os.access("/proc/self/io", os.R_OK), reason="the system counts no bytes")
def test_opening_100_gb_reads_headers_only(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("exchange/data", (6000, 2048, 4096), "u2", chunks=(1, 2048, 4096))  # no chunk written
        file["exchange/theta"] = np.arange(6000) * 0.03
    open_scan(path)
    before = bytes_read()
    scan = open_scan(path)
    assert bytes_read() - before < 1e6
    assert scan.shape == (6000, 2048, 4096)
    assert scan.projections[5:6, :2].sum() == 0


def test_absurd_dataset_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("exchange/data", (4, 2**40, 2**40), "u2", chunks=(1, 64, 64))
    started = time.monotonic()
    with pytest.raises(ScanError, match=r"exchange/data claims 4 x 1099511627776 x 1099511627776 values"):
        open_scan(path)
    assert time.monotonic() - started < 30  # a hang, not a speed, would fail this


def test_contiguous_data_beyond_the_end_are_refused(tmp_path):
    path = tmp_path / "a.h5"
    frames_of(path)
    with h5py.File(path, "r+") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "stat", lambda self: os.stat_result((0,) * 6 + (100,) + (0,) * 3))
        with pytest.raises(ScanError, match=r"ends at byte \d+ of 100; copy the file again"):
            hdf_frames(file["group/data"])


def test_file_changed_after_opening(tmp_path):
    path = tmp_path / "a.h5"
    frames = frames_of(path)
    with h5py.File(path, "w") as file:
        file["group/data"] = COUNTS[:3]
    with pytest.raises(ScanError, match=r"changed from \(9, 4, 5\) to \(3, 4, 5\) since it was opened"):
        frames[:]
    with h5py.File(path, "w"):
        pass
    with pytest.raises(ScanError, match="group/data cannot be read"):
        frames[:]
    path.unlink()
    with pytest.raises(FileNotFoundError, match="does not exist"):
        frames[:]


def test_damaged_chunk_is_named(tmp_path):
    path = tmp_path / "a.h5"
    frames = frames_of(path, chunks=(1, 4, 5), compression="gzip")
    with h5py.File(path) as file:
        chunk = file["group/data"].id.get_chunk_info(4)
    data = bytearray(path.read_bytes())
    data[chunk.byte_offset : chunk.byte_offset + chunk.size] = b"\x00" * chunk.size
    path.write_bytes(data)
    np.testing.assert_array_equal(frames[:4], COUNTS[:4])
    with pytest.raises(ScanError, match=r"a.h5:/group/data, chunk \(4, 0, 0\), does not unpack to 40 bytes"):
        frames[4:5]


def test_damaged_chunk_of_another_filter_is_named(tmp_path):
    path = tmp_path / "a.h5"
    frames = frames_of(path, chunks=(1, 4, 5), fletcher32=True)
    with h5py.File(path) as file:
        chunk = file["group/data"].id.get_chunk_info(4)
    data = bytearray(path.read_bytes())
    data[chunk.byte_offset] ^= 0xFF
    path.write_bytes(data)
    np.testing.assert_array_equal(frames[:4], COUNTS[:4])
    with pytest.raises(ScanError, match="group/data cannot be read .*; the file is damaged: copy it again"):
        frames[4:5]


def test_one_dataset_a_frame(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for index, frame in enumerate(COUNTS):
            file.create_dataset(f"f{index}", data=frame[None], compression="gzip" if index % 2 else None)
    frames = HdfFrameList(path, tuple(f"/f{i}" for i in range(9)), (4, 5), np.dtype("u2"))
    assert frames.shape == COUNTS.shape
    for key in (np.s_[:], np.s_[3:5, 1:2, 2:], np.s_[4:4]):
        np.testing.assert_array_equal(frames[key], COUNTS[key])
    with pytest.raises(ScanError, match="/gone cannot be read"):
        HdfFrameList(path, ("/gone",), (4, 5), np.dtype("u2"))[:]

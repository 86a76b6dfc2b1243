"""gzip chunks unpacked by hand: what HDF5 reads, and no more memory than the dataset says."""

import zlib

import h5py
import numpy as np
import pytest

from xelith.scans import ScanError
from xelith.scans.hdf_chunks import filters_of, inflated, is_deflated, read_deflated, unshuffled

COUNTS = np.random.default_rng(11).integers(0, 60_000, (5, 7, 11)).astype(np.uint16)


@pytest.fixture
def file(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as out:
        yield out


def window_of(data, where):
    """Read a window by hand."""
    target = np.empty([s.stop - s.start for s in where], data.dtype.newbyteorder("="))
    read_deflated(data, where, target)
    return target


@pytest.mark.parametrize("where", [np.s_[0:5, 0:7, 0:11], np.s_[1:4, 2:6, 3:10], np.s_[4:5, 6:7, 10:11]])
@pytest.mark.parametrize("chunks", [(1, 7, 11), (2, 3, 4), (5, 7, 11), (1, 1, 1), (4, 7, 2)])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<f8", "u1"])
def test_same_as_hdf5(file, where, chunks, shuffle, dtype):
    data = file.create_dataset("d", data=COUNTS.astype(dtype), chunks=chunks, compression="gzip", shuffle=shuffle)
    assert is_deflated(data)
    np.testing.assert_array_equal(window_of(data, where), COUNTS.astype(dtype)[where])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"compression": "gzip"}, True),
        ({"compression": "gzip", "shuffle": True}, True),
        ({"compression": "gzip", "fletcher32": True}, False),
        ({"compression": "lzf"}, False),
        ({"shuffle": True}, False),
        ({"chunks": True}, False),
        ({}, False),
    ],
)
def test_what_is_read_by_hand(file, options, expected):
    data = file.create_dataset("d", data=COUNTS, **options)
    assert is_deflated(data) == expected
    assert len(filters_of(data)) == len([name for name in options if name != "chunks"])


def test_chunks_never_written_are_filled(file):
    data = file.create_dataset("d", (3, 7, 11), "u2", chunks=(1, 7, 11), compression="gzip", fillvalue=9)
    data[1] = COUNTS[1]
    found = window_of(data, np.s_[0:3, 0:7, 0:11])
    np.testing.assert_array_equal(found[1], COUNTS[1])
    assert np.all(found[[0, 2]] == 9)


@pytest.mark.parametrize("mask", [0, 1, 2, 3])  # a set bit: this filter was left out for this chunk
def test_filters_that_a_chunk_skipped(tmp_path, mask):
    stored = COUNTS[0].tobytes()
    if not mask & 1:
        stored = np.frombuffer(stored, np.uint8).reshape(-1, 2).T.tobytes()
    with h5py.File(tmp_path / "b.h5", "w") as out:
        data = out.create_dataset("d", (1, 7, 11), "u2", chunks=(1, 7, 11), compression="gzip", shuffle=True)
        data.id.write_direct_chunk((0, 0, 0), stored if mask & 2 else zlib.compress(stored), filter_mask=mask)
    with h5py.File(tmp_path / "b.h5") as back:
        np.testing.assert_array_equal(window_of(back["d"], np.s_[0:1, 0:7, 0:11])[0], COUNTS[0])
        np.testing.assert_array_equal(back["d"][0], COUNTS[0])  # HDF5 agrees


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (zlib.compress(bytes(10**6)), r"chunk \(0, 0, 0\), (takes|does not unpack to 154 bytes)"),
        (zlib.compress(bytes(155)), "does not unpack to 154 bytes"),
        (zlib.compress(bytes(153)), "has 153 bytes instead of 154"),
        (b"no zlib stream", "does not unpack to 154 bytes"),
        (bytes(5000), "takes 5000 bytes in the file for 154 of values"),
    ],
)
def test_chunks_of_another_size_are_refused(file, stored, message):
    data = file.create_dataset("d", (1, 7, 11), "u2", chunks=(1, 7, 11), compression="gzip")
    data.id.write_direct_chunk((0, 0, 0), stored)
    with pytest.raises(ScanError, match=message):
        window_of(data, np.s_[0:1, 0:7, 0:11])


def test_bomb_takes_no_memory():
    bomb = zlib.compress(bytes(10**7), 9)
    with pytest.raises(ScanError, match="a.h5 does not unpack to 100 bytes"):
        inflated(bomb, 100, "a.h5")


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_unshuffled(width):
    values = np.arange(width * 13, dtype=np.uint8)
    shuffled = values.reshape(-1, width).T.tobytes()
    assert unshuffled(shuffled, width) == values.tobytes()

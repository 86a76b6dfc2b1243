"""Chunks written and read as files are what zarr writes and reads, to the byte."""

import os
from pathlib import Path

import google_crc32c
import numpy as np
import pytest
import zarr
from zarr.codecs import BytesCodec, Crc32cCodec

from xelith.pipeline.chunk_files import SUM_BYTES, chunk_files

VALUES = np.random.default_rng(3).normal(size=(9, 10, 7)).astype(np.float32)


def new_array(path, summed, **other):
    facts = {"shape": VALUES.shape, "chunks": (4, 5, 4), "dtype": "f4", "fill_value": np.nan}
    compressors = [Crc32cCodec()] if summed else None
    return zarr.create_array(path, **(facts | {"compressors": compressors} | other))


def files_of(path):
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("summed", [False, True])
def test_files_are_those_of_zarr(tmp_path, summed, durable):
    new_array(tmp_path / "zarr", summed)[:] = VALUES
    ours = chunk_files(new_array(tmp_path / "ours", summed))
    sums = ours.write((0, 0, 0), VALUES[:8], durable=durable) | ours.write((8, 0, 0), VALUES[8:], durable=durable)
    assert files_of(tmp_path / "ours") == files_of(tmp_path / "zarr")
    assert len(sums) == 3 * 2 * 2
    for name, crc in sums.items():
        data = (tmp_path / "ours" / name).read_bytes()
        assert crc == f"{google_crc32c.value(data[: 4 * 5 * 4 * 4]):08x}"


def test_the_names_of_chunks_are_on_the_disk_too(tmp_path, monkeypatch):
    files, synced, sync = chunk_files(new_array(tmp_path / "a", False)), [], os.fsync

    def noted(held):
        path = Path(f"/proc/self/fd/{held}").readlink()
        if path.is_dir():
            synced.append((path.relative_to(tmp_path / "a").as_posix(), len(list((tmp_path / "a").rglob("*.partial")))))
        sync(held)

    monkeypatch.setattr(os, "fsync", noted)
    files.write((4, 0, 0), VALUES[4:8], durable=True)
    # each folder once, from the chunks up, when all of them have their names
    assert synced == [(name, 0) for name in ("c/1/1", "c/1/0", "c/1", "c", ".")]
    files.write((0, 0, 0), VALUES[:4])
    assert len(synced) == 5


@pytest.mark.parametrize("summed", [False, True])
def test_chunks_are_read_back(tmp_path, summed):
    array = new_array(tmp_path / "a", summed)
    array[:] = VALUES
    files = chunk_files(array)
    memory = np.empty(files.chunk_bytes + SUM_BYTES, np.uint8)
    for index in files.touching((0, 0, 0), VALUES.shape):
        z, y, x = (k * c for k, c in zip(index, files.chunks, strict=True))
        part = VALUES[z : z + 4, y : y + 5, x : x + 4]
        np.testing.assert_array_equal(files.read(index, memory)[tuple(map(slice, part.shape))], part)


def test_damage_is_noticed(tmp_path):
    files = chunk_files(new_array(tmp_path / "a", True))
    files.write((0, 0, 0), VALUES)
    memory = np.empty(files.chunk_bytes + SUM_BYTES, np.uint8)
    whole = files.file((1, 1, 0)).read_bytes()
    for bad in (whole[:-1], whole[:100] + bytes([whole[100] ^ 1]) + whole[101:], whole[:-1] + bytes([whole[-1] ^ 1])):
        files.file((1, 1, 0)).write_bytes(bad)
        assert files.read((1, 1, 0), memory) is None
    files.file((1, 1, 0)).unlink()
    assert files.read((1, 1, 0), memory) is None
    assert files.read((1, 0, 0), memory) is not None


def test_a_fault_leaves_whole_chunks_alone(tmp_path, monkeypatch):
    files = chunk_files(new_array(tmp_path / "a", False))
    files.write((0, 0, 0), VALUES[:4])
    before = files_of(tmp_path / "a")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        files.write((0, 0, 0), -VALUES[:4], durable=True)
    assert files_of(tmp_path / "a") == before


def test_parts_of_chunks_are_refused(tmp_path):
    files = chunk_files(new_array(tmp_path / "a", False))
    with pytest.raises(ValueError, match="are not whole chunks of"):
        files.write((1, 0, 0), VALUES[:4])
    with pytest.raises(ValueError, match="are not whole chunks of"):
        files.write((0, 0, 0), VALUES[:3])


def test_touching_names_the_chunks_of_a_part(tmp_path):
    files = chunk_files(new_array(tmp_path / "a", False))
    assert list(files.touching((4, 3, 0), (8, 6, 4))) == [(1, 0, 0), (1, 1, 0)]


def test_arrays_that_are_more_than_their_values_are_left_to_zarr(tmp_path):
    assert chunk_files(new_array(tmp_path / "packed", False, compressors="auto")) is None
    assert chunk_files(new_array(tmp_path / "big", False, serializer=BytesCodec(endian="big"))) is None
    assert chunk_files(new_array(tmp_path / "shards", False, shards=(8, 10, 8))) is None
    assert chunk_files(new_array(tmp_path / "two", False, zarr_format=2, fill_value=0)) is None
    assert chunk_files(new_array(zarr.storage.MemoryStore(), False)) is None
    keys = {"name": "default", "separator": "."}
    assert chunk_files(new_array(tmp_path / "dots", False, chunk_key_encoding=keys)) is None

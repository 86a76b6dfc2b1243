"""Line integrals on scratch: rows come back as they were written, as views or as sinograms, or not at all."""

import pickle

import numpy as np
import pytest
import zarr

from xelith.pipeline.scratch import CorruptScratch, Integrals, make_scratch, plain_files

VALUES = np.random.default_rng(8).normal(size=(21, 13, 6)).astype(np.float32)


@pytest.fixture
def path(tmp_path):
    make_scratch(tmp_path / "s", VALUES.shape, chunk=(8, 4), n_blocks=2)
    path = tmp_path / "s" / "integrals"
    files = plain_files(zarr.open_array(path, mode="r"))
    for start in (0, 8, 16):
        files.write((start, 0, 0), VALUES[start : start + 8])
    return path


@pytest.mark.parametrize("rows", [slice(0, 4), slice(4, 8), slice(3, 10), slice(12, 13), slice(0, 13)])
def test_rows_come_back_in_either_order(path, rows):
    integrals = Integrals(path)
    np.testing.assert_array_equal(integrals[:, rows], VALUES[:, rows])
    np.testing.assert_array_equal(integrals.views(rows), VALUES[:, rows])
    np.testing.assert_array_equal(integrals.sinograms(rows), VALUES[:, rows].swapaxes(0, 1))
    assert integrals.sinograms(rows).flags.c_contiguous


def read_ways(integrals):
    return (
        lambda: integrals[:, 0:4],
        lambda: integrals.views(slice(0, 4)),
        lambda: integrals.sinograms(slice(0, 4)),
    )


@pytest.mark.parametrize("fault", ["changed", "missing", "cut"])
@pytest.mark.parametrize("way", range(3))
def test_damage_names_the_views_and_is_told(path, fault, way):
    chunk = path / "c" / "1" / "0" / "0"
    data = bytearray(chunk.read_bytes())
    data[50] ^= 4
    if fault == "missing":
        chunk.unlink()
    else:
        chunk.write_bytes(bytes(data) if fault == "changed" else bytes(data[:40]))
    with pytest.raises(CorruptScratch, match=r"views from 8 on were damaged on disk") as damage:
        read_ways(Integrals(path))[way]()
    assert damage.value.views == (8,) and damage.value.path == path  # what the engine redoes
    back = pickle.loads(pickle.dumps(damage.value))  # as a worker elsewhere sends it
    assert (back.views, back.path) == ((8,), path)
    np.testing.assert_array_equal(Integrals(path).sinograms(slice(4, 13)), VALUES[:, 4:].swapaxes(0, 1))


def test_scratch_that_was_never_written_is_damage(tmp_path):
    make_scratch(tmp_path / "s", VALUES.shape, chunk=(8, 4), n_blocks=2)
    with pytest.raises(CorruptScratch, match="views from 0, 8, 16 on"):
        Integrals(tmp_path / "s" / "integrals").sinograms(slice(0, 4))


def test_compressed_scratch_is_refused(tmp_path):
    zarr.create_array(tmp_path / "old", shape=VALUES.shape, chunks=(8, 4, 6), dtype="f4")
    with pytest.raises(ValueError, match="is not scratch of this version; remove"):
        Integrals(tmp_path / "old")

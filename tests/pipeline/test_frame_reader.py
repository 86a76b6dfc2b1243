"""Views read in order: the right ones, and each chunk of the file unpacked once, halo and all."""

import hashlib
from dataclasses import replace

import h5py
import numpy as np
import pytest

from xelith.arrays import blocks
from xelith.pipeline.config import Region
from xelith.pipeline.frame_reader import FrameReader
from xelith.pipeline.lanes import run_in_lanes
from xelith.pipeline.selection import select
from xelith.scans import hdf_chunks
from xelith.scans.hdf_frames import hdf_frames
from xelith.scans.packing import packed_frames

COUNTS = np.random.default_rng(5).integers(0, 60_000, (103, 6, 8)).astype(np.uint16)


@pytest.fixture
def unpacked(monkeypatch):
    """Origins of the chunks that were unpacked, in order."""
    seen, unpack = [], hdf_chunks.unpacked_chunk

    def noted(data, origin, filters):
        seen.append(origin)
        return unpack(data, origin, filters)

    monkeypatch.setattr(hdf_chunks, "unpacked_chunk", noted)
    return seen


def packed_scan(folder, deep, indices=None):
    with h5py.File(folder / "a.h5", "w") as file:
        data = file.create_dataset("data", data=COUNTS, chunks=(deep, 6, 8), compression="gzip")
        return hdf_frames(data, indices=indices)


def walk(reader, n, size, margin):
    """Go through blocks with a halo, as the first pass does; return what was read of each, and the hash."""
    found, digest = [], hashlib.sha256()
    for block in blocks(n, size):
        first, last = max(block.start - margin, 0), min(block.stop + margin, n)
        found.append((first, last, reader.read(first, last)))
        reader.add_to(digest, block.start, block.stop)
    return found, digest.hexdigest()


@pytest.mark.parametrize("deep", [1, 3, 16, 103])
@pytest.mark.parametrize("size", [8, 20, 64])
def test_every_chunk_is_unpacked_once(tmp_path, unpacked, deep, size):
    frames = packed_scan(tmp_path, deep)
    chosen = replace(select(frames.shape, Region()), packed=packed_frames(frames))
    found, digest = walk(FrameReader(frames, chosen, is_ahead=True), len(COUNTS), size, 1)
    for first, last, values in found:
        np.testing.assert_array_equal(values, COUNTS[first:last])
    assert digest == hashlib.sha256(COUNTS.tobytes()).hexdigest()
    assert len(unpacked) == len(set(unpacked)) == -(-len(COUNTS) // deep)


def test_binned_and_chosen_frames(tmp_path, unpacked):
    indices = np.array([i for i in range(103) if i not in (0, 1, 40)])  # flats among the projections
    frames = packed_scan(tmp_path, 16, indices)
    region = Region(rows=(1, 5), columns=(2, 8), bin=2, views=3)
    chosen = replace(select(frames.shape, region), packed=packed_frames(frames))
    found, _ = walk(FrameReader(frames, chosen, is_ahead=True), chosen.shape[0], 8, 1)
    cut = COUNTS[indices][::3, 1:5, 2:8].astype(np.float32)
    binned = cut.reshape(len(cut), 2, 2, 3, 2).mean(axis=(2, 4))
    for first, last, values in found:
        np.testing.assert_allclose(values, binned[first:last], rtol=1e-6)  # means of four in float32
    assert len(unpacked) == len(set(unpacked)) == 7


def test_without_room_nothing_is_kept_but_the_halo(tmp_path, unpacked):
    frames = packed_scan(tmp_path, 16)
    chosen = replace(select(frames.shape, Region()), packed=packed_frames(frames))
    found, _ = walk(FrameReader(frames, chosen, is_ahead=False), len(COUNTS), 20, 1)
    for first, last, values in found:
        np.testing.assert_array_equal(values, COUNTS[first:last])
    assert len(unpacked) > len(set(unpacked))


def test_a_range_elsewhere_is_read_afresh(tmp_path):
    reader = FrameReader(packed_scan(tmp_path, 4), select(COUNTS.shape, Region()), is_ahead=True)
    for first, last in ((50, 60), (10, 12), (80, 90), (88, 95)):
        np.testing.assert_array_equal(reader.read(first, last), COUNTS[first:last])


def test_a_lane_unpacks_each_chunk_once(tmp_path, unpacked):
    frames = packed_scan(tmp_path, 16)
    chosen = replace(select(frames.shape, Region()), packed=packed_frames(frames))

    class Reading:
        def in_order(self):
            reader = FrameReader(frames, chosen, is_ahead=True)

            def summed(block):
                views = reader.read(max(block.start - 1, 0), min(block.stop + 1, 103))
                return {"sum": int(views.sum(dtype=float))}

            return summed

    found = []
    run_in_lanes(Reading(), blocks(103, 10), lambda block, facts: found.append(facts["sum"]), at_once=1)
    assert found[0] == COUNTS[:11].sum() and found[-1] == COUNTS[99:].sum()
    assert len(unpacked) == len(set(unpacked)) == 7

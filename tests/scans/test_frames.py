"""Frames in memory and in plain files: what a slice reads, and what is refused."""

import io
import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from xelith.scans import ArrayFrames, ScanError
from xelith.scans.frames import (
    RawFrames,
    believable_shape,
    contiguous_frames,
    npy_frames,
    read_exactly,
    window,
)
from xelith.scans.joined_frames import JoinedFrames, joined_frames

COUNTS = np.random.default_rng(1).integers(0, 60_000, (5, 6, 7)).astype(np.uint16)
WINDOWS = [
    np.s_[:],
    np.s_[1:3],
    np.s_[-2:],
    np.s_[2:3, 4:],
    np.s_[:, 1:2, 3:5],
    np.s_[:, :, -1:],
    np.s_[3:3],
    np.s_[4:2, 1:],
    np.s_[0:99],
]


@pytest.mark.parametrize("key", WINDOWS)
def test_window_is_what_numpy_reads(key):
    np.testing.assert_array_equal(COUNTS[window(key, COUNTS.shape)], COUNTS[key])


@pytest.mark.parametrize("key", [3, (slice(None), 2), (slice(None),) * 4, np.array([1, 2])])
def test_only_slices_are_taken(key):
    with pytest.raises(TypeError, match="frames take up to three slices"):
        window(key, (5, 6, 7))


@pytest.mark.parametrize("key", [np.s_[::2], np.s_[:, ::-1]])
def test_steps_are_refused(key):
    with pytest.raises(ValueError, match="frames are read in steps of 1"):
        window(key, (5, 6, 7))


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((2**40, 2**40, 1), "u2", "at most 16777216 frames of 4 GiB"),
        ((1, 2**17, 2**17), "u2", "at most 16777216 frames of 4 GiB"),
        ((3, 4), "u2", "holds 3 x 4; a stack of frames has three axes"),
        ((), "u2", "holds nothing"),
        ((3, 0, 4), "u2", "so it is empty"),
        ((3, 4, 5), "c8", "holds complex64 values"),
        ((3, 4, 5), "O", "holds object values"),
    ],
)
def test_absurd_sizes_are_refused(shape, dtype, message):
    with pytest.raises(ScanError, match=message):
        believable_shape(shape, np.dtype(dtype), "a.h5")


def test_numpy_integers_do_not_overflow():
    with pytest.raises(ScanError, match="at most"):
        believable_shape(np.array([1, 2**32, 2**32]), np.dtype("u2"), "a.h5")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("key", WINDOWS)
def test_array_frames(key, order):
    frames = ArrayFrames(COUNTS.astype(order + "u2"))
    assert frames.shape == (5, 6, 7)
    assert frames.dtype == np.uint16
    assert frames[key].dtype.isnative
    np.testing.assert_array_equal(frames[key], COUNTS[key])


def test_array_frames_are_copied():
    frames = ArrayFrames(COUNTS.copy())
    frames[:][0] = 1
    np.testing.assert_array_equal(frames.array, COUNTS)


def raw_file(folder, dtype="<u2", *, start=0, gap=0):
    """COUNTS in a raw file with headers of 0xff."""
    path = folder / "a.raw"
    path.write_bytes(b"\xff" * start + b"".join(b"\xff" * gap + frame.astype(dtype).tobytes() for frame in COUNTS))
    return path


@pytest.mark.parametrize("key", WINDOWS)
@pytest.mark.parametrize(("dtype", "start", "gap"), [("<u2", 0, 0), (">u2", 10, 3), ("<f4", 0, 1)])
def test_raw_frames(tmp_path, key, dtype, start, gap):
    path = raw_file(tmp_path, dtype, start=start, gap=gap)
    frames = contiguous_frames(path, COUNTS.shape, np.dtype(dtype), start=start, gap=gap)
    assert frames.dtype.isnative
    np.testing.assert_array_equal(frames[key], COUNTS[key])


@pytest.mark.parametrize("key", WINDOWS)
def test_raw_frames_in_broken_runs(tmp_path, key):
    path = raw_file(tmp_path)
    size = 6 * 7 * 2
    cuts = [0, 30, 31, 77, size]  # frames may break inside a row, and inside a value
    runs = [[(i * size + a, b - a) for a, b in pairwise(cuts)] for i in range(5)]
    np.testing.assert_array_equal(RawFrames(path, runs, (6, 7), np.dtype("<u2"))[key], COUNTS[key])


@pytest.mark.parametrize("key", WINDOWS)
def test_raw_frames_upside_down(tmp_path, key):
    size = 6 * 7 * 2
    runs = [[(i * size, size)] for i in range(5)]
    frames = RawFrames(raw_file(tmp_path), runs, (6, 7), np.dtype("<u2"), flip_rows=True)
    np.testing.assert_array_equal(frames[key], COUNTS[:, ::-1][key])


def test_only_the_rows_asked_for_are_read(tmp_path, monkeypatch):
    frames = contiguous_frames(raw_file(tmp_path), COUNTS.shape, np.dtype("<u2"))
    sizes = []

    def counted(file, size, path):
        sizes.append(size)
        return read_exactly(file, size, path)

    monkeypatch.setattr("xelith.scans.frames.read_exactly", counted)
    frames[1:3, 2:4, 1:2]
    assert sizes == [2 * 7 * 2] * 2


def test_short_file_is_refused_when_opened(tmp_path):
    with pytest.raises(ScanError, match="420 bytes, and 6 x 6 x 7 values of uint16 need 504"):
        contiguous_frames(raw_file(tmp_path), (6, 6, 7), np.dtype("<u2"))


def test_runs_beyond_the_end_are_refused(tmp_path):
    with pytest.raises(ScanError, match="frame 1 needs 84 up to byte 484"):
        RawFrames(raw_file(tmp_path), [[(0, 84)], [(400, 84)]], (6, 7), np.dtype("<u2"))


def test_file_cut_after_opening_is_named(tmp_path):
    path = raw_file(tmp_path)
    frames = contiguous_frames(path, COUNTS.shape, np.dtype("<u2"))
    path.write_bytes(path.read_bytes()[:-1])
    np.testing.assert_array_equal(frames[:4], COUNTS[:4])
    with pytest.raises(ScanError, match=r"a.raw ends 1 bytes too early"):
        frames[4:]


def test_short_reads_are_continued():
    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 3))

    assert read_exactly(Slow(b"0123456789"), 10, "a") == b"0123456789"


@pytest.mark.parametrize("key", WINDOWS)
def test_joined_frames(key):
    frames = joined_frames([ArrayFrames(COUNTS[:2]), ArrayFrames(COUNTS[2:3]), ArrayFrames(COUNTS[3:])])
    assert frames.shape == COUNTS.shape
    np.testing.assert_array_equal(frames[key], COUNTS[key])


def test_one_part_is_itself():
    part = ArrayFrames(COUNTS)
    assert joined_frames([part]) is part


def test_parts_of_different_size_are_not_joined():
    with pytest.raises(ScanError, match="cannot be joined; all have one size and type"):
        JoinedFrames([ArrayFrames(COUNTS), ArrayFrames(COUNTS[:, :3])])
    with pytest.raises(ScanError, match="no size cannot be joined"):
        JoinedFrames([])


@pytest.mark.parametrize("key", WINDOWS)
def test_npy_frames(tmp_path, key):
    np.save(tmp_path / "a.npy", COUNTS)
    np.testing.assert_array_equal(npy_frames(tmp_path / "a.npy")[key], COUNTS[key])


def test_npy_of_one_frame(tmp_path):
    np.save(tmp_path / "a.npy", COUNTS[0])
    np.testing.assert_array_equal(npy_frames(tmp_path / "a.npy")[:], COUNTS[:1])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.asfortranarray(COUNTS), "Fortran order"),
        (COUNTS.astype(object), "holds object values"),
        (COUNTS[0, 0], "three axes"),
    ],
)
def test_npy_that_is_no_stack(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ScanError, match=message):
        npy_frames(tmp_path / "a.npy")


@pytest.mark.parametrize("cut", [3, 8, 60])
def test_damaged_npy_header(tmp_path, cut):
    np.save(tmp_path / "a.npy", COUNTS)
    (tmp_path / "b.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:cut])
    with pytest.raises(ScanError, match="damaged NumPy header"):
        npy_frames(tmp_path / "b.npy")


def test_frames_travel_to_processes_and_threads(tmp_path):
    raw = contiguous_frames(raw_file(tmp_path), COUNTS.shape, np.dtype("<u2"))
    for frames in (raw, ArrayFrames(COUNTS), joined_frames([raw, raw])):
        sent = pickle.loads(pickle.dumps(frames))
        with ThreadPoolExecutor(2) as pool:
            parts = list(pool.map(lambda i, sent=sent: sent[i : i + 1], range(5)))
        np.testing.assert_array_equal(np.concatenate(parts), COUNTS)

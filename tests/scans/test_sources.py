"""Frames that a hint names: files, folders, patterns, datasets and described raw files."""

import h5py
import numpy as np
import pytest
import tifffile

from xelith.scans import ScanError
from xelith.scans.sources import named_files, natural_key, open_frames, tiff_files, whole_number

COUNTS = np.random.default_rng(8).integers(0, 60_000, (4, 3, 5)).astype(np.uint16)


@pytest.fixture
def folder(tmp_path):
    """A folder with the same four frames in every form."""
    here = tmp_path / "scan [1]"  # brackets must not count as a pattern
    (here / "flats").mkdir(parents=True)
    for index, frame in enumerate(COUNTS):
        tifffile.imwrite(here / "flats" / f"f{index + 8}.tif", frame)
    tifffile.imwrite(here / "stack.tif", COUNTS, photometric="minisblack")
    np.save(here / "a.npy", COUNTS)
    np.save(here / "b1.npy", COUNTS[:1])
    np.save(here / "b2.npy", COUNTS[1:])
    COUNTS.astype(">u2").tofile(here / "a.raw")
    for index, frame in enumerate(COUNTS):
        frame.tofile(here / f"r{index}.bin")
    with h5py.File(here / "a.h5", "w") as file:
        file["group/data"] = COUNTS
    return here


@pytest.mark.parametrize(
    "source",
    [
        "flats",
        "flats/*.tif",
        "flats/f*.tif",
        ["flats/f8.tif", "flats/f9.tif", "flats/f1?.tif"],
        "stack.tif",
        "a.npy",
        "b?.npy",
        ["b1.npy", "b2.npy"],
        "a.h5:/group/data",
        {"path": "a.raw", "shape": [4, 3, 5], "dtype": "uint16", "byte_order": "big"},
        {"path": "r*.bin", "shape": [3, 5], "dtype": "uint16"},
        {"path": ["r0.bin", "r1.bin", "r2.bin", "r3.bin"], "shape": [1, 3, 5], "dtype": "u2"},
    ],
)
def test_forms_of_a_source(folder, source):
    frames = open_frames(source, folder)
    assert frames.shape == COUNTS.shape
    np.testing.assert_array_equal(frames[1:3, :2], COUNTS[1:3, :2])


def test_headers_of_raw_files(folder):
    data = b"head" + b"".join(b"\x01\x02" + frame.tobytes() for frame in COUNTS)
    (folder / "h.raw").write_bytes(data)
    source = {"path": "h.raw", "shape": COUNTS.shape, "dtype": "uint16", "header_bytes": 4, "frame_header_bytes": 2}
    np.testing.assert_array_equal(open_frames(source, folder)[:], COUNTS)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"path": "a.raw", "shape": [4, 3, 5]}, "flats lacks dtype; a raw file needs path, shape and dtype"),
        ({"path": "a.raw", "shape": [4, 3, 5], "dtyp": "u2"}, "flats has no 'dtyp'; did you mean 'dtype'"),
        ({"path": "a.raw", "shape": [4, 3, 5], "dtype": "counts"}, "flats has a wrong shape, dtype or header"),
        ({"path": "a.raw", "shape": [4, 3, 5.5], "dtype": "u2"}, "5.5 is no whole number"),
        ({"path": "a.raw", "shape": 4, "dtype": "u2"}, "wrong shape, dtype or header"),
        ({"path": "a.raw", "shape": [4, 3, 5], "dtype": "u2", "byte_order": "middle"}, "give little or big"),
        ({"path": "a.raw", "shape": [9, 3, 5], "dtype": "u2"}, "120 bytes, and 9 x 3 x 5 values of uint16 need 270"),
        ({"path": "a.raw", "shape": [2**40, 2**40, 5], "dtype": "u2"}, "at most 16777216 frames"),
        ({"path": "a.raw", "shape": [4, 3, 5], "dtype": "u2,u2"}, "frames are integers or floats"),
        ("a.raw", "flats: .*a.raw is neither TIFF nor NumPy; describe raw files by a mapping"),
        ("a.h5:/gone", "flats: .*a.h5 has no dataset /gone"),
        ("a.h5:/group", "has no dataset /group"),
    ],
)
def test_faults_are_named(folder, source, message):
    with pytest.raises(ScanError, match=message):
        open_frames(source, folder, name="flats")


@pytest.mark.parametrize("source", ["gone.tif", "gone*.tif", ["flats", "gone.tif"]])
def test_files_not_there(folder, source):
    with pytest.raises(FileNotFoundError, match=r"flats: .*gone.* matches no file"):
        open_frames(source, folder, name="flats")


@pytest.mark.parametrize("source", ["../b", "../b/*.npy", "../b/x.npy", "/*"])
def test_sources_outside_need_leave(folder, source):
    (folder.parent / "b").mkdir()
    np.save(folder.parent / "b/x.npy", COUNTS)
    with pytest.raises(ScanError, match="lies outside"):
        open_frames(source, folder)
    if source.endswith(".npy"):
        assert open_frames(source, folder, allow_outside=True).shape == COUNTS.shape


def test_pattern_through_a_symlink_needs_leave(folder):
    (folder / "linked.npy").symlink_to(folder.parent / "x.npy")
    np.save(folder.parent / "x.npy", COUNTS)
    with pytest.raises(ScanError, match="lies outside"):
        named_files("link*.npy", folder, allow_outside=False, name="flats")


def test_names_in_order(folder):
    assert [p.name for p in tiff_files(folder / "flats")] == ["f8.tif", "f9.tif", "f10.tif", "f11.tif"]
    assert sorted(["a10b2", "a2b10", "a2b9", "b"], key=natural_key) == ["a2b9", "a2b10", "a10b2", "b"]


@pytest.mark.parametrize("value", [-1, 1.5, True, "x", None])
def test_whole_numbers(value):
    assert whole_number(3.0) == 3
    with pytest.raises((ValueError, TypeError)):
        whole_number(value)

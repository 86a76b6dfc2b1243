"""Frames in TIFF files: layouts that cameras and ImageJ write, windows of rows, damaged directories."""

import pickle
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile

from xelith.scans import ScanError
from xelith.scans.frames import RawFrames
from xelith.scans.tiff_frames import TiffFrames, tiff_frames, tiff_pages

COUNTS = np.random.default_rng(3).integers(0, 60_000, (5, 20, 30)).astype(np.uint16)
WINDOWS = [np.s_[:], np.s_[1:3, 7:13], np.s_[4:, 19:, 29:], np.s_[2:2], np.s_[:, 3:4, 5:25]]


def write_files(folder, **options):
    """One file a frame."""
    paths = [folder / f"f{i}.tif" for i in range(len(COUNTS))]
    for path, frame in zip(paths, COUNTS, strict=True):
        tifffile.imwrite(path, frame, **options)
    return paths


@pytest.mark.parametrize("key", WINDOWS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rowsperstrip": 7},
        {"rowsperstrip": 1, "compression": "zlib"},
        {"rowsperstrip": 6, "compression": "lzw", "predictor": True},
        {"compression": "packbits", "rowsperstrip": 4},
        {"tile": (16, 16)},
        {"tile": (16, 16), "compression": "zlib"},
        {"byteorder": ">"},
        {"bigtiff": True, "rowsperstrip": 3},
        {"compression": "zstd"},
    ],
)
def test_layouts_of_pages(tmp_path, key, options):
    frames = tiff_frames(write_files(tmp_path, **options))
    assert frames.shape == COUNTS.shape
    assert frames.dtype == np.uint16
    assert frames.dtype.isnative
    np.testing.assert_array_equal(frames[key], COUNTS[key])


@pytest.mark.parametrize("key", WINDOWS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"photometric": "minisblack", "metadata": None},
        {"compression": "zlib", "rowsperstrip": 3},
        {"imagej": True},
        {"bigtiff": True, "byteorder": ">"},
        {"contiguous": False},
    ],
)
def test_layouts_of_stacks(tmp_path, key, options):
    tifffile.imwrite(tmp_path / "a.tif", COUNTS, **options)
    frames = tiff_frames([tmp_path / "a.tif"])
    assert frames.shape == COUNTS.shape
    np.testing.assert_array_equal(frames[key], COUNTS[key])


@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "f4", "f8"])
def test_types(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "a.tif", COUNTS.astype(dtype))
    frames = tiff_frames([tmp_path / "a.tif"])
    assert frames.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(frames[:], COUNTS.astype(dtype))


@pytest.mark.parametrize(
    ("array", "options"),
    [
        (np.zeros((20, 30, 3), np.uint8), {"photometric": "rgb"}),
        (np.zeros((20, 30), bool), {}),
        (np.zeros((20, 30), np.complex64), {}),
    ],
)
def test_pixels_that_are_no_counts(tmp_path, array, options):
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    with pytest.raises(ScanError, match=r"(bits|values a pixel).*frames are grey values of 8 to 64 bits"):
        tiff_frames([tmp_path / "a.tif"])


@pytest.mark.parametrize("odd", [np.zeros((20, 29), np.uint16), np.zeros((20, 30), np.uint8)])
def test_odd_file_is_named(tmp_path, odd):
    paths = write_files(tmp_path)
    tifffile.imwrite(paths[3], odd)
    with pytest.raises(
        ScanError, match=r"f3.tif holds 20 x (29|30) pixels of uint(8|16) and .*f0.tif 20 x 30 of uint16"
    ):
        tiff_frames(paths)


def test_odd_file_of_equal_length_is_named_when_read(tmp_path):
    paths = write_files(tmp_path)
    tifffile.imwrite(paths[3], COUNTS[3].reshape(30, 20))
    assert paths[3].stat().st_size == paths[0].stat().st_size
    frames = tiff_frames(paths)
    np.testing.assert_array_equal(frames[:3], COUNTS[:3])
    with pytest.raises(ScanError, match=r"f3.tif holds \(30, 20\) pixels .* all frames of a scan have one size"):
        frames[3:4]


def test_odd_page_is_named(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for index, frame in enumerate(COUNTS):
            writer.write(frame[: 19 if index == 2 else None], metadata=None)
    with pytest.raises(ScanError, match=r"page 2 of .*a.tif holds 19 x 30 pixels"):
        tiff_frames([tmp_path / "a.tif"])


def test_several_files_of_several_pages(tmp_path):
    for name, part in (("a.tif", COUNTS[:2]), ("b.tif", COUNTS[2:])):
        tifffile.imwrite(tmp_path / name, part, metadata=None, photometric="minisblack")
    frames = tiff_frames([tmp_path / "a.tif", tmp_path / "b.tif"])
    np.testing.assert_array_equal(frames[1:4, 2:5], COUNTS[1:4, 2:5])


def test_only_the_strips_asked_for_are_read(tmp_path, monkeypatch):
    frames = tiff_frames(write_files(tmp_path, rowsperstrip=5, compression="zlib"))
    decoded = []
    original = tifffile.TiffPage.decode.func if hasattr(tifffile.TiffPage.decode, "func") else None
    assert original is not None

    def decode(page):
        inner = original(page)
        return lambda data, index, **kwargs: (decoded.append(index), inner(data, index, **kwargs))[1]

    monkeypatch.setattr(tifffile.TiffPage, "decode", property(decode))
    np.testing.assert_array_equal(frames[1:2, 6:9], COUNTS[1:2, 6:9])
    assert decoded == [1]


def test_one_header_of_each_length_is_read(tmp_path, monkeypatch):
    paths = write_files(tmp_path)
    opened = []
    original = tiff_pages
    monkeypatch.setattr(
        "xelith.scans.tiff_frames.tiff_pages", lambda path, **k: (opened.append(path), original(path, **k))[1]
    )
    tiff_frames(paths)
    assert set(opened) == {paths[0]}


def test_claimed_pages_are_not_paged_through(tmp_path):
    description = "ImageJ=1.53\nimages=40000\nslices=40000\n"
    tifffile.imwrite(tmp_path / "a.tif", COUNTS[0], description=description, metadata=None)
    with pytest.raises(
        ScanError, match=r"bytes, and 40000 x 20 x 30 values of uint16 need 48000\d\d\d; the file is cut"
    ):
        tiff_frames([tmp_path / "a.tif"])


def test_large_imagej_stack_has_one_directory(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, COUNTS[0], description="ImageJ=1.53\nimages=5\n", metadata=None)
    with path.open("ab") as file:
        file.write(COUNTS[1:].tobytes())
    frames = tiff_frames([path])
    assert isinstance(frames, RawFrames)
    np.testing.assert_array_equal(frames[:], COUNTS)


@pytest.mark.parametrize("big", [False, True])
def test_directories_in_a_circle_end(tmp_path, big):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, COUNTS, metadata=None, bigtiff=big)
    pages = tiff_pages(path)
    data = bytearray(path.read_bytes())
    count = struct.unpack_from("<Q" if big else "<H", data, pages[1].offset)[0]
    place = pages[1].offset + (8 + 20 * count if big else 2 + 12 * count)
    struct.pack_into("<Q" if big else "<I", data, place, pages[0].offset)
    path.write_bytes(data)
    with pytest.raises(ScanError, match="directories that run in a circle"):
        tiff_frames([path])


def test_absurd_page_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, COUNTS[0], metadata=None)
    data = bytearray(path.read_bytes())
    offset = tiff_pages(path)[0].offset
    for entry in range(struct.unpack_from("<H", data, offset)[0]):
        place = offset + 2 + 12 * entry
        if struct.unpack_from("<H", data, place)[0] in (256, 257):
            struct.pack_into("<HII", data, place + 2, 4, 1, 2**31)
    path.write_bytes(data)
    with pytest.raises(ScanError, match="claims 1 x 2147483648 x 2147483648 values"):
        tiff_frames([path])


@pytest.mark.parametrize("cut", [4, 9, 40, 180])
def test_cut_directory(tmp_path, cut):
    tifffile.imwrite(tmp_path / "a.tif", COUNTS[0])
    (tmp_path / "b.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:cut])
    with pytest.raises(
        ScanError, match=r"b.tif (ends inside a TIFF directory|cannot be read as TIFF|is a TIFF file without)"
    ):
        tiff_frames([tmp_path / "b.tif"])


def test_cut_pixels_are_named_when_read(tmp_path):
    paths = write_files(tmp_path)
    paths[2].write_bytes(paths[2].read_bytes()[:-100])
    frames = tiff_frames(paths)
    with pytest.raises(ScanError, match=r"f2.tif is cut short"):
        frames[:]


def test_damaged_strip_is_named(tmp_path):
    paths = write_files(tmp_path, compression="zlib")
    data = bytearray(paths[2].read_bytes())
    data[-200:] = bytes(200)
    paths[2].write_bytes(data)
    frames = tiff_frames(paths)
    with pytest.raises(ScanError, match=r"f2.tif cannot be read as TIFF"):
        frames[:]


def test_empty_file_is_named(tmp_path):
    paths = write_files(tmp_path)
    paths[2].write_bytes(b"")
    with pytest.raises(ScanError, match="f2.tif is empty"):
        tiff_frames(paths)


def test_vanished_file_is_named(tmp_path):
    paths = write_files(tmp_path)
    frames = tiff_frames(paths)
    paths[2].unlink()
    with pytest.raises(ScanError, match="f2.tif"):
        frames[:]


def test_no_files_are_no_frames():
    with pytest.raises(ScanError, match="the TIFF stack is 0 x 2 x 2, so it is empty"):
        TiffFrames((), (2, 2), np.dtype("u2"))


def test_frames_travel_to_processes_and_threads(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", COUNTS, compression="zlib")
    sent = pickle.loads(pickle.dumps(tiff_frames([tmp_path / "a.tif"])))
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(lambda i: sent[i : i + 1], range(5)))
    np.testing.assert_array_equal(np.concatenate(parts), COUNTS)


@pytest.mark.data
def test_real_stacks(data_dir):
    frames = tiff_frames([data_dir / "volumes/cylindrical_cell/cell_vol_061-085.tif"])
    assert frames.shape == (25, 728, 728)
    reference = tifffile.imread(data_dir / "volumes/cylindrical_cell/cell_vol_061-085.tif")
    np.testing.assert_array_equal(frames[3:5, 100:200, 50:60], reference[3:5, 100:200, 50:60])
    with pytest.raises(ScanError, match="pixels of 1 bits"):
        tiff_frames([data_dir / "volumes/formats/SampleData_2Phase_stack_3d_1bit.tif"])

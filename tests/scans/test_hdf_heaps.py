"""Global heaps: walked to their end, refused where the library would stand still for ever."""

import struct

import h5py
import numpy as np
import pytest

from xelith.scans import ScanError, open_scan
from xelith.scans.hdf_heaps import MAGIC, check_heaps


@pytest.fixture
def path(tmp_path):
    """A scan with texts of many lengths, so that it has several heaps."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["exchange/data"] = np.ones((4, 2, 3), np.uint16)
        file["exchange/data"].attrs["units"] = "counts"
        for index in range(300):
            file.attrs[f"note {index}"] = "x" * index
    return tmp_path / "a.h5"


def heaps(data):
    """Where heaps begin."""
    found, place = [], data.find(MAGIC)
    while place >= 0:
        found.append(place)
        place = data.find(MAGIC, place + 1)
    return found


def change(path, place, form, value):
    """Overwrite a number in the file."""
    data = bytearray(path.read_bytes())
    struct.pack_into(form, data, place, value)
    path.write_bytes(data)


def test_whole_heaps_pass(path):
    assert len(heaps(path.read_bytes())) > 3
    check_heaps(path)
    assert open_scan(path).shape == (4, 2, 3)


@pytest.mark.data
def test_real_files_pass(data_dir):
    for file in (data_dir / "projections").rglob("*"):
        if file.suffix in (".h5", ".nxs"):
            check_heaps(file)


@pytest.mark.parametrize(
    ("place", "form", "value"),
    [
        (16, "<HxxxxxxQ", None),  # the first object becomes a free one of size zero: the library would never end
        (24, "<Q", 2**64 - 16),  # its size wraps round
        (24, "<Q", 2**40),  # it ends beyond the heap
        (8, "<Q", 8),  # the heap is smaller than its head
        (8, "<Q", 2**40),  # the heap ends beyond the file
        (8, "<Q", 2**23),
    ],
)
def test_damage_is_refused(path, place, form, value):
    heap = heaps(path.read_bytes())[1]
    data = bytearray(path.read_bytes())
    struct.pack_into(form, data, heap + place, *((0, 0) if value is None else (value,)))
    path.write_bytes(data)
    with pytest.raises(ScanError, match=f"has a damaged heap of texts at byte {heap}; copy the file again"):
        open_scan(path)


def test_cut_heap_is_refused(path):
    heap = heaps(path.read_bytes())[-1]
    path.write_bytes(path.read_bytes()[: heap + 12])
    with pytest.raises(ScanError, match="damaged heap"):
        check_heaps(path)


def test_large_files_are_searched_at_their_ends(path, monkeypatch):
    found = heaps(path.read_bytes())
    change(path, found[1] + 24, "<Q", 2**40)
    monkeypatch.setattr("xelith.scans.hdf_heaps.WHOLE_BYTES", 2**13)
    monkeypatch.setattr("xelith.scans.hdf_heaps.END_BYTES", found[0] + 100)
    check_heaps(path)  # the second heap lies in neither end
    monkeypatch.setattr("xelith.scans.hdf_heaps.END_BYTES", found[1] + 100)
    with pytest.raises(ScanError, match="damaged heap"):
        check_heaps(path)

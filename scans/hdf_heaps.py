"""Global heaps of HDF5 files, walked before the library does: on a damaged one it never comes back.

A heap is a row of objects, each with its size in front. The library (2.0 and before) steps from one to the next
and stands still for ever on a free object of size zero, holding Python's lock, so that no time limit helps.
Layout: HDF5 File Format Specification, section III.E.
"""

import struct
from pathlib import Path
from typing import BinaryIO

from .errors import ScanError

MAGIC = b"GCOL\x01\x00\x00\x00"
HEADER_BYTES = 16
WHOLE_BYTES = 2**24
END_BYTES = 2**18
"""Files up to 16 MiB are searched whole, larger ones in their first and last 256 KiB, where metadata lie."""


def check_heaps(path: Path) -> None:
    """Pass a file whose global heaps can be walked.

    Parameters
    ----------
    path : Path
        An HDF5 file.

    Raises
    ------
    ScanError
        If a heap has an object that ends before it begins or beyond the heap.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        spans = [(0, size)] if size <= WHOLE_BYTES else [(0, END_BYTES), (size - END_BYTES, END_BYTES)]
        for start, length in spans:
            file.seek(start)
            data = file.read(length)
            place = data.find(MAGIC)
            while place >= 0:
                if not is_walkable(file, start + place):
                    raise ScanError(f"{path} has a damaged heap of texts at byte {start + place}; copy the file again")
                place = data.find(MAGIC, place + 1)


def is_walkable(file: BinaryIO, offset: int) -> bool:
    """Tell whether the objects of a heap lead from its beginning to its end.

    Parameters
    ----------
    file : binary file
        Open for reading.
    offset : int
        Where the heap begins, in bytes.

    Returns
    -------
    bool
        False if an object ends before it begins or beyond the heap, or the heap beyond the file.
    """
    file.seek(offset + len(MAGIC))
    head = file.read(8)
    if len(head) < 8:
        return False
    size = struct.unpack("<Q", head)[0]
    if not HEADER_BYTES <= size <= WHOLE_BYTES:
        return False
    file.seek(offset)
    heap = file.read(size)
    place = HEADER_BYTES
    while size - place >= HEADER_BYTES:
        if len(heap) < place + HEADER_BYTES:
            return False
        index, length = struct.unpack_from("<HxxxxxxQ", heap, place)
        step = HEADER_BYTES + (length + 7) // 8 * 8 if index else length  # a free object counts its header
        if not HEADER_BYTES <= step <= size - place:
            return False
        place += step
    return True

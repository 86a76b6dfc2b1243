"""Chunks of HDF5 datasets that gzip has packed, unpacked here instead of in HDF5.

HDF5 unpacks under one lock for the whole process and lets a chunk grow to whatever it unpacks to. Here threads
unpack side by side, and no chunk takes more memory than the dataset says.
"""

from itertools import product
from math import prod

import h5py
import imagecodecs
import numpy as np
from numpy.typing import NDArray

from .errors import ScanError
from .frames import Window

DEFLATE, SHUFFLE = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE
PIPELINES = ((DEFLATE,), (SHUFFLE, DEFLATE))


def filters_of(data: h5py.Dataset) -> tuple[int, ...]:
    """List the filters of a dataset in the order they were applied.

    Parameters
    ----------
    data : h5py.Dataset
        An open dataset.

    Returns
    -------
    tuple of int
        Codes of HDF5; empty if it is not packed.
    """
    properties = data.id.get_create_plist()
    return tuple(properties.get_filter(i)[0] for i in range(properties.get_nfilters()))


def is_deflated(data: h5py.Dataset) -> bool:
    """Tell whether `read_deflated` can read a dataset.

    Parameters
    ----------
    data : h5py.Dataset
        An open dataset.

    Returns
    -------
    bool
        True if gzip, with or without byte shuffling, is all that its chunks went through.
    """
    return data.chunks is not None and filters_of(data) in PIPELINES


def read_deflated(data: h5py.Dataset, where: Window, target: NDArray[np.generic]) -> None:
    """Read a window of a dataset that gzip has packed.

    Parameters
    ----------
    data : h5py.Dataset
        An open dataset of three axes for which `is_deflated` holds.
    where : tuple of 3 slice
        Start and stop in the dataset.
    target : array
        Filled with the values; of the shape of the window.

    Raises
    ------
    ScanError
        If a chunk unpacks to another size than the dataset says.
    """
    filters = filters_of(data)
    starts = (range(s.start // c * c, s.stop, c) for s, c in zip(where, data.chunks, strict=True))
    for origin in product(*starts):
        block = unpacked_chunk(data, origin, filters)
        inside, place = [], []
        for s, o, c in zip(where, origin, data.chunks, strict=True):
            first, last = max(s.start, o), min(s.stop, o + c)
            inside.append(slice(first - o, last - o))
            place.append(slice(first - s.start, last - s.start))
        target[tuple(place)] = block[tuple(inside)]


def unpacked_chunk(data: h5py.Dataset, origin: tuple[int, ...], filters: tuple[int, ...]) -> NDArray[np.generic]:
    """Read and unpack one chunk.

    Parameters
    ----------
    data : h5py.Dataset
        The dataset.
    origin : tuple of 3 int
        Index of the chunk's first value.
    filters : tuple of int
        What the chunk went through, as `filters_of` lists it.

    Returns
    -------
    array of the shape of a chunk
        Its values; the fill value if it was never written.

    Raises
    ------
    ScanError
        If it unpacks to another size than the dataset says.
    """
    size = prod(data.chunks) * data.dtype.itemsize
    source = f"{data.file.filename}:{data.name}, chunk {origin},"
    info = data.id.get_chunk_info_by_coord(origin)
    if info.byte_offset is None or not info.size:
        return np.full(data.chunks, data.fillvalue, data.dtype)
    if info.size > 2 * size + 1024:
        raise ScanError(f"{source} takes {info.size} bytes in the file for {size} of values; copy the file again")
    values: bytes = data.id.read_direct_chunk(origin)[1]
    for index, code in reversed(list(enumerate(filters))):
        if info.filter_mask >> index & 1:
            continue
        if code == DEFLATE:
            values = inflated(values, size, source)
        elif len(values) == size:
            values = unshuffled(values, data.dtype.itemsize)
    if len(values) != size:
        raise ScanError(f"{source} has {len(values)} bytes instead of {size}; copy the file again")
    return np.frombuffer(values, data.dtype).reshape(data.chunks)


def unshuffled(values: bytes, width: int) -> bytes:
    """Bring the bytes of each value together again.

    Parameters
    ----------
    values : bytes
        First bytes of all values, then their second bytes, and so on.
    width : int
        Bytes of one value; divides the length.

    Returns
    -------
    bytes
        The values one after another.
    """
    planes = np.frombuffer(values, np.uint8).reshape(width, -1)
    together = np.empty((planes.shape[1], width), np.uint8)
    for index, plane in enumerate(planes):  # eight times as fast as a transposed copy
        together[:, index] = plane
    return together.tobytes()


def inflated(packed: bytes, size: int, source: str) -> bytes:
    """Undo gzip into at most a given number of bytes.

    Parameters
    ----------
    packed : bytes
        A zlib stream.
    size : int
        Bytes that it must unpack to.
    source : str
        Where it came from, for the message.

    Returns
    -------
    bytes
        The unpacked bytes.

    Raises
    ------
    ScanError
        If it is damaged, or unpacks to more.
    """
    try:
        return bytes(imagecodecs.deflate_decode(packed, out=size))
    except RuntimeError as error:
        raise ScanError(f"{source} does not unpack to {size} bytes ({error}); copy the file again") from error

"""What kind of file a path is, from its first bytes and not from its ending."""

from pathlib import Path
from typing import Literal

from .remote import remote_url

Kind = Literal["folder", "hdf5", "tiff", "ole", "numpy", "matlab", "text", "empty", "unknown"]

HDF5 = b"\x89HDF\r\n\x1a\n"
MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (HDF5, "hdf5"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"\x93NUMPY", "numpy"),
    (b"MATLAB 5.0", "matlab"),
)
HEAD_BYTES = 4096


def content_kind(path: Path) -> Kind:
    """Tell the kind of a file by its content.

    Parameters
    ----------
    path : Path
        A file or a folder.

    Returns
    -------
    str
        "folder", "hdf5", "tiff", "ole", "numpy", "matlab", "text", "empty" or "unknown".

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    """
    if remote_url(path) is not None:
        return "folder"
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; check the name and that the disk is mounted")
    if path.is_dir():
        return "folder"
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if not head:
            return "empty"
        for magic, kind in MAGIC:
            if head.startswith(magic) or (4 <= len(head) < len(magic) and magic.startswith(head)):
                return kind
        offset = 512  # HDF5 allows a user block before its signature, of 512 bytes times a power of two
        while offset < 2**20:
            file.seek(offset)
            if file.read(len(HDF5)) == HDF5:
                return "hdf5"
            offset *= 2
    return "text" if is_text(head) else "unknown"


def is_text(head: bytes) -> bool:
    """Tell whether the beginning of a file is text.

    Parameters
    ----------
    head : bytes
        The first bytes of the file.

    Returns
    -------
    bool
        True if it is UTF-8 or Latin-1 text without control characters.
    """
    return bool(head) and not any(byte < 9 or 13 < byte < 32 for byte in head)

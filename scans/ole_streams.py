"""OLE containers: small streams as numbers and texts, large ones as places in the file."""

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ScanError

MAX_META_BYTES = 2**26


class OleStreams:
    """An open OLE file, its small streams as numbers and its large ones as places in the file.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    ScanError
        If it is cut short or damaged.
    """

    def __init__(self, path: Path) -> None:
        import olefile

        self.path = path
        try:
            self._ole = olefile.OleFileIO(path)
            self._size = path.stat().st_size
            self._fat = np.asarray(self._ole.fat, dtype=np.int64)
        except Exception as error:  # the parser raises what its unchecked reads raise
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ScanError(f"{path} cannot be read as OLE ({reason}); it is damaged: copy it again") from error

    def __enter__(self) -> "OleStreams":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ole.close()

    def has(self, name: str) -> bool:
        """Tell whether there is a stream of a name.

        Parameters
        ----------
        name : str
            Name of the stream.

        Returns
        -------
        bool
            True if it is there.
        """
        return bool(self._ole.exists(name))

    def numbers(self, name: str, dtype: str = "<f4") -> NDArray[Any]:
        """Return a small stream as a list of numbers.

        Parameters
        ----------
        name : str
            Name of the stream.
        dtype : str
            Type of the numbers.

        Returns
        -------
        (n,) array
            The numbers; empty if the stream is not there.

        Raises
        ------
        ScanError
            If the stream is damaged.
        """
        if not self.has(name) or self._ole.get_size(name) > MAX_META_BYTES:
            return np.empty(0, dtype)
        try:
            data = self._ole.openstream(name).read()
        except Exception as error:  # as above
            raise ScanError(f"{self.path}: stream {name} cannot be read ({error}); copy the file again") from error
        width = np.dtype(dtype).itemsize
        return np.frombuffer(data[: len(data) // width * width], dtype)

    def number(self, name: str, dtype: str = "<i4") -> float | None:
        """Return the first number of a stream.

        Parameters
        ----------
        name : str
            Name of the stream.
        dtype : str
            Type of the number.

        Returns
        -------
        float or None
            None if there is none or it is not finite.
        """
        values = self.numbers(name, dtype)
        return float(values[0]) if values.size and np.isfinite(values[0]) else None

    def text(self, name: str) -> str | None:
        """Return a stream as text up to its first zero byte.

        Parameters
        ----------
        name : str
            Name of the stream.

        Returns
        -------
        str or None
            None if it is empty.
        """
        data = self.numbers(name, "u1").tobytes().split(b"\x00")[0]
        return data.decode("latin-1").strip() or None

    def runs(self, name: str) -> list[tuple[int, int]]:
        """Return where in the file a large stream lies, as (offset, length) in bytes.

        Parameters
        ----------
        name : str
            Name of the stream.

        Returns
        -------
        list of (int, int)
            Runs of sectors that follow one another.

        Raises
        ------
        ScanError
            If the chain of its sectors is broken.
        """
        if not self.has(name):
            raise ScanError(f"{self.path} has no stream {name}; the scan was stopped, or the file is cut short")
        entry = self._ole.direntries[self._ole._find(name)]
        width, size = self._ole.sectorsize, int(entry.size)
        count, sector = -(-size // width), int(entry.isectStart)
        if size < self._ole.minisectorcutoff:
            raise ScanError(f"{self.path}: stream {name} has {size} bytes, too few for a frame; copy the file again")
        runs: list[tuple[int, int]] = []
        while count > 0:
            if not 0 <= sector < len(self._fat):
                raise ScanError(f"{self.path}: the sectors of {name} are broken; copy the file again")
            ahead = self._fat[sector : sector + count]
            broken = np.flatnonzero(ahead != sector + 1 + np.arange(len(ahead)))
            length = min(int(broken[0]) + 1 if broken.size else len(ahead), count)
            runs.append(((sector + 1) * width, min(length * width, size)))
            size -= length * width
            count -= length
            sector = int(self._fat[sector + length - 1])
        return runs

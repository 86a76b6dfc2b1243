"""Stacks of frames in several files, read as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ScanError
from .frames import Key, window, window_shape
from .packing import packed_frames, packed_until


@dataclass(frozen=True, eq=False)
class JoinedFrames:
    """Stacks one after another, as if they were one.

    Parameters
    ----------
    parts : sequence of Frames
        At least one stack, all of one frame size and type.
    """

    parts: Sequence[Any]

    def __post_init__(self) -> None:
        kinds = {(part.shape[1:], part.dtype) for part in self.parts}
        if len(kinds) != 1:
            found = " and ".join(f"{shape[0]} x {shape[1]} of {dtype}" for shape, dtype in sorted(kinds, key=str))
            raise ScanError(f"frames of {found or 'no size'} cannot be joined; all have one size and type")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, n_rows, n_cols)."""
        return sum(part.shape[0] for part in self.parts), *self.parts[0].shape[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, in native byte order."""
        return self.parts[0].dtype

    @property
    def packed(self) -> int:
        """Frames that the files pack together at most."""
        return max(packed_frames(part) for part in self.parts)

    def packed_until(self, stop: int) -> int:
        """Return where the chunk of the frame before `stop` ends."""  # numpydoc ignore=PR01,RT01
        place = 0
        for part in self.parts:
            if stop <= place + part.shape[0]:
                return place + packed_until(part, stop - place)
            place += part.shape[0]
        return stop

    def __getitem__(self, key: Key) -> NDArray[Any]:
        """Read a part of the stack from the parts it touches."""
        where = window(key, self.shape)
        pieces, place = [np.empty((0, *window_shape(where)[1:]), self.dtype)], 0
        for part in self.parts:
            n = part.shape[0]
            a, b = max(where[0].start - place, 0), min(where[0].stop - place, n)
            if a < b:
                pieces.append(part[a:b, where[1], where[2]])
            place += n
        return np.concatenate(pieces)


def joined_frames(parts: Sequence[Any]) -> Any:
    """Join stacks of frames.

    Parameters
    ----------
    parts : sequence of Frames
        At least one stack, all of one frame size and type.

    Returns
    -------
    Frames
        The only part, or all as one.
    """
    return parts[0] if len(parts) == 1 else JoinedFrames(tuple(parts))

"""Files that pack several frames into one chunk: which frames come out of it together."""

from typing import Any


def packed_frames(frames: Any) -> int:
    """Return how many frames a file packs together at most.

    Parameters
    ----------
    frames : Frames
        A stack of frames.

    Returns
    -------
    int
        1 where each can be read by itself.
    """
    return int(getattr(frames, "packed", 1))


def packed_until(frames: Any, stop: int) -> int:
    """Return where a range of frames may end so that none is unpacked twice.

    Parameters
    ----------
    frames : Frames
        A stack of frames.
    stop : int
        One past the last frame that is wanted, at least 1.

    Returns
    -------
    int
        One past the last frame that the file packs together with the one before `stop`.
    """
    return int(frames.packed_until(stop)) if packed_frames(frames) > 1 else stop

"""Frames in files without a description of their own, which a sidecar or the caller describes."""

from pathlib import Path

from .contents import content_kind
from .errors import ScanError
from .frames import npy_frames
from .hints import Hints
from .notes import with_notes
from .scan import Scan
from .sources import open_frames

FORMAT = "described frames"
NUMPY = "NumPy stack"


def recognises(path: Path, hints: Hints) -> bool:
    """Tell whether someone says where the projections lie.

    Parameters
    ----------
    path : Path
        Any file or folder.
    hints : Hints
        Of the caller and the sidecar.

    Returns
    -------
    bool
        True if there is a hint `projections`.
    """
    return hints.projections is not None


def read(path: Path, hints: Hints) -> Scan:
    """Open the frames that the hints name; the rest is left to the hints too.

    Parameters
    ----------
    path : Path
        The sidecar, folder or file that stands for the scan.
    hints : Hints
        With `projections`.

    Returns
    -------
    Scan
        The projections.

    Raises
    ------
    FileNotFoundError
        If a file is not there.
    ScanError
        If the files hold no frames.
    """
    if hints.projections is None:
        raise ScanError(f"{path} does not say where its projections lie; give projections")
    outside = hints.allow_outside or "projections" in hints.trusted
    folder = path if path.is_dir() else path.parent
    frames = open_frames(hints.projections, folder, allow_outside=outside, name="projections")
    return Scan(projections=frames, path=path, format=FORMAT, provenance=with_notes({}, []))


def is_numpy(path: Path, hints: Hints) -> bool:
    """Tell whether a path is a NumPy file of frames.

    Parameters
    ----------
    path : Path
        Any file.
    hints : Hints
        Not looked at.

    Returns
    -------
    bool
        True if it is.
    """
    return content_kind(path) == "numpy"


def read_numpy(path: Path, hints: Hints) -> Scan:
    """Open a NumPy file of frames.

    Parameters
    ----------
    path : Path
        A `.npy` file of three axes: angle, row, column.
    hints : Hints
        Not looked at here.

    Returns
    -------
    Scan
        The projections; whether they are line integrals is for the hints to say.

    Raises
    ------
    ScanError
        If the file is damaged or holds no frames.
    """
    return Scan(projections=npy_frames(path), path=path, format=NUMPY, provenance=with_notes({}, []))

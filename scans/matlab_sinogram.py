"""Sinograms in MATLAB files (version 5): one array of attenuation, and one of angles.

Tomography groups hand sinograms on this way. The largest array of numbers with an axis as long as the array of angles
is taken; angles are in radians where their name says so or all lie within two turns, else in degrees, and are counted
from within one turn. Values are taken as line integrals; a scale that the file does not tell stays as it is.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ScanError
from .frames import ArrayFrames
from .geometry import ParallelBeam
from .hints import Hints
from .notes import Notes, note, with_notes
from .scan import Scan

FORMAT = "MATLAB sinogram"
ANGLE_WORDS = ("angle", "theta")
MOST_BYTES = 4 * 2**30


def recognises(path: Path, hints: Hints) -> bool:
    """Tell whether a MATLAB file holds a sinogram.

    Parameters
    ----------
    path : Path
        A MATLAB file of version 5.
    hints : Hints
        Not looked at.

    Returns
    -------
    bool
        True if it has an array named for angles.
    """
    return angles_name(_listed(path)) is not None


def angles_name(listed: dict[str, tuple[int, ...]]) -> str | None:
    """Return the name of the array that holds the angles.

    Parameters
    ----------
    listed : dict
        Shape of each array, by name.

    Returns
    -------
    str or None
        None if no vector is named for angles.
    """
    vectors = [name for name, shape in listed.items() if max(shape, default=0) > 1 and shape.count(1) == len(shape) - 1]
    return next((name for name in vectors if any(word in name.lower() for word in ANGLE_WORDS)), None)


def read(path: Path, hints: Hints) -> Scan:
    """Read a sinogram, or a stack of them.

    Parameters
    ----------
    path : Path
        A MATLAB file of version 5.
    hints : Hints
        Not looked at; `pixel_um` is laid over what is read.

    Returns
    -------
    Scan
        Line integrals of one or more rows.

    Raises
    ------
    ScanError
        If no array fits the angles, or the file is damaged.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    listed = _listed(path)
    angles = angles_name(listed)
    n_theta = max(listed[angles]) if angles is not None else 0
    fitting = [n for n, shape in listed.items() if n != angles and n_theta in shape and 2 <= len(shape) <= 3]
    if angles is None or not fitting:
        raise ScanError(f"{path} has no array with an axis of {n_theta} angles; give the sinogram as NumPy or TIFF")
    name = max(fitting, key=lambda n: int(np.prod(listed[n])))
    if 8 * int(np.prod(listed[name])) > MOST_BYTES:
        raise ScanError(f"{path}: {name} is {listed[name]}, too large to be read at once; write it as HDF5")
    try:
        content: dict[str, Any] = loadmat(path, variable_names=[name, angles])
        values, theta = np.asarray(content[name]), np.asarray(content[angles], np.float64).ravel()
    except (MatReadError, ValueError, KeyError, TypeError, OSError) as error:
        raise ScanError(f"{path} is damaged: {error}; copy it again") from error
    if values.dtype.kind not in "uif":
        raise ScanError(f"{path}: {name} holds {values.dtype} values; a sinogram holds numbers")
    notes: Notes = []
    note(notes, f"{name} of {path.name} is taken as line integrals, its scale as it is")
    frames = _views_first(values, n_theta)
    return Scan(
        ArrayFrames(frames),
        theta=_in_radians(theta, angles),
        geometry=ParallelBeam(),
        is_line_integral=True,
        path=path,
        format=FORMAT,
        provenance=with_notes({"array": name, "angles": angles}, notes),
    )


def _listed(path: Path) -> dict[str, tuple[int, ...]]:
    """Shape of each array in the file; nothing is loaded."""
    from scipy.io import whosmat
    from scipy.io.matlab import MatReadError

    try:
        return {name: tuple(int(n) for n in shape) for name, shape, _ in whosmat(path)}
    except (MatReadError, ValueError, TypeError, OSError, NotImplementedError) as error:
        raise ScanError(f"{path} is damaged or no MATLAB file of version 5: {error}; copy it again") from error


def _views_first(values: NDArray[Any], n_theta: int) -> NDArray[np.float32]:
    """(n_theta, n_rows, n_cols) frames; of the other axes the longer one runs across the detector."""
    axis = list(values.shape).index(n_theta)
    views = np.moveaxis(values, axis, 0).astype(np.float32)
    if views.ndim == 2:
        return views[:, None]
    return views if views.shape[2] >= views.shape[1] else np.swapaxes(views, 1, 2)


def _in_radians(theta: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    is_radian = "rad" in name.lower() or (np.ptp(theta) <= 4 * np.pi and "deg" not in name.lower())
    radians = theta if is_radian else np.deg2rad(theta)
    return radians - 2 * np.pi * np.floor(radians[0] / (2 * np.pi))

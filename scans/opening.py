"""Open a scan of any known layout: the reader is chosen by what the file holds."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from . import als832, ctsimu, data_exchange, described, matlab_sinogram, nxtomo, tiff_stack, txrm, xtekct, zarr_frames
from .contents import Kind, content_kind
from .errors import ScanError
from .geometry import Geometry
from .hints import Hints, geometry_from, hints_from, merged, theta_from
from .notes import Notes, note, with_notes
from .scan import Scan
from .sidecar import find_sidecar, held_path, is_sidecar, load_mapping, read_angles, sidecar_hints
from .sources import open_frames


@dataclass(frozen=True)
class Reader:
    """A layout of files that can be read.

    Parameters
    ----------
    name : str
        Name of the layout, as in `Scan.format`.
    kinds : tuple of str
        Kinds of content (see `contents.content_kind`) that it can be.
    recognises : callable
        Takes a path of one of the kinds and the hints, tells whether it is this layout.
    read : callable
        Takes the path and the hints, returns the scan.
    """

    name: str
    kinds: tuple[Kind, ...]
    recognises: Callable[[Path, Hints], bool]
    read: Callable[[Path, Hints], Scan]


READERS: tuple[Reader, ...] = (
    Reader(xtekct.FORMAT, ("text",), xtekct.recognises, xtekct.read),
    Reader(ctsimu.FORMAT, ("text",), ctsimu.recognises, ctsimu.read),
    Reader(zarr_frames.FORMAT, ("folder",), zarr_frames.recognises, zarr_frames.read),
    Reader(tiff_stack.FORMAT, ("folder",), tiff_stack.recognises, tiff_stack.read),
    Reader(described.FORMAT, get_args(Kind), described.recognises, described.read),
    Reader(nxtomo.FORMAT, ("hdf5",), nxtomo.recognises, nxtomo.read),
    Reader(data_exchange.FORMAT, ("hdf5",), data_exchange.recognises, data_exchange.read),
    Reader(als832.FORMAT, ("hdf5",), als832.recognises, als832.read),
    Reader(tiff_stack.FORMAT, ("tiff",), tiff_stack.recognises, tiff_stack.read),
    Reader(txrm.FORMAT, ("ole",), txrm.recognises, txrm.read),
    Reader(matlab_sinogram.FORMAT, ("matlab",), matlab_sinogram.recognises, matlab_sinogram.read),
    Reader(described.NUMPY, ("numpy",), described.is_numpy, described.read_numpy),
)
"""All readers, asked in this order."""


def open_scan(path: str | Path, **hints: Any) -> Scan:
    """Open a scan: its description is read, its frames are read when they are sliced.

    Parameters
    ----------
    path : str or Path
        A file (DataExchange, NXtomo or ALS HDF5, TIFF, Zeiss txrm, Nikon xtekct, CTSimU, MATLAB or sidecar) or a
        folder of TIFF files or zarr. The ending plays no part.
    **hints : object
        What the file lacks or says wrongly; the fields of `Hints`, for instance `pixel_um=0.54` or
        `theta_range_deg=(0, 180)`. A hint overrides a sidecar, and that the file; where they differ, the
        log says so.

    Returns
    -------
    Scan
        What is known of the scan; `Scan.missing` names what is not.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`, or a file that a hint names is not there.
    TypeError
        If a hint is not known.
    ScanError
        If the file is damaged, of no known layout, or a hint does not fit it.
    """
    path, user = Path(path), hints_from(hints)
    kind = content_kind(path)
    sidecar = path if kind == "text" and is_sidecar(path) else find_sidecar(path)
    known = user if sidecar is None else merged(user, sidecar_hints(sidecar))
    for reader in READERS:
        if kind in reader.kinds and reader.recognises(path, known):
            return with_hints(reader.read(path, known), known)
    raise ScanError(unknown_layout(path, kind))


def unknown_layout(path: Path, kind: Kind) -> str:
    """Say why no reader takes a file.

    Parameters
    ----------
    path : Path
        The file or folder.
    kind : str
        Kind of its content.

    Returns
    -------
    str
        One line.

    Raises
    ------
    ScanError
        If it is a sidecar with a mistake in it.
    """
    reasons = {
        "empty": "is empty; it was not written: copy it again",
        "folder": "holds no TIFF files and no zarr, nor do its folders; give the folder of frames, or the scan's file",
        "hdf5": "is HDF5 without exchange/data or an NXtomo image_key; name its frames in a sidecar as file.h5:/path",
        "matlab": "is a MATLAB file without a vector of angles (angles, theta); give the sinogram as NumPy or TIFF",
        "text": "is text and describes no scan; give a sidecar with projections, or a file of frames",
    }
    if kind == "text":
        load_mapping(path)  # says what is wrong with a sidecar that cannot be parsed
    names = ", ".join(reader.name for reader in READERS)
    return f"{path} {reasons.get(kind, f'is of no known layout; known are {names}')}"


def with_hints(scan: Scan, hints: Hints) -> Scan:
    """Lay hints over what a reader found.

    Parameters
    ----------
    scan : Scan
        What the file holds.
    hints : Hints
        What the user and the sidecar say.

    Returns
    -------
    Scan
        The scan with the hints in it; its provenance notes where they differ from the file.

    Raises
    ------
    FileNotFoundError
        If a file that a hint names is not there.
    ScanError
        If a hint is wrong.
    """
    notes: Notes = []
    change: dict[str, Any] = {"geometry": hinted_geometry(scan.geometry, hints, notes)}
    for name in ("energy_kev", "exposure_s", "is_line_integral"):
        if (value := getattr(hints, name)) is not None:
            tell_difference(name, getattr(scan, name) or None, value, notes)
            change[name] = value
    folder = Path() if scan.path is None else scan.path if scan.path.is_dir() else scan.path.parent
    for name in ("flats", "darks"):
        if (source := getattr(hints, name)) is not None:
            outside = hints.allow_outside or name in hints.trusted
            change[name] = open_frames(source, folder, allow_outside=outside, name=name)
            if name == "flats" and change[name].shape[0] != (0 if scan.flats is None else scan.flats.shape[0]):
                change["flat_positions"] = None
    if hints.flat_positions is not None:
        change["flat_positions"] = np.asarray(hints.flat_positions, dtype=np.int64).ravel()
    theta = theta_from(hints, scan.shape[0])
    if hints.angles is not None:
        outside = hints.allow_outside or "angles" in hints.trusted
        theta = read_angles(held_path(hints.angles, folder, allow_outside=outside, source="angles"))
    if theta is not None:
        if scan.theta is not None and (theta.shape != scan.theta.shape or not np.allclose(theta, scan.theta)):
            note(notes, "angles of the hint differ from those of the file and replace them")
        change["theta"] = theta
    return replace(scan, **change, provenance=with_notes(scan.provenance, notes))


def hinted_geometry(geometry: Geometry, hints: Hints, notes: Notes) -> Geometry:
    """Lay the hints on beam, pixel and centre over a geometry.

    Parameters
    ----------
    geometry : ParallelBeam or ConeBeam
        What the file says.
    hints : Hints
        What the user says.
    notes : list of str
        Grows where they differ.

    Returns
    -------
    ParallelBeam or ConeBeam
        The geometry.
    """
    if hints.geometry is not None:
        given = geometry_from(hints.geometry, pixel_um=hints.pixel_um or geometry.pixel_um)
        if given.centre_px is None:
            given = replace(given, centre_px=geometry.centre_px)
        geometry = given
    for name in ("pixel_um", "centre_px"):
        if (value := getattr(hints, name)) is not None:
            tell_difference(name, getattr(geometry, name), value, notes)
            geometry = replace(geometry, **{name: value})
    return geometry


def tell_difference(name: str, found: Any, given: Any, notes: Notes) -> None:
    """Note that a hint replaces another value of the file.

    Parameters
    ----------
    name : str
        Name of the value.
    found : object
        Value of the file; None if it has none.
    given : object
        Value of the hint.
    notes : list of str
        Grows if they differ by more than one part in a million.
    """
    if found is not None and abs(found - given) > 1e-6 * abs(found):
        note(notes, f"{name} is {found:g} in the file and {given:g} in the hint; the hint is used")

"""Nikon X-Tek scans: `.xtekct` settings and a folder of projections that are flat-corrected already.

Directions are those of Nikon's own reconstruction: with columns and rows as stored the sample turns so that
a pixel column measures `x cos(theta) - y sin(theta)`, which is `direction = -1`.
"""

import configparser
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .errors import ScanError
from .frames import ArrayFrames
from .geometry import ConeBeam
from .hints import Hints
from .notes import Notes, note, with_notes
from .scan import Frames, Scan
from .sidecar import held_path
from .sources import natural_key, open_frames, tiff_files
from .tiff_frames import tiff_frames
from .tiff_stack import check_sequence

FORMAT = "Nikon xtekct"
MAX_BYTES = 2**20
LENGTHS = ("SrcToObject", "SrcToDetector", "DetectorPixelsX", "DetectorPixelsY", "DetectorPixelSizeX")


def recognises(path: Path, hints: Hints) -> bool:
    """Tell whether a text file holds X-Tek settings.

    Parameters
    ----------
    path : Path
        A text file.
    hints : Hints
        Not looked at.

    Returns
    -------
    bool
        True if its first line is [XTekCT].
    """
    with path.open("rb") as file:
        return file.read(256).lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith(b"[xtekct]")


def read(path: Path, hints: Hints) -> Scan:
    """Read an X-Tek scan; frames are read when they are sliced.

    Parameters
    ----------
    path : Path
        The `.xtekct` file, with its projections in the same folder or the one it names.
    hints : Hints
        `projections` is looked at, where they lie elsewhere.

    Returns
    -------
    Scan
        Its one flat is the white level that the projections were divided to, its one dark is zero.

    Raises
    ------
    FileNotFoundError
        If the projections are not there.
    ScanError
        If the settings are damaged or do not fit the projections.
    """
    notes: Notes = []
    settings = read_settings(path)
    frames = projections(path, settings, hints)
    geometry = cone_beam(path, settings, frames.shape, notes)
    n_claimed = int(number(settings, "Projections", path, default=frames.shape[0]))
    if n_claimed != frames.shape[0]:
        note(notes, f"{path} says {n_claimed} projections and there are {frames.shape[0]}")
    first, step = (number(settings, name, path, default=0.0) for name in ("InitialAngle", "AngularStep"))
    white = number(settings, "WhiteLevel", path, default=0.0)
    flat = None
    if white > 0 and not hints.is_line_integral:
        flat = ArrayFrames(np.broadcast_to(np.float32(white), (1, *frames.shape[1:])))
        note(notes, f"the flat is WhiteLevel {white:g} everywhere and the dark zero: projections are corrected already")
    names = ("Name", "XraykV", "XrayuA", "Filter_Material", "Filter_ThicknessMM")
    about = {name: settings.get(name.lower()) for name in names}
    return Scan(
        projections=frames,
        flats=flat,
        darks=None if flat is None else ArrayFrames(np.broadcast_to(np.float32(0), (1, *frames.shape[1:]))),
        theta=np.radians(first + step * np.arange(n_claimed)) if step else None,
        geometry=geometry,
        is_line_integral=False,
        path=path,
        format=FORMAT,
        provenance=with_notes(about, notes),
    )


def read_settings(path: Path) -> dict[str, str]:
    """Read all keys of an X-Tek settings file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict of str
        Values by key in lower case, of all sections.

    Raises
    ------
    ScanError
        If it is no settings file.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ScanError(f"{path} is {path.stat().st_size} bytes; X-Tek settings have at most 1 MiB")
    parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig", errors="replace"))
    except configparser.Error as error:
        raise ScanError(f"{path} holds no X-Tek settings ({' '.join(str(error).split())}); copy it again") from error
    return {key: value or "" for section in parser.sections() for key, value in parser.items(section)}


def number(settings: Mapping[str, str], name: str, path: Path, *, default: float | None = None) -> float:
    """Return a setting as a number.

    Parameters
    ----------
    settings : mapping of str
        Settings by key in lower case.
    name : str
        Name of one.
    path : Path
        The file, for the message.
    default : float, optional
        What to return where it is not set; None makes that an error.

    Returns
    -------
    float
        The number.

    Raises
    ------
    ScanError
        If it is not there or no finite number.
    """
    text = settings.get(name.lower(), "").replace(",", ".")
    if not text and default is not None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ScanError(f"{path} has {name}={text!r}; it must be a number: correct the file")
    return value


def projections(path: Path, settings: Mapping[str, str], hints: Hints) -> Frames:
    """Open the projections of an X-Tek scan.

    Parameters
    ----------
    path : Path
        The settings file.
    settings : mapping of str
        Its keys.
    hints : Hints
        `projections`, where they lie elsewhere.

    Returns
    -------
    Frames
        The frames.

    Raises
    ------
    FileNotFoundError
        If there are none.
    """
    if hints.projections is not None:
        outside = hints.allow_outside or "projections" in hints.trusted
        return open_frames(hints.projections, path.parent, allow_outside=outside, name="projections")
    folder = held_path(
        settings.get("inputfoldername", "").replace("\\", "/"),
        path.parent,
        allow_outside=hints.allow_outside,
        source=f"{path}: InputFolderName",
    )
    files = tiff_files(folder) if folder.is_dir() else []
    name = settings.get("name", "")
    named = [file for file in files if file.stem.startswith(f"{name}_")] if name else []
    chosen = sorted(named or files, key=lambda file: natural_key(file.name))
    if not chosen:
        raise FileNotFoundError(f"{path}: no TIFF projections {name}_0001.tif in {folder}; give projections=FOLDER")
    return tiff_frames(check_sequence(chosen))


def cone_beam(path: Path, settings: Mapping[str, str], shape: tuple[int, int, int], notes: Notes) -> ConeBeam:
    """Read the geometry of an X-Tek scan.

    Parameters
    ----------
    path : Path
        The settings file.
    settings : mapping of str
        Its keys.
    shape : tuple of 3 int
        (n_frames, n_rows, n_cols) of the projections; fewer columns than the detector has are binned ones.
    notes : list of str
        Grows where something had to be assumed, or is left out.

    Returns
    -------
    ConeBeam
        The geometry, with the axis where the file puts it.

    Raises
    ------
    ScanError
        If a length is missing or not above zero, or the frames do not fit the detector.
    """
    lengths = {name: number(settings, name, path) for name in LENGTHS}
    wrong = next((name for name, value in lengths.items() if value <= 0), None)
    if wrong or lengths["SrcToDetector"] < lengths["SrcToObject"]:
        name = wrong or "SrcToDetector"
        raise ScanError(f"{path} has {name}={lengths[name]:g}; it must be above 0 and the detector behind the object")
    binning = lengths["DetectorPixelsX"] / shape[2]
    if binning < 1 or abs(lengths["DetectorPixelsY"] / shape[1] / binning - 1) > 0.01:
        sizes = f"{lengths['DetectorPixelsY']:g} x {lengths['DetectorPixelsX']:g}"
        raise ScanError(
            f"{path} has a detector of {sizes} pixels and frames of {shape[1]} x {shape[2]}; give its frames"
        )
    pixel_mm = lengths["DetectorPixelSizeX"] * binning
    if binning != 1:
        note(notes, f"pixel_um is {pixel_mm * 1e3:g}: frames have {shape[2]} of {lengths['DetectorPixelsX']:g} columns")
    magnification = lengths["SrcToDetector"] / lengths["SrcToObject"]
    top, bottom = (number(settings, f"CentreOfRotation{end}", path, default=0.0) for end in ("Top", "Bottom"))
    offset_mm = number(settings, "ObjectOffsetX", path, default=math.nan)
    at_detector_mm = (top + bottom) / 2 if math.isnan(offset_mm) else offset_mm * magnification
    for name in ("DetectorOffsetX", "DetectorOffsetY", "ObjectTilt", "ObjectRoll"):
        if (value := number(settings, name, path, default=0.0)) != 0:
            note(notes, f"{path} has {name}={value:g}, which is not applied; give centre_px or geometry if it matters")
    height_mm = lengths["DetectorPixelsY"] * lengths["DetectorPixelSizeX"]
    return ConeBeam(
        pixel_um=pixel_mm * 1e3,
        source_axis_mm=lengths["SrcToObject"],
        source_detector_mm=lengths["SrcToDetector"],
        centre_px=(shape[2] - 1) / 2 + at_detector_mm / pixel_mm,
        direction=-1,
        detector_tilt_rad=math.atan2(bottom - top, height_mm),
    )

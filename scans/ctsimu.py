"""CTSimU: raw or TIFF projections with a JSON of metadata, and a JSON scenario that holds the geometry.

BAM, "CTSimU scenario file format", https://bamresearch.github.io/ctsimu-scenarios/ (versions 1.0 to 1.2).
In its world the detector's rows and columns are `vector_v = vector_w x vector_u` and `vector_u`. For a sample
at `(X, Y, Z)` of the world with the beam along X, columns along -Y and rows along -Z, a reconstructed volume
has its axes at `x = -Y`, `y = X`, `z = -Z`, all from the axis of rotation.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ScanError
from .geometry import ConeBeam, Geometry, ParallelBeam
from .hints import Hints
from .notes import Notes, note, with_notes
from .scan import Frames, Scan
from .sidecar import held_path, load_mapping
from .sources import open_frames
from .units import ANGLE_RAD, LENGTH_UM, to_unit

FORMAT = "CTSimU"
SQUARE = 1e-6
MAX_FRAMES = 2**20


def recognises(path: Path, hints: Hints) -> bool:
    """Tell whether a text file is CTSimU metadata.

    Parameters
    ----------
    path : Path
        A text file.
    hints : Hints
        Not looked at.

    Returns
    -------
    bool
        True if it names itself so.
    """
    with path.open("rb") as file:
        return re.search(rb'"file_type"\s*:\s*"CTSimU Metadata"', file.read(2**16)) is not None


def read(path: Path, hints: Hints) -> Scan:
    """Read a CTSimU scan; frames are read when they are sliced.

    Parameters
    ----------
    path : Path
        The JSON of metadata.
    hints : Hints
        `allow_outside` lets its paths lead out of its folder, which most data sets of this layout need for
        their geometry.

    Returns
    -------
    Scan
        What the two files hold.

    Raises
    ------
    FileNotFoundError
        If frames are not there.
    ScanError
        If the metadata lack what is needed, or a path leads out of the folder.
    """
    notes: Notes = []
    output = section(load_mapping(path), "output", path)
    about = section(output, "projections", path)
    frames = open_part(about, about, path, hints, "projections")
    flats, darks = (
        open_part(part, about, path, hints, name) if isinstance(part := about.get(key), Mapping) else None
        for name, key in (("flats", "flat_field"), ("darks", "dark_field"))
    )
    if frames is None:
        raise ScanError(f"{path} names no projections; give projections")
    scenario_path = section(load_mapping(path), "acquisition_geometry", path).get("path_to_CTSimU_JSON")
    theta: NDArray[np.float64] | None = None
    geometry: Geometry = ParallelBeam()
    scenario: dict[str, Any] = {}
    if scenario_path:
        target = held_path(
            str(scenario_path), path.parent, allow_outside=hints.allow_outside, source=f"{path}: path_to_CTSimU_JSON"
        )
        scenario = load_mapping(target)
        theta = angles(scenario, target, frames.shape[0], notes)
        geometry, direction = read_geometry(scenario, target, frames.shape, notes)
        if theta is not None and isinstance(geometry, ParallelBeam):
            theta = direction * theta  # a parallel beam has no field for the direction
    voltage = quantity(scenario, "source", "voltage")
    return Scan(
        projections=frames,
        flats=flats,
        darks=darks,
        theta=theta,
        geometry=geometry,
        flat_positions=None,
        path=path,
        format=FORMAT,
        provenance=with_notes(
            {
                "sample": section(load_mapping(path), "file", path).get("description"),
                "instrument": output.get("system"),
                "start": output.get("date_measured"),
                "tube_kv": voltage[0] if voltage else None,
            },
            notes,
        ),
    )


def section(content: Any, name: str, path: Path) -> dict[str, Any]:
    """Return a part of the metadata.

    Parameters
    ----------
    content : mapping
        The whole.
    name : str
        Key of the part.
    path : Path
        The file, for the message.

    Returns
    -------
    dict
        The part; empty if its value is null.

    Raises
    ------
    ScanError
        If it is not there or no mapping.
    """
    part = content.get(name, False) if isinstance(content, Mapping) else False
    if part is None:
        return {}
    if not isinstance(part, dict):
        raise ScanError(f"{path} has no section {name!r}, as CTSimU metadata must; copy the file again")
    return part


def quantity(content: Any, *names: str) -> tuple[float, str | None] | None:
    """Return a value with its unit from nested mappings.

    Parameters
    ----------
    content : mapping
        The whole.
    *names : str
        Keys on the way.

    Returns
    -------
    tuple of (float, str or None), or None
        Value and unit; None if it is not there or no finite number.
    """
    for name in names:
        content = content.get(name) if isinstance(content, Mapping) else None
    value, unit = (content.get("value"), content.get("unit")) if isinstance(content, Mapping) else (content, None)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value), unit if isinstance(unit, str) else None


def open_part(part: Mapping[str, Any], about: Mapping[str, Any], path: Path, hints: Hints, name: str) -> Frames | None:
    """Open projections, flats or darks.

    Parameters
    ----------
    part : mapping
        With `filename` and `number`.
    about : mapping
        Section of the projections, with size, type and headers that hold for all.
    path : Path
        The JSON file.
    hints : Hints
        With `allow_outside`.
    name : str
        Name of the part, for messages.

    Returns
    -------
    Frames or None
        None if it has no file.

    Raises
    ------
    FileNotFoundError
        If a file is not there.
    ScanError
        If the description is not whole.
    """
    file, count = part.get("filename"), part.get("number", 1)
    if not isinstance(file, str) or not file:
        return None
    if not isinstance(count, int) or not 0 <= count <= MAX_FRAMES:
        raise ScanError(f"{path}: number of {name} is {count!r}; it must be a whole number up to {MAX_FRAMES}")
    many = re.search(r"%0?\d{0,2}d", file)
    files = [file % i for i in range(count)] if many and file.count("%") == 1 else [file]
    outside = hints.allow_outside
    if not file.lower().endswith(".raw"):
        return open_frames(files, path.parent, allow_outside=outside, name=f"{path}: {name}")
    sizes = [quantity(about, "dimensions", axis) for axis in ("y", "x")]
    header = section(about, "headersize", path)
    source = {
        "path": files,
        "shape": [1 if many else count, *(int(size[0]) if size else 0 for size in sizes)],
        "dtype": about.get("datatype"),
        "byte_order": about.get("byteorder") or "little",
        "header_bytes": header.get("file") or 0,
        "frame_header_bytes": header.get("image") or 0,
    }
    return open_frames(source, path.parent, allow_outside=outside, name=f"{path}: {name}")


def angles(scenario: Mapping[str, Any], path: Path, n_theta: int, notes: Notes) -> NDArray[np.float64] | None:
    """Return the angles of a scenario, growing from its start.

    Parameters
    ----------
    scenario : mapping
        The scenario.
    path : Path
        Its file.
    n_theta : int
        Number of projections in the files.
    notes : list of str
        Grows if the numbers disagree.

    Returns
    -------
    (n,) array or None
        Angles in rad; None if the scenario has none.
    """
    start, stop = (quantity(scenario, "acquisition", f"{end}_angle") for end in ("start", "stop"))
    if start is None or stop is None:
        return None
    acquisition = section(scenario, "acquisition", path)
    count = acquisition.get("number_of_projections")
    if isinstance(count, int) and count != n_theta:
        note(notes, f"{path} says {count} projections and the files hold {n_theta}")
    n = count if isinstance(count, int) and 0 < count <= MAX_FRAMES else n_theta
    first, last = (to_unit(value, unit, ANGLE_RAD, default="deg") for value, unit in (start, stop))
    return np.linspace(first, last, n, endpoint=bool(acquisition.get("include_final_angle", False)))


def vector(scenario: Mapping[str, Any], path: Path, *names: str) -> NDArray[np.float64]:
    """Return a vector of the scenario, in mm if it has a unit of length.

    Parameters
    ----------
    scenario : mapping
        The scenario.
    path : Path
        Its file, for the message.
    *names : str
        Keys on the way to `x`, `y` and `z`.

    Returns
    -------
    (3,) array
        The vector.

    Raises
    ------
    ScanError
        If a part of it is missing.
    """
    found = [quantity(scenario, *names, axis) for axis in "xyz"]
    if any(part is None for part in found):
        raise ScanError(f"{path} has no {'.'.join(names)} with x, y and z; the geometry needs it: copy the file again")
    return np.array([length_mm(part[0], part[1]) if part[1] else part[0] for part in found if part is not None])


def length_mm(value: float, unit: str | None) -> float:
    """Return a length in mm.

    Parameters
    ----------
    value : float
        The length.
    unit : str or None
        Its unit; None is mm.

    Returns
    -------
    float
        The length in mm; NaN if the unit is not known.
    """
    try:
        return to_unit(value, unit, LENGTH_UM, default="mm") / 1e3
    except KeyError:
        return math.nan


def read_geometry(
    scenario: Mapping[str, Any], path: Path, shape: tuple[int, int, int], notes: Notes
) -> tuple[Geometry, int]:
    """Return the geometry of a scenario whose detector is square to the beam.

    Parameters
    ----------
    scenario : mapping
        The scenario.
    path : Path
        Its file.
    shape : tuple of 3 int
        (n_frames, n_rows, n_cols).
    notes : list of str
        Grows where a deviation is left out.

    Returns
    -------
    tuple of (ParallelBeam or ConeBeam, int)
        With the axis and the central row where the vectors put them; and the direction of the turn, +1 or -1.

    Raises
    ------
    ScanError
        If vectors or pixel size are missing, or the detector is not square to beam and axis.
    """
    pitch = quantity(scenario, "detector", "pixel_pitch", "u")
    if pitch is None:
        raise ScanError(f"{path} has no detector.pixel_pitch.u; the geometry needs it: copy the file again")
    binned = quantity(scenario, "detector", "columns")
    pixel_mm = length_mm(*pitch) * (binned[0] / shape[2] if binned else 1.0)
    source, detector, stage = (
        vector(scenario, path, "geometry", name, "center") for name in ("source", "detector", "stage")
    )
    u, w = (unit(vector(scenario, path, "geometry", "detector", f"vector_{name}")) for name in "uw")
    axis = unit(vector(scenario, path, "geometry", "stage", "vector_w"))
    v = np.cross(w, u)
    for name in ("source", "detector", "stage"):
        if section(section(scenario, "geometry", path), name, path).get("deviations"):
            note(notes, f"{path}: deviations of the {name} are not applied; give geometry as a hint if they matter")
    if abs(axis @ u) > SQUARE or abs(axis @ w) > SQUARE or abs(w @ u) > SQUARE:
        raise ScanError(f"{path} has a detector that is not square to beam and axis; give geometry as a hint")
    clockwise = str(section(scenario, "acquisition", path).get("direction", "CCW")).upper() == "CW"
    direction = (1 if clockwise else -1) * (1 if axis @ v < 0 else -1)  # rows grow against the axis, or along it
    if section(section(scenario, "geometry", path), "source", path).get("type") == "parallel":
        across = float((stage - detector) @ u) / pixel_mm
        return ParallelBeam(pixel_mm * 1e3, (shape[2] - 1) / 2 + across), direction
    far, near = float((detector - source) @ w), float((stage - source) @ w)
    if not 0 < near <= far:
        raise ScanError(f"{path} has the axis {near:g} mm and the detector {far:g} mm from the source; swap them")
    column_mm = float((source + (stage - source) * far / near - detector) @ u)
    row_mm = float((source - detector) @ v)
    cone = ConeBeam(
        pixel_um=pixel_mm * 1e3,
        source_axis_mm=near,
        source_detector_mm=far,
        centre_px=(shape[2] - 1) / 2 + column_mm / pixel_mm,
        row_px=(shape[1] - 1) / 2 + row_mm / pixel_mm,
        direction=direction,
    )
    return cone, direction


def unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a vector of length 1.

    Parameters
    ----------
    vector : (3,) array
        Any vector but zero.

    Returns
    -------
    (3,) array
        Its direction; NaN if it is zero.
    """
    length = float(np.linalg.norm(vector))
    return vector / length if length else np.full(3, math.nan)

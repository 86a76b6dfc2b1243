"""DataExchange HDF5, the layout of the Advanced Photon Source.

De Carlo et al., J. Synchrotron Rad. 21, 1224-1230 (2014), https://doi.org/10.1107/S160057751401604X.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .errors import ScanError
from .geometry import Geometry, ParallelBeam
from .hdf_frames import HdfFrames, hdf_frames
from .hdf_links import LinkedHdf, attribute
from .hints import Hints, geometry_from
from .notes import Notes, note, with_notes
from .scan import Scan
from .units import ANGLE_RAD, ENERGY_KEV, LENGTH_UM, TIME_S, to_unit

FORMAT = "DataExchange HDF5"
DETECTOR = "/measurement/instrument/detector"
OBJECTIVE = "/measurement/instrument/detection_system/objective"
GEOMETRY = "/measurement/instrument/geometry"
ROTATION = "/process/acquisition/rotation"

PIXEL_AT_SAMPLE = (f"{OBJECTIVE}/resolution", f"{DETECTOR}/actual_pixel_size_x", f"{DETECTOR}/actual_pixel_size")
PIXEL_ON_DETECTOR = (f"{DETECTOR}/pixel_size_x", f"{DETECTOR}/pixel_size")
ENERGY = ("/measurement/instrument/monochromator/energy", "/measurement/instrument/source/beam/energy")
RECORD = {
    "sample": "/measurement/sample/name",
    "instrument": "/measurement/instrument/name",
    "source": "/measurement/instrument/source/name",
    "beamline": "/measurement/instrument/source/beamline",
    "detector": f"{DETECTOR}/model",
    "start": "/process/acquisition/start_date",
    "end": "/process/acquisition/end_date",
}


def recognises(path: Path, hints: Hints) -> bool:
    """Tell whether an HDF5 file is laid out as DataExchange.

    Parameters
    ----------
    path : Path
        An HDF5 file.
    hints : Hints
        Not looked at.

    Returns
    -------
    bool
        True if it holds `exchange/data`, or a link of that name.
    """
    with LinkedHdf(path) as file:
        exchange = file.get("/exchange")
        return isinstance(exchange, h5py.Group) and "data" in exchange


def read(path: Path, hints: Hints) -> Scan:
    """Read the description of a DataExchange scan; frames are read when they are sliced.

    Parameters
    ----------
    path : Path
        An HDF5 file.
    hints : Hints
        Only `allow_outside` is looked at here.

    Returns
    -------
    Scan
        What the file holds; what it lacks is None.

    Raises
    ------
    ScanError
        If there are no projections in it, or in another order of axes.
    """
    notes: Notes = []
    with LinkedHdf(path, allow_outside=hints.allow_outside) as file:
        projections = frames_at(file, "/exchange/data")
        if projections is None:
            raise ScanError(missing_data(file, path))
        n_theta = projections.shape[0]
        flats, darks = frames_at(file, "/exchange/data_white"), frames_at(file, "/exchange/data_dark")
        exposure = file.number(f"{DETECTOR}/exposure_time")
        provenance: dict[str, Any] = {key: file.text(name) or None for key, name in RECORD.items()}
        return Scan(
            projections=projections,
            flats=flats,
            darks=darks,
            theta=read_theta(file, n_theta, notes),
            geometry=read_geometry(file, notes),
            energy_kev=read_energy(file, notes),
            exposure_s=None if exposure is None else converted(exposure, TIME_S, "s", notes),
            is_line_integral=attribute(file.get("/exchange/data"), "description") == "line integrals",
            flat_positions=None if flats is None else read_positions(file, flats.shape[0], n_theta),
            path=path,
            format=FORMAT,
            provenance=with_notes(provenance, notes),
        )


def frames_at(file: LinkedHdf, name: str) -> HdfFrames | None:
    """Return the frames of a dataset.

    Parameters
    ----------
    file : LinkedHdf
        The open file.
    name : str
        Path of the dataset.

    Returns
    -------
    HdfFrames or None
        None if it is not there or has no frames.

    Raises
    ------
    ScanError
        If it is no stack of frames, or its attribute `axes` names another order.
    """
    found = file.get(name)
    if not isinstance(found, h5py.Dataset) or found.shape is None or (found.ndim == 3 and not found.shape[0]):
        return None
    axes = attribute(found, "axes")
    if axes and axes.count(":") == 2 and not axes.lower().startswith(("theta", "angle", "frame", "time", "n")):
        raise ScanError(f"{file.path}:{name} has axes {axes}; angles come first (theta:y:x): save it in that order")
    return hdf_frames(found)


def missing_data(file: LinkedHdf, path: Path) -> str:
    """Say why the projections are not there.

    Parameters
    ----------
    file : LinkedHdf
        The open file, after the search.
    path : Path
        Its name.

    Returns
    -------
    str
        One line.
    """
    for origin, target in file.refused.items():
        return f"{path}:{origin} links to {target}, outside its folder; allow it with allow_outside=True, or move it"
    for origin, target in file.dangling.items():
        return f"{path}:{origin} links to {target}, which cannot be opened; copy that file beside the scan"
    return f"{path} holds no frames where its layout puts them; it was not written to its end, or is no scan"


def converted(found: tuple[float, str | None, str], table: dict[str, float], default: str, notes: Notes) -> float:
    """Convert a number that a file gives, saying so where its unit had to be assumed.

    Parameters
    ----------
    found : tuple of (float, str or None, str)
        Number, unit and place.
    table : dict
        A table of units.
    default : str
        Unit that the layout prescribes.
    notes : list of str
        Grows if the unit is not known.

    Returns
    -------
    float
        The number in the unit of the table.
    """
    value, unit, place = found
    try:
        return to_unit(value, unit, table, default=default)
    except KeyError:
        note(notes, f"{place} is {value:g} in unknown unit {unit!r}; taken as {value:g} {default}")
        return value * table[default]


def read_theta(file: LinkedHdf, n_theta: int, notes: Notes) -> NDArray[np.float64] | None:
    """Read the angles, or make them from the record of the rotation where that fits the frames.

    Parameters
    ----------
    file : LinkedHdf
        The open file.
    n_theta : int
        Number of projections.
    notes : list of str
        Grows where something had to be assumed.

    Returns
    -------
    (n,) array or None
        Angles in rad, as many as the file has; None if it has none.
    """
    theta = file.vector("/exchange/theta")
    if theta is not None:
        return angles_in_rad(theta, attribute(file.get("/exchange/theta"), "units"), "/exchange/theta", notes)
    start, step = file.number(f"{ROTATION}/rotation_start"), file.number(f"{ROTATION}/rotation_step")
    count = file.number(f"{ROTATION}/num_angles")
    if count is not None and int(count[0]) != n_theta:
        note(notes, f"{ROTATION}/num_angles is {count[0]:g} and the file has {n_theta} frames; no angles taken from it")
    elif start is not None and step is not None and count is not None:
        note(notes, f"angles are {start[0]:g} + {step[0]:g} i degrees, from {ROTATION}; the file has no exchange/theta")
        return np.radians(start[0] + step[0] * np.arange(n_theta))
    return None


def angles_in_rad(theta: NDArray[Any], unit: str | None, place: str, notes: Notes) -> NDArray[np.float64]:
    """Convert the angles of a file.

    Parameters
    ----------
    theta : (n,) array
        Angles as stored.
    unit : str or None
        Unit that the file states; None is degrees.
    place : str
        Where they came from, for the note.
    notes : list of str
        Grows if the unit is not known, or missing and the angles look like radians.

    Returns
    -------
    (n,) array
        Angles in rad.
    """
    span = float(np.ptp(theta)) if theta.size else 0.0
    if not unit and theta.size > 20 and 3.0 < span < 6.4:
        note(notes, f"{place} spans {span:.4g} and states no unit; taken as degrees; if in radians, give theta_deg")
    factor = converted((1.0, unit, place), ANGLE_RAD, "deg", notes)
    return np.asarray(theta, dtype=np.float64) * factor


def read_geometry(file: LinkedHdf, notes: Notes) -> Geometry:
    """Read the beam: that of this project's own writer, else a parallel beam with its pixel.

    Parameters
    ----------
    file : LinkedHdf
        The open file.
    notes : list of str
        Grows where something had to be assumed.

    Returns
    -------
    ParallelBeam or ConeBeam
        The geometry; what the file lacks is None.
    """
    group = file.get(GEOMETRY)
    if isinstance(group, h5py.Group):
        given: dict[str, Any] = {"beam": file.text("beam", start=group) or "parallel"}
        for name in group:
            if name != "beam" and (found := file.number(name, start=group)) is not None:
                given[name] = found[0]
        return geometry_from(given, pixel_um=None)
    at_sample = file.number(*PIXEL_AT_SAMPLE)
    if at_sample is not None:
        return ParallelBeam(pixel_um=converted(at_sample, LENGTH_UM, "um", notes))
    on_detector = file.number(*PIXEL_ON_DETECTOR)
    if on_detector is None:
        return ParallelBeam()
    pixel_um = converted(on_detector, LENGTH_UM, "um", notes)
    lens = file.number(f"{OBJECTIVE}/magnification")
    if lens is not None and lens[0] > 0:
        return ParallelBeam(pixel_um=pixel_um / lens[0])
    note(notes, f"pixel_um is {pixel_um:g} from {on_detector[2]}; the file states no magnification, so this assumes 1")
    return ParallelBeam(pixel_um=pixel_um)


def read_energy(file: LinkedHdf, notes: Notes) -> float | None:
    """Read the photon energy from the monochromator, else from the record of an earlier processing.

    Parameters
    ----------
    file : LinkedHdf
        The open file.
    notes : list of str
        Grows where it came from a processing record.

    Returns
    -------
    float or None
        Energy in keV.
    """
    found = file.number(*ENERGY)
    if found is not None and found[0] > 0:
        return converted(found, ENERGY_KEV, "kev", notes)
    process = file.get("/process")
    for name in process if isinstance(process, h5py.Group) else ():
        found = file.number(f"{name}/retrieve-phase/energy", start=process)
        if found is not None and found[0] > 0:
            note(notes, f"energy_kev is {found[0]:g} from {found[2]}, which someone typed in when processing the scan")
            return converted(found, ENERGY_KEV, "kev", notes)
    return None


def read_positions(file: LinkedHdf, n_flats: int, n_theta: int) -> NDArray[np.int64] | None:
    """Read when the flats were taken.

    Parameters
    ----------
    file : LinkedHdf
        The open file.
    n_flats : int
        Number of flats.
    n_theta : int
        Number of projections.

    Returns
    -------
    (n_flats,) array or None
        Index of the projection that follows each flat; None if the file does not say.
    """
    stored = file.vector("/exchange/data_white_position")
    if stored is not None and len(stored) == n_flats:
        return stored.astype(np.int64)
    mode = (file.text("/process/acquisition/flat_fields/flat_field_mode") or "").lower()
    before = {"start": n_flats, "end": 0, "both": n_flats // 2}.get(mode)
    return None if before is None else np.repeat([0, n_theta], [before, n_flats - before]).astype(np.int64)

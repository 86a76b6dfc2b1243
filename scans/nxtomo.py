"""NXtomo, the NeXus layout of Diamond, the ESRF and others: all frames in one dataset, told apart by keys.

NeXus International Advisory Committee, application definition NXtomo,
https://manual.nexusformat.org/classes/applications/NXtomo.html.
"""

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .data_exchange import angles_in_rad, converted, missing_data
from .errors import ScanError
from .geometry import Geometry, ParallelBeam
from .hdf_frames import hdf_frames
from .hdf_links import LinkedHdf, units_of
from .hints import Hints, geometry_from
from .notes import Notes, note, with_notes
from .scan import Scan
from .units import ENERGY_KEV, LENGTH_UM, TIME_S

FORMAT = "NXtomo HDF5"
PROJECTION, FLAT, DARK = 0, 1, 2
"""Values of the image key; 3 is an invalid frame and -1 one taken for alignment."""

CONE_FIELDS = ("row_px", "direction", "detector_tilt_rad", "detector_pitch_rad", "detector_slant_rad")
"""Fields of a cone beam that NXtomo has no place for; they are kept beside the detector's own."""

ENERGY = ("instrument/beam/incident_energy", "beam/incident_energy", "instrument/monochromator/energy")


def recognises(path: Path, hints: Hints) -> bool:
    """Tell whether an HDF5 file is laid out as NXtomo.

    Parameters
    ----------
    path : Path
        An HDF5 file.
    hints : Hints
        Not looked at.

    Returns
    -------
    bool
        True if a group in it holds an image key.
    """
    with LinkedHdf(path) as file:
        return bool(detectors(file))


def read(path: Path, hints: Hints) -> Scan:
    """Read the description of an NXtomo scan; frames are read when they are sliced.

    Parameters
    ----------
    path : Path
        An HDF5 file, or a master file whose links lead to the frames.
    hints : Hints
        Only `allow_outside` is looked at here.

    Returns
    -------
    Scan
        What the file holds; what it lacks is None.

    Raises
    ------
    ScanError
        If no detector in it has frames and as many keys.
    """
    notes: Notes = []
    with LinkedHdf(path, allow_outside=hints.allow_outside) as file:
        entry_name, detector_name, keys = choose_detector(file, notes)
        entry, detector = file.get(entry_name), file.get(detector_name)
        data = file.get("data", start=detector)
        chosen = {kind: np.flatnonzero(keys == kind) for kind in (PROJECTION, FLAT, DARK)}
        if not chosen[PROJECTION].size:
            raise ScanError(f"{path}:{detector_name}/image_key has no projection (key 0); it holds no scan")
        theta = read_theta(file, entry, detector_name, len(keys), notes)
        exposure = file.number("count_time", start=detector)
        provenance = {
            "sample": file.text("sample/name", start=entry),
            "title": file.text("title", start=entry),
            "instrument": file.text("instrument/name", "instrument/beamline", start=entry),
            "source": file.text("instrument/source/name", start=entry),
            "start": file.text("start_time", start=entry),
            "end": file.text("end_time", start=entry),
            "detector": detector_name,
        }
        return Scan(
            projections=hdf_frames(data, indices=chosen[PROJECTION]),
            flats=hdf_frames(data, indices=chosen[FLAT]) if chosen[FLAT].size else None,
            darks=hdf_frames(data, indices=chosen[DARK]) if chosen[DARK].size else None,
            theta=None if theta is None else theta[chosen[PROJECTION]] if len(theta) == len(keys) else theta,
            geometry=read_geometry(file, entry, detector, provenance, notes),
            energy_kev=read_energy(file, entry, notes),
            exposure_s=None if exposure is None or exposure[0] <= 0 else converted(exposure, TIME_S, "s", notes),
            flat_positions=np.searchsorted(chosen[PROJECTION], chosen[FLAT]) if chosen[FLAT].size else None,
            path=path,
            format=FORMAT,
            provenance=with_notes(provenance, notes),
        )


def detectors(file: LinkedHdf) -> list[tuple[str, str]]:
    """List groups that hold an image key, those of the default entry first.

    Parameters
    ----------
    file : LinkedHdf
        The open file.

    Returns
    -------
    list of (str, str)
        Path of the entry (or subentry) and of the detector.
    """
    found = []
    for entry in sorted(file.root):
        top = file.get(entry)
        for instrument in instruments(file, top, f"/{entry}"):
            group = file.get(instrument)
            for name in sorted(group) if isinstance(group, h5py.Group) else ():
                if isinstance(file.get(f"{instrument}/{name}/image_key"), h5py.Dataset):
                    found.append((instrument.rsplit("/", 1)[0], f"{instrument}/{name}"))
    return found


def instruments(file: LinkedHdf, entry: Any, path: str) -> list[str]:
    """List the groups named instrument in an entry and its subentries.

    Parameters
    ----------
    file : LinkedHdf
        The open file.
    entry : h5py.Group or object
        The entry.
    path : str
        Its path.

    Returns
    -------
    list of str
        Paths.
    """
    if not isinstance(entry, h5py.Group):
        return []
    found = [f"{path}/instrument"] if "instrument" in entry else []
    for name in sorted(entry):
        below = file.get(name, start=entry)
        if isinstance(below, h5py.Group) and "instrument" in below:
            found.append(f"{path}/{name}/instrument")
    return found


def choose_detector(file: LinkedHdf, notes: Notes) -> tuple[str, str, NDArray[np.int64]]:
    """Choose the detector whose frames can be opened.

    Parameters
    ----------
    file : LinkedHdf
        The open file.
    notes : list of str
        Grows if there is more than one.

    Returns
    -------
    tuple of (str, str, array)
        Path of the entry, path of the detector, key of each frame.

    Raises
    ------
    ScanError
        If there is none with as many keys as frames.
    """
    usable = []
    mismatch = ""
    for entry, name in detectors(file):
        data, keys = file.get(f"{name}/data"), image_keys(file, name)
        if not isinstance(data, h5py.Dataset) or data.ndim != 3 or keys is None:
            continue
        if len(keys) != data.shape[0]:
            mismatch = f"{file.path}:{name} has {len(keys)} image keys and {data.shape[0]} frames; both must be as many"
            continue
        usable.append((entry, name, keys))
    if not usable:
        raise ScanError(mismatch or missing_data(file, file.path))
    if len(usable) > 1:
        others = ", ".join(name for _, name, _ in usable[1:])
        note(notes, f"{file.path} has several detectors with frames; {usable[0][1]} is taken and {others} left")
    return usable[0]


def image_keys(file: LinkedHdf, detector: str) -> NDArray[np.int64] | None:
    """Read the key of each frame; alignment frames (ESRF: control key -1) become invalid ones.

    Parameters
    ----------
    file : LinkedHdf
        The open file.
    detector : str
        Path of the detector.

    Returns
    -------
    (n_frames,) array or None
        0 projection, 1 flat, 2 dark, 3 or -1 neither.
    """
    keys, control = file.vector(f"{detector}/image_key"), file.vector(f"{detector}/image_key_control")
    if keys is None:
        return None
    if control is not None and len(control) == len(keys):
        keys = np.where(control == -1, 3, keys)
    return keys.astype(np.int64)


def read_theta(
    file: LinkedHdf, entry: h5py.Group, detector: str, n_frames: int, notes: Notes
) -> NDArray[np.float64] | None:
    """Read the angle of each frame, where the definition puts it or from a motor that was recorded per frame.

    Parameters
    ----------
    file : LinkedHdf
        The open file.
    entry : h5py.Group
        The entry of the detector.
    detector : str
        Path of the detector.
    n_frames : int
        Number of frames of all kinds.
    notes : list of str
        Grows where the angles came from a motor.

    Returns
    -------
    (n,) array or None
        Angles in rad, one for each frame if the file is right.
    """
    for name in ("sample/rotation_angle", "data/rotation_angle"):
        theta = file.vector(name, start=entry)
        if theta is not None:
            return angles_in_rad(theta, units_of(file.get(name, start=entry)), name, notes)
    beside = file.get(detector.rsplit("/", 1)[1], start=entry)  # NXdata group named like the detector
    for group in (beside, file.get("data", start=entry), file.get(detector)):
        for name in sorted(group) if isinstance(group, h5py.Group) else ():
            if re.search("rot|theta|angle", name, re.IGNORECASE) and not re.search("_set$|demand|_rbv_err", name):
                theta = file.vector(name, start=group)
                if theta is not None and len(theta) == n_frames:
                    place = f"{group.name}/{name}"
                    note(notes, f"angles are those of {place}; the file has no sample/rotation_angle")
                    return angles_in_rad(theta, units_of(file.get(name, start=group)), place, notes)
    return None


def read_geometry(
    file: LinkedHdf, entry: h5py.Group, detector: h5py.Group, provenance: dict[str, Any], notes: Notes
) -> Geometry:
    """Read pixel and distances.

    Parameters
    ----------
    file : LinkedHdf
        The open file.
    entry : h5py.Group
        The entry of the detector.
    detector : h5py.Group
        The detector.
    provenance : dict
        Gets the distances of a parallel beam.
    notes : list of str
        Grows where something had to be assumed.

    Returns
    -------
    ParallelBeam or ConeBeam
        A cone beam if the source is a tube and both distances are given.
    """
    column = file.number("x_rotation_axis_pixel_position", start=detector)
    centre_px = None if column is None else column[0]
    to_detector, to_source = (
        None if found is None or not found[0] else abs(converted(found, LENGTH_UM, "m", notes)) / 1e3
        for found in (file.number("distance", start=detector), file.number("instrument/source/distance", start=entry))
    )
    probe = (file.text("instrument/source/type", start=entry) or "").lower()
    on_detector = pixel(file, detector, ("x_pixel_size",), notes)
    if to_detector and to_source and re.search("tube|anode|laboratory|micro", probe):
        extra = {name: file.number(name, start=detector) for name in CONE_FIELDS}
        given = {"pixel_um": on_detector, "centre_px": centre_px} | {
            name: found[0] for name, found in extra.items() if found is not None
        }
        distances = {"source_axis_mm": to_source, "source_detector_mm": to_source + to_detector}
        return geometry_from(given | distances, pixel_um=None)
    provenance |= {"sample_detector_mm": to_detector, "source_sample_mm": to_source}
    at_sample = pixel(file, entry, ("sample/x_pixel_size",), notes)
    return ParallelBeam(at_sample or on_detector, centre_px)


def pixel(file: LinkedHdf, start: h5py.Group, names: tuple[str, ...], notes: Notes) -> float | None:
    """Read the size of a pixel.

    Parameters
    ----------
    file : LinkedHdf
        The open file.
    start : h5py.Group
        Where the names begin.
    names : tuple of str
        Paths, the best first.
    notes : list of str
        Grows if the file states no unit.

    Returns
    -------
    float or None
        Size in µm; None if it is not there or not above zero.
    """
    found = file.number(*names, start=start)
    if found is None or found[0] <= 0:
        return None
    size = converted(found, LENGTH_UM, "m", notes)
    if not found[1]:
        note(notes, f"{found[2]} is {found[0]:g} and states no unit; taken as metres, {size:g} µm: else give pixel_um")
    return size


def read_energy(file: LinkedHdf, entry: h5py.Group, notes: Notes) -> float | None:
    """Read the photon energy; that of the source is the storage ring's and no use here.

    Parameters
    ----------
    file : LinkedHdf
        The open file.
    entry : h5py.Group
        The entry of the detector.
    notes : list of str
        Grows where something had to be assumed.

    Returns
    -------
    float or None
        Energy in keV.
    """
    found = file.number(*ENERGY, start=entry)
    return None if found is None or found[0] <= 0 else converted(found, ENERGY_KEV, "kev", notes)

"""HDF5 of the Advanced Light Source's beamline 8.3.2: one dataset a frame, the scan described by attributes."""

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .errors import ScanError
from .frames import believable_shape
from .geometry import ParallelBeam
from .hdf_frames import HdfFrameList
from .hdf_links import LinkedHdf, attribute
from .hints import Hints
from .notes import Notes, note, with_notes
from .scan import Scan
from .sources import natural_key

FORMAT = "ALS 8.3.2 HDF5"
RECORD = ("object", "experimenter", "camera_used", "obstime", "distance")
FRAME = re.compile(r"^(?P<name>.*?)(?P<role>bak|drk|)_(?P<series>\d+)_(?P<place>\d+)\.tif$")
MAX_FRAMES = 200_000


def recognises(path: Path, hints: Hints) -> bool:
    """Tell whether an HDF5 file is laid out as ALS 8.3.2 does.

    Parameters
    ----------
    path : Path
        An HDF5 file.
    hints : Hints
        Not looked at.

    Returns
    -------
    bool
        True if a group has `nangles` and `arange` among its attributes.
    """
    with LinkedHdf(path) as file:
        return scan_group(file) is not None


def scan_group(file: LinkedHdf) -> h5py.Group | None:
    """Find the group that holds the frames.

    Parameters
    ----------
    file : LinkedHdf
        The open file.

    Returns
    -------
    h5py.Group or None
        None if there is none.
    """
    for name in list(file.root)[:16]:
        group = file.get(name)
        if isinstance(group, h5py.Group) and "nangles" in group.attrs and "arange" in group.attrs:
            return group
    return None


def read(path: Path, hints: Hints) -> Scan:
    """Read the description of an ALS 8.3.2 scan; frames are read when they are sliced.

    Parameters
    ----------
    path : Path
        An HDF5 file.
    hints : Hints
        Only `allow_outside` is looked at here.

    Returns
    -------
    Scan
        Angles run over `arange` degrees, both ends included, as this beamline's tools have it.

    Raises
    ------
    ScanError
        If there are no projections in it.
    """
    notes: Notes = []
    with LinkedHdf(path, allow_outside=hints.allow_outside) as file:
        group = scan_group(file)
        if group is None or len(group) > MAX_FRAMES:
            raise ScanError(f"{path} has no group of at most {MAX_FRAMES} frames with its angles; it is no ALS scan")
        stacks: dict[str, list[tuple[str, int]]] = {"": [], "bak": [], "drk": []}
        for name in sorted(group, key=natural_key):
            if found := FRAME.match(name):
                stacks[found["role"]].append((name, int(found["place"])))
        stacks["bak"].sort(key=lambda item: item[1])
        projections, flats, darks = (frames_of(file, group, stacks[role]) for role in ("", "bak", "drk"))
        if projections is None:
            raise ScanError(f"{path} has no projections, frames named NAME_0000_0001.tif; it is not whole")
        n_theta = len(stacks[""])
        about = {name: attribute(group, name) for name in group.attrs}
        n_claimed = int(numeric(about, "nangles") or n_theta)
        if n_claimed != n_theta:
            note(notes, f"nangles is {n_claimed} and the file has {n_theta} projections; the scan was cut short")
        arange, energy, pixel = (numeric(about, name) for name in ("arange", "Mono_Energy", "pxsize"))
        step = None if arange is None or n_claimed < 2 else arange / (n_claimed - 1)
        return Scan(
            projections=projections,
            flats=flats,
            darks=darks,
            theta=None if not step else np.radians(np.arange(n_theta) * step),
            geometry=ParallelBeam(pixel_um=pixel * 1e3 if pixel and pixel > 0 else None),
            energy_kev=energy / 1e3 if energy and energy > 0 else None,
            flat_positions=None if flats is None else positions(stacks["bak"], n_theta),
            path=path,
            format=FORMAT,
            provenance=with_notes({key: about.get(key) for key in RECORD}, notes),
        )


def numeric(about: dict[str, str | None], name: str) -> float | None:
    """Return an attribute as a number.

    Parameters
    ----------
    about : dict
        Attributes as text.
    name : str
        Name of one.

    Returns
    -------
    float or None
        None if it is not there or no finite number.
    """
    try:
        number = float(about.get(name) or "nan")
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def frames_of(file: LinkedHdf, group: h5py.Group, names: list[tuple[str, int]]) -> HdfFrameList | None:
    """Describe datasets of one frame each as a stack.

    Parameters
    ----------
    file : LinkedHdf
        The open file.
    group : h5py.Group
        The group of the frames.
    names : list of (str, int)
        Names of the datasets, with their places.

    Returns
    -------
    HdfFrameList or None
        The frames; None if there are no names.

    Raises
    ------
    ScanError
        If a dataset is no frame, or differs from the first in size or type.
    """
    first: Any = None
    for name, _ in names:
        data = file.get(name, start=group)
        if not isinstance(data, h5py.Dataset) or data.file.filename != group.file.filename:
            raise ScanError(f"{file.path}:{group.name}/{name} is no frame of this file; copy the file again")
        shape = believable_shape(data.shape, data.dtype, f"{file.path}:{data.name}")
        first = first or (shape, data.dtype)
        if (shape, data.dtype) != first or shape[0] != 1:
            raise ScanError(
                f"{file.path}:{data.name} is {shape} of {data.dtype} and the first frame {first[0]} of {first[1]}"
            )
    if first is None:
        return None
    return HdfFrameList(file.path, tuple(f"{group.name}/{name}" for name, _ in names), first[0][1:], first[1])


def positions(names: list[tuple[str, int]], n_theta: int) -> np.ndarray:
    """Return when the flats were taken, from the place in their names.

    Parameters
    ----------
    names : list of (str, int)
        Names of the datasets, with the index of the projection they were taken at.
    n_theta : int
        Number of projections.

    Returns
    -------
    (n_flats,) array of int
        Index of the projection that follows each flat; those at the last projection were taken after it.
    """
    return np.array([n_theta if place >= n_theta - 1 else place for _, place in names], dtype=np.int64)

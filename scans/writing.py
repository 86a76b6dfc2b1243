"""Scans out: DataExchange, NXtomo and TIFF with a sidecar, raw counts as they are."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
import yaml

from .checking import check_scan
from .data_exchange import GEOMETRY
from .errors import ScanError
from .geometry import ConeBeam
from .hints import geometry_fields
from .nxtomo import CONE_FIELDS, DARK, FLAT, PROJECTION
from .scan import Scan
from .whole_files import blocks_of, whole_or_not


def write_data_exchange(
    path: str | Path, scan: Scan, *, compression: str | None = None, overwrite: bool = False
) -> Path:
    """Write a scan as DataExchange HDF5.

    Parameters
    ----------
    path : str or Path
        Name of the file.
    scan : Scan
        Frames are stored in the type they have.
    compression : str, optional
        A filter of h5py such as "gzip" or "lzf"; None stores frames as they are.
    overwrite : bool
        True replaces a file of that name.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is false.
    ScanError
        If the scan contradicts itself.
    """
    check_scan(scan)
    path = Path(path)
    with whole_or_not(path, overwrite=overwrite) as partial, h5py.File(partial, "w") as file:
        file["implements"] = "exchange:measurement"
        stacks = {"data": scan.projections, "data_white": scan.flats, "data_dark": scan.darks}
        for name, frames in stacks.items():
            if frames is not None:
                data = file.create_dataset(
                    f"exchange/{name}",
                    frames.shape,
                    frames.dtype,
                    chunks=(1, *frames.shape[1:]),
                    compression=compression,
                )
                for start, block in blocks_of(frames):
                    data[start : start + len(block)] = block
                data.attrs["axes"] = "theta:y:x"
                data.attrs["units"] = "dimensionless" if scan.is_line_integral and name == "data" else "counts"
        file["exchange/data"].attrs["description"] = "line integrals" if scan.is_line_integral else "counts"
        if scan.theta is not None:
            put(file, "exchange/theta", np.degrees(scan.theta), "degrees")
        if scan.flat_positions is not None:
            file["exchange/data_white_position"] = scan.flat_positions
        describe(file, scan)
    return path


def describe(file: h5py.File, scan: Scan) -> None:
    """Write beam, energy and exposure where DataExchange has them.

    Parameters
    ----------
    file : h5py.File
        Open for writing.
    scan : Scan
        The scan.
    """
    for name, value in geometry_fields(scan.geometry).items():
        file[f"{GEOMETRY}/{name}"] = value
    pixel = "pixel_size" if isinstance(scan.geometry, ConeBeam) else "actual_pixel_size"
    for axis in "xy" if scan.geometry.pixel_um is not None else "":
        put(file, f"measurement/instrument/detector/{pixel}_{axis}", scan.geometry.pixel_um, "um")
    if scan.energy_kev is not None:
        put(file, "measurement/instrument/monochromator/energy", scan.energy_kev, "keV")
    if scan.exposure_s is not None:
        put(file, "measurement/instrument/detector/exposure_time", scan.exposure_s, "s")
    if sample := scan.provenance.get("sample"):
        file["measurement/sample/name"] = str(sample)


def put(file: h5py.File, name: str, value: Any, units: str) -> None:
    """Write a number or a list of numbers with its unit.

    Parameters
    ----------
    file : h5py.File
        Open for writing.
    name : str
        Path of the dataset.
    value : float or array
        The number.
    units : str
        Its unit.
    """
    file[name] = value
    file[name].attrs["units"] = units


def write_nxtomo(path: str | Path, scan: Scan, *, compression: str | None = None, overwrite: bool = False) -> Path:
    """Write a scan as NXtomo HDF5, frames in the order they were taken.

    Parameters
    ----------
    path : str or Path
        Name of the file.
    scan : Scan
        Frames are stored in the type they have, which is the same for projections, flats and darks. Darks come
        first; flats at their positions, or first too if these are not known.
    compression : str, optional
        A filter of h5py such as "gzip" or "lzf"; None stores frames as they are.
    overwrite : bool
        True replaces a file of that name.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is false.
    ScanError
        If the scan contradicts itself, is of line integrals, or its frames differ in type.
    """
    check_scan(scan)
    stacks = {PROJECTION: scan.projections, FLAT: scan.flats, DARK: scan.darks}
    kinds = {str(frames.dtype) for frames in stacks.values() if frames is not None}
    if scan.is_line_integral or len(kinds) > 1:
        found = "line integrals" if scan.is_line_integral else f"frames of {' and '.join(sorted(kinds))}"
        raise ScanError(f"the scan has {found}; NXtomo holds counts of one type: write DataExchange instead")
    keys = order_of_frames(scan)
    path = Path(path)
    with whole_or_not(path, overwrite=overwrite) as partial, h5py.File(partial, "w") as file:
        entry = nexus_group(file, "entry", "NXentry")
        file.attrs["default"] = "entry"
        entry["definition"] = "NXtomo"
        detector = nexus_group(entry, "instrument/detector", "NXdetector")
        shape = (len(keys), *scan.shape[1:])
        data = detector.create_dataset(
            "data", shape, scan.projections.dtype, chunks=(1, *shape[1:]), compression=compression
        )
        for key, frames in stacks.items():
            places = np.flatnonzero(keys == key)
            for start, block in blocks_of(frames) if frames is not None else ():
                for place, frame in zip(places[start : start + len(block)], block, strict=True):
                    data[place] = frame
        detector["image_key"] = keys
        describe_nexus(entry, detector, scan, keys)
    return path


def order_of_frames(scan: Scan) -> np.ndarray:
    """Return the key of each frame in the order they were taken.

    Parameters
    ----------
    scan : Scan
        The scan.

    Returns
    -------
    (n_frames,) array of int
        0 projection, 1 flat, 2 dark.
    """
    keys = np.full(scan.shape[0], PROJECTION)
    if scan.flats is not None:
        places = scan.flat_positions if scan.flat_positions is not None else np.zeros(scan.flats.shape[0], dtype=int)
        keys = np.insert(keys, np.sort(places), FLAT)
    return np.insert(keys, 0, [DARK] * (0 if scan.darks is None else scan.darks.shape[0]))


def describe_nexus(entry: h5py.Group, detector: h5py.Group, scan: Scan, keys: np.ndarray) -> None:
    """Write angles, beam, energy and exposure where NXtomo has them.

    Parameters
    ----------
    entry : h5py.Group
        The entry.
    detector : h5py.Group
        The detector.
    scan : Scan
        The scan.
    keys : (n_frames,) array of int
        Key of each frame.
    """
    sample, data = nexus_group(entry, "sample", "NXsample"), nexus_group(entry, "data", "NXdata")
    if name := scan.provenance.get("sample"):
        sample["name"] = str(name)
    if scan.theta is not None:
        before = np.maximum(np.cumsum(keys == PROJECTION) - 1, 0)  # flats and darks stand where the stage last was
        put(sample, "rotation_angle", np.degrees(scan.theta)[before], "degree")
        data["rotation_angle"] = h5py.SoftLink(f"{sample.name}/rotation_angle")
    for link in ("data", "image_key"):
        data[link] = h5py.SoftLink(f"{detector.name}/{link}")
    geometry = scan.geometry
    for axis in "xy" if geometry.pixel_um is not None else "":
        put(detector, f"{axis}_pixel_size", geometry.pixel_um, "um")
    if geometry.centre_px is not None:
        put(detector, "x_rotation_axis_pixel_position", geometry.centre_px, "pixel")
    source = nexus_group(entry, "instrument/source", "NXsource")
    source["probe"] = "x-ray"
    if isinstance(geometry, ConeBeam):
        source["type"] = "Fixed Tube X-ray"
        put(source, "distance", -geometry.source_axis_mm, "mm")
        put(detector, "distance", geometry.source_detector_mm - geometry.source_axis_mm, "mm")
        for name in CONE_FIELDS:
            if (value := getattr(geometry, name)) is not None:
                detector[name] = value
    if scan.energy_kev is not None:
        put(entry, "instrument/beam/incident_energy", scan.energy_kev, "keV")
    if scan.exposure_s is not None:
        put(detector, "count_time", scan.exposure_s, "s")


def nexus_group(parent: h5py.Group, name: str, kind: str) -> h5py.Group:
    """Make a group of a NeXus class.

    Parameters
    ----------
    parent : h5py.Group
        Where it stands.
    name : str
        Its path; groups on the way become instruments.
    kind : str
        Its class.

    Returns
    -------
    h5py.Group
        The group.
    """
    if "/" in name:
        parent.require_group(name.split("/", maxsplit=1)[0]).attrs["NX_class"] = "NXinstrument"
    group = parent.require_group(name)
    group.attrs["NX_class"] = kind
    return group


def write_tiff_stack(path: str | Path, scan: Scan, *, compression: str | None = None, overwrite: bool = False) -> Path:
    """Write a scan as a folder of TIFF files, one a frame, with a sidecar.

    Parameters
    ----------
    path : str or Path
        Name of the folder; `projections/`, `flats/`, `darks/` and `scan.yaml` are made in it.
    scan : Scan
        Frames are stored in the type they have.
    compression : str, optional
        A compression of tifffile such as "zlib"; None stores frames as they are.
    overwrite : bool
        True replaces a folder of that name.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    FileExistsError
        If the folder exists and `overwrite` is false.
    ScanError
        If the scan contradicts itself.
    """
    check_scan(scan)
    path = Path(path)
    with whole_or_not(path, overwrite=overwrite) as partial:
        stacks = {"projections": scan.projections, "flats": scan.flats, "darks": scan.darks}
        for name, frames in stacks.items():
            if frames is not None:
                (partial / name).mkdir(parents=True)
                for start, block in blocks_of(frames):
                    for index, frame in enumerate(block, start):
                        file = partial / name / f"{name.removesuffix('s')}_{index:05d}.tif"
                        tifffile.imwrite(file, frame, compression=compression, metadata=None)
        about: dict[str, Any] = {"geometry": geometry_fields(scan.geometry)}
        for key in ("energy_kev", "exposure_s"):
            if (value := getattr(scan, key)) is not None:
                about[key] = float(value)
        if scan.is_line_integral:
            about["is_line_integral"] = True
        if scan.flat_positions is not None:
            about["flat_positions"] = [int(p) for p in scan.flat_positions]
        if scan.theta is not None:
            about["angles"] = "theta_deg.txt"
            lines = "\n".join(repr(float(angle)) for angle in np.degrees(scan.theta))
            (partial / "theta_deg.txt").write_text(f"theta_deg\n{lines}\n", encoding="utf-8")
        (partial / "scan.yaml").write_text(yaml.safe_dump(about, sort_keys=False), encoding="utf-8")
    return path

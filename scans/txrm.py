"""Zeiss (Xradia) scans: `.txrm` and `.xrm`, an OLE container with one stream a frame.

Names and types of the streams are those that txrm2tiff and dxchange document. `PixelSize` is the pixel at the
axis; on the detector it is larger by the magnification. Rows come as stored, the bottom one first, so that z
of a volume grows upwards. Columns grow to the right as the source sees the detector, and the sample turns
counter-clockwise seen from above as the angle grows: `direction = -1`. (That is how the Core Imaging Library
reads these files, see its issue 829; no Versa scan was at hand to try it on.) A frame is aligned by moving it
by plus its shift.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import ScanError
from .frames import RawFrames, believable_shape
from .geometry import ConeBeam, Geometry, ParallelBeam
from .hints import Hints
from .notes import Notes, note, with_notes
from .ole_streams import OleStreams
from .scan import Scan

FORMAT = "Zeiss txrm"
DTYPES = {2: "i1", 3: "u1", 4: "<i2", 5: "<u2", 6: "<i4", 7: "<u4", 10: "<f4", 11: "<f8"}
CONE = 1
"""Value of ImageInfo/XrayGeometry for a cone beam without optics between sample and detector."""

PER_STREAM_FOLDER = 100
EV = 1000.0
"""A photon energy above this is in eV: these machines reach 160 kV."""


def recognises(path: Path, hints: Hints) -> bool:
    """Tell whether an OLE file holds X-ray frames.

    Parameters
    ----------
    path : Path
        An OLE file.
    hints : Hints
        Not looked at.

    Returns
    -------
    bool
        True if it states the width of its images.
    """
    with OleStreams(path) as ole:
        return ole.has("ImageInfo/ImageWidth")


def read(path: Path, hints: Hints) -> Scan:
    """Read the description of a Zeiss scan; frames are read when they are sliced.

    Parameters
    ----------
    path : Path
        A `.txrm` or `.xrm` file.
    hints : Hints
        Not looked at here.

    Returns
    -------
    Scan
        What the file holds; its embedded reference is the one flat.

    Raises
    ------
    ScanError
        If it is damaged, or a reconstructed volume.
    """
    notes: Notes = []
    with OleStreams(path) as ole:
        if ole.number("ImageInfo/AcquisitionMode") not in (None, 0.0):
            raise ScanError(f"{path} holds a reconstructed volume, not projections; give the txrm file of the scan")
        frames = frames_of(ole, notes)
        n = frames.shape[0]
        angles = ole.numbers("ImageInfo/Angles")[:n].astype(np.float64)
        voltage, energy = ole.number("ImageInfo/Voltage", "<f4"), ole.number("ImageInfo/Energy", "<f4")
        exposure = ole.number("ImageInfo/ExpTimes", "<f4") or ole.number("ImageInfo/ExpTime", "<f4")
        reference = reference_of(ole, frames, exposure, notes)
        provenance = {
            "sample": ole.text("SampleInfo/SampleID"),
            "start": ole.text("ImageInfo/Date"),
            "objective": ole.text("ImageInfo/ObjectiveName"),
            "tube_kv": voltage or (energy if energy and energy < EV else None),
            "binning": ole.number("ImageInfo/HorizontalBin"),
            "centre_shift_px": ole.number("ReconSettings/CenterShift", "<f4")
            or ole.number("AutoRecon/CenterShift", "<f4"),
        }
        return Scan(
            projections=frames,
            flats=reference,
            theta=np.radians(angles) if angles.size else None,
            geometry=read_geometry(ole, notes),
            energy_kev=energy / 1e3 if energy and energy >= EV and not voltage else None,
            exposure_s=exposure if exposure and exposure > 0 else None,
            shifts_px=shifts(ole, n),
            path=path,
            format=FORMAT,
            provenance=with_notes(provenance, notes),
        )


def frames_of(ole: OleStreams, notes: Notes) -> RawFrames:
    """Describe the projections.

    Parameters
    ----------
    ole : OleStreams
        The open file.
    notes : list of str
        Grows if the scan was stopped early.

    Returns
    -------
    RawFrames
        The frames.

    Raises
    ------
    ScanError
        If their size, number or type is missing or wrong, or a frame is not there.
    """
    sizes = [ole.number(f"ImageInfo/{name}") or 0 for name in ("NoOfImages", "ImageHeight", "ImageWidth")]
    taken = ole.number("ImageInfo/ImagesTaken")
    if taken is not None and 0 < taken < sizes[0]:
        note(notes, f"{ole.path} has {taken:g} of {sizes[0]:g} projections; the scan was stopped")
        sizes[0] = taken
    kind = int(ole.number("ImageInfo/DataType") or 0)
    if kind not in DTYPES:
        raise ScanError(f"{ole.path} has frames of DataType {kind}; known are {', '.join(map(str, DTYPES))}")
    dtype = np.dtype(DTYPES[kind])
    shape = believable_shape([int(size) for size in sizes], dtype, str(ole.path))
    names = (f"ImageData{i // PER_STREAM_FOLDER + 1}/Image{i + 1}" for i in range(shape[0]))
    return RawFrames(ole.path, tuple(tuple(ole.runs(name)) for name in names), shape[1:], dtype)


def reference_of(ole: OleStreams, frames: RawFrames, exposure_s: float | None, notes: Notes) -> RawFrames | None:
    """Describe the reference image that is embedded in the file.

    Parameters
    ----------
    ole : OleStreams
        The open file.
    frames : RawFrames
        The projections.
    exposure_s : float or None
        Exposure of a projection, in s.
    notes : list of str
        Grows if there is none, or it does not fit.

    Returns
    -------
    RawFrames or None
        The one flat; None if there is none of the size of the projections.
    """
    if not ole.has("ReferenceData/Image"):
        return None
    kind = int(ole.number("ReferenceData/DataType") or ole.number("ReferenceData/ImageInfo/DataType") or 0)
    height, width = (ole.number(f"ReferenceData/ImageInfo/Image{name}") for name in ("Height", "Width"))
    shape = (int(height or frames.shape[1]), int(width or frames.shape[2]))
    if kind not in DTYPES or shape != frames.shape[1:]:
        found = f"{shape[0]} x {shape[1]} pixels of DataType {kind}"
        note(
            notes,
            f"the embedded reference has {found} and is left out; give flats of {frames.shape[1]} x {frames.shape[2]}",
        )
        return None
    names = ("ReferenceData/ExpTime", "ReferenceData/ImageInfo/ExpTimes", "ReferenceData/ImageInfo/ExpTime")
    taken_s = next((value for name in names if (value := ole.number(name, "<f4"))), None)
    if taken_s and exposure_s and abs(taken_s / exposure_s - 1) > 1e-3:
        note(
            notes,
            f"the reference took {taken_s:g} s and a projection {exposure_s:g} s; transmission is off by the ratio",
        )
    return RawFrames(ole.path, (tuple(ole.runs("ReferenceData/Image")),), shape, np.dtype(DTYPES[kind]))


def read_geometry(ole: OleStreams, notes: Notes) -> Geometry:
    """Read pixel and distances.

    Parameters
    ----------
    ole : OleStreams
        The open file.
    notes : list of str
        Grows if the distances are no use.

    Returns
    -------
    ParallelBeam or ConeBeam
        A cone beam if the file says so and has distances of the source and the detector from the axis.
    """
    pixel_um = ole.number("ImageInfo/PixelSize", "<f4")
    pixel_um = pixel_um if pixel_um and pixel_um > 0 else None
    near, behind = (abs(ole.number(f"ImageInfo/{name}RADistance", "<f4") or 0.0) for name in ("Sto", "Dto"))
    if ole.number("ImageInfo/XrayGeometry") not in (None, float(CONE)):
        return ParallelBeam(pixel_um)
    if not near or not behind or near == behind == 1.0:
        note(notes, f"distances of source {near:g} and detector {behind:g} mm are no use; taken as a parallel beam")
        return ParallelBeam(pixel_um)
    magnification = (near + behind) / near
    on_detector = None if pixel_um is None else pixel_um * magnification
    return ConeBeam(on_detector, near, near + behind, direction=-1)


def shifts(ole: OleStreams, n_theta: int) -> NDArray[np.float64] | None:
    """Read the shift of each projection.

    Parameters
    ----------
    ole : OleStreams
        The open file.
    n_theta : int
        Number of projections.

    Returns
    -------
    (n_theta, 2) array or None
        Row and column shift in pixels; None if there are none, or all are zero.
    """
    rows, columns = (ole.numbers(f"Alignment/{axis}-Shifts")[:n_theta] for axis in "YX")
    if len(rows) != n_theta or len(columns) != n_theta or not (np.any(rows) or np.any(columns)):
        return None
    return np.stack([rows, columns], axis=1).astype(np.float64)

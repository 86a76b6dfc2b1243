"""What is in a scan, what is missing, and how to supply it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checking import check_frames, check_scan
from .errors import ScanError
from .geometry import ConeBeam
from .hints import geometry_fields
from .opening import open_scan
from .scan import Frames, Scan

REMEDIES: dict[str, str] = {
    "flats": "counts cannot be divided by the open beam: name flats in a sidecar (flats: FOLDER), "
    "or say is_line_integral: true if the frames are already -log",
    "darks": "the dark offset is taken as zero: name darks in a sidecar (darks: FOLDER)",
    "theta": "give --theta-range FIRST LAST in degrees (the last angle left out), "
    "or theta_step_deg or angles (a text file) in a sidecar",
    "pixel_um": "give --pixel-um, or pixel_um in a sidecar; without it µ has no unit",
}
"""For each thing that a reconstruction needs, what its lack means and how to give it."""

EVEN_DEG = 1e-3


@dataclass(frozen=True)
class Inspection:
    """The facts of a scan, ready for a table or JSON; units are in the names, None is what is not known.

    Parameters
    ----------
    path : str or None
        File or folder.
    format : str
        Name of the layout.
    projections : dict
        `frames`, `rows`, `columns`, `dtype`, `gib` (size in memory).
    flats, darks : dict or None
        The same of flats and darks.
    flats_taken : dict or None
        How many flats were taken `before`, `during` and `after` the projections.
    angles : dict or None
        `count`, `first_deg`, `last_deg`, `step_deg` (median), `coverage_deg` (ends apart, and one step),
        `order` (rising, falling or mixed), `even` (all steps the same to 0.001 degrees).
    geometry : dict
        `beam` and its fields; of a cone beam also `magnification` and `voxel_um`.
    energy_kev : float or None
        Photon energy.
    exposure_s : float or None
        Exposure of one projection.
    is_line_integral : bool
        True if the frames are line integrals, not counts.
    has_shifts : bool
        True if the instrument stored a shift for each projection.
    missing : dict
        What a reconstruction needs and the scan lacks, each with its remedy.
    warnings : list of str
        What was assumed in reading, and what contradicts itself.
    provenance : dict
        Further facts from the file.
    """

    path: str | None
    format: str
    projections: dict[str, Any]
    flats: dict[str, Any] | None
    darks: dict[str, Any] | None
    flats_taken: dict[str, int] | None
    angles: dict[str, Any] | None
    geometry: dict[str, Any]
    energy_kev: float | None
    exposure_s: float | None
    is_line_integral: bool
    has_shifts: bool
    missing: dict[str, str]
    warnings: list[str]
    provenance: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as plain dictionaries, lists, texts and numbers, as JSON takes them."""
        return asdict(self)


def inspect(source: Scan | str | Path, **hints: Any) -> Inspection:
    """Look into a scan without reading its frames.

    Parameters
    ----------
    source : Scan, str or Path
        An open scan, or its file or folder.
    **hints : object
        As for `open_scan`; only with a path.

    Returns
    -------
    Inspection
        What is there and what is missing; contradictions are among its warnings, not raised.

    Raises
    ------
    FileNotFoundError
        If there is nothing at the path.
    ScanError
        If no reader can read it.
    """
    scan = source if isinstance(source, Scan) else open_scan(source, **hints)
    warnings = [str(message) for message in scan.provenance.get("notes", ())]
    try:
        check_scan(scan)
    except ScanError as error:
        warnings.append(str(error))
    geometry = geometry_fields(scan.geometry)
    if isinstance(scan.geometry, ConeBeam):
        geometry["magnification"] = scan.geometry.magnification
        if scan.geometry.pixel_um is not None:
            geometry["voxel_um"] = scan.geometry.pixel_um / scan.geometry.magnification
    return Inspection(
        path=None if scan.path is None else str(scan.path),
        format=scan.format,
        projections=frame_facts(scan.projections),
        flats=None if scan.flats is None else frame_facts(scan.flats),
        darks=None if scan.darks is None else frame_facts(scan.darks),
        flats_taken=flat_facts(scan),
        angles=None if scan.theta is None else angle_facts(scan.theta),
        geometry=geometry,
        energy_kev=scan.energy_kev,
        exposure_s=scan.exposure_s,
        is_line_integral=scan.is_line_integral,
        has_shifts=scan.shifts_px is not None,
        missing={name: REMEDIES[name] for name in scan.missing},
        warnings=warnings,
        provenance={key: plain(value) for key, value in scan.provenance.items() if key != "notes"},
    )


def frame_facts(frames: Frames) -> dict[str, Any]:
    """Describe a stack of frames.

    Parameters
    ----------
    frames : Frames
        The stack.

    Returns
    -------
    dict
        Its size, type and size in memory.
    """
    n_frames, n_rows, n_cols = frames.shape
    gib = n_frames * n_rows * n_cols * frames.dtype.itemsize / 2**30
    return {"frames": n_frames, "rows": n_rows, "columns": n_cols, "dtype": str(frames.dtype), "gib": round(gib, 6)}


def flat_facts(scan: Scan) -> dict[str, int] | None:
    """Count the flats taken before, during and after the projections.

    Parameters
    ----------
    scan : Scan
        Any scan.

    Returns
    -------
    dict or None
        None if the scan does not say.
    """
    if scan.flat_positions is None:
        return None
    before, after = int(np.sum(scan.flat_positions <= 0)), int(np.sum(scan.flat_positions >= scan.shape[0]))
    return {"before": before, "during": len(scan.flat_positions) - before - after, "after": after}


def angle_facts(theta: NDArray[np.float64]) -> dict[str, Any]:
    """Describe the angles of a scan.

    Parameters
    ----------
    theta : (n,) array
        Angles in rad.

    Returns
    -------
    dict
        Number, ends, step, range and order, in degrees.
    """
    degrees = np.degrees(theta)
    steps = np.diff(degrees)
    facts: dict[str, Any] = {"count": len(theta), "first_deg": round(float(degrees[0]), 6)}
    facts["last_deg"] = round(float(degrees[-1]), 6)
    if not steps.size:
        return facts | {"step_deg": None, "coverage_deg": None, "order": None, "even": None}
    step = float(np.median(steps))
    order = "rising" if np.all(steps > 0) else "falling" if np.all(steps < 0) else "mixed"
    return facts | {
        "step_deg": round(step, 6),
        "coverage_deg": round(float(np.ptp(degrees)) + abs(step), 4),
        "order": order,
        "even": bool(np.all(np.abs(steps - step) <= EVEN_DEG)),
    }


def plain(value: Any) -> Any:
    """Return a value that JSON takes.

    Parameters
    ----------
    value : object
        From a provenance.

    Returns
    -------
    object
        Numbers, texts, lists and dictionaries as they are, NumPy's as Python's, the rest as text.
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)


def thumbnail(scan: Scan, *, max_frames: int = 16) -> NDArray[np.float32]:
    """Return the middle projection, divided by flat and dark where the scan has them.

    Parameters
    ----------
    scan : Scan
        Any scan.
    max_frames : int
        At most so many flats and darks are averaged.

    Returns
    -------
    (n_rows, n_cols) array of float32
        Transmission I / I0 if there are flats, else counts or line integrals as stored; pixels without light
        are NaN.

    Raises
    ------
    ScanError
        If flats or darks have another size than the projections.
    """
    check_frames(scan)
    middle = scan.shape[0] // 2
    with np.errstate(all="ignore"):  # counts that are not finite, or too large for float32, give NaN
        image = scan.projections[middle : middle + 1][0].astype(np.float32)
        if scan.is_line_integral or scan.flats is None:
            return image
        dark = np.float32(0) if scan.darks is None else scan.darks[:max_frames].mean(axis=0, dtype=np.float32)
        beam = scan.flats[:max_frames].mean(axis=0, dtype=np.float32) - dark
        return np.divide(image - dark, beam, out=np.full_like(image, np.nan), where=beam > 0)

"""What a user or a sidecar says about a scan, and how it overrides what the file says."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ScanError
from .geometry import ConeBeam, Geometry, ParallelBeam

logger = logging.getLogger(__name__)

Source = str | Path | Sequence[str | Path] | Mapping[str, Any]
"""Where frames lie: a file, a folder, a pattern, a list of files, or a mapping that describes a raw file."""


@dataclass(frozen=True)
class Hints:
    """What the file of a scan does not say, or says wrongly.

    Parameters
    ----------
    pixel_um : float or None
        Detector pixel in µm: at the sample in parallel beam, on the detector in cone beam.
    energy_kev : float or None
        Photon energy of a monochromatic beam, in keV.
    exposure_s : float or None
        Exposure of one projection, in s.
    centre_px : float or None
        Column of the rotation axis as a pixel-centre index.
    theta_deg : sequence of float or None
        Angle of each projection, in degrees.
    theta_range_deg : (float, float) or None
        First and last angle, in degrees, the last left out: n views stand at first + i (last - first) / n.
        [0, 180] with 181 views is a step of 0.994 degrees; where the last view is at 180, give
        `theta_step_deg` instead.
    theta_step_deg : float or None
        Step in degrees: view i stands at i times the step.
    angles : str, Path or None
        Text file of angles, one a line, in degrees unless its column is named rad.
    geometry : ParallelBeam, ConeBeam, mapping or None
        The beam; as a mapping its keys are `beam` (parallel or cone) and the fields of the record.
    projections, flats, darks : str, Path, sequence, mapping or None
        Where these frames lie, relative to the folder of the scan.
    is_line_integral : bool or None
        True if the frames are line integrals of µ already, not counts.
    flat_positions : sequence of int or None
        Place of each flat in time: the index of the projection that follows it.
    allow_outside : bool
        True lets links and paths inside the files lead out of the scan's folder.
    """

    pixel_um: float | None = None
    energy_kev: float | None = None
    exposure_s: float | None = None
    centre_px: float | None = None
    theta_deg: Sequence[float] | None = None
    theta_range_deg: tuple[float, float] | None = None
    theta_step_deg: float | None = None
    angles: str | Path | None = None
    geometry: Geometry | Mapping[str, Any] | None = None
    projections: Source | None = None
    flats: Source | None = None
    darks: Source | None = None
    is_line_integral: bool | None = None
    flat_positions: Sequence[int] | None = None
    allow_outside: bool = False
    trusted: frozenset[str] = field(default_factory=frozenset, repr=False)
    """Names of the hints that a user gave; only their paths may lead out of the folder."""


PATH_HINTS = ("angles", "projections", "flats", "darks")
THETA_HINTS = ("theta_deg", "theta_range_deg", "theta_step_deg", "angles")
NAMES = tuple(f.name for f in fields(Hints) if f.name != "trusted")


def nearest_name(name: str, names: Iterable[str]) -> str:
    """Return advice on a name that is not known.

    Parameters
    ----------
    name : str
        What was given.
    names : iterable of str
        What is known.

    Returns
    -------
    str
        The nearest name as a question, or all names.
    """
    known = sorted(names)
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"


def hints_from(values: Mapping[str, Any], *, trusted: bool = True) -> Hints:
    """Check names and kinds of hints and put them into a record.

    Parameters
    ----------
    values : mapping
        Hints by name; None stands for not given.
    trusted : bool
        True if a user gave them: their paths may lead anywhere. False for a sidecar.

    Returns
    -------
    Hints
        The same, converted.

    Raises
    ------
    TypeError
        If a name is not known.
    ScanError
        If a value is not of its kind or out of bounds.
    """
    given = {name: value for name, value in values.items() if value is not None}
    for name in given:
        if name not in NAMES:
            raise TypeError(f"{name!r} is no hint for a scan; {nearest_name(str(name), NAMES)}")
    for name in ("pixel_um", "energy_kev", "exposure_s", "theta_step_deg", "centre_px"):
        if name in given:
            given[name] = checked_number(given[name], name, positive=name not in ("theta_step_deg", "centre_px"))
    for name in ("is_line_integral", "allow_outside"):
        if name in given and not isinstance(given[name], bool):
            raise ScanError(f"{name} is {given[name]!r}; give true or false")
    angles = [name for name in THETA_HINTS if name in given]
    if len(angles) > 1:
        raise ScanError(f"angles are given twice, as {' and '.join(angles)}; give one of them")
    if "theta_range_deg" in given:
        given["theta_range_deg"] = checked_range(given["theta_range_deg"])
    return Hints(**given, trusted=frozenset(given) if trusted else frozenset())


def checked_number(value: Any, name: str, *, positive: bool = True) -> float:
    """Return a hint as a finite number.

    Parameters
    ----------
    value : object
        What was given.
    name : str
        Name of the hint, for the message.
    positive : bool
        True asks for more than zero.

    Returns
    -------
    float
        The number.

    Raises
    ------
    ScanError
        If it is no number, or not above zero where it must be.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if isinstance(value, bool) or not np.isfinite(number) or (positive and number <= 0):
        raise ScanError(f"{name} is {value!r}; give a {'number above 0' if positive else 'finite number'}")
    return number


def checked_range(value: Any) -> tuple[float, float]:
    """Return first and last angle as two different numbers.

    Parameters
    ----------
    value : object
        What was given.

    Returns
    -------
    tuple of 2 float
        First and last angle, in degrees.

    Raises
    ------
    ScanError
        If it is not two different finite numbers.
    """
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise ScanError(f"theta_range_deg is {value!r}; give first and last angle, for instance [0, 180]")
    first, last = (checked_number(v, "theta_range_deg", positive=False) for v in value)
    if first == last:
        raise ScanError(f"theta_range_deg is [{first}, {last}]; the last angle must differ from the first")
    return first, last


def merged(user: Hints, sidecar: Hints) -> Hints:
    """Lay the user's hints over those of a sidecar.

    Parameters
    ----------
    user : Hints
        Given in the call or on the command line.
    sidecar : Hints
        Found in a file beside the scan.

    Returns
    -------
    Hints
        The user's where there is one, else the sidecar's.
    """
    change: dict[str, Any] = {}
    user_has_angles = any(getattr(user, name) is not None for name in THETA_HINTS)
    for name in NAMES:
        if name == "allow_outside" or getattr(user, name) is not None:
            continue
        if not (name in THETA_HINTS and user_has_angles):
            change[name] = getattr(sidecar, name)
    return replace(user, **change)


def geometry_from(value: Geometry | Mapping[str, Any], *, pixel_um: float | None) -> Geometry:
    """Make a geometry from a hint.

    Parameters
    ----------
    value : ParallelBeam, ConeBeam or mapping
        A geometry, or its fields and `beam` (parallel or cone; cone if there is a source distance).
    pixel_um : float or None
        Pixel in µm where the mapping has none.

    Returns
    -------
    ParallelBeam or ConeBeam
        The geometry.

    Raises
    ------
    ScanError
        If a field is not known, missing or no number.
    """
    if isinstance(value, ParallelBeam | ConeBeam):
        return value
    if not isinstance(value, Mapping):
        raise ScanError(f"geometry is {value!r}; give a mapping such as {{beam: parallel, pixel_um: 0.54}}")
    given = dict(value)
    beam = given.pop("beam", "cone" if "source_axis_mm" in given else "parallel")
    if beam not in ("parallel", "cone"):
        raise ScanError(f"geometry has beam {beam!r}; give parallel or cone")
    kind = ConeBeam if beam == "cone" else ParallelBeam
    names = [f.name for f in fields(kind)]
    for name in given:
        if name not in names:
            raise ScanError(f"geometry of a {beam} beam has no {name!r}; {nearest_name(str(name), names)}")
    positive = ("pixel_um", "source_axis_mm", "source_detector_mm")
    numbers: dict[str, Any] = {
        name: checked_number(v, f"geometry.{name}", positive=name in positive)
        for name, v in given.items()
        if v is not None
    }
    numbers.setdefault("pixel_um", pixel_um)
    if kind is ParallelBeam:
        return ParallelBeam(**numbers)
    missing = [name for name in ("source_axis_mm", "source_detector_mm") if name not in numbers]
    if missing:
        raise ScanError(f"geometry of a cone beam lacks {' and '.join(missing)}; both distances are needed, in mm")
    if numbers.get("direction", 1) not in (1, -1):
        raise ScanError(f"geometry.direction is {numbers['direction']:g}; give 1 or -1")
    if "direction" in numbers:
        numbers["direction"] = int(numbers["direction"])
    return ConeBeam(**numbers)


def geometry_fields(geometry: Geometry) -> dict[str, Any]:
    """Return a geometry as a mapping, as sidecars and hints have it.

    Parameters
    ----------
    geometry : ParallelBeam or ConeBeam
        The geometry.

    Returns
    -------
    dict
        `beam` and the fields that are not None.
    """
    given = {f.name: getattr(geometry, f.name) for f in fields(geometry)}
    beam = "cone" if isinstance(geometry, ConeBeam) else "parallel"
    return {"beam": beam, **{name: value for name, value in given.items() if value is not None}}


def theta_from(hints: Hints, n_theta: int) -> NDArray[np.float64] | None:
    """Return the angles that the hints give in numbers.

    Parameters
    ----------
    hints : Hints
        With `theta_deg`, `theta_range_deg` or `theta_step_deg`; a file of angles is read elsewhere.
    n_theta : int
        Number of projections.

    Returns
    -------
    (n,) array or None
        Angles in rad; None if the hints give none.

    Raises
    ------
    ScanError
        If `theta_deg` is not a list of finite numbers.
    """
    if hints.theta_range_deg is not None:
        first, last = hints.theta_range_deg
        return np.radians(first + np.arange(n_theta) * ((last - first) / n_theta))
    if hints.theta_step_deg is not None:
        return np.radians(np.arange(n_theta) * hints.theta_step_deg)
    if hints.theta_deg is None:
        return None
    try:
        theta = np.asarray(hints.theta_deg, dtype=np.float64)
    except (TypeError, ValueError):
        theta = np.empty(0)
    if theta.ndim != 1 or not theta.size or not np.isfinite(theta).all():
        raise ScanError("theta_deg is not a list of finite numbers; give one angle in degrees per projection")
    return np.radians(theta)

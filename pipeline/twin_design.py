"""A twin by names, sizes and YAML: the cell, its charge, the scanner, the gases, and where the cell stands."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from ..materials import Gas
from ..simulation import PRESETS, SETUPS, Acquisition, Pose, Preset, resized, shrunk
from ..simulation.demo import DEMO
from .beams import beam_of
from .config import Source
from .loading import ConfigError

T = TypeVar("T")

CELLS = {"demo": DEMO, **PRESETS}
DEFAULT_GASES = ("argon:1", "xenon:6")
DEMO_SOURCE = {"tube": "Mo", "kv": 44, "filters": [{"formula": "Al", "mm": 0.2}]}
SOURCES: Mapping[str, dict[str, Any]] = {
    "demo": DEMO_SOURCE,
    "kodama-nano3dx": {"tube": "Mo", "kv": 44, "detector": {"scintillator": "gagg", "thickness_um": 20}},
    "ham-versa": {
        "tube": "W",
        "kv": 80,
        "filters": [{"formula": "Al", "mm": 0.35}],
        "detector": {"scintillator": "csi", "thickness_um": 100},
    },
    "beamline-25kev": {"energy_kev": 25},
}
"""The beam of each scanner, in the words of a configuration."""

SECTIONS = ("cell", "charge", "setup", "gases", "poses", "seed")
REFERENCE = "xenon"
"""The scan whose place the others are brought to, where there is one."""


@dataclass(frozen=True)
class Size:
    """What is made smaller or larger than the preset and the scanner have it; None keeps it.

    Parameters
    ----------
    diameter_um, height_um : float or None
        Bore and height of the cell, given together.
    rows, columns, views : int or None
        Frame and number of projections.
    voxel_um : float or None
        Voxel of the truth; None takes the preset's, halved until it is no larger than the scan's.
    """

    diameter_um: float | None = None
    height_um: float | None = None
    rows: int | None = None
    columns: int | None = None
    views: int | None = None
    voxel_um: float | None = None


@dataclass(frozen=True)
class TwinDesign:
    """All that decides what a twin is.

    Parameters
    ----------
    preset : Preset
        The cell and its charge.
    acquisition : Acquisition
        How it is scanned.
    source : dict
        The beam, in the words of a configuration.
    gases : mapping of str to Gas
        Gas of each scan, by its name.
    poses : mapping of str to Pose
        Shift and turn of scans beside the one that the others are brought to.
    seed : int
        Seed of cell and noise.
    """

    preset: Preset
    acquisition: Acquisition
    source: dict[str, Any]
    gases: Mapping[str, Gas]
    poses: Mapping[str, Pose] = field(default_factory=dict)
    seed: int = 0

    @property
    def reference(self) -> str:
        """The scan whose grid the truth is given on."""
        return REFERENCE if REFERENCE in self.gases else next(iter(self.gases))


def gas_of(text: str) -> Gas:
    """Read a gas as `name:pressure` or `name:pressure:temperature`.

    Parameters
    ----------
    text : str
        For instance "xenon:6", in atm absolute, or "xenon:6:298.15" with the temperature in K.

    Returns
    -------
    Gas
        The filling.

    Raises
    ------
    ValueError
        If it is not of this form, or the gas is not known.
    """
    name, *numbers = text.split(":")
    try:
        values = [float(number) for number in numbers]
    except ValueError as error:
        raise ValueError(f"gas {text!r} is not name:pressure_atm[:temperature_k], for instance xenon:6") from error
    if not 1 <= len(values) <= 2:
        raise ValueError(f"gas {text!r} lacks its pressure; give name:pressure_atm, for instance xenon:6")
    return Gas(name, *values)


def design_twin(
    *,
    cell: str | None = None,
    setup: str | None = None,
    gases: Sequence[str] | None = None,
    size: Size | None = None,
    seed: int | None = None,
    file: Path | None = None,
) -> TwinDesign:
    """Put a twin together from names, sizes, and a file; what is given by name goes before the file's preset.

    Parameters
    ----------
    cell, setup : str, optional
        Names of the cell and the scanner; the file's, or else the demo's.
    gases : sequence of str, optional
        One scan each, as for `gas_of`; the file's, or else argon at 1 and xenon at 6 atm.
    size : Size, optional
        What differs.
    seed : int, optional
        Seed; the file's, or else 0.
    file : Path, optional
        YAML with what differs from the presets.

    Returns
    -------
    TwinDesign
        The twin.

    Raises
    ------
    ValueError
        If a name is not known, a value is out of range, or diameter and height are not given together.
    """
    own, size = read_twin_file(file), size or Size()
    cells, scanner = _section(own, "cell"), _section(own, "setup")
    preset = _named("cell", cell or cells.get("preset", "demo"), CELLS)
    name = setup or scanner.get("preset", "demo")
    acquisition = _named("setup", name, SETUPS)()
    if (source := scanner.get("source")) is not None:
        acquisition = replace(acquisition, spectrum=_beam(source))
    off_px = acquisition.axis_px - (acquisition.detector.n_cols - 1) / 2
    acquisition = _overridden(acquisition, _without(scanner, "preset", "source"), "setup")
    if "centre_px" not in scanner:
        acquisition = replace(acquisition, centre_px=(acquisition.detector.n_cols - 1) / 2 + off_px)
    acquisition = resized(acquisition, n_rows=size.rows, n_cols=size.columns, n_views=size.views)
    preset = replace(
        preset,
        design=_overridden(preset.design, _without(cells, "preset"), "cell"),
        charge=_overridden(preset.charge, _section(own, "charge"), "charge"),
    )
    fillings = _fillings(gases, own)
    made = TwinDesign(
        preset=_sized(preset, size, acquisition.voxel_um),
        acquisition=acquisition,
        source=source or SOURCES[name],
        gases=fillings,
        poses=_poses(_section(own, "poses"), fillings, {*fillings, *_section(own, "gases")}),
        seed=seed if seed is not None else _checked(int, own.get("seed", 0), "seed"),
    )
    if made.reference in made.poses:
        raise ConfigError(
            f"poses.{made.reference} moves the scan that truth and the other scans are brought to; move another one"
        )
    return made


def _section(own: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a section of the file, empty where it is not there."""
    return _mapping(own.get(name) or {}, name)


def _without(values: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}


def _fillings(gases: Sequence[str] | None, own: Mapping[str, Any]) -> dict[str, Gas]:
    """Return the gas of each scan: as named, else the file's, else argon and xenon."""
    entries = _section(own, "gases")
    if gases is None and entries:
        return {name: _checked(Gas, value, f"gases.{name}") for name, value in entries.items()}
    return {gas.name: gas for gas in map(gas_of, gases or DEFAULT_GASES)}


def read_twin_file(file: Path | None) -> dict[str, Any]:
    """Read the YAML of a twin.

    Parameters
    ----------
    file : Path or None
        The file; None is an empty one.

    Returns
    -------
    dict
        Its sections.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigError
        If it is no YAML, or has sections that are not known.
    """
    if file is None:
        return {}
    if not file.is_file():
        raise FileNotFoundError(f"no file {file}; give the path of a YAML file with cell, setup, ...")
    try:
        values = yaml.safe_load(file.read_text(encoding="utf8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not readable as YAML: {' '.join(str(error).split())}") from error
    for name in _mapping(values, str(file)):
        if name not in SECTIONS:
            raise ConfigError(f"{file} has a section {name!r}; it may have {', '.join(SECTIONS)}")
    return dict(values)


def _named(kind: str, name: str, known: Mapping[str, T]) -> T:
    """Look a preset up."""
    if name not in known:
        raise ValueError(f"{kind} {name!r} is not known; choose from {', '.join(sorted(known))}")
    return known[name]


def _sized(preset: Preset, size: Size, scan_um: float) -> Preset:
    """Shrink the cell where asked to, and make its voxels no larger than the scan's."""
    if (size.diameter_um is None) != (size.height_um is None):
        raise ValueError("diameter and height are given together; add the one that is missing")
    if size.diameter_um is not None and size.height_um is not None:
        fine = size.voxel_um or min(size.diameter_um / 300, 1.0)
        preset = shrunk(preset, size.diameter_um, size.height_um, voxel_um=fine)
    bore = preset.design.bore
    voxel_um = size.voxel_um or bore.voxel_um
    if size.voxel_um is None and voxel_um > scan_um:
        voxel_um /= 2 ** math.ceil(math.log2(voxel_um / scan_um))
    return replace(preset, design=replace(preset.design, bore=replace(bore, voxel_um=voxel_um)))


def _overridden(part: T, values: Any, where: str) -> T:
    """Return a record with some fields replaced, records within it too; a field that is None becomes a new record."""
    given = _mapping(values, where)
    hints = {key: kind for key, kind in get_type_hints(type(part)).items() if key != "spectrum"}
    for key in given:
        if key not in hints:
            extra = ["preset"] if where in ("cell", "setup") else []
            known = ", ".join([*extra, *(["source"] if where == "setup" else []), *hints])
            raise ConfigError(f"{where} has a key {key!r}; it may have {known}")
    changes = {key: _changed(getattr(part, key), hints[key], value, f"{where}.{key}") for key, value in given.items()}
    return _explained(lambda: replace(part, **changes), where)  # type: ignore[type-var]


def _changed(before: Any, hint: Any, value: Any, where: str) -> Any:
    """Return the new value of a field: a record changed in part, a record begun, or a checked value."""
    if value is None and type(None) in getattr(hint, "__args__", ()):
        return None
    records = [kind for kind in (hint, *getattr(hint, "__args__", ())) if dataclasses.is_dataclass(kind)]
    if not records:
        return _checked(hint, value, where)
    if before is not None:
        return _overridden(before, value, where)
    return _checked(records[0], value, where)


def _checked(kind: Any, value: Any, where: str) -> Any:
    """Return a value as a type, or say where and why it is none; unknown keys of records are errors."""
    if dataclasses.is_dataclass(kind):
        known = [item.name for item in dataclasses.fields(kind)]
        for key in _mapping(value, where):
            if key not in known:
                raise ConfigError(f"{where} has a key {key!r}; it may have {', '.join(known)}")
    return _explained(lambda: TypeAdapter(kind).validate_python(value), where)


def _explained(make: Callable[[], T], where: str) -> T:
    """Make something, and say where in the file a fault lies."""
    try:
        return make()
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join([where, *map(str, fault["loc"])])
        raise ConfigError(
            f"{place}: {fault['msg'].removeprefix('Value error, ')} (found {fault['input']!r})"
        ) from error
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def _mapping(values: Any, where: str) -> dict[str, Any]:
    """Return a section as a mapping."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where} holds {values!r}; it must be a mapping of keys to values")
    return dict(values)


def _beam(source: Any) -> Any:
    """Return the spectrum that a `source` section describes."""
    described = _checked_source(source)
    spectrum = _explained(lambda: beam_of(described), "setup.source")
    if spectrum is None:
        raise ConfigError("setup.source: give energy_kev, or tube and kv")
    return spectrum.trimmed()


def _checked_source(source: Any) -> Source:
    return _explained(lambda: Source.model_validate(source), "setup.source")


def _poses(values: Any, gases: Mapping[str, Gas], known: set[str]) -> dict[str, Pose]:
    """Read where the cell stands in some scans: {argon: {shift_um: [z, y, x], turn_deg: 0.1}}."""
    poses = {}
    for name, entry in _mapping(values, "poses").items():
        if name not in known:
            raise ConfigError(f"poses.{name} is no scan; the scans are {', '.join(sorted(known))}")
        given = _mapping(entry, f"poses.{name}")
        for key in given:
            if key not in ("shift_um", "turn_deg"):
                raise ConfigError(f"poses.{name} has a key {key!r}; it may have shift_um (z, y, x) and turn_deg")
        shift = _checked(tuple[float, float, float], given.get("shift_um", (0, 0, 0)), f"poses.{name}.shift_um")
        turn_deg = _checked(float, given.get("turn_deg", 0.0), f"poses.{name}.turn_deg")
        poses[name] = Pose(shift, math.radians(turn_deg))
    return {name: pose for name, pose in poses.items() if name in gases}

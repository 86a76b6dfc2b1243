"""Columns of cycler tables: what their names mean, their units, and their text as numbers."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAMES: dict[str, tuple[str, ...]] = {
    "time": ("testtime", "totaltime", "runtime", "elapsedtime", "time", "test", "testtimesecond"),
    "step_time": ("steptime", "step", "steptimesecond"),
    "wall_time": ("unixtime", "unixtimesecond", "datetime", "dateandtime", "dpttime", "date", "absolutetime"),
    "current": ("current", "i", "currentampere"),
    "voltage": ("voltage", "potential", "ecell", "ewe", "cellvoltage", "volts", "voltagevolt"),
    "step_count": ("stepcount",),
    "step_index": ("stepindex", "stepid", "stepnumber", "step", "ns", "stepno"),
    "cycle": ("cyclecount", "cycleindex", "cyclenumber", "cycle", "cyclec", "cyclep", "cycleno"),
    "net_counter": ("qqo", "netcapacity", "netcapacityah"),
    "increment": ("dq",),
    "charge_counter": ("chargecapacity", "chargingcapacity", "chgcap", "qcharge", "chargingcapacityah"),
    "discharge_counter": (
        *("dischargecapacity", "dischargingcapacity", "dchgcap"),
        *("qdischarge", "dischargingcapacityah"),
    ),
    "counter": ("capacity", "stepcapacity", "amphr", "cap", "stepcapacityah"),
    "state": ("state", "steptype", "status", "md"),
}
"""Column names of each quantity, best first: lower case, letters and digits only, without the unit."""

KIND: dict[str, str] = {
    "time": "time",
    "step_time": "time",
    "current": "current",
    "voltage": "voltage",
    "net_counter": "charge",
    "increment": "charge",
    "charge_counter": "charge",
    "discharge_counter": "charge",
    "counter": "charge",
}

SCALES: dict[str, dict[str, float]] = {
    "time": {"s": 1, "sec": 1, "second": 1, "ms": 1e-3, "min": 60, "h": 3600, "hr": 3600, "hour": 3600},
    "current": {"a": 1e3, "ampere": 1e3, "ma": 1, "ua": 1e-3, "µa": 1e-3, "na": 1e-6},
    "voltage": {"v": 1, "volt": 1, "mv": 1e-3, "uv": 1e-6},
    "charge": {
        **{"ah": 1e3, "mah": 1, "uah": 1e-3, "µah": 1e-3, "nah": 1e-6},
        **{"c": 1 / 3.6, "as": 1 / 3.6, "mc": 1 / 3600, "mas": 1 / 3600},
    },
}
"""Factor from each unit (lower case, dots removed) to s, mA, V and mAh."""

NEEDS_UNIT = ("step", "test")
DEFAULT_UNIT = {"time": "s", "voltage": "v"}
IMPLIED_UNIT = re.compile(r"(second|ampere|volt|ah)$")
DATES = (
    "%m/%d/%Y %H:%M:%S.%f",
    "%m/%d/%Y %H:%M:%S",
    "%d-%b-%y %I:%M:%S %p",
    "%d.%m.%Y %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
)
CLOCK = re.compile(r"^(?:(\d+)\s*d\s*)?(\d+):(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)$", re.IGNORECASE)


def split_name(header: str) -> tuple[str, str]:
    """Split a column header into its name and its unit.

    Parameters
    ----------
    header : str
        As in the file: "Current (A)", "I/mA", "Test Time / s", "Test_Time(s)", "current_ampere".

    Returns
    -------
    name : str
        Lower case, letters and digits only.
    unit : str
        Lower case without dots and blanks; empty where the header has none.
    """
    text = header.strip().strip("\ufeff").strip()
    match = re.match(r"^(.*?)\s*[(\[]([^()\[\]]*)[)\]]$", text) or re.match(r"^(.+)/([^/]*)$", text)
    name, unit = match.groups() if match else (text, "")
    name = re.sub(r"[^a-z0-9]", "", name.lower())
    unit = re.sub(r"[.\s*·]", "", unit.lower())
    if not unit and "_" in text and (implied := IMPLIED_UNIT.search(name)):
        unit = implied.group(1)
    return name, unit


def recognise(header: Sequence[str]) -> dict[str, int]:
    """Find which column holds which quantity.

    Parameters
    ----------
    header : sequence of str
        Column headers of a table.

    Returns
    -------
    dict of str to int
        Index of the column of each quantity of `NAMES` that is there. A column serves once; "Time" beside a
        total time is the step's.
    """
    parsed = [split_name(text) for text in header]
    found: dict[str, int] = {}
    for quantity, names in NAMES.items():
        for name in names:
            index = next((i for i, part in enumerate(parsed) if _fits(quantity, name, part)), None)
            if index is not None and index not in found.values():
                found[quantity] = index
                break
    plain = next((i for i, (name, _) in enumerate(parsed) if name == "time"), None)
    if "step_time" not in found and plain is not None and plain not in found.values():
        found["step_time"] = plain
    return found


def scale_of(quantity: str, unit: str) -> float:
    """Return the factor from a unit to that of the record.

    Parameters
    ----------
    quantity : str
        A key of `KIND`.
    unit : str
        As in the header or declared; empty where unknown.

    Returns
    -------
    float
        Factor to s, mA, V or mAh.

    Raises
    ------
    ValueError
        If the unit is unknown, or missing where it cannot be taken for granted.
    """
    kind = KIND[quantity]
    given = re.sub(r"[.\s*·]", "", unit.lower()) or DEFAULT_UNIT.get(kind, "")
    if kind == "time" and ":" in given:
        return 1.0
    if given not in SCALES[kind]:
        what = f"has the unit {unit!r}" if unit else "has no unit"
        example = {"current": "mA", "charge": "mAh"}.get(kind, next(iter(SCALES[kind])))
        raise ValueError(
            f"the {quantity} column {what}; known are {', '.join(SCALES[kind])}: declare it, "
            f"units={{{quantity!r}: {example!r}}}"
        )
    return SCALES[kind][given]


def numbers(values: Sequence[Any], *, has_comma_decimals: bool = False) -> NDArray[np.float64]:
    """Read a column as numbers.

    Parameters
    ----------
    values : sequence of str or number
        Cells of a column; clock times (1:02:03.4, 2d 01:02:03) become seconds, blanks NaN.
    has_comma_decimals : bool
        Whether a comma separates decimals.

    Returns
    -------
    (n,) array of float64
        The numbers; NaN where a cell is blank.

    Raises
    ------
    ValueError
        If a cell is neither a number nor a time nor blank.
    """
    try:
        texts = [v.replace(",", ".") for v in values] if has_comma_decimals else values
        return np.asarray(texts, dtype=np.float64)
    except (ValueError, TypeError, AttributeError):
        return np.array([_number(value, has_comma_decimals) for value in values], dtype=np.float64)


def wall_seconds(values: Sequence[Any]) -> NDArray[np.float64]:
    """Read dates, or numbers of seconds since 1970.

    Parameters
    ----------
    values : sequence of str, float or datetime
        Cells of a column.

    Returns
    -------
    (n,) array of float64
        Seconds since 1970, taking dates as UTC; NaN where a cell is not readable.
    """
    return np.array([_instant(value) for value in values], dtype=np.float64)


def declared(
    header: Sequence[str], columns: Mapping[str, str] | None, units: Mapping[str, str] | None
) -> tuple[dict[str, int], dict[str, str]]:
    """Find columns and units, those that the caller names first.

    Parameters
    ----------
    header : sequence of str
        Column headers of a table.
    columns : mapping of str to str, optional
        Quantity to column header, for instance {"time": "t", "current": "I cell"}.
    units : mapping of str to str, optional
        Quantity to unit, for instance {"current": "mA"}.

    Returns
    -------
    index : dict of str to int
        Column of each quantity.
    unit : dict of str to str
        Unit of each quantity that has one, as declared or as in its header.

    Raises
    ------
    ValueError
        If a quantity or a column is unknown.
    """
    for name in (*(columns or {}), *(units or {})):
        if name not in NAMES:
            raise ValueError(f"{name!r} is no quantity of a cycler; choose from {', '.join(NAMES)}")
    index = recognise(header)
    stripped = [text.strip().strip("\ufeff").strip() for text in header]
    for quantity, text in (columns or {}).items():
        if text.strip() not in stripped:
            raise ValueError(f"there is no column {text!r}; the file has {', '.join(stripped)}")
        index[quantity] = stripped.index(text.strip())
    unit = {q: split_name(header[i])[1] for q, i in index.items() if q in KIND}
    return index, unit | dict(units or {})


def _fits(quantity: str, wanted: str, column: tuple[str, str]) -> bool:
    """Whether a column has the wanted name, and no unit or one that the quantity can have."""
    name, unit = column
    kind = KIND.get(quantity)
    if name != wanted or (kind == "time" and name in NEEDS_UNIT and not unit):
        return False
    if kind is None:
        return not unit or quantity == "wall_time" or unit == "1"
    return not unit or unit in SCALES[kind] or (kind == "time" and ":" in unit)


def _number(value: Any, has_comma_decimals: bool) -> float:
    if value is None or (isinstance(value, str) and not value.strip()):
        return float("nan")
    if not isinstance(value, str):
        return float(value)
    text = value.strip()
    if clock := CLOCK.match(text):
        days, hours, minutes, seconds = clock.groups()
        whole = int(days or 0) * 86400 + int(hours) * 3600 + int(minutes) * 60
        return whole + float(seconds.replace(",", "."))
    try:
        return float(text.replace(",", ".") if has_comma_decimals else text)
    except ValueError:
        raise ValueError(
            f"{value!r} stands where a number should; delete that line, or export the file again"
        ) from None


def _instant(value: Any) -> float:
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).timestamp()
    if not isinstance(value, str):
        return float("nan") if value is None else float(value)
    text = value.strip()
    try:
        return _instant(datetime.fromisoformat(text))
    except ValueError:
        pass
    for form in DATES:
        try:
            return _instant(datetime.strptime(text, form))
        except ValueError:
            continue
    try:
        return float(text)
    except ValueError:
        return float("nan")

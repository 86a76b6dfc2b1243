"""Numbers from files into this project's units: µm, mm, keV, s and rad."""

import math

LENGTH_UM = {"m": 1e6, "cm": 1e4, "mm": 1e3, "um": 1.0, "nm": 1e-3, "angstrom": 1e-4}
ENERGY_KEV = {"ev": 1e-3, "kev": 1.0, "mev": 1e3, "gev": 1e6, "j": 1 / 1.602176634e-16}
TIME_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0, "h": 3600.0}
ANGLE_RAD = {"rad": 1.0, "deg": math.pi / 180, "mrad": 1e-3}

SPELLINGS = {
    "meter": "m", "metre": "m", "millimeter": "mm", "millimetre": "mm", "centimeter": "cm", "centimetre": "cm",
    "micrometer": "um", "micrometre": "um", "micron": "um", "µm": "um", "μm": "um", "nanometer": "nm",
    "nanometre": "nm", "å": "angstrom", "second": "s", "sec": "s", "millisecond": "ms", "msec": "ms",
    "microsecond": "us", "minute": "min", "hour": "h", "degree": "deg", "°": "deg", "radian": "rad",
    "electronvolt": "ev", "joule": "j", "kiloelectronvolt": "kev",
}  # fmt: skip
"""Other names of a unit, in lower case and the singular."""


def to_unit(value: float, unit: str | None, table: dict[str, float], *, default: str) -> float:
    """Convert a number into the unit that a table is in.

    Parameters
    ----------
    value : float
        The number in the file.
    unit : str or None
        Unit as the file writes it; None or an empty text stands for `default`.
    table : dict
        One of `LENGTH_UM`, `ENERGY_KEV`, `TIME_S`, `ANGLE_RAD`.
    default : str
        Unit that the layout prescribes.

    Returns
    -------
    float
        The number in the unit that names the table.

    Raises
    ------
    KeyError
        If the unit is not in the table.
    """
    name = (unit or default).strip().strip("\x00").lower() or default
    name = SPELLINGS.get(name, SPELLINGS.get(name.removesuffix("s"), name))
    if name not in table and name.removesuffix("s") in table:
        name = name.removesuffix("s")
    return value * table[name]

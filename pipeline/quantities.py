"""How a number is written for a reader: rounded by its uncertainty, with its unit, under a plain name."""

import math
from typing import Any, TypeGuard

NOT_MEASURED = "not measured"

UNITS = {
    "_mah_per_cm2": "mAh cm⁻²",
    "_ma_per_cm2": "mA cm⁻²",
    "_per_cm": "cm⁻¹",
    "_g_cm3": "g cm⁻³",
    "_um3": "µm³",
    "_cm2": "cm²",
    "_um": "µm",
    "_mm": "mm",
    "_mah": "mAh",
    "_kev": "keV",
    "_atm": "atm",
    "_deg": "°",
    "_rad": "rad",
    "_px": "px",
    "_gib": "GiB",
    "_mib": "MiB",
    "_k": "K",
    "_s": "s",
    "seconds": "s",
}
"""Unit of a quantity by the ending of its key, longest ending first."""


def name_and_unit(key: str) -> tuple[str, str]:
    """Split a key such as `mean_thickness_um` into words and unit.

    Parameters
    ----------
    key : str
        Key of results.json.

    Returns
    -------
    tuple of (str, str)
        For instance ("mean thickness", "µm"); the unit is empty for shares and counts.
    """
    for ending, unit in UNITS.items():
        if key.endswith(ending):
            words = "time taken" if key == "seconds" else key.removesuffix(ending)
            return words.replace("_", " ").strip(), unit
    return key.replace("_", " ").replace("-", " "), ""


def number(value: float, *, decimals: int | None = None) -> str:
    """Write a number with three significant digits, and at least one decimal below 100 000.

    Parameters
    ----------
    value : float
        Any number.
    decimals : int, optional
        Decimals to write; None chooses.

    Returns
    -------
    str
        With a true minus sign, powers of ten for very large and very small numbers.
    """
    if not math.isfinite(value):
        return NOT_MEASURED
    size = abs(value)
    if decimals is None and size != 0 and not 1e-3 <= size < 1e5:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa} × 10{str(int(exponent)).translate(_RAISED)}".replace("-", "−")
    if decimals is None:
        decimals = _decimals(size)
    text = f"{value:.{decimals}f}"
    return (text[1:] if text.startswith("-") and float(text) == 0 else text).replace("-", "−")


def quantity(value: Any, std: Any = None, unit: str = "") -> str:
    """Write a measured value with its standard deviation and unit.

    Parameters
    ----------
    value : float or (float, float) or None
        The value, an interval, or None where nothing was measured.
    std : float, optional
        Standard deviation in the same unit; it decides the decimals, by the rule of the Particle Data Group [1]_.
    unit : str
        Unit, empty for a share.

    Returns
    -------
    str
        For instance "64.7 ± 1.2 µm", "0.00 to 3.10 µm" or "not measured".

    References
    ----------
    .. [1] Particle Data Group, Review of Particle Physics (2024), Introduction, section 5.3.
    """
    if is_interval(value):
        low, high = (number(v, decimals=_decimals(max(map(abs, value)))) for v in value)
        return f"{low} to {high} {unit}".rstrip()
    if not is_number(value):
        return NOT_MEASURED
    if not is_number(std) or std <= 0 or abs(value) >= 1e5:
        return f"{number(value)} {unit}".rstrip()
    decimals = _decimals_of_std(std)
    return f"{number(value, decimals=decimals)} ± {number(std, decimals=decimals)} {unit}".rstrip()


def percent(share: Any, std: Any = None) -> str:
    """Write a share (1 = all) in per cent.

    Parameters
    ----------
    share : float or None
        Dimensionless.
    std : float, optional
        Its standard deviation, dimensionless.

    Returns
    -------
    str
        For instance "98.7 ± 1.5 %" or "not measured".
    """
    if not is_number(share):
        return NOT_MEASURED
    return quantity(100 * share, 100 * std if is_number(std) else None, "%")


def is_number(value: Any) -> TypeGuard[float]:
    """Tell whether a value of results.json is a finite number.

    Parameters
    ----------
    value : object
        As read from JSON.

    Returns
    -------
    bool
        False for None, NaN, texts and booleans.
    """
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def is_interval(value: Any) -> bool:
    """Tell whether a value of results.json is an interval of two numbers.

    Parameters
    ----------
    value : object
        As read from JSON.

    Returns
    -------
    bool
        True for a list or tuple of two finite numbers.
    """
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(is_number(v) for v in value)


def _decimals_of_std(std: float) -> int:
    """Decimals by the rule of the Particle Data Group: two digits of a std that starts below 3.55, else one."""
    exponent = math.floor(math.log10(std))
    lead = std / 10**exponent
    digits = 1 if 3.55 <= lead < 9.5 else 2
    return min(max(digits - 1 - exponent - (lead >= 9.5), 0), 6)


def _decimals(size: float) -> int:
    """Decimals that show three significant digits, at least one."""
    return 1 if size == 0 else min(max(2 - math.floor(math.log10(size)), 1), 5)


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

"""Units as files spell them."""

import math

import pytest

from xelith.scans.units import ANGLE_RAD, ENERGY_KEV, LENGTH_UM, TIME_S, to_unit


@pytest.mark.parametrize(
    ("value", "unit", "table", "expected"),
    [
        (5.4e-7, "m", LENGTH_UM, 0.54),
        (0.54, "microns", LENGTH_UM, 0.54),
        (0.54, " µm ", LENGTH_UM, 0.54),
        (0.54, "μm", LENGTH_UM, 0.54),
        (540, "nm", LENGTH_UM, 0.54),
        (1, "Millimetres", LENGTH_UM, 1000),
        (2, None, LENGTH_UM, 2000),
        (2, "", LENGTH_UM, 2000),
        (25_000, "eV", ENERGY_KEV, 25),
        (4.00544e-15, "J", ENERGY_KEV, 25),
        (25, "keV", ENERGY_KEV, 25),
        (200, "ms", TIME_S, 0.2),
        (2, "minutes", TIME_S, 120),
        (3, "s", TIME_S, 3),
        (180, "degrees", ANGLE_RAD, math.pi),
        (180, "deg\x00", ANGLE_RAD, math.pi),
        (1, "radians", ANGLE_RAD, 1),
        (1, "Rad", ANGLE_RAD, 1),
    ],
)
def test_units(value, unit, table, expected):
    assert to_unit(value, unit, table, default="mm") == pytest.approx(expected, rel=1e-5)


def test_unknown_unit():
    with pytest.raises(KeyError, match="furlong"):
        to_unit(1, "furlong", LENGTH_UM, default="m")

import math

import numpy as np
import pytest

from xelith.metrology.cycler_columns import declared, numbers, recognise, scale_of, split_name, wall_seconds


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Current (A)", ("current", "a")),
        ("Current(uA)", ("current", "ua")),
        ("I/mA", ("i", "ma")),
        ("<I>/mA", ("i", "ma")),
        ("Test_Time(s)", ("testtime", "s")),
        ("Test Time / s", ("testtime", "s")),
        ("(Q-Qo)/mA.h", ("qqo", "mah")),
        ("Q charge/discharge/mA.h", ("qchargedischarge", "mah")),
        ("current_ampere", ("currentampere", "ampere")),
        ("\ufeffData Point", ("datapoint", "")),
        ("Cycle C", ("cyclec", "")),
    ],
)
def test_headers_are_split_into_name_and_unit(header, expected):
    assert split_name(header) == expected


def test_time_beside_a_total_time_is_that_of_the_step():
    assert recognise(["Time", "Total Time", "Current(mA)"]) == {"time": 1, "current": 2, "step_time": 0}
    assert recognise(["Time", "Current(mA)"]) == {"time": 0, "current": 1}


def test_step_is_a_number_unless_it_has_seconds():
    found = recognise(["Test (Sec)", "Step (Sec)", "Step", "Amps", "Current (A)"])
    assert (found["time"], found["step_time"], found["step_index"]) == (0, 1, 2)


@pytest.mark.parametrize(
    ("quantity", "unit", "factor"),
    [
        ("time", "h", 3600),
        ("time", "", 1),
        ("time", "h:min:s.ms", 1),
        ("current", "A", 1000),
        ("current", "µA", 1e-3),
        ("voltage", "mV", 1e-3),
        ("counter", "Ah", 1000),
        ("counter", "C", 1 / 3.6),
        ("counter", "mAs", 1 / 3600),
        ("net_counter", "mA.h", 1),
    ],
)
def test_units_become_s_ma_v_and_mah(quantity, unit, factor):
    assert scale_of(quantity, unit) == pytest.approx(factor)


def test_unit_of_a_current_is_never_guessed():
    with pytest.raises(ValueError, match="current column has no unit"):
        scale_of("current", "")
    with pytest.raises(ValueError, match="current column has the unit 'furlong'"):
        scale_of("current", "furlong")


def test_numbers_of_many_spellings():
    np.testing.assert_array_equal(numbers(["1", " 2.5", "3e2"]), [1, 2.5, 300])
    np.testing.assert_array_equal(numbers(["1,5", "2E-1"], has_comma_decimals=True), [1.5, 0.2])
    np.testing.assert_array_equal(numbers(["0:01:02.5", "1d 00:00:01", "", None]), [62.5, 86401, np.nan, np.nan])
    with pytest.raises(ValueError, match="'OVL' stands where a number should"):
        numbers(["1", "OVL"])


def test_dates_of_many_spellings():
    texts = [
        *("09/20/2024 08:32:34.500", "2024-09-20 08:32:34.5", "20-Sep-24 8:32:34 AM"),
        *("20.09.2024 08:32:34", 1726821154.5, "", None),
    ]
    seconds = wall_seconds(texts)
    np.testing.assert_allclose(seconds[:5], [1726821154.5, 1726821154.5, 1726821154, 1726821154, 1726821154.5])
    assert all(math.isnan(s) for s in seconds[5:])


def test_declared_columns_win_and_are_checked():
    index, unit = declared(["a", "b"], {"time": "a", "current": "b"}, {"current": "mA"})
    assert index == {"time": 0, "current": 1}
    assert unit == {"time": "", "current": "mA"}
    with pytest.raises(ValueError, match="'tension' is no quantity of a cycler"):
        declared(["a"], {"tension": "a"}, None)
    with pytest.raises(ValueError, match="no column 'c'; the file has a, b"):
        declared(["a", "b"], {"time": "c"}, None)

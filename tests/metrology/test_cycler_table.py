import numpy as np
import pytest

from xelith.metrology.cycler_record import plated_charge_mah
from xelith.metrology.cycler_table import Table, assemble, record_of_table


def kinds(record):
    return [finding.kind for finding in record.findings]


def loops(n_loops=4, duration_s=3600.0, samples=5):
    """Loops of charge (1 mA) and discharge (-0.5 mA) steps: test time, step time, schedule number, current."""
    step_time = np.linspace(0, duration_s, samples)
    blocks = 2 * n_loops
    start = np.repeat(np.arange(blocks) * duration_s, samples)
    index = np.repeat(np.tile([1, 2], n_loops), samples)
    return start + np.tile(step_time, blocks), np.tile(step_time, blocks), index, np.where(index == 1, 1.0, -0.5)


def test_time_that_runs_backwards_in_loops_is_rebuilt():
    time, step_time, index, current = loops()
    broken = step_time + np.where(index == 1, 0.0, 3600.0)  # every loop gets the start of the first
    record = assemble({"time": broken, "step_time": step_time, "current": current}, {"step_index": index})
    assert "time-backwards" in kinds(record)
    np.testing.assert_allclose(record.time_s, time)
    assert plated_charge_mah(record).integrated_mah == pytest.approx(4 * (1.0 - 0.5))


def test_time_of_half_length_is_rebuilt():
    time, step_time, index, current = loops()
    record = assemble({"time": time / 2, "step_time": step_time, "current": current}, {"step_index": index})
    assert "time-half" in kinds(record)
    np.testing.assert_allclose(record.time_s, time)


def test_time_of_half_length_shows_against_clock_and_counter():
    time, _, _, _ = loops()
    counter = time / 3600
    record = assemble(
        {"time": time / 2, "current": np.ones(time.size), "net_counter": counter}, {}, wall_time_s=1.7e9 + time
    )
    assert "time-half" in kinds(record)
    charge = plated_charge_mah(record)
    assert charge.charge_mah == pytest.approx(counter[-1])
    assert "half its true length" in charge.findings[-1].message


def test_time_that_runs_backwards_without_step_time_carries_no_charge():
    record = assemble({"time": np.array([0.0, 3600, 1800, 5400]), "current": np.ones(4)}, {})
    assert "time-backwards" in kinds(record)
    assert plated_charge_mah(record).integrated_mah == pytest.approx(2.0)


def test_sound_record_has_only_the_finding_that_no_counter_is_there():
    time, step_time, index, current = loops()
    values = {"time": time, "step_time": step_time, "current": current, "voltage": 2 + 0 * time}
    record = assemble(values, {"step_index": index}, wall_time_s=1.7e9 + time)
    assert kinds(record) == ["no-counter"]
    np.testing.assert_array_equal(np.unique(record.step), np.arange(1, 9))


@pytest.mark.parametrize("style", ["step-signed", "step-unsigned", "net", "pair", "pair-per-loop", "increment"])
def test_every_way_of_counting_gives_the_same_charge(style):
    time, step_time, index, current = loops()
    signed = current * step_time / 3600
    done = np.repeat(np.concatenate([[0.0], np.cumsum(np.tile([1.0, -0.5], 4))[:-1]]), 5)
    net = done + signed
    grown = np.diff(net, prepend=0.0)
    charged, discharged = np.cumsum(np.maximum(grown, 0)), np.cumsum(np.maximum(-grown, 0))
    per_loop = np.repeat(np.arange(4), 10)
    values = {
        "step-signed": {"counter": signed},
        "step-unsigned": {"counter": np.abs(signed)},
        "net": {"net_counter": net},
        "pair": {"charge_counter": charged, "discharge_counter": discharged},
        "pair-per-loop": {
            "charge_counter": charged - per_loop * 1.0,
            "discharge_counter": discharged - per_loop * 0.5,
        },
        "increment": {"increment": grown},
    }[style]
    record = assemble({"time": time, "step_time": step_time, "current": current, **values}, {"step_index": index})
    charge = plated_charge_mah(record)
    assert charge.counter_mah == pytest.approx(2.0)
    assert (charge.plated_mah, charge.stripped_mah) == pytest.approx((4.0, 2.0))
    assert charge.integrated_mah == pytest.approx(2.0)
    assert not any(finding.kind == "counter-disagrees" for finding in charge.findings)
    assert plated_charge_mah(record, steps=[2]).counter_mah == pytest.approx(-0.5)


def test_currents_without_sign_take_it_from_the_state():
    time, step_time, index, current = loops()
    states = np.where(index == 1, "CC_Chg", "CC_DChg").tolist()
    values = {"time": time, "step_time": step_time, "current": np.abs(current)}
    record = assemble(values, {"step_index": index}, states=states)
    assert "sign-from-state" in kinds(record)
    np.testing.assert_array_equal(record.current_ma, current)
    assert "sign-unknown" in kinds(assemble(values, {"step_index": index}))
    only_charge = assemble(values, {"step_index": index}, states=["CC_Chg"] * time.size)
    assert "sign-unknown" not in kinds(only_charge)


def test_gap_is_told_unless_the_counter_bridges_it():
    time = np.concatenate([np.arange(0, 100.0), np.arange(4000, 4100.0)])
    values = {"time": time, "current": np.ones(200)}
    gap = next(f for f in assemble(values, {}).findings if f.kind == "gap")
    assert "1 gaps of up to 3901 s" in gap.message
    assert "gap" not in kinds(assemble({**values, "net_counter": time / 3600}, {}))
    stood_still = np.where(time < 4000, time, time - 3900) / 3600
    assert "gap" in kinds(assemble({**values, "net_counter": stood_still}, {}))


def test_clock_that_stands_still_or_goes_back_is_told():
    time = np.arange(10.0)
    clock = 1.7e9 + time
    clock[5:] += 600
    clock[8:] -= 100
    record = assemble({"time": time, "current": np.ones(10)}, {}, wall_time_s=clock)
    assert {"clock-gap", "clock-backwards"} <= set(kinds(record))


def test_blank_currents_are_counted():
    record = assemble({"time": np.arange(3.0), "current": np.array([1.0, np.nan, 1.0])}, {})
    assert "1 samples without current" in next(f.message for f in record.findings if f.kind == "blank-current")


def test_table_needs_time_and_current():
    with pytest.raises(ValueError, match="no column holds the current; the table has Time"):
        record_of_table(Table(["Time (s)"], [["0"]]))
    with pytest.raises(ValueError, match="no column holds the time"):
        record_of_table(Table(["Current (mA)"], [["0"]]))
    with pytest.raises(ValueError, match="headers but no rows"):
        record_of_table(Table(["Time (s)", "Current (mA)"], [[], []]))


def test_step_time_alone_serves_as_time():
    table = Table(["Step Time (h)", "Step", "Current (mA)"], [["0", "1", "0", "1"], list("1122"), list("1111")])
    record = record_of_table(table)
    np.testing.assert_allclose(record.time_s, [0, 3600, 3600, 7200])
    assert plated_charge_mah(record).integrated_mah == pytest.approx(2.0)

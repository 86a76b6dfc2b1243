import numpy as np
import pytest

from xelith.metrology.cycler_record import CyclerRecord, interval_charges, plated_charge_mah, step_starts


def record(time, current, step, counter=None, step_time=None, cycle=None):
    time = np.asarray(time, float)
    step = np.asarray(step, np.int64)
    return CyclerRecord(
        time_s=time,
        current_ma=np.asarray(current, float),
        voltage_v=None,
        step=step,
        step_index=step,
        cycle=np.ones(step.size, np.int64) if cycle is None else np.asarray(cycle, np.int64),
        step_time_s=None if step_time is None else np.asarray(step_time, float),
        counter_mah=None if counter is None else np.asarray(counter, float),
    )


def test_switch_is_not_smeared_over_a_sampling_interval():
    made = record([0, 3600, 3610, 7210], [1, 1, -1, -1], [1, 1, 2, 2], step_time=[0, 3600, 0, 3600])
    interval, charge = interval_charges(made)
    np.testing.assert_array_equal(interval, [0, 3600, 0, 3600])
    np.testing.assert_array_equal(charge, [0, 3600, 0, -3600])


def test_lead_into_a_step_lasts_as_long_as_its_step_time_says():
    made = record([0, 100, 130, 230], [0, 0, 2, 2], [1, 1, 2, 2], step_time=[0, 100, 25, 125])
    np.testing.assert_array_equal(interval_charges(made)[1], [0, 0, 50, 200])


def test_lead_without_step_time_is_at_most_the_usual_interval():
    made = record([0, 10, 5000, 5010, 5020], [1, 1, 1, 1, 1], [1, 1, 2, 2, 2])
    np.testing.assert_array_equal(interval_charges(made)[0], [0, 10, 10, 10, 10])


def test_step_starts():
    np.testing.assert_array_equal(step_starts(np.array([1, 1, 2, 3, 3])), [0, 2, 3])


def test_steps_and_cycles_select():
    made = record(
        [0, 3600, 3600, 7200, 7200, 10800], [1, 1, -1, -1, 2, 2], [1, 1, 2, 2, 3, 3], cycle=[1, 1, 1, 1, 2, 2]
    )
    assert plated_charge_mah(made).charge_mah == pytest.approx(2.0)
    assert plated_charge_mah(made, cycles=[1]).charge_mah == pytest.approx(0.0)
    assert plated_charge_mah(made, steps=[1, 3]).charge_mah == pytest.approx(3.0)
    assert plated_charge_mah(made, steps=[1, 3], cycles=[2]).charge_mah == pytest.approx(2.0)
    assert plated_charge_mah(made, steps=[2]).stripped_mah == pytest.approx(1.0)
    assert plated_charge_mah(made, steps=[2]).duration_s == 3600


def test_discharge_that_plates_turns_the_sign():
    made = record([0, 3600], [-1, -1], [1, 1], counter=[0, -1.0])
    charge = plated_charge_mah(made, plating="discharge")
    assert charge.charge_mah == pytest.approx(1.0)
    assert charge.integrated_mah == pytest.approx(1.0)
    assert charge.plated_mah == pytest.approx(1.0)


@pytest.mark.parametrize(("counter_mah", "is_told"), [(1.0009, False), (1.002, True)])
def test_disagreement_is_told_above_one_in_a_thousand(counter_mah, is_told):
    charge = plated_charge_mah(record([0, 3600], [1, 1], [1, 1], counter=[0, counter_mah]))
    assert ("counter-disagrees" in [f.kind for f in charge.findings]) == is_told
    assert charge.charge_mah == counter_mah
    assert charge.charge_mah_std == pytest.approx((counter_mah - 1) / 2)


def test_impossible_selections_are_refused():
    made = record([0, 1, 1, 2], [1, 1, 1, 1], [1, 1, 2, 2], cycle=[1, 1, 2, 2])
    with pytest.raises(ValueError, match="no step 7; it has 1 to 2"):
        plated_charge_mah(made, steps=[7])
    with pytest.raises(ValueError, match="no cycle 0; it has 1 to 2"):
        plated_charge_mah(made, cycles=[0])
    with pytest.raises(ValueError, match="select steps of those cycles"):
        plated_charge_mah(made, steps=[1], cycles=[2])
    with pytest.raises(ValueError, match="plating is 'up'"):
        plated_charge_mah(made, plating="up")

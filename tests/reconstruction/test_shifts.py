import numpy as np
import pytest

from xelith.arrays import to_host
from xelith.reconstruction.shifts import shift_projections


def waves(row_shift=0.0, column_shift=0.0):
    y, x = np.mgrid[:60, :80]
    return np.sin((y - row_shift) / 6) + np.cos((x - column_shift) / 7) + 0.01 * (x - column_shift)


@pytest.mark.parametrize("pair", [(0.3, -0.7), (2.5, 4.25), (-3.9, 0.5)])
def test_a_feature_moves_by_the_shift(xp, pair):
    result = to_host(shift_projections(xp.asarray(waves()[None]), [pair]))[0]
    inside = (slice(8, -8), slice(8, -8))  # the repeated edges are no wave
    np.testing.assert_allclose(result[inside], waves(*pair)[inside], atol=1e-3)  # cubic convolution of period 38


def test_whole_shifts_are_exact_and_leave_the_input_alone():
    frames = np.random.default_rng(1).normal(size=(2, 9, 11)).astype(np.float32)
    before = frames.copy()
    result = shift_projections(frames, [(2, 0), (0, -3)])
    np.testing.assert_array_equal(result[0, 2:], frames[0, :-2])
    np.testing.assert_array_equal(result[1, :, :-3], frames[1, :, 3:])
    np.testing.assert_array_equal(frames, before)


def test_there_and_back_is_no_change():
    shifts = np.array([(0.4, -1.3)])
    back = shift_projections(shift_projections(waves()[None], shifts), -shifts)
    np.testing.assert_allclose(back[0, 8:-8, 8:-8], waves()[8:-8, 8:-8], atol=2e-3)


def test_a_level_stays_a_level():
    np.testing.assert_allclose(shift_projections(np.full((1, 5, 6), 2.5), [(0.37, 1.81)]), 2.5, rtol=1e-6)


@pytest.mark.parametrize("shifts", [np.zeros((2, 2)), np.zeros(3), [(np.nan, 0)] * 3])
def test_shifts_that_do_not_match_are_refused(shifts):
    with pytest.raises(ValueError, match="for 3 projections; give one finite pair"):
        shift_projections(np.ones((3, 4, 5)), shifts)

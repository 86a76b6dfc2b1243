"""Random fields in whole numbers: the statistics they promise, and slices that do not depend on their neighbours."""

import hashlib

import numpy as np
import pytest

from xelith.simulation.fields import SliceField, boxes, gaussian_field, pores


@pytest.mark.parametrize("length", [3, 6, 17])
def test_a_field_has_the_promised_deviation_and_correlation(length):
    field = gaussian_field((100 * length, 90 * length), length, np.random.default_rng(0))
    # 5 %: the field holds some 2500 independent patches
    assert field.std() == pytest.approx(1.0, rel=0.05)
    for axis in (0, 1):
        a, b = np.moveaxis(field, axis, 0)[:-length], np.moveaxis(field, axis, 0)[length:]
        assert (a * b).mean() == pytest.approx(np.exp(-1), abs=0.05)


def test_a_field_is_not_periodic_at_its_edges():
    field = gaussian_field((400, 400), 10.0, np.random.default_rng(1))
    assert abs((field[0] * field[-1]).mean()) < 0.5 * (field[0] * field[1]).mean()


@pytest.mark.parametrize("length", [0.5, 1.0, 2.5, 8.3, 90.0])
def test_boxes_come_near_the_variance_of_a_gaussian(length):
    chosen = boxes(length)
    variance = sum((w * w - 1) / 12 for w in chosen.widths)
    # one box wider by one pixel changes the variance by (2 w + 1) / 12; the nearest is half of that off
    assert abs(variance - length**2 / 4) <= (2 * max(chosen.widths) + 1) / 24 + 1e-9
    assert chosen.margin == sum(chosen.widths) - 3


@pytest.mark.parametrize("length", [4.0, 30.0])
def test_slices_do_not_depend_on_how_they_are_asked_for(length):
    field = SliceField(40, length, seed=3, purpose=7)
    whole = field.slices(5, 60)
    parts = [field.slices(a, b) for a, b in ((5, 6), (6, 33), (33, 60))]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    assert not np.array_equal(whole, SliceField(40, length, seed=4, purpose=7).slices(5, 60))
    low = field.below(5, 60, 0.3)
    np.testing.assert_array_equal(low, np.concatenate([field.below(5, 20, 0.3), field.below(20, 60, 0.3)]))


def test_a_coarse_field_is_as_strong_as_a_fine_one():
    field = SliceField(160, 8.0, seed=1, purpose=2)
    values = field.slices(0, 160)
    # 5 %: some 8000 independent patches, and the points of the grid are stronger than what lies between them
    assert field.step > 1
    assert values.std() == pytest.approx(1.0, rel=0.05)
    for axis in range(3):
        a, b = np.moveaxis(values, axis, 0)[:-8], np.moveaxis(values, axis, 0)[8:]
        assert (a * b).mean() == pytest.approx(np.exp(-1), abs=0.07)


@pytest.mark.parametrize("porosity", [0.0, 0.1, 0.45])
def test_pores_fill_their_share(porosity):
    hollow = pores((60, 60, 60), porosity, 3.0, seed=2, purpose=1)
    # 0.03: five standard errors of some 3000 independent pores
    assert hollow.mean() == pytest.approx(porosity, abs=0.03)


def test_the_noise_is_the_same_everywhere():
    raw = SliceField(24, 5.0, seed=11, purpose=4).raw(3, 9, 24)
    assert raw.dtype == np.int32
    digest = hashlib.sha256(np.ascontiguousarray(raw, dtype="<i4").tobytes()).hexdigest()
    # whole numbers alone: no processor may differ
    assert digest.startswith("96073b8606bd116f")


def test_impossible_fields_are_refused():
    with pytest.raises(ValueError, match=r"correlation length is 0 pixels; give more than 0"):
        gaussian_field((8,), 0, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"porosity is 1.2; give a share from 0"):
        pores((8, 8, 8), 1.2, 2.0, seed=0, purpose=0)

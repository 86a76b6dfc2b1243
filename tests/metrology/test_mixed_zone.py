from dataclasses import replace

import numpy as np
import pytest

from xelith.materials import Phase
from xelith.metrology.mixed_zone import RowShares, mixed_zone, row_shares

ROWS, RINGS = 80, 6


def shares(seed=0, mixed=0.0, until=30, labelled=0.0, slope=0.0, noise=0.004, scale=1.0):
    """Rows of electrolyte with lithium in the first ones: some labelled, some finer than a voxel."""
    rng = np.random.default_rng(seed)
    row = np.arange(ROWS)[:, None]
    lithium = np.where(row < until, mixed + labelled, 0.0) + slope * (ROWS - row)
    electrolyte = scale * (1 - lithium - 0.01) * np.ones(RINGS)
    gas = 0.01 + rng.normal(0, noise * RINGS**0.5, (ROWS, RINGS))
    found = np.broadcast_to(np.where(row < until, labelled, 0.0), (ROWS, RINGS))
    return RowShares(electrolyte, gas, found, np.full(RINGS, 1 / RINGS), 10, 2.0)


def measured(given, begins=9.5, **options):
    return mixed_zone(given, begins=begins, hidden_rows=0.0, **options)


@pytest.mark.parametrize("scale", [1.0, 0.97])  # an electrolyte 3 % thinner than declared changes nothing
def test_what_is_not_labelled_is_found(scale):
    found = measured(shares(mixed=0.1, labelled=0.3, scale=scale))
    assert found.amount.um == pytest.approx(0.1 * 30 * 2.0, abs=3 * found.amount.std_um)
    assert found.amount.std_um < 0.9
    assert found.reference == "same radius"
    assert found.reaches_um == pytest.approx(60.0, abs=2.0)


def test_undisturbed_electrolyte_holds_none_within_its_noise():
    pulls = [(f := measured(shares(seed=seed))).amount.um / f.amount.std_um for seed in range(30)]
    assert np.abs(pulls).max() < 3
    assert measured(shares()).amount.um < measured(shares()).detection_limit_um


def thin(seed, mixed=0.0, until=0, n_rows=28, noise=0.016):
    """Few rows, as noisy as those of a cell 0.27 mm wide at 3e4 photons a pixel: 7 of them tell the reference."""
    given = shares(seed, mixed=mixed, until=until, noise=noise)
    cut = {name: getattr(given, name)[:n_rows] for name in ("electrolyte", "gas", "lithium")}
    return replace(given, **cut, row_um=3.0)


@pytest.mark.parametrize(("mixed", "until"), [(0.0, 0), (0.1, 14)])
def test_few_rows_cover_what_is_there_as_often_as_they_say(mixed, until):
    found = [mixed_zone(thin(s, mixed, until), begins=9.5, hidden_rows=4.5).amount for s in range(200)]
    pulls = np.array([(one.um - mixed * until * 3.0) / one.std_um for one in found])
    # 200 draws of 95 % scatter by 1.5 %; what all rows share is stated and not drawn, and half of the hidden rows' too
    assert (np.abs(pulls) < 1.96).mean() > 0.935
    assert np.sqrt((pulls**2).mean()) > (0.8 if mixed == 0 else 0.3)
    assert abs(pulls.mean()) < 3 * pulls.std() / len(pulls) ** 0.5  # no bias: negative as often as positive
    low, middle, high = np.percentile([one.std_um for one in found], [16, 50, 84])
    assert high - low < 0.5 * middle  # six rows alone told their own noise to a third either way


def test_lithium_that_ends_in_the_zone_is_no_noise():
    given = thin(3)
    layer = np.where((np.arange(28) >= 8) & (np.arange(28) < 14), 0.3, 0.0)[:, None]
    found = measured(replace(given, electrolyte=given.electrolyte - layer)).amount
    assert found.um == pytest.approx(0.3 * 6 * 3.0, abs=2 * found.std_um)
    assert found.std_um == pytest.approx(measured(given).amount.std_um, rel=0.1)


def test_lithium_that_reaches_the_reference_costs_certainty():
    plain, sloping = measured(shares(mixed=0.1)), measured(shares(mixed=0.1, slope=0.001))
    assert sloping.amount.std_um > 1.5 * plain.amount.std_um


def test_a_scan_before_charging_takes_the_cells_own_gradient_off():
    before = shares(seed=1, slope=0.0005)
    found = measured(shares(seed=2, mixed=0.05, slope=0.0005), before=before)
    assert found.reference == "before"
    assert found.amount.um == pytest.approx(0.05 * 30 * 2.0, abs=2.5 * found.amount.std_um)


def test_lithium_in_all_rows_counts_where_there_is_a_scan_before():
    found = measured(shares(seed=2, mixed=0.05, until=ROWS), before=shares(seed=1))
    assert found.amount.um == pytest.approx(0.05 * ROWS * 2.0, abs=2.5 * found.amount.std_um)
    none = measured(shares(seed=2), before=shares(seed=1))
    assert abs(none.amount.um) < none.detection_limit_um


def test_rows_hidden_by_the_interface_hold_what_the_next_ones_hold():
    given = shares(mixed=0.1)
    hidden = mixed_zone(given, begins=9.5, hidden_rows=6.0)
    assert hidden.amount.um == pytest.approx(measured(given).amount.um, abs=0.5)  # noise of eight rows
    assert hidden.amount.std_um > measured(given).amount.std_um


def test_too_few_rows_are_refused():
    given = shares()
    few = RowShares(given.electrolyte[:10], given.gas[:10], given.lithium[:10], given.weights, 10, 2.0)
    with pytest.raises(ValueError, match="extend the rows of the scan"):
        measured(few)


@pytest.mark.parametrize("order", [range(4), range(3, -1, -1)])
def test_rows_are_averaged_over_rings_of_one_area(order):
    radius = np.hypot(*(np.indices((41, 41)) - 20.0))
    row = np.arange(4.0)[:, None, None] * np.ones((4, 41, 41))
    labels = np.full(row.shape, int(Phase.ELECTROLYTE), np.uint8)
    labels[2] = int(Phase.LITHIUM)
    found = row_shares(row, 0 * row, labels, radius_px=radius, reach_px=18.0, rows=order, row_um=2.0)
    np.testing.assert_allclose(found.electrolyte @ found.weights, list(order))
    np.testing.assert_allclose(found.lithium @ found.weights, [float(z == 2) for z in order])
    assert found.weights.sum() == pytest.approx(1)
    assert found.weights.max() / found.weights.min() < 1.4  # a raster of 18 pixels' radius

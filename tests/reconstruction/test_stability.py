import numpy as np
import pytest

from xelith.reconstruction.stability import column_drift_px, flat_stability, missing_angle_deg, row_drift_px


@pytest.mark.parametrize(
    ("theta_deg", "needed", "expected"),
    [
        (np.arange(180), 180, 0),
        (np.arange(0, 150), 180, 30),
        (np.r_[0:60, 85:180], 180, 25),
        (np.arange(0, 360, 0.5), 180, 0),
        (np.arange(0, 240), 360, 120),
        (np.arange(17, 377)[::-1], 360, 0),
    ],
)
def test_missing_angles_are_what_no_view_stands_for(theta_deg, needed, expected):
    assert missing_angle_deg(np.deg2rad(theta_deg), needed_deg=needed) == pytest.approx(expected, abs=1e-6)


def layered(shift, n_rows=80):
    """Matter per row of a layered cell, moved along the rows."""
    z = np.arange(n_rows) - shift
    return 50 + 30 / (1 + np.exp(-(z - 30) / 1.5)) - 45 / (1 + np.exp(-(z - 52) / 1.2))


@pytest.mark.parametrize("total", [0.0, 0.4, -2.5])
def test_the_drift_along_the_rows_is_followed(total):
    times = np.linspace(0, 1, 9)
    profiles = np.stack([layered(total * t) for t in times])
    profiles += np.random.default_rng(0).normal(0, 0.05, profiles.shape)
    assert row_drift_px(profiles) == pytest.approx(total * times, abs=0.05)


def test_no_structure_along_the_rows_tells_no_drift():
    assert row_drift_px(np.random.default_rng(1).normal(50, 1, (8, 60))) is None
    assert row_drift_px(np.ones((8, 60))) is None
    assert row_drift_px(np.full((8, 60), np.nan)) is None
    assert row_drift_px(np.ones((1, 60))) is None


@pytest.mark.parametrize("total", [0.0, 1.7])
def test_the_drift_along_the_columns_of_a_full_turn(ellipses, cell, total):
    theta = np.arange(360) * 2 * np.pi / 360
    parts, middle = cell(80), 127.5 + total * np.linspace(-0.5, 0.5, 360)
    views = np.concatenate([ellipses(parts, theta[k : k + 1], 256, middle[k]) for k in range(360)])
    assert column_drift_px(views, theta) == pytest.approx(total, abs=0.02)


def test_half_a_turn_or_a_cut_object_tells_no_drift_along_the_columns(ellipses, cell):
    theta = np.arange(180) * np.pi / 180
    assert column_drift_px(ellipses(cell(80), theta, 256, 127.5), theta) is None
    assert column_drift_px(ellipses(cell(150), 2 * theta, 256, 127.5), 2 * theta) is None
    assert column_drift_px(np.zeros((90, 50)), 4 * theta[:90]) is None


def test_flicker_and_change_of_the_flats_are_told_apart_from_noise():
    rng = np.random.default_rng(2)
    level = 1 + 0.02 * rng.normal(size=40)
    tilt = np.linspace(-0.5, 0.5, 64) * 0.03
    profile = np.stack([1 + (0.0 if k < 20 else 1.0) * tilt for k in range(40)])
    flats = rng.poisson(10_000 * level[:, None, None] * profile[:, None, :] * np.ones((1, 48, 1))) + 100.0
    flicker, change = flat_stability(flats, np.full((48, 64), 100.0))
    assert flicker == pytest.approx(level.std(ddof=1), rel=0.1)
    assert change == pytest.approx(tilt.std(), rel=0.1)
    flicker, change = flat_stability(rng.poisson(10_000, (40, 48, 64)).astype(float), np.zeros((48, 64)))
    assert flicker < 1e-3 and change < 5e-4
    assert flat_stability(flats[:1], np.zeros((48, 64))) == (None, None)
    assert flat_stability(flats[:2], np.zeros((48, 64)))[1] is None

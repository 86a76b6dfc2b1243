import numpy as np
import pytest

from xelith.reconstruction.centre_views import detail, prepare_views


def test_angles_are_folded_into_one_rising_turn_from_the_widest_gap():
    theta = np.deg2rad([200.0, 290 + 720, 245, 220, 260 - 360, 330, 350])
    views = prepare_views(np.arange(7 * 32, dtype=float).reshape(7, 1, 32), theta)
    np.testing.assert_allclose(np.rad2deg(views.theta), [200, 220, 245, 260, 290, 330, 350])
    assert not views.full_turn


@pytest.mark.parametrize(
    ("theta", "full", "half"),
    [
        (np.arange(90) * 2 * np.pi / 90, True, True),
        (np.linspace(0, 2 * np.pi, 91), True, True),
        (np.arange(180) * np.pi / 180, False, True),
        (np.linspace(0, np.pi, 181), False, True),
        (np.linspace(0, 0.9 * np.pi, 160), False, False),
        (np.deg2rad(16740 + 0.5 * np.arange(360)), False, True),
        (np.arange(200) * np.pi * (np.sqrt(5) - 1), True, True),  # golden angle
    ],
)
def test_full_and_half_turns_are_told_apart(theta, full, half):
    views = prepare_views(np.random.default_rng(1).normal(size=(theta.size, 1, 32)), theta)
    assert (views.full_turn, views.half_turn) == (full, half)


def test_views_at_one_angle_are_averaged():
    theta = np.concatenate([np.arange(20), np.arange(20)]) * np.pi / 20
    block = np.concatenate([np.zeros((20, 1, 32)), np.full((20, 1, 32), 2.0)])
    views = prepare_views(block, theta)
    assert views.sinograms.shape == (1, 20, 32)
    np.testing.assert_allclose(views.sinograms, 1.0)


def test_many_views_and_columns_are_averaged_and_positions_kept():
    theta = np.arange(2000) * np.pi / 2000
    views = prepare_views(np.ones((2000, 1, 1500), np.float32), theta)
    assert views.sinograms.shape == (1, pytest.approx(667, abs=60), 500)
    assert views.bin_px == 3
    np.testing.assert_allclose(views.to_columns([0, 10]), [1, 31])  # the middle of three pixels
    np.testing.assert_allclose(views.to_binned(views.to_columns(12.3)), 12.3)


def test_rows_with_structure_are_preferred_to_noise():
    rng = np.random.default_rng(2)
    wave = np.sin(np.arange(128) / 5 + np.arange(60)[:, None] / 20)
    block = rng.normal(0, 1, (60, 5, 128))
    block[:, 3] = wave + 0.05 * block[:, 3]
    views = prepare_views(block, np.arange(60) * np.pi / 60)
    assert views.sinograms.shape[0] == 1
    assert np.corrcoef(views.sinograms[0].ravel(), wave.ravel())[0, 1] > 0.9
    assert views.moving > 0.9


def test_noise_has_nothing_in_common_between_views():
    views = prepare_views(np.random.default_rng(3).normal(size=(90, 2, 128)), np.arange(90) * np.pi / 90)
    assert views.moving < 0.05  # 1 / sqrt(90 * 128) is 0.01


def test_truncation_is_seen_at_the_edges(ellipses, cell):
    theta = np.arange(60) * np.pi / 60
    inside, cut = (ellipses(cell(r), theta, 200, 100.0)[:, None] for r in (85, 130))
    assert not prepare_views(inside, theta).truncated
    assert prepare_views(cut, theta).truncated


def test_detail_is_symmetric_and_has_no_slow_part():
    columns = np.arange(201.0)
    bump = np.exp(-(((columns - 100) / 2) ** 2))[None]
    fine = detail(bump + 3.0, 8.0)
    np.testing.assert_allclose(fine, fine[:, ::-1], atol=1e-12)
    assert abs(fine.sum()) < 1e-6
    assert fine[0, 100] == pytest.approx(1, abs=0.25)  # a bump of 2 columns under a mean over 14

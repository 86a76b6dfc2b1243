import numpy as np
import pytest

from xelith.segmentation.unmixing import shares, unmixing_matrix

LEVELS = np.array([[0.11, 1.15, 0.02], [0.11, 1.15, 1.27]])


def test_mixtures_come_apart_exactly_and_negative_values_are_kept():
    rng = np.random.default_rng(0)
    f = rng.normal(0.3, 1.0, (3, 5, 4, 3))
    f[2] = 1 - f[0] - f[1]
    volumes = [np.tensordot(row, f, 1).astype(np.float32) for row in LEVELS]
    found = shares(unmixing_matrix(LEVELS, np.ones(2)), volumes)
    np.testing.assert_allclose(np.stack(found), f, atol=1e-4)  # float32
    assert min(map(np.min, found)) < -0.5


def test_the_shares_add_up_to_one():
    matrix = unmixing_matrix(LEVELS[:, :2], np.array([1.0, 3.0]))
    volumes = [np.random.default_rng(i).normal(size=(4, 4)) for i in (1, 2)]
    np.testing.assert_allclose(sum(shares(matrix, volumes)), 1.0, atol=1e-6)


def test_the_quieter_scan_weighs_more_by_its_variance():
    matrix = unmixing_matrix(LEVELS[:, :2], np.array([1.0, 2.0]))
    assert matrix[0, 0] / matrix[0, 1] == pytest.approx(4.0)


def test_three_phases_cannot_come_from_one_scan():
    with pytest.raises(ValueError, match="at most 2 phases"):
        unmixing_matrix(LEVELS[:1], np.ones(1))

"""Total variation: steps stay, noise goes; and what is taken from denoised labels."""

import numpy as np
import pytest

from xelith.materials import Phase
from xelith.segmentation.denoising import light_phases, total_variation


def test_noise_falls_and_a_step_stays():
    truth = np.zeros((12, 40, 40))
    truth[:, :, 20:] = 1.2
    noisy = truth + np.random.default_rng(0).normal(0, 0.7, truth.shape)
    found = total_variation(noisy, noise_per_cm=0.7)
    inner = (slice(3, 9), slice(4, 36))
    assert found[*inner, 4:16].std() < 0.3 * 0.7
    # means of both sides: total variation shrinks a step by some of its height, far from half of it
    low, high = found[*inner, 4:16].mean(), found[*inner, 24:36].mean()
    assert low == pytest.approx(0.0, abs=0.15)
    assert high == pytest.approx(1.2, abs=0.15)
    assert found.dtype == np.float32


def test_noise_is_the_unit():
    volume = np.random.default_rng(1).normal(0, 1, (6, 20, 20))
    one = total_variation(volume, noise_per_cm=1.0)
    np.testing.assert_allclose(total_variation(10 * volume, noise_per_cm=10.0), 10 * one, atol=1e-4)  # float32


@pytest.mark.parametrize("wrong", [{"noise_per_cm": 0.0}, {"noise_per_cm": 1.0, "weight": -1.0}])
def test_no_noise_is_refused(wrong):
    with pytest.raises(ValueError, match="give both above 0"):
        total_variation(np.zeros((2, 2, 2)), **wrong)


def test_only_light_phases_are_taken_over():
    labels = np.array([Phase.VOID, Phase.LITHIUM, Phase.ELECTROLYTE, Phase.CARBON, Phase.COLLECTOR], np.uint8)
    smooth = np.array([Phase.LITHIUM, Phase.ELECTROLYTE, Phase.VOID, Phase.CARBON, Phase.VOID], np.uint8)
    found = light_phases(labels.reshape(5, 1, 1), smooth.reshape(5, 1, 1)).ravel()
    assert found.tolist() == [Phase.LITHIUM, Phase.OUTSIDE, Phase.OUTSIDE, Phase.CARBON, Phase.OUTSIDE]

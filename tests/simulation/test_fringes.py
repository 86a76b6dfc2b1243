"""Propagation: nothing over no distance, a weak grating, and the edge of a screen."""

import numpy as np
import pytest

from xelith.simulation.fringes import WAVELENGTH_UM_KEV, propagate

ENERGY_KEV = 17.5
WAVELENGTH_UM = WAVELENGTH_UM_KEV / ENERGY_KEV


def travel(intensity, phase, distance_mm, step_um=(0.25, 0.5)):
    return propagate(
        intensity.astype(np.float32),
        phase.astype(np.float32),
        step_um=step_um,
        energy_kev=ENERGY_KEV,
        distance_mm=distance_mm,
    )


def test_no_distance_and_no_phase_change_nothing():
    field = np.random.default_rng(0).random((20, 30)).astype(np.float32)
    assert travel(field, field, 0.0) is not None
    np.testing.assert_array_equal(travel(field, field, 0.0), field)
    np.testing.assert_allclose(travel(np.full((20, 30), 0.4), np.full((20, 30), 3.0), 5.0), 0.4, rtol=1e-5)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("distance_mm", [1.0, 3.0])
def test_a_weak_phase_grating_shows_its_contrast(axis, distance_mm):
    n, step_um, weak = 256, (0.25, 0.5), 0.01
    period_um = 32 * step_um[axis]
    wave = np.cos(2 * np.pi * np.arange(n) / 32)
    phase = weak * (wave[:, None] if axis == 0 else wave[None, :]) * np.ones((n, n))
    result = travel(np.ones((n, n)), phase, distance_mm, step_um) - 1
    contrast = 2 * weak * np.sin(np.pi * WAVELENGTH_UM * distance_mm * 1e3 / period_um**2)
    middle = slice(64, 192)  # away from where the frame was continued
    shown = result[middle, middle] @ wave[middle] if axis == 1 else wave[middle] @ result[middle, middle]
    # 3 %: second order in the weak phase, and what the edges let in
    assert shown.mean() / (wave[middle] @ wave[middle]) == pytest.approx(contrast, rel=0.03)


def test_a_screens_edge_is_fresnels():
    n, step_um, distance_mm = 1024, 0.1, 10.0
    screen = np.zeros((n, 8))
    screen[n // 2 :] = 1
    result = travel(screen, np.zeros((n, 8)), distance_mm, (step_um, 1.0))[:, 4]
    scale_um = np.sqrt(WAVELENGTH_UM * distance_mm * 1e3 / 2)
    at_edge = (result[n // 2 - 1] + result[n // 2]) / 2
    assert at_edge == pytest.approx(0.25, abs=0.01)
    first = np.argmax(result[n // 2 : n // 2 + 60]) * step_um
    assert result[n // 2 : n // 2 + 60].max() == pytest.approx(1.370, abs=0.03)
    assert first == pytest.approx(1.217 * scale_um, abs=2 * step_um)

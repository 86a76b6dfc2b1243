import numpy as np
import pytest

from xelith.arrays import to_host
from xelith.reconstruction.dynamic_flats import fitted_flats, flat_model
from xelith.reconstruction.flat_field import transmission

ROWS, COLUMNS, PHOTONS = 40, 90, 40_000.0


def beam(phase, strength=0.1):
    """A striped beam, as of a multilayer mirror, whose stripes move with `phase`."""
    y, x = np.mgrid[:ROWS, :COLUMNS]
    pattern = np.cos(2 * np.pi * y / 9 + phase) + 0.5 * np.cos(2 * np.pi * x / 31)
    return PHOTONS * (1 + strength * pattern)


def sample():
    y, x = np.mgrid[:ROWS, :COLUMNS]
    return np.exp(-1.2 * np.sqrt(np.clip(1 - ((x - 45) / 25) ** 2, 0, None))) * np.where(np.abs(y - 20) < 3, 0.5, 1.0)


@pytest.fixture(scope="module")
def moving_flats():
    rng = np.random.default_rng(1)
    dark = np.full((ROWS, COLUMNS), 100.0)
    return rng.poisson([beam(phase) for phase in rng.uniform(-0.5, 0.5, 30)]) + dark, dark


def test_stripes_that_move_have_two_modes_and_noise_has_none(moving_flats):
    flats, dark = moving_flats
    model = flat_model(flats, dark)
    assert model.modes.shape == (2, ROWS, COLUMNS)  # a cosine that shifts is a cosine and a sine
    np.testing.assert_allclose(np.sqrt(np.mean(model.modes**2, axis=(1, 2))), 1, rtol=1e-4)
    still = np.random.default_rng(2).poisson(np.broadcast_to(beam(0.0), (20, ROWS, COLUMNS))) + dark
    assert flat_model(still, dark).modes.shape[0] == 0


@pytest.mark.parametrize("phase", [-0.4, 0.1, 0.45])
def test_a_projection_finds_its_own_flat(xp, moving_flats, phase):
    flats, dark = moving_flats
    counts = np.random.default_rng(3).poisson(beam(phase) * sample()) + dark
    frames, dark_xp = xp.asarray(counts[None]), xp.asarray(dark)
    fitted, weights = fitted_flats(frames, dark_xp, flat_model(xp.asarray(flats), dark_xp))
    assert weights.shape == (1, 2)
    fixed = to_host(transmission(frames, xp.asarray(flats.mean(0)), dark_xp))[0] / sample() - 1
    moved = to_host(transmission(frames, fitted, dark_xp))[0] / sample() - 1
    noise = 1 / np.sqrt(PHOTONS * 0.3)
    assert np.std(moved) < 1.5 * noise
    if abs(phase) > 0.3:
        assert np.std(fixed) > 2.5 * noise


def test_without_modes_the_flat_is_the_mean(moving_flats):
    flats, dark = moving_flats
    fitted, weights = fitted_flats(flats[:2], dark, flat_model(flats, dark, n_modes=0))
    assert weights.shape == (2, 0)
    np.testing.assert_allclose(fitted[1], flats.mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize(
    ("n_flats", "n_modes", "message"),
    [(2, None, "there are 2 flats"), (5, 5, "n_modes is 5"), (5, -1, "n_modes is -1")],
)
def test_too_few_flats_or_too_many_modes_are_refused(n_flats, n_modes, message):
    with pytest.raises(ValueError, match=message):
        flat_model(np.ones((n_flats, 4, 5)), np.zeros((4, 5)), n_modes=n_modes)

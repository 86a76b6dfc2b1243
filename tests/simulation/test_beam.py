"""Beer-Lambert with a spectrum: against double precision, for one energy, at the limits."""

import numpy as np
import pytest

from xelith.simulation.beam import DEEPEST, LANES, transmitted


def reference(paths, excess, base, weights):
    depths = base.astype(float)[:, :, None] + np.einsum("rcz,ec->rez", paths.astype(float), excess.astype(float))
    return np.einsum("e,rez->rz", weights.astype(float), np.exp(-np.maximum(depths, 0)))


@pytest.mark.parametrize(("n_channels", "n_energies"), [(4, 31), (8, 5), (0, 3), (4, 1)])
def test_the_vector_code_matches_double_precision(n_channels, n_energies):
    rng = np.random.default_rng(0)
    paths = (300 * rng.random((5, n_channels, LANES))).astype(np.float32)
    excess = (0.02 * rng.standard_normal((n_energies, n_channels))).astype(np.float32)
    base = (5 + 10 * rng.random((5, n_energies))).astype(np.float32)
    weights = rng.random(n_energies).astype(np.float32)
    weights /= weights.sum()
    result = transmitted(paths, excess, base, weights)
    # 5e-6: float32 optical depths near 20 are rounded by 1e-6, eight channels add up
    np.testing.assert_allclose(result, reference(paths, excess, base, weights), rtol=5e-6)


def test_one_energy_and_one_path_is_the_exponential():
    depths = np.linspace(0, 60, LANES, dtype=np.float32)
    paths = np.zeros((1, 4, LANES), np.float32)
    paths[0, 0] = depths
    excess = np.array([[1, 0, 0, 0]], np.float32)
    result = transmitted(paths, excess, np.zeros((1, 1), np.float32), np.ones(1, np.float32))
    np.testing.assert_allclose(result[0], np.exp(-depths.astype(float)), rtol=5e-6)


def test_depths_beyond_the_limits_are_cut_off():
    paths = np.full((2, 4, LANES), 1e6, np.float32)
    excess = np.array([[1, 0, 0, 0]], np.float32)
    base = np.array([[0.0], [-2e6]], np.float32)
    dark, bright = transmitted(paths, excess, base, np.ones(1, np.float32))
    np.testing.assert_allclose(dark, np.exp(-DEEPEST), rtol=1e-4)
    np.testing.assert_allclose(bright, 1.0)

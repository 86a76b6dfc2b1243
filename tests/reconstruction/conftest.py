"""Scans of ellipses with exact line integrals, shared by the tests of corrections and of the centre."""

import numpy as np
import pytest


def ellipse_sinogram(ellipses, theta, n_columns, centre_px, *, samples=4):
    """Line integrals of ellipses, averaged over each detector pixel.

    Ellipses are (x, y, a, b, angle, mu) in pixels and 1 / pixel; the result is (n_theta, n_columns).
    """
    offsets = (np.arange(samples) + 0.5) / samples - 0.5
    s = ((np.arange(n_columns)[:, None] - centre_px) + offsets).ravel()
    total = np.zeros((len(theta), s.size))
    for x, y, a, b, angle, mu in ellipses:
        square = (a * np.cos(theta - angle)) ** 2 + (b * np.sin(theta - angle)) ** 2
        distance = s[None, :] - (x * np.cos(theta) + y * np.sin(theta))[:, None]
        total += mu * 2 * a * b * np.sqrt(np.clip(square[:, None] - distance**2, 0, None)) / square[:, None]
    return total.reshape(len(theta), n_columns, samples).mean(axis=2)


def cell_ellipses(radius, *, seed=0, mu=0.02, eccentric=3.0, inclusions=25):
    """A cell in two tubes, slightly off the axis, with voids in its core; all on the axis if `eccentric` is 0."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-eccentric, eccentric, 2)
    parts = [(x, y, radius, radius, 0, 0.3 * mu), (x, y, 0.8 * radius, 0.8 * radius, 0, -0.3 * mu)]
    x, y = rng.uniform(-eccentric, eccentric, 2)
    parts += [(x, y, 0.75 * radius, 0.75 * radius, 0, 0.3 * mu), (x, y, 0.55 * radius, 0.55 * radius, 0, -0.3 * mu)]
    parts.append((x, y, 0.52 * radius, 0.52 * radius, 0, mu))
    for _ in range(inclusions):
        r, phi = 0.42 * radius * np.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
        a = rng.uniform(0.01, 0.08) * radius
        b, angle = a * rng.uniform(0.4, 1), rng.uniform(0, np.pi)
        parts.append((x + r * np.cos(phi), y + r * np.sin(phi), a, b, angle, -mu * rng.uniform(0.2, 1)))
    return parts


@pytest.fixture(scope="session")
def ellipses():
    """The function `ellipse_sinogram`."""
    return ellipse_sinogram


@pytest.fixture(scope="session")
def cell():
    """The function `cell_ellipses`."""
    return cell_ellipses


@pytest.fixture(scope="session")
def photons():
    """A function that adds Poisson noise of `open_beam` photons to line integrals."""

    def count(line_integrals, open_beam, seed=0):
        counts = np.random.default_rng(seed).poisson(open_beam * np.exp(-line_integrals))
        return -np.log(np.maximum(counts, 0.5) / open_beam)

    return count

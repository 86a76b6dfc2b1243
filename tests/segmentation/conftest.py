"""A small cell of known phases, and the µ that two scans of it would give, without any reconstruction."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import ndimage

from xelith.materials import Phase
from xelith.segmentation import ExpectedMu

VOXEL_UM = 2.0
LEVELS = {
    "argon": {Phase.VOID: 0.02, Phase.LITHIUM: 0.11, Phase.CARBON: 1.15, Phase.ELECTROLYTE: 50.0, Phase.CASING: 0.89},
    "xenon": {Phase.VOID: 1.27, Phase.LITHIUM: 0.11, Phase.CARBON: 1.15, Phase.ELECTROLYTE: 50.0, Phase.CASING: 0.89},
}


@dataclass(frozen=True)
class SmallCell:
    """Volumes of µ, transmissions and what they were made from."""

    volumes: dict
    transmission: dict
    labels: np.ndarray
    thickness_um: np.ndarray
    inside: np.ndarray
    expected: dict


def make_cell(
    *,
    seed=0,
    shape=(60, 72, 70),
    radius=23.0,
    outer=28.0,
    collector_z=50.3,
    electrolyte_z=9.2,
    film=22.0,
    roughness=1.5,
    noise=0.6,
    blur=0.6,
    voids=6,
    scale=1.0,
    flipped=False,
):
    """Stack electrolyte, carbon, lithium and collector along z (collector at the high end unless flipped)."""
    rng = np.random.default_rng(seed)
    n_z, n_y, n_x = shape
    fine = 4
    z = (np.arange(n_z * fine) + 0.5) / fine - 0.5
    y, x = np.mgrid[:n_y, :n_x]
    centre = ((n_y - 1) / 2 + 0.7, (n_x - 1) / 2 - 1.1)
    r = np.hypot(y - centre[0], x - centre[1])
    height = ndimage.gaussian_filter(rng.standard_normal((n_y, n_x)), 4.0, mode="wrap")
    height *= roughness / height.std()
    surface = collector_z - film - height
    phase = np.full((n_z * fine, n_y, n_x), int(Phase.ELECTROLYTE), np.uint8)
    depth = z[:, None, None]
    phase[np.broadcast_to(depth > electrolyte_z, phase.shape)] = Phase.CARBON
    phase[depth > surface] = Phase.LITHIUM
    for _ in range(voids):
        at = (rng.uniform(collector_z - film - 6, collector_z - 8), *(c + rng.uniform(-11, 11) for c in centre))
        size = rng.uniform(2.5, 4.0)
        phase[(depth - at[0]) ** 2 + (y - at[1]) ** 2 + (x - at[2]) ** 2 < size**2] = Phase.VOID
    inside = r <= radius
    thickness = (((phase == Phase.LITHIUM) & (depth < collector_z)).sum(axis=0) / fine * VOXEL_UM).astype(float)
    phase[np.broadcast_to(depth > collector_z, phase.shape)] = Phase.COLLECTOR
    phase[:, ~inside] = np.where(r[~inside] <= outer, int(Phase.CASING), int(Phase.OUTSIDE))
    volumes, transmission = {}, {}
    chord_cm = 2 * radius * VOXEL_UM * 1e-4
    for scan, levels in LEVELS.items():
        table = np.zeros(7)
        for p, mu in levels.items():
            table[p] = mu * scale
        table[Phase.OUTSIDE] = table[Phase.VOID]
        mu = table[phase]
        mu[phase == Phase.COLLECTOR] = 290.0
        # rows are averaged and blurred as transmissions of a mean chord, as the detector does
        passed = ndimage.gaussian_filter1d(np.exp(-mu * chord_cm), blur * fine, axis=0, mode="nearest")
        passed = passed.reshape(n_z, fine, n_y, n_x).mean(axis=1)
        volume = -np.log(np.maximum(passed, 1e-3)) / chord_cm
        volume = ndimage.gaussian_filter(volume, (0, blur, blur))
        white = ndimage.gaussian_filter(rng.standard_normal(shape), (0, 0.5, 0.5))
        volumes[scan] = (volume + noise * white / white.std()).astype(np.float32)
        image = np.full((n_z, n_x), 0.9)
        image[:, np.abs(np.arange(n_x) - centre[1]) < radius] = passed[:, inside].mean(axis=1)[:, None]
        transmission[scan] = image + 1e-4 * rng.standard_normal(image.shape)
    labels = phase[fine // 2 :: fine]
    expected = {
        scan: {p: ExpectedMu(mu, 0.8 * mu, 1.3 * mu, p.name.lower()) for p, mu in levels.items()}
        for scan, levels in LEVELS.items()
    }
    if flipped:
        volumes = {s: v[::-1].copy() for s, v in volumes.items()}
        transmission = {s: t[::-1].copy() for s, t in transmission.items()}
        labels = labels[::-1]
    return SmallCell(volumes, transmission, labels, thickness, inside, expected)


@pytest.fixture(scope="session")
def small_cell():
    """Build a small cell; keyword arguments as for `make_cell`."""
    return make_cell

"""The cone-beam projector: chords in space, the parallel limit, and the geometry of the conventions."""

import numpy as np
import pytest

from xelith.simulation.cone_rays import cone_path_lengths, fan
from xelith.simulation.rays import pack_slices, path_lengths

CHANNELS = np.full(256, 9, dtype=np.int64)
CHANNELS[1] = 0


def space_rays(theta, u, v, source_axis, source_detector):
    """Source and directions in (x, y, z) as docs/conventions.md states them; (n_cols, n_rows, 3)."""
    source = source_axis * np.array([np.sin(theta), -np.cos(theta), 0.0])
    middle = source + source_detector * np.array([-np.sin(theta), np.cos(theta), 0.0])
    across, up = np.array([np.cos(theta), np.sin(theta), 0.0]), np.array([0.0, 0.0, 1.0])
    pixels = middle + u[:, None, None] * across + v[None, :, None] * up
    direction = pixels - source
    return source, direction / np.linalg.norm(direction, axis=2, keepdims=True)


def project(labels, theta, u, v, source_axis, source_detector, *, radius, source_z, shift=(0.0, 0.0)):
    lines = fan(theta, u / source_detector, source_axis=source_axis, shift=shift)
    climbs = v[None, :] / np.hypot(source_detector, u)[:, None]
    packed = np.ascontiguousarray(np.moveaxis(labels, 0, 2))
    paths = cone_path_lengths(
        packed, lines, radius, climbs, heights=np.full(len(v), source_z), channels=CHANNELS, n_channels=2
    )
    return paths[:, 0]


U, V = np.linspace(-55, 55, 45), np.linspace(-50, 50, 31)


@pytest.mark.parametrize("theta", [0.0, 0.7, 2.2, 4.0])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (3.0, -2.0)])
def test_a_filled_tube_gives_the_chord_in_space(theta, shift):
    labels = np.ones((20, 50, 50), np.uint8)
    path = project(labels, theta, U, V, 200.0, 420.0, radius=22.0, source_z=10.0, shift=shift)
    source, direction = space_rays(theta, U, V, 200.0, 420.0)
    centre = np.array([shift[1], shift[0], 0.0])
    flat = direction[..., :2]
    a = (flat**2).sum(axis=2)
    b = (flat * (source - centre)[:2]).sum(axis=2)
    c = ((source - centre)[:2] ** 2).sum() - 22.0**2
    chord = 2 * np.sqrt(np.maximum(b**2 - a * c, 0)) / a
    np.testing.assert_allclose(path, chord, rtol=1e-5, atol=2e-4)  # float32


@pytest.mark.parametrize("theta", [0.3, 1.9, 5.0])
def test_a_sphere_off_the_axis_is_seen_where_it_is(theta):
    n, radius, centre = 64, 15.0, np.array([-8.3, 5.2, 6.4])  # x, y from the axis, z from the source's height
    z, y, x = np.ogrid[:n, :n, :n]
    middle = (n - 1) / 2
    squared = (x - middle - centre[0]) ** 2 + (y - middle - centre[1]) ** 2 + (z - middle - centre[2]) ** 2
    labels = (squared < radius**2).astype(np.uint8)
    path = project(labels, theta, U, V, 150.0, 300.0, radius=30.0, source_z=n / 2)
    source, direction = space_rays(theta, U, V, 150.0, 300.0)
    along = (direction * (source - centre)).sum(axis=2)
    inside = radius**2 - (((source - centre) ** 2).sum() - along**2)
    chord = 2 * np.sqrt(np.maximum(inside, 0))
    steep = inside > 0.3 * radius**2
    error = (path - chord)[steep]
    # each end of a chord is known to about half a voxel
    assert np.sqrt(np.mean(error**2)) < 0.8
    assert abs(error.mean()) < 0.1
    assert np.all(path[inside < -3 * radius] == 0)


@pytest.mark.parametrize("theta", [0.0, 1.1, 2.7])
def test_a_far_source_is_a_parallel_beam(theta):
    labels = np.random.default_rng(0).integers(0, 2, (12, 40, 40)).astype(np.uint8)
    distances = np.linspace(-17, 17, 21)
    heights = np.arange(12) - 5.5
    far = 1e7
    path = project(labels, theta, 2 * distances, 2 * heights, far, 2 * far, radius=18.0, source_z=6.0)
    direction = (np.cos(theta), np.sin(theta))
    expected = path_lengths(pack_slices(labels)[0], direction, distances, 18.0, np.array([1], np.uint8))
    np.testing.assert_allclose(path, expected[:, 0, :12], atol=2e-4)  # the angle of a ray is 2e-6


def test_beyond_its_ends_the_cell_goes_on():
    labels = np.zeros((4, 40, 40), np.uint8)
    labels[3] = 1
    path = project(labels, 0.0, np.zeros(1), np.array([-50.0, 50.0]), 100.0, 200.0, radius=18.0, source_z=2.0)
    assert path[0, 0] == 0
    assert path[0, 1] > 30

"""The voxel projector: exact chords, spheres, slabs, its plain twin, and every tissue's share of the chord."""

import numpy as np
import pytest

from xelith.simulation.rays import LANES, pack_slices, path_lengths

THETA = [0.0, 0.31, np.pi / 4, 1.2, np.pi / 2, 2.5, 3.0]


def project(labels, theta, distances_px, radius_px, codes):
    packed = pack_slices(labels)
    blocks = [
        path_lengths(block, (np.cos(theta), np.sin(theta)), distances_px, radius_px, np.array(codes, np.uint8))
        for block in packed
    ]
    return np.concatenate(blocks, axis=2)[:, : len(codes), : len(labels)]


def plain_path(plane, code, theta, distance, radius):
    """Path of one ray in one tissue, step by step, as the equations say it."""
    n = len(plane)
    middle = (n - 1) / 2
    cos, sin = np.cos(theta), np.sin(theta)
    half = np.sqrt(max(radius**2 - distance**2, 0.0))
    total = 0.0
    for step in range(n):
        if abs(sin) >= abs(cos):  # x = s cos - t sin
            ends = sorted((distance * cos - half * sin, distance * cos + half * sin))
        else:  # y = s sin + t cos
            ends = sorted((distance * sin - half * cos, distance * sin + half * cos))
        low, high = max(ends[0], step - middle - 0.5), min(ends[1], step - middle + 0.5)
        if high <= low:
            continue
        at = (low + high) / 2
        if abs(sin) >= abs(cos):
            minor, weight = (distance - at * cos) / sin + middle, (high - low) / abs(sin)
        else:
            minor, weight = (distance - at * sin) / cos + middle, (high - low) / abs(cos)
        k = int(np.floor(minor))
        for index, share in ((k, 1 - (minor - k)), (k + 1, minor - k)):
            value = plane[index, step] if abs(sin) >= abs(cos) else plane[step, index]
            total += weight * share * (value == code)
    return total


@pytest.mark.parametrize("theta", THETA)
def test_a_filled_tube_gives_the_exact_chord(theta):
    radius, distances = 18.3, np.linspace(-20, 20, 23)
    paths = project(np.ones((3, 40, 40), np.uint8), theta, distances, radius, [1])
    chord = 2 * np.sqrt(np.maximum(radius**2 - distances**2, 0))
    np.testing.assert_allclose(paths[:, 0], np.tile(chord, (3, 1)).T, rtol=1e-5, atol=1e-5)  # float32 sums


@pytest.mark.parametrize("theta", THETA)
def test_tissues_share_the_chord(theta):
    labels = np.random.default_rng(1).integers(0, 4, (70, 30, 30)).astype(np.uint8)
    radius, distances = 13.4, np.linspace(-14, 14, 33)
    paths = project(labels, theta, distances, radius, [0, 1, 2, 3])
    chord = 2 * np.sqrt(np.maximum(radius**2 - distances**2, 0))
    np.testing.assert_allclose(paths.sum(axis=1), np.tile(chord, (70, 1)).T, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("theta", THETA)
def test_the_vector_code_matches_its_plain_twin(theta):
    labels = np.random.default_rng(2).integers(0, 3, (67, 25, 25)).astype(np.uint8)  # odd sizes, two blocks
    radius, distances = 11.2, np.array([-11.0, -4.26, 0.0, 0.5, 7.77])
    paths = project(labels, theta, distances, radius, [2, 1])
    for z in (0, 63, 64, 66):
        for channel, code in enumerate((2, 1)):
            expected = [plain_path(labels[z], code, theta, s, radius) for s in distances]
            np.testing.assert_allclose(paths[:, channel, z], expected, atol=2e-5)  # float32 sums of 25 steps


@pytest.mark.parametrize("theta", THETA)
def test_a_sphere_casts_its_chords(theta):
    n, radius, centre = 64, 20.0, np.array([32.0, 4.0, -7.0])  # z from slice 0; y and x from the axis
    z, y, x = np.ogrid[:n, :n, :n]
    middle = (n - 1) / 2
    squared = (z - centre[0]) ** 2 + (y - middle - centre[1]) ** 2 + (x - middle - centre[2]) ** 2
    labels = (squared < radius**2).astype(np.uint8)
    distances = np.arange(-30, 30, 0.5)
    path = project(labels, theta, distances, 31.0, [1])[:, 0]
    off = distances - (centre[2] * np.cos(theta) + centre[1] * np.sin(theta))
    inside = radius**2 - off[:, None] ** 2 - (np.arange(n) - centre[0]) ** 2
    chord = 2 * np.sqrt(np.maximum(inside, 0))
    # each end of a chord is known to a voxel's half or less, more where the surface is flat along the ray
    steep = inside > 0.2 * radius**2
    error = (path - chord)[steep]
    assert np.abs(error).max() < 1.6
    assert np.sqrt(np.mean(error**2)) < 0.75
    assert abs(error.mean()) < 0.05
    # the volume is that of the voxels: every ray's strip is half a voxel wide
    assert path.sum() * 0.5 == pytest.approx(labels.sum(), rel=2e-3)


def test_a_slab_along_the_ray_and_across_it():
    labels = np.zeros((1, 42, 42), np.uint8)
    labels[:, :, 10:20] = 1  # x from index 10 to 19: -11 to -1 from the axis at 20.5
    distances = np.array([-15.5, -5.5, 4.5])
    along = project(labels, 0.0, distances, 19.5, [1])[:, 0, 0]
    np.testing.assert_allclose(along, [0, 2 * np.sqrt(19.5**2 - 5.5**2), 0], rtol=1e-5)
    across = project(labels, np.pi / 2, distances, 19.5, [1])[:, 0, 0]
    half = np.sqrt(19.5**2 - distances**2)
    expected = np.minimum(half, 11.0) - 1.0
    np.testing.assert_allclose(across, expected, rtol=1e-5)


def test_missing_slices_and_codes_are_no_tissue():
    packed = pack_slices(np.zeros((LANES + 1, 10, 10), np.uint8))
    assert packed.shape == (2, 10, 10, LANES)
    assert packed.ctypes.data % LANES == 0
    assert np.all(packed[1, ..., 1:] == 255)
    paths = path_lengths(packed[1], (1.0, 0.0), np.zeros(1), 3.0, np.array([0], np.uint8))
    assert np.all(paths[:, 1:] == 0)
    assert np.all(paths[:, 0, 1:] == 0)
    assert paths[0, 0, 0] == pytest.approx(6.0)


def test_more_than_four_tissues_at_once_are_refused():
    packed = pack_slices(np.zeros((1, 4, 4), np.uint8))
    with pytest.raises(ValueError, match=r"5 tissues were asked for at once; ask for at most 4"):
        path_lengths(packed[0], (1.0, 0.0), np.zeros(1), 1.0, np.arange(5, dtype=np.uint8))

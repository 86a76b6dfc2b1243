"""Expected projections: analytic tubes, slabs and spheres, averaged as intensities, wherever the cell stands."""

import numpy as np
import pytest

from xelith.materials import MATERIALS, Gas, Spectrum, monochromatic
from xelith.simulation import Acquisition, Cell, Detector, Fill, Pose, Ring
from xelith.simulation.projection import expected_views, light_path
from xelith.simulation.tissues import OPEN_VOID, Site, solid

TISSUES = (OPEN_VOID, solid(MATERIALS["lithium"], Site.FILM), solid(MATERIALS["li6ps5cl"]))
ARGON, XENON = Gas("argon"), Gas("xenon", 6)
TWO_LINES = Spectrum(np.array([17.0, 30.0]), np.array([0.7, 0.3]))
THETA = np.array([0.0, 0.4, 1.1, np.pi / 2, 2.2])


def tube_of(labels, rings=()):
    return Cell(labels, TISSUES, 1.0, labels.shape[1] / 2 - 2.0, rings)


def views(cell, gas, spectrum, *, theta=THETA, pose=None, centre_px=None, **detector):
    sizes = {"n_rows": 4, "n_cols": 60, "pixel_um": 1.0, "blur_px": 0.0} | detector
    acquisition = Acquisition(Detector(**sizes), spectrum, len(theta), centre_px=centre_px, rays_per_pixel=1)
    return expected_views(light_path(cell, gas, acquisition, pose), theta)


def test_a_tube_of_one_tissue_follows_beer_lambert_with_the_spectrum():
    cell = tube_of(np.full((4, 44, 44), 2, np.uint8), (Ring(24.0, MATERIALS["peek"]), Ring(27.0, Fill.GAS)))
    s = np.arange(60) - 27.3
    chords = [2 * np.sqrt(np.maximum(r**2 - s**2, 0)) * 1e-4 for r in (20.0, 24.0, 27.0)]
    expected = 0.0
    for energy, weight in zip(TWO_LINES.energy_kev, TWO_LINES.photons, strict=True):
        depth = MATERIALS["li6ps5cl"].mu_per_cm(energy) * chords[0]
        depth += MATERIALS["peek"].mu_per_cm(energy) * (chords[1] - chords[0])
        depth += XENON.mu_per_cm(energy) * (chords[2] - chords[1])
        expected = expected + weight * np.exp(-depth)
    result = views(cell, XENON, TWO_LINES, centre_px=27.3)
    assert result.shape == (5, 4, 60)
    np.testing.assert_allclose(result, np.broadcast_to(expected, result.shape), rtol=2e-6)  # float32


def test_a_slab_among_another_tissue():
    labels = np.full((4, 44, 44), 2, np.uint8)
    labels[:, :, 16:28] = 1  # 12 µm of lithium around the axis, seen from the side
    result = views(tube_of(labels), ARGON, monochromatic(20.0), theta=np.array([np.pi / 2]))[0, 0]
    s = np.arange(60) - 29.5
    chord = 2 * np.sqrt(np.maximum(20.0**2 - s**2, 0))
    lithium = np.minimum(chord, 12.0)
    depth = MATERIALS["lithium"].mu_per_cm(20.0) * lithium + MATERIALS["li6ps5cl"].mu_per_cm(20.0) * (chord - lithium)
    np.testing.assert_allclose(result, np.exp(-depth * 1e-4), rtol=2e-6)


def test_a_pixel_averages_intensity_not_path():
    labels = np.zeros((2, 64, 64), np.uint8)
    labels[1] = 2  # one of the pixel's two slices is electrolyte
    cell = Cell(labels, TISSUES, 100.0, 3000.0)
    result = views(cell, Gas("none"), monochromatic(20.0), n_rows=1, n_cols=1, pixel_um=200.0, centre_px=0.0)
    opaque = np.exp(-MATERIALS["li6ps5cl"].mu_per_cm(20.0) * 0.6)
    # 0.5 %: the ray runs through the middle, where chord and diameter agree
    np.testing.assert_allclose(result, (1 + opaque) / 2, rtol=5e-3)


def test_a_shift_of_the_cell_is_a_sinusoid_of_the_projections():
    rng = np.random.default_rng(0)
    cell = tube_of(rng.integers(0, 3, (4, 44, 44)).astype(np.uint8), (Ring(22.0, MATERIALS["peek"]),))
    still = views(cell, ARGON, TWO_LINES, theta=np.array([0.0, np.pi / 2]))
    moved = views(cell, ARGON, TWO_LINES, theta=np.array([0.0, np.pi / 2]), pose=Pose(shift_um=(0.0, 3.0, -2.0)))
    np.testing.assert_allclose(moved[0, :, 5:-5], still[0, :, 7:-3], rtol=1e-5)  # x - 2: at theta 0
    np.testing.assert_allclose(moved[1, :, 5:-5], still[1, :, 2:-8], rtol=1e-5)  # y + 3: at 90 degrees


def test_a_turn_of_the_cell_is_a_shift_of_theta():
    cell = tube_of(np.random.default_rng(1).integers(0, 3, (4, 44, 44)).astype(np.uint8))
    turned = views(cell, ARGON, TWO_LINES, theta=THETA + 0.3, pose=Pose(turn_rad=0.3))
    np.testing.assert_allclose(turned, views(cell, ARGON, TWO_LINES), rtol=1e-5)


def test_rows_see_the_slices_at_their_height():
    labels = np.zeros((12, 44, 44), np.uint8)
    labels[6:] = 2
    low = views(tube_of(labels), Gas("none"), monochromatic(20.0), pose=Pose(shift_um=(-4.0, 0, 0)))
    assert np.all(low[:, :2] == 1)
    assert np.all(low[:, 2:, 20:40] < 1)
    half = views(tube_of(labels), Gas("none"), monochromatic(20.0), pose=Pose(shift_um=(-4.5, 0, 0)))
    np.testing.assert_allclose(half[:, 1], (low[:, 1] + low[:, 2]) / 2, rtol=1e-6)


def test_rows_beyond_the_cell_are_refused():
    cell = tube_of(np.zeros((12, 44, 44), np.uint8))
    with pytest.raises(ValueError, match=r"rows see 9 to 13 µm of a cell of 12 µm; give fewer rows"):
        views(cell, ARGON, TWO_LINES, pose=Pose(shift_um=(-9.0, 0, 0)))
    with pytest.raises(ValueError, match=r"rows see -1 to 3 µm"):
        views(cell, ARGON, TWO_LINES, pose=Pose(shift_um=(1.0, 0, 0)))


def test_more_than_five_tissues_take_several_passes():
    kinds = tuple(solid(MATERIALS[name]) for name in ("carbon", "indium", "inli", "peek", "steel"))
    tissues = (*TISSUES, *kinds)
    labels = np.random.default_rng(2).integers(0, 8, (2, 44, 44)).astype(np.uint8)
    # the mean of one energy's optical depth over a half turn's rays is what the voxels hold
    cell = Cell(labels, tissues, 1.0, 20.0)
    beam = monochromatic(20.0)
    result = views(cell, ARGON, beam, theta=np.array([0.0]), n_rows=2)[0]
    mu = np.array([tissue.mu_per_cm(20.0, ARGON) for tissue in tissues])
    s = np.arange(60) - 29.5
    middle = np.abs(s) < 1
    radius = cell.radius_um
    for row in range(2):
        expected = []
        for distance in s[middle]:  # theta 0: the ray of x = s runs along y through one column of voxels
            half = np.sqrt(radius**2 - distance**2)
            y = np.arange(44) - 21.5
            step = np.clip(np.minimum(half, y + 0.5) - np.maximum(-half, y - 0.5), 0, None)
            expected.append((mu[labels[row, :, int(distance + 21.5)]] * step).sum() * 1e-4)
        np.testing.assert_allclose(-np.log(result[row, middle]), expected, rtol=1e-4)

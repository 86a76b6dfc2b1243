"""Analytic phantoms: chords, mass, symmetry of the rotation, and the picture they stand for."""

import numpy as np
import pytest

from xelith.scans.geometry import ParallelBeam
from xelith.simulation.phantoms import (
    Ellipse,
    Sphere,
    disc_phantom,
    ellipse_image,
    ellipse_sinogram,
    sphere_projections,
)

BEAM = ParallelBeam(pixel_um=2.0, centre_px=60.3)


def test_a_disc_on_the_axis_has_its_chords_in_every_view():
    theta = np.linspace(0, np.pi, 7)
    result = ellipse_sinogram([disc_phantom(3.0, 80.0)], theta, 128, BEAM)
    s = (np.arange(128) - 60.3) * 2.0
    expected = 3.0 * 2e-4 * np.sqrt(np.maximum(80.0**2 - s**2, 0))
    np.testing.assert_allclose(result, np.broadcast_to(expected, result.shape), atol=1e-7)


def test_an_ellipse_shows_its_axes_at_right_angles():
    ellipse = Ellipse(1.0, 0, 0, 30.0, 70.0, turn_rad=0.4)
    beam = ParallelBeam(pixel_um=2.0, centre_px=64.0)
    across, along = ellipse_sinogram([ellipse], np.array([0.4, 0.4 + np.pi / 2]), 129, beam)
    assert across[64] == pytest.approx(140e-4, rel=1e-6)  # through the middle, along the long axis
    assert along[64] == pytest.approx(60e-4, rel=1e-6)
    assert np.flatnonzero(across).size == 29  # |s| < 30 µm in steps of 2 µm
    assert np.flatnonzero(along).size == 69


def test_the_mass_of_every_view_is_that_of_the_object():
    theta = np.linspace(0, np.pi, 9)
    ellipse = Ellipse(2.0, 20.0, -15.0, 40.0, 25.0, turn_rad=1.1)
    views = ellipse_sinogram([ellipse], theta, 512, ParallelBeam(pixel_um=0.5))
    area_cm2 = np.pi * 40.0 * 25.0 * 1e-8
    # 0.1 %: midpoint sums of a square-root edge over 100 pixels
    np.testing.assert_allclose(views.sum(axis=1) * 0.5e-4, 2.0 * area_cm2, rtol=1e-3)


def test_turning_the_object_is_shifting_theta():
    theta, turn = np.linspace(0, np.pi, 5), 0.7
    x, y = 30.0, 10.0
    turned = Ellipse(1.0, x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn), 20, 35, turn)
    np.testing.assert_allclose(
        ellipse_sinogram([turned], theta + turn, 128, BEAM),
        ellipse_sinogram([Ellipse(1.0, x, y, 20, 35)], theta, 128, BEAM),
        atol=1e-6,
    )


def test_column_sums_of_the_image_are_the_view_along_y():
    ellipses = [Ellipse(1.5, 12.0, 5.0, 40.0, 22.0, 0.3), disc_phantom(-0.5, 12.0, x_um=12.0)]
    image = ellipse_image(ellipses, 400, 0.5)
    view = ellipse_sinogram(ellipses, np.array([0.0]), 400, ParallelBeam(pixel_um=0.5))[0]
    # 2.5 voxels of µ 1.5 along a chord: what voxel centres leave open at its two ends
    np.testing.assert_allclose(image.sum(axis=0) * 0.5e-4, view, atol=2.5 * 1.5 * 0.5e-4)


def test_a_sphere_has_its_chords_and_volume():
    ball = Sphere(4.0, x_um=10.0, y_um=-6.0, z_um=41.0, radius_um=30.0)
    theta = np.array([0.0, 0.9, np.pi / 2])
    views = sphere_projections([ball], theta, (90, 128), ParallelBeam(pixel_um=1.0))
    assert views.max() == pytest.approx(4.0 * 60e-4, rel=1e-3)
    volume = 4 / 3 * np.pi * 30.0**3
    # 0.1 %: midpoint sums over 2800 pixels
    np.testing.assert_allclose(views.sum(axis=(1, 2)), 4.0 * 1e-4 * volume, rtol=1e-3)
    rows, columns = np.nonzero(views[2])
    assert (rows.min() + rows.max()) / 2 == 41
    assert (columns.min() + columns.max()) / 2 == pytest.approx(63.5 - 6.0, abs=0.5)


def test_without_a_pixel_size_nothing_is_drawn():
    with pytest.raises(ValueError, match=r"has no pixel size; give pixel_um"):
        ellipse_sinogram([], np.zeros(1), 8, ParallelBeam())
    with pytest.raises(ValueError, match=r"has no pixel size; give pixel_um"):
        sphere_projections([], np.zeros(1), (4, 8), ParallelBeam())

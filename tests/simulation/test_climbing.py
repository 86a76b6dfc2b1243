"""Rays along a leaning axis: a sphere is seen where it is, and a flat layer smears as geometry says."""

import dataclasses

import numpy as np
import pytest

from xelith.materials import MATERIALS, Gas, monochromatic
from xelith.simulation import Acquisition, Cell, Cone, Detector, Optics, Pose
from xelith.simulation.light import light_path
from xelith.simulation.projection import expected_views
from xelith.simulation.tissues import OPEN_VOID, Site, solid

TISSUES = (OPEN_VOID, solid(MATERIALS["lithium"], Site.FILM), solid(MATERIALS["li6ps5cl"]))
NOTHING, BEAM = Gas("none"), monochromatic(30.0)
MU_PER_UM = float(MATERIALS["li6ps5cl"].mu_per_cm(30.0)) * 1e-4
THETA = np.array([0.0, 0.7, 2.0, 4.0])


def depths(labels, pitch_deg, *, voxel_um=10.0, pose=None, n=60):
    cell = Cell(labels, TISSUES, voxel_um, voxel_um * (labels.shape[1] / 2 - 2))
    detector = Detector(n, n, voxel_um, blur_px=0.0)
    acquisition = Acquisition(
        detector, BEAM, len(THETA), centre_px=29.5, rays_per_pixel=2, optics=Optics(pitch_deg=pitch_deg)
    )
    return -np.log(expected_views(light_path(cell, NOTHING, acquisition, pose), THETA)) / (MU_PER_UM * voxel_um)


@pytest.mark.parametrize("pitch_deg", [4.0, -9.0])
def test_a_sphere_is_seen_where_geometry_says(pitch_deg):
    z, y, x = np.mgrid[:64, :64, :64]
    place = np.array([36.5, 24.5, 39.5])  # z, y, x: 5 up, 7 back in y and 8 on in x from the middle of the grid
    labels = np.zeros((64, 64, 64), np.uint8)
    labels[(z - place[0]) ** 2 + (y - place[1]) ** 2 + (x - place[2]) ** 2 < 36] = 2
    seen = depths(labels, pitch_deg)
    pitch = np.deg2rad(pitch_deg)
    for view, theta in zip(seen, THETA, strict=True):
        across = (place[2] - 31.5) * np.cos(theta) + (place[1] - 31.5) * np.sin(theta)
        along = (place[1] - 31.5) * np.cos(theta) - (place[2] - 31.5) * np.sin(theta)
        # the view begins at the lower end of slice 0: slice 36.5 lies 7 rows over its middle, at 30
        up = (place[0] + 0.5 - 30.0) * np.cos(pitch) - along * np.sin(pitch)
        rows, cols = np.indices(view.shape)
        middle = [(part * view).sum() / view.sum() for part in (rows - 29.5, cols - 29.5)]
        # 0.15 pixel: a ball of whole voxels, 6 across
        np.testing.assert_allclose(middle, [up, across], atol=0.15)
        assert view.max() == pytest.approx(12.0, rel=0.06)  # the chord through its middle, whole voxels
        assert view.sum() == pytest.approx(4 / 3 * np.pi * 6**3, rel=0.03)


def test_a_flat_layer_smears_over_the_rows_that_rays_climb():
    labels = np.zeros((64, 64, 64), np.uint8)
    labels[:30] = 2
    middle = depths(labels, 6.0)[0][:, 29]
    level, radius = np.tan(np.deg2rad(6.0)), 30.0
    # a ray that meets height h in the middle is below slice 30 along all of the tube, none of it, or a part
    h = (np.arange(60) + 0.5 - 30.0) / np.cos(np.deg2rad(6.0)) + 30.0
    inside = np.clip((30.0 - h) / level, -radius, radius) + radius
    # 0.4 voxels: a fine step of the ray is one voxel long, and climbs a tenth of one
    np.testing.assert_allclose(middle, inside * np.sqrt(1 + level**2), atol=0.4)


def test_no_lean_is_the_parallel_beam():
    labels = np.random.default_rng(0).integers(0, 3, (64, 64, 64)).astype(np.uint8)
    pose = Pose(turn_rad=0.2)
    # 0.05 voxels: rays are cut at the voxels they cross in either projector, in float32
    np.testing.assert_allclose(depths(labels, 1e-9, pose=pose, n=30), depths(labels, 0.0, pose=pose, n=30), atol=0.05)


def test_a_lean_in_a_cone_beam_is_refused():
    parallel = Acquisition(Detector(4, 4, 1.0), BEAM, 2, optics=Optics(pitch_deg=1.0))
    with pytest.raises(ValueError, match=r"axis is pitched by 1.0 degrees in a cone beam"):
        dataclasses.replace(parallel, cone=Cone(10.0, 20.0))

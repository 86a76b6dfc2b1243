import numpy as np
import pytest

from xelith.reconstruction.projectors import back, forward
from xelith.scans.geometry import ConeBeam, ParallelBeam

CASES = {
    "parallel": (ParallelBeam(100.0, 5.3), None, (4, 9, 8), (4, 11)),
    "parallel, coarse voxels": (ParallelBeam(100.0, 5.3), 270.0, (3, 4, 5), (9, 11)),
    "parallel, fine voxels": (ParallelBeam(100.0, 5.3), 35.0, (40, 9, 12), (9, 11)),
    "cone": (ConeBeam(200.0, 60.0, 120.0, 5.3, 3.2), None, (20, 9, 8), (18, 11)),
    "wide cone": (ConeBeam(200.0, 1.5, 3.0, 5.3, 8.1), None, (20, 9, 8), (18, 11)),
    "cone beside the detector": (ConeBeam(200.0, 60.0, 120.0, -20.0, 3.2), None, (20, 9, 60), (18, 11)),
    "cone, coarse voxels": (ConeBeam(200.0, 60.0, 120.0, 5.3, 3.2), 450.0, (5, 4, 5), (18, 11)),
    "one voxel": (ConeBeam(200.0, 60.0, 120.0, 0.0), None, (1, 1, 1), (1, 1)),
}


def plain_view(volume, angle, geometry, voxel, detector):
    """The footprint model by loops over voxels and areas under a polygon."""
    n_z, n_y, n_x = volume.shape
    n_rows, n_cols = detector
    is_cone = isinstance(geometry, ConeBeam)
    pixel = geometry.pixel_um / 1000
    row_px = (n_rows - 1) / 2 if not is_cone or geometry.row_px is None else geometry.row_px
    result = np.zeros(detector)

    def seen(x, y):
        """Column, and pixels per mm there."""
        across, depth = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
        scale = 1 / pixel
        if is_cone:
            scale *= geometry.source_detector_mm / (geometry.source_axis_mm + depth)
        return geometry.centre_px + across * scale, scale, across, depth

    for j, i in np.ndindex(n_y, n_x):
        x, y = (i - (n_x - 1) / 2) * voxel, (j - (n_y - 1) / 2) * voxel
        corners = sorted(seen(x + dx, y + dy)[0] for dx in (-voxel / 2, voxel / 2) for dy in (-voxel / 2, voxel / 2))
        _, scale, across, depth = seen(x, y)
        fan = np.hypot(1, across / (geometry.source_axis_mm + depth)) if is_cone else 1.0
        width = (corners[3] + corners[2] - corners[1] - corners[0]) / 2
        fine = np.linspace(corners[0], corners[3], 4001)
        height = np.interp(fine, corners, [0, 1, 1, 0])
        area = np.concatenate([[0], np.cumsum((height[1:] + height[:-1]) / 2)]) * (fine[1] - fine[0])
        across_columns = np.diff(np.interp(np.arange(n_cols + 1) - 0.5, fine, area)) * voxel**2 * scale * fan / width
        edges = row_px + (np.arange(n_z + 1) - n_z / 2) * voxel * scale
        rows = np.arange(n_rows)
        for k in range(n_z):
            along_rows = np.clip(np.minimum(rows + 0.5, edges[k + 1]) - np.maximum(rows - 0.5, edges[k]), 0, None)
            result += volume[k, j, i] * along_rows[:, None] * across_columns
    if is_cone:
        u, v = (np.arange(n_cols) - geometry.centre_px) * pixel, (np.arange(n_rows) - row_px)[:, None] * pixel
        result *= np.sqrt(1 + v**2 / (u**2 + geometry.source_detector_mm**2))
    return result / 10


@pytest.mark.parametrize("case", CASES)
def test_kernel_agrees_with_plain_loops(case):
    geometry, voxel_um, shape, detector = CASES[case]
    volume = np.random.default_rng(0).random(shape, dtype=np.float32)
    magnification = geometry.magnification if isinstance(geometry, ConeBeam) else 1
    voxel = (voxel_um or geometry.pixel_um / magnification) / 1000
    for angle in (0.0, 0.7, np.pi / 4, 3.0):
        found = forward(volume, [angle], geometry, voxel_um=voxel_um, detector=detector)[0]
        expected = plain_view(volume, angle, geometry, voxel, detector)
        # float32 sums; areas in the loops are right to 1e-6 of a trapezoid, whose sides may be upright
        assert abs(found - expected).max() <= 1e-3 * abs(expected).max()


@pytest.mark.parametrize("case", CASES)
def test_back_projection_is_the_transpose(case):
    geometry, voxel_um, shape, detector = CASES[case]
    rng = np.random.default_rng(1)
    theta = rng.uniform(0, 7, 5)
    volume = rng.standard_normal(shape).astype(np.float32)
    projections = rng.standard_normal((5, *detector)).astype(np.float32)
    seen = forward(volume, theta, geometry, voxel_um=voxel_um, detector=detector).astype(np.float64)
    smeared = back(projections, theta, geometry, voxel_um=voxel_um, shape=shape).astype(np.float64)
    one, other = np.vdot(seen, projections), np.vdot(volume, smeared)
    assert abs(one - other) <= 1e-6 * np.linalg.norm(seen) * np.linalg.norm(projections)

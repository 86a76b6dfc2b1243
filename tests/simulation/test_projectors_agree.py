"""The twin's projector and the reconstruction's are different code, and see the same sphere."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import xelith.simulation
from xelith.materials import MATERIALS, Gas, Phase, monochromatic
from xelith.reconstruction.projectors import forward
from xelith.simulation import Acquisition, Cell, Cone, Detector, truth_of
from xelith.simulation.light import light_path
from xelith.simulation.projection import expected_views
from xelith.simulation.tissues import OPEN_VOID, solid

ENERGY_KEV, VOXEL_UM = 30.0, 2.0


@pytest.fixture(scope="module")
def cell():
    """A ball of electrolyte, 36 µm across, off the axis, on a grid of 1 µm."""
    z, y, x = np.mgrid[:64, :84, :84]
    labels = np.zeros((64, 84, 84), np.uint8)
    labels[(z - 30.0) ** 2 + (y - 52.0) ** 2 + (x - 36.0) ** 2 < 18.0**2] = 1
    return Cell(labels, (OPEN_VOID, solid(MATERIALS["li6ps5cl"])), 1.0, 40.0)


@pytest.mark.parametrize("cone", [None, Cone(4.0, 10.0)], ids=["parallel", "cone"])
def test_both_project_a_sphere_alike(cell, cone):
    pixel_um = VOXEL_UM * (cone.magnification if cone else 1)
    acquisition = Acquisition(
        Detector(32, 48, pixel_um, blur_px=0.0),
        monochromatic(ENERGY_KEV),
        n_views=7,
        range_deg=180.0,
        centre_px=24.2,
        cone=cone,
        rays_per_pixel=4,
    )
    # the ball's depth is 0.012, so that intensities and their logarithms average alike within a pixel to 0.3 %
    twin = -np.log(expected_views(light_path(cell, Gas("none"), acquisition), acquisition.theta).astype(float))
    mu_per_cm = MATERIALS["li6ps5cl"].mu_per_cm(ENERGY_KEV)
    volume = truth_of(cell, acquisition).fractions[Phase.ELECTROLYTE] * mu_per_cm
    geometry = replace(acquisition.geometry, centre_px=acquisition.axis_px)
    other = forward(volume.astype(np.float32), acquisition.theta, geometry, voxel_um=VOXEL_UM, detector=(32, 48))
    peak = other.max()
    # the sum over a view is kept by either; in a cone beam rays lengthen off the axis, which both know
    np.testing.assert_allclose(twin.sum(axis=(1, 2)), other.sum(axis=(1, 2)), rtol=0.004)
    # 6 % of the peak at the rim, where voxels of 1 and of 2 µm end differently; 1 % on average
    assert np.abs(twin - other).max() < 0.06 * peak
    assert np.sqrt(np.mean((twin - other)[other > 0] ** 2)) < 0.01 * peak


def test_no_file_of_the_simulation_imports_reconstruction():
    for path in Path(xelith.simulation.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not any("reconstruction" in name for name in names), path.name

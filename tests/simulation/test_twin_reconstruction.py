"""Reconstructing a twin gives the truth back: one energy, no noise, µ within 1 % three voxels from an edge."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from xelith.materials import MATERIALS, Gas, Phase, monochromatic
from xelith.reconstruction.fdk import fdk
from xelith.reconstruction.fourier import fourier_fbp
from xelith.simulation import (
    Acquisition,
    Bore,
    Carbon,
    CellDesign,
    Charge,
    Collector,
    Cone,
    Detector,
    Electrolyte,
    Film,
    build_cell,
    truth_of,
)
from xelith.simulation.light import light_path
from xelith.simulation.projection import expected_views
from xelith.simulation.twin import centred

ENERGY_KEV, XENON = 30.0, Gas("xenon", 6)
DESIGN = CellDesign(
    bore=Bore(100.0, 120.0, walls_um=(16.0, 12.0, 16.0)),
    collector=Collector(24.0),
    film=Film(1.5, 40.0, bare_spots=1, bare_um=20.0, pockets=0),
    carbon=Carbon(24.0, roughness_um=1.0, porosity=0.0),
    electrolyte=Electrolyte(void_share=0.0),
)
FILLINGS = {
    Phase.VOID: XENON,
    Phase.LITHIUM: MATERIALS["lithium"],
    Phase.CARBON: MATERIALS["carbon"],
    Phase.ELECTROLYTE: MATERIALS["li5.5ps4.5br1.5"],
    Phase.COLLECTOR: MATERIALS["steel"],
    Phase.CASING: MATERIALS["peek"],
}


@pytest.fixture(scope="module")
def cell():
    return build_cell(DESIGN, Charge(30.0 / 4.849), seed=1)


@pytest.mark.parametrize("cone", [None, Cone(20.0, 50.0)], ids=["parallel", "cone"])
def test_every_phase_comes_back(cell, cone):
    acquisition = Acquisition(
        Detector(56, 100, 2.0 * (cone.magnification if cone else 1.0), blur_px=0.0),
        monochromatic(ENERGY_KEV),
        n_views=320 if cone else 200,
        range_deg=360.0 if cone else 180.0,
        centre_px=50.7,
        cone=cone,
        rays_per_pixel=3,
    )
    pose, theta = centred(cell, acquisition), acquisition.theta
    integrals = -np.log(expected_views(light_path(cell, XENON, acquisition, pose), theta))
    if cone is None:
        sinograms = np.ascontiguousarray(integrals.transpose(1, 0, 2))
        volume = fourier_fbp(sinograms, theta, centre_px=acquisition.axis_px, voxel_um=2.0)
    else:
        volume = fdk(integrals, theta, replace(acquisition.geometry, centre_px=acquisition.axis_px))
    truth = truth_of(cell, acquisition, pose)
    for phase, filling in FILLINGS.items():
        deep = binary_erosion(np.pad(truth.fractions[phase] > 0.999, 3, mode="edge"), np.ones((3, 3, 3)), iterations=3)[
            3:-3, 3:-3, 3:-3
        ]
        deep[:6] &= cone is None  # rays of a cone leave the view at its ends
        deep[-6:] &= cone is None
        if phase in (Phase.CASING, Phase.VOID):  # streaks of steel and electrolyte cross the casing
            rows = truth.fractions[[Phase.COLLECTOR, Phase.ELECTROLYTE]].sum(axis=(0, 2, 3)) == 0
            deep &= binary_erosion(rows, iterations=4)[:, None, None]
        assert deep.sum() > 50
        mu = float(filling.mu_per_cm(ENERGY_KEV))
        assert volume[deep].mean() == pytest.approx(mu, rel=0.01), phase.name

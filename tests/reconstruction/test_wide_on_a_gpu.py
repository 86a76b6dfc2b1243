"""Slices as wide as scans are: white noise, where an error in place counts most. The figures of docs/how-to/gpu.md."""

import numpy as np
import pytest

from xelith.arrays import to_host
from xelith.reconstruction.fbp import fbp
from xelith.reconstruction.fdk import fdk
from xelith.reconstruction.fourier import fourier_fbp
from xelith.scans.geometry import ConeBeam

pytestmark = pytest.mark.validate


def relative_rms(there, here):
    return float(np.sqrt(((to_host(there) - here) ** 2).mean() / (here**2).mean()))


@pytest.mark.parametrize(("method", "most"), [(fbp, 1e-5), (fourier_fbp, 1e-4)])
@pytest.mark.parametrize("n_cols", [512, 2048])
def test_parallel_beam(device, method, n_cols, most):
    sinograms = np.random.default_rng(0).normal(size=(1, 60, n_cols)).astype(np.float32)
    given = {"theta": np.arange(60) * np.pi / 60 + 0.1, "centre_px": n_cols / 2 - 0.4, "voxel_um": 1.0}
    assert relative_rms(method(device.asarray(sinograms), **given), method(sinograms, **given)) < most


@pytest.mark.parametrize("n_cols", [512, 1024])
def test_cone_beam(device, n_cols):
    projections = np.random.default_rng(0).normal(size=(12, 9, n_cols)).astype(np.float32)
    beam = ConeBeam(22000 / n_cols, 60.0, 120.0, n_cols / 2 - 0.4)
    given = {"theta": np.arange(12) * np.pi / 6 + 0.1, "geometry": beam, "z_range": (4, 5)}
    assert relative_rms(fdk(device.asarray(projections), **given), fdk(projections, **given)) < 1e-4

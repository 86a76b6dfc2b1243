import numpy as np
import pytest

from xelith.arrays import to_host
from xelith.reconstruction.fdk import fdk
from xelith.scans.geometry import ConeBeam

FULL, SHORT = np.arange(24) * np.pi / 12, np.linspace(0, np.deg2rad(230), 20)
CENTRED = ConeBeam(100.0, 50.0, 200.0, 15.4, 9.7)
CASES = {
    "full": (CENTRED, FULL, {}),
    "short": (CENTRED, SHORT, {}),
    "shifted detector": (ConeBeam(100.0, 50.0, 200.0, 6.2, 9.7), FULL, {}),
    "tilted detector": (ConeBeam(100.0, 50.0, 200.0, 15.4, 9.7, detector_tilt_rad=0.03), FULL, {}),
    "row and column window": (CENTRED, FULL, {"z_range": (3, 12), "yx_range": ((5, 20), (9, 31))}),
    "one slice above the detector": (CENTRED, FULL, {"shape": (60, 32, 32), "z_range": (58, 59)}),
    "other voxels": (CENTRED, FULL, {"voxel_um": 40.0, "shape": (17, 21, 23)}),
    "one view": (CENTRED, FULL[:1], {}),
}


@pytest.mark.parametrize("case", CASES)
def test_gpu_equals_the_host(device, case):
    beam, theta, options = CASES[case]
    projections = np.random.default_rng(0).random((len(theta), 21, 32), dtype=np.float32)
    here = fdk(projections, theta, beam, **options)
    there = fdk(device.asarray(projections), theta, beam, **options)
    assert isinstance(there, device.ndarray)
    assert there.dtype == np.float32
    error = to_host(there) - here
    # places on the detector in single precision, to a hundred-thousandth of a pixel
    assert np.sqrt((error**2).mean()) < 1e-5 * np.sqrt((here**2).mean())

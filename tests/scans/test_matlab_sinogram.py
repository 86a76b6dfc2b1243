"""Sinograms in MATLAB files: which array, which way round, which unit of angle."""

import numpy as np
import pytest
from scipy.io import savemat

from xelith.scans import ScanError, open_scan

VALUES = np.random.default_rng(1).random((30, 7)).astype(np.float32)  # columns, angles


def write(path, **arrays):
    savemat(path, arrays)
    return path


@pytest.mark.parametrize(
    ("angles", "degrees"),
    [
        ({"anglesRad": np.deg2rad(np.arange(7) * 20.0 + 720)}, np.arange(7) * 20.0),
        ({"anglesDegrees": np.arange(7) * 20.0}, np.arange(7) * 20.0),
        ({"theta": np.arange(7) * 0.4}, np.rad2deg(np.arange(7) * 0.4)),
        ({"theta": -5 + np.arange(7) * 20.0}, 355 + np.arange(7) * 20.0),
    ],
)
def test_angles_are_read_in_their_unit(tmp_path, angles, degrees):
    scan = open_scan(write(tmp_path / "a.mat", sino=VALUES, Detectors=30.0, **angles), pixel_um=2)
    np.testing.assert_allclose(np.rad2deg(scan.theta), degrees, atol=1e-9)
    np.testing.assert_array_equal(scan.projections[:], VALUES.T[:, None])
    assert scan.is_line_integral
    assert scan.format == "MATLAB sinogram"
    assert scan.geometry.pixel_um == 2
    assert any("sino" in text for text in scan.provenance["notes"])


def test_a_stack_has_its_longer_axis_across_the_detector(tmp_path):
    stack = np.random.default_rng(2).random((30, 4, 7))
    scan = open_scan(write(tmp_path / "a.mat", data=stack, theta=np.arange(7.0)))
    assert scan.shape == (7, 4, 30)
    np.testing.assert_allclose(scan.projections[2:3][0], stack[:, :, 2].T.astype(np.float32))


def test_what_is_no_sinogram_is_refused(tmp_path):
    with pytest.raises(ScanError, match="without a vector of angles"):
        open_scan(write(tmp_path / "a.mat", sino=VALUES))
    with pytest.raises(ScanError, match="no array with an axis of 5 angles"):
        open_scan(write(tmp_path / "b.mat", sino=VALUES, theta=np.arange(5.0)))
    whole = (write(tmp_path / "c.mat", theta=np.arange(7.0), sino=VALUES)).read_bytes()
    (tmp_path / "d.mat").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ScanError, match="damaged"):
        open_scan(tmp_path / "d.mat").projections[:]


def test_the_dendrite_sinogram(data_dir):
    scan = open_scan(data_dir / "projections" / "sinograms" / "RealDataDend.mat")
    assert scan.shape == (360, 1, 1260)
    np.testing.assert_allclose(np.rad2deg(np.diff(scan.theta)), 0.5, atol=5e-4)  # as the stage has it
    assert 0 <= scan.theta[0] < 2 * np.pi

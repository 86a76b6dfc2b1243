"""How a scan is taken: angles, axis, and ranges."""

import numpy as np
import pytest

from xelith.materials import monochromatic
from xelith.scans.geometry import ConeBeam, ParallelBeam
from xelith.simulation import Acquisition, Cone, Detector, Drift, Optics, Pose

DETECTOR = Detector(4, 11, 1.0)
BEAM = monochromatic(20.0)


def test_views_leave_the_end_of_the_range_out():
    np.testing.assert_allclose(np.rad2deg(Acquisition(DETECTOR, BEAM, 4).theta), [0, 45, 90, 135])
    np.testing.assert_allclose(np.rad2deg(Acquisition(DETECTOR, BEAM, 3, range_deg=-360).theta), [0, -120, -240])


def test_the_axis_is_in_the_middle_unless_told():
    assert Acquisition(DETECTOR, BEAM, 4).axis_px == 5.0
    assert Acquisition(DETECTOR, BEAM, 4, centre_px=3.3).axis_px == 3.3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_views": 0}, r"scan has 0 views, 20 flats"),
        ({"n_flats": 0}, r"4 views, 0 flats and 0 late ones, 20 darks"),
        ({"photons": 0}, r"open beam has 0 photons"),
        ({"range_deg": 0}, r"scan turns by 0 degrees"),
        ({"range_deg": 720}, r"scan turns by 720 degrees"),
    ],
)
def test_impossible_scans_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Acquisition(**{"detector": DETECTOR, "spectrum": BEAM, "n_views": 4} | changes)


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        (Cone, {"source_axis_mm": 20.0, "source_detector_mm": 10.0}, r"the detector stands behind the axis"),
        (Cone, {"source_axis_mm": 5.0, "source_detector_mm": 10.0, "direction": 2}, r"direction is 2; give 1 or -1"),
        (Optics, {"glare": -0.1}, r"glare of the optics is -0.1; give 0 or more"),
        (Optics, {"scatter": 1.0}, r"scatter is 1.0 and glare 0.0; give shares below 1"),
        (Optics, {"roll_deg": 60.0}, r"axis is rolled by 60.0 and pitched by 0.0 degrees"),
        (Drift, {"beam": -1.0}, r"beam changes by -1.0"),
        (Drift, {"flicker": -0.1}, r"flicker of the drift is -0.1"),
    ],
)
def test_impossible_parts_are_refused(part, changes, message):
    with pytest.raises(ValueError, match=message):
        part(**changes)


def test_the_record_of_the_geometry_leaves_the_axis_open():
    parallel = Acquisition(DETECTOR, BEAM, 4, centre_px=3.3)
    assert parallel.geometry == ParallelBeam(pixel_um=1.0)
    assert parallel.voxel_um == 1.0
    cone = Acquisition(DETECTOR, BEAM, 4, cone=Cone(10.0, 40.0))
    assert cone.geometry == ConeBeam(pixel_um=1.0, source_axis_mm=10.0, source_detector_mm=40.0)
    assert cone.voxel_um == 0.25


def test_poses_add_up():
    assert Pose((1.0, 2.0, 3.0), 0.1).moved((0.5, 0.0, -1.0)) == Pose((1.5, 2.0, 2.0), 0.1)

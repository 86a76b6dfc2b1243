"""How a scan is taken: angles, axis, and ranges."""

import numpy as np
import pytest

from xelith.materials import monochromatic
from xelith.simulation import Acquisition, Detector

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
        ({"n_flats": 0}, r"0 flats, 20 darks"),
        ({"photons": 0}, r"open beam has 0 photons"),
        ({"range_deg": 0}, r"scan turns by 0 degrees"),
        ({"range_deg": 720}, r"scan turns by 720 degrees"),
    ],
)
def test_impossible_scans_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Acquisition(**{"detector": DETECTOR, "spectrum": BEAM, "n_views": 4} | changes)

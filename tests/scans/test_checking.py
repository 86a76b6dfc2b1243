"""Contradictions in a scan."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xelith.scans import ArrayFrames, ConeBeam, ParallelBeam, Scan, ScanError, check_scan


def frames(n, rows=2, columns=3):
    return ArrayFrames(np.ones((n, rows, columns), np.uint16))


SCAN = Scan(
    projections=frames(4),
    flats=frames(2),
    darks=frames(1),
    theta=np.arange(4.0),
    geometry=ParallelBeam(0.54),
    shifts_px=np.zeros((4, 2)),
    flat_positions=np.array([0, 4]),
    path=Path("cell7.h5"),
)


class Empty:
    """Frames without any."""

    shape = (0, 2, 3)
    dtype = np.dtype("u2")


def test_whole_scan_is_passed_on():
    assert check_scan(SCAN) is SCAN
    bare = Scan(projections=frames(4))
    assert check_scan(bare) is bare


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"theta": np.arange(5.0)}, "cell7.h5 has 5 angles and 4 projections; both must be as many: give theta_deg"),
        ({"theta": np.ones((4, 1))}, "has 4 angles and 4 projections"),
        ({"theta": np.array([0, 1, np.nan, np.inf])}, "has 2 angles that are no number, the first at 2"),
        ({"theta": np.full(4, np.pi)}, "has 4 angles, all 180 degrees; give theta_range_deg"),
        ({"flats": frames(2, 3)}, "has flats of 3 x 3 and projections of 2 x 3 pixels; give flats of the same region"),
        ({"darks": frames(1, 2, 6)}, "has darks of 2 x 6 and projections of 2 x 3 pixels"),
        ({"flats": Empty()}, "has no flats in its stack; leave flats out"),
        ({"projections": Empty(), "theta": None}, "has 0 projections of 2 x 3 pixels"),
        ({"shifts_px": np.zeros((3, 2))}, "has 3 shifts_px for 4 frames; give one for each"),
        ({"flat_positions": np.array([0])}, "has 1 flat_positions for 2 frames"),
        ({"flat_positions": np.array([4, 0])}, "go back in time; sort the flats"),
        ({"geometry": ParallelBeam(-1.0)}, "has pixel_um -1; it must be above 0: give pixel_um as a hint"),
        ({"geometry": ParallelBeam(float("nan"))}, "has pixel_um nan; it must be above 0"),
        ({"geometry": ConeBeam(50.0, 0.0, 80.0)}, "has source_axis_mm 0; it must be above 0"),
        ({"geometry": ConeBeam(50.0, 90.0, 80.0)}, "has its axis 90 mm from the source and its detector 80 mm"),
        ({"energy_kev": 0.0}, "has energy_kev 0; it must be above 0"),
        ({"exposure_s": -2.0}, "has exposure_s -2; it must be above 0"),
    ],
)
def test_contradictions_are_named(change, message):
    with pytest.raises(ScanError, match=message):
        check_scan(replace(SCAN, **change))


def test_scan_in_memory_has_a_name_too():
    with pytest.raises(ScanError, match="the scan has 5 angles and 4 projections"):
        check_scan(replace(SCAN, path=None, theta=np.arange(5.0)))

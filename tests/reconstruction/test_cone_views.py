import logging

import numpy as np
import pytest

from xelith.arrays import to_host
from xelith.reconstruction.cone_detector import Grid, checked_beam
from xelith.reconstruction.cone_views import filtered_views, view_filter
from xelith.reconstruction.filters import padded_length, ramp_response
from xelith.scans.geometry import ConeBeam

BEAM = checked_beam(ConeBeam(100.0, 100.0, 400.0, 15.5, 11.5), (24, 32))
GRID = Grid(0.025, (24, 32, 32), (0, 0, 0), (24, 32, 32))
FULL = np.arange(6) * np.pi / 3


def test_filtered_views_follow_the_formula(xp):
    projections = np.random.default_rng(0).random((6, 24, 32))
    views = view_filter(FULL, BEAM, GRID, "hann")
    found = filtered_views(xp.asarray(projections), slice(1, 3), views)
    u, v = (np.arange(32) - 15.5) * 0.1, (np.arange(24) - 11.5) * 0.1
    weighed = projections[2] * 400 / np.sqrt(400**2 + u**2 + v[:, None] ** 2) * (np.pi / 3) / 2
    n = padded_length(34)
    spread = np.fft.irfft(np.fft.rfft(weighed, n, axis=1) * ramp_response(n, "hann"), n, axis=1) / 0.0025
    inside = to_host(found)[1, -views.rows[0] : 24 - views.rows[0], 1:-1]
    # float32 FFT of values near 1, over a pixel of 0.0025 cm at the axis
    np.testing.assert_allclose(inside, spread[:, :32], atol=2e-4 * abs(spread).max())


def test_outermost_row_goes_on_beyond_the_detector():
    projections = np.random.default_rng(0).random((6, 24, 32), dtype=np.float32)
    views = view_filter(FULL, BEAM, Grid(0.025, (40, 32, 32), (0, 0, 0), (40, 32, 32)), "ramp")
    found = filtered_views(projections, slice(None), views)
    assert views.rows[0] < 0
    assert views.rows[1] > 24
    np.testing.assert_array_equal(found[:, 0], found[:, -views.rows[0]])
    np.testing.assert_array_equal(found[:, -1], found[:, 23 - views.rows[0]])


def test_only_the_rows_and_views_needed_are_read():
    class Disk:
        shape = (6, 24, 32)

        def __init__(self):
            self.asked = []

        def __getitem__(self, key):
            self.asked.append(key)
            return np.zeros((key[0].stop - key[0].start, key[1].stop - key[1].start, 32), np.uint16)

    disk = Disk()
    views = view_filter(FULL, BEAM, Grid(0.025, (24, 32, 32), (2, 0, 0), (4, 32, 32)), "ramp")
    filtered_views(disk, slice(2, 5), views)
    ((which, rows),) = disk.asked
    assert which == slice(2, 5)
    assert 0 <= rows.start <= 2
    assert 3 < rows.stop < 8


def test_shifted_detector_is_filtered_as_far_as_the_view_reaches():
    beam = checked_beam(ConeBeam(100.0, 100.0, 400.0, 5.0, 11.5), (24, 32))
    views = view_filter(FULL, beam, GRID, "ramp")
    assert views.columns == (-22, 33)
    assert views.radius_mm == pytest.approx(100 * 2.65 / np.hypot(2.65, 400))
    short = view_filter(np.radians(np.arange(200)), beam, GRID, "ramp")
    assert short.columns == (-1, 33)


def test_too_short_a_scan_is_said(caplog):
    with caplog.at_level(logging.WARNING):
        view_filter(np.radians(np.arange(150)), BEAM, GRID, "ramp")
    assert "views cover 150.0 degrees and a fan of this width needs 180.4" in caplog.text

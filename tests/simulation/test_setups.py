"""Scanners by name: the published numbers, and frames of another size."""

import pytest

from xelith.simulation.setups import SETUPS, resized


@pytest.mark.parametrize(
    ("name", "views", "range_deg", "voxel_um"),
    [
        ("demo", 360, 180, 2.0),
        ("kodama-nano3dx", 1000, 180, 0.54),
        ("ham-versa", 2401, 360, 2.475),
        ("beamline-25kev", 1800, 180, 0.65),
    ],
)
def test_scanners_have_their_published_numbers(name, views, range_deg, voxel_um):
    acquisition = SETUPS[name]()
    assert acquisition.n_views == views
    assert acquisition.range_deg == range_deg
    assert acquisition.voxel_um == pytest.approx(voxel_um)


def test_every_scanner_has_its_physics():
    assert SETUPS["ham-versa"]().cone is not None
    assert SETUPS["kodama-nano3dx"]().optics.propagation_mm > 0
    assert SETUPS["beamline-25kev"]().spectrum.energy_kev.tolist() == [25.0]
    kodama = SETUPS["kodama-nano3dx"]()
    assert kodama.detector.n_cols * kodama.voxel_um < 1000  # narrower than the cell
    assert 15 < kodama.spectrum.mean_kev < 20


def test_a_smaller_frame_keeps_the_axis_off_the_middle():
    demo = SETUPS["demo"]()
    small = resized(demo, n_cols=61, n_views=12)
    assert small.detector.shape == (90, 61)
    assert small.n_views == 12
    assert small.axis_px - 30 == pytest.approx(demo.axis_px - 119.5)
    assert resized(demo, n_rows=10).detector.shape == (10, 240)

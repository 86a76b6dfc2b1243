"""A pair of scans on the same rays: the move and the axes of both scans undone, and what is left of them found."""

from dataclasses import replace

import numpy as np
import pytest

from xelith.materials import MATERIALS, Gas, monochromatic
from xelith.pipeline.ray_pairs import RayPair, about_axis, without_slight_tilt
from xelith.pipeline.ray_refinement import refined
from xelith.pipeline.ray_sides import Side
from xelith.pipeline.steps import FourierFbp, HalfAcquisition
from xelith.pipeline.store import ImageLayout
from xelith.reconstruction.two_gas import ray_model
from xelith.segmentation.bore import Bore
from xelith.segmentation.rigid import RigidMove

N, ROWS, VIEWS = 80, 24, 150
THETA = np.pi * np.arange(VIEWS) / VIEWS
BLOBS = [(12.0, 9.0, -7.0, 5.0), (11.0, -8.0, 6.0, 4.0), (12.5, 2.0, 12.0, 6.0)]  # z; x and y from the axis; width


def integrals(theta, centre_px, move=None) -> np.ndarray:
    """(n_theta, ROWS, N) line integrals of Gaussian blobs, moved about the axis."""
    columns, rows = np.arange(N) - centre_px, np.arange(ROWS)
    total = np.zeros((len(theta), ROWS, N))
    for z, x, y, width in BLOBS:
        if move is not None:
            z, y, x = move.moved(np.array([[z], [y], [x]]))[:, 0]
        place = x * np.cos(theta) + y * np.sin(theta)
        across = np.exp(-((columns - place[:, None]) ** 2) / (2 * width**2))
        total += across[:, None] * np.exp(-((rows - z) ** 2) / (2 * width**2))[None, :, None]
    return total.astype(np.float32)


def side(values, theta, centre_px, **changes) -> Side:
    return replace(Side(values, theta, centre_px, (FourierFbp(),), None, 0.0, 20), **changes)


def pair_of(argon, xenon, move, **changes) -> RayPair:
    model = ray_model(monochromatic(25), MATERIALS["li6ps5cl"], Gas("argon", 1), Gas("xenon", 6), longest_cm=0.1)
    layout = ImageLayout((ROWS, N, N), 10.0, 8, 1)
    bore = Bore((N - 1) / 2, (N - 1) / 2, 30.0)
    parts = {"budget_bytes": 1e9, "threads": 1, "outer_um": None, "beside_cm": 0.0}
    return RayPair(argon, xenon, move, model, layout, bore, (None, None), **(parts | changes))


MOVE = RigidMove((0.4, -1.3, 2.1), (np.deg2rad(0.7), 0.0, 0.0))


def test_a_moved_cell_is_seen_on_the_rays_of_the_first_scan():
    xenon = side(integrals(THETA, 40.2), THETA, 40.2)
    argon = side(integrals(THETA, 38.9, MOVE), THETA, 38.9, beside=0.3)
    found, expected = pair_of(argon, xenon, MOVE).sinograms(8, 16)
    # cubic splines of blobs 4 px wide and of height 3; gas beside the cell is added back
    np.testing.assert_allclose(found[..., 6:-6] - 0.3, expected[..., 6:-6], atol=2e-3)


def test_an_axis_that_is_off_is_found_on_the_rays():
    xenon = side(integrals(THETA, 40.2), THETA, 40.2 + 0.06)  # what `centre` said is 0.06 px off
    argon = side(integrals(THETA, 38.9, MOVE), THETA, 38.9)
    pair = refined(pair_of(argon, xenon, MOVE))
    assert pair.fine.constant_px == pytest.approx(0.06, abs=0.005)
    found, expected = pair.sinograms(8, 16)
    np.testing.assert_allclose(found[..., 6:-6], expected[..., 6:-6], atol=3e-3)


def test_height_and_turn_are_mended_on_the_rays():
    xenon = side(integrals(THETA, 40.2), THETA, 40.2)
    argon = side(integrals(THETA, 38.9, MOVE), THETA, 38.9)
    z, y, x = MOVE.shift_px
    off = RigidMove((z - 0.05, y, x), (MOVE.rotation_rad[0] + np.deg2rad(0.06), 0.0, 0.0))
    found = refined(pair_of(argon, xenon, off)).move
    assert found.shift_px[0] == pytest.approx(z, abs=0.005)
    assert found.rotation_rad[0] == pytest.approx(MOVE.rotation_rad[0], abs=np.deg2rad(0.01))


def test_an_axis_that_is_far_off_is_left_and_said(caplog):
    xenon = side(integrals(THETA, 40.2), THETA, 41.2)
    argon = side(integrals(THETA, 38.9, MOVE), THETA, 38.9)
    assert refined(pair_of(argon, xenon, MOVE)).fine.constant_px == 0
    assert "look at both centres" in caplog.text


def test_a_move_is_turned_about_the_axis_whatever_its_centre():
    move = RigidMove((0.5, 1.0, -2.0), (0.02, 0.0, 0.0), (11.0, 30.0, 44.0))
    layout = ImageLayout((ROWS, N, N), 10.0, 8, 1)
    about = about_axis(move, layout, N + 4)
    places = np.array([[3.0, 9.0], [20.0, 50.0], [31.0, 70.0]])
    axis, other = np.array([[0], [(N - 1) / 2], [(N - 1) / 2]]), np.array([[0], [(N + 3) / 2], [(N + 3) / 2]])
    np.testing.assert_allclose(about.moved(places - axis) + other, move.moved(places), atol=1e-9)


def test_half_views_have_the_width_and_the_axis_of_whole_ones():
    full = 2 * np.pi * np.arange(2 * VIEWS) / (2 * VIEWS)
    values = integrals(full, 30.3)[:, :, 20:]  # the axis lies 10.3 columns from the edge
    half = side(values, full, 10.3, steps=(HalfAcquisition(), FourierFbp()))
    assert len(half.theta) == VIEWS
    assert half.rows(8, 10).shape == (2, VIEWS, half.n_cols)
    assert half.n_cols > 95
    whole = integrals(half.theta, half.centre_px)[:, 8:10]
    seen = min(half.n_cols, N)
    np.testing.assert_allclose(half.rows(8, 10)[:, :, :seen], np.swapaxes(whole, 0, 1)[:, :, :seen], atol=5e-3)


@pytest.mark.parametrize(("radius_px", "is_left"), [(40.0, True), (400.0, False)])
def test_a_tilt_that_moves_the_rim_by_little_is_left(radius_px, is_left):
    move = RigidMove((0.1, 0.2, 0.3), (0.01, 2e-3, -1e-3))  # 0.09 and 0.9 px at the rim
    found = without_slight_tilt(move, radius_px)
    assert found.rotation_rad == ((0.01, 0.0, 0.0) if is_left else move.rotation_rad)
    assert found.shift_px == move.shift_px

import math

import numpy as np
import pytest

from xelith.arrays import to_host
from xelith.reconstruction.axis_tilt import Band, Tilt, centre_at, find_tilt, set_upright
from xelith.reconstruction.centre import find_centre
from xelith.scans.geometry import ConeBeam

SHAPE = (100, 140)


def balls(seed=0, n=45, radius=48.0, height=SHAPE[0]):
    """Balls (x, y, z, r, mu) in pixels about the axis and the middle row."""
    rng = np.random.default_rng(seed)
    r, phi = radius * np.sqrt(rng.uniform(0, 1, n)), rng.uniform(0, 2 * np.pi, n)
    size, mu = rng.uniform(3, 10, n), rng.uniform(0.01, 0.04, n)
    return np.stack([r * np.cos(phi), r * np.sin(phi), rng.uniform(-0.55, 0.55, n) * height, size, mu], axis=1)


def tilted_views(parts, theta, centre_px, tilt_rad, rows=None):
    """Exact chords of balls on a detector that is turned about the beam; the axis meets its middle row at centre_px."""
    rows = np.arange(SHAPE[0]) if rows is None else rows
    j, i = np.arange(SHAPE[1]) - centre_px, (rows - (SHAPE[0] - 1) / 2)[:, None]
    u = j * math.cos(tilt_rad) - i * math.sin(tilt_rad)
    v = j * math.sin(tilt_rad) + i * math.cos(tilt_rad)
    views = np.zeros((len(theta), rows.size, SHAPE[1]), np.float32)
    for x, y, z, r, mu in parts:
        s = x * np.cos(theta) + y * np.sin(theta)
        square = (u - s[:, None, None]) ** 2 + (v - z) ** 2
        views += (2 * mu * np.sqrt(np.clip(r * r - square, 0, None))).astype(np.float32)
    return views


ROWS = (np.linspace(3, SHAPE[0] - 6, 7).round().astype(int)[:, None] + np.arange(3)).ravel()


def bands_of(views):
    """Seven bands of three rows, of views on `ROWS`."""
    return [Band(float(ROWS[k + 1]), views[:, k : k + 3]) for k in range(0, ROWS.size, 3)]


@pytest.mark.parametrize("turns", [0.5, 1.0])
@pytest.mark.parametrize("degrees", [-1.5, 0.4])
def test_the_tilt_is_measured(photons, turns, degrees):
    theta = 0.2 + np.arange(int(240 * turns)) * 2 * np.pi / 240
    views = photons(tilted_views(balls(), theta, 73.4, math.radians(degrees), ROWS), 20_000)
    found = find_tilt(bands_of(views), theta, near=(49.5, 73.4), n_rows=SHAPE[0])
    assert found.verdict == "measured"
    assert math.degrees(found.tilt_rad) == pytest.approx(degrees, abs=0.12)  # 0.1 px over 50 rows
    assert centre_at(found, (SHAPE[0] - 1) / 2) == pytest.approx(73.4, abs=0.2)
    assert found.std_rad is not None and abs(math.degrees(found.tilt_rad) - degrees) < 5 * math.degrees(found.std_rad)


def test_an_upright_axis_is_left_alone(photons):
    theta = np.arange(200) * np.pi / 200
    views = photons(tilted_views(balls(3), theta, 67.7, 0.0, ROWS), 20_000)
    found = find_tilt(bands_of(views), theta, near=(49.5, 67.7), n_rows=SHAPE[0])
    assert found.verdict == "negligible"
    assert abs(math.degrees(found.tilt_rad)) < 0.12


def test_rows_without_structure_tell_nothing():
    noise = np.random.default_rng(0).normal(size=(180, ROWS.size, SHAPE[1]))
    theta = np.arange(180) * np.pi / 180
    assert find_tilt(bands_of(noise), theta, near=(49.5, 69.5), n_rows=SHAPE[0]).verdict == "not-measured"
    few = bands_of(tilted_views(balls(), theta, 69.5, 0.0, ROWS))[:3]
    assert find_tilt(few, theta, near=(49.5, 69.5), n_rows=SHAPE[0]).verdict == "not-measured"
    assert centre_at(Tilt(0.0, None, "not-measured"), 3.0) is None


def test_the_centre_is_that_of_the_rows_that_show_it_best():
    found = Tilt(0.1, 0.01, "measured", (0.0, 10.0, 20.0), (7.0, 7.8, 8.8), (4.0, 1.0, 1.0))
    assert centre_at(found, 0.0) == pytest.approx(7.0, abs=0.1)  # of equal worth it would be 6.80


def test_a_cone_shows_its_tilt_too():
    """A long cone, so that the balls of the parallel beam will do; rows off the middle are conjugate only nearly."""
    theta = np.arange(240) * 2 * np.pi / 240
    beam = ConeBeam(1.0, 39.9, 40.0, 73.4)
    views = tilted_views(balls(5), theta, 73.4, math.radians(0.8), ROWS)
    found = find_tilt(bands_of(views), theta, near=(49.5, 73.4), n_rows=SHAPE[0], geometry=beam)
    assert found.verdict == "measured"
    assert math.degrees(found.tilt_rad) == pytest.approx(0.8, abs=0.12)


@pytest.mark.parametrize("degrees", [-2.0, 1.0])
def test_upright_views_are_those_of_a_straight_detector(xp, degrees):
    def scene(u, v):
        return np.exp(-((u - 9) ** 2 + (v + 4) ** 2) / 60) + np.exp(-((u + 30) ** 2 + (v - 17) ** 2) / 90)

    tilt = math.radians(degrees)
    j, i = np.arange(SHAPE[1]) - 73.4, (np.arange(SHAPE[0]) - 49.5)[:, None]
    u, v = j * math.cos(tilt) - i * math.sin(tilt), j * math.sin(tilt) + i * math.cos(tilt)
    crooked = scene(u, v)[None].astype(np.float32)
    result = set_upright(xp.asarray(crooked), tilt, centre_px=73.4, row_px=49.5, rows=(25, 75))
    assert np.abs(to_host(result)[0] - scene(j, i)[25:75]).max() < 2e-4  # cubic splines of a blur of 5 pixels


def test_a_slab_from_a_margin_of_rows_equals_the_whole():
    theta, tilt = np.array([0.3]), math.radians(1.2)
    views = tilted_views(balls(2), theta, 60.0, tilt)
    first, last = 26, 70  # the swing of the outermost column, and 12 rows that a cubic spline feels above 1e-6
    options = {"centre_px": 60.0, "row_px": 49.5}
    part = set_upright(views[:, first:last], tilt, rows=(40, 56), first_row=first, **options)
    np.testing.assert_allclose(part, set_upright(views, tilt, rows=(0, SHAPE[0]), **options)[:, 40:56], atol=1e-5)


def test_an_upright_scan_has_one_centre():
    theta, tilt = np.arange(150) * np.pi / 150, math.radians(2.0)
    views = tilted_views(balls(4, 25), theta, 73.4, tilt)
    upright = set_upright(views, tilt, centre_px=73.4, row_px=49.5, rows=(0, SHAPE[0]))
    ends = [find_centre(upright[:, a : a + 6], theta).centre_px for a in (16, 78)]
    assert ends == pytest.approx([73.4, 73.4], abs=0.2)
    crooked = [find_centre(views[:, a : a + 6], theta).centre_px for a in (16, 78)]
    assert crooked[1] - crooked[0] == pytest.approx(62 * math.tan(tilt), abs=0.5)


def test_poor_rows_that_happen_to_lie_on_a_line_are_no_tilt(monkeypatch):
    """Centres and worth of a scan whose axis is upright at 92.8; lithium fills the rows from 16 to 48."""
    rows = (6.5, 16.5, 27.5, 37.5, 47.5, 58.5, 68.5)
    centres, worth = (92.73, 91.89, 92.04, 92.21, 92.69, 92.70, 92.68), (4.0, 1.0, 1.0, 1.6, 3.0, 4.0, 4.0)
    seen = {row: known for row, *known in zip(rows, centres, worth, strict=True)}
    monkeypatch.setattr("xelith.reconstruction.axis_tilt._centre_of", lambda band, *args: seen[band.row_px])
    bands = [Band(row, np.zeros((2, 1, 180), np.float32)) for row in seen]
    found = find_tilt(bands, np.array([0.0, 1.0]), near=(37.5, 92.8), n_rows=76)
    assert found.verdict == "negligible"
    assert abs(found.tilt_rad * 62) < 0.1  # columns between the outermost rows; the median of equal rows says 0.94

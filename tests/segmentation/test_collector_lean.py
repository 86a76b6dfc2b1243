import numpy as np
import pytest

from xelith.segmentation.collector_lean import edge_std, shadow, upright
from xelith.segmentation.surfaces import collector_surface_from_transmission, row_profile

CENTRE, RADIUS, MEAN_ROW, VOXEL_UM = 80.3, 60.0, 20.25, 2.0


def image(tilt_deg=0.0, rough_px=0.0, seed=0, n_views=36):
    """Mean transmission of a steel block below `MEAN_ROW` whose top leans, ray by ray, in rows of one pixel."""
    rng = np.random.default_rng(seed)
    slope, fine = np.tan(np.deg2rad(tilt_deg)), 8
    rows = (np.arange(60 * fine) + 0.5) / fine - 0.5
    t = np.linspace(-RADIUS, RADIUS, 121)
    total = np.zeros((60, 160))
    for angle in np.arange(n_views) * np.pi / n_views:
        for column in range(160):
            s = column - CENTRE
            chord = np.sqrt(max(RADIUS**2 - s**2, 0.0))
            along = t[np.abs(t) <= chord]
            if along.size < 2:
                total[:, column] += 1
                continue
            top = (
                MEAN_ROW + slope * (s * np.sin(angle) + along * np.cos(angle)) + rough_px * rng.normal(size=along.size)
            )
            length_px = (rows[:, None] < top).sum(axis=1) * (t[1] - t[0])
            light = 0.02 + 0.94 * np.exp(-250.0 * length_px * VOXEL_UM * 1e-4)
            total[:, column] += light.reshape(60, fine).mean(axis=1)
    return total / n_views


def found(picture):
    surface = collector_surface_from_transmission(row_profile(picture), end="low")
    centre, radius = shadow(picture, surface)
    return surface, upright(surface, picture, centre_px=centre, radius_px=radius, voxel_um=VOXEL_UM)


def test_a_plane_across_the_axis_is_left_alone():
    before, after = found(image())
    assert after.z == before.z == pytest.approx(MEAN_ROW, abs=0.05)  # rows of an eighth
    assert after.std == before.std


def test_an_electrolyte_a_few_rows_above_makes_no_rough_collector_of_a_plane_one():
    picture = image()
    picture[26:] *= 0.3  # four light rows lie between
    before, after = found(picture)
    assert after.z == pytest.approx(MEAN_ROW, abs=0.1)
    assert after.std == before.std < 0.1


@pytest.mark.parametrize("tilt_deg", [0.7, 2.0])
def test_a_leaning_plane_is_seen_too_high_and_set_right(tilt_deg):
    before, after = found(image(tilt_deg))
    assert before.z - MEAN_ROW > 0.3 * tilt_deg
    assert after.z == pytest.approx(MEAN_ROW, abs=0.25 * (before.z - MEAN_ROW))
    assert abs(after.z - MEAN_ROW) < 2.5 * after.std
    assert after.guard > before.guard


def test_the_other_end_is_the_mirror_image():
    picture = image(1.0)
    low = found(picture)[1]
    surface = collector_surface_from_transmission(row_profile(picture[::-1]), end="high")
    high = upright(surface, picture[::-1], centre_px=CENTRE, radius_px=RADIUS, voxel_um=VOXEL_UM)
    assert 59 - high.z == pytest.approx(low.z, abs=0.02)  # half a column between the two centres


def test_a_rough_surface_says_how_uncertain_it_is():
    picture = image(rough_px=2.0)
    before, after = found(picture)
    assert edge_std(picture, before, CENTRE, RADIUS) > 0.85
    assert MEAN_ROW < after.z <= before.z
    assert after.z - MEAN_ROW < 3 * after.std


def test_a_shadow_that_leaves_the_view_has_no_middle():
    picture = image()
    surface = collector_surface_from_transmission(row_profile(picture), end="low")
    assert shadow(picture, surface) == pytest.approx((CENTRE, RADIUS), abs=0.8)
    assert shadow(picture[:, 40:], surface) is None

"""Expected projections: analytic tubes, slabs and spheres, averaged as intensities, wherever the cell stands."""

import numpy as np
import pytest

from xelith.materials import MATERIALS, Gas, Spectrum, monochromatic
from xelith.simulation import Acquisition, Cell, Cone, Detector, Drift, Fill, Optics, Pose, Ring
from xelith.simulation.light import light_path
from xelith.simulation.projection import expected_views
from xelith.simulation.tissues import OPEN_VOID, Site, solid

TISSUES = (OPEN_VOID, solid(MATERIALS["lithium"], Site.FILM), solid(MATERIALS["li6ps5cl"]))
ARGON, XENON = Gas("argon"), Gas("xenon", 6)
TWO_LINES = Spectrum(np.array([17.0, 30.0]), np.array([0.7, 0.3]))
THETA = np.array([0.0, 0.4, 1.1, np.pi / 2, 2.2])


def tube_of(labels, rings=()):
    return Cell(labels, TISSUES, 1.0, labels.shape[1] / 2 - 2.0, rings)


def mean_chords(radius, s, width=1.0):
    """Chords of a circle averaged over rays of some width: the integral of 2 sqrt(r^2 - s^2) over each."""
    edges = [np.clip(s + side, -radius, radius) for side in (-width / 2, width / 2)]
    below, above = (e * np.sqrt(radius**2 - e**2) + radius**2 * np.arcsin(e / radius) for e in edges)
    return (above - below) / width


def views(cell, gas, spectrum, *, theta=THETA, pose=None, centre_px=None, **detector):
    sizes = {"n_rows": 4, "n_cols": 60, "pixel_um": 1.0, "blur_px": 0.0} | detector
    acquisition = Acquisition(Detector(**sizes), spectrum, len(theta), centre_px=centre_px, rays_per_pixel=1)
    return expected_views(light_path(cell, gas, acquisition, pose), theta)


def test_a_tube_of_one_tissue_follows_beer_lambert_with_the_spectrum():
    cell = tube_of(np.full((4, 44, 44), 2, np.uint8), (Ring(24.0, MATERIALS["peek"]), Ring(27.0, Fill.GAS)))
    s = np.arange(60) - 27.3
    chords = [mean_chords(r, s) * 1e-4 for r in (20.0, 24.0, 27.0)]
    expected = 0.0
    for energy, weight in zip(TWO_LINES.energy_kev, TWO_LINES.photons, strict=True):
        depth = MATERIALS["li6ps5cl"].mu_per_cm(energy) * chords[0]
        depth += MATERIALS["peek"].mu_per_cm(energy) * (chords[1] - chords[0])
        depth += XENON.mu_per_cm(energy) * (chords[2] - chords[1])
        expected = expected + weight * np.exp(-depth)
    result = views(cell, XENON, TWO_LINES, centre_px=27.3)
    assert result.shape == (5, 4, 60)
    np.testing.assert_allclose(result, np.broadcast_to(expected, result.shape), rtol=2e-6)  # float32


def test_a_slab_among_another_tissue():
    labels = np.full((4, 44, 44), 2, np.uint8)
    labels[:, :, 16:28] = 1  # 12 µm of lithium around the axis, seen from the side
    result = views(tube_of(labels), ARGON, monochromatic(20.0), theta=np.array([np.pi / 2]))[0, 0]
    s = np.arange(60) - 29.5
    chord = mean_chords(20.0, s)
    middle = (np.clip(s - 0.5, -20, 20) + np.clip(s + 0.5, -20, 20)) / 2  # of the part of each ray within the tube
    line = np.where(chord > 0, 2 * np.sqrt(np.maximum(20.0**2 - middle**2, 0)), 1.0)
    lithium = np.minimum(line, 12.0) * chord / line
    depth = MATERIALS["lithium"].mu_per_cm(20.0) * lithium + MATERIALS["li6ps5cl"].mu_per_cm(20.0) * (chord - lithium)
    np.testing.assert_allclose(result, np.exp(-depth * 1e-4), rtol=2e-6)


@pytest.mark.parametrize("shift_um", [0.0, 0.13, 0.37, 0.5])
def test_the_rim_of_a_tube_does_not_jump_as_it_moves_by_parts_of_a_ray(shift_um):
    cell = tube_of(np.full((4, 44, 44), 2, np.uint8))
    result = views(cell, ARGON, monochromatic(20.0), theta=np.array([0.0]), pose=Pose((0.0, 0.0, shift_um)))
    area = -np.log(result[0, 0].astype(np.float64)).sum() / (MATERIALS["li6ps5cl"].mu_per_cm(20.0) * 1e-4)
    # 1e-4: float32 near a transmission of 1; chords along the middle of each ray jump by 1e-3
    assert area == pytest.approx(np.pi * 20.0**2, rel=1e-4)


def test_a_pixel_averages_intensity_not_path():
    labels = np.zeros((2, 64, 64), np.uint8)
    labels[1] = 2  # one of the pixel's two slices is electrolyte
    cell = Cell(labels, TISSUES, 100.0, 3000.0)
    result = views(cell, Gas("none"), monochromatic(20.0), n_rows=1, n_cols=1, pixel_um=200.0, centre_px=0.0)
    opaque = np.exp(-MATERIALS["li6ps5cl"].mu_per_cm(20.0) * 0.6)
    # 0.5 %: the ray runs through the middle, where chord and diameter agree
    np.testing.assert_allclose(result, (1 + opaque) / 2, rtol=5e-3)


def test_a_shift_of_the_cell_is_a_sinusoid_of_the_projections():
    rng = np.random.default_rng(0)
    cell = tube_of(rng.integers(0, 3, (4, 44, 44)).astype(np.uint8), (Ring(22.0, MATERIALS["peek"]),))
    still = views(cell, ARGON, TWO_LINES, theta=np.array([0.0, np.pi / 2]))
    moved = views(cell, ARGON, TWO_LINES, theta=np.array([0.0, np.pi / 2]), pose=Pose(shift_um=(0.0, 3.0, -2.0)))
    np.testing.assert_allclose(moved[0, :, 5:-5], still[0, :, 7:-3], rtol=1e-5)  # x - 2: at theta 0
    np.testing.assert_allclose(moved[1, :, 5:-5], still[1, :, 2:-8], rtol=1e-5)  # y + 3: at 90 degrees


def test_a_turn_of_the_cell_is_a_shift_of_theta():
    cell = tube_of(np.random.default_rng(1).integers(0, 3, (4, 44, 44)).astype(np.uint8))
    turned = views(cell, ARGON, TWO_LINES, theta=THETA + 0.3, pose=Pose(turn_rad=0.3))
    np.testing.assert_allclose(turned, views(cell, ARGON, TWO_LINES), rtol=1e-5)


def test_rows_see_the_slices_at_their_height():
    labels = np.zeros((12, 44, 44), np.uint8)
    labels[6:] = 2
    low = views(tube_of(labels), Gas("none"), monochromatic(20.0), pose=Pose(shift_um=(-4.0, 0, 0)))
    assert np.all(low[:, :2] == 1)
    assert np.all(low[:, 2:, 20:40] < 1)
    half = views(tube_of(labels), Gas("none"), monochromatic(20.0), pose=Pose(shift_um=(-4.5, 0, 0)))
    np.testing.assert_allclose(half[:, 1], (low[:, 1] + low[:, 2]) / 2, rtol=1e-6)


def test_rows_beyond_the_cell_are_refused():
    cell = tube_of(np.zeros((12, 44, 44), np.uint8))
    with pytest.raises(ValueError, match=r"rows see 9 to 13 µm of a cell of 12 µm; give fewer rows"):
        views(cell, ARGON, TWO_LINES, pose=Pose(shift_um=(-9.0, 0, 0)))
    with pytest.raises(ValueError, match=r"rows see -1 to 3 µm"):
        views(cell, ARGON, TWO_LINES, pose=Pose(shift_um=(1.0, 0, 0)))


def test_more_than_five_tissues_take_several_passes():
    kinds = tuple(solid(MATERIALS[name]) for name in ("carbon", "indium", "inli", "peek", "steel"))
    tissues = (*TISSUES, *kinds)
    labels = np.random.default_rng(2).integers(0, 8, (2, 44, 44)).astype(np.uint8)
    # the mean of one energy's optical depth over a half turn's rays is what the voxels hold
    cell = Cell(labels, tissues, 1.0, 20.0)
    beam = monochromatic(20.0)
    result = views(cell, ARGON, beam, theta=np.array([0.0]), n_rows=2)[0]
    mu = np.array([tissue.mu_per_cm(20.0, ARGON) for tissue in tissues])
    s = np.arange(60) - 29.5
    middle = np.abs(s) < 1
    radius = cell.radius_um
    for row in range(2):
        expected = []
        for distance in s[middle]:  # theta 0: the ray of x = s runs along y through one column of voxels
            half = np.sqrt(radius**2 - distance**2)
            y = np.arange(44) - 21.5
            step = np.clip(np.minimum(half, y + 0.5) - np.maximum(-half, y - 0.5), 0, None)
            expected.append((mu[labels[row, :, int(distance + 21.5)]] * step).sum() * 1e-4)
        # 2e-4: a chord averaged over a ray is shorter than in its middle by 1 / (24 r^2) of it
        np.testing.assert_allclose(-np.log(result[row, middle]), expected, rtol=2e-4)


def acquisition_of(spectrum=None, **changes):
    detector = Detector(n_rows=12, n_cols=60, pixel_um=1.0, blur_px=0.0)
    kept = {"n_views": 4, "rays_per_pixel": 1} | changes
    return Acquisition(detector, spectrum or monochromatic(20.0), **kept)


def half_filled():
    labels = np.zeros((20, 44, 44), np.uint8)
    labels[10:] = 2
    return tube_of(labels)


def first_view(cell, acquisition, gas=ARGON, pose=None):
    return expected_views(light_path(cell, gas, acquisition, pose), np.zeros(1))[0]


def test_scatter_and_glare_fill_the_shadow():
    cell = tube_of(np.full((12, 44, 44), 2, np.uint8))
    clear = first_view(cell, acquisition_of())
    scattered = first_view(cell, acquisition_of(optics=Optics(scatter=0.02)))
    np.testing.assert_allclose(scattered, clear + 0.02, rtol=1e-5)
    glaring = first_view(cell, acquisition_of(optics=Optics(glare=0.05)))
    np.testing.assert_allclose(glaring, 0.95 * clear + 0.05 * clear.mean(), rtol=1e-5)
    assert glaring.mean() == pytest.approx(clear.mean(), rel=1e-6)  # light is spread, not made


def test_gas_in_the_jig_dims_everything_alike():
    cell = half_filled()
    clear = first_view(cell, acquisition_of(), XENON)
    optics = Optics(jig_gas_mm=3.0)
    dimmed = first_view(cell, acquisition_of(optics=optics), XENON)
    share = np.exp(-XENON.mu_per_cm(20.0) * 0.3)
    np.testing.assert_allclose(dimmed, clear * share, rtol=1e-5)
    assert light_path(cell, XENON, acquisition_of(optics=optics)).open_beam == pytest.approx(share)


@pytest.mark.parametrize("roll_deg", [4.0, -3.0])
def test_a_rolled_axis_tilts_what_is_level(roll_deg):
    frame = first_view(
        half_filled(), acquisition_of(optics=Optics(roll_deg=roll_deg)), pose=Pose(shift_um=(-4.0, 0, 0))
    )
    clear = first_view(half_filled(), acquisition_of(), pose=Pose(shift_um=(-4.0, 0, 0)))
    assert np.all(clear[:6, 20:40] > clear[6:, 20:40].max())
    dark = clear[8, 20:40]
    light = clear[3, 20:40]
    level = ((frame[:, 20:40] - dark) / (light - dark)).sum(axis=0)  # rows of void, column by column
    slope = np.polyfit(np.arange(20), level, 1)[0]
    # the axis leans towards higher columns at higher rows, so level planes fall towards them
    assert slope == pytest.approx(-np.tan(np.deg2rad(roll_deg)), rel=0.1)


def test_a_drifting_cell_moves_through_the_views():
    cell = half_filled()
    acquisition = acquisition_of(drift=Drift(sample_um=(2.0, 0.0, 0.0)))
    path = light_path(cell, ARGON, acquisition, Pose(shift_um=(-4.0, 0, 0)))
    moved = expected_views(path, np.zeros(2), np.array([[0.0, 0, 0], [1.0, 0, 0]]))
    np.testing.assert_allclose(moved[1, 1:], moved[0, :-1], rtol=1e-6)
    sideways = expected_views(path, np.zeros(2), np.array([[0.0, 0, 0], [0.0, 0, 2.0]]))
    np.testing.assert_allclose(sideways[1][:, 2:], sideways[0][:, :-2], rtol=1e-5)
    with pytest.raises(ValueError, match=r"rows see -1 to 13 µm"):
        light_path(cell, ARGON, acquisition)


def test_fringes_show_at_edges_and_vanish_with_the_penumbra():
    cell = half_filled()
    spread = []
    for optics in (
        Optics(),
        Optics(propagation_mm=10.0),
        Optics(propagation_mm=10.0, penumbra_um=3.0),
    ):
        frame = first_view(cell, acquisition_of(optics=optics), pose=Pose(shift_um=(-4.0, 0, 0)))
        spread.append(float(frame[:, 20:40].max()))
    assert spread[1] > spread[0] + 0.03
    assert spread[2] < spread[0] + 0.5 * (spread[1] - spread[0])


CONE = Cone(source_axis_mm=5e4, source_detector_mm=1e5)


def test_a_far_cone_is_the_parallel_beam_at_the_axis():
    rng = np.random.default_rng(3)
    cell = tube_of(rng.integers(0, 3, (12, 44, 44)).astype(np.uint8), (Ring(22.0, MATERIALS["peek"]),))
    pose = Pose(shift_um=(0.0, 2.0, -1.0), turn_rad=0.2)
    detector = Detector(n_rows=12, n_cols=60, pixel_um=2.0, blur_px=0.0)
    cone = Acquisition(detector, TWO_LINES, 4, centre_px=28.2, cone=CONE, rays_per_pixel=1)
    assert cone.voxel_um == 1.0
    parallel = Acquisition(
        Detector(n_rows=12, n_cols=60, pixel_um=1.0, blur_px=0.0), TWO_LINES, 4, centre_px=28.2, rays_per_pixel=1
    )
    expected = expected_views(light_path(cell, XENON, parallel, pose), THETA)
    result = expected_views(light_path(cell, XENON, cone, pose), THETA)
    # rays of 1e-6 rad against each other: labels change hands at a few edges of voxels
    close = np.isclose(result, expected, rtol=1e-3)
    assert close.mean() > 0.999
    np.testing.assert_allclose(result, expected, rtol=0.02)


def test_a_cone_of_one_tissue_follows_beer_lambert_in_space():
    cell = tube_of(np.full((12, 44, 44), 2, np.uint8), (Ring(24.0, MATERIALS["peek"]),))
    detector = Detector(n_rows=12, n_cols=60, pixel_um=2.0, blur_px=0.0)
    near = Cone(source_axis_mm=0.2, source_detector_mm=0.4)
    acquisition = Acquisition(detector, TWO_LINES, 4, cone=near, rays_per_pixel=1)
    result = first_view(cell, acquisition)
    u, v = (np.arange(60) - 29.5) * 2.0, (np.arange(12) - 5.5) * 2.0
    s = 200.0 * np.sin(np.arctan(u / 400.0))
    chords = [mean_chords(r, s) for r in (20.0, 24.0)]
    longer = np.sqrt(1 + v[:, None] ** 2 / (400.0**2 + u**2))
    expected = 0.0
    for energy, weight in zip(TWO_LINES.energy_kev, TWO_LINES.photons, strict=True):
        depth = MATERIALS["li6ps5cl"].mu_per_cm(energy) * chords[0]
        depth = depth + MATERIALS["peek"].mu_per_cm(energy) * (chords[1] - chords[0])
        expected = expected + weight * np.exp(-depth * longer * 1e-4)
    np.testing.assert_allclose(result, expected, rtol=5e-6)  # float32


def test_fringes_reach_a_cone_beam_too():
    cell = half_filled()
    frames = []
    for mm in (0.0, 10.0):
        detector = Detector(n_rows=12, n_cols=60, pixel_um=2.0, blur_px=0.0)
        acquisition = Acquisition(
            detector, monochromatic(20.0), 4, cone=CONE, optics=Optics(propagation_mm=mm), rays_per_pixel=1
        )
        frames.append(first_view(cell, acquisition, pose=Pose(shift_um=(-4.0, 0, 0))))
    assert frames[1].max() > frames[0].max() + 0.05


def test_a_cone_counts_theta_backwards_when_told():
    rng = np.random.default_rng(4)
    cell = tube_of(rng.integers(0, 3, (12, 44, 44)).astype(np.uint8))
    detector = Detector(n_rows=12, n_cols=60, pixel_um=2.0, blur_px=0.0)
    forth, back = (
        Acquisition(detector, TWO_LINES, 4, cone=Cone(0.3, 0.6, direction), rays_per_pixel=1) for direction in (1, -1)
    )
    one = expected_views(light_path(cell, ARGON, forth), np.array([0.4]))
    other = expected_views(light_path(cell, ARGON, back), np.array([-0.4]))
    np.testing.assert_array_equal(one, other)

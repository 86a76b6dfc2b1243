import logging
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from xelith.materials import Phase
from xelith.segmentation.bore import Bore
from xelith.segmentation.layout import CellLayout
from xelith.segmentation.registration import register
from xelith.segmentation.rigid import RigidMove
from xelith.segmentation.surfaces import Surface
from xelith.segmentation.thresholds import Thresholds

log = logging.getLogger(__name__)

SHAPE = (48, 90, 90)
CENTRE = (23.5, 44.5, 44.5)
RADIUS = 36.0
EDGE = 20.0
STILL = RigidMove(centre_px=CENTRE)


def electrolyte(move=STILL, *, seed=0, noise=2.0, gas=0.0, mixed=0.0):
    """µ of an electrolyte with a rough face and voids, known between the voxels, after a rigid move."""
    rng = np.random.default_rng(seed)
    heights = ndimage.gaussian_filter(rng.standard_normal((128, 128)), 5.0, mode="wrap")
    heights *= 2.0 / heights.std()
    voids = rng.uniform((EDGE + 6, -24, -24), (44, 24, 24), (25, 3))
    grid = np.indices(SHAPE).reshape(3, -1).astype(np.float64)
    centre = np.array(CENTRE)[:, None]
    z, y, x = move.matrix.T @ (grid - centre - np.array(move.shift_px)[:, None]) + centre
    face = EDGE + ndimage.map_coordinates(heights, [y + 19, x + 19], order=3, mode="grid-wrap")
    filled = 0.5 * (1 + np.tanh((z - face) / 0.8))
    for vz, vy, vx in voids:
        distance = np.sqrt((z - vz) ** 2 + (y - 44.5 - vy) ** 2 + (x - 44.5 - vx) ** 2)
        filled *= 0.5 * (1 + np.tanh((distance - 3.0) / 0.8))
    filled *= np.hypot(y - 44.5, x - 44.5) < RADIUS
    # lithium finer than a voxel, in all of the electrolyte's rows: least of one side, most of the other
    lithium = filled * mixed * 0.5 * (1 + np.tanh((y - 44.5) / 6))
    mu = 42 * (filled - lithium) + 0.1 * lithium + (1 - filled) * (0.1 + gas)
    noisy = np.random.default_rng(seed + (99 if move is STILL else 98))  # two scans never share their noise
    return (mu.reshape(SHAPE) + noisy.normal(0, noise, SHAPE)).astype(np.float32)


def found_alone(move=STILL, *, collector=None, gas=0.0):
    """What `prepare` would find in one scan."""
    dz, dy, dx = move.shift_px
    scan = "xenon" if gas else "argon"
    levels = {scan: {Phase.LITHIUM: 0.1, Phase.VOID: 0.1 + gas, Phase.ELECTROLYTE: 42.0}}
    # a start that is off by half a voxel
    surface = Surface(EDGE + dz + 0.5, 0.01, "high", 6, 0.9, 0.2, settled=6)
    bore = Bore(CENTRE[1] + dy - 0.4, CENTRE[2] + dx + 0.4, RADIUS)
    layout = CellLayout((Phase.COLLECTOR, Phase.LITHIUM, Phase.ELECTROLYTE))
    return Thresholds(layout, 2.0, bore, collector, surface, levels, {scan: 1.0}, {scan: 2.0}, 1.0)


@pytest.mark.parametrize(
    ("shift", "degrees"),
    [((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)), ((1.3, -2.2, 3.4), (7.0, 0.0, 0.0)), ((0.4, 0.3, -0.6), (-31.0, 0.4, -0.3))],
)
def test_a_move_is_found_to_a_twentieth_of_a_voxel_in_noise(shift, degrees):
    move = RigidMove(shift, tuple(np.radians(degrees)), CENTRE)
    first, second = electrolyte(), electrolyte(move, gas=1.3)
    result = register(first, second, found_alone(), found_alone(move))
    points = np.array([CENTRE, (30.0, 60.0, 44.5), (30.0, 44.5, 20.0)]).T
    np.testing.assert_allclose(result.move.moved(points), move.moved(points), atol=0.05)
    # 0.005 degrees would move the rim of this small bore by 0.003 voxels, less than its few voids can tell
    np.testing.assert_allclose(np.degrees(result.move.rotation_rad[0]), degrees[0], atol=0.03)
    assert result.correlation > 0.9
    assert result.residual_px < 0.1


def test_a_tilt_within_its_noise_is_none():
    move = RigidMove((0.2, 0.3, -0.4), (np.radians(0.5), 0.0, 0.0), CENTRE)
    result = register(electrolyte(noise=6.0), electrolyte(move, noise=6.0), found_alone(), found_alone(move))
    assert result.move.rotation_rad[1:] == (0.0, 0.0)
    assert result.rotation_std_rad[1:] == (0.0, 0.0)
    assert abs(result.move.rotation_rad[0] - move.rotation_rad[0]) < 3 * result.rotation_std_rad[0] < np.radians(0.3)


def test_the_collector_gives_the_height():
    move = RigidMove((0.7, 0.2, 0.1), (0.0, 0.0, 0.0), CENTRE)
    low, high = (Surface(3.0 + dz, 0.001, "low", 3, 0.9, 0.0) for dz in (0.0, 0.7))
    result = register(electrolyte(), electrolyte(move), found_alone(collector=low), found_alone(move, collector=high))
    assert result.move.shift_px[0] == pytest.approx(0.7, abs=1e-9)
    assert result.move.shift_px[1] == pytest.approx(0.2, abs=0.05)


def test_a_height_that_the_rays_do_not_tell_is_not_held():
    move = RigidMove((0.7, 0.2, 0.1), (0.0, 0.0, 0.0), CENTRE)
    low, high = (Surface(3.0 + dz, 1.0, "low", 3, 0.9, 0.0) for dz in (0.0, 1.04))
    result = register(electrolyte(), electrolyte(move), found_alone(collector=low), found_alone(move, collector=high))
    np.testing.assert_allclose(result.move.shift_px, move.shift_px, atol=0.05)
    assert result.move.rotation_rad[1:] == (0.0, 0.0)


def test_lithium_finer_than_a_voxel_moves_nothing_though_the_gas_has_changed():
    move = RigidMove((0.1, 0.2, -0.3), (0.0, 0.0, 0.0), CENTRE)
    first, second = electrolyte(mixed=0.9, gas=1.3), electrolyte(move, mixed=0.9)
    found = register(first, second, found_alone(gas=1.3), found_alone(move))
    np.testing.assert_allclose(found.move.shift_px[1:], move.shift_px[1:], atol=0.02)
    assert found.move.rotation_rad[1:] == (0.0, 0.0)


@pytest.mark.validate
def test_a_stated_deviation_covers_the_errors():
    shares = []
    for seed in range(12):
        move = RigidMove((0.4, 0.3, -0.6), (0.03, np.radians(1.2), np.radians(-0.8)), CENTRE)
        first, second = electrolyte(seed=seed, noise=6.0), electrolyte(move, seed=seed, noise=6.0)
        found = register(first, second, found_alone(), found_alone(move))
        assert found.move.tilt_rad > 0
        centre = np.array(found.move.centre_px)[:, None]
        apart = (found.move.moved(centre) - move.moved(centre))[:, 0]
        turned = np.subtract(found.move.rotation_rad, move.rotation_rad)
        shares.append([*apart / found.shift_std_px, *turned / found.rotation_std_rad])
    spread = np.sqrt(np.mean(np.square(shares), axis=0))
    log.info("errors over deviations: %s", spread.round(2).tolist())
    # of 12 draws of a normal deviate the root mean square lies between 0.5 and 1.6 in 99.7 of 100 cases
    assert ((spread > 0.5) & (spread < 1.6)).all()


def test_resampling_with_what_was_found_restores_the_first_scan():
    move = RigidMove((0.6, 1.2, -0.8), (0.05, 0.0, 0.0), CENTRE)
    first, second = electrolyte(noise=0.5), electrolyte(move, noise=0.5)
    result = register(first, second, found_alone(), found_alone(move))
    back = result.move.resampled(second, 10, 40)
    inner = (slice(None), slice(25, 65), slice(25, 65))
    unregistered = np.abs(second[10:40][inner] - first[10:40][inner]).mean()
    # what is left is the noise of both, 0.5 each: a mean difference of 0.56
    assert np.abs(back[inner] - first[10:40][inner]).mean() < 0.6 < 0.4 * unregistered


def test_two_different_cells_are_refused():
    with pytest.raises(ValueError, match="check that both show the same cell"):
        register(electrolyte(seed=1), electrolyte(seed=2), found_alone(), found_alone())


def test_other_voxels_and_missing_electrolyte_are_refused():
    volume = electrolyte()
    with pytest.raises(ValueError, match="bring both scans to one voxel size"):
        register(volume, volume, found_alone(), replace(found_alone(), voxel_um=2.1))
    with pytest.raises(ValueError, match="no electrolyte is in view"):
        register(volume, volume, found_alone(), replace(found_alone(), electrolyte=None))

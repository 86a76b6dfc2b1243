"""Two states of a cell in register: pores known between the voxels, moved by any turn; and what must be refused."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from xelith.materials import Phase
from xelith.segmentation.bore import Bore
from xelith.segmentation.rigid import RigidMove
from xelith.segmentation.texture import Texture, binned, binned_texture
from xelith.segmentation.texture_registration import register_texture

SHAPE = (52, 90, 90)
CENTRE = (26.0, 44.5, 44.5)
RADIUS = 36.0
ROWS = (10, 48)


@cache
def pellet(move=None, *, seed=0, noise=0.03, voids=120, rings=0.0, cupping=0.0):
    """Density of an electrolyte with small voids, known between the voxels, after a rigid move of the whole."""
    move = RigidMove(centre_px=CENTRE) if move is None else move
    rng = np.random.default_rng(seed)
    places = rng.uniform((2, -33, -33), (58, 33, 33), (voids, 3))
    sizes = rng.uniform(1.2, 2.8, voids)
    grid = np.indices(SHAPE).reshape(3, -1).astype(np.float64)
    centre = np.array(CENTRE)[:, None]
    z, y, x = move.matrix.T @ (grid - centre - np.array(move.shift_px)[:, None]) + centre
    filled = 0.5 * (1 - np.tanh((np.hypot(y - 44.5, x - 44.5) - RADIUS) / 0.8))
    for (vz, vy, vx), size in zip(places, sizes, strict=True):
        near = (np.abs(z - vz) < 8) & (np.abs(y - 44.5 - vy) < 8) & (np.abs(x - 44.5 - vx) < 8)
        distance = np.sqrt((z[near] - vz) ** 2 + (y[near] - 44.5 - vy) ** 2 + (x[near] - 44.5 - vx) ** 2)
        filled[near] *= 0.5 * (1 + np.tanh((distance - size) / 0.8))
    radius = np.hypot(grid[1] - 44.5, grid[2] - 44.5)
    drawn = np.random.default_rng(77).standard_normal((2, 90))  # each half of a detector draws half rings
    halves = [np.interp(radius, np.arange(90), one) for one in drawn]
    still = rings * np.where(grid[1] > 44.5, halves[1], halves[0])
    density = filled * (1 - cupping * (1 - (radius / RADIUS) ** 2)) + still
    noisy = np.random.default_rng(seed + (99 if move.shift_px == (0.0, 0.0, 0.0) else 98))
    return (density.reshape(SHAPE) + noisy.normal(0, noise, SHAPE)).astype(np.float32)


def texture(volume, move=None, **changes):
    """What a run knows of the electrolyte: its axis to half a voxel, and its rows."""
    _, dy, dx = (0.0, 0.0, 0.0) if move is None else move.shift_px
    found = Texture(volume, (0.0, 1.0), Bore(44.5 + dy - 0.4, 44.5 + dx + 0.3, RADIUS), ROWS, 2.0)
    return replace(found, **changes)


def moved_by(shift, turn_deg, tilt_deg=0.0):
    """A turn after a lean, and a shift."""
    turn = RigidMove(rotation_rad=(np.radians(turn_deg), 0.0, 0.0)).matrix
    lean = RigidMove(rotation_rad=(0.0, np.radians(0.6 * tilt_deg), np.radians(0.8 * tilt_deg))).matrix
    vector = Rotation.from_matrix((turn @ lean).T).as_rotvec()
    return RigidMove(shift, tuple(vector), CENTRE)


def errors(found, true):
    """Largest distance over the pellet in voxels, and error of the turn in degrees."""
    z, y, x = (v.ravel() for v in np.meshgrid([12, 30, 46], [20, 44, 70], [20, 44, 70], indexing="ij"))
    points = np.stack([z, y, x]).astype(np.float64)
    apart = np.linalg.norm(found.moved(points) - true.moved(points), axis=0)
    turn = np.degrees(found.turn_rad - true.turn_rad)
    return float(np.sqrt((apart**2).mean())), abs((turn + 180) % 360 - 180)


MOVES = {
    "3 degrees": moved_by((5.3, -3.7, 2.4), 3.0),
    "37 degrees, tilted": moved_by((5.3, -3.7, 2.4), 37.0, 0.5),
    "-163 degrees, tilted": moved_by((-2.6, 4.1, -1.2), -163.0, 0.5),
    "180 degrees": moved_by((0.3, 0.0, 0.4), 180.0),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if "tilted" in name else pytest.mark.validate) for name in MOVES],
)
def test_a_cell_is_found_again_whatever_its_turn(name):
    true = MOVES[name]
    first, second = pellet(rings=0.02, cupping=0.1), pellet(true, rings=0.02, cupping=0.1)
    found = register_texture(texture(first), texture(second, true))
    error_px, turn_deg = errors(found.move, true)
    assert error_px < 0.05
    # 0.005 degrees would move the rim of this small bore by 0.003 voxels, less than its voids can tell
    assert turn_deg < 0.03
    assert np.degrees(abs(found.move.tilt_rad - true.tilt_rad)) < 0.05
    assert found.residual_px < 0.15
    assert found.correlation > 0.8


def test_what_the_charge_has_changed_does_not_drag_the_move_along():
    true = MOVES["37 degrees, tilted"]
    first, second = pellet(rings=0.02, cupping=0.1).copy(), pellet(true, rings=0.02, cupping=0.1)
    z, y, x = np.indices(SHAPE)
    mixed = (np.hypot(y - 30, x - 38) < 14) & (z < 34)
    first[mixed] = 0.75  # voids are gone there, as where lithium has filled them
    metal = (np.hypot(y - 60, x - 60) < 9) & (z < 26)
    first[metal] = 0.0
    labels = np.where(metal, np.uint8(Phase.LITHIUM), np.uint8(Phase.ELECTROLYTE))
    found = register_texture(texture(first, labels=labels), texture(second, true))
    assert errors(found.move, true)[0] < 0.05


@pytest.mark.validate
def test_a_stated_deviation_covers_the_errors():
    true, off = MOVES["3 degrees"], []
    for seed in range(6):
        first, second = pellet(seed=seed, noise=0.1), pellet(true, seed=seed, noise=0.1)
        found = register_texture(texture(first), texture(second, true))
        centre = np.array(CENTRE)[:, None]
        apart = (found.move.moved(centre) - true.moved(centre))[:, 0]
        off.append(apart / np.array(found.shift_std_px))
        assert abs(found.move.turn_rad - true.turn_rad) < 4 * found.rotation_std_rad[0]
    assert 0.3 < np.sqrt(np.mean(np.square(off))) < 2.0  # 18 draws of a normal deviate lie between 0.6 and 1.5


def test_an_electrolyte_without_texture_is_refused_though_its_rings_and_its_edge_match():
    first, second = (
        pellet(voids=0, rings=0.02, cupping=0.1),
        pellet(MOVES["3 degrees"], voids=0, rings=0.02, cupping=0.1),
    )
    with pytest.raises(ValueError, match="does not tell how the cell was turned"):
        register_texture(texture(first), texture(second, MOVES["3 degrees"]))


def test_pores_that_drown_in_noise_are_refused():
    with pytest.raises(ValueError, match="scan longer"):
        register_texture(texture(pellet(voids=6, noise=1.5)), texture(pellet(MOVES["3 degrees"], voids=6, noise=1.5)))


def test_another_cell_is_refused():
    with pytest.raises(ValueError, match="texture does not"):
        register_texture(texture(pellet(seed=1)), texture(pellet(seed=2)))


@pytest.mark.validate
def test_a_cell_wider_than_the_view_is_found_too():
    true = moved_by((2.3, -5.7, 4.4), 37.0, 0.5)
    cut = (slice(None), slice(12, 78), slice(12, 78))
    view = Bore(32.5, 32.5, 33.0, None, "view")
    found = register_texture(
        texture(pellet()[cut], bore=view, rows=(10, 48)), texture(pellet(true)[cut], bore=view, rows=(10, 48))
    )
    points = np.array([[20.0, 20.0, 50.0], [26.0, 32.0, 32.0], [32.0, 50.0, 20.0]]).T
    inside = points + np.array([[0.0], [12.0], [12.0]])
    np.testing.assert_allclose(found.move.moved(points), true.moved(inside) - inside + points, atol=0.1)


def test_a_thin_electrolyte_is_sought_in_finer_voxels():
    true = moved_by((2.3, -3.7, 2.4), 97.0)
    first, second = texture(pellet(), rows=(24, 38)), texture(pellet(true), true, rows=(20, 46))
    assert errors(register_texture(first, second).move, true)[0] < 0.1


def test_other_voxels_and_too_few_rows_are_refused():
    volume = pellet(voids=3)
    with pytest.raises(ValueError, match="bring both scans to one voxel size"):
        register_texture(texture(volume), texture(volume, voxel_um=2.1))
    with pytest.raises(ValueError, match="6 rows of undisturbed electrolyte are in view in both scans; 8 are needed"):
        register_texture(texture(volume, rows=(20, 26)), texture(volume))


def test_a_binned_texture_is_read_alike_from_memory_and_from_the_scan(monkeypatch):
    volume = pellet(rings=0.02)
    whole = binned_texture(texture(volume), 2)
    monkeypatch.setattr("xelith.segmentation.texture.MOST_KEPT", 1000)
    read = binned_texture(texture(volume), 2)
    assert set(whole.kept) == {1, 2}
    assert set(read.kept) == {2}
    np.testing.assert_array_equal(whole.rings, read.rings)
    for binning in (1, 2):
        low, high = tuple(n // binning for n in (20, 20, 30)), tuple(n // binning for n in (32, 60, 50))
        for a, b in zip(whole.box(binning, low, high), read.box(binning, low, high), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)  # float32 sums in another order


def test_rings_that_stand_still_are_taken_off_and_voids_are_not():
    flat = binned_texture(texture(pellet(noise=0.0, rings=0.05)), 1)
    bare = binned_texture(texture(pellet(noise=0.0)), 1)
    box = (20, 30, 30), (40, 60, 60)
    left = flat.box(1, *box)[0] - bare.box(1, *box)[0]
    assert left.std() < 0.2 * 0.05
    assert bare.box(1, *box)[0].min() < -0.3


def test_cubes_are_averaged_over_what_is_known():
    values = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    known = values > 3
    means, seen = binned(values, known, 2)
    assert means[0, 0, 0] == 5.5
    assert seen.all()
    assert binned(values, values > 5, 2)[1].sum() == 0
    assert ndimage.sum(binned(values, known, 1)[1]) == 4

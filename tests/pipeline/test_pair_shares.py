"""Rows of a pair of scans give the same shares on the host and on a GPU."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from xelith.arrays import open_device
from xelith.materials import MATERIALS, Gas, tube
from xelith.pipeline.pair_shares import decomposed, noise_bend, shares_of_rows, steady_pattern, straightened
from xelith.pipeline.ray_noise import edge_blur, steady_std
from xelith.pipeline.ray_pairs import RayPair, Side
from xelith.pipeline.steps import FourierFbp
from xelith.reconstruction.two_gas import ray_model
from xelith.segmentation.bore import Bore
from xelith.segmentation.rigid import RigidMove

N_THETA, N_COLS, VOXEL_UM = 60, 48, 10.0
WALLS = {"a wall of known size": (15.0, 200.0), "no wall": (15.0, None), "a cut bore": (30.0, None)}


def pair_of(radius_px, outer_um) -> RayPair:
    """A pair of scans of a bore, with a move that does nothing."""
    solid, gases = MATERIALS["li5.5ps4.5br1.5"], (Gas("argon", 1.0), Gas("xenon", 6.0))
    wall = None if outer_um is None else (MATERIALS["peek"], 0.01)
    model = ray_model(tube("Mo", 44), solid, *gases, longest_cm=0.03, wall=wall)
    rays = np.zeros((N_THETA, 3, N_COLS), np.float32)  # only their shape is asked for
    sides = [Side(rays, np.arange(N_THETA) * np.pi / N_THETA, 23.2, (FourierFbp(),), None, 0.0) for _ in range(2)]
    layout = SimpleNamespace(shape=(3, N_COLS, N_COLS), voxel_um=VOXEL_UM)
    bore = Bore(23.5, 23.5, radius_px)
    return RayPair(*sides, RigidMove((0.0, 0.0, 0.0)), model, layout, bore, (None, None), outer_um, 0.002, 1e9, 1)


def paths_cm(radius_px, outer_um):
    """Chords of bore and wall."""
    s = (np.arange(N_COLS) - 23.2) * VOXEL_UM
    bore = 2e-4 * np.sqrt(np.clip(min(radius_px * VOXEL_UM, 200.0) ** 2 - s**2, 0, None))
    outer = bore if outer_um is None else 2e-4 * np.sqrt(np.clip(outer_um**2 - s**2, 0, None))
    return bore, outer - bore


@pytest.mark.parametrize("case", WALLS)
def test_a_gpu_gives_the_same_shares(device, case):
    pair = replace(pair_of(*WALLS[case]), steady=(1e-3, 2e-3), blur_px=0.6)
    bore, wall = paths_cm(*WALLS[case])
    rng, shape = np.random.default_rng(0), (3, N_THETA, N_COLS)
    argon, xenon = (
        (20 * bore + gas * bore + 1.0 * wall + rng.normal(0, 0.01, shape)).astype(np.float32) for gas in (0.02, 0.3)
    )
    here, n_here = shares_of_rows(pair, argon, xenon)
    there, n_there = open_device("gpu").run(lambda *rows: shares_of_rows(pair, *rows), argon, xenon)
    assert n_here == n_there
    assert here[0][:, 20:28, 20:28].mean() == pytest.approx(0.4, rel=0.5)  # some electrolyte, whatever its share
    for a, b in zip(here, there, strict=True):
        error = b - a
        # two ways to look up the same tables in single precision, before the reconstruction's own 5e-5
        assert np.sqrt((error**2).mean()) < 1e-3 * np.sqrt((a**2).mean())


@pytest.mark.parametrize("std", [0.0, 0.004, 0.02])
def test_noise_that_all_views_share_is_measured(std):
    rng = np.random.default_rng(1)
    bore, _ = paths_cm(15.0, None)
    rays = bore + rng.normal(0, 0.03, (64, N_THETA, N_COLS)) + rng.normal(0, std, (64, 1, N_COLS))
    # 0.03 in each of 60 views leaves 0.004 in their mean, known to 3 %; no variance is negative
    assert steady_std(rays.astype(np.float32)) == pytest.approx(std, abs=0.0015 + 0.05 * std)


@pytest.mark.parametrize("blur_px", [0.5, 1.0, 1.4])
def test_the_blur_of_an_edge_is_measured(blur_px):
    y, x = np.ogrid[:96, :96]
    fine = np.hypot((np.arange(384)[:, None] - 191.5) / 4, (np.arange(384) - 191.5) / 4) < 30.3
    sharp = ndimage.gaussian_filter(fine.astype(np.float64), 4 * blur_px)
    share = 0.98 * sharp.reshape(96, 4, 96, 4).mean(axis=(1, 3)).astype(np.float32)
    found = edge_blur(share, np.hypot(y - 47.5, x - 47.5), 30.0)
    # the pixel's own width is in it; bins of a quarter of a pixel, of which rings of few voxels are taken
    assert found == pytest.approx(np.hypot(blur_px, 12**-0.5), rel=0.05)


def test_no_edge_has_the_blur_of_a_pixel():
    y, x = np.ogrid[:96, :96]
    assert edge_blur(np.ones((96, 96), np.float32), np.hypot(y - 47.5, x - 47.5), 30.0) == pytest.approx(12**-0.5)


def test_the_logarithm_of_a_blurred_edge_is_mended():
    """A tube's edge, blurred in transmission: the sum of its line integrals is too small until it is straightened."""
    place = (np.arange(48 * 32) + 0.5) / 32 - 24.0
    rays = 0.3 * np.sqrt(np.clip(15.3**2 - place**2, 0, None))

    def seen(values):  # a blur of 0.5 px and the pixel's own
        return ndimage.gaussian_filter1d(values, 16.0).reshape(48, 32).mean(axis=1)

    blurred, true = -np.log(seen(np.exp(-rays))).astype(np.float32)[None, None], seen(rays)
    mended = straightened(blurred, float(np.hypot(0.5, 12**-0.5)))
    lacks, left = (true.sum() - float(values.sum()) for values in (blurred, mended))
    assert lacks > 0.1
    assert abs(left) < 0.4 * lacks  # the second blur acts on an edge that the first has made less steep
    assert straightened(blurred, 0.0) is blurred


def test_a_row_draws_the_same_whenever_it_is_asked_for():
    np.testing.assert_array_equal(steady_pattern(range(9), 7)[4:6], steady_pattern(range(4, 6), 7))


def test_stated_noise_is_that_of_scans_with_flats_of_their_own():
    """Many scans of one cell: the scatter of a share over them is what one of them states."""
    pair = pair_of(15.0, None)
    bore, _ = paths_cm(15.0, None)
    rng, n, photons = np.random.default_rng(3), 40, 4e4
    scans = []
    for gas in (0.02, 0.3):
        depth = (20 + gas) * bore
        views = rng.poisson(photons * np.exp(-depth), (n, N_THETA, N_COLS))
        flats = rng.poisson(10 * photons, (n, 1, N_COLS)) / 10
        scans.append(-np.log(views / flats).astype(np.float32))
    pair = replace(pair, steady=tuple(steady_std(rays[:, :, 10:36]) for rays in scans))
    (_, share, _, noise), _ = shares_of_rows(pair, *scans)
    inner = (slice(None), slice(18, 30), slice(18, 30))
    blocks = [volume[inner].reshape(n, 3, 4, 3, 4).mean(axis=(2, 4)) for volume in (share, noise)]
    spread, stated = (blocks[0] - blocks[0].mean(axis=0)).std(), blocks[1].std()
    assert stated == pytest.approx(spread, rel=0.1)  # 360 blocks each: 5 %


def test_noise_alone_makes_no_gas():
    """Deep electrolyte without gas: the mean gas path of noisy rays is not 0 until what noise bends is taken off."""
    beam, solid = tube("Mo", 44, filters=[("Al", 0.2)]), MATERIALS["li5.5ps4.5br1.5"]
    model = ray_model(beam, solid, Gas("argon", 1.0), Gas("xenon", 6.0), longest_cm=0.1)
    pair = SimpleNamespace(model=model, wall_cm=None, threads=1)
    light = float(beam.photons @ np.exp(-solid.mu_per_cm(beam.energy_kev) * 0.08)) / float(beam.photons.sum())
    counts = np.random.default_rng(5).poisson(400, (2, 40, 200, 48))
    argon, xenon = -np.log(counts / 400).astype(np.float32) - np.float32(np.log(light))
    _, gas, _ = decomposed(argon, xenon, model, wall_cm=None, threads=1)
    bias = noise_bend(argon, xenon, gas, pair).gas_cm
    random = gas.std() / gas.size**0.5
    assert abs(gas.mean()) > 5 * random  # else there is nothing to mend
    # a third for orders beyond the second, three deviations for chance
    assert abs((gas - bias).mean()) < abs(gas.mean()) / 3 + 3 * random

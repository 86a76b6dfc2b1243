"""Rows of a pair of scans give the same shares on the host and on a GPU."""

from types import SimpleNamespace

import numpy as np
import pytest

from xelith.arrays import open_device
from xelith.materials import MATERIALS, Gas, tube
from xelith.pipeline.pair_shares import shares_of_rows
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
    pair = pair_of(*WALLS[case])
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

from dataclasses import replace
from math import pi

import numpy as np
import pytest

from xelith.materials import Phase
from xelith.segmentation import CellLayout
from xelith.segmentation.bodies import judged, least_body_um3
from xelith.segmentation.bore import Bore
from xelith.segmentation.place import place_slab
from xelith.segmentation.surfaces import Surface
from xelith.segmentation.thresholds import Thresholds

SHAPE, CARBON_ROWS = (64, 48, 48), 10
LEVELS = {
    "argon": {Phase.VOID: 0.02, Phase.LITHIUM: 0.11, Phase.CARBON: 1.0, Phase.ELECTROLYTE: 50.0},
    "xenon": {Phase.VOID: 1.27, Phase.LITHIUM: 0.11, Phase.CARBON: 1.25, Phase.ELECTROLYTE: 50.0},
}
NOISE = 0.5


def thresholds(*scans, noise=NOISE, **changes):
    surface = Surface(CARBON_ROWS - 0.5, 0.01, "high", 0, 0.9, 0.2, settled=0)
    return Thresholds(
        CellLayout(),
        2.0,
        Bore(23.5, 23.5, 22.0),
        None,
        surface,
        {scan: LEVELS[scan] for scan in scans},
        dict.fromkeys(scans, 0.5),
        dict.fromkeys(scans, noise),
        1.0,
        **changes,
    )


def ball(centre, radius):
    return sum((axis - at) ** 2 for axis, at in zip(np.indices(SHAPE), centre, strict=True)) <= radius**2


def answer(t, *bodies, noise=NOISE, dimmed=1.0):
    """Labels after judging bodies that are all called lithium: (mask, what fills it)."""
    rng, labels = np.random.default_rng(7), np.full(SHAPE, Phase.ELECTROLYTE, np.uint8)
    labels[:CARBON_ROWS] = Phase.CARBON
    slabs = []
    for scan in t.scans:
        mu = np.full(SHAPE, LEVELS[scan][Phase.ELECTROLYTE])
        mu[:CARBON_ROWS] = LEVELS[scan][Phase.CARBON]
        for mask, filling in bodies:
            shade = dimmed if filling == Phase.VOID else 1.0
            mu[mask] = shade * LEVELS[scan][filling]
            labels[mask] = Phase.LITHIUM
        slabs.append((mu + rng.normal(0.0, noise, SHAPE)).astype(np.float32))
    place = place_slab(SHAPE, 0, bore=t.bore, collector=t.collector, electrolyte=t.electrolyte)
    found = judged(t, slabs, labels, place)
    return [Phase(np.bincount(found[mask]).argmax()) for mask, _ in bodies]


PORE, BODY = ball((30, 24, 12), 4.0), ball((30, 24, 32), 4.0)


@pytest.mark.parametrize("scans", [("argon", "xenon"), ("xenon",)])
def test_a_pore_that_was_called_lithium_is_void_and_lithium_stays(scans):
    found = answer(thresholds(*scans), (PORE, Phase.VOID), (BODY, Phase.LITHIUM))
    assert found == [Phase.VOID, Phase.LITHIUM]


@pytest.mark.parametrize("scans", [("argon", "xenon"), ("xenon",)])
def test_what_noise_hides_is_no_lithium(scans):
    # 257 voxels in two gases, 33 of core in one: half of the contrast of 1.2 is below three times 6 / sqrt(n)
    assert answer(thresholds(*scans, noise=6.0), (BODY, Phase.LITHIUM), noise=6.0) == [Phase.VOID]


def test_without_xenon_and_without_electrolyte_nothing_is_asked():
    assert answer(thresholds("argon"), (PORE, Phase.VOID)) == [Phase.LITHIUM]
    t = replace(thresholds("argon", "xenon"), electrolyte=None, dense_noise_per_cm={})
    assert answer(t, (PORE, Phase.VOID)) == [Phase.LITHIUM]
    assert least_body_um3(t) is None and least_body_um3(thresholds("argon")) is None


def test_a_hollow_that_carbon_fills_is_carbon_and_a_root_of_lithium_stays():
    hollow, root = ball((11, 24, 12), 4.0), ball((11, 24, 34), 4.0)
    t = thresholds("argon", "xenon")
    found = answer(t, (hollow & (np.indices(SHAPE)[0] >= CARBON_ROWS), Phase.CARBON), noise=0.2)
    assert found == [Phase.CARBON]
    assert answer(t, (root & (np.indices(SHAPE)[0] >= CARBON_ROWS), Phase.LITHIUM), noise=0.2) == [Phase.LITHIUM]
    deep = ball((30, 24, 12), 4.0)  # carbon does not lie apart from its layer: such a body is lithium or void
    assert answer(t, (deep, Phase.CARBON), noise=0.2) == [Phase.LITHIUM]


@pytest.mark.parametrize("scans", [("argon", "xenon"), ("xenon",)])
def test_gas_behind_a_hardened_beam_is_no_lithium(scans):
    # the gas reads 0.4 of what it reads between the layers, which is less than half
    blind, told = (thresholds(*scans, noise=0.1, gas_behind_electrolyte=share) for share in (1.0, 0.4))
    found = [answer(t, (PORE, Phase.VOID), noise=0.1, dimmed=0.4) for t in (blind, told)]
    assert found == [[Phase.LITHIUM], [Phase.VOID]]


def test_a_body_longer_than_a_slab_sees_needs_proof_of_xenon():
    z, y, x = np.indices(SHAPE)
    column = (abs(z - 36) < 16) & (np.hypot(y - 24, x - 24) < 4)
    t = thresholds("argon", "xenon")
    assert answer(t, (column, Phase.VOID)) == [Phase.VOID]
    assert answer(t, (column, Phase.LITHIUM)) == [Phase.LITHIUM]
    # in such noise neither can be shown of these 1395 voxels: the label stands
    assert answer(thresholds("argon", "xenon", noise=9.0), (column, Phase.LITHIUM), noise=9.0) == [Phase.LITHIUM]
    assert answer(thresholds("xenon"), (column, Phase.VOID)) == [Phase.LITHIUM]


def test_the_least_body_is_where_its_mean_lies_at_the_limit():
    both = least_body_um3(thresholds("argon", "xenon"))
    limit = 3 * NOISE * np.sqrt(2 / (both / 8.0))
    assert limit == pytest.approx(0.5 * 1.25)
    core = (3 * NOISE / (0.5 * (1.25 - 0.11))) ** 2
    alone = least_body_um3(thresholds("xenon"))
    assert alone == pytest.approx(4 / 3 * pi * (2 * ((0.75 * core / pi) ** (1 / 3) + 2)) ** 3)
    assert least_body_um3(thresholds("xenon", noise=50.0)) == pytest.approx(4 / 3 * pi * 20.0**3)

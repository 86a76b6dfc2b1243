from dataclasses import replace

import numpy as np
import pytest

from xelith.materials import Phase
from xelith.segmentation import CellLayout, apply, prepare

BODY_Z, RADIUS = 9, 5.0
GAS_YX, LITHIUM_YX = (36, 24), (36, 44)


@pytest.fixture(scope="module")
def cell_with_bodies(small_cell):
    """A cell with a void and a lithium body deep in its electrolyte."""
    cell = small_cell(seed=4, electrolyte_z=26.2, film=12.0, voids=0)
    z, y, x = np.indices(cell.labels.shape)
    for name, gas in (("argon", 0.02), ("xenon", 1.27)):
        for (cy, cx), mu in ((GAS_YX, gas), (LITHIUM_YX, 0.11)):
            body = (z - BODY_Z) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 < RADIUS**2
            noise = cell.volumes[name][body] - 50.0
            cell.volumes[name][body] = mu + noise
    return cell


def labels_of(cell, *scans, **options):
    volumes = {scan: cell.volumes[scan] for scan in scans}
    thresholds = prepare(
        volumes,
        CellLayout(inner_diameter_um=92.0, **options),
        voxel_um=2.0,
        expected=cell.expected,
        transmission=cell.transmission,
    )
    return apply(thresholds, volumes.get("argon"), volumes.get("xenon"), 0)[0]


def test_two_gases_tell_a_void_in_the_electrolyte_from_lithium(cell_with_bodies):
    labels = labels_of(cell_with_bodies, "argon", "xenon")
    assert labels[BODY_Z, *GAS_YX] == Phase.VOID
    assert labels[BODY_Z, *LITHIUM_YX] == Phase.LITHIUM
    assert labels[BODY_Z, 36, 34] == Phase.ELECTROLYTE
    body = labels[:20, 28:45, 14:55]
    # a ball of radius 5 holds 515 voxels; smoothing moves its face by less than half a voxel
    for phase in (Phase.VOID, Phase.LITHIUM):
        assert (body == phase).sum() == pytest.approx(515, rel=0.3)


@pytest.mark.parametrize("phase", [Phase.VOID, Phase.LITHIUM])
def test_one_gas_calls_dark_bodies_what_the_layout_says(cell_with_bodies, phase):
    labels = labels_of(cell_with_bodies, "argon", dark_in_electrolyte=phase)
    assert labels[BODY_Z, *GAS_YX] == phase
    assert labels[BODY_Z, *LITHIUM_YX] == phase
    labels = labels_of(cell_with_bodies, "xenon", dark_in_electrolyte=phase)
    assert labels[BODY_Z, *GAS_YX] == Phase.VOID  # its core is as bright as xenon
    assert labels[BODY_Z, *LITHIUM_YX] == phase


def test_a_speck_of_noise_is_no_body(cell_with_bodies):
    labels = labels_of(cell_with_bodies, "argon", "xenon")
    far = labels[2:18, 45:50, 30:40]
    assert (far == Phase.ELECTROLYTE).all()


def test_a_body_that_a_network_calls_lithium_must_lack_xenon_as_a_whole(cell_with_bodies):
    volumes = {scan: cell_with_bodies.volumes[scan] for scan in ("argon", "xenon")}
    layout = CellLayout(inner_diameter_um=92.0)
    thresholds = prepare(
        volumes,
        layout,
        voxel_um=2.0,
        expected=cell_with_bodies.expected,
        transmission=cell_with_bodies.transmission,
    )
    true = apply(thresholds, *volumes.values(), 0)[0]
    named, (z, y, x) = true.copy(), np.indices(true.shape)
    for cy, cx in (GAS_YX, LITHIUM_YX):
        named[(z - BODY_Z) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 < RADIUS**2] = Phase.LITHIUM
    labels = apply(thresholds, *volumes.values(), 0, phases=named)[0]
    assert labels[BODY_Z, *LITHIUM_YX] == Phase.LITHIUM and labels[BODY_Z, *GAS_YX] == Phase.VOID
    assert ((labels == Phase.LITHIUM) == (true == Phase.LITHIUM))[25:].all()  # the film is not judged
    # in a noise ten times as large nobody could say that this body of 515 voxels lacks xenon: 0.6 against 0.7 cm^-1
    loud = replace(thresholds, dense_noise_per_cm={"argon": 3.8, "xenon": 3.8})
    labels = apply(loud, *volumes.values(), 0, phases=named)[0]
    assert labels[BODY_Z, *LITHIUM_YX] == Phase.VOID and labels[BODY_Z, *GAS_YX] == Phase.VOID
    one_gas = prepare(
        {"xenon": volumes["xenon"]},
        layout,
        voxel_um=2.0,
        expected=cell_with_bodies.expected,
        transmission=cell_with_bodies.transmission,
    )
    labels = apply(one_gas, None, volumes["xenon"], 0, phases=named)[0]
    assert labels[BODY_Z, *LITHIUM_YX] == Phase.LITHIUM and labels[BODY_Z, *GAS_YX] == Phase.VOID

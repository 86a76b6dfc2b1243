"""Twins: every scan of a cell, where it stands, and refusals."""

import dataclasses

import numpy as np
import pytest

from xelith.materials import Gas
from xelith.simulation import Pose, truth_of, twin
from xelith.simulation.presets import Preset
from xelith.simulation.twin import centred

GASES = {"argon": Gas("argon"), "xenon": Gas("xenon", 6)}


@pytest.fixture
def preset(small_design, small_charge):
    return Preset(small_design, small_charge, "small")


@pytest.fixture
def quick(small_scan):
    return dataclasses.replace(small_scan, n_views=3)


def test_a_twin_has_a_scan_a_gas(preset, quick):
    result = twin(preset, quick, GASES, seed=1)
    assert {name: scan.provenance["gas"] for name, scan in result.scans.items()} == {
        "argon": "argon",
        "xenon": "xenon",
    }
    assert result.scans["argon"].provenance["seed"] != result.scans["xenon"].provenance["seed"]
    middle = centred(result.cell, quick)
    np.testing.assert_array_equal(result.truth.labels, truth_of(result.cell, quick, middle).labels)


def test_another_scan_of_one_cell_has_other_photons(preset, quick):
    gas = {"xenon": GASES["xenon"]}
    first, again, other = (twin(preset, quick, gas, seed=1, noise_seed=noise) for noise in (None, 1, 2))
    np.testing.assert_array_equal(first.truth.labels, other.truth.labels)
    counts = [one.scans["xenon"].projections[:] for one in (first, again, other)]
    np.testing.assert_array_equal(counts[0], counts[1])
    assert (counts[0] != counts[2]).mean() > 0.5


def test_a_cell_settles_between_its_fills(preset, quick):
    poses = {"argon": Pose((-4.6, 0, 0)), "xenon": Pose((-4.6, 3.0, 0.0), 0.01)}
    still = twin(preset, quick, {"argon": GASES["argon"], "xenon": GASES["argon"]}, poses={"argon": poses["argon"]})
    moved = twin(preset, quick, {"argon": GASES["argon"], "xenon": GASES["argon"]}, poses=poses)
    np.testing.assert_array_equal(still.scans["argon"].projections, moved.scans["argon"].projections)
    places = []
    for result in (still, moved):
        scan = result.scans["xenon"]
        dark = scan.darks.mean(axis=0)[0]
        shadow = 1 - (scan.projections[1, 0] - dark) / (scan.flats.mean(axis=0)[0] - dark)
        places.append(np.average(np.arange(66), weights=shadow))
    # y of 3 µm at 60 degrees, in pixels of 2 µm; 66 pixels of 1 % noise move the middle by some 0.05
    assert places[1] - places[0] == pytest.approx(3.0 * np.sin(np.pi / 3) / 2, abs=0.15)
    np.testing.assert_array_equal(still.truth.labels, moved.truth.labels)


def test_the_middle_of_the_cell_lies_in_the_middle_row(small_cell, quick):
    low_um = -centred(small_cell, quick).shift_um[0]
    assert low_um == pytest.approx(small_cell.height_um - low_um - 28 * 2.0)


def test_impossible_twins_are_refused(preset, quick):
    with pytest.raises(ValueError, match=r"no gas was given; name at least one scan"):
        twin(preset, quick, {})
    fine = dataclasses.replace(quick, detector=dataclasses.replace(quick.detector, pixel_um=0.5))
    with pytest.raises(ValueError, match=r"voxels of the truth are 1 µm, those of the scan 0.5 µm"):
        twin(preset, fine, GASES)

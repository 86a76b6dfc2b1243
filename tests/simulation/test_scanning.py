"""Scans: what the record holds, that seeds decide alone, and that the gas shows in the voids."""

import dataclasses

import numpy as np
import pytest

from xelith.materials import Gas, tube
from xelith.scans.geometry import ConeBeam
from xelith.simulation import Cone, Drift, Optics, acquire
from xelith.simulation.detector import patterns
from xelith.simulation.frames import open_beam
from xelith.simulation.light import light_path
from xelith.simulation.projection import expected_views

ARGON, XENON = Gas("argon"), Gas("xenon", 6)


def test_the_record_is_complete_but_for_the_axis(small_cell, small_scan, small_pose):
    scan = acquire(small_cell, XENON, small_scan, seed=1, pose=small_pose)
    assert scan.shape == (20, 28, 66)
    assert scan.projections.dtype == np.uint16
    assert scan.flats.shape == (6, 28, 66)
    assert scan.darks.shape == (5, 28, 66)
    assert scan.missing == ()
    assert scan.geometry.centre_px is None
    assert scan.energy_kev == 20.0
    assert scan.provenance["gas"] == "xenon"
    assert scan.provenance["pressure_atm"] == 6
    assert scan.provenance["true_centre_px"] == 33.4


def test_a_tube_has_no_single_energy(small_cell, small_scan, small_pose):
    acquisition = dataclasses.replace(small_scan, spectrum=tube("Mo", 44).trimmed(1e-2), n_views=1)
    assert acquire(small_cell, ARGON, acquisition, pose=small_pose).energy_kev is None


def test_the_seed_alone_decides(small_cell, small_scan, small_pose):
    one, two, other = (
        acquire(small_cell, ARGON, small_scan, seed=seed, pose=small_pose, threads=threads)
        for seed, threads in ((4, 1), (4, 2), (5, 2))
    )
    for name in ("projections", "flats", "darks"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert not np.array_equal(one.projections, other.projections)


def test_counts_scatter_around_the_expected_ones(small_cell, small_scan, small_pose):
    scan = acquire(small_cell, ARGON, small_scan, seed=2, pose=small_pose)
    expected = expected_views(light_path(small_cell, ARGON, small_scan, small_pose), small_scan.theta)
    dark, flat = scan.darks.mean(axis=0), scan.flats.mean(axis=0)
    measured = (scan.projections - dark) / (flat - dark)
    signal = small_scan.photons * expected
    deviation = (measured - expected) / np.sqrt(signal + signal * expected / 6 + 11) * small_scan.photons
    # Poisson noise of view and flats, read-out of view and darks; gain and profile spread it by a few per cent
    assert deviation.std() == pytest.approx(1.0, abs=0.1)
    assert abs(deviation.mean()) < 0.05


def test_the_gas_shows_in_voids_and_gap_only(small_cell, small_scan, small_pose):
    argon, xenon = (
        expected_views(light_path(small_cell, gas, small_scan, small_pose), small_scan.theta[:1])[0]
        for gas in (ARGON, XENON)
    )
    more = -np.log(xenon / argon)
    assert more[:, :2].max() < 1e-6  # open beam beside the casing
    assert np.all(more[:, 30:36] > 0)  # the gap between the tubes is in every row
    # carbon rows have pores, lithium rows almost none
    lithium_row, carbon_row = 8, 15
    assert more[carbon_row, 30:36].mean() > 1.5 * more[lithium_row, 30:36].mean()


def test_progress_counts_the_views(small_cell, small_scan, small_pose):
    seen = []
    acquire(small_cell, ARGON, small_scan, pose=small_pose, progress=seen.append)
    assert seen == [8, 16, 20]


def test_a_negative_seed_is_refused(small_cell, small_scan):
    with pytest.raises(ValueError, match=r"seed is -1; give 0 or more"):
        acquire(small_cell, ARGON, small_scan, seed=-1)


def test_late_flats_say_when_they_were_taken(small_cell, small_scan, small_pose):
    acquisition = dataclasses.replace(small_scan, n_views=3, n_late_flats=4, drift=Drift(beam=0.5))
    scan = acquire(small_cell, ARGON, acquisition, pose=small_pose)
    assert scan.flat_positions.tolist() == [0] * 6 + [3] * 4
    flats = scan.flats.astype(float).mean(axis=(1, 2)) - scan.darks.mean()
    # 0.1 %: 1848 pixels of 4e4 photons, and their gain averages to itself in both
    assert flats[6:].mean() / flats[:6].mean() == pytest.approx(1.5, rel=1e-3)
    assert acquire(small_cell, ARGON, small_scan, pose=small_pose).flat_positions is None


def test_the_beam_grows_flickers_and_changes_its_profile(small_scan):
    fixed = patterns(small_scan.detector, seed=0)
    drifting = dataclasses.replace(small_scan, drift=Drift(beam=-0.2, profile=0.03))
    early, late = (open_beam(drifting, fixed, time, seed=0, frame=0) for time in (0.0, 1.0))
    np.testing.assert_allclose(early, fixed.beam * 4e4, rtol=1e-6)
    np.testing.assert_allclose(late, (fixed.beam + 0.03 * fixed.change) * 3.2e4, rtol=1e-5)
    flickering = dataclasses.replace(small_scan, drift=Drift(flicker=0.05))
    levels = [open_beam(flickering, fixed, 0.0, seed=0, frame=i).mean() / early.mean() for i in range(400)]
    assert np.std(levels) == pytest.approx(0.05, rel=0.2)  # five standard errors
    assert open_beam(flickering, fixed, 0.0, seed=0, frame=7).mean() / early.mean() == levels[7]


def test_flats_through_the_jig_are_as_dim_as_the_open_beam(small_cell, small_scan, small_pose):
    optics = Optics(jig_gas_mm=4.0, flats_in_jig=True)
    jig, clear = (dataclasses.replace(small_scan, n_views=1, optics=o) for o in (optics, Optics(jig_gas_mm=4.0)))
    share = np.exp(-XENON.mu_per_cm(20.0) * 0.4)
    levels = []
    for acquisition in (jig, clear):
        scan = acquire(small_cell, XENON, acquisition, pose=small_pose)
        levels.append((scan.flats - 100.0).mean() / 4e4)
        assert (scan.projections[0, :, :2] - 100.0).mean() / 4e4 == pytest.approx(share, rel=0.03)
    assert levels[0] / levels[1] == pytest.approx(share, rel=2e-3)  # Poisson noise of 6 flats, read-out


def test_a_cone_beam_fills_its_own_geometry(small_cell, small_scan, small_pose):
    acquisition = dataclasses.replace(small_scan, n_views=2, range_deg=360.0, cone=Cone(10.0, 25.0, -1))
    scan = acquire(small_cell, ARGON, acquisition, pose=small_pose)
    assert isinstance(scan.geometry, ConeBeam)
    assert scan.geometry.pixel_um == 2.0
    assert scan.geometry.magnification == 2.5
    assert scan.geometry.direction == -1
    assert scan.geometry.centre_px is None

"""Beam hardening: the map turns a spectrum's line integrals into one energy's, so that a pellet comes out flat."""

import numpy as np
import pytest

from xelith.materials import MATERIALS, monochromatic, tube
from xelith.reconstruction.detector_blur import measure_floor, subtract_floor
from xelith.reconstruction.fourier import fourier_fbp
from xelith.reconstruction.hardening import linearisation, linearise

ELECTROLYTE = MATERIALS["li5.5ps4.5br1.5"]
N, PIXEL_UM, RADIUS_UM = 192, 6.0, 500.0
THETA = np.arange(240) * np.pi / 240


def beam(filter_mm=0.2):
    return tube("Mo", 44, filters=[("Al", filter_mm)])


def chords_cm() -> np.ndarray:
    """Chords of a centred pellet, at 8 places across each pixel."""
    s = ((np.arange(N * 8) + 0.5) / 8 - 0.5 - (N - 1) / 2) * PIXEL_UM
    return (2e-4 * np.sqrt(np.clip(RADIUS_UM**2 - s**2, 0, None))).reshape(N, 8)


def pellet_integrals(spectrum, floor=0.0) -> np.ndarray:
    mu = ELECTROLYTE.mu_per_cm(spectrum.energy_kev)
    light = np.exp(-np.multiply.outer(chords_cm(), mu)) @ spectrum.photons
    return (light.mean(axis=1) + floor) / (1 + floor)


def pellet_slice(integrals) -> np.ndarray:
    sinogram = np.broadcast_to(integrals.astype(np.float32), (1, THETA.size, N))
    return fourier_fbp(np.ascontiguousarray(sinogram), THETA, centre_px=(N - 1) / 2, voxel_um=PIXEL_UM)[0]


def radial_mean(image, low, high) -> float:
    y, x = np.ogrid[:N, :N]
    radius = np.hypot(y - (N - 1) / 2, x - (N - 1) / 2) * PIXEL_UM / RADIUS_UM
    return float(image[(radius >= low) & (radius < high)].mean())


def cupping(image) -> float:
    """Rim less middle, as a share of the middle, a tenth of the radius away from the edge."""
    middle = radial_mean(image, 0, 0.3)
    return (radial_mean(image, 0.75, 0.9) - middle) / middle


def test_one_energy_is_left_as_it_is():
    table = linearisation(monochromatic(20), ELECTROLYTE)
    integrals = np.linspace(-0.5, 20, 100).astype(np.float32)
    np.testing.assert_allclose(linearise(integrals, table), integrals, rtol=1e-5, atol=1e-5)  # float32


def test_the_map_is_monotone_and_inverts_the_spectrum():
    spectrum = beam()
    table = linearisation(spectrum, ELECTROLYTE)
    assert (np.diff(table.linear) > 0).all()
    path_cm = np.linspace(0.001, 0.12, 50)
    mu = ELECTROLYTE.mu_per_cm(spectrum.energy_kev)
    measured = -np.log(np.exp(-np.multiply.outer(path_cm, mu)) @ spectrum.photons)
    linear = linearise(measured.astype(np.float32), table)
    np.testing.assert_allclose(linear, table.mu_ref_per_cm * path_cm, rtol=2e-4)  # table of 1024 knots


def test_thin_things_keep_their_mu():
    table = linearisation(beam(), ELECTROLYTE)
    assert float(table.linear[1] / table.measured[1]) == pytest.approx(1, abs=1e-3)  # first knot is not zero


def test_a_reference_energy_is_what_the_material_reads():
    table = linearisation(beam(), ELECTROLYTE, energy_kev=17.48)
    assert table.mu_ref_per_cm == pytest.approx(64, rel=0.01)  # check value at Mo K alpha


def test_a_pellet_comes_out_flat():
    spectrum = beam()
    integrals = -np.log(pellet_integrals(spectrum))
    table = linearisation(spectrum, ELECTROLYTE)
    plain, flat = pellet_slice(integrals), pellet_slice(linearise(integrals, table))
    assert cupping(plain) > 0.05  # without the map the fault is there
    assert abs(cupping(flat)) < 0.005
    assert radial_mean(flat, 0, 0.9) == pytest.approx(table.mu_ref_per_cm, rel=0.005)


def test_a_filter_wrong_by_a_tenth_of_a_millimetre_costs_less_than_three_percent():
    integrals = -np.log(pellet_integrals(beam(0.2)))
    for wrong in (0.1, 0.3):
        image = pellet_slice(linearise(integrals, linearisation(beam(wrong), ELECTROLYTE)))
        assert abs(cupping(image)) < 0.03


def test_what_lies_behind_hardens_the_beam_first():
    peek = MATERIALS["peek"]
    through = linearisation(beam(), ELECTROLYTE, behind=[(peek, 0.1)])
    assert through.mu_ref_per_cm < linearisation(beam(), ELECTROLYTE).mu_ref_per_cm
    same = linearisation(beam().filtered(peek, 0.1), ELECTROLYTE)
    np.testing.assert_allclose(through.linear, same.linear)


def test_glare_is_taken_out_before_the_logarithm():
    spectrum, glare = beam(), 0.01
    table = linearisation(spectrum, ELECTROLYTE)
    light = pellet_integrals(spectrum, floor=glare)  # flats see the glare too, so the open beam is 1
    frames = np.ones((8, 24, N)) * light
    frames[:, :12] = glare / (1 + glare)
    frames += np.random.default_rng(0).normal(0, 1e-4, frames.shape)
    shadow = np.zeros((24, N), bool)
    shadow[3:9, 60:130] = True
    floor = measure_floor(frames.astype(np.float32), shadow)
    assert floor.level == pytest.approx(glare / (1 + glare), rel=0.01)
    cleaned = -np.log(subtract_floor(light.astype(np.float32)[None, None], floor)[0, 0])
    raw = pellet_slice(linearise(-np.log(light), table))
    mended = pellet_slice(linearise(cleaned, table))
    assert radial_mean(raw, 0, 0.5) < 0.9 * table.mu_ref_per_cm
    assert radial_mean(mended, 0, 0.9) == pytest.approx(table.mu_ref_per_cm, rel=0.03)


def test_faults_are_named():
    from xelith.materials import Gas

    with pytest.raises(ValueError, match=r"vacuum has a mean µ of 0"):
        linearisation(beam(), Gas("vacuum", 0.0), name="vacuum")

"""The ray decomposition gives shares of electrolyte and gas that subtraction of volumes misses."""

import numpy as np
import pytest

from xelith.materials import MATERIALS, Gas, monochromatic, tube
from xelith.reconstruction.fourier import fourier_fbp
from xelith.reconstruction.hardening import linearisation, linearise
from xelith.reconstruction.two_gas import decompose_arrays, decompose_rays, ray_model, tube_wall_cm

ELECTROLYTE, LITHIUM, PEEK = MATERIALS["li5.5ps4.5br1.5"], MATERIALS["lithium"], MATERIALS["peek"]
ARGON, XENON = Gas("argon", 1.0), Gas("xenon", 6.0)
N, PIXEL_UM = 200, 6.5
PELLET_UM, BORE_UM, TUBE_UM = 450.0, 500.0, 620.0
THETA = np.arange(300) * np.pi / 300
CELLS = {"pure": (1.0, 0.0), "5 % porous": (0.95, 0.05), "10 % lithium": (0.9, 0.0)}  # shares of electrolyte, gas


def beam():
    return tube("Mo", 44, filters=[("Al", 0.2)])


def chords_cm(radius_um) -> np.ndarray:
    s = ((np.arange(N * 6) + 0.5) / 6 - 0.5 - (N - 1) / 2) * PIXEL_UM
    return 2e-4 * np.sqrt(np.clip(radius_um**2 - s**2, 0, None))


def integrals(spectrum, shares, gas, *, walls=True) -> np.ndarray:
    """Exact line integrals of a mixed pellet with a gap full of gas around it, in a tube; intensities averaged."""
    f_solid, f_gas = shares
    pellet, bore, outer = (chords_cm(r) for r in (PELLET_UM, BORE_UM, TUBE_UM))
    depth = np.multiply.outer(f_solid * pellet, ELECTROLYTE.mu_per_cm(spectrum.energy_kev))
    depth += np.multiply.outer(f_gas * pellet + bore - pellet, gas.mu_per_cm(spectrum.energy_kev))
    depth += np.multiply.outer((1 - f_solid - f_gas) * pellet, LITHIUM.mu_per_cm(spectrum.energy_kev))
    if walls:
        depth += np.multiply.outer(outer - bore, PEEK.mu_per_cm(spectrum.energy_kev))
    light = np.exp(-depth) @ spectrum.photons
    return -np.log(light.reshape(N, 6).mean(axis=1))


def reconstruct(rays) -> np.ndarray:
    sinogram = np.ascontiguousarray(np.broadcast_to(rays.astype(np.float32), (1, THETA.size, N)))
    return fourier_fbp(sinogram, THETA, centre_px=(N - 1) / 2, voxel_um=PIXEL_UM)[0]


def inside(image) -> float:
    y, x = np.ogrid[:N, :N]
    return float(image[np.hypot(y - (N - 1) / 2, x - (N - 1) / 2) * PIXEL_UM < 0.9 * PELLET_UM].mean())


def shares_found(cell, *, walls=True) -> tuple[float, float]:
    """Shares of lithium and gas by decomposition."""
    around = {"centre_px": (N - 1) / 2, "pixel_um": PIXEL_UM, "inner_radius_um": BORE_UM, "outer_radius_um": TUBE_UM}
    wall_cm = tube_wall_cm(N, **around) if walls else None
    wall = (PEEK, float(wall_cm.mean())) if walls else None
    model = ray_model(beam(), ELECTROLYTE, ARGON, XENON, longest_cm=2e-4 * BORE_UM, wall=wall)
    pair = [integrals(beam(), CELLS[cell], gas, walls=walls) for gas in (ARGON, XENON)]
    paths = decompose_rays(*pair, model, wall_cm=wall_cm)
    assert paths.n_outside == 0
    solid, gas = inside(reconstruct(paths.solid_cm)), inside(reconstruct(paths.gas_cm))
    return 1 - solid - gas, gas


@pytest.mark.parametrize("walls", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_shares_are_right_to_a_hundredth(cell, walls):
    f_solid, f_gas = CELLS[cell]
    lithium, gas = shares_found(cell, walls=walls)
    assert lithium == pytest.approx(1 - f_solid - f_gas, abs=0.01)
    assert gas == pytest.approx(f_gas, abs=0.01)


def test_subtraction_of_linearised_volumes_errs():
    """What the decomposition is for: the plain method reads gas where there is none."""
    spectrum = beam()
    table = linearisation(spectrum, ELECTROLYTE)
    argon, xenon = (
        reconstruct(linearise(integrals(spectrum, CELLS["pure"], g, walls=False), table)) for g in (ARGON, XENON)
    )
    contrast = spectrum.photons @ (XENON.mu_per_cm(spectrum.energy_kev) - ARGON.mu_per_cm(spectrum.energy_kev))
    gas = inside(xenon - argon) / contrast
    lithium = 1 - inside(argon) / table.mu_ref_per_cm - gas
    found = shares_found("pure", walls=False)
    assert abs(lithium) > 4 * abs(found[0])
    assert abs(gas) > 0.02


def test_paths_come_back_from_the_model():
    spectrum = beam()
    model = ray_model(spectrum, ELECTROLYTE, ARGON, XENON, longest_cm=0.1)
    solid, gas = np.meshgrid(np.linspace(0, 0.1, 21), np.linspace(0, 0.1, 11))
    mu = ELECTROLYTE.mu_per_cm(spectrum.energy_kev)
    measured = [
        -np.log(np.exp(-solid[..., None] * mu - gas[..., None] * g.mu_per_cm(spectrum.energy_kev)) @ spectrum.photons)
        for g in (ARGON, XENON)
    ]
    paths = decompose_rays(*(m.astype(np.float32) for m in measured), model)
    np.testing.assert_allclose(paths.solid_cm, solid, atol=2e-5)  # 0.2 µm in 1 mm: parabolas between 256 knots
    np.testing.assert_allclose(paths.gas_cm, gas, atol=1e-3)  # float32 line integrals of 4 over a contrast of 3 per cm


def test_noise_is_not_clipped():
    """Sums over noisy rays are free of bias: no gas is made of noise."""
    spectrum = monochromatic(20.0)
    model = ray_model(spectrum, ELECTROLYTE, ARGON, XENON, longest_cm=0.1)
    rng = np.random.default_rng(5)
    depth = 0.03 * float(ELECTROLYTE.mu_per_cm(20.0))
    argon, xenon = (depth + rng.normal(0, 0.05, 40_000) for _ in range(2))
    paths = decompose_rays(argon.astype(np.float32), xenon.astype(np.float32), model)
    contrast = float(XENON.mu_per_cm(20.0) - ARGON.mu_per_cm(20.0))
    assert (paths.gas_cm < 0).mean() == pytest.approx(0.5, abs=0.02)
    assert abs(paths.gas_cm.mean()) < 4 * 0.05 * np.sqrt(2) / contrast / np.sqrt(40_000)  # four standard errors


def test_the_kernel_and_the_arrays_agree():
    model = ray_model(beam(), ELECTROLYTE, ARGON, XENON, longest_cm=0.1, wall=(PEEK, 0.005))
    rng = np.random.default_rng(3)
    argon = rng.uniform(-0.05, 9, (3, 7, 41)).astype(np.float32)
    xenon = argon + rng.normal(0.1, 0.3, argon.shape).astype(np.float32)
    for wall_cm in (None, rng.uniform(0, 0.01, 41), rng.uniform(0, 0.01, (7, 41)).astype(np.float32)):
        kernel, arrays = (f(argon, xenon, model, wall_cm=wall_cm) for f in (decompose_rays, decompose_arrays))
        inside = np.abs(arrays.gas_cm) < 0.7  # at the tables' edge a last bit decides where a ray is held
        assert inside.mean() > 0.5
        np.testing.assert_allclose(kernel.solid_cm[inside], arrays.solid_cm[inside], atol=2e-6)
        np.testing.assert_allclose(kernel.gas_cm[inside], arrays.gas_cm[inside], atol=2e-5)


def test_faults_are_named():
    model = ray_model(beam(), ELECTROLYTE, ARGON, XENON, longest_cm=0.1)
    with pytest.raises(ValueError, match="register both scans to one grid"):
        decompose_rays(np.zeros(3), np.zeros(4), model)
    with pytest.raises(ValueError, match="longest_cm is 0"):
        ray_model(beam(), ELECTROLYTE, ARGON, XENON, longest_cm=0)
    with pytest.raises(ValueError, match="both gases attenuate alike"):
        ray_model(beam(), ELECTROLYTE, ARGON, ARGON, longest_cm=0.1)
    with pytest.raises(ValueError, match="give the larger radius second"):
        tube_wall_cm(8, centre_px=3.5, pixel_um=1, inner_radius_um=5, outer_radius_um=4)

"""Attenuation of solids: check values of the design at Mo K-alpha, laws, and refusals."""

import numpy as np
import pytest

from xelith.materials import MATERIALS, Material, Phase, material, mu_per_cm
from xelith.materials.attenuation import decrement, mass_shares

MO_K_ALPHA_KEV = 17.48

CHECK_VALUES = [
    ("Li", 0.534, 0.106),
    ("C", 2.26, 1.30),
    ("C", 2.0, 1.15),
    ("C", 1.0, 0.57),
    ("C19H12O3", 1.32, 0.89),
    ("Li5.5PS4.5Br1.5", 2.0, 64.0),
    ("Li6PS5Cl", 1.87, 15.7),
    ("In", 7.31, 215.0),
    ("Fe", 7.9, 296.0),
]


@pytest.mark.parametrize(("formula", "density_g_cm3", "expected_per_cm"), CHECK_VALUES)
def test_mu_matches_the_check_values(formula, density_g_cm3, expected_per_cm):
    # 1 %: the check values are stated with two to three digits
    assert mu_per_cm(formula, density_g_cm3, MO_K_ALPHA_KEV) == pytest.approx(expected_per_cm, rel=0.01)


def test_mu_of_a_compound_is_the_sum_over_its_elements():
    energy = np.array([10.0, 17.48, 40.0])
    shares = mass_shares("C2F4")
    expected = 2.2 * sum(share * mu_per_cm(element, 1.0, energy) for element, share in shares.items())
    assert sum(shares.values()) == pytest.approx(1.0)
    np.testing.assert_allclose(mu_per_cm("C2F4", 2.2, energy), expected, rtol=1e-12)


def test_mu_keeps_the_shape_of_the_energies_and_is_linear_in_density():
    energy = np.array([[15.0, 20.0, 25.0], [30.0, 35.0, 40.0]])
    one = mu_per_cm("Fe", 1.0, energy)
    assert one.shape == energy.shape
    assert mu_per_cm("Fe", 1.0, 20.0).shape == ()
    np.testing.assert_allclose(mu_per_cm("Fe", 7.9, energy), 7.9 * one)


def test_mu_falls_with_energy_and_jumps_at_the_k_edge():
    below, above = mu_per_cm("Xe", 1.0, np.array([34.5, 34.6]))
    assert above > 4 * below
    falling = mu_per_cm("C", 1.0, np.linspace(5, 60, 50))
    assert np.all(np.diff(falling) < 0)


@pytest.mark.parametrize("formula", ["Foo2", "", "li6ps5cl", "3", "Li("])
def test_an_unreadable_formula_is_refused(formula):
    with pytest.raises(ValueError, match=r"cannot be read; write element symbols"):
        mu_per_cm(formula, 1.0, 17.0)


def test_densities_and_energies_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"density is -1 g/cm3"):
        mu_per_cm("Li", -1, 17.0)
    with pytest.raises(ValueError, match=r"17480 keV; the tables hold .* give keV, not eV"):
        mu_per_cm("Li", 0.534, 17480.0)
    with pytest.raises(ValueError, match=r"energies reach from nan"):
        mu_per_cm("Li", 0.534, float("nan"))
    with pytest.raises(ValueError, match=r"density of foil is 0 g/cm3"):
        Material("foil", "Al", 0)


def test_presets_carry_their_phase():
    assert MATERIALS["lithium"].phase is Phase.LITHIUM
    assert MATERIALS["peek"].phase is Phase.CASING
    for name, preset in MATERIALS.items():
        assert preset.name == name
        assert preset.mu_per_cm(20.0) > 0


def test_a_material_is_found_by_name_or_formula():
    assert material("PEEK") is MATERIALS["peek"]
    aluminium = material("Al@2.70")
    assert (aluminium.formula, aluminium.density_g_cm3) == ("Al", 2.70)
    with pytest.raises(ValueError, match=r"'unobtainium' is not known; use one of lithium"):
        material("unobtainium")
    with pytest.raises(ValueError, match=r"'Q' cannot be read|'Qz2' cannot be read"):
        material("Qz2@1.0")


@pytest.mark.parametrize(("formula", "density_g_cm3", "z_over_a"), [("Li", 0.534, 3 / 6.94), ("C", 2.0, 6 / 12.011)])
def test_delta_is_that_of_free_electrons_far_from_the_edges(formula, density_g_cm3, z_over_a):
    energy_kev = 20.0
    electrons_per_cm3 = density_g_cm3 * z_over_a * 6.02214e23
    wavelength_cm = 12.398420e-8 / energy_kev
    expected = 2.8179403e-13 * wavelength_cm**2 * electrons_per_cm3 / (2 * np.pi)
    # 0.3 %: anomalous terms of light elements
    assert decrement(formula, density_g_cm3, energy_kev) == pytest.approx(expected, rel=3e-3)
    assert Material("x", formula, density_g_cm3).decrement(energy_kev) == pytest.approx(expected, rel=3e-3)


def test_delta_of_nothing_is_zero_and_bad_formulas_are_refused():
    assert decrement("Li", 0.0, 20.0) == 0
    with pytest.raises(ValueError, match="cannot be read"):
        decrement("Foo2", 1.0, 20.0)

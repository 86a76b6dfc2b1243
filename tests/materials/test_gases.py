"""Gas density: check values of the design, the ideal-gas limit, and refusals."""

import numpy as np
import pytest

from xelith.materials import Gas, density_g_cm3, mu_per_cm
from xelith.materials.gases import gas_name

GAS_CONSTANT = 8.314462618
MOLAR_MASS = {"argon": 39.948, "xenon": 131.293, "helium": 4.002602, "krypton": 83.798, "nitrogen": 28.0134}


@pytest.mark.parametrize(
    ("gas", "pressure_atm", "expected_g_cm3"),
    [("argon", 1, 1.634e-3), ("xenon", 6, 0.03328), ("xenon", 8, 0.04489)],
)
def test_density_matches_the_check_values(gas, pressure_atm, expected_g_cm3):
    # 0.1 %: the check values are stated with four digits
    assert density_g_cm3(gas, pressure_atm, 298.15) == pytest.approx(expected_g_cm3, rel=1e-3)


@pytest.mark.parametrize("gas", sorted(MOLAR_MASS))
def test_a_thin_gas_is_ideal(gas):
    pressure_atm, temperature_k = 0.01, 300.0
    ideal = MOLAR_MASS[gas] * pressure_atm * 101_325 / (GAS_CONSTANT * temperature_k) * 1e-6
    # 0.02 %: the second virial coefficient of xenon at 0.01 atm gives 0.006 %
    assert density_g_cm3(gas, pressure_atm, temperature_k) == pytest.approx(ideal, rel=2e-4)


def test_xenon_at_six_atmospheres_is_denser_than_ideal():
    ideal = MOLAR_MASS["xenon"] * 6 * 101_325 / (GAS_CONSTANT * 298.15) * 1e-6
    assert density_g_cm3("xenon", 6, 298.15) / ideal == pytest.approx(1.033, abs=0.002)


def test_mu_of_the_fills_matches_the_check_values():
    # 1 %: the check values are stated with two to three digits
    assert Gas("xenon", 6).mu_per_cm(17.48) == pytest.approx(1.27, rel=0.01)
    assert Gas("xenon", 8).mu_per_cm(17.48) == pytest.approx(1.71, rel=0.01)
    assert Gas("argon", 1).mu_per_cm(17.48) == pytest.approx(0.021, rel=0.01)


def test_mu_is_that_of_the_formula_at_the_density():
    gas = Gas("Kr", 3.0, 310.0)
    energy = np.array([12.0, 20.0])
    np.testing.assert_allclose(gas.mu_per_cm(energy), mu_per_cm("Kr", density_g_cm3("krypton", 3.0, 310.0), energy))


def test_a_vacuum_attenuates_nothing():
    for gas in (Gas("none"), Gas("vacuum", 0), Gas("argon", 0)):
        assert gas.density_g_cm3 == 0
        assert np.all(gas.mu_per_cm(np.array([10.0, 20.0])) == 0)
    assert Gas("none").formula == ""


def test_names_are_understood_in_any_case():
    assert gas_name(" XE ") == "xenon"
    assert Gas("Ar").name == "argon"
    assert Gas("Ar").formula == "Ar"
    with pytest.raises(ValueError, match=r"gas 'radon' is not known; use one of argon, xenon"):
        Gas("radon")


def test_states_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"pressure of xenon is -6 atm; give an absolute pressure"):
        Gas("xenon", -6)
    with pytest.raises(ValueError, match=r"temperature of xenon is 25 K; give 100 to 1000 K"):
        Gas("xenon", 6, 25)
    with pytest.raises(ValueError, match=r"xenon is liquid at 6 atm and 200 K"):
        density_g_cm3("xenon", 6, 200)


def test_delta_grows_with_the_density():
    one, eight = Gas("xenon", 1), Gas("xenon", 8)
    ratio = eight.density_g_cm3 / one.density_g_cm3
    assert eight.decrement(20.0) / one.decrement(20.0) == pytest.approx(ratio, rel=1e-6)
    assert Gas("none").decrement(20.0) == 0

import math

import numpy as np
import pytest

from xelith.materials import MATERIALS, Gas, Phase, Spectrum, monochromatic
from xelith.segmentation import contrast_table, expected_mu
from xelith.segmentation.contrast import verdict_of

SOLIDS = {
    Phase.LITHIUM: MATERIALS["lithium"],
    Phase.CARBON: MATERIALS["carbon"],
    Phase.ELECTROLYTE: MATERIALS["li5.5ps4.5br1.5"],
    Phase.CASING: MATERIALS["peek"],
}


def test_one_energy_gives_the_tabled_values_without_a_range():
    found = expected_mu(SOLIDS, Gas("xenon", 6.0), monochromatic(17.48), path_um=400.0, casing_um=500.0)
    # published values at Mo Kα, given to two or three digits
    for phase, mu in [(Phase.VOID, 1.27), (Phase.LITHIUM, 0.106), (Phase.CARBON, 1.15), (Phase.CASING, 0.89)]:
        assert found[phase].mu_per_cm == pytest.approx(mu, rel=0.01)
        assert found[phase].low_per_cm == pytest.approx(found[phase].high_per_cm, rel=1e-9)
    assert found[Phase.VOID].name == "xenon 6 atm"


def test_hardening_spreads_the_dense_phase_and_the_casing_lowers_the_light_ones():
    beam = Spectrum(np.array([12.0, 17.5, 30.0]), np.array([1.0, 1.0, 1.0]))
    bare = expected_mu(SOLIDS, Gas("xenon", 6.0), beam, path_um=400.0)
    cased = expected_mu(SOLIDS, Gas("xenon", 6.0), beam, path_um=400.0, casing_um=2000.0)
    dense = bare[Phase.ELECTROLYTE]
    assert dense.low_per_cm < dense.mu_per_cm < dense.high_per_cm
    assert cased[Phase.CARBON].mu_per_cm < bare[Phase.CARBON].mu_per_cm
    assert cased[Phase.CARBON].high_per_cm == pytest.approx(bare[Phase.CARBON].high_per_cm)


def test_a_beam_that_the_electrolyte_has_hardened_sees_less_of_the_gas():
    beam = Spectrum(np.array([15.0, 30.0]), np.array([1.0, 1.0]))
    gas, dense = Gas("xenon", 6.0), SOLIDS[Phase.ELECTROLYTE]
    found = expected_mu(SOLIDS, gas, beam, path_um=400.0)
    # one bin's weight behind a mean chord of π/4 of 400 µm, by hand
    left = np.exp(-dense.mu_per_cm(beam.energy_kev) * math.pi / 4 * 0.04)
    behind = float(gas.mu_per_cm(beam.energy_kev) @ left / left.sum())
    assert found[Phase.VOID].behind_electrolyte * found[Phase.VOID].mu_per_cm == pytest.approx(behind)
    assert found[Phase.VOID].behind_electrolyte < 0.5
    bare = expected_mu({Phase.CARBON: SOLIDS[Phase.CARBON]}, gas, monochromatic(17.48), path_um=400.0)
    assert bare[Phase.VOID].behind_electrolyte == pytest.approx(1.0)


def test_negative_paths_are_refused():
    with pytest.raises(ValueError, match="give 0 µm or more"):
        expected_mu(SOLIDS, Gas("argon"), monochromatic(17.48), path_um=-1.0)


def test_two_gases_part_what_neither_parts_alone():
    levels = {
        "argon": {Phase.VOID: 0.02, Phase.LITHIUM: 0.11, Phase.CARBON: 1.15},
        "xenon": {Phase.VOID: 1.27, Phase.LITHIUM: 0.11, Phase.CARBON: 1.15},
    }
    table = contrast_table(levels, noise_per_cm={"argon": 0.1, "xenon": 0.1})
    verdicts = {(c.first, c.second, c.scans): c.verdict for c in table}
    assert verdicts[Phase.VOID, Phase.LITHIUM, ("argon",)] == "not separable"
    assert verdicts[Phase.VOID, Phase.CARBON, ("xenon",)] == "not separable"
    assert verdicts[Phase.VOID, Phase.LITHIUM, ("argon", "xenon")] == "separable"
    assert verdicts[Phase.VOID, Phase.CARBON, ("argon", "xenon")] == "separable"
    both = next(c for c in table if c.scans == ("argon", "xenon") and c.second == Phase.CARBON)
    assert both.d_prime == pytest.approx(math.hypot(1.13, -0.12) / 0.1)


def test_without_noise_there_is_contrast_but_no_verdict():
    (only,) = contrast_table({"argon": {Phase.LITHIUM: 0.11, Phase.CARBON: 1.15}})
    assert only.contrast_per_cm == pytest.approx((1.04,))
    assert only.d_prime is None
    assert only.verdict is None


@pytest.mark.parametrize(("d_prime", "verdict"), [(5.0, "separable"), (3.0, "marginal"), (2.9, "not separable")])
def test_verdicts_follow_the_distance(d_prime, verdict):
    assert verdict_of(d_prime) == verdict


def test_missing_scans_and_noise_are_refused():
    with pytest.raises(ValueError, match="no scan was given"):
        contrast_table({})
    with pytest.raises(ValueError, match="give a positive one for each"):
        contrast_table({"argon": {Phase.LITHIUM: 0.1}}, noise_per_cm={"xenon": 1.0})

"""Fillings of voxels: mixtures add up, gas is filled in, lithium has a place."""

import numpy as np
import pytest

from xelith.materials import MATERIALS, Gas, Phase
from xelith.simulation.tissues import OPEN_VOID, Fill, Site, Tissue, solid

ENERGY = np.array([15.0, 20.0, 40.0])


def test_a_mixture_attenuates_as_its_parts():
    zone = Tissue(
        "SE + Li",
        Phase.ELECTROLYTE,
        ((MATERIALS["li6ps5cl"], 0.7), (MATERIALS["lithium"], 0.2), (Fill.GAS, 0.1)),
        Site.MIXED_ZONE,
    )
    gas = Gas("xenon", 6)
    expected = (
        0.7 * MATERIALS["li6ps5cl"].mu_per_cm(ENERGY)
        + 0.2 * MATERIALS["lithium"].mu_per_cm(ENERGY)
        + 0.1 * gas.mu_per_cm(ENERGY)
    )
    np.testing.assert_allclose(zone.mu_per_cm(ENERGY, gas), expected)
    delta = 0.7 * MATERIALS["li6ps5cl"].decrement(20.0) + 0.2 * MATERIALS["lithium"].decrement(20.0)
    assert zone.decrement(20.0, gas) == pytest.approx(delta + 0.1 * gas.decrement(20.0))
    assert zone.lithium_share == pytest.approx(0.2)


def test_only_open_voids_change_with_the_gas():
    argon, xenon = Gas("argon"), Gas("xenon", 6)
    np.testing.assert_allclose(OPEN_VOID.mu_per_cm(ENERGY, xenon), xenon.mu_per_cm(ENERGY))
    closed = Tissue("closed void", Phase.VOID, ((argon, 1.0),))
    np.testing.assert_allclose(closed.mu_per_cm(ENERGY, xenon), argon.mu_per_cm(ENERGY))
    assert solid(MATERIALS["carbon"]).mu_per_cm(20.0, xenon) == solid(MATERIALS["carbon"]).mu_per_cm(20.0, argon)


def test_impossible_tissues_are_refused():
    with pytest.raises(ValueError, match=r"tissue odd has shares \[-0.1\]"):
        Tissue("odd", Phase.VOID, ((Fill.GAS, -0.1),))
    with pytest.raises(ValueError, match=r"tissue lithium holds lithium; say with `site`"):
        solid(MATERIALS["lithium"])
    with pytest.raises(ValueError, match=r"gagg has no phase"):
        solid(MATERIALS["gagg"])

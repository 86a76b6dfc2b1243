import numpy as np
import pytest
from scipy import ndimage

from xelith.metrology.excess import excess_lithium

SHAPE = (96, 64, 64)
ZONE = np.zeros(SHAPE, bool)
ZONE[:32] = True
REFERENCE = np.zeros(SHAPE, bool)
REFERENCE[40:] = True
AREA = {"voxel_um": 1.0, "area_in_view_um2": 64 * 64.0, "block": 8}


def scan(rng, cupping=0.02, noise=0.1):
    """Pure electrolyte as it is reconstructed: correlated noise about a bowl."""
    y, x = np.mgrid[:64, :64] - 31.5
    bowl = cupping * ((y**2 + x**2) / 31.5**2 - 0.5)
    return (bowl + noise * ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.0) * 8).astype(np.float32)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.05])
def test_faint_lithium_is_measured_relative_to_the_same_radius(share):
    rng = np.random.default_rng(26)
    fractions = scan(rng)
    fractions[:32] += share
    found = excess_lithium(fractions, ZONE, reference=REFERENCE, **AREA)
    assert abs(found.amount.um - 32 * share) < 3 * found.amount.std_um
    assert found.amount.std_um < 0.3
    assert found.is_detected == (share > 0)
    assert found.reference == "same radius"


def test_scan_before_takes_the_bowl_out():
    rng = np.random.default_rng(27)
    before, after = scan(rng, cupping=0.3), scan(rng, cupping=0.3)
    after[:10, 20:40, 20:40] += 0.5
    found = excess_lithium(after, ZONE, before=before, **AREA)
    truth = 10 * 400 * 0.5 / 4096
    assert found.amount.um == pytest.approx(truth, abs=3 * found.amount.std_um)
    assert found.reference == "before"
    assert found.is_detected


def test_stated_spread_is_the_true_one():
    amounts, stds, alarms = [], [], 0
    for seed in range(30):
        found = excess_lithium(scan(np.random.default_rng(seed)), ZONE, reference=REFERENCE, **AREA)
        amounts.append(found.amount.um)
        stds.append(found.amount.std_um)
        alarms += found.is_detected
    # 30 scans know the spread to 13 %; blocks of 8 hold correlated noise, so it comes out a little small
    assert np.std(amounts) == pytest.approx(np.mean(stds), rel=0.5)
    assert abs(np.mean(amounts)) < 3 * np.std(amounts) / np.sqrt(30)
    assert alarms == 0


def test_unknown_voxels_carry_nothing():
    rng = np.random.default_rng(28)
    fractions = scan(rng) + np.float32(0.1) * ZONE
    fractions[:, 50:] = np.nan
    found = excess_lithium(fractions, ZONE, reference=REFERENCE, **AREA)
    assert found.amount.um == pytest.approx(3.2 * 50 / 64, abs=3 * found.amount.std_um)


def test_any_axis_and_anisotropic_voxels():
    rng = np.random.default_rng(29)
    fractions = scan(rng) + np.float32(0.1) * ZONE
    turned = [np.moveaxis(a, 0, 2) for a in (fractions, ZONE, REFERENCE)]
    found = excess_lithium(
        turned[0], turned[1], reference=turned[2], voxel_um=(2, 3, 0.5), axis=2, area_in_view_um2=4096 * 6.0, block=8
    )
    assert found.amount.um == pytest.approx(1.6, abs=3 * found.amount.std_um)


def test_what_cannot_be_known_is_refused():
    fractions = scan(np.random.default_rng(30))
    with pytest.raises(ValueError, match="no reference was given"):
        excess_lithium(fractions, ZONE, **AREA)
    with pytest.raises(ValueError, match="one shape to all"):
        excess_lithium(fractions, ZONE[:5], reference=REFERENCE, **AREA)
    with pytest.raises(ValueError, match="zone holds no voxel"):
        excess_lithium(fractions, ZONE & False, reference=REFERENCE, **AREA)
    few = np.zeros(SHAPE, bool)
    few[90:, :4, :4] = True
    with pytest.raises(ValueError, match="reference holds 0 full blocks"):
        excess_lithium(fractions, ZONE, reference=few, **AREA)

import numpy as np
import pytest

from xelith.segmentation import Reference, calibrate, region_reference


def test_two_references_tie_grey_to_mu_and_back():
    calibration = calibrate([Reference("air", 0.0, 1000.0), Reference("peek", 0.89, 1000.0 + 0.89 * 500)])
    assert calibration.state == "calibrated"
    assert not calibration.is_inverted
    np.testing.assert_allclose(calibration.mu_per_cm(np.array([1000, 2000])), [0.0, 2.0], atol=1e-5)
    assert calibration.grey(2.0) == pytest.approx(2000.0)
    assert calibration.residual_per_cm is None


def test_an_inverted_picture_is_recognised_from_its_references():
    calibration = calibrate([Reference("air", 0.0, 200.0), Reference("peek", 0.89, 100.0)])
    assert calibration.is_inverted
    assert calibration.mu_per_cm(np.array([100.0]))[0] == pytest.approx(0.89)


@pytest.mark.parametrize("references", [[], [Reference("air", 0.0, 5.0)], [Reference("a", 1.0, 5.0)] * 2])
def test_fewer_than_two_different_references_leave_the_scan_uncalibrated(references):
    calibration = calibrate(references)
    assert calibration.state == "uncalibrated"
    assert (calibration.slope, calibration.offset) == (1.0, 0.0)


def test_references_that_miss_the_line_are_called_inconsistent():
    good = [Reference("air", 0.0, 0.0), Reference("peek", 1.0, 1.0), Reference("electrolyte", 10.0, 10.2)]
    bad = [Reference("air", 0.0, 0.0), Reference("peek", 5.0, 1.0), Reference("electrolyte", 10.0, 10.0)]
    assert calibrate(good).state == "calibrated"
    assert calibrate(bad).state == "inconsistent"


def test_the_better_known_reference_weighs_more():
    three = [Reference("air", 0.0, 0.0, 0.01), Reference("peek", 1.0, 1.0, 0.01), Reference("se", 50.0, 60.0, 10.0)]
    assert calibrate(three).slope == pytest.approx(1.0, abs=1e-3)


def test_equal_grey_values_of_different_materials_are_refused():
    with pytest.raises(ValueError, match="all read 7"):
        calibrate([Reference("air", 0.0, 7.0), Reference("peek", 0.89, 7.0)])
    with pytest.raises(ValueError, match="references peek hold values that are not finite"):
        calibrate([Reference("air", 0.0, 7.0), Reference("peek", 0.89, float("nan"))])


def test_a_region_gives_the_median_and_its_uncertainty():
    rng = np.random.default_rng(3)
    volume = rng.normal(0.9, 0.3, (20, 30, 30))
    volume[0] = 1e6
    reference = region_reference(volume, "peek", 0.89, ((1, 20), (0, 30), (0, 30)))
    assert reference.grey == pytest.approx(0.9, abs=4 * 1.25 * 0.3 / np.sqrt(19 * 900))  # std of a median
    assert reference.std == pytest.approx(0.3 / np.sqrt(19 * 900 / 27), rel=0.05)
    with pytest.raises(ValueError, match="does not lie within the volume"):
        region_reference(volume, "peek", 0.89, ((1, 21), (0, 30), (0, 30)))

import numpy as np
import pytest

from xelith.reconstruction.centre_sharpness import blur_of, sharpest

THETA = np.arange(120) * np.pi / 120


def test_the_reconstruction_is_sharpest_about_the_axis(ellipses, cell):
    sinogram = ellipses(cell(70), THETA, 180, 86.4)[None].astype(np.float32)
    centres = 86.4 + np.arange(-3, 4.0)
    blur = blur_of(sinogram, THETA, centres, reach=80)
    assert blur.shape == (1, 7)
    assert blur[0].argmin() == 3
    assert np.all(np.diff(blur[0, :4]) < 0)
    assert np.all(np.diff(blur[0, 3:]) > 0)


@pytest.mark.parametrize("start", [84.0, 86.4, 90.0])
def test_the_sharpest_centre_is_found_from_a_few_columns_off(ellipses, cell, start):
    sinogram = ellipses(cell(70), THETA, 180, 86.4)[None].astype(np.float32)
    centre, gain = sharpest(sinogram, THETA, start)
    assert abs(centre - 86.4) < 0.1  # steps of 0.2, then a parabola
    assert gain > 0.05


def test_out_of_reach_there_is_no_gain(ellipses, cell):
    sinogram = ellipses(cell(70), THETA, 180, 86.4)[None].astype(np.float32)
    centre, gain = sharpest(sinogram, THETA, 70.0)
    assert gain < 0.012 or abs(centre - 86.4) < 0.1


def test_blur_does_not_depend_on_the_scale_of_absorption(ellipses, cell):
    sinogram = ellipses(cell(70), THETA, 180, 86.4)[None].astype(np.float32)
    centres = np.array([84.0, 86.4])
    one, hundred = (blur_of(factor * sinogram, THETA, centres, reach=60) for factor in (1, 100))
    np.testing.assert_allclose(one, hundred, rtol=1e-4)  # float32 sums


def test_an_empty_image_has_no_blur():
    blur = blur_of(np.zeros((1, 120, 64), np.float32), THETA, np.array([30.0, 31.0]), reach=20)
    assert np.all(blur == 0)
    assert sharpest(np.zeros((1, 120, 64), np.float32), THETA, 31.0)[1] == 0

import numpy as np
import pytest

from xelith.arrays import to_host
from xelith.reconstruction.wavelets import analyse, daubechies, synthesise


@pytest.mark.parametrize("order", range(1, 11))
def test_filters_are_orthonormal_with_vanishing_moments(order):
    low = daubechies(order)
    assert low.size == 2 * order
    for shift in range(order):
        product = np.dot(low[2 * shift :], low[: low.size - 2 * shift])
        assert product == pytest.approx(float(shift == 0), abs=1e-7)  # multiple roots at -1 cost digits
    high = low[::-1] * (-1.0) ** np.arange(low.size)
    for moment in range(order):
        assert np.dot(high, (np.arange(low.size) / low.size) ** moment) == pytest.approx(0, abs=1e-7)


def test_the_wavelet_of_order_two_is_the_published_one():
    root = np.sqrt(3)
    published = np.array([1 + root, 3 + root, 3 - root, 1 - root]) / (4 * np.sqrt(2))
    np.testing.assert_allclose(daubechies(2), published, atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize("shape", [(2, 40, 33), (1, 7, 9), (1, 18, 48)])
def test_what_is_split_can_be_put_together(xp, order, shape):
    images = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    back = to_host(synthesise(*analyse(xp.asarray(images), order), order))
    np.testing.assert_allclose(back[:, : shape[1], : shape[2]], images, atol=3e-6)  # float32 sums of 10 products


def test_a_polynomial_below_the_order_has_no_detail():
    y, x = np.mgrid[:40, :50]
    images = (1 + 0.1 * x + 0.02 * y)[None].astype(np.float32)
    _, flat, upright, diagonal = analyse(images, 2)
    for detail in (flat, upright, diagonal):
        assert np.abs(detail[:, 3:-3, 3:-3]).max() < 1e-5  # float32; the mirrored edges are no polynomial


def test_stripes_along_y_are_upright_detail():
    stripes = np.broadcast_to((-1.0) ** np.arange(32), (1, 24, 32)).astype(np.float32)
    smooth, flat, upright, diagonal = (np.abs(part).max() for part in np.array(analyse(stripes, 2))[..., 2:-2])
    assert upright > 1
    assert max(smooth, flat, diagonal) < 1e-5


@pytest.mark.parametrize("order", [0, 11])
def test_an_order_without_a_filter_is_refused(order):
    with pytest.raises(ValueError, match=f"order is {order}; it must be 1 to 10"):
        daubechies(order)

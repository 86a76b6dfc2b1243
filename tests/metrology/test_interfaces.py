import numpy as np
import pytest

from xelith.materials import Phase
from xelith.metrology.interfaces import Interfaces, find_interfaces
from xelith.metrology.stack import Stack

C, LI, SE = (int(Phase[n]) for n in ("COLLECTOR", "LITHIUM", "ELECTROLYTE"))


def cell():
    labels = np.full((40, 12, 12), SE, np.uint8)
    labels[:3] = C
    labels[3:8] = LI
    labels[-2:] = C
    return labels


@pytest.mark.parametrize("anode", ["low", "high"])
def test_fitted_and_given_faces_agree(anode):
    labels = cell() if anode == "low" else cell()[::-1]
    near, far = (7.5, 37.5) if anode == "low" else (31.5, 1.5)
    stack = Stack(labels, 1.0, anode=anode)
    fitted = find_interfaces(stack)
    given = find_interfaces(stack, interface_px=near, counter_px=np.full((12, 12), far))
    np.testing.assert_allclose(fitted.near_px, given.near_px, atol=1e-9)
    np.testing.assert_allclose(fitted.far_px, given.far_px, atol=1e-9)
    np.testing.assert_allclose(given.near_px, 7.5)
    assert given.lowest_px == 7.5
    assert (fitted.tolerance_px, given.tolerance_px) == pytest.approx((0, 0), abs=1e-9)


def test_only_lithium_on_the_electrode_counts():
    mask = np.zeros((12, 12), bool)
    mask[3] = True
    faces = Interfaces(np.zeros((12, 12)), np.ones((12, 12)), electrode=mask)
    plane = np.full((12, 12), LI, np.uint8)
    np.testing.assert_array_equal(faces.lithium(plane), mask)
    assert Interfaces(np.zeros((12, 12)), np.ones((12, 12))).lithium(plane).all()


def test_impossible_faces_are_refused():
    with pytest.raises(ValueError, match="no electrolyte; depth is counted from its surface"):
        find_interfaces(Stack(np.full((4, 4, 4), LI, np.uint8), 1.0))
    with pytest.raises(ValueError, match="ends before it begins"):
        find_interfaces(Stack(cell(), 1.0), interface_px=30, counter_px=20)

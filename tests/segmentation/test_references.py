import numpy as np
import pytest

from xelith.materials import Phase
from xelith.segmentation import ExpectedMu
from xelith.segmentation.bore import Bore
from xelith.segmentation.references import deep_rows, find_references, mean_plane
from xelith.segmentation.surfaces import Surface

BORE = Bore(50.0, 50.0, 25.0, outer_radius_px=43.0)
ELECTROLYTE = Surface(9.5, 0.01, "low", 2, 0.9, 0.1, settled=3)
EXPECTED = {
    Phase.VOID: ExpectedMu(1.4, 1.3, 1.5, "xenon 6 atm"),
    Phase.CASING: ExpectedMu(0.9, 0.88, 0.95, "peek"),
    Phase.ELECTROLYTE: ExpectedMu(44.0, 40.0, 55.0, "electrolyte"),
}


def volume(*, casing=0.9, gap=1.4, around=1.4, electrolyte=43.0, noise=0.3):
    """Light rows and electrolyte in a tube in a tube."""
    rng = np.random.default_rng(6)
    y, x = np.mgrid[:101, :101]
    radius = np.hypot(y - 50, x - 50)
    plane = np.select([radius <= 25, radius <= 32, radius <= 36, radius <= 43], [0.1, casing, gap, casing], around)
    stack = np.repeat(plane[None], 30, axis=0)
    stack[:10, radius <= 25] = electrolyte
    return stack + rng.normal(0, noise, stack.shape)


@pytest.mark.parametrize(("around", "phase"), [(1.4, Phase.VOID), (0.0, Phase.OUTSIDE)])
def test_casing_surroundings_and_electrolyte_read_what_they_are(around, phase):
    scans = {"xenon": volume(around=around)}
    found = find_references(scans, {"xenon": EXPECTED}, np.arange(12, 30), ELECTROLYTE, BORE)["xenon"]
    assert set(found) == {Phase.CASING, Phase.ELECTROLYTE, phase}
    # the mean of 18 rows and some hundred voxels of noise 0.3
    assert found[Phase.CASING].grey == pytest.approx(0.9, abs=0.02)
    assert found[phase].grey == pytest.approx(around, abs=0.02)
    assert found[Phase.ELECTROLYTE].grey == pytest.approx(43.0, abs=0.05)
    assert found[Phase.ELECTROLYTE].std > 10 * found[Phase.CASING].std


def test_a_counter_electrode_that_fills_most_deep_rows_is_not_taken_for_the_electrolyte():
    scan = volume()
    inside = np.hypot(*(axis - 50 for axis in np.mgrid[:101, :101])) <= 25
    scan[:5, inside] += 65.0
    found = find_references({"xenon": scan}, {"xenon": EXPECTED}, np.arange(12, 30), ELECTROLYTE, BORE)["xenon"]
    assert found[Phase.ELECTROLYTE].grey == pytest.approx(43.0, abs=0.05)
    # where all rows read more than can be, nothing says which of them are the electrolyte's
    scan[:10, inside] = 100.0
    found = find_references({"xenon": scan}, {"xenon": EXPECTED}, np.arange(12, 30), ELECTROLYTE, BORE)["xenon"]
    assert found[Phase.ELECTROLYTE].grey == pytest.approx(100.0, abs=0.05)


def test_without_surroundings_or_electrolyte_in_view_the_casing_is_left():
    bore = Bore(50.0, 50.0, 25.0)
    found = find_references({"xenon": volume(gap=0.9, around=0.9)}, {"xenon": EXPECTED}, np.arange(12, 30), None, bore)
    assert set(found["xenon"]) == {Phase.CASING}


@pytest.mark.parametrize(("wrong", "name"), [({"casing": 90.0}, "peek"), ({"electrolyte": 0.4}, "electrolyte")])
def test_what_no_volume_in_per_cm_would_read_is_refused(wrong, name):
    with pytest.raises(ValueError, match=f"{name} reads .* check the unit"):
        find_references({"xenon": volume(**wrong)}, {"xenon": EXPECTED}, np.arange(12, 30), ELECTROLYTE, BORE)


def test_deep_rows_lie_beyond_the_surface_or_are_the_deepest():
    np.testing.assert_array_equal(deep_rows(ELECTROLYTE, 30), np.arange(7))
    shallow = Surface(1.4, 0.01, "low", 2, 0.9, 0.1, settled=3)
    assert deep_rows(shallow, 30)[0] == 0
    assert deep_rows(shallow, 30).size >= 1


def test_the_mean_of_many_slices_is_taken_of_some():
    stack = np.arange(100.0)[:, None, None] * np.ones((1, 2, 3))
    np.testing.assert_allclose(mean_plane(stack, np.arange(100)), 49.5, atol=0.5)
    np.testing.assert_allclose(mean_plane(stack, np.array([3, 5])), 4.0)

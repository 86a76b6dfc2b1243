import numpy as np

from xelith.segmentation.bore import Bore
from xelith.segmentation.place import WALL_VOXELS, place_slab
from xelith.segmentation.surfaces import Surface

BORE = Bore(10.0, 10.0, 8.0)
COLLECTOR = Surface(20.3, 0.01, "high", 3, 0.9, 0.0)
ELECTROLYTE = Surface(5.2, 0.01, "low", 2, 0.9, 0.1, settled=4)


def test_regions_follow_the_surfaces_wherever_the_slab_starts(xp):
    whole = place_slab((25, 21, 21), 0, bore=BORE, collector=COLLECTOR, electrolyte=ELECTROLYTE, xp=xp)
    part = place_slab((9, 21, 21), 12, bore=BORE, collector=COLLECTOR, electrolyte=ELECTROLYTE, xp=xp)
    for name in ("rows", "in_collector", "in_electrolyte", "clean", "beside_electrolyte", "deep_electrolyte"):
        assert bool((getattr(whole, name)[12:21] == getattr(part, name)).all()), name
    clean = np.flatnonzero([bool(row) for row in whole.clean[:, 0, 0]])
    assert (clean[0], clean[-1]) == (0, 16)
    assert int(whole.beside_electrolyte.sum()) == 8
    assert int(whole.deep_electrolyte.sum()) == 2


def test_the_rim_of_the_bore_is_not_its_own(xp):
    place = place_slab((3, 21, 21), 0, bore=BORE, collector=None, electrolyte=None, xp=xp)
    y, x = np.mgrid[:21, :21]
    radius = np.hypot(y - 10, x - 10)
    assert int(place.bore.sum()) == (radius <= 8).sum()
    assert int(place.mask.sum()) == 3 * (radius <= 8 - WALL_VOXELS).sum()


def test_without_layers_every_row_is_light_and_clean(xp):
    place = place_slab((3, 21, 21), 0, bore=BORE, collector=None, electrolyte=None, xp=xp)
    assert bool(place.clean.all())
    assert not bool(place.beside_electrolyte.any())
    assert not bool(place.deep_electrolyte.any())

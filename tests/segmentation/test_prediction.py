"""Labels by the network: the same however the volume is cut, refused where the input cannot be right."""

import numpy as np
import pytest

from xelith.arrays import Block
from xelith.materials import Phase
from xelith.segmentation import prediction
from xelith.segmentation.prediction import Prediction, Predictor, check_grids, check_units, predict, slab_rows
from xelith.segmentation.unet import Reference, build_network, weights_of

torch = pytest.importorskip("torch")
pytest.importorskip("monai")
REFERENCES = {"argon": Reference(1.15, 60.0), "xenon": Reference(1.27, 60.0)}


@pytest.fixture(scope="module")
def weights():
    torch.manual_seed(1)
    return weights_of(build_network(2, (8, 12, 16, 24)), ["argon", "xenon"], temperature=1.5)


@pytest.fixture(scope="module")
def volumes():
    rng = np.random.default_rng(3)
    base = np.repeat(np.repeat(np.repeat(rng.choice([0.1, 1.2, 60.0], (8, 7, 8)), 8, 0), 8, 1), 8, 2)[:, :52, :]
    return {scan: (base + rng.normal(0, 0.3, base.shape)).astype(np.float32) for scan in REFERENCES}


def test_tiles_and_slabs_give_what_the_whole_volume_gives(weights, volumes, monkeypatch):
    whole = Predictor(weights, REFERENCES, half_precision=False).tile(list(volumes.values()))
    monkeypatch.setattr(prediction, "TILE_EDGE", 40)
    monkeypatch.setattr(prediction, "SLAB_ROWS", 32)
    monkeypatch.setattr(Predictor.__init__, "__kwdefaults__", {"half_precision": False})
    cut = predict(volumes, REFERENCES, weights=weights)
    # an untrained network looks at all it can see; beyond the halo that is little
    assert (cut.labels == whole[0]).mean() > 0.995
    assert np.abs(cut.confidence - whole[1]).mean() < 2e-3
    assert cut.confidence.min() > 1 / 7 - 1e-6 and cut.confidence.max() <= 1


def test_half_precision_gives_nearly_the_same_labels(weights, volumes):
    full = Predictor(weights, REFERENCES, half_precision=False).tile(list(volumes.values()))[0]
    half = Predictor(weights, REFERENCES).tile(list(volumes.values()))[0]
    assert (full == half).mean() > 0.9  # bfloat16 keeps 8 bits; an untrained network is nowhere sure


def test_a_slab_reads_no_more_than_its_halo(weights, volumes):
    class Counted:
        shape = volumes["argon"].shape

        def __init__(self, array):
            self.array, self.rows = array, []

        def __getitem__(self, key):
            self.rows.append((key[0].start, key[0].stop))
            return self.array[key]

    seen = {scan: Counted(array) for scan, array in volumes.items()}
    labels, confidence = Predictor(weights, REFERENCES).slab(seen, Block(1, 32, 40))
    assert labels.shape == confidence.shape == (8, 52, 64)
    assert seen["xenon"].rows == [(16, 56)]


def test_a_slab_in_bands_is_read_once_and_says_the_same(weights, volumes, monkeypatch):
    class Counted:
        shape = volumes["argon"].shape

        def __init__(self, array):
            self.array, self.voxels = array, 0

        def __getitem__(self, key):
            part = self.array[key]
            self.voxels += part.size
            return part

    predictor, rows = Predictor(weights, REFERENCES, half_precision=False), Block(0, 0, 32)
    monkeypatch.setattr(prediction, "TILE_EDGE", 16)
    whole = {scan: Counted(array) for scan, array in volumes.items()}
    at_once = predictor.slab(whole, rows)
    assert whole["argon"].voxels == 48 * 52 * 64  # 12 tiles overlap, and are cut out of one reading
    monkeypatch.setattr(prediction, "BAND_BYTES", 2 * 48 * 2 * 64 * 48)
    monkeypatch.setattr(prediction, "READ_VOXELS", 3 * 52 * 64)
    banded = predictor.slab(volumes, rows)
    assert np.array_equal(at_once[0], banded[0]) and np.array_equal(at_once[1], banded[1])


def test_voxels_that_are_not_known_spoil_only_their_surroundings(weights, volumes):
    holed = [array.copy() for array in volumes.values()]
    holed[0][2, 3, 4] = np.nan
    confidence = Predictor(weights, REFERENCES).tile(holed)[1]
    assert np.isfinite(confidence).all()


def test_the_larger_the_slices_the_fewer_rows_at_once():
    assert slab_rows(64, 64) == 128 and slab_rows(100_000, 100_000) == 8
    assert slab_rows(2048, 2048) % 8 == 0 and 3 * slab_rows(2048, 2048) * 2048**2 <= 400_000_000


def test_results_can_be_written_where_the_user_says(weights, volumes):
    out = Prediction(np.zeros(volumes["argon"].shape, np.uint8), np.zeros(volumes["argon"].shape, np.float32))
    told = []
    assert predict(volumes, REFERENCES, weights=weights, out=out, advance=lambda *a: told.append(a)) is out
    assert out.confidence.min() > 0 and told[-1] == (64, 64)
    assert set(np.unique(out.labels)) <= set(map(int, Phase))


def test_grids_and_voxels_that_differ_are_refused():
    a, b = np.zeros((8, 8, 8), np.float32), np.zeros((8, 8, 9), np.float32)
    with pytest.raises(ValueError, match="registered to one grid"):
        check_grids({"argon": a, "xenon": b})
    with pytest.raises(ValueError, match="register the volumes to one grid first"):
        check_grids({"argon": a, "xenon": a}, {"argon": 1.0, "xenon": 1.08})
    check_grids({"argon": a, "xenon": a}, {"argon": 1.0, "xenon": 1.0})
    with pytest.raises(ValueError, match="give at least one voxel along each axis"):
        check_grids({"xenon": a[:0]})


@pytest.mark.parametrize("factor", [1e-4, 0.1, 10.0, 1000.0])
def test_volumes_that_are_not_in_per_cm_are_refused(volumes, factor):
    check_units(volumes, REFERENCES)
    wrong = {scan: array * np.float32(factor) for scan, array in volumes.items()}
    with pytest.raises(ValueError, match="check that the volume is µ in cm"):
        check_units(wrong, REFERENCES)


def test_weights_for_other_scans_and_missing_references_are_refused(weights, volumes):
    with pytest.raises(ValueError, match="the weights are for argon and xenon, the volumes are xenon"):
        Predictor(weights, {"xenon": REFERENCES["xenon"]})
    with pytest.raises(ValueError, match="reference levels of xenon are missing"):
        check_units({"xenon": volumes["xenon"]}, {})

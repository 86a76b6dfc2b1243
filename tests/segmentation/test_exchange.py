import numpy as np
import pytest

from xelith.materials import Phase
from xelith.segmentation import CellLayout, ExpectedMu, prepare
from xelith.segmentation.exchange import check_gases
from xelith.segmentation.levels import Sample

GAS = {"argon": 0.02, "xenon": 1.44}
EXPECTED = {scan: {Phase.VOID: ExpectedMu(mu, mu, mu, scan)} for scan, mu in GAS.items()}


def sample(*, share, scans=("argon", "xenon"), seed=0, noise=0.5):
    """Lithium with a cube of gas that fills a share of the voxels, in noise."""
    rng = np.random.default_rng(seed)
    shape = (30, 40, 40)
    side = round((share * 30 * 40 * 40) ** (1 / 3))
    inside = np.zeros(shape, dtype=bool)
    inside[5 : 5 + side, 5 : 5 + side, 5 : 5 + side] = True
    read = {s: np.where(inside, mu, 0.1) + noise * rng.standard_normal(shape) for s, mu in GAS.items()}
    return Sample(
        {s: read[of].astype(np.float32) for s, of in zip(GAS, scans, strict=True)}, np.ones(shape, dtype=bool)
    )


def test_voids_brighter_in_argon_are_refused():
    with pytest.raises(
        ValueError, match=r"voxels .* above the xenon scan in the argon scan, .*: exchange the paths of the two scans"
    ):
        check_gases(sample(share=0.03, scans=("xenon", "argon")), EXPECTED)


@pytest.mark.parametrize("share", [0.03, 0.0])
def test_voids_brighter_in_xenon_or_none_are_let_through(share):
    check_gases(sample(share=share), EXPECTED)


def test_without_voids_nothing_tells_the_scans_apart():
    check_gases(sample(share=0.0, scans=("xenon", "argon")), EXPECTED)


def test_one_scan_alone_is_not_judged():
    pair = sample(share=0.03, scans=("xenon", "argon"))
    check_gases(Sample({"argon": pair.volumes["argon"]}, pair.mask), EXPECTED)


def test_an_exchanged_pair_is_not_prepared(small_cell):
    cell = small_cell(seed=1, voids=20, noise=0.3)
    exchanged = {"argon": cell.volumes["xenon"], "xenon": cell.volumes["argon"]}
    options = {"voxel_um": 2.0, "expected": cell.expected, "transmission": cell.transmission}
    prepare(cell.volumes, CellLayout(inner_diameter_um=92.0), **options)
    with pytest.raises(ValueError, match="exchange the paths of the two scans, or mend their gas"):
        prepare(exchanged, CellLayout(inner_diameter_um=92.0), **options)

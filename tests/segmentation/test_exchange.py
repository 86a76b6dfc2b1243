import numpy as np
import pytest

from xelith.materials import Phase
from xelith.segmentation import CellLayout, ExpectedMu, prepare
from xelith.segmentation.exchange import check_gases, gas_doubt
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


def test_in_much_noise_a_wider_gaussian_tells_that_scans_were_exchanged():
    noisy = sample(share=0.03, scans=("xenon", "argon"), noise=2.5)
    check_gases(noisy, EXPECTED)  # noise fills both tails alike
    with pytest.raises(ValueError, match="exchange the paths of the two scans"):
        check_gases(noisy, EXPECTED, sigma_px=2.0)


@pytest.mark.parametrize(("times", "is_told"), [(1.0, False), (2.3, True), (6.0, True), (0.5, False)])
def test_a_pressure_far_above_the_true_one_is_told(times, is_told):
    """Voids of 27 000 voxels; the configuration says so many times the contrast."""
    seen = sample(share=0.1)
    said = {"argon": GAS["argon"], "xenon": GAS["argon"] + times * (GAS["xenon"] - GAS["argon"])}
    expected = {scan: {Phase.VOID: ExpectedMu(mu, mu, mu, scan)} for scan, mu in said.items()}
    doubt = gas_doubt(seen, expected)
    assert (doubt is not None) == is_told
    assert doubt is None or f"voids differ by 1.4 cm^-1 between the gases where {1.42 * times:.2g} are" in doubt


def test_pores_of_carbon_are_no_thin_gas():
    """Gas fills a third of each voxel of carbon: a third of the contrast is no other pressure there."""
    rng = np.random.default_rng(2)
    shape = (30, 40, 40)
    read = {scan: np.full(shape, 0.1) for scan in GAS}
    for scan, mu in GAS.items():
        read[scan][10:] = 0.67 * 1.15 + 0.33 * mu
        read[scan] += 0.1 * rng.standard_normal(shape)
    seen = Sample({s: v.astype(np.float32) for s, v in read.items()}, np.ones(shape, dtype=bool))
    expected = {scan: {**EXPECTED[scan], Phase.CARBON: ExpectedMu(1.15, 1.15, 1.15, "carbon")} for scan in GAS}
    assert gas_doubt(seen, expected) is None
    assert gas_doubt(seen, EXPECTED) is not None  # without carbon in the cell it would be


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

import numpy as np
import pytest
from scipy import ndimage

from xelith.materials import Phase
from xelith.segmentation.levels import Sample, _means, measure_levels

PHASES = (Phase.LITHIUM, Phase.CARBON, Phase.VOID)
TRUE = {
    "argon": {Phase.LITHIUM: 0.11, Phase.CARBON: 1.15, Phase.VOID: 0.02},
    "xenon": {Phase.LITHIUM: 0.11, Phase.CARBON: 1.15, Phase.VOID: 1.27},
}


def sample(noise, *, void=True, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.zeros((30, 40, 40), dtype=int)
    labels[15:] = 1
    if void:
        labels[3:13, 10:20, 10:20] = 2
    volumes = {
        scan: (np.array([levels[p] for p in PHASES])[labels] + rng.normal(0, noise, labels.shape)).astype(np.float32)
        for scan, levels in TRUE.items()
    }
    return Sample(volumes, np.ones(labels.shape, dtype=bool))


@pytest.mark.parametrize("scale", [0.75, 1.0, 1.3])
def test_levels_are_found_from_a_start_that_is_off_by_a_quarter(scale):
    start = {scan: {p: scale * mu for p, mu in levels.items()} for scan, levels in TRUE.items()}
    found = measure_levels([sample(0.5)], start, PHASES)
    for scan, levels in TRUE.items():
        for phase, mu in levels.items():
            # 4 standard errors of the mean of the voxels that were counted
            assert found.levels[scan][phase] == pytest.approx(mu, abs=4 * 0.5 / found.counts[phase] ** 0.5 + 2e-3)
        assert found.noise_per_cm[scan] == pytest.approx(0.5, rel=0.03)


def test_more_noise_asks_for_a_wider_gaussian():
    widths = [measure_levels([sample(noise)], TRUE, PHASES).smoothing_px for noise in (0.1, 0.8, 1.6)]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


def test_noise_far_above_the_contrast_does_not_pull_levels_apart():
    """Lithium alone in both gases, three and a half times noisier than it differs from gas."""
    phases, noise = (Phase.LITHIUM, Phase.VOID), 2.0
    start = {"argon": {Phase.LITHIUM: 0.096, Phase.VOID: 0.011}, "xenon": {Phase.LITHIUM: 0.096, Phase.VOID: 0.68}}
    rng = np.random.default_rng(5)
    mask = np.ones((20, 90, 90), dtype=bool)
    volumes = {scan: (0.1 + rng.normal(0, noise, mask.shape)).astype(np.float32) for scan in start}
    found = measure_levels([Sample(volumes, mask)], start, phases)
    for scan in start:
        # 4 standard errors, and 0.03 for the choice of voxels by the smoothed noise
        assert found.levels[scan][Phase.LITHIUM] == pytest.approx(
            0.1, abs=4 * noise / found.counts[Phase.LITHIUM] ** 0.5 + 0.03
        )
    assert found.levels["xenon"][Phase.VOID] == pytest.approx(0.68, abs=0.01)  # none is seen


def test_a_phase_that_is_absent_moves_with_those_that_are_seen():
    start = {scan: {p: 0.8 * mu for p, mu in levels.items()} for scan, levels in TRUE.items()}
    found = measure_levels([sample(0.3, void=False)], start, PHASES)
    assert found.counts[Phase.VOID] < 200
    assert found.levels["xenon"][Phase.VOID] == pytest.approx(1.27, rel=0.02)


def test_smoothing_counts_only_what_lies_in_the_mask():
    base = sample(0.3)
    mask = np.zeros_like(base.mask)
    mask[:, 5:35, 5:35] = True
    dirty = {scan: np.where(mask, v, 1e6).astype(np.float32) for scan, v in base.volumes.items()}
    found = measure_levels([Sample(dirty, mask)], TRUE, PHASES)
    assert found.levels["xenon"][Phase.CARBON] == pytest.approx(1.15, abs=0.01)
    assert ndimage.binary_erosion(mask).sum() > found.counts[Phase.CARBON] > 0


def test_lithium_that_reads_like_carbon_keeps_the_expected_level():
    """Labels as noise leaves them where 5 µm of lithium lie beside a layer of carbon: next to none is lithium."""
    labels = np.ones((30, 30, 30), dtype=np.intp)
    labels[:12] = 0
    argon, xenon = (np.full(labels.shape, mu, np.float32) for mu in (0.84, 1.18))
    sample = Sample({"argon": argon, "xenon": xenon}, np.ones(labels.shape, dtype=bool))
    start = np.array([[0.106, 1.147, 0.021], [0.106, 1.147, 1.266]])  # lithium, carbon, void
    found, counts, _ = _means([sample], [labels], [sample.mask], start)
    assert counts[0] > 200
    np.testing.assert_allclose(found[:, 1], [0.84, 1.18], rtol=1e-5)
    np.testing.assert_allclose(found[:, 0], 0.106 * np.array([0.84, 1.18]) / 1.147, rtol=1e-5)  # moved with carbon
    with_lithium = np.where(labels == 0, 0.15, 1.18).astype(np.float32)
    sample = Sample({"argon": with_lithium, "xenon": with_lithium}, sample.mask)
    np.testing.assert_allclose(_means([sample], [labels], [sample.mask], start)[0][:, 0], 0.15, rtol=1e-5)

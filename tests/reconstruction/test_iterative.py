import numpy as np
import pytest

from xelith.reconstruction.fbp import fbp
from xelith.reconstruction.iterative import divergence, gradient, sirt, total_variation
from xelith.reconstruction.projectors import forward
from xelith.scans.geometry import ConeBeam, ParallelBeam

BEAM = ParallelBeam(13.0, 23.5)


def cell(n=48):
    """Discs of 15 cm^-1 in a view of 0.62 mm: one bright, one dark inside."""
    y, x = np.indices((n, n)) - (n - 1) / 2
    discs = 1.0 * (np.hypot(x, y) < 20) + (np.hypot(x - 5, y + 4) < 5) - 0.9 * (np.hypot(x + 8, y) < 5)
    return (15 * discs[None]).astype(np.float32)


def starved(volume, theta, photons, seed=0):
    """Line integrals of counted photons, and the counts."""
    clean = forward(volume, theta, BEAM)
    counts = np.random.default_rng(seed).poisson(photons * np.exp(-clean))
    return -np.log(np.maximum(counts, 0.5) / photons).astype(np.float32), counts.astype(np.float32)


def rms(found, truth):
    """Root mean square difference inside the view."""
    y, x = np.indices(truth.shape[1:]) - (truth.shape[1] - 1) / 2
    return float(np.sqrt(((found - truth)[:, np.hypot(x, y) < 23] ** 2).mean()))


def siddon(theta, n):
    """Lengths of the rays through the middle of each pixel, by fine sampling: (n_theta x n, n x n)."""
    matrix = np.zeros((len(theta) * n, n * n))
    t = np.arange(-40, 40, 0.01) + 0.005
    for k, angle in enumerate(theta):
        for d in range(n):
            s = d - (n - 1) / 2
            i = np.floor(s * np.cos(angle) - t * np.sin(angle) + n / 2).astype(int)
            j = np.floor(s * np.sin(angle) + t * np.cos(angle) + n / 2).astype(int)
            inside = (i >= 0) & (i < n) & (j >= 0) & (j < n)
            matrix[k * n + d] = np.bincount(j[inside] * n + i[inside], minlength=n * n) * 0.01
    return matrix


@pytest.mark.data
def test_stored_sirt_of_tomopy_is_met_or_explained(data_dir):
    """TomoPy's four steps use thin rays, and divide each by its sum of squared lengths, not of lengths."""
    folder = data_dir / "reference/tomopy"
    projections, theta = np.load(folder / "proj.npy"), np.load(folder / "angle.npy")
    stored, n = np.load(folder / "sirt.npy"), 48
    matrix, data = siddon(theta, n), projections[:, 0].ravel().astype(np.float64)
    image = np.full(n * n, 1e-6)
    squares, columns = (matrix**2).sum(1), matrix.sum(0)
    for _ in range(4):
        steps = np.divide(data - matrix @ image, squares, out=np.zeros_like(data), where=squares > 0)
        image += matrix.T @ steps / columns
    difference = image.reshape(n, n) - stored[0]
    assert np.sqrt((difference**2).mean() / (stored[0] ** 2).mean()) < 0.01  # the published tolerance: explained
    ours = sirt(projections, theta, ParallelBeam(1e4, 23.5), iterations=4)
    assert np.sqrt(((ours - stored) ** 2).mean() / (stored**2).mean()) < 0.05  # strips, sums of lengths
    truth = np.pad(np.load(folder / "obj.npy"), [(0, 0), (8, 8), (8, 8)])
    more = sirt(projections, theta, ParallelBeam(1e4, 23.5), iterations=50)
    assert np.sqrt(((more - truth) ** 2).mean()) < 0.4 * np.sqrt(((stored - truth) ** 2).mean())
    sparse = total_variation(projections, theta, ParallelBeam(1e4, 23.5), strength_cm=1.0, iterations=120)
    assert np.sqrt(((sparse - truth) ** 2).mean()) < 0.1 * np.sqrt(((stored - truth) ** 2).mean())


def test_sirt_lowers_the_residual_step_by_step():
    theta = np.arange(20) * np.pi / 20
    projections, _ = starved(cell(), theta, 1e5)
    volume, residuals = None, []
    for _ in range(4):
        volume = sirt(projections, theta, BEAM, iterations=3, start=volume)
        residuals.append(float(((forward(volume, theta, BEAM) - projections) ** 2).sum()))
    assert residuals == sorted(residuals, reverse=True)
    assert residuals[-1] < 0.2 * residuals[0]


def test_sirt_goes_on_from_where_it_stopped():
    theta = np.arange(6) * np.pi / 6
    projections, _ = starved(cell(), theta, 1e5)
    half = sirt(projections, theta, BEAM, iterations=4)
    kept = half.copy()
    np.testing.assert_array_equal(
        sirt(projections, theta, BEAM, iterations=4, start=half), sirt(projections, theta, BEAM, iterations=8)
    )
    np.testing.assert_array_equal(half, kept)


def test_sirt_finds_the_volume_in_cone_beam():
    beam, theta = ConeBeam(200.0, 60.0, 120.0, 15.5, 5.5), np.arange(24) * 2 * np.pi / 24
    z, y, x = np.indices((12, 32, 32)) - np.array([5.5, 15.5, 15.5])[:, None, None, None]
    truth = (np.sqrt(x**2 + y**2 + (2 * z) ** 2) < 8).astype(np.float32)
    found = sirt(forward(truth, theta, beam), theta, beam, iterations=40)
    core = np.sqrt(x**2 + y**2 + (2 * z) ** 2) < 5
    assert found[core].mean() == pytest.approx(1, abs=0.02)
    assert found.sum() == pytest.approx(truth.sum(), rel=0.02)


def test_total_variation_beats_the_others_on_few_and_starved_views():
    truth, theta = cell(), np.arange(30) * np.pi / 30
    projections, counts = starved(truth, theta, 2000)
    direct = fbp(projections.transpose(1, 0, 2), theta, centre_px=23.5, voxel_um=13.0)
    steps = sirt(projections, theta, BEAM, iterations=30)
    flat = total_variation(projections, theta, BEAM, strength_cm=0.3, iterations=120, weights=counts)
    assert rms(flat, truth) < 0.7 * rms(steps, truth)
    assert rms(steps, truth) < 0.8 * rms(direct, truth)


def objective(volume, projections, theta, strength):
    """What total_variation makes small."""
    misfit = ((forward(volume, theta, BEAM) - projections).astype(np.float64) ** 2).sum() / 2
    return misfit + strength * np.sqrt((gradient(volume).astype(np.float64) ** 2).sum(0)).sum()


def test_total_variation_is_at_its_minimum():
    truth, theta = cell(), np.arange(12) * np.pi / 12
    projections, _ = starved(truth, theta, 2e4)
    found = total_variation(projections, theta, BEAM, strength_cm=1e-3, iterations=250)
    least = objective(found, projections, theta, 1e-3)
    rng = np.random.default_rng(0)
    for change in (truth - found, -found, found, rng.standard_normal(found.shape).astype(np.float32)):
        assert objective(found + 0.1 * change, projections, theta, 1e-3) > least
    longer = total_variation(projections, theta, BEAM, strength_cm=1e-3, iterations=500)
    assert least == pytest.approx(objective(longer, projections, theta, 1e-3), rel=2e-3)


def test_total_variation_without_strength_fits_the_data():
    truth, theta = cell(), np.arange(6) * np.pi / 6
    clean = forward(truth, theta, BEAM)
    found = total_variation(clean, theta, BEAM, strength_cm=0.0, iterations=100)
    assert abs(forward(found, theta, BEAM) - clean).max() < 0.01 * clean.max()


def test_units_do_not_matter_to_total_variation():
    """Pixels ten times as wide and a tenth of µ: the same line integrals, the same picture."""
    truth, theta = cell(), np.arange(12) * np.pi / 12
    projections, _ = starved(truth, theta, 2e4)
    first = total_variation(projections, theta, BEAM, strength_cm=1e-3, iterations=20)
    second = total_variation(projections, theta, ParallelBeam(130.0, 23.5), strength_cm=1e-2, iterations=20)
    np.testing.assert_allclose(10 * second, first, atol=1e-3 * first.max())  # float32, twenty steps


def test_weightless_rays_are_ignored():
    truth, theta = cell(), np.arange(12) * np.pi / 12
    clean = forward(truth, theta, BEAM)
    spoilt, weights = clean.copy(), np.ones_like(clean)
    spoilt[3], weights[3] = 50, 0
    first = total_variation(spoilt, theta, BEAM, strength_cm=1e-3, iterations=40, weights=weights)
    second = total_variation(np.delete(clean, 3, 0), np.delete(theta, 3), BEAM, strength_cm=1e-3, iterations=40)
    np.testing.assert_allclose(first, second, atol=1e-3 * truth.max())


def test_divergence_is_minus_the_transpose_of_the_gradient(xp):
    rng = np.random.default_rng(0)
    volume, flow = xp.asarray(rng.standard_normal((3, 4, 5))), xp.asarray(rng.standard_normal((3, 3, 4, 5)))
    assert float((gradient(volume) * flow).sum()) == pytest.approx(-float((volume * divergence(flow)).sum()))
    ramp = xp.broadcast_to(xp.arange(5.0), (3, 4, 5))
    assert float(gradient(ramp).sum()) == 48


@pytest.mark.parametrize("method", [sirt, total_variation])
def test_no_steps_are_refused(method):
    extra = {"strength_cm": 1.0} if method is total_variation else {}
    with pytest.raises(ValueError, match="iterations is 0; give at least 1"):
        method(np.ones((2, 3, 4)), [0.0, 1.0], BEAM, iterations=0, **extra)


def test_start_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"start has shape \(1, 2, 3\) and the volume \(3, 4, 4\)"):
        sirt(np.ones((2, 3, 4)), [0.0, 1.0], BEAM, start=np.ones((1, 2, 3)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strength_cm": -1.0}, "strength_cm is -1.0"),
        ({"strength_cm": np.inf}, "strength_cm is inf"),
        ({"weights": np.ones((2, 3, 5))}, "weights have shape"),
        ({"weights": np.full((2, 3, 4), np.nan)}, "weights are negative or NaN"),
    ],
)
def test_total_variation_refuses_what_does_not_fit(change, message):
    with pytest.raises(ValueError, match=message):
        total_variation(np.ones((2, 3, 4)), [0.0, 1.0], BEAM, **({"strength_cm": 1.0} | change))

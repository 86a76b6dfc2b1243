import math

import numpy as np
import pytest

from xelith.arrays import to_host
from xelith.materials.attenuation import material
from xelith.reconstruction.phase import HC_KEV_UM, delta_beta, retrieve_phase

SETUP = {"pixel_um": 1.0, "distance_mm": 3.0, "energy_kev": 17.48, "delta_beta": 300.0}


def decay_length_um(distance_mm=3.0, energy_kev=17.48, delta_beta=300.0, **_):
    return math.sqrt(distance_mm * 1e3 * HC_KEV_UM / energy_kev * delta_beta / (4 * math.pi))


def test_a_level_is_kept(xp):
    frames = xp.full((2, 20, 30), 0.37, dtype=xp.float32)
    result = retrieve_phase(frames, **SETUP)
    assert result.dtype == xp.float32
    np.testing.assert_allclose(to_host(result), 0.37, rtol=1e-5)  # float32 transforms


@pytest.mark.parametrize("period", [16, 40, 80])
def test_a_wave_is_damped_as_the_formula_says(period):
    x = np.arange(480)
    frames = np.broadcast_to(1 + 0.1 * np.cos(2 * np.pi * x / period), (1, 24, 480))
    result = retrieve_phase(frames, **SETUP)[0, 12] - 1
    expected = 0.1 / (1 + (2 * math.pi * decay_length_um() / period) ** 2)
    middle = slice(160, 320)  # the repeated edges are no wave
    np.testing.assert_allclose(result[middle], expected * np.cos(2 * np.pi * x[middle] / period), atol=2e-5)


def test_fringes_of_one_material_turn_back_into_its_thickness():
    y, x = np.mgrid[:160, :160] - 79.5
    width, attenuation = 14.0, 0.8
    bump = attenuation * np.exp(-(x**2 + y**2) / (2 * width**2))
    contact = np.exp(-bump)
    slope = (x**2 + y**2) / width**4 * bump**2
    curvature = ((x**2 + y**2) / width**4 - 2 / width**2) * bump
    laplacian = contact * (slope - curvature)
    fringes = contact - decay_length_um() ** 2 * laplacian  # transport of intensity, one material
    assert np.abs(np.log(fringes) + bump).max() > 0.03
    result = -np.log(retrieve_phase(fringes[None], **SETUP)[0])
    np.testing.assert_allclose(result, bump, atol=1e-4)  # float32, and a Gaussian sampled well


def test_magnification_shrinks_pixel_and_distance():
    frames = 1 + 0.1 * np.random.default_rng(1).normal(size=(1, 32, 48))
    cone = retrieve_phase(frames, pixel_um=4.0, distance_mm=8.0, energy_kev=20, delta_beta=300, magnification=4.0)
    parallel = retrieve_phase(frames, pixel_um=1.0, distance_mm=2.0, energy_kev=20, delta_beta=300)
    np.testing.assert_allclose(cone, parallel, rtol=1e-6)


@pytest.mark.parametrize("change", [{"distance_mm": 0.0}, {"delta_beta": 0.0}])
def test_without_propagation_or_phase_nothing_changes(change):
    frames = np.random.default_rng(2).uniform(0.1, 1, (2, 8, 9)).astype(np.float32)
    np.testing.assert_array_equal(retrieve_phase(frames, **(SETUP | change)), frames)


def test_delta_over_beta_of_a_material_follows_from_its_attenuation():
    electrolyte = material("li6ps5cl")
    energy_kev = 17.48
    ratio = delta_beta(electrolyte, energy_kev)
    beta = float(electrolyte.mu_per_cm(energy_kev)) * 1e-4 * HC_KEV_UM / energy_kev / (4 * math.pi)
    assert ratio * beta == pytest.approx(electrolyte.decrement(energy_kev), rel=1e-12)
    assert delta_beta(material("peek"), energy_kev) > ratio  # light elements have more phase for their absorption


@pytest.mark.data
def test_the_stored_result_of_tomopy_and_why_it_differs(data_dir):
    folder = data_dir / "reference" / "tomopy"
    projections, reference = (np.load(folder / f"{name}.npy") for name in ("proj", "retrieve_phase"))
    pixel_cm, distance_cm, alpha = 1e-4, 50.0, 1e-3
    wavelength_cm = HC_KEV_UM / 20 * 1e-4
    # theirs has alpha + lambda z f^2 / 4 pi with f in cycles: our delta / beta is 1 / (4 pi^2 alpha)
    ours = retrieve_phase(
        projections, pixel_um=1.0, distance_mm=500.0, energy_kev=20, delta_beta=1 / (4 * np.pi**2 * alpha)
    )
    assert np.abs(ours - reference).max() < 0.015 * reference.max()  # 1.2 %: the grid below

    def on_their_grid(n):
        pad = int(
            (2 ** math.ceil(math.log2(n + math.ceil(math.pi * wavelength_cm * distance_cm / pixel_cm**2))) - n) / 2
        )
        total = n + 2 * pad
        return pad, np.arange(-(total - 1), total, 2) * 0.5 / ((total - 1) * pixel_cm)  # no sample at zero

    (pad_y, f_y), (pad_x, f_x) = (on_their_grid(n) for n in projections.shape[1:])
    response = 1 / (wavelength_cm * distance_cm / (4 * np.pi) * (f_y[:, None] ** 2 + f_x**2) + alpha)
    padded = np.pad(projections, ((0, 0), (pad_y, pad_y), (pad_x, pad_x)), mode="edge")
    spectrum = np.fft.fft2(padded) * np.fft.fftshift(response / response.max())
    theirs = np.fft.ifft2(spectrum).real[:, pad_y : pad_y + projections.shape[1], pad_x : pad_x + projections.shape[2]]
    assert np.abs(theirs - reference).max() < 1e-6 * reference.max()  # the published tolerance


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pixel_um": 0}, "pixel_um is 0 µm; it must be positive"),
        ({"energy_kev": -1}, "energy_kev is -1 keV"),
        ({"magnification": 0.5}, "magnification is 0.5"),
        ({"distance_mm": -2}, "distance_mm is -2"),
        ({"delta_beta": -1}, "delta_beta -1; neither may be negative"),
    ],
)
def test_impossible_setups_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        retrieve_phase(np.ones((1, 4, 4)), **(SETUP | change))

"""Every correction takes GPU arrays and gives there what it gives on the host."""

import dataclasses

import numpy as np
import pytest

from xelith.arrays import is_on_gpu, to_host
from xelith.materials import MATERIALS, Gas, tube
from xelith.reconstruction import artefacts, detector_blur, dynamic_flats, flat_field, rings
from xelith.reconstruction.half_acquisition import join_half_turns
from xelith.reconstruction.hardening import linearisation, linearise
from xelith.reconstruction.iterative import sirt, total_variation
from xelith.reconstruction.phase import retrieve_phase
from xelith.reconstruction.shifts import shift_projections
from xelith.reconstruction.truncation import extend
from xelith.reconstruction.two_gas import decompose_rays, ray_model
from xelith.scans.geometry import ParallelBeam

RNG = np.random.default_rng(0)
FLAT = RNG.normal(1000, 30, (14, 30)).astype(np.float32)
DARK = RNG.normal(100, 3, (14, 30)).astype(np.float32)
FLATS = np.stack([FLAT * (1 + 0.1 * k * np.linspace(-1, 1, 30, dtype=np.float32)) for k in RNG.normal(size=6)])
COUNTS = (DARK + (FLAT - DARK) * RNG.uniform(0.1, 1, (20, 14, 30))).astype(np.float32)
LIGHT = ((COUNTS - DARK) / (FLAT - DARK)).astype(np.float32)
SPOILT = LIGHT.copy()
SPOILT[3, 4, 5], SPOILT[7, 8, 9], SPOILT[10, :, 20] = np.nan, 30.0, np.inf
RAYS = -np.log(LIGHT)
SINOGRAMS = np.ascontiguousarray(RAYS.swapaxes(0, 1)) + 0.2 * (np.arange(30) % 7 == 0)
SINOGRAMS = SINOGRAMS.astype(np.float32)
MASK = RNG.random((14, 30)) < 0.1
HALF_TURN, TURN = np.arange(20) * np.pi / 20, np.arange(20) * np.pi / 10
WHOLE = np.sqrt(np.clip(1 - np.linspace(-1.4, 1.4, 30) ** 2, 0, None)).astype(np.float32) * np.ones(
    (2, 20, 1), np.float32
)


def modelled_flats(counts, flats, dark):
    """Dynamic flats: model and fit."""
    return dynamic_flats.fitted_flats(counts, dark, dynamic_flats.flat_model(flats, dark, n_modes=1))[0]


def iterated(method, **options):
    """A few iterations in parallel beam."""
    return lambda rays: method(rays[:, :3], HALF_TURN, ParallelBeam(10.0, 14.5), iterations=3, **options)


def hardening():
    """The map of the bromine electrolyte in a Mo tube."""
    return linearisation(tube("Mo", 44, filters=[("Al", 0.2)]), MATERIALS["li5.5ps4.5br1.5"])


def two_gases():
    """The model of a pair of scans."""
    solid = MATERIALS["li5.5ps4.5br1.5"]
    return ray_model(tube("Mo", 44), solid, Gas("argon", 1.0), Gas("xenon", 6.0), longest_cm=0.1)


STEPS = {
    "dead pixels": (flat_field.dead_pixels, (FLAT, DARK)),
    "transmission": (flat_field.transmission, (COUNTS, FLAT, DARK)),
    "mean flats": (lambda flats: flat_field.mean_flats(flats, np.array([0, 0, 0, 9, 9, 9]))[0], (FLATS,)),
    "flats in time": (lambda f: flat_field.flat_at(f, np.array([0, 0, 0, 9, 9, 9]), np.arange(4, 9)), (FLATS,)),
    "air": (lambda light: flat_field.normalise_air(light, [(0, 3), (26, 30)]), (LIGHT,)),
    "floor of a count": (flat_field.transmission_floor, (FLAT, DARK)),
    "line integrals": (lambda light: flat_field.line_integrals(light, nonfinite="repair"), (SPOILT - 0.12,)),
    "bad pixels": (artefacts.bad_pixels, (np.where(MASK, 0, FLAT), DARK)),
    "dead pixels filled": (artefacts.repair_dead_pixels, (LIGHT, MASK)),
    "nonfinite": (artefacts.repair_nonfinite, (SPOILT,)),
    "zingers": (artefacts.remove_zingers, (np.nan_to_num(SPOILT, posinf=1),)),
    "dynamic flats": (modelled_flats, (COUNTS, FLATS, DARK)),
    "deblur": (lambda light: detector_blur.deblur(light, sigma_px=0.8), (LIGHT,)),
    "glare floor": (lambda light: detector_blur.subtract_floor(light, 0.01), (LIGHT,)),
    "glare floor measured": (detector_blur.measure_floor, (LIGHT * 0.01,)),
    "phase": (
        lambda light: retrieve_phase(light, pixel_um=1, distance_mm=10, energy_kev=20, delta_beta=100),
        (LIGHT,),
    ),
    "hardening": (lambda rays: linearise(rays, hardening()), (RAYS - 0.1,)),
    "two gases": (lambda argon, xenon: decompose_rays(argon, xenon, two_gases()), (RAYS, RAYS + 0.05)),
    "rings, mean": (rings.remove_mean, (SINOGRAMS,)),
    "rings, sorting": (rings.remove_sorting, (SINOGRAMS,)),
    "rings, all": (lambda s: rings.remove_all(s, size=5, large_size=9), (SINOGRAMS,)),
    "rings, wavelet": (lambda s: rings.remove_wavelet(s, levels=2), (SINOGRAMS,)),
    "truncation": (lambda s: extend(s, centre_px=14.2, outer_radius_px=22.0), (SINOGRAMS,)),
    "truncation, fitted": (lambda s: extend(s + 0.3, centre_px=14.5), (WHOLE,)),
    "shifts": (lambda p: shift_projections(p, np.full((20, 2), 0.3)), (RAYS,)),
    "half-acquisition": (lambda s: join_half_turns(s, TURN, centre_px=24.3), (SINOGRAMS,)),
    "sirt": (iterated(sirt), (RAYS,)),
    "total variation": (iterated(total_variation, strength_cm=1e-4), (RAYS,)),
}


def arrays_of(value):
    """All arrays in what a step returns."""
    if dataclasses.is_dataclass(value):
        value = tuple(getattr(value, field.name) for field in dataclasses.fields(value))
    if isinstance(value, tuple):
        return [array for part in value for array in arrays_of(part)]
    return [value]


@pytest.mark.parametrize("name", STEPS)
def test_a_step_gives_the_same_on_a_gpu(device, name):
    step, given = STEPS[name]
    there = arrays_of(step(*[device.asarray(array) for array in given]))
    here = arrays_of(step(*given))
    assert is_on_gpu(there[0]) or np.ndim(here[0]) == 0
    assert len(here) == len(there)
    for a, b in zip(here, there, strict=True):
        b = to_host(b) if is_on_gpu(b) else b
        # the same sums in single precision, in another order
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5 * np.abs(np.nan_to_num(a)).max())

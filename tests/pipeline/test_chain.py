"""What the steps of a chain do to a block of frames."""

import numpy as np
import pytest

from xelith.materials import MATERIALS, tube
from xelith.pipeline.chain import correct_block, halo_views, reconstruct_slab
from xelith.pipeline.config import Cell, Config, Region, ScanEntry, Source
from xelith.pipeline.fields import open_fields
from xelith.pipeline.known_steps import hardening_map, known_chain
from xelith.pipeline.selection import select
from xelith.pipeline.steps import (
    DEFAULT_CHAIN,
    Air,
    FlatField,
    FourierFbp,
    GlareFloor,
    Hardening,
    Rings,
    Truncation,
    Zingers,
)
from xelith.scans.scan import Scan

SHAPE = (6, 5, 12)
FLAT, DARK = 1000.0, 100.0


def scan_of(light, **changes) -> Scan:
    parts = {
        "projections": (DARK + (FLAT - DARK) * light).astype(np.float32),
        "flats": np.full((4, *SHAPE[1:]), FLAT, np.float32),
        "darks": np.full((2, *SHAPE[1:]), DARK, np.float32),
        "theta": np.arange(SHAPE[0]) * 0.1,
    } | changes
    return Scan(**parts)


FLAT_FIELD = (FlatField(),)


def corrected(scan, steps=FLAT_FIELD, **kwargs):
    chosen = select(scan.shape, Region())
    fields = open_fields(scan, chosen, steps)
    return correct_block(chosen.read(scan.projections, 0, SHAPE[0]), fields, steps, first_view=0, **kwargs)


def test_counts_become_line_integrals():
    light = np.random.default_rng(0).uniform(0.2, 1, SHAPE)
    done = corrected(scan_of(light))
    np.testing.assert_allclose(done.integrals, -np.log(light), rtol=1e-4, atol=1e-4)  # float32 counts of 1000
    np.testing.assert_allclose(done.transmission_sum, light.sum(axis=0), rtol=1e-5)
    assert done.repaired["nonpositive"] == done.repaired["nonfinite"] == 0
    assert done.repaired["samples"] == light.size


def test_starved_rays_are_counted_and_finite():
    light = np.full(SHAPE, 0.5)
    light[2, 1, 3:5] = 0.0
    light[3, 1, 3] = -0.05
    done = corrected(scan_of(light))
    assert done.repaired["nonpositive"] == 3
    assert np.isfinite(done.integrals).all()
    assert done.integrals[2, 1, 3] == pytest.approx(-np.log(0.5 / (FLAT - DARK)), rel=1e-4)  # half a count


def test_flats_before_and_after_are_interpolated_in_time():
    flats = np.concatenate([np.full((2, *SHAPE[1:]), FLAT), np.full((2, *SHAPE[1:]), 1.2 * (FLAT - DARK) + DARK)])
    beam = 1 + 0.2 * (np.arange(SHAPE[0]) + 0.5) / SHAPE[0]
    light = 0.5 * np.broadcast_to(beam[:, None, None], SHAPE)
    positions = np.array([0, 0, SHAPE[0], SHAPE[0]])
    done = corrected(scan_of(light, flats=flats.astype(np.float32), flat_positions=positions))
    np.testing.assert_allclose(done.integrals, -np.log(0.5), atol=1e-4)  # float32


def test_air_columns_take_the_beam_out():
    beam = np.linspace(0.8, 1.2, SHAPE[0])[:, None, None]
    light = np.full(SHAPE, 0.5) * beam
    light[:, :, :3] = beam
    done = corrected(scan_of(light), (FlatField(), Air(columns=((0, 3),))))
    np.testing.assert_allclose(done.integrals[:, :, 3:], -np.log(0.5), atol=1e-4)  # float32


def test_the_floor_is_taken_out_before_the_logarithm():
    light = np.full(SHAPE, 0.01 + 0.99 * 0.1)
    done = corrected(scan_of(light), (FlatField(), GlareFloor(share=0.01)))
    np.testing.assert_allclose(done.integrals, -np.log(0.1), atol=1e-3)  # float32 counts


def test_zingers_are_replaced_and_counted():
    light = np.random.default_rng(1).normal(0.5, 0.005, SHAPE)
    light[3, 2, 6] = 3.0
    done = corrected(scan_of(light), (FlatField(), Zingers()))
    assert done.repaired["zingers"] == 1
    assert done.integrals[3, 2, 6] == pytest.approx(-np.log(0.5), abs=0.1)  # noise of 1 %
    assert halo_views((FlatField(), Zingers())) == 1
    assert halo_views((FlatField(),)) == 0


def test_the_halo_belongs_to_other_blocks():
    light = np.random.default_rng(2).uniform(0.2, 1, SHAPE)
    done = corrected(scan_of(light), halo=(1, 2))
    assert done.integrals.shape[0] == SHAPE[0] - 3
    np.testing.assert_allclose(done.integrals, -np.log(light[1:-2]), rtol=1e-4, atol=1e-4)  # float32 counts


def test_line_integrals_pass_through():
    values = np.random.default_rng(3).normal(1, 0.1, SHAPE).astype(np.float32)
    values[0, 0, 0] = np.nan
    done = corrected(scan_of(values, projections=values, flats=None, darks=None, is_line_integral=True))
    assert done.repaired["nonfinite"] == 1
    assert done.integrals[0, 0, 0] == 0
    np.testing.assert_array_equal(done.integrals[1:], values[1:])


def test_a_scan_without_darks_is_warned_of(caplog):
    scan = scan_of(np.full(SHAPE, 0.5), darks=None)
    open_fields(scan, select(scan.shape, Region()))
    assert "a dark of 0 counts is used" in caplog.text


def test_flats_of_another_size_are_refused():
    scan = scan_of(np.full(SHAPE, 0.5), flats=np.full((2, 5, 11), FLAT, np.float32))
    with pytest.raises(ValueError, match=r"flats are \(5, 11\) pixels and projections \(5, 12\)"):
        open_fields(scan, select(scan.shape, Region()))


@pytest.mark.parametrize("method", ["sorting", "mean", "all", "wavelet"])
def test_every_ring_filter_can_be_chosen(method):
    theta = np.arange(90) * np.pi / 90
    column = np.arange(64) - 31.5
    smooth = np.sqrt(np.clip(25.0**2 - column**2, 0, None)) * 0.05
    ideal = np.broadcast_to(smooth, (1, 90, 64)).astype(np.float32)
    striped = ideal + np.where(column == 9.5, 0.5, 0).astype(np.float32)

    def image(sinograms, *steps):
        return reconstruct_slab(sinograms, theta, (*steps, FourierFbp()), centre_px=31.5, voxel_um=10, threads=1)

    fault = image(striped) - image(ideal)
    left = image(striped, Rings(method=method, size=9)) - image(ideal)
    y, x = np.ogrid[:64, :64]
    ring = np.abs(np.hypot(y - 31.5, x - 31.5) - 9.5) < 2
    assert left[:, ring].std() < 0.3 * fault[:, ring].std()


def config_with(steps, **changes) -> Config:
    values = {
        "sample": "s",
        "source": Source(tube="Mo", kv=44),
        "scans": {"main": ScanEntry(path="a.h5")},
        "cell": Cell(preset="kodama-process-3", inner_diameter_mm=1, outer_diameter_mm=1.4),
        "reconstruction": steps,
    } | changes
    return Config(**values)


def test_the_hardening_map_follows_from_the_configuration():
    assert hardening_map(config_with(DEFAULT_CHAIN), "main") is None
    chain = (FlatField(), Hardening(), FourierFbp())
    table = hardening_map(config_with(chain), "main")
    beam = tube("Mo", 44).filtered(MATERIALS["peek"], 0.04)
    mean = beam.photons @ MATERIALS["li5.5ps4.5br1.5"].mu_per_cm(beam.energy_kev)
    assert table.mu_ref_per_cm == pytest.approx(mean, rel=1e-6)
    with pytest.raises(ValueError, match="the step hardening needs the beam"):
        hardening_map(config_with(chain, source=None), "main")
    with pytest.raises(ValueError, match="names electrolyte, which the cell does not have"):
        hardening_map(config_with(chain, cell=Cell()), "main")


def test_the_tube_of_the_cell_is_known_to_truncation():
    chain = (FlatField(), Truncation(), FourierFbp())
    step = known_chain(config_with(chain), "main")[1]
    assert step.outer_diameter_mm == 1.4
    peek = MATERIALS["peek"]
    beam = tube("Mo", 44)
    assert step.mu_per_cm < float(beam.photons @ peek.mu_per_cm(beam.energy_kev))  # hardened by its own wall
    assert step.mu_per_cm > float(peek.mu_per_cm(44.0))
    own = Truncation(outer_diameter_mm=2.0)
    assert known_chain(config_with((FlatField(), own, FourierFbp())), "main")[1] == own
    assert known_chain(config_with(chain, cell=Cell()), "main") == chain

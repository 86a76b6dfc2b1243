"""Cells from designs: Faraday's volume to the voxel, layers in order, gas where it belongs, refusals."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import label

from xelith.materials import Phase, lithium
from xelith.simulation import Bore, Charge, Collector, Deposit, Site, build_cell
from xelith.simulation.building import casing
from xelith.simulation.construction import (
    CARBON,
    CLOSED,
    COLLECTOR,
    COUNTER,
    ELECTROLYTE,
    FILM,
    FOIL,
    IN_CARBON,
    MASS,
    MIXED,
    VOID,
)

PLATED = (Site.FILM, Site.IN_ELECTROLYTE, Site.MIXED_ZONE, Site.IN_CARBON, Site.ISOLATED)
EVERYWHERE = Deposit(
    film=0.4,
    mass=0.15,
    mass_um=12.0,
    mixed=0.1,
    mixed_fraction=0.13,
    filaments=0.15,
    filament_um=4.0,
    in_carbon=0.05,
    isolated=0.05,
    cluster_um=2.0,
    outside=0.1,
)


@pytest.mark.parametrize(("capacity", "seed"), [(4.0, 0), (2.0, 1), (0.1, 2)])
def test_the_lithium_is_faradays_to_the_voxel(small_design, capacity, seed):
    cell = build_cell(small_design, Charge(capacity), seed=seed)
    expected = lithium.volume_um3(capacity * cell.area_cm2)
    assert cell.lithium_um3() == pytest.approx(expected, abs=0.51)  # half of a voxel of 1 µm^3


def test_the_lithium_is_faradays_wherever_it_lies(small_design):
    charge = Charge(3.0, efficiency=0.9, shorted_share=0.1)
    cell = build_cell(replace(small_design, deposit=EVERYWHERE), charge, seed=5)
    total = lithium.volume_um3(3.0 * 0.81 * cell.area_cm2)
    volume = {site: cell.lithium_um3(site) for site in PLATED}
    # half a voxel of rounding, another of the sub-voxel zone, and one of dealing out the shares
    assert sum(volume.values()) == pytest.approx(0.9 * total, abs=2)
    assert volume[Site.FILM] == pytest.approx(0.4 * total, abs=1)
    assert volume[Site.IN_ELECTROLYTE] == pytest.approx(0.3 * total, abs=1)
    assert volume[Site.MIXED_ZONE] == pytest.approx(0.1 * total, abs=1)
    assert volume[Site.IN_CARBON] == pytest.approx(0.05 * total, abs=1)
    assert volume[Site.ISOLATED] == pytest.approx(0.05 * total, abs=1)


def test_a_filament_joins_the_electrodes(small_design):
    design = replace(
        small_design,
        carbon=None,
        counter=(("inli", 6.0),),
        deposit=Deposit(film=0.8, filaments=0.2, filament_um=4.0),
    )
    cell = build_cell(design, Charge(4.0), seed=1)
    bodies, _ = label(np.isin(cell.labels, (FILM, MASS, COUNTER)))
    assert bodies[10, 41, 41] == bodies[-1, 41, 41] != 0


def test_a_mass_lies_at_its_height(small_design):
    heights = []
    for height_um in (0.0, 20.0):
        deposit = Deposit(film=0.0, mass=1.0, mass_um=10.0, mass_height_um=height_um)
        cell = build_cell(replace(small_design, deposit=deposit), Charge(0.6), seed=2)
        heights.append(np.nonzero(cell.labels == MASS)[0].mean())
    assert heights[1] - heights[0] > 8


def test_the_mixed_zone_surrounds_the_mass(small_design):
    deposit = Deposit(film=0.0, mass=0.7, mixed=0.3, mass_um=12.0)
    cell = build_cell(replace(small_design, deposit=deposit), Charge(0.8), seed=2)
    bodies, count = label(np.isin(cell.labels, (MASS, MIXED)))
    largest = np.bincount(bodies.ravel())[1:].max()
    assert largest > 0.5 * np.isin(cell.labels, (MASS, MIXED)).sum()
    assert count < 40


def test_lithium_fills_pores_from_the_collector_on(small_design):
    design = replace(small_design, deposit=Deposit(film=0.7, in_carbon=0.3))
    cell = build_cell(design, Charge(1.0), seed=3)
    labels = np.where(cell.inside, cell.labels, ELECTROLYTE)
    filled, all_pores = np.nonzero(labels == IN_CARBON)[0], np.nonzero(np.isin(labels, (IN_CARBON, VOID)))[0]
    assert filled.mean() < all_pores.mean()


def test_layers_lie_in_order(small_cell):
    labels = np.where(small_cell.inside, small_cell.labels, ELECTROLYTE)
    height = {code: np.nonzero(labels == code)[0].mean() for code in (COLLECTOR, FILM, CARBON)}
    assert height[COLLECTOR] < height[FILM] < height[CARBON]
    assert np.all(small_cell.labels[:8] == COLLECTOR)
    assert np.all(small_cell.labels[8:] != COLLECTOR)


def test_foil_and_counter_electrode_are_not_the_charges(small_design):
    design = replace(
        small_design,
        carbon=None,
        film=replace(small_design.film, foil_um=5.0),
        counter=(("lithium", 4.0), ("steel", 6.0)),
    )
    cell = build_cell(design, Charge(1.0))
    area_um2 = cell.area_cm2 * 1e8
    assert cell.lithium_um3(Site.FOIL) == pytest.approx(5 * area_um2)
    assert cell.lithium_um3(Site.COUNTER) == pytest.approx(4 * area_um2)
    assert cell.lithium_um3(Site.FILM) == pytest.approx(lithium.volume_um3(cell.area_cm2), abs=0.51)
    assert np.all(cell.labels[8:13] == FOIL)
    assert np.all(cell.labels[54:58] == COUNTER)
    assert np.all(cell.labels[58:] == COUNTER + 1)
    assert [cell.tissues[code].phase for code in (COUNTER, COUNTER + 1)] == [Phase.LITHIUM, Phase.COLLECTOR]


def test_the_film_is_as_rough_as_asked(small_design):
    design = replace(
        small_design,
        film=replace(small_design.film, bare_spots=0),
        bore=replace(small_design.bore, inner_diameter_um=200.0),
    )
    cell = build_cell(design, Charge(4.0))
    film = (cell.labels == FILM).sum(axis=0)[cell.inside]
    # 15 %: 150 independent patches
    assert film.std() == pytest.approx(design.film.roughness_um, rel=0.15)


def test_a_bare_spot_holds_gas_in_place_of_film(small_cell, small_design):
    film = (small_cell.labels == FILM).sum(axis=0)
    bare = (film == 0) & small_cell.inside
    # 15 %: a disc of 8 voxels radius
    assert bare.sum() == pytest.approx(np.pi * small_design.film.bare_um**2, rel=0.15)
    assert np.all(small_cell.labels[8:24][:, bare] == VOID)


def test_carbon_is_as_porous_and_as_closed_as_asked(small_design):
    design = replace(
        small_design,
        bore=replace(small_design.bore, inner_diameter_um=200.0),
        film=replace(small_design.film, bare_spots=0, pockets=0),
        carbon=replace(small_design.carbon, closed_share=0.3, thickness_um=20.0),
        electrolyte=replace(small_design.electrolyte, void_share=0.0),
    )
    counts = build_cell(design, Charge(1.0)).voxel_counts()
    pores = counts[VOID] + counts[CLOSED]
    # five standard errors of some 5000 pores, and of some 80 regions that are closed
    assert pores / (pores + counts[CARBON]) == pytest.approx(0.3, abs=0.03)
    assert counts[CLOSED] / pores == pytest.approx(0.3, abs=0.2)


def test_voids_of_the_electrolyte_are_as_rare_as_asked(small_design):
    design = replace(
        small_design,
        carbon=None,
        film=replace(small_design.film, bare_spots=0, pockets=0),
        electrolyte=replace(small_design.electrolyte, void_share=0.03, closed_share=0.5, cracks=1, crack_um=8.0),
    )
    counts = build_cell(design, Charge(1.0)).voxel_counts()
    share = (counts[VOID] + counts[CLOSED]) / (counts[VOID] + counts[CLOSED] + counts[ELECTROLYTE])
    assert share == pytest.approx(0.03, abs=0.01)  # voids beyond the tube's edge, and a crack
    assert counts[CLOSED] > 0


def test_a_delaminated_cell_has_gas_in_place_of_film(small_design):
    design = replace(small_design, film=replace(small_design.film, gap_um=12.0, bare_spots=0, pockets=0))
    cell = build_cell(design, Charge(0.0))
    gap = (cell.labels[8:14][:, cell.inside] == VOID).mean()
    assert gap > 0.99
    assert cell.lithium_um3() == 0


def test_an_uncharged_cell_has_no_lithium_and_no_gap(small_design):
    cell = build_cell(small_design, Charge(0.0))
    assert cell.lithium_um3() == 0
    assert np.isin(cell.labels[8:12][:, cell.inside], (CARBON, VOID)).all()


def test_tilt_and_bend_carry_all_layers(small_design):
    design = replace(small_design, collector=Collector(thickness_um=10.0, tilt_deg=3.0, tilt_to_deg=90.0))
    cell = build_cell(design, Charge(1.0))
    surface = (cell.labels == COLLECTOR).sum(axis=0).astype(float)
    rise = np.polyfit(np.arange(surface.shape[0]), surface.mean(axis=1), 1)[0]
    assert rise == pytest.approx(np.tan(np.deg2rad(3.0)), rel=0.02)  # whole voxels along 82 columns
    assert surface.std(axis=1).max() == 0  # no rise along x
    bent = build_cell(replace(design, collector=Collector(thickness_um=10.0, bend_um=6.0)), Charge(1.0))
    height = (bent.labels == COLLECTOR).sum(axis=0)
    assert height[41, 41] - height[41, 1] == pytest.approx(6, abs=1)
    uneven = Collector(thickness_um=10.0, roughness_um=2.0, correlation_um=8.0)
    rough = build_cell(replace(design, collector=uneven), Charge(1.0))
    assert (rough.labels == COLLECTOR).sum(axis=0).std() == pytest.approx(2.0, rel=0.25)  # a hundred patches


def test_the_seed_decides(small_design, small_cell):
    again = build_cell(small_design, Charge(20.0 / 4.849), seed=3)
    other = build_cell(small_design, Charge(20.0 / 4.849), seed=4)
    np.testing.assert_array_equal(small_cell.labels, again.labels)
    assert not np.array_equal(small_cell.labels, other.labels)
    assert small_cell.parameters["seed"] == 3


def test_the_casing_alternates():
    rings = casing(Bore(inner_diameter_um=100.0, walls_um=(1.0, 2.0, 3.0)))
    assert [ring.phase for ring in rings] == [Phase.CASING, Phase.VOID, Phase.CASING]
    assert [ring.outer_radius_um for ring in rings] == [51, 53, 56]


def test_a_charge_without_room_is_refused(small_design):
    with pytest.raises(ValueError, match=r"13.3 mAh/cm2 plate up to .* µm of film; .* give less charge or a"):
        build_cell(small_design, Charge(13.3))
    with pytest.raises(ValueError, match=r"no room for it below 24 µm"):
        build_cell(replace(small_design, counter=(("inli", 40.0),)), Charge(4.0))


def test_a_mass_larger_than_the_electrolyte_is_refused(small_design):
    with pytest.raises(ValueError, match=r"voxels of lithium are to lie where only .* voxels are free"):
        build_cell(replace(small_design, deposit=Deposit(film=0.0, mass=1.0)), Charge(12.0))


def test_a_charge_too_small_for_a_filament_is_refused(small_design):
    deposit = Deposit(film=0.99, filaments=0.01, filament_um=10.0)
    with pytest.raises(ValueError, match=r"do not make one filament of 10 µm across"):
        build_cell(replace(small_design, deposit=deposit), Charge(1.0))


def test_a_cell_before_its_charge_is_the_same_cell(small_design):
    design = replace(small_design, film=replace(small_design.film, roughness_um=0.0, bare_spots=0, pockets=0))
    after, before = (build_cell(design, Charge(capacity), seed=6) for capacity in (20 / 4.849, 0.0))
    film = round(lithium.thickness_um(20 / 4.849))
    np.testing.assert_array_equal(after.labels[:8], before.labels[:8])
    # carbon and its pores lie on the film as they lay on the collector; one slice may be off by rounding
    shifts = [film - 1, film, film + 1]
    alike = [np.mean(after.labels[8 + s : 28 + s] == before.labels[8:28]) for s in shifts]
    assert max(alike) > 0.995
    assert np.isin(before.labels[8:28], VOID).mean() > 0.02

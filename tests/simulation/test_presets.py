"""Named cells: each is built in small, holds Faraday's lithium, and shows what its note says."""

import pytest

from xelith.materials import lithium
from xelith.simulation import PRESETS, Site, build_cell, shrunk
from xelith.simulation.presets import KODAMA_MAH_PER_CM2

PLATED = (Site.FILM, Site.IN_ELECTROLYTE, Site.MIXED_ZONE, Site.IN_CARBON, Site.ISOLATED)
SHOWS = {
    "kodama-no-interlayer": {Site.IN_ELECTROLYTE, Site.MIXED_ZONE},
    "kodama-process-1": {Site.IN_ELECTROLYTE, Site.MIXED_ZONE},
    "kodama-process-2": {Site.IN_ELECTROLYTE, Site.MIXED_ZONE},
    "kodama-process-3": {Site.FILM},
    "kodama-uncharged": set(),
    "kodama-delaminated": set(),
    "ham-symmetric": {Site.FILM, Site.IN_ELECTROLYTE},
}


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_is_built_and_holds_its_charge(name):
    small = shrunk(PRESETS[name], 90.0, 120.0)
    cell = build_cell(small.design, small.charge, seed=1)
    assert cell.name == name
    volume = {site: cell.lithium_um3(site) for site in PLATED}
    expected = lithium.volume_um3(small.charge.plated_mah_per_cm2 * cell.area_cm2)
    assert sum(volume.values()) == pytest.approx(expected, abs=2)  # voxels of 1 µm^3, and a sub-voxel zone
    assert {site for site, value in volume.items() if value > 0} == SHOWS[name]


def test_kodamas_film_is_64_7_um():
    assert f"{lithium.thickness_um(KODAMA_MAH_PER_CM2):.1f}" == "64.7"


def test_a_small_cell_keeps_the_proportions():
    preset = PRESETS["kodama-process-3"]
    small = shrunk(preset, 250.0, preset.design.bore.height_um / 2)
    assert small.design.collector.thickness_um == preset.design.collector.thickness_um / 2
    assert small.charge.areal_capacity_mah_per_cm2 == preset.charge.areal_capacity_mah_per_cm2 / 2
    assert small.design.bore.walls_um == tuple(wall / 4 for wall in preset.design.bore.walls_um)

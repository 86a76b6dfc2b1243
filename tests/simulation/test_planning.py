"""Plans: contrasts as the design states them, noise, hours, and every warning where it belongs."""

import dataclasses
import json

import numpy as np
import pytest

from xelith.materials import Gas, monochromatic
from xelith.simulation import PRESETS, Bore
from xelith.simulation.planning import mu_curves, noise_per_cm, plan
from xelith.simulation.setups import SETUPS

KODAMA = PRESETS["kodama-process-3"].design
ARGON, XENON = Gas("argon"), Gas("xenon", 6)


@pytest.fixture
def mo_line():
    return dataclasses.replace(SETUPS["demo"](), spectrum=monochromatic(17.48))


def test_contrasts_are_those_of_the_design(mo_line):
    result = plan(KODAMA, [ARGON, XENON], mo_line)
    mu = {contrast.name: contrast.mu_per_cm for contrast in result.contrasts}
    expected = {
        "lithium": 0.106,
        "carbon": 1.15,
        "li5.5ps4.5br1.5": 64,
        "steel": 296,
        "peek": 0.89,
        "argon 1 atm": 0.021,
        "xenon 6 atm": 1.27,
    }
    for name, value in expected.items():
        assert mu[name] == pytest.approx(value, rel=0.01)  # the check values have two to three digits
    hardened = {contrast.name: contrast.hardened_per_cm for contrast in result.contrasts}
    assert hardened["carbon"] == pytest.approx(mu["carbon"])  # one energy does not harden


def test_noise_is_that_of_the_design():
    # 0.75 cm^-1 at 3e4 photons per 0.54 µm pixel, binned to 1.08 µm, in lithium slices behind PEEK
    demo = SETUPS["demo"]()
    binned = dataclasses.replace(
        demo, detector=dataclasses.replace(demo.detector, pixel_um=1.08), n_views=1000, photons=1.2e5
    )
    # 15 %: the design's figure includes the smoothing of its interpolation
    assert noise_per_cm(binned, 0.9) == pytest.approx(0.75, rel=0.15)
    assert noise_per_cm(binned, 0.225) == pytest.approx(2 * noise_per_cm(binned, 0.9))


def test_one_xenon_scan_is_warned_of_carbon(mo_line):
    warnings = plan(KODAMA, [XENON], mo_line).warnings
    assert any("xenon 6 atm looks like carbon here (1.27 against 1.15 cm^-1)" in text for text in warnings)
    assert any("scan in argon too, or raise to 8 atm" in text for text in warnings)


def test_two_gases_tell_void_and_carbon_apart(mo_line):
    warnings = plan(KODAMA, [ARGON, XENON], mo_line).warnings
    carbon = [text for text in warnings if "looks like carbon" in text]
    assert len(carbon) == 1
    assert "the difference of the two scans tells them apart" in carbon[0]
    assert not any("looks like lithium" in text for text in warnings)


def test_argon_alone_is_warned_of_lithium(mo_line):
    warnings = plan(KODAMA, [ARGON], mo_line).warnings
    assert any("argon 1 atm looks like lithium here (0.02 against 0.11 cm^-1)" in text for text in warnings)


def test_at_the_limit_of_the_jig_no_pressure_is_promised(mo_line):
    krypton = plan(KODAMA, [Gas("xenon", 7.5)], dataclasses.replace(mo_line, spectrum=monochromatic(16.0)))
    assert not any("raise to" in text for text in krypton.warnings)


def test_starvation_names_an_energy(mo_line):
    result = plan(KODAMA, [XENON], mo_line)
    assert result.transmission["li5.5ps4.5br1.5"] == pytest.approx(0.0015, rel=0.05)  # 1 mm and its walls
    text = next(text for text in result.warnings if "starvation" in text)
    energy = float(text.split("use ")[1].split(" keV")[0])
    better = plan(KODAMA, [XENON], dataclasses.replace(mo_line, spectrum=monochromatic(energy)))
    assert better.transmission["li5.5ps4.5br1.5"] > 0.1
    assert not any("starvation" in text for text in better.warnings)


def test_a_cell_too_thick_for_any_energy_is_told_so(mo_line):
    thick = dataclasses.replace(KODAMA, bore=Bore(inner_diameter_um=1e5, height_um=700.0))
    text = next(text for text in plan(thick, [XENON], mo_line).warnings if "starvation" in text)
    assert text.endswith("use a thinner cell")


def test_a_tube_is_warned_of_hardening():
    result = plan(KODAMA, [ARGON, XENON], SETUPS["demo"]())
    assert any("beam hardening lowers the electrolyte from" in text for text in result.warnings)


def test_errors_and_hours(mo_line):
    result = plan(KODAMA, [ARGON, XENON], mo_line, error=0.1, photons_per_s=100.0)
    noise = result.noise_per_cm["lithium"]
    assert result.lithium_std == pytest.approx(np.sqrt(2) * noise / (1.266 - 0.021), rel=0.01)
    assert result.voxels_to_average == int(np.ceil((result.lithium_std / 0.1) ** 2))
    assert result.hours == pytest.approx(2 * 380 * 4e4 / 100 / 3600)
    single = plan(KODAMA, [XENON], mo_line)
    assert (single.lithium_std, single.voxels_to_average, single.hours) == (None, None, None)
    assert json.loads(json.dumps(result.summary()))["hours"] == result.hours


def test_each_share_has_its_own_average(mo_line):
    result = plan(KODAMA, [ARGON, XENON], mo_line, error=0.05)
    film, missing, split = result.averages
    noise = result.noise_per_cm["li5.5ps4.5br1.5"]
    assert film.voxels == result.voxels_to_average
    assert missing.std_per_voxel == pytest.approx(noise / 64, rel=0.01)
    # one energy: the gas contrast is the same behind the electrolyte, and its noise decides
    assert split.std_per_voxel == pytest.approx(np.sqrt(2) * noise / (1.266 - 0.021), rel=0.01)
    for average in result.averages:
        assert average.voxels == int(np.ceil((average.std_per_voxel / 0.05) ** 2))
        assert average.edge_um == pytest.approx(average.voxels ** (1 / 3) * 2.0)
    assert [average.what for average in plan(KODAMA, [XENON], mo_line).averages] == [missing.what]


def test_a_floor_and_a_narrow_view_are_warned_of():
    nano = SETUPS["kodama-nano3dx"]()
    warnings = plan(KODAMA, [ARGON, XENON], nano).warnings
    assert any(text.startswith("1.8 % transmission through the electrolyte: expect starvation") for text in warnings)
    assert any("scatter and glare add 1.3 % of the open beam to the 1.8 %" in text for text in warnings)
    assert any("view of 0.89 mm is narrower than the cell (1 mm inside, 2.1 mm outside)" in text for text in warnings)
    clear = dataclasses.replace(nano, optics=dataclasses.replace(nano.optics, scatter=0.0, glare=0.0))
    assert not any("starvation" in text for text in plan(KODAMA, [ARGON, XENON], clear).warnings)
    wide = dataclasses.replace(nano, detector=dataclasses.replace(nano.detector, n_cols=4000))
    assert not any("narrower" in text for text in plan(KODAMA, [ARGON, XENON], wide).warnings)
    middling = dataclasses.replace(nano, detector=dataclasses.replace(nano.detector, n_cols=2500))
    assert any("narrower than the tubes" in text for text in plan(KODAMA, [ARGON, XENON], middling).warnings)


def test_curves_are_those_of_figure_2a():
    energy = np.linspace(10, 40, 61)
    curves = mu_curves(KODAMA, [ARGON, Gas("vacuum")], energy)
    assert set(curves) == {"lithium", "carbon", "li5.5ps4.5br1.5", "steel", "peek", "argon 1 atm", "vacuum"}
    np.testing.assert_allclose(curves["argon 1 atm"], ARGON.mu_per_cm(energy))
    assert not curves["vacuum"].any()


def test_impossible_plans_are_refused(mo_line):
    with pytest.raises(ValueError, match=r"no gas was given; plan at least one scan"):
        plan(KODAMA, [], mo_line)
    with pytest.raises(ValueError, match=r"error is 0 and the flux None"):
        plan(KODAMA, [XENON], mo_line, error=0)
    with pytest.raises(ValueError, match=r"the flux -1 photons/s"):
        plan(KODAMA, [XENON], mo_line, photons_per_s=-1)

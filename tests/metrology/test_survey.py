import numpy as np
import pytest
from scipy import ndimage

from xelith.materials import NOT_LABELLED, Phase
from xelith.metrology.inventory import Amount, balance
from xelith.metrology.survey import survey_labels

OUT, V, LI, K, SE, C = (int(Phase[n]) for n in ("OUTSIDE", "VOID", "LITHIUM", "CARBON", "ELECTROLYTE", "COLLECTOR"))


def process_three(seed=0, n=72, film=14.0, filaments=6):
    """A round cell: collector, rough film, carbon, electrolyte with a filament here and there, collector."""
    rng = np.random.default_rng(seed)
    z, y, x = np.mgrid[:96, :n, :n]
    relief = ndimage.gaussian_filter(rng.normal(size=(n, n)), 4)
    relief = film + 1.5 * relief / relief.std()
    labels = np.full(z.shape, SE, np.uint8)
    labels[z < 8 + film + 10] = K
    labels[z < 8 + relief] = LI
    labels[z < 8] = C
    labels[z >= 92] = C
    for _ in range(filaments):
        r, c = rng.integers(n // 3, 2 * n // 3, 2)
        labels[20 : 32 + rng.integers(8, 30), r : r + 2, c : c + 2] = LI
    labels[70:73, 30:33, 30:33] = LI
    labels[np.hypot(y - (n - 1) / 2, x - (n - 1) / 2) > n / 2 - 3] = OUT
    return labels


def test_all_of_a_cell_in_one_call():
    labels = process_three()
    found = survey_labels(labels, voxel_um=0.5)
    assert (found.frame.axis, found.frame.anode) == (0, "low")
    index = np.arange(96)[:, None, None]
    inside = found.frame.electrode
    truth_um = ((labels == LI) & (index < 32)).sum(0)[inside].mean() * 0.5
    assert found.deposit.mean_thickness_um == pytest.approx(truth_um, rel=1e-5)
    assert np.isnan(found.thickness_um[~inside]).all()
    assert found.texture.sq_um > 0
    assert found.isolated_um == pytest.approx(27 * 0.125 / (inside.sum() * 0.25))
    deep = ((labels == LI) & (index >= 32)).sum() - 27
    assert found.in_electrolyte_um == pytest.approx(deep * 0.125 / (inside.sum() * 0.25))
    assert 1 <= found.filament_count <= 6
    assert found.ligament.length_um < 60 * 0.5
    assert found.electrolyte.porosity == 0
    assert found.frame.area_cm2 == pytest.approx(np.pi * (33 * 0.5) ** 2 * 1e-8, rel=0.03)
    assert found.deposit.area_cm2 == found.frame.area_cm2


def test_no_lithium_is_counted_twice():
    labels = process_three(seed=3)
    found = survey_labels(labels, voxel_um=1.0)
    total = found.deposit.mean_thickness_um + found.in_electrolyte_um + found.isolated_um
    assert total == pytest.approx((labels == LI).sum() / found.frame.electrode.sum(), rel=1e-5)
    terms = {"film": found.deposit.mean_thickness_um, "in_electrolyte": found.in_electrolyte_um}
    assert balance(None, **{k: Amount(v, 0.5) for k, v in terms.items()}).finding == "film"


@pytest.mark.parametrize("axis", [1, 2])
def test_orientation_changes_no_number(axis):
    labels = process_three(seed=4)
    upright = survey_labels(labels, voxel_um=1.0)
    turned = survey_labels(np.moveaxis(labels[::-1], 0, axis), voxel_um=1.0)
    assert turned.frame.anode == "high"
    assert turned.deposit == upright.deposit
    assert turned.penetration.volume_um3 == upright.penetration.volume_um3
    assert turned.ligament.length_um == pytest.approx(upright.ligament.length_um)
    assert turned.filament_count == upright.filament_count


def test_doubling_the_voxel_scales_every_length():
    labels = process_three(seed=5)
    small, large = (survey_labels(labels, voxel_um=v) for v in (0.5, 1.0))
    assert large.deposit.mean_thickness_um == pytest.approx(2 * small.deposit.mean_thickness_um)
    assert large.penetration.max_depth_um == pytest.approx(2 * small.penetration.max_depth_um)
    assert large.penetration.volume_um3 == pytest.approx(8 * small.penetration.volume_um3)
    assert large.ligament.length_um == pytest.approx(2 * small.ligament.length_um, rel=1e-5)
    assert large.penetration.electrolyte_crossed == pytest.approx(small.penetration.electrolyte_crossed)
    lengths = [[f.length_um for f in s.filaments] for s in (small, large)]
    np.testing.assert_allclose(lengths[1], 2 * np.array(lengths[0]), rtol=1e-6)


def test_uncharged_cell_measures_nothing():
    labels = process_three()
    labels[labels == LI] = K
    found = survey_labels(labels, voxel_um=0.5)
    assert found.deposit.mean_thickness_um == 0
    assert found.deposit.coverage == 0
    assert (found.in_electrolyte_um, found.isolated_um, found.filament_count) == (0, 0, 0)
    assert found.penetration.max_depth_um == 0


def test_cell_without_electrolyte_has_a_film_and_no_depth():
    labels = process_three()
    labels[labels == SE] = NOT_LABELLED
    found = survey_labels(labels, voxel_um=0.5, axis=0, anode="low")
    assert found.penetration is None
    assert found.in_electrolyte_um is None
    assert np.isnan(found.thickness_um).all()  # most of each column is not labelled
    assert found.deposit.mean_thickness_um is None


def test_empty_volumes_are_refused():
    with pytest.raises(ValueError, match="no voxel"):
        survey_labels(np.zeros((0, 4, 4), np.uint8), voxel_um=1.0)
    with pytest.raises(ValueError, match="no stack axis stands out"):
        survey_labels(np.full((8, 8, 8), LI, np.uint8), voxel_um=1.0)


@pytest.mark.parametrize("phase", [*Phase, NOT_LABELLED])
def test_labels_of_one_value_are_refused_without_an_axis(phase):
    with pytest.raises(ValueError, match="no stack axis stands out"):
        survey_labels(np.full((12, 8, 8), phase, np.uint8), voxel_um=1.0)


@pytest.mark.parametrize("phase", [OUT, V, C, Phase.CASING, NOT_LABELLED])
def test_labels_without_a_cell_are_refused(phase):
    with pytest.raises(ValueError, match="no column holds lithium, carbon or electrolyte"):
        survey_labels(np.full((12, 8, 8), phase, np.uint8), voxel_um=1.0, axis=0, anode="low")


@pytest.mark.parametrize("depth", [1, 12])
def test_all_lithium_is_a_film_that_the_volume_cuts(depth):
    found = survey_labels(np.full((depth, 8, 8), LI, np.uint8), voxel_um=2.0, axis=0, anode="low")
    assert found.deposit.mean_thickness_um == 2.0 * depth
    assert not found.anode_in_view
    assert (found.penetration, found.in_electrolyte_um, found.isolated_um) == (None, None, None)


@pytest.mark.parametrize("phase", [SE, K])
@pytest.mark.parametrize("depth", [1, 12])
def test_a_volume_that_begins_beyond_the_film_does_not_measure_it_as_zero(phase, depth):
    found = survey_labels(np.full((depth, 8, 8), phase, np.uint8), voxel_um=2.0, axis=0, anode="high")
    assert found.deposit.mean_thickness_um is None
    assert np.isnan(found.thickness_um).all()
    assert not found.anode_in_view


def slab_cell(film=8, n=24):
    """Collector, film, carbon, electrolyte, collector: 4, 8, 4, 20 and 4 planes."""
    labels = np.full((32 + film, n, n), SE, np.uint8)
    labels[: 8 + film] = K
    labels[: 4 + film] = LI
    labels[:4] = labels[28 + film :] = C
    return labels


@pytest.mark.parametrize("instead", [V, OUT])
def test_a_cell_without_collector_is_measured_from_its_interface(instead):
    labels = slab_cell()
    labels[labels == C] = instead
    found = survey_labels(labels, voxel_um=1.0)
    assert found.frame.collector is None
    assert found.deposit.mean_thickness_um == 8.0
    assert found.anode_in_view


@pytest.mark.parametrize(
    ("first", "film", "is_whole"), [(0, 8.0, True), (3, 8.0, True), (4, 8.0, False), (8, 4.0, False)]
)
def test_a_film_that_touches_the_border_is_told(first, film, is_whole):
    found = survey_labels(slab_cell()[first:], voxel_um=1.0)
    assert found.deposit.mean_thickness_um == film
    assert found.anode_in_view == is_whole
    turned = survey_labels(slab_cell()[first:][::-1], voxel_um=1.0)
    assert (turned.deposit, turned.anode_in_view) == (found.deposit, is_whole)


def test_a_cell_that_touches_the_sides_and_ends_in_the_electrolyte_is_told():
    found = survey_labels(slab_cell()[:30], voxel_um=1.0)
    assert found.deposit.coverage == 1.0
    assert found.frame.area_cm2 is None  # no rim in view
    assert not found.counter_in_view


def test_a_film_of_one_voxel_is_one_voxel_thick():
    labels = slab_cell(film=1)
    labels[4, :, :12] = K
    found = survey_labels(labels, voxel_um=0.5)
    assert found.deposit.mean_thickness_um == pytest.approx(0.25)
    assert found.deposit.coverage == pytest.approx(0.5)
    assert found.in_electrolyte_um == 0


@pytest.mark.parametrize("cut", [np.s_[:, :1, :], np.s_[:, :, :1], np.s_[:, :1, :1]])
def test_one_row_of_columns_is_as_thick_as_the_whole(cut):
    found = survey_labels(slab_cell()[cut], voxel_um=1.0)
    assert found.deposit.mean_thickness_um == pytest.approx(8.0)
    assert found.frame.tilt_rad == 0
    assert (found.penetration is None) == (found.thickness_um.size < 3)  # a plane needs three columns


def test_a_film_that_reaches_the_counter_is_no_silent_zero():
    labels = slab_cell()
    labels[labels == SE] = LI
    found = survey_labels(labels, voxel_um=1.0, axis=0, anode="low")
    assert found.deposit.mean_thickness_um == 28.0
    assert found.in_electrolyte_um is None
    bridged = slab_cell()
    bridged[:, 6:9, 6:9] = LI
    assert survey_labels(bridged, voxel_um=1.0).penetration.is_shorted


def test_volume_on_disk_gives_the_same_numbers(tmp_path):
    zarr = pytest.importorskip("zarr")
    labels = process_three(seed=6)
    stored = zarr.create_array(tmp_path / "labels.zarr", shape=labels.shape, dtype=labels.dtype, chunks=(16, 32, 32))
    stored[:] = labels
    whole, lazy = survey_labels(labels, voxel_um=0.5), survey_labels(stored, voxel_um=0.5)
    assert lazy.deposit == whole.deposit
    assert lazy.texture == whole.texture
    assert lazy.ligament == whole.ligament
    assert lazy.filaments == whole.filaments
    np.testing.assert_array_equal(lazy.penetration.depth_um, whole.penetration.depth_um)
    assert lazy.electrolyte.porosity == whole.electrolyte.porosity


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("kodama-process-3", "film"),
        ("kodama-no-interlayer", "lithium-in-electrolyte"),
        ("kodama-process-2", "lithium-in-electrolyte"),
        ("kodama-uncharged", None),
    ],
)
def test_truth_of_simulated_cells_is_surveyed_as_it_was_built(name, finding):
    from xelith.simulation import PRESETS, build_cell, demo_acquisition, shrunk, truth_of

    preset = shrunk(PRESETS[name], 200.0, 160.0, voxel_um=1.0)
    truth = truth_of(build_cell(preset.design, preset.charge, seed=1), demo_acquisition())
    cut = (slice(None), slice(60, 180), slice(60, 180))
    found = survey_labels(truth.labels[cut], voxel_um=truth.voxel_um, axis=0, anode="low", fractions=truth.lithium[cut])
    in_electrolyte = truth.in_electrolyte_um + truth.isolated_um
    # a rim voxel more or less is 2 % of the area; sub-voxel labels of a mass of 10 µm miss or gain a tenth
    assert found.deposit.mean_thickness_um == pytest.approx(truth.film_um, rel=0.03, abs=0.4)
    assert found.in_electrolyte_um + found.isolated_um == pytest.approx(in_electrolyte, rel=0.12, abs=0.1)
    terms = {
        "film": Amount(found.deposit.mean_thickness_um, 0.3),
        "in_electrolyte": Amount(found.in_electrolyte_um, 0.3),
    }
    assert balance(None, **terms).finding == finding

import numpy as np
import pytest

from xelith.materials import Phase
from xelith.segmentation import HALO_VOXELS, CellLayout, apply, prepare

BORE_UM = 92.0
BOTH = ("argon", "xenon")


def labelled(cell, scans=BOTH, **options):
    volumes = {scan: cell.volumes[scan] for scan in scans}
    layout = CellLayout(inner_diameter_um=BORE_UM, **options)
    thresholds = prepare(volumes, layout, voxel_um=2.0, expected=cell.expected, transmission=cell.transmission)
    return thresholds, apply(thresholds, volumes.get("argon"), volumes.get("xenon"), 0)


def thickness_ratio(cell, lithium):
    found = lithium.sum(axis=0) * 2.0
    electrode = np.isfinite(found) & cell.inside
    assert electrode.sum() > 0.97 * cell.inside.sum()
    return found[electrode].mean() / cell.thickness_um[electrode].mean()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("flipped", [False, True])
def test_two_gases_measure_the_film_within_one_percent(small_cell, seed, flipped):
    cell = small_cell(seed=seed, flipped=flipped)
    _, (_, lithium) = labelled(cell)
    # the noise of the mean alone is 0.1 %; most of the rest is the rim of a bore only 46 voxels wide
    assert thickness_ratio(cell, lithium) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(("scans", "low", "high"), [(("xenon",), 0.98, 1.01), (("argon",), 0.99, 1.04)])
def test_one_gas_is_coarser_and_argon_counts_voids_as_lithium(small_cell, scans, low, high):
    ratios = [thickness_ratio(cell, labelled(cell, scans)[1][1]) for cell in (small_cell(seed=s) for s in range(3))]
    assert low < np.mean(ratios) < high


def test_noise_beyond_the_contrast_leaves_the_mean_within_two_percent(small_cell):
    ratios = [thickness_ratio(cell, labelled(cell)[1][1]) for cell in (small_cell(seed=s, noise=1.2) for s in range(3))]
    assert np.abs(np.array(ratios) - 1).max() < 0.02


def test_labels_agree_with_the_truth(small_cell):
    cell = small_cell(seed=1)
    _, (labels, _) = labelled(cell)
    for phase in (Phase.LITHIUM, Phase.CARBON, Phase.ELECTROLYTE, Phase.COLLECTOR):
        found, true = (labels == phase) & cell.inside, (cell.labels == phase) & cell.inside
        assert (found & true).sum() / (found | true).sum() > 0.94, phase.name
    # voids of 5 to 8 voxels across lose about half a voxel all round to blur and noise
    found, true = (labels == Phase.VOID) & cell.inside, (cell.labels == Phase.VOID) & cell.inside
    assert (found & true).sum() / (found | true).sum() > 0.5
    assert (labels[:, cell.labels[0] == Phase.CASING] == Phase.CASING).mean() > 0.9
    assert (labels[:, 0, 0] == Phase.OUTSIDE).all()


def test_the_row_that_the_collector_cuts_holds_part_of_a_voxel(small_cell):
    cell = small_cell(seed=2, voids=0)
    thresholds, (labels, lithium) = labelled(cell)
    middle = lithium[:, 36, 33]
    assert middle[50] == pytest.approx(thresholds.collector.z - 49.5, abs=1e-6)
    assert middle[51] == 0
    assert (middle[40:50] == 1).all()
    assert labels[51, 36, 33] == Phase.COLLECTOR


@pytest.mark.parametrize("flipped", [False, True])
def test_slabs_with_their_halo_give_what_the_whole_gives(small_cell, flipped):
    cell = small_cell(seed=3, flipped=flipped, noise=1.0)
    thresholds, (labels, lithium) = labelled(cell)
    n_z = labels.shape[0]
    for start in range(0, n_z, 13):
        stop = min(start + 13, n_z)
        first, last = max(start - HALO_VOXELS, 0), min(stop + HALO_VOXELS, n_z)
        part = apply(thresholds, *(cell.volumes[s][first:last] for s in BOTH), first)
        np.testing.assert_array_equal(part[0][start - first : stop - first], labels[start:stop])
        np.testing.assert_allclose(part[1][start - first : stop - first], lithium[start:stop], atol=1e-6)


def test_lithium_is_measured_near_its_surface_and_whole_elsewhere(small_cell):
    cell = small_cell(seed=4, voids=0)
    _, (_, lithium) = labelled(cell)
    inside = lithium[:, cell.inside & np.isfinite(lithium[0])]
    assert (inside[:18] == 0).all()
    assert (inside[40:49] == 1).all()
    assert (inside[24:33] < 0).any()
    assert (inside[24:33] > 1).any()
    assert np.isnan(lithium[:, 0, 0]).all()


def test_an_uncharged_cell_shows_no_film(small_cell):
    cell = small_cell(seed=5, film=-20.0, voids=0)
    assert cell.thickness_um[cell.inside].max() == 0
    thresholds, (_, lithium) = labelled(cell)
    assert thresholds.film_depth is None
    assert np.nanmean(lithium.sum(axis=0)) * 2.0 < 0.5
    assert any("no lithium was found" in note for note in thresholds.notes)


def test_input_slabs_are_left_as_they_were(small_cell):
    cell = small_cell(seed=1)
    before = {scan: v.copy() for scan, v in cell.volumes.items()}
    labelled(cell)
    for scan in BOTH:
        np.testing.assert_array_equal(before[scan], cell.volumes[scan])


def test_slabs_of_other_scans_or_shapes_are_refused(small_cell):
    cell = small_cell(seed=1)
    thresholds, _ = labelled(cell)
    with pytest.raises(ValueError, match="give the same scans"):
        apply(thresholds, cell.volumes["argon"], None, 0)
    with pytest.raises(ValueError, match="register them to one grid"):
        apply(thresholds, cell.volumes["argon"], cell.volumes["xenon"][1:], 0)


@pytest.mark.parametrize("scans", [BOTH, ("xenon",)])
def test_parts_of_slices_with_their_halo_give_what_the_whole_gives(small_cell, scans):
    cell = small_cell(seed=3, noise=1.0)
    thresholds, (labels, lithium) = labelled(cell, scans)
    n_y, n_x = labels.shape[1:]
    for y, x in ((0, 0), (10, 30), (50, 2), (40, 44)):  # 20 wide, of 72 x 70 voxels
        spans = [slice(max(a - HALO_VOXELS, 0), min(a + 20 + HALO_VOXELS, n)) for a, n in ((y, n_y), (x, n_x))]
        corner = (spans[0].start, spans[1].start)
        slabs = [cell.volumes[scan][(slice(None), *spans)] if scan in scans else None for scan in BOTH]
        part = apply(thresholds, *slabs, 0, corner=corner, view=(n_y, n_x))
        inner = (slice(None), slice(y - corner[0], y - corner[0] + 20), slice(x - corner[1], x - corner[1] + 20))
        np.testing.assert_array_equal(part[0][inner], labels[:, y : y + 20, x : x + 20])
        np.testing.assert_array_equal(part[1][inner], lithium[:, y : y + 20, x : x + 20])


def test_a_part_beside_the_bore_is_casing_and_outside(small_cell):
    cell = small_cell(seed=3)
    thresholds, (labels, _) = labelled(cell)
    part, lithium = apply(thresholds, *(cell.volumes[s][:, :6, :70] for s in BOTH), 0, view=labels.shape[1:])
    np.testing.assert_array_equal(part, labels[:, :6])
    assert np.isnan(lithium).all()

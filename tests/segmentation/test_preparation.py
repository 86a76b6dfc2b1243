import numpy as np
import pytest

from xelith.materials import Phase
from xelith.segmentation import CellLayout, prepare
from xelith.segmentation.preparation import _electrolyte
from xelith.segmentation.surfaces import Surface

BORE_UM = 92.0


class Lazy:
    """A volume that counts what is read of it, and cannot be read whole."""

    def __init__(self, array):
        self.array, self.shape, self.read = array, array.shape, 0

    def __getitem__(self, key):
        part = self.array[key]
        self.read += part.size
        return part


def prepared(cell, *scans, layout=None, **options):
    options = {"transmission": cell.transmission, "expected": cell.expected, **options}
    volumes = {scan: cell.volumes[scan] for scan in scans or ("argon", "xenon")}
    return prepare(volumes, layout or CellLayout(inner_diameter_um=BORE_UM), voxel_um=2.0, **options)


@pytest.mark.parametrize("flipped", [False, True])
def test_surfaces_bore_and_levels_are_those_of_the_cell(small_cell, flipped):
    found = prepared(small_cell(seed=1, flipped=flipped))
    # layers of the small cell are cut to a quarter of a row
    assert found.collector.z == pytest.approx(59 - 50.25 if flipped else 50.25, abs=0.02)
    assert found.electrolyte.z == pytest.approx(59 - 9.25 if flipped else 9.25, abs=0.02)
    assert found.collector.end == ("low" if flipped else "high")
    assert (found.bore.y, found.bore.x) == pytest.approx((36.2, 33.4), abs=0.1)
    assert found.bore.radius_px == pytest.approx(23.0, abs=0.15)
    assert found.bore.outer_radius_px == pytest.approx(28.0, abs=1.0)
    assert found.film_depth == pytest.approx(22.0, abs=1.5)
    assert found.noise_per_cm["argon"] == pytest.approx(0.6, rel=0.05)
    assert found.levels["xenon"][Phase.CARBON] == pytest.approx(1.15, abs=0.03)
    assert found.levels["argon"][Phase.LITHIUM] == pytest.approx(0.11, abs=0.03)
    assert all(c.state == "calibrated" for c in found.calibration.values())


def test_a_scale_error_of_the_scan_is_found_by_its_references(small_cell):
    found = prepared(small_cell(seed=2, scale=1.3))
    assert found.calibration["xenon"].slope == pytest.approx(1.3, rel=0.05)
    assert found.levels["xenon"][Phase.VOID] == pytest.approx(1.3 * 1.27, rel=0.05)


def test_without_a_transmission_surfaces_come_from_the_volume(small_cell):
    found = prepared(small_cell(seed=3), transmission=None)
    assert found.collector.z == pytest.approx(50.25, abs=0.1)
    assert found.electrolyte.z == pytest.approx(9.25, abs=0.1)


def test_volumes_are_sliced_and_never_read_whole(small_cell):
    cell = small_cell(seed=4)
    lazy = Lazy(cell.volumes["xenon"])
    prepare(
        {"xenon": lazy},
        CellLayout(inner_diameter_um=BORE_UM),
        voxel_um=2.0,
        expected=cell.expected,
        transmission=cell.transmission,
    )
    assert lazy.read > 0


def test_one_gas_says_what_it_cannot_tell(small_cell):
    cell = small_cell(seed=5)
    argon, xenon, both = prepared(cell, "argon"), prepared(cell, "xenon"), prepared(cell)
    assert any("voids are counted as lithium" in note for note in argon.notes)
    assert any("void and lithium cannot be separated" in note for note in argon.notes)
    assert any("told apart by place" in note for note in xenon.notes)
    assert both.notes == ()


def test_a_given_bore_stands_in_where_no_electrolyte_is_in_view(small_cell, caplog):
    cell = small_cell(seed=6)
    rows = slice(12, None)
    found = prepare(
        {scan: v[rows] for scan, v in cell.volumes.items()},
        CellLayout(inner_diameter_um=88.0),
        voxel_um=2.0,
        expected=cell.expected,
        transmission={scan: t[rows] for scan, t in cell.transmission.items()},
    )
    assert found.electrolyte is None
    assert found.bore.source == "given"
    assert "no dense layer fills the bore" in caplog.text


def test_values_that_are_not_per_cm_are_refused(small_cell):
    cell = small_cell(seed=7)
    with pytest.raises(ValueError, match="check the unit of the volume"):
        prepare(
            {"xenon": 100 * cell.volumes["xenon"]},
            CellLayout(inner_diameter_um=BORE_UM),
            voxel_um=2.0,
            expected=cell.expected,
            transmission=cell.transmission,
        )


@pytest.mark.parametrize("factor", [0.1, 2e-4, 0.0])
def test_values_per_millimetre_or_per_voxel_are_refused(small_cell, factor):
    """No layer is then dense, and what is in view looks like a volume without electrolyte."""
    cell = small_cell(seed=2)
    thin = {scan: (factor * volume).astype(np.float32) for scan, volume in cell.volumes.items()}
    with pytest.raises(ValueError, match=r"check .* unit .*cm\^-1"):
        prepare(thin, CellLayout(inner_diameter_um=92.0), voxel_um=2.0, expected=cell.expected)


def test_wrong_scans_grids_and_materials_are_refused(small_cell):
    cell = small_cell(seed=8)
    layout = CellLayout(inner_diameter_um=BORE_UM)
    volume = cell.volumes["xenon"]
    with pytest.raises(ValueError, match=r"the voxel is 0 µm; give more than 0 µm"):
        prepare(cell.volumes, CellLayout(), voxel_um=0.0, expected=cell.expected)
    flat = {scan: volume[0] for scan, volume in cell.volumes.items()}
    with pytest.raises(ValueError, match=r"have the shape .*; give \(z, y, x\) with at least 8 rows"):
        prepare(flat, CellLayout(), voxel_um=2.0, expected=cell.expected)
    with pytest.raises(ValueError, match="argon, xenon or both"):
        prepare({"krypton": volume}, layout, voxel_um=2.0, expected=cell.expected)
    with pytest.raises(ValueError, match="register them to one grid"):
        prepare({"argon": volume[1:], "xenon": volume}, layout, voxel_um=2.0, expected=cell.expected)
    lacking = {"xenon": {p: v for p, v in cell.expected["xenon"].items() if p != Phase.CARBON}}
    with pytest.raises(ValueError, match="expected µ of carbon in xenon is missing"):
        prepare({"xenon": volume}, layout, voxel_um=2.0, expected=lacking)
    with pytest.raises(ValueError, match="give the same rows"):
        prepared(cell, transmission={s: t[1:] for s, t in cell.transmission.items()})


def test_without_a_clear_row_levels_are_the_expected_ones(small_cell):
    cell = small_cell(seed=9)
    volumes = {"xenon": np.concatenate([cell.volumes["xenon"][:9], cell.volumes["xenon"][48:]])}
    image = np.concatenate([cell.transmission["xenon"][:9], cell.transmission["xenon"][48:]])
    found = prepare(volumes, CellLayout(), voxel_um=2.0, expected=cell.expected, transmission={"xenon": image})
    assert found.film_depth is None
    assert found.levels["xenon"][Phase.CARBON] == pytest.approx(1.15, rel=0.2)  # scaled by a blurred casing
    assert any("no row lies clear of collector and electrolyte" in note for note in found.notes)


def test_an_electrolyte_on_the_collector_begins_there(small_cell):
    cell = small_cell(seed=10, electrolyte_z=50.3, film=0.0, roughness=0.01, voids=0)
    layout = CellLayout((Phase.COLLECTOR, Phase.LITHIUM, Phase.ELECTROLYTE), inner_diameter_um=BORE_UM)
    found = prepared(cell, layout=layout)
    assert found.electrolyte.z == found.collector.z == pytest.approx(50.25, abs=0.1)
    assert (found.electrolyte.end, found.collector.end) == ("low", "high")
    assert found.levels["argon"][Phase.ELECTROLYTE] == pytest.approx(50.0, rel=0.03)  # noise and blur


def test_a_dense_layer_taken_for_carbon_is_refused(small_cell):
    cell = small_cell(seed=9)
    layout = CellLayout((Phase.COLLECTOR, Phase.LITHIUM, Phase.CARBON), inner_diameter_um=BORE_UM)
    with pytest.raises(ValueError, match="check the cell's layers and materials"):
        prepared(cell, layout=layout)


@pytest.mark.parametrize("end", ["low", "high"])
def test_lithium_behind_the_electrolyte_may_be_the_lightest_row(small_cell, end):
    """Steel, foil and film, electrolyte, and bare lithium on the other side, at the edge of the view."""
    rows = np.arange(96)
    edges = [(4.9, 0.064, 0.998), (21.8, 0.998, 0.876), (90.0, 0.876, 0.999)]  # row, from, to
    profile = 0.064 + sum((after - before) / (1 + np.exp(-(rows - z) / 0.8)) for z, before, after in edges)
    profile = profile if end == "low" else profile[::-1]
    collector = Surface(4.9 if end == "low" else 90.1, 0.02, end, guard=4, light=0.998, dense=0.064, settled=5)
    expected = {"xenon": small_cell(seed=1).expected["xenon"]}
    found = _electrolyte(CellLayout(inner_diameter_um=BORE_UM), [profile], collector, expected, 0.0025)
    assert found.z == pytest.approx(21.8 if end == "low" else 95 - 21.8, abs=0.1)

import numpy as np
import pytest

from xelith.materials import NOT_LABELLED, Phase
from xelith.metrology.frame import find_axis, find_edge, find_frame
from xelith.metrology.thickness import thickness_map

C, LI, K, SE, OUT = (int(Phase[n]) for n in ("COLLECTOR", "LITHIUM", "CARBON", "ELECTROLYTE", "OUTSIDE"))


def cell(n=60, tilt=0.0, radius=None, film=12.0, depth=64, n_y=None):
    """Collector, film, electrolyte and counter collector; surfaces rise by `tilt` per column along x."""
    z, y, x = np.mgrid[:depth, : n_y or n, :n]
    rise = tilt * (x - (n - 1) / 2)
    labels = np.full(z.shape, SE, np.uint8)
    labels[z < 20.5 + rise + film] = LI
    labels[z < 20.5 + rise] = C
    labels[z > depth - 5] = C
    if radius is not None:
        middle = (n - 1) / 2
        labels[np.hypot(y - middle, x - middle) > radius] = OUT
    return labels


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("anode", ["low", "high"])
def test_axis_anode_and_surfaces_are_found(axis, anode):
    labels = cell() if anode == "low" else cell()[::-1]
    frame = find_frame(np.moveaxis(labels, 0, axis), voxel_um=0.5)
    assert (frame.axis, frame.anode) == (axis, anode)
    assert np.allclose(frame.collector.heights_px(), 20.5)
    assert np.allclose(frame.interface.heights_px(), 32.5)
    assert np.allclose(frame.counter.heights_px(), 59.5)
    assert frame.tilt_rad == pytest.approx(0, abs=1e-6)
    assert frame.area_in_view_cm2 == pytest.approx(60 * 60 * 0.25e-8)


@pytest.mark.parametrize("degrees", [0.5, 1.0, 2.0])
def test_tilt_is_found_and_taken_out_of_thickness_and_area(degrees):
    tilt = np.tan(np.radians(degrees))
    labels = cell(tilt=tilt, n=480, n_y=8, depth=80)
    frame = find_frame(labels, voxel_um=1.0, axis=0)
    assert np.degrees(frame.tilt_rad) == pytest.approx(degrees, abs=0.03)  # whole voxels over 480 columns
    along = thickness_map(labels, voxel_um=1.0)
    assert float(frame.along_normal_um(along).mean()) == pytest.approx(
        float(along.mean()) * np.cos(np.radians(degrees)), rel=1e-4
    )
    assert frame.area_in_view_cm2 == pytest.approx(480 * 8e-8 / np.cos(np.radians(degrees)), rel=1e-4)


def test_anisotropic_voxels_change_the_angle():
    frame = find_frame(cell(tilt=0.02, n=120), voxel_um=(2.0, 1.0, 0.5))
    assert np.tan(frame.tilt_rad) == pytest.approx(0.02 * 2.0 / 0.5, rel=0.05)  # whole voxels


def test_edge_and_area_of_a_round_electrode():
    frame = find_frame(cell(n=90, radius=40.3), voxel_um=2.0)
    assert frame.edge.centre_px == pytest.approx((44.5, 44.5), abs=0.1)
    assert frame.edge.radius_um == pytest.approx(80.6, abs=0.5)
    assert abs(frame.area_cm2 - np.pi * 80.6**2 * 1e-8) < 3 * frame.area_cm2_std
    assert frame.area_in_view_cm2 == pytest.approx(frame.area_cm2, rel=0.02)


def test_arc_of_a_wider_electrode_gives_its_area():
    frame = find_frame(cell(n=90, radius=55.0), voxel_um=1.0)
    assert frame.edge.radius_um == pytest.approx(55, abs=1)
    assert frame.area_in_view_cm2 < frame.area_cm2


def test_view_inside_the_cell_knows_no_area():
    frame = find_frame(cell(), voxel_um=1.0)
    assert frame.edge is None
    assert frame.area_cm2 is None
    given = find_frame(cell(), voxel_um=1.0, area_cm2=(0.785, 0.01))
    assert (given.area_cm2, given.area_cm2_std) == (0.785, 0.01)


def test_mask_is_taken_as_given():
    mask = np.zeros((60, 60), bool)
    mask[:30] = True
    assert find_frame(cell(), voxel_um=1.0, mask=mask).area_in_view_cm2 == pytest.approx(1800e-8)


def test_bent_collector_with_dents():
    n = 60
    z, y, _x = np.mgrid[:64, :n, :n]
    bend = 20.5 + 0.004 * (y - 30.0) ** 2
    labels = np.full(z.shape, SE, np.uint8)
    labels[z < bend + 10] = LI
    labels[z < bend] = C
    labels[:, 5:12, 5:12][z[:, 5:12, 5:12] < 28] = C
    frame = find_frame(labels, voxel_um=1.0, degree=2)
    assert np.abs(frame.collector.heights_px() - bend[0]).max() < 0.6  # whole voxels
    assert find_frame(labels, voxel_um=1.0).collector.std_px > 2 * frame.collector.std_px


def test_labels_without_collector_have_no_collector_surface():
    labels = cell()
    labels[labels == C] = NOT_LABELLED
    frame = find_frame(labels, voxel_um=1.0, axis=0)
    assert frame.collector is None
    assert np.allclose(frame.interface.heights_px(), 32.5)


def test_uncharged_cell_has_its_anode_where_the_carbon_is():
    labels = cell()
    labels[labels == LI] = K
    assert find_frame(labels, voxel_um=1.0).anode == "low"


def test_what_cannot_be_told_is_refused():
    with pytest.raises(ValueError, match="no stack axis stands out"):
        find_axis(np.full((9, 9, 9), SE, np.uint8))
    rng = np.random.default_rng(9)
    with pytest.raises(ValueError, match="name the axis"):
        find_axis(rng.choice(np.array([LI, SE], np.uint8), (20, 20, 20)))
    symmetric = cell()
    symmetric[-5 - 12 : -5] = LI
    with pytest.raises(ValueError, match="lie on both sides of the electrolyte"):
        find_frame(symmetric, voxel_um=1.0)
    assert find_frame(symmetric, voxel_um=1.0, anode="low").anode == "low"
    with pytest.raises(ValueError, match="do not show both electrolyte and lithium or carbon"):
        find_frame(np.full((9, 9, 9), LI, np.uint8), voxel_um=1.0, axis=0)
    with pytest.raises(ValueError, match="no column holds lithium, carbon or electrolyte"):
        find_frame(np.full((9, 9, 9), OUT, np.uint8), voxel_um=1.0, axis=0, anode="low")


def test_ragged_rim_is_no_circle():
    y, x = np.mgrid[:80, :80]
    assert find_edge((y > 20) & (y < 60) & (x > 5) & (x < 75), (1.0, 1.0)) is None
    assert find_edge(np.hypot(y - 40, x - 40) < 30, (1.0, 1.0)).radius_um == pytest.approx(30, abs=0.4)

"""Scans that a sidecar or the caller describes."""

import numpy as np
import pytest

from xelith.scans import ConeBeam, ScanError, open_scan

COUNTS = np.random.default_rng(9).integers(0, 60_000, (4, 3, 5)).astype(np.uint16)

SIDECAR = """\
projections: {path: frames.raw, shape: [4, 3, 5], dtype: uint16}
flats: flats.npy
theta_range_deg: [0, 360]
pixel_um: 200
geometry: {beam: cone, source_axis_mm: 20, source_detector_mm: 100, direction: -1}
"""


@pytest.fixture
def folder(tmp_path):
    COUNTS.tofile(tmp_path / "frames.raw")
    np.save(tmp_path / "flats.npy", COUNTS[:2])
    (tmp_path / "scan.yaml").write_text(SIDECAR)
    return tmp_path


@pytest.mark.parametrize("name", ["", "scan.yaml"])
def test_sidecar_stands_for_the_scan(folder, name):
    scan = open_scan(folder / name)
    assert scan.format == "described frames"
    np.testing.assert_array_equal(scan.projections[:], COUNTS)
    np.testing.assert_array_equal(scan.flats[:], COUNTS[:2])
    np.testing.assert_allclose(np.degrees(scan.theta), [0, 90, 180, 270])
    assert scan.geometry == ConeBeam(200.0, 20.0, 100.0, direction=-1)


def test_caller_overrides_the_sidecar(folder):
    scan = open_scan(folder / "scan.yaml", theta_step_deg=1, pixel_um=100)
    np.testing.assert_allclose(np.degrees(scan.theta), range(4))
    assert scan.geometry.pixel_um == 100


def test_sidecar_cannot_lead_outside(folder):
    (folder / "scan.yaml").write_text(SIDECAR.replace("flats.npy", "../flats.npy"))
    with pytest.raises(ScanError, match=r"flats names \.\./flats.npy, which lies outside"):
        open_scan(folder)
    np.save(folder.parent / "flats.npy", COUNTS[:1])
    assert open_scan(folder, allow_outside=True).flats.shape[0] == 1


def test_caller_may_lead_outside(folder):
    np.save(folder.parent / "mine.npy", COUNTS[:3])
    assert open_scan(folder, flats="../mine.npy").flats.shape[0] == 3
    assert open_scan(folder, flats=folder.parent / "mine.npy").flats.shape[0] == 3


def test_numpy_stack(folder):
    np.save(folder / "proj.bin.npy", COUNTS)
    scan = open_scan(folder / "proj.bin.npy", is_line_integral=True, theta_deg=[0, 1, 2, 3], pixel_um=1)
    assert scan.format == "NumPy stack"
    assert scan.missing == ()
    np.testing.assert_array_equal(scan.projections[:], COUNTS)


def test_sidecar_with_a_mistake_is_named(folder):
    (folder / "scan.yaml").write_text("projections: [")
    with pytest.raises(ScanError, match="scan.yaml is no valid YAML or JSON"):
        open_scan(folder / "scan.yaml")


def test_text_that_is_no_scan(folder):
    (folder / "notes.txt").write_text("pixel_um: 1\n")
    with pytest.raises(ScanError, match="is text and describes no scan; give a sidecar with projections"):
        open_scan(folder / "notes.txt")


@pytest.mark.data
def test_raw_projections_of_the_tetrahedron(data_dir):
    folder = data_dir / "conebeam/ctsimu_tetrahedron/projections"
    raw = {"path": "tetra_projections.raw", "shape": [21, 150, 150], "dtype": "uint16"}
    one = {"path": "tetra_flat_*.raw", "shape": [150, 150], "dtype": "uint16"}
    scan = open_scan(folder, projections=raw, flats=one, darks={**one, "path": "tetra_dark.raw"}, theta_step_deg=18)
    reference = open_scan(folder / "tetra_metadata.json", allow_outside=True)
    for name in ("projections", "flats", "darks"):
        np.testing.assert_array_equal(getattr(scan, name)[:], getattr(reference, name)[:])
    np.testing.assert_allclose(scan.theta, reference.theta)

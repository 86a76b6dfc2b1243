"""ALS 8.3.2: one dataset a frame."""

import h5py
import numpy as np
import pytest

from xelith.scans import ParallelBeam, ScanError, open_scan


def write(path, names, *, nangles=3, **attributes):
    """Frames of 2 x 3 pixels, their values the places in the list."""
    with h5py.File(path, "w") as file:
        group = file.create_group("scan")
        group.attrs.update({"nangles": np.bytes_(f"{nangles}\r"), "arange": np.bytes_(b"180.0\r"), **attributes})
        for index, name in enumerate(names):
            group[name] = np.full((1, 2, 3), index, np.uint16)
    return path


NAMES = ["a_0000_0000.tif", "a_0000_0001.tif", "a_0000_0002.tif"]


@pytest.mark.data
def test_real_file(data_dir):
    scan = open_scan(data_dir / "projections/als832/read_stack.h5")
    assert scan.format == "ALS 8.3.2 HDF5"
    assert scan.shape == (20, 10, 10)
    assert scan.flats.shape[0] == 4
    assert scan.darks.shape[0] == 2
    np.testing.assert_allclose(np.degrees(scan.theta), np.linspace(0, 180, 20))
    assert scan.geometry == ParallelBeam(pytest.approx(0.645))
    assert scan.energy_kev == pytest.approx(19.99963)
    np.testing.assert_array_equal(scan.flat_positions, [0, 0, 20, 20])


def test_roles_and_order(tmp_path):
    names = [*NAMES, "abak_0000_0000.tif", "abak_0000_0002.tif", "abak_0001_0000.tif", "adrk_0000_0002.tif", "note"]
    scan = open_scan(write(tmp_path / "a.h5", names))
    np.testing.assert_array_equal(scan.projections[:, :1, :1].ravel(), [0, 1, 2])
    np.testing.assert_array_equal(scan.flats[:, :1, :1].ravel(), [3, 5, 4])  # in time, not by name
    np.testing.assert_array_equal(scan.flat_positions, [0, 0, 3])
    np.testing.assert_array_equal(scan.darks[:, :1, :1].ravel(), [6])


def test_scan_cut_short_is_noted(tmp_path):
    scan = open_scan(write(tmp_path / "a.h5", NAMES, nangles=5))
    np.testing.assert_allclose(np.degrees(scan.theta), [0, 45, 90])
    assert "nangles is 5 and the file has 3 projections" in scan.provenance["notes"][0]


def test_attributes_without_numbers(tmp_path):
    scan = open_scan(write(tmp_path / "a.h5", NAMES, arange=b"", pxsize=b"large", Mono_Energy=b"0"))
    assert scan.theta is None
    assert scan.geometry.pixel_um is None
    assert scan.energy_kev is None


def test_no_projections(tmp_path):
    with pytest.raises(ScanError, match="has no projections, frames named NAME_0000_0001.tif"):
        open_scan(write(tmp_path / "a.h5", ["abak_0000_0000.tif"]))


def test_odd_frame_is_named(tmp_path):
    path = write(tmp_path / "a.h5", NAMES)
    with h5py.File(path, "a") as file:
        del file["scan/a_0000_0001.tif"]
        file["scan/a_0000_0001.tif"] = np.zeros((1, 2, 4), np.uint16)
    with pytest.raises(ScanError, match=r"a_0000_0001.tif is \(1, 2, 4\) of uint16 and the first frame \(1, 2, 3\)"):
        open_scan(path)


def test_frame_outside_the_file_is_refused(tmp_path):
    path = write(tmp_path / "a.h5", NAMES)
    with h5py.File(path, "a") as file:
        del file["scan/a_0000_0001.tif"]
        file["scan/a_0000_0001.tif"] = h5py.ExternalLink("b.h5", "/frame")
    with pytest.raises(ScanError, match=r"a_0000_0001.tif is no frame of this file"):
        open_scan(path)

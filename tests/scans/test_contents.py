"""The kind of a file by its first bytes."""

import h5py
import numpy as np
import pytest
import tifffile

from xelith.scans.contents import content_kind


def test_folder_and_empty_file(tmp_path):
    (tmp_path / "a").touch()
    assert content_kind(tmp_path) == "folder"
    assert content_kind(tmp_path / "a") == "empty"


@pytest.mark.parametrize("block", [0, 512, 4096])
def test_hdf5_after_a_user_block(tmp_path, block):
    h5py.File(tmp_path / "a", "w", userblock_size=block).close()
    assert content_kind(tmp_path / "a") == "hdf5"


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}, {"bigtiff": True, "byteorder": ">"}])
def test_tiff(tmp_path, options):
    tifffile.imwrite(tmp_path / "a", np.zeros((2, 2), np.uint8), **options)
    assert content_kind(tmp_path / "a") == "tiff"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1...", "ole"),
        (b"\x93NUMPY\x01\x00", "numpy"),
        (b"MATLAB 5.0 MAT-file", "matlab"),
        ("pixel_um: 0.54 # µm\n".encode(), "text"),
        (b"\x00\x01\x02", "unknown"),
        (b"\x89HDF\r\n", "hdf5"),  # cut short in its signature
        (b"II", "text"),
    ],
)
def test_first_bytes(tmp_path, data, kind):
    (tmp_path / "a").write_bytes(data)
    assert content_kind(tmp_path / "a") == kind


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="a does not exist; check the name"):
        content_kind(tmp_path / "a")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("projections/dataexchange/tooth.h5", "hdf5"),
        ("projections/nxtomo/k11-18014.nxs", "hdf5"),
        ("projections/zeiss/txrm_test_chip_tomo.txrm", "ole"),
        ("projections/sinograms/RealDataDend.mat", "matlab"),
        ("conebeam/axitom_barrel/barrel_projections_axisym.npy", "numpy"),
        ("conebeam/axitom_barrel/settings.xtekct", "text"),
        ("volumes/cylindrical_cell/im_1.tif", "tiff"),
    ],
)
def test_real_files(data_dir, name, kind):
    assert content_kind(data_dir / name) == kind

"""Opening: the reader by content, hints over sidecar over file, and damaged copies of every real file."""

import random
import shutil

import h5py
import numpy as np
import pytest
import tifffile

from xelith.scans import READERS, ConeBeam, ParallelBeam, ScanError, check_scan, inspect, open_scan, thumbnail


@pytest.fixture
def file(tmp_path):
    """A DataExchange file with everything in it, under a misleading name."""
    path = tmp_path / "scan.tif"
    with h5py.File(path, "w") as out:
        out["exchange/data"] = np.ones((4, 2, 3), np.uint16)
        out["exchange/data_white"] = np.full((2, 2, 3), 7, np.uint16)
        out["exchange/data_dark"] = np.zeros((1, 2, 3), np.uint16)
        out["exchange/theta"] = np.arange(4.0)
        out["measurement/instrument/detection_system/objective/resolution"] = 2.0
        out["measurement/instrument/monochromator/energy"] = 20.0
        out["process/acquisition/flat_fields/flat_field_mode"] = b"Both"
    return path


def test_readers_are_named_once_for_each_kind():
    assert all(reader.kinds for reader in READERS)
    names = {reader.name for reader in READERS}
    assert {"NXtomo HDF5", "DataExchange HDF5", "ALS 8.3.2 HDF5", "TIFF stack", "Zeiss txrm"} <= names
    assert {"Nikon xtekct", "CTSimU", "NumPy stack", "described frames"} <= names


def test_ending_plays_no_part(file):
    scan = open_scan(str(file))
    assert scan.format == "DataExchange HDF5"
    assert scan.missing == ()
    assert scan.provenance["notes"] == ()


def test_hints_override_the_file_and_are_noted(file, caplog):
    scan = open_scan(file, pixel_um=1.0, energy_kev=25, theta_range_deg=(0, 180), centre_px=1.25, exposure_s=0.1)
    assert scan.geometry == ParallelBeam(1.0, 1.25)
    assert scan.energy_kev == 25
    assert scan.exposure_s == 0.1
    np.testing.assert_allclose(np.degrees(scan.theta), [0, 45, 90, 135])
    for message in (
        "pixel_um is 2 in the file and 1 in the hint; the hint is used",
        "energy_kev is 20 in the file and 25 in the hint; the hint is used",
        "angles of the hint differ from those of the file and replace them",
    ):
        assert message in scan.provenance["notes"]
        assert message in caplog.text


def test_hints_that_agree_are_not_noted(file):
    scan = open_scan(file, pixel_um=2.0, theta_deg=[0, 1, 2, 3], energy_kev=20)
    assert scan.provenance["notes"] == ()


def test_geometry_hint_keeps_what_it_does_not_name(file):
    cone = {"source_axis_mm": 20, "source_detector_mm": 80}
    assert open_scan(file, geometry=cone, centre_px=1.0).geometry == ConeBeam(2.0, 20.0, 80.0, centre_px=1.0)
    assert open_scan(file, geometry=ParallelBeam(3.0)).geometry == ParallelBeam(3.0)


def test_flats_and_darks_by_hint(file):
    np.save(file.parent / "f.npy", np.full((3, 2, 3), 9, np.uint16))
    scan = open_scan(file, flats="f.npy", darks="f.npy")
    assert np.all(scan.flats[:] == 9)
    assert scan.darks.shape[0] == 3
    assert scan.flat_positions is None  # those of the file were of its own two flats
    scan = open_scan(file, flats="f.npy", flat_positions=[0, 0, 4])
    np.testing.assert_array_equal(scan.flat_positions, [0, 0, 4])


def test_angles_by_file(file):
    (file.parent / "t.txt").write_text("0\n2\n4\n6\n")
    np.testing.assert_allclose(np.degrees(open_scan(file, angles="t.txt").theta), [0, 2, 4, 6])


def test_sidecar_beside_a_file(file):
    file.with_suffix(".yaml").write_text("pixel_um: 5\nis_line_integral: true\n")
    scan = open_scan(file)
    assert scan.geometry.pixel_um == 5
    assert scan.is_line_integral
    assert open_scan(file, pixel_um=6).geometry.pixel_um == 6


def test_run_configuration_beside_a_file_is_ignored(file):
    file.with_suffix(".yaml").write_text("scans: {argon: {path: scan.tif}}\n")
    assert open_scan(file).geometry.pixel_um == 2


def test_sidecar_names_datasets_of_an_unknown_layout(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as out:
        out["my/frames"] = np.ones((4, 2, 3), np.uint16)
    with pytest.raises(ScanError, match="name its frames in a sidecar as file.h5:/path"):
        open_scan(tmp_path / "a.h5")
    (tmp_path / "a.yaml").write_text('projections: "a.h5:/my/frames"\n')
    assert open_scan(tmp_path / "a.h5").shape == (4, 2, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a is empty; it was not written"),
        (bytes(range(32)), "a is of no known layout; known are Nikon xtekct, .*"),
        (b"just a note", "a holds no mapping"),
        (b"MATLAB 5.0 MAT-file", "a is damaged or no MATLAB file"),
    ],
)
def test_what_is_no_scan(tmp_path, content, message):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ScanError, match=message):
        open_scan(tmp_path / "a")


def test_not_there():
    with pytest.raises(FileNotFoundError, match="nowhere.h5 does not exist"):
        open_scan("nowhere.h5")


REAL = [
    "projections/dataexchange/tooth.h5",
    "projections/dataexchange/meta_mock.h5",
    "projections/dataexchange/reader.h5",
    "projections/als832/read_stack.h5",
    "projections/nxtomo/k11-18014.nxs",
    "projections/zeiss/txrm_test_chip_tomo.txrm",
    "volumes/cylindrical_cell/cell_vol_061-085.tif",
    "conebeam/ctsimu_tetrahedron/projections/tetra_metadata.json",
    "conebeam/axitom_barrel/settings.xtekct",
    "conebeam/axitom_barrel/barrel_projections_axisym.npy",
]


def use(path, **hints):
    """Do all that is done with a scan before it is reconstructed."""
    scan = open_scan(path, **hints)
    inspect(scan).as_dict()
    check_scan(scan)
    thumbnail(scan)
    scan.projections[-1:, :2]


def damaged(data, rng):
    """Cut a file short, or overwrite some of its bytes, near its beginning more often than elsewhere."""
    data = bytearray(data)
    if rng.random() < 0.4:
        return data[: rng.randrange(len(data))]
    reach = min(rng.choice([512, 4096, len(data)]), len(data))
    for _ in range(rng.choice([1, 4, 30])):
        data[rng.randrange(reach)] = rng.choice([0, 255, rng.randrange(256)])
    return data


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_damaged_copies_end_in_one_line(data_dir, tmp_path, name):
    rng = random.Random(name)
    source = data_dir / name
    for beside in (*source.parent.glob("tetra_*.raw"), *source.parent.glob("barrel*.npy")):
        shutil.copy(beside, tmp_path)
    if name.endswith(".nxs"):
        shutil.copytree(source.with_suffix(""), tmp_path / "k11-18014")
    hints = {"projections": "barrel_projections_axisym.npy"} if name.endswith("xtekct") else {}
    data = source.read_bytes()
    refused = []
    for _ in range(40):
        (tmp_path / "copy").write_bytes(damaged(data, rng))
        try:
            use(tmp_path / "copy", **hints)
        except (ScanError, FileNotFoundError) as error:
            refused.append(str(error))
    assert all("\n" not in message and len(message) < 1000 for message in refused)
    assert len(refused) > 5  # the damage is real


@pytest.mark.data
def test_every_truncation_of_the_smallest_file(data_dir, tmp_path):
    data = (data_dir / "projections/dataexchange/reader.h5").read_bytes()
    for size in range(0, len(data), 97):
        (tmp_path / "copy.h5").write_bytes(data[:size])
        with pytest.raises(ScanError, match="copy.h5"):
            use(tmp_path / "copy.h5")


def test_frames_of_a_folder_with_a_damaged_header(tmp_path):
    for index in range(3):
        tifffile.imwrite(tmp_path / f"a_{index}.tif", np.zeros((4, 5), np.uint16))
    (tmp_path / "a_1.tif").write_bytes(b"II*\x00")
    with pytest.raises(ScanError, match="a_1.tif ends inside a TIFF directory"):
        open_scan(tmp_path)

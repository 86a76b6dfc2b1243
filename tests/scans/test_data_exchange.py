"""DataExchange: the real files of the data set, and what a damaged or odd file leads to."""

import h5py
import numpy as np
import pytest

from xelith.scans import ParallelBeam, ScanError, open_scan


def write(path, **datasets):
    """A DataExchange file of 4 frames with the given datasets; a tuple is (value, units)."""
    with h5py.File(path, "w") as file:
        file["exchange/data"] = np.arange(24, dtype=np.uint16).reshape(4, 2, 3)
        for name, value in datasets.items():
            value, units = value if isinstance(value, tuple) else (value, None)
            file[name] = value
            if units is not None:
                file[name].attrs["units"] = units
    return path


@pytest.mark.data
def test_tooth(data_dir):
    scan = open_scan(data_dir / "projections/dataexchange/tooth.h5")
    assert scan.format == "DataExchange HDF5"
    assert scan.shape == (181, 2, 640)
    assert scan.flats.shape == scan.darks.shape == (10, 2, 640)
    np.testing.assert_allclose(np.degrees(scan.theta), np.arange(181) * 180 / 181, atol=1e-10)
    assert scan.missing == ("pixel_um",)
    assert scan.energy_kev is None
    assert round(float(scan.darks[:].mean())) == 105
    assert round(float(scan.flats[:].mean())) == 27942
    assert scan.provenance["sample"] == "Tooth"


@pytest.mark.data
def test_metadata_of_a_beamline(data_dir):
    scan = open_scan(data_dir / "projections/dataexchange/meta_mock.h5")
    assert scan.shape == (11, 50, 50)
    assert scan.theta is None
    assert scan.energy_kev == 20
    assert scan.geometry == ParallelBeam(pixel_um=pytest.approx(1.18063734))  # at the sample, not 5.86 on the chip
    assert scan.exposure_s == pytest.approx(0.008004, rel=1e-4)
    np.testing.assert_array_equal(scan.flat_positions, np.zeros(5))
    assert any("num_angles is 6401 and the file has 11 frames" in note for note in scan.provenance["notes"])


@pytest.mark.data
def test_smallest_file_says_what_is_missing(data_dir):
    scan = open_scan(data_dir / "projections/dataexchange/reader.h5")
    assert scan.shape == (4, 8, 16)
    assert scan.missing == ("flats", "darks", "theta", "pixel_um")


@pytest.mark.parametrize(
    ("units", "factor"), [("degrees", np.pi / 180), ("radians", 1.0), ("rad", 1.0), (None, np.pi / 180)]
)
def test_angles_follow_their_unit(tmp_path, units, factor):
    path = write(tmp_path / "a.h5", **{"exchange/theta": (np.arange(4.0), units)})
    np.testing.assert_allclose(open_scan(path).theta, np.arange(4) * factor)


def test_angles_that_look_like_radians_are_noted(tmp_path, caplog):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["exchange/data"] = np.zeros((40, 2, 3), np.uint16)
        file["exchange/theta"] = np.linspace(0, np.pi, 40)
    open_scan(path)
    assert "spans 3.142 and states no unit; taken as degrees" in caplog.text


def test_rotation_record_gives_angles_where_it_fits(tmp_path):
    rotation = "process/acquisition/rotation"
    path = write(
        tmp_path / "a.h5",
        **{f"{rotation}/num_angles": 4, f"{rotation}/rotation_start": 10.0, f"{rotation}/rotation_step": 0.5},
    )
    scan = open_scan(path)
    np.testing.assert_allclose(np.degrees(scan.theta), [10, 10.5, 11, 11.5])
    assert "angles are 10 + 0.5 i degrees" in scan.provenance["notes"][0]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("measurement/instrument/detection_system/objective/resolution", ([1.17], "microns"), 1.17),
        ("measurement/instrument/detector/actual_pixel_size_x", (6.5e-7, "m"), 0.65),
        ("measurement/instrument/detector/pixel_size_x", (0.0055, "mm"), 5.5),
    ],
)
def test_pixel_follows_its_unit(tmp_path, name, value, expected):
    scan = open_scan(write(tmp_path / "a.h5", **{name: value}))
    assert scan.geometry.pixel_um == pytest.approx(expected)
    assert ("states no magnification" in " ".join(scan.provenance["notes"])) == (expected == 5.5)


def test_magnification_divides_the_detector_pixel(tmp_path):
    lens = "measurement/instrument/detection_system/objective/magnification"
    pixel = "measurement/instrument/detector/pixel_size_x"
    scan = open_scan(write(tmp_path / "a.h5", **{pixel: (6.5, "um"), lens: 10.0}))
    assert scan.geometry.pixel_um == pytest.approx(0.65)


@pytest.mark.parametrize(("value", "units", "expected"), [(25.0, "keV", 25), (25_000.0, "eV", 25), (25.0, None, 25)])
def test_energy_follows_its_unit(tmp_path, value, units, expected):
    scan = open_scan(write(tmp_path / "a.h5", **{"measurement/instrument/monochromator/energy": (value, units)}))
    assert scan.energy_kev == pytest.approx(expected)


def test_unknown_unit_is_noted(tmp_path):
    scan = open_scan(write(tmp_path / "a.h5", **{"measurement/instrument/monochromator/energy": (25.0, "furlong")}))
    assert scan.energy_kev == 25
    assert "unknown unit 'furlong'; taken as 25 kev" in scan.provenance["notes"][0]


@pytest.mark.parametrize(("mode", "expected"), [("Start", [0, 0]), ("End", [4, 4]), ("Both", [0, 4])])
def test_flat_mode_gives_positions(tmp_path, mode, expected):
    path = write(
        tmp_path / "a.h5",
        **{
            "exchange/data_white": np.ones((2, 2, 3), np.uint16),
            "process/acquisition/flat_fields/flat_field_mode": np.bytes_(mode),
        },
    )
    np.testing.assert_array_equal(open_scan(path).flat_positions, expected)


def test_empty_flats_count_as_none(tmp_path):
    assert open_scan(write(tmp_path / "a.h5", **{"exchange/data_white": np.ones((0, 2, 3))})).flats is None


def test_sinogram_order_is_refused(tmp_path):
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        file["exchange/data"].attrs["axes"] = "y:theta:x"
    with pytest.raises(ScanError, match="has axes y:theta:x; angles come first"):
        open_scan(path)


def test_dangling_frames_are_named(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["exchange/data"] = h5py.ExternalLink("frames.h5", "/data")
    with pytest.raises(ScanError, match=r"links to .*frames.h5, which cannot be opened; copy that file"):
        open_scan(path)

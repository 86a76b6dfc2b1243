"""NXtomo: a real beamline file with dangling links, the standard layout, and what is odd in others."""

import h5py
import numpy as np
import pytest

from xelith.scans import ConeBeam, ParallelBeam, ScanError, open_scan

KEYS = np.array([2, 1, 0, 0, 1, 0, 3, 0, 1])
COUNTS = np.random.default_rng(6).integers(0, 60_000, (9, 3, 4)).astype(np.uint16)


def write(path, *, keys=KEYS, angles="sample/rotation_angle", units="deg", entry="entry", **datasets):
    """A standard file; datasets are paths below the entry, a tuple is (value, units)."""
    with h5py.File(path, "a") as file:
        top = file.require_group(entry)
        top["instrument/detector/data"] = COUNTS
        if keys is not None:
            top["instrument/detector/image_key"] = keys
        if angles:
            top[angles] = np.arange(9) * 10.0
            if units:
                top[angles].attrs["units"] = units
        for name, value in datasets.items():
            value, unit = value if isinstance(value, tuple) else (value, None)
            top[name] = value
            if unit:
                top[name].attrs["units"] = unit
    return path


@pytest.mark.data
def test_real_master_file(data_dir):
    scan = open_scan(data_dir / "projections/nxtomo/k11-18014.nxs")
    assert scan.format == "NXtomo HDF5"
    assert scan.shape == (3001, 22, 26)
    assert scan.flats.shape == scan.darks.shape == (100, 22, 26)
    np.testing.assert_array_equal(scan.flat_positions, np.repeat([0, 3001], 50))
    assert np.degrees(scan.theta[[0, -1]]) == pytest.approx([89.995, 269.995], abs=1e-3)
    assert scan.energy_kev is None  # that of the storage ring, 3 GeV, is not the beam's
    means = [round(float(frames[:].mean())) for frames in (scan.flats, scan.darks, scan.projections)]
    assert means == [45317, 99, 38314]
    transmission = (scan.projections[:] - 99.2) / (scan.flats[:].mean(0) - 99.2)
    assert -np.log(transmission).mean() == pytest.approx(0.176, abs=1e-3)  # as the data's notes state


@pytest.mark.data
def test_real_master_file_without_its_frames(data_dir, tmp_path):
    path = tmp_path / "k11-18014.nxs"
    path.write_bytes((data_dir / "projections/nxtomo/k11-18014.nxs").read_bytes())
    with pytest.raises(
        ScanError, match=r"links to .*k11-18014/k11-18014-.*\.h5, which cannot be opened; copy that file"
    ):
        open_scan(path)


def test_standard_layout(tmp_path):
    scan = open_scan(
        write(
            tmp_path / "a.nxs",
            **{
                "instrument/detector/x_pixel_size": (5.4e-7, "m"),
                "instrument/detector/count_time": (200.0, "ms"),
                "instrument/detector/distance": (3.0, "mm"),
                "instrument/beam/incident_energy": (25_000.0, "eV"),
                "instrument/source/energy": (3.0, "GeV"),
                "sample/name": "cell 7",
                "title": "argon",
            },
        )
    )
    projections = np.flatnonzero(KEYS == 0)
    np.testing.assert_array_equal(scan.projections[:], COUNTS[projections])
    np.testing.assert_array_equal(scan.flats[:], COUNTS[KEYS == 1])
    np.testing.assert_array_equal(scan.darks[:], COUNTS[KEYS == 2])
    np.testing.assert_allclose(np.degrees(scan.theta), projections * 10)
    np.testing.assert_array_equal(scan.flat_positions, [0, 2, 4])
    assert scan.geometry == ParallelBeam(pytest.approx(0.54))
    assert scan.energy_kev == 25
    assert scan.exposure_s == pytest.approx(0.2)
    assert scan.provenance["sample"] == "cell 7"
    assert scan.provenance["sample_detector_mm"] == pytest.approx(3)


def test_pixel_at_the_sample_comes_first(tmp_path):
    sizes = {"instrument/detector/x_pixel_size": (6.5, "um"), "sample/x_pixel_size": (0.65, "um")}
    assert open_scan(write(tmp_path / "a.nxs", **sizes)).geometry.pixel_um == pytest.approx(0.65)


def test_pixel_without_unit_is_metres_and_noted(tmp_path):
    scan = open_scan(write(tmp_path / "a.nxs", **{"instrument/detector/x_pixel_size": 5.4e-7}))
    assert scan.geometry.pixel_um == pytest.approx(0.54)
    assert "states no unit; taken as metres, 0.54 µm" in scan.provenance["notes"][0]


def test_tube_makes_a_cone_beam(tmp_path):
    scan = open_scan(
        write(
            tmp_path / "a.nxs",
            **{
                "instrument/source/type": "Fixed Tube X-ray",
                "instrument/source/distance": (-25.0, "mm"),
                "instrument/detector/distance": (0.075, "m"),
                "instrument/detector/x_pixel_size": (50.0, "um"),
                "instrument/detector/x_rotation_axis_pixel_position": 1.25,
            },
        )
    )
    assert scan.geometry == ConeBeam(50.0, 25.0, pytest.approx(100.0), centre_px=1.25)


@pytest.mark.parametrize(("units", "factor"), [("rad", 1.0), ("degree", np.pi / 180), (None, np.pi / 180)])
def test_angles_follow_their_unit(tmp_path, units, factor):
    scan = open_scan(write(tmp_path / "a.nxs", units=units))
    np.testing.assert_allclose(scan.theta, np.flatnonzero(KEYS == 0) * 10 * factor)


def test_angles_of_a_motor_are_noted(tmp_path):
    scan = open_scan(write(tmp_path / "a.nxs", angles="data/gts_theta", **{"data/theta_set": np.zeros(9)}))
    np.testing.assert_allclose(np.degrees(scan.theta), np.flatnonzero(KEYS == 0) * 10)
    assert "angles are those of /entry/data/gts_theta" in scan.provenance["notes"][0]


def test_angles_of_the_projections_only(tmp_path):
    path = write(tmp_path / "a.nxs", angles=None, **{"sample/rotation_angle": np.arange(4.0)})
    np.testing.assert_allclose(np.degrees(open_scan(path).theta), np.arange(4))


def test_no_angles(tmp_path):
    assert open_scan(write(tmp_path / "a.nxs", angles=None)).theta is None


def test_alignment_frames_are_left_out(tmp_path):
    control = KEYS.copy()
    control[-2] = -1
    scan = open_scan(write(tmp_path / "a.nxs", **{"instrument/detector/image_key_control": control}))
    np.testing.assert_array_equal(scan.projections[:], COUNTS[[2, 3, 5]])


def test_subentry_and_other_names(tmp_path):
    scan = open_scan(write(tmp_path / "a.nxs", entry="entry1/tomo_entry"))
    assert scan.shape == (4, 3, 4)


def test_second_detector_is_noted(tmp_path):
    path = write(tmp_path / "a.nxs")
    with h5py.File(path, "a") as file:
        file["entry/instrument/extra/data"] = COUNTS
        file["entry/instrument/extra/image_key"] = KEYS
    scan = open_scan(path)
    assert "/entry/instrument/detector is taken and /entry/instrument/extra left" in scan.provenance["notes"][0]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (KEYS[:-1], "has 8 image keys and 9 frames; both must be as many"),
        (np.ones(9, int), r"image_key has no projection \(key 0\)"),
    ],
)
def test_keys_that_do_not_fit(tmp_path, keys, message):
    with pytest.raises(ScanError, match=message):
        open_scan(write(tmp_path / "a.nxs", keys=keys))


def test_file_without_keys_is_no_nxtomo(tmp_path):
    with pytest.raises(ScanError, match="is HDF5 without exchange/data or an NXtomo image_key"):
        open_scan(write(tmp_path / "a.nxs", keys=None))

"""Nikon X-Tek: settings to geometry, white level to flats, and the analytic barrel."""

import math

import numpy as np
import pytest
import tifffile

from xelith.scans import ConeBeam, ScanError, open_scan

SETTINGS = {
    "Name": "cell",
    "InputFolderName": "",
    "SrcToObject": 20,
    "SrcToDetector": 100,
    "DetectorPixelsX": 8,
    "DetectorPixelsY": 6,
    "DetectorPixelSizeX": 0.2,
    "DetectorPixelSizeY": 0.2,
    "CentreOfRotationTop": 0.0,
    "CentreOfRotationBottom": 0.0,
    "WhiteLevel": 60000,
    "Projections": 4,
    "InitialAngle": 5,
    "AngularStep": 90,
    "ObjectTilt": 0,
}


def write(folder, *, frames=4, shape=(6, 8), name="cell", **changes):
    """A scan of four views; a change of None leaves a setting out."""
    settings = {key: value for key, value in {**SETTINGS, **changes}.items() if value is not None}
    lines = "\r\n".join(f"{key}={value}" for key, value in settings.items())
    (folder / "scan.txt").write_text(f"[XTekCT]\r\n{lines}\r\n[Xrays]\r\nXraykV=160\r\n")
    for index in range(frames):
        tifffile.imwrite(folder / f"{name}_{index + 1:04d}.tif", np.full(shape, index, np.uint16))
    return folder / "scan.txt"


def test_facts(tmp_path):
    scan = open_scan(write(tmp_path))
    assert scan.format == "Nikon xtekct"
    assert scan.shape == (4, 6, 8)
    assert scan.geometry == ConeBeam(200.0, 20.0, 100.0, centre_px=3.5, direction=-1)
    np.testing.assert_allclose(np.degrees(scan.theta), [5, 95, 185, 275])
    assert np.all(scan.flats[:] == 60_000)
    assert np.all(scan.darks[:] == 0)
    assert scan.flats.shape == scan.darks.shape == (1, 6, 8)
    assert scan.provenance["XraykV"] == "160"
    assert scan.missing == ()


def test_axis_and_tilt(tmp_path):
    geometry = open_scan(write(tmp_path, CentreOfRotationTop=0.1, CentreOfRotationBottom=0.5)).geometry
    assert geometry.centre_px == pytest.approx(3.5 + 0.3 / 0.2)
    assert geometry.detector_tilt_rad == pytest.approx(math.atan2(0.4, 1.2))  # over the detector's height


def test_newer_name_of_the_axis(tmp_path):
    geometry = open_scan(write(tmp_path, ObjectOffsetX=0.08)).geometry
    assert geometry.centre_px == pytest.approx(3.5 + 0.08 * 5 / 0.2)


def test_binned_frames_have_larger_pixels(tmp_path):
    scan = open_scan(write(tmp_path, shape=(3, 4), CentreOfRotationTop=0.4, CentreOfRotationBottom=0.4))
    assert scan.geometry.pixel_um == pytest.approx(400)
    assert scan.geometry.centre_px == pytest.approx(1.5 + 1)
    assert "frames have 4 of 8 columns" in scan.provenance["notes"][0]


def test_what_is_not_applied_is_noted(tmp_path):
    scan = open_scan(write(tmp_path, DetectorOffsetX=1.5))
    assert any("DetectorOffsetX=1.5, which is not applied" in note for note in scan.provenance["notes"])


def test_number_of_projections_is_compared(tmp_path):
    scan = open_scan(write(tmp_path, Projections=5))
    assert any("says 5 projections and there are 4" in note for note in scan.provenance["notes"])
    assert len(scan.theta) == 5  # check_scan refuses it


def test_decimal_commas(tmp_path):
    assert open_scan(write(tmp_path, SrcToObject="20,5")).geometry.source_axis_mm == 20.5


def test_projections_in_a_named_folder(tmp_path):
    (tmp_path / "frames").mkdir()
    path = write(tmp_path, frames=0, InputFolderName="frames")
    tifffile.imwrite(tmp_path / "frames/cell_0001.tif", np.zeros((6, 8), np.uint16))
    tifffile.imwrite(tmp_path / "frames/preview.tif", np.zeros((2, 2), np.uint16))
    assert open_scan(path).shape == (1, 6, 8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"SrcToObject": None}, "has SrcToObject=''; it must be a number"),
        ({"SrcToObject": "near"}, "has SrcToObject='near'; it must be a number"),
        ({"SrcToObject": 0}, "has SrcToObject=0; it must be above 0"),
        ({"SrcToDetector": 10}, "has SrcToDetector=10; it must be above 0 and the detector behind the object"),
        ({"shape": (6, 9)}, r"has a detector of 6 x 8 pixels and frames of 6 x 9"),
        ({"shape": (3, 8)}, r"has a detector of 6 x 8 pixels and frames of 3 x 8"),
        ({"InputFolderName": "../elsewhere"}, "InputFolderName names ../elsewhere, which lies outside"),
    ],
)
def test_faults_are_named(tmp_path, changes, message):
    with pytest.raises(ScanError, match=message):
        open_scan(write(tmp_path, **changes))


def test_missing_projections_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no TIFF projections cell_0001.tif in"):
        open_scan(write(tmp_path, frames=0))


def test_broken_settings_are_named(tmp_path):
    (tmp_path / "scan.txt").write_text("[XTekCT]\n  [broken\n=3\n")
    with pytest.raises(ScanError, match="(holds no X-Tek settings|must be a number|no TIFF)"):
        open_scan(tmp_path / "scan.txt", projections=np.save(tmp_path / "p.npy", np.zeros((2, 6, 8))) or "p.npy")


@pytest.mark.data
def test_barrel(data_dir):
    path = data_dir / "conebeam/axitom_barrel/settings.xtekct"
    scan = open_scan(path, projections="barrel_projections_axisym.npy", is_line_integral=True)
    assert scan.geometry == ConeBeam(pytest.approx(800.0), 76.7192516326904, 1127.464, 249.5, direction=-1)
    assert scan.flats is None
    assert scan.missing == ()
    assert np.degrees(np.diff(scan.theta)[0]) == pytest.approx(0.11457670)
    image = scan.projections[:][0]  # the source's axis of rotation runs along its columns
    # the ray through the axis crosses a cylinder of 1 per mm whose diameter is 0.7 of the source's 500-cube
    diameter_mm = 0.7 * 500 * 0.8 / scan.geometry.magnification
    assert image[249:251, 249:251].mean() == pytest.approx(diameter_mm, rel=2e-3)

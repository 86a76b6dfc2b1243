"""Zeiss txrm: a real nano-CT file, and what it would say if a Versa had written it."""

import shutil
import struct

import numpy as np
import olefile
import pytest

from xelith.scans import ConeBeam, ParallelBeam, ScanError, open_scan
from xelith.scans.ole_streams import OleStreams

pytestmark = pytest.mark.data


@pytest.fixture
def real(data_dir):
    return data_dir / "projections/zeiss/txrm_test_chip_tomo.txrm"


@pytest.fixture
def changed(real, tmp_path):
    """A function that copies the real file with some streams overwritten, each of its own length."""

    def change(**streams):
        path = tmp_path / "scan.bin"  # the ending plays no part
        shutil.copy(real, path)
        with olefile.OleFileIO(path, write_mode=True) as ole:
            for name, (form, *values) in streams.items():
                name = name.replace("__", "/").replace("_", "-")
                size = ole.get_size(name)
                data = struct.pack("<" + form * len(values), *values)
                ole.write_stream(name, (data * (size // len(data) + 1))[:size])
        return path

    return change


def test_facts_of_the_real_file(real):
    scan = open_scan(real)
    assert scan.format == "Zeiss txrm"
    assert scan.shape == (7, 256, 256)
    assert scan.projections.dtype == np.uint16
    expected = [-45.02, -30.01, -15.01, -0.01, 14.99, 29.99, 44.99]
    np.testing.assert_allclose(np.degrees(scan.theta), expected, atol=0.01)
    assert scan.geometry == ParallelBeam(pytest.approx(0.15579, abs=1e-5))
    assert scan.energy_kev == pytest.approx(9.2, abs=1e-3)  # 9200 in the file: eV
    assert scan.exposure_s == 5
    assert scan.shifts_px.shape == (7, 2)
    assert scan.shifts_px[0] == pytest.approx([0.244, 0.259], abs=1e-3)  # row, column
    assert scan.missing == ("flats", "darks")


def test_frames_are_those_of_olefile(real):
    frames = open_scan(real).projections
    with olefile.OleFileIO(real) as ole:
        for index in (0, 6):
            data = ole.openstream(f"ImageData1/Image{index + 1}").read()
            image = np.frombuffer(data, "<u2").reshape(256, 256)
            np.testing.assert_array_equal(frames[index : index + 1][0], image)
            np.testing.assert_array_equal(frames[index : index + 1, 100:103, 7:9][0], image[100:103, 7:9])


def test_versa_distances_make_a_cone_beam(changed):
    path = changed(
        ImageInfo__XrayGeometry=("i", 1),
        ImageInfo__StoRADistance=("f", -25.0),
        ImageInfo__DtoRADistance=("f", 75.0),
        ImageInfo__PixelSize=("f", 2.0),
        ImageInfo__Voltage=("f", 80.0),
    )
    scan = open_scan(path)
    # PixelSize is at the axis; on the detector it is larger by 100 / 25
    assert scan.geometry == ConeBeam(8.0, 25.0, 100.0, direction=-1)
    assert scan.geometry.pixel_um / scan.geometry.magnification == pytest.approx(2.0)
    assert scan.energy_kev is None  # a tube has no one energy
    assert scan.provenance["tube_kv"] == 80


def test_useless_distances_are_noted(changed):
    scan = open_scan(changed(ImageInfo__XrayGeometry=("i", 1)))
    assert scan.geometry == ParallelBeam(pytest.approx(0.15579, abs=1e-5))
    assert "distances of source 1 and detector 1 mm are no use" in scan.provenance["notes"][0]


def test_hint_supplies_the_cone(changed):
    cone = {"source_axis_mm": 20, "source_detector_mm": 80, "direction": -1}
    geometry = open_scan(changed(), geometry=cone, pixel_um=4.0).geometry
    assert geometry == ConeBeam(4.0, 20.0, 80.0, direction=-1)


def test_zero_shifts_count_as_none(changed):
    path = changed(Alignment__X_Shifts=("f", 0.0), Alignment__Y_Shifts=("f", 0.0))
    assert open_scan(path).shifts_px is None


def test_stopped_scan_is_noted(changed):
    scan = open_scan(changed(ImageInfo__ImagesTaken=("i", 5)))
    assert scan.shape[0] == len(scan.theta) == 5
    assert "has 5 of 7 projections; the scan was stopped" in scan.provenance["notes"][0]


@pytest.mark.parametrize(
    ("streams", "message"),
    [
        ({"ImageInfo__DataType": ("i", 12)}, "has frames of DataType 12; known are 2, 3, 4, 5"),
        ({"ImageInfo__DataType": ("i", 10)}, "frame 0 needs 262144 up to byte"),
        ({"ImageInfo__ImageWidth": ("i", 2**30)}, "claims 7 x 256 x 1073741824 values"),
        ({"ImageInfo__ImageWidth": ("i", 0)}, "so it is empty"),
        ({"ImageInfo__AcquisitionMode": ("i", 1)}, "holds a reconstructed volume, not projections"),
        ({"ImageInfo__NoOfImages": ("i", 8), "ImageInfo__ImagesTaken": ("i", 8)}, "has no stream ImageData1/Image8"),
    ],
)
def test_faults_are_named(changed, streams, message):
    with pytest.raises(ScanError, match=message):
        open_scan(changed(**streams))


def test_one_byte_type(changed):
    scan = open_scan(changed(ImageInfo__DataType=("i", 3)))  # each stream is long enough
    assert scan.projections.dtype == np.uint8
    assert scan.projections[:1].shape == (1, 256, 256)


def test_broken_chains_are_named(real, tmp_path):
    with OleStreams(real) as ole:
        sector = ole.runs("ImageData1/Image3")[0][0] // ole._ole.sectorsize - 1
        ole._fat = ole._fat.copy()
        ole._fat[sector + 4] = 10**7
        with pytest.raises(ScanError, match="the sectors of ImageData1/Image3 are broken"):
            ole.runs("ImageData1/Image3")


def test_streams_in_parts_are_followed(real):
    with OleStreams(real) as ole:
        offset, length = ole.runs("ImageData1/Image3")[0]
        width = ole._ole.sectorsize
        first, far = offset // width - 1, len(ole._fat) + 10
        fat = np.full(far + 300, -2)
        fat[: len(ole._fat)] = ole._fat
        fat[first + 3] = far  # after four sectors the stream goes on elsewhere
        fat[far : far + 299] = np.arange(far + 1, far + 300)
        ole._fat = fat
        assert ole.runs("ImageData1/Image3") == [
            (offset, 4 * width),
            ((far + 1) * width, length - 4 * width),
        ]


def test_small_streams(real):
    with OleStreams(real) as ole:
        assert ole.text("ImageInfo/ObjectiveName") == "Imaging"
        assert ole.text("SampleInfo/SampleID") is None
        assert ole.number("No/Such") is None
        assert ole.numbers("No/Such").size == 0
        with pytest.raises(ScanError, match="has 4 bytes, too few for a frame"):
            ole.runs("ImageInfo/ImageWidth")


def test_other_ole_file_is_refused(changed, tmp_path):
    path = changed()
    data = path.read_bytes().replace("ImageWidth".encode("utf-16-le"), "ImageWodth".encode("utf-16-le"))
    path.write_bytes(data)
    with pytest.raises(ScanError, match="is of no known layout"):
        open_scan(path)


def test_cut_file_is_named(real, tmp_path):
    (tmp_path / "a.txrm").write_bytes(real.read_bytes()[:700])
    with pytest.raises(ScanError, match=r"a.txrm cannot be read as OLE"):
        open_scan(tmp_path / "a.txrm")


class Streams:
    """OleStreams with an embedded reference that the real file lacks."""

    def __init__(self, ole, extra):
        self._ole, self._extra = ole, extra

    def __getattr__(self, name):
        return getattr(self._ole, name)

    def has(self, name):
        return name in self._extra or self._ole.has(name)

    def number(self, name, dtype="<i4"):
        return self._extra[name] if name in self._extra else self._ole.number(name, dtype)

    def runs(self, name):
        return self._ole.runs("ImageData1/Image7" if name == "ReferenceData/Image" else name)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"ReferenceData/DataType": 5}, None),
        ({"ReferenceData/DataType": 5, "ReferenceData/ExpTime": 2.5}, "the reference took 2.5 s and a projection 5 s"),
        ({"ReferenceData/DataType": 5, "ReferenceData/ImageInfo/ImageWidth": 128}, "256 x 128 pixels of DataType 5"),
        ({"ReferenceData/DataType": 99}, "256 x 256 pixels of DataType 99"),
    ],
)
def test_embedded_reference(real, extra, expected):
    from xelith.scans.txrm import frames_of, reference_of

    with OleStreams(real) as ole:
        notes = []
        streams = Streams(ole, {"ReferenceData/Image": None, **extra})
        frames = frames_of(ole, notes)
        reference = reference_of(streams, frames, 5.0, notes)
    if expected and "DataType" in expected:
        assert reference is None
    else:
        np.testing.assert_array_equal(reference[:], frames[6:7])
    assert expected is None or expected in notes[0]

"""Links in HDF5 files: followed inside the scan's folder, refused outside, harmless where they dangle."""

import h5py
import numpy as np
import pytest

from xelith.scans import ScanError, open_scan
from xelith.scans.hdf_links import LinkedHdf, as_text, attribute, first_value, open_hdf

COUNTS = np.arange(24, dtype=np.uint16).reshape(4, 2, 3)


@pytest.fixture
def scan_folder(tmp_path):
    """A folder `scan` with frames in `scan/below/inside.h5`, and `outside.h5` beside the folder."""
    folder = tmp_path / "scan"
    (folder / "below").mkdir(parents=True)
    for path in (folder / "below/inside.h5", tmp_path / "outside.h5"):
        with h5py.File(path, "w") as file:
            file["data"] = COUNTS
            file["again"] = h5py.SoftLink("/data")
            file["out"] = h5py.ExternalLink("../../outside.h5", "/data")
    return folder


def linked(folder, **links):
    """A file in the folder with these links."""
    with h5py.File(folder / "a.h5", "w") as file:
        for name, link in links.items():
            file[name] = link
    return folder / "a.h5"


@pytest.mark.parametrize("target", ["/data", "/again", "data", "./again"])
def test_links_inside_are_followed(scan_folder, target):
    path = linked(scan_folder, frames=h5py.ExternalLink("below/inside.h5", target), soft=h5py.SoftLink("frames"))
    with LinkedHdf(path) as file:
        for name in ("frames", "/frames", "soft"):
            np.testing.assert_array_equal(file.get(name)[()], COUNTS)


@pytest.mark.parametrize(
    "link",
    [
        h5py.ExternalLink("../outside.h5", "/data"),
        h5py.ExternalLink("../outside.h5", "/again"),
        h5py.ExternalLink("below/../../outside.h5", "/data"),
        h5py.ExternalLink("below/inside.h5", "/out"),  # a link of the linked file, relative to that file
    ],
)
def test_links_outside_are_refused(scan_folder, link):
    path = linked(scan_folder, frames=link, soft=h5py.SoftLink("/frames"))
    with LinkedHdf(path) as file:
        assert file.get("frames") is None
        assert file.get("soft") is None
        assert any(target.endswith("/outside.h5") for target in file.refused.values())


def test_links_outside_are_followed_with_leave(scan_folder):
    path = linked(scan_folder, frames=h5py.ExternalLink("../outside.h5", "/again"))
    with LinkedHdf(path, allow_outside=True) as file:
        np.testing.assert_array_equal(file.get("frames")[()], COUNTS)


def test_absolute_link_outside_is_refused(scan_folder):
    path = linked(scan_folder, frames=h5py.ExternalLink(str(scan_folder.parent / "outside.h5"), "/data"))
    with LinkedHdf(path) as file:
        assert file.get("frames") is None


def test_symlinked_file_outside_is_refused(scan_folder):
    (scan_folder / "inner.h5").symlink_to(scan_folder.parent / "outside.h5")
    with LinkedHdf(linked(scan_folder, frames=h5py.ExternalLink("inner.h5", "/data"))) as file:
        assert file.get("frames") is None
        assert "outside.h5" in file.refused["/frames"]


def test_scan_says_why_frames_outside_are_not_read(scan_folder):
    with h5py.File(scan_folder / "a.h5", "w") as file:
        file["exchange/data"] = h5py.ExternalLink("../outside.h5", "/data")
    with pytest.raises(ScanError, match=r"exchange/data links to .*outside.h5, outside its folder; .*allow_outside"):
        open_scan(scan_folder / "a.h5")
    assert open_scan(scan_folder / "a.h5", allow_outside=True).shape == (4, 2, 3)


def test_frames_behind_a_link_are_read_from_their_own_file(scan_folder):
    with h5py.File(scan_folder / "a.h5", "w") as file:
        file["exchange/data"] = h5py.ExternalLink("below/inside.h5", "/again")
    frames = open_scan(scan_folder / "a.h5").projections
    assert frames.path.name == "inside.h5"
    np.testing.assert_array_equal(frames[:], COUNTS)


def test_links_to_nothing_and_in_circles_end(scan_folder):
    path = linked(
        scan_folder,
        gone=h5py.ExternalLink("gone.h5", "/data"),
        empty=h5py.ExternalLink("below/inside.h5", "/no/such"),
        one=h5py.SoftLink("/two"),
        two=h5py.SoftLink("/one"),
        self=h5py.SoftLink("self"),
    )
    with LinkedHdf(path) as file:
        for name in ("gone", "empty", "one", "two", "self", "nothing", "gone/below"):
            assert file.get(name) is None
        assert file.dangling["/gone"].endswith("gone.h5")


def test_text_file_behind_a_link_dangles(scan_folder):
    (scan_folder / "notes.txt").write_text("no HDF5")
    with LinkedHdf(linked(scan_folder, a=h5py.ExternalLink("notes.txt", "/data"))) as file:
        assert file.get("a") is None
        assert file.dangling["/a"].endswith("notes.txt")


def virtual(folder, source, dataset="data"):
    """A file whose dataset is virtual, its values in another file."""
    layout = h5py.VirtualLayout((4, 2, 3), "u2")
    layout[:] = h5py.VirtualSource(source, dataset, (4, 2, 3))
    with h5py.File(folder / "v.h5", "w") as file:
        file.create_virtual_dataset("exchange/data", layout)
    return folder / "v.h5"


def test_virtual_dataset_inside_is_read(scan_folder):
    path = virtual(scan_folder, "below/inside.h5")
    np.testing.assert_array_equal(open_scan(path).projections[:], COUNTS)


@pytest.mark.parametrize(("source", "dataset"), [("../outside.h5", "data"), ("below/inside.h5", "out")])
def test_virtual_dataset_outside_is_refused(scan_folder, source, dataset):
    path = virtual(scan_folder, source, dataset)
    with pytest.raises(ScanError, match=r"links to .*outside.h5, outside its folder"):
        open_scan(path)
    assert open_scan(path, allow_outside=True).shape == (4, 2, 3)


def test_virtual_dataset_found_from_the_working_folder_is_refused(scan_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # HDF5 would fall back on ./outside.h5
    with pytest.raises(ScanError, match="outside its folder"):
        open_scan(virtual(scan_folder, "outside.h5"))


def test_external_storage_is_refused(scan_folder):
    (scan_folder / "secret.bin").write_bytes(bytes(48))
    with h5py.File(scan_folder / "e.h5", "w") as file:
        file.create_dataset("exchange/data", (4, 2, 3), "u2", external=[("secret.bin", 0, 48)])
    with pytest.raises(ScanError, match=r"links to .*secret.bin, outside its folder"):
        open_scan(scan_folder / "e.h5")


def test_walk_goes_through_circles_once(scan_folder):
    with h5py.File(scan_folder / "a.h5", "w") as file:
        file["group/value"] = 1
        file["group/up"] = file["/"]
        file["group/gone"] = h5py.ExternalLink("gone.h5", "/")
    with LinkedHdf(scan_folder / "a.h5") as file:
        assert [name for name, _ in file.walk()] == ["group", "group/up", "group/value"]


def test_numbers_texts_and_vectors(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["number"] = 2.5
        file["number"].attrs["units"] = np.bytes_(b"mm")
        file["list"] = [3.5, 4.5]
        file["text"] = "a scan"
        file["padded"] = np.array([b"padded\x00\x00"], dtype="S16")
        file["digits"] = b"7.5"
        file["nan"] = np.nan
        file["huge"] = np.zeros(1, dtype=f"S{2**17}")
        file["nothing"] = h5py.Empty("f4")
        file["table"] = np.ones((2, 2))
        file["column"] = np.ones((3, 1))
    with LinkedHdf(tmp_path / "a.h5") as file:
        assert file.number("number") == (2.5, "mm", "/number")
        assert file.number("gone", "nan", "text", "list") == (3.5, None, "/list")
        assert file.number("digits") == (7.5, None, "/digits")
        assert file.number("huge", "nothing") is None
        assert file.text("number", "text") == "a scan"
        assert file.text("padded") == "padded"
        assert file.text("gone") is None
        np.testing.assert_array_equal(file.vector("list"), [3.5, 4.5])
        np.testing.assert_array_equal(file.vector("column"), [1, 1, 1])
        for name in ("number", "text", "table", "gone", "/"):
            assert file.vector(name) is None
        assert first_value(file.get("/")) is None


def test_attributes(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["name"] = np.array([b"a", b"b"])
        assert attribute(file, "name") == "a"
        assert attribute(file, "gone") is None
        assert as_text(np.array([])) == ""


def test_faults_of_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.h5 does not exist"):
        open_hdf(tmp_path / "gone.h5")
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(ScanError, match="a.h5 cannot be read as HDF5 .* copy it again"):
        open_hdf(tmp_path / "a.h5")


def test_faults_inside_the_block_become_one_line(tmp_path):
    h5py.File(tmp_path / "a.h5", "w").close()
    with (
        pytest.raises(ScanError, match=r"a.h5 cannot be read as HDF5 \(bad heap\); it is damaged"),
        LinkedHdf(tmp_path / "a.h5"),
    ):
        raise RuntimeError("bad\n heap")
    with pytest.raises(ZeroDivisionError), LinkedHdf(tmp_path / "a.h5"):
        raise ZeroDivisionError

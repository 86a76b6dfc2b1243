"""Folders of TIFF files: which are projections, flats and darks, and what is missing from a sequence."""

import numpy as np
import pytest
import tifffile

from xelith.scans import ScanError, open_scan
from xelith.scans.tiff_stack import check_sequence, words

RNG = np.random.default_rng(4)


def write(folder, names):
    """One frame of 4 x 5 pixels under each name, its value the place in the list."""
    for index, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(path, np.full((4, 5), index, np.uint16))


def values(frames):
    """The value of each frame."""
    return [int(v) for v in frames[:, 0:1, 0:1].ravel()]


def test_numbers_are_sorted_as_numbers(tmp_path):
    write(tmp_path, [f"scan_{i}.tif" for i in range(12)])
    assert values(open_scan(tmp_path).projections) == list(range(12))


def test_endings_and_hidden_files(tmp_path):
    write(tmp_path, ["a_1.TIF", "a_2.tiff", "a_3.tif"])
    (tmp_path / "._a_4.tif").write_bytes(b"of a file system")
    (tmp_path / "notes.txt").write_text("x")
    assert open_scan(tmp_path).shape == (3, 4, 5)


@pytest.mark.parametrize(
    ("flat", "dark"),
    [("flats", "darks"), ("flat_field", "dark_field"), ("ref", "DC"), ("White", "Dark"), ("open_beam", "offset")],
)
def test_folders_by_name(tmp_path, flat, dark):
    write(tmp_path, ["p/a_1.tif", "p/a_2.tif", f"{flat}/a_1.tif", f"{dark}/a_1.tif", f"{dark}/a_2.tif"])
    scan = open_scan(tmp_path)
    assert values(scan.projections) == [0, 1]
    assert values(scan.flats) == [2]
    assert values(scan.darks) == [3, 4]


def test_projections_beside_folders(tmp_path):
    write(tmp_path, ["a_1.tif", "a_2.tif", "flats/a_1.tif", "darks/a_1.tif"])
    scan = open_scan(tmp_path)
    assert (values(scan.projections), values(scan.flats), values(scan.darks)) == ([0, 1], [2], [3])


def test_files_by_name(tmp_path):
    write(tmp_path, ["proj_1.tif", "proj_2.tif", "flat_1.tif", "flat_2.tif", "dark_1.tif"])
    scan = open_scan(tmp_path)
    assert (values(scan.projections), values(scan.flats), values(scan.darks)) == ([0, 1], [2, 3], [4])
    assert "2 files are taken as flats by their names, flat_1.tif the first" in scan.provenance["notes"]


def test_sample_called_dark_is_no_dark(tmp_path):
    write(tmp_path, ["dark_matter_1.tif", "dark_matter_2.tif"])
    scan = open_scan(tmp_path)
    assert scan.shape[0] == 2
    assert scan.darks is None


def test_patterns_of_the_user_come_first(tmp_path):
    write(tmp_path, ["a_1.tif", "a_2.tif", "b_1.tif", "c_1.tif", "flat_1.tif"])
    scan = open_scan(tmp_path, flats="b_*.tif", darks=["c_1.tif"], projections="a_*.tif")
    assert (values(scan.projections), values(scan.flats), values(scan.darks)) == ([0, 1], [2], [3])


def test_hinted_flats_are_no_projections(tmp_path):
    write(tmp_path, ["a_1.tif", "a_2.tif", "b_1.tif"])
    scan = open_scan(tmp_path, flats="b_1.tif")
    assert (values(scan.projections), values(scan.flats)) == ([0, 1], [2])


def test_several_folders_are_not_guessed_among(tmp_path):
    write(tmp_path, ["one/a_1.tif", "two/a_1.tif", "flats/a_1.tif"])
    with pytest.raises(ScanError, match=r"there (is|are) 2 folders that could \(one, two\)"):
        open_scan(tmp_path)
    assert values(open_scan(tmp_path, projections="two").projections) == [1]


def test_folder_named_projections_wins(tmp_path):
    write(tmp_path, ["preview/a_1.tif", "projections/a_1.tif"])
    assert values(open_scan(tmp_path).projections) == [1]


def test_folder_of_flats_only(tmp_path):
    write(tmp_path, ["flats/a_1.tif"])
    with pytest.raises(ScanError, match=r"must hold the projections.* none"):
        open_scan(tmp_path)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["flats_before/a_1.tif", "flats_before/a_2.tif", "flats_after/a_1.tif"], [0, 0, 3]),
        (["flat/pre_2.tif", "flat/post_1.tif"], [0, 3]),
        (["flat/pre_1.tif", "flat/x_2.tif"], None),
        (["flats/a_1.tif"], None),
    ],
)
def test_flats_before_and_after(tmp_path, names, expected):
    write(tmp_path, ["p/a_1.tif", "p/a_2.tif", "p/a_3.tif", *names])
    scan = open_scan(tmp_path)
    np.testing.assert_array_equal(scan.flat_positions, expected)
    assert values(scan.flats) == list(range(3, 3 + len(names)))  # those before the scan first


@pytest.mark.parametrize("gone", [1, 5, 8])
@pytest.mark.parametrize("step", [1, 10])
def test_missing_frame_is_named(tmp_path, gone, step):
    write(tmp_path, [f"cell7_{i * step:04d}.tif" for i in range(10) if i != gone])
    message = (
        rf"frame {gone * step} is missing between cell7_0*{(gone - 1) * step}.tif and cell7_0*{(gone + 1) * step}.tif"
    )
    with pytest.raises(ScanError, match=message):
        open_scan(tmp_path)


def test_duplicate_number_is_no_gap(tmp_path):
    paths = [tmp_path / f"{i}.tif" for i in (1, 2, 3)]
    assert check_sequence(paths) == paths
    odd = [tmp_path / "a1b1.tif", tmp_path / "a2b2.tif", tmp_path / "a4b4.tif"]
    assert check_sequence(odd) == odd  # two numbers vary: no sequence to judge


def test_frame_of_other_size_is_named(tmp_path):
    write(tmp_path, [f"a_{i}.tif" for i in range(4)])
    tifffile.imwrite(tmp_path / "a_2.tif", np.zeros((4, 6), np.uint16))
    with pytest.raises(ScanError, match=r"a_2.tif holds 4 x 6 pixels"):
        open_scan(tmp_path)


def test_multi_page_file(tmp_path):
    counts = RNG.integers(0, 60_000, (6, 4, 5)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.dat", counts, photometric="minisblack")  # the ending plays no part
    scan = open_scan(tmp_path / "a.dat", theta_range_deg=(0, 180), pixel_um=0.54)
    np.testing.assert_array_equal(scan.projections[:], counts)
    assert scan.missing == ("flats", "darks")


def test_empty_folder(tmp_path):
    with pytest.raises(ScanError, match="holds no TIFF files and no zarr, nor do its folders"):
        open_scan(tmp_path)


def test_words():
    assert words("FlatField_0001-before") == {"flat", "field", "before"}
    assert words("DC01") == {"dc"}

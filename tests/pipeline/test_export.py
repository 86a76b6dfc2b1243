"""TIFF out: the values, the voxel size, bounded memory, and nothing left behind by a failure."""

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from xelith.materials.phases import COLOURS, Phase
from xelith.pipeline import export, image_group
from xelith.pipeline.export import export_tiff


def voxel_um(file: tifffile.TiffFile) -> tuple[float, float, float]:
    """Voxel size along z, y, x as ImageJ takes it from the tags."""
    tags, about = file.pages.first.tags, file.imagej_metadata
    assert about is not None
    assert about["unit"] == "um"
    x, y = (tags[name].value[1] / tags[name].value[0] for name in ("XResolution", "YResolution"))
    return about["spacing"], y, x


def volume_of(run_dir: Path, gas: str = "xenon", level: int = 0) -> np.ndarray:
    return np.asarray(zarr.open_group(str(run_dir / f"{gas}.ome.zarr"), mode="r")[str(level)])


@pytest.mark.parametrize(("level", "size_um"), [(0, 2.0), (1, 4.0)])
def test_float_volume_keeps_mu_and_voxel_size(run_dir, tmp_path, level, size_um):
    out = export_tiff(run_dir / "xenon.ome.zarr", tmp_path / "xenon.tif", level=level)
    with tifffile.TiffFile(out) as file:
        assert file.is_imagej
        assert file.series[0].axes == "ZYX"
        np.testing.assert_array_equal(file.asarray(), volume_of(run_dir, level=level))
        # a rational of 32-bit integers holds 1 / 2 and 1 / 4 exactly
        assert voxel_um(file) == (size_um, size_um, size_um)


def test_odd_voxel_size_survives_the_rational(run_dir, tmp_path, monkeypatch):
    size = (0.54, 0.541, 0.5432)
    whole = image_group.open_image(run_dir / "xenon.ome.zarr")
    other = image_group.ImageGroup(whole.path, whole.levels, (size, size))
    monkeypatch.setattr(export, "open_image", lambda path: other)
    with tifffile.TiffFile(export_tiff(run_dir, tmp_path / "a.tif")) as file:
        assert voxel_um(file) == pytest.approx(size, rel=1e-6)  # tifffile's rationals are good to 1e-6


def test_uint16_comes_back_within_half_a_step(run_dir, tmp_path):
    out = export_tiff(run_dir / "argon.ome.zarr", tmp_path / "argon.tif", dtype="uint16")
    mu = volume_of(run_dir, "argon")
    with tifffile.TiffFile(out) as file:
        stored, about = file.asarray(), file.imagej_metadata
        assert voxel_um(file) == (2.0, 2.0, 2.0)
    assert stored.dtype == np.uint16
    assert about is not None
    assert about["mu_min_per_cm"] == pytest.approx(float(mu.min()))
    assert about["mu_max_per_cm"] == pytest.approx(float(mu.max()))
    assert about["vunit"] == "cm^-1"
    step = about["c1"]
    restored = about["c0"] + step * stored.astype(np.float64)
    assert abs(restored - mu).max() <= 0.5001 * step  # half a step of rounding
    assert (stored.min(), stored.max()) == (0, 65535)


def test_uint16_of_nan_and_of_a_constant(tmp_path, run_dir):
    array = zarr.open_group(str(run_dir / "argon.ome.zarr"), mode="r+")["0"]
    array[...] = 1.5
    array[0, 0, 0] = np.nan
    with tifffile.TiffFile(export_tiff(run_dir / "argon.ome.zarr", tmp_path / "a.tif", dtype="uint16")) as file:
        about = file.imagej_metadata
        assert about is not None
        assert not file.asarray().any()
        assert about["c0"] == 1.5


def test_labels_keep_their_numbers_and_colours(run_dir, tmp_path):
    out = export_tiff(run_dir / "xenon.ome.zarr", tmp_path / "phases.tif", what="labels")
    stored = np.asarray(zarr.open_group(str(run_dir / "xenon.ome.zarr" / "labels" / "phases"), mode="r")["0"])
    with tifffile.TiffFile(out) as file:
        np.testing.assert_array_equal(file.asarray(), stored)
        assert file.asarray().dtype == np.uint8
        about = file.imagej_metadata
        assert about is not None
        lithium = "#" + bytes(np.reshape(about["LUTs"], (3, 256))[:, Phase.LITHIUM].tolist()).hex()
        assert lithium == COLOURS[Phase.LITHIUM]
        assert voxel_um(file) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_slices_are_one_file_each_in_order(run_dir, tmp_path, dtype):
    out = export_tiff(run_dir / "xenon.ome.zarr", tmp_path / "slices", what="slices", dtype=dtype)
    files = sorted(out.iterdir())
    assert [file.name for file in files[:2]] == ["slice_0000.tif", "slice_0001.tif"]
    mu = volume_of(run_dir)
    assert len(files) == len(mu)
    with tifffile.TiffFile(files[11]) as file:
        about, plane = file.imagej_metadata, file.asarray().astype(np.float64)
        assert about is not None
        assert voxel_um(file) == (2.0, 2.0, 2.0)
    if dtype == "uint16":
        plane = about["c0"] + about["c1"] * plane
    # half a step of a range near 65 cm^-1
    np.testing.assert_allclose(plane, mu[11], atol=0 if dtype == "float32" else 1e-3)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_beyond_four_gigabytes_is_a_bigtiff_with_ome_xml(run_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "IMAGEJ_LIMIT_BYTES", 1000)
    out = export_tiff(run_dir / "xenon.ome.zarr", tmp_path / "big.tif", dtype="uint16")
    mu = volume_of(run_dir)
    with tifffile.TiffFile(out) as file:
        assert file.is_bigtiff
        assert file.is_ome
        xml = file.ome_metadata or ""
        assert file.series[0].shape == mu.shape
        stored = file.asarray().astype(np.float64)
        per_cm = file.pages.first.tags["XResolution"].value
        assert per_cm[0] / per_cm[1] == pytest.approx(1e4 / 2.0)
    for axis in "XYZ":
        assert re.search(rf'PhysicalSize{axis}="2\.0"', xml)
        assert f'PhysicalSize{axis}Unit="µm"' in xml
    tags = {key: float(value) for key, value in re.findall(r"(c0|c1) = ([-\d.e]+)", xml)}
    np.testing.assert_allclose(tags["c0"] + tags["c1"] * stored, mu, atol=1e-3)  # half a step


def test_slabs_stay_within_the_memory_bound(run_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(image_group, "SLAB_BYTES", 3 * 48 * 48 * 4)
    image = image_group.open_image(run_dir / "xenon.ome.zarr")
    slabs = list(image.slabs())
    assert max(slab.nbytes for _, slab in slabs) <= image_group.SLAB_BYTES
    assert [start for start, _ in slabs] == [0, 3, 6, 8, 11, 14, 16, 19, 22, 24, 27]
    np.testing.assert_array_equal(np.concatenate([slab for _, slab in slabs]), volume_of(run_dir))


def test_a_failure_leaves_nothing_and_keeps_the_old_file(run_dir, tmp_path, monkeypatch):
    out = tmp_path / "xenon.tif"
    out.write_text("old")

    def fail(self, level=0):
        yield 0, np.zeros((1, 48, 48), np.float32)
        raise OSError("disk is full")

    monkeypatch.setattr(image_group.ImageGroup, "slabs", fail)
    monkeypatch.setattr(export, "_range", lambda image, level: (0.0, 1.0))
    with pytest.raises(OSError, match="disk is full"):
        export_tiff(run_dir / "xenon.ome.zarr", out)
    with pytest.raises(OSError, match="disk is full"):
        export_tiff(run_dir / "xenon.ome.zarr", tmp_path / "slices", what="slices")
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "xenon.tif"]


def test_bad_requests_say_what_to_do(run_dir, make_run, tmp_path):
    xenon = run_dir / "xenon.ome.zarr"
    with pytest.raises(ValueError, match=r"level 7 is not in .*levels 0 to 1"):
        export_tiff(xenon, tmp_path / "a.tif", level=7)
    with pytest.raises(FileNotFoundError, match="no OME-Zarr group at"):
        export_tiff(run_dir / "krypton.ome.zarr", tmp_path / "a.tif")
    with pytest.raises(FileNotFoundError, match="holds no labels"):
        export_tiff(run_dir / "argon.ome.zarr", tmp_path / "a.tif", what="labels")
    with pytest.raises(ValueError, match="cannot export 'mesh'"):
        export_tiff(xenon, tmp_path / "a.tif", what="mesh")
    with pytest.raises(FileExistsError, match="not an empty folder"):
        export_tiff(xenon, run_dir, what="slices")
    with pytest.raises(ValueError, match="not a complete OME-Zarr image"):
        export_tiff(run_dir, tmp_path / "a.tif")
    assert not (tmp_path / "a.tif").exists()

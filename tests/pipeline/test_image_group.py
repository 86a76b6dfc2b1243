"""Reading OME-Zarr in parts: levels, units, and what is said of a broken one."""

import numpy as np
import pytest
import zarr

from xelith.pipeline.image_group import open_image, open_labels


def test_levels_and_voxel_sizes(run_dir):
    image = open_image(run_dir / "xenon.ome.zarr")
    assert image.shape == (30, 48, 48)
    assert image.voxels_um == ((2.0, 2.0, 2.0), (4.0, 4.0, 4.0))
    assert image.level_for(pixels=48) == 0
    assert image.level_for(pixels=47) == 1
    assert image.level_for(pixels=3) == 1


@pytest.mark.parametrize(("unit", "size_um"), [("nanometer", 0.002), ("millimeter", 2000.0)])
def test_units_become_micrometres(run_dir, unit, size_um):
    group = zarr.open_group(str(run_dir / "xenon.ome.zarr"), mode="r+")
    ome = dict(group.attrs["ome"])
    for axis in ome["multiscales"][0]["axes"]:
        axis["unit"] = unit
    group.attrs["ome"] = ome
    assert open_image(run_dir / "xenon.ome.zarr").voxels_um[0] == pytest.approx((size_um,) * 3)


def test_slabs_cover_the_volume_in_order(run_dir):
    image = open_image(run_dir / "argon.ome.zarr")
    slabs = list(image.slabs())
    assert [start for start, _ in slabs] == [0, 8, 16, 24]
    np.testing.assert_array_equal(np.concatenate([slab for _, slab in slabs]), np.asarray(image.levels[0]))


def test_labels_beside_the_image(run_dir):
    labels = open_labels(run_dir / "xenon.ome.zarr")
    assert labels is not None
    assert labels.levels[0].dtype == np.uint8
    assert open_labels(run_dir / "argon.ome.zarr") is None


def break_axes(ome):
    ome["multiscales"][0]["axes"] = [{"name": n, "type": "space", "unit": "micrometer"} for n in "cyx"]


def break_scale(ome):
    del ome["multiscales"][0]["datasets"][1]["coordinateTransformations"][0]


def break_unit(ome):
    del ome["multiscales"][0]["axes"][0]["unit"]


def break_level(ome):
    ome["multiscales"][0]["datasets"][1]["path"] = "9"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (break_axes, "has axes .*only images of z, y, x"),
        (break_scale, "not a complete OME-Zarr image .*no scale of level 1"),
        (break_unit, "not a complete OME-Zarr image .*'unit'"),
        (break_level, "not a complete OME-Zarr image"),
    ],
)
def test_broken_metadata_is_refused(run_dir, spoil, message):
    group = zarr.open_group(str(run_dir / "xenon.ome.zarr"), mode="r+")
    ome = dict(group.attrs["ome"])
    spoil(ome)
    group.attrs["ome"] = ome
    with pytest.raises(ValueError, match=message):
        open_image(run_dir / "xenon.ome.zarr")


def test_no_group_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="no OME-Zarr group at .*none"):
        open_image(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="not a complete OME-Zarr image"):
        open_image(tmp_path / "empty")

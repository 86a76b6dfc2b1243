"""OME-Zarr images: valid for the format's own models, scaled right, written slab by slab without loss."""

import numpy as np
import pytest
import zarr

from xelith.arrays import Block
from xelith.materials.phases import Phase
from xelith.pipeline.store import (
    ImageLayout,
    create_image,
    open_level,
    plan_layout,
    publish,
    register_label,
    voxel_um,
    write_slab,
    write_text,
)


def write_image(path, volume, layout, order=None):
    create_image(path, layout, name="test", dtype=volume.dtype, attributes={"unit": "1/cm"})
    slabs = layout.slabs if order is None else [layout.slabs[i] for i in order]
    for slab in slabs:
        write_slab(path, layout, slab, volume[slab.slice])


@pytest.mark.parametrize("shape", [(37, 200, 211), (16, 96, 96), (1, 300, 300), (5, 7, 9)])
def test_levels_are_means_of_cubes(tmp_path, shape):
    volume = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    layout = plan_layout(shape, voxel_um=2.0, slab=8)
    write_image(tmp_path / "v", volume, layout)
    np.testing.assert_array_equal(open_level(tmp_path / "v")[:], volume)
    for level in range(1, layout.levels):
        fine, coarse = open_level(tmp_path / "v", level - 1)[:], open_level(tmp_path / "v", level)[:]
        assert coarse.shape == tuple(-(-n // 2) for n in fine.shape) == layout.level_shape(level)
        even = [n // 2 * 2 for n in fine.shape]
        cubes = fine[: even[0], : even[1], : even[2]]
        means = cubes.reshape(even[0] // 2, 2, even[1] // 2, 2, even[2] // 2, 2).mean(axis=(1, 3, 5))
        inner = coarse[: even[0] // 2, : even[1] // 2, : even[2] // 2]
        np.testing.assert_allclose(inner, means, atol=1e-6)  # float32 sums in another order


def test_order_of_slabs_does_not_matter(tmp_path):
    volume = np.random.default_rng(2).normal(size=(50, 200, 210)).astype(np.float32)
    layout = plan_layout(volume.shape, voxel_um=1.0, slab=16)
    assert layout.levels > 1
    write_image(tmp_path / "a", volume, layout)
    write_image(tmp_path / "b", volume, layout, order=[3, 0, 2, 1])
    for level in range(layout.levels):
        np.testing.assert_array_equal(open_level(tmp_path / "a", level)[:], open_level(tmp_path / "b", level)[:])


def test_chunks_belong_to_one_slab(tmp_path):
    layout = plan_layout((200, 400, 400), voxel_um=1.0, slab=32)
    create_image(tmp_path / "v", layout, name="v", attributes={})
    for level in range(layout.levels):
        assert (layout.slab // 2**level) % open_level(tmp_path / "v", level).chunks[0] == 0


def test_image_is_valid_and_scaled(tmp_path):
    from ome_zarr_models.v05.image import Image

    layout = plan_layout((40, 220, 220), voxel_um=2.0, slab=16)
    volume = np.zeros(layout.shape, np.float32)
    write_image(tmp_path / "x.ome.zarr", volume, layout)
    image = Image.from_zarr(zarr.open_group(tmp_path / "x.ome.zarr", mode="r"))
    multiscale = image.ome_attributes.multiscales[0]
    assert [axis.unit for axis in multiscale.axes] == ["micrometer"] * 3
    first, second = (dataset.coordinateTransformations for dataset in multiscale.datasets[:2])
    assert first[0].scale == [2.0] * 3 and first[1].translation == [0.0] * 3
    assert second[0].scale == [4.0] * 3 and second[1].translation == [1.0] * 3  # centres of cubes of two
    assert voxel_um(tmp_path / "x.ome.zarr") == 2.0


def test_labels_are_valid_and_found_beside_the_image(tmp_path):
    from ome_zarr_models.v05.image_label import ImageLabel

    path = tmp_path / "x.ome.zarr"
    layout = plan_layout((8, 100, 100), voxel_um=2.0, slab=8, most_levels=2)
    write_image(path, np.zeros(layout.shape, np.float32), layout)
    labels = np.full(layout.shape, int(Phase.CARBON), np.uint8)
    labels[:, :50] = Phase.LITHIUM
    write_image(path / "labels" / "phases", labels, layout)
    register_label(path, "phases")
    group = ImageLabel.from_zarr(zarr.open_group(path / "labels/phases", mode="r"))
    names = {p.label_value: p.model_extra["name"] for p in group.ome_attributes.image_label.properties}
    assert names[2] == "lithium"
    assert zarr.open_group(path / "labels", mode="r").attrs["ome"]["labels"] == ["phases"]


def test_napari_reads_the_scale(tmp_path):
    reader = pytest.importorskip("napari_ome_zarr")
    path = tmp_path / "x.ome.zarr"
    layout = plan_layout((8, 100, 100), voxel_um=2.0, slab=8)
    write_image(path, np.ones(layout.shape, np.float32), layout)
    layers = reader.napari_get_reader(str(path))(str(path))
    _, kwargs, kind = layers[0]
    assert kind == "image"
    assert list(kwargs["scale"]) == [2.0, 2.0, 2.0]


def test_label_pyramid_votes(tmp_path):
    labels = np.zeros((2, 2, 4), np.uint8)
    labels[0, 0, :2] = 4  # two of eight
    labels[:, :, 2:] = 2
    labels[0, 0, 2] = 4
    layout = ImageLayout((2, 2, 4), 1.0, 2, 2)
    write_image(tmp_path / "l", labels, layout)
    assert open_level(tmp_path / "l", 1)[:].ravel().tolist() == [0, 2]


def test_what_is_no_slab_is_refused(tmp_path):
    layout = plan_layout((32, 8, 8), voxel_um=1.0, slab=16)
    create_image(tmp_path / "v", layout, name="v", attributes={})
    with pytest.raises(ValueError, match="not a whole slab of 16"):
        write_slab(tmp_path / "v", layout, Block(0, 4, 20), np.zeros((16, 8, 8), np.float32))
    with pytest.raises(ValueError, match="does not halve 3 times"):
        ImageLayout((32, 8, 8), 1.0, 4, 4)
    with pytest.raises(ValueError, match="has no array 9"):
        open_level(tmp_path / "v", 9) if "9" in zarr.open_group(tmp_path / "v") else _no_level(tmp_path / "v")


def _no_level(path):
    group = zarr.open_group(path, mode="a")
    group.create_group("9")
    open_level(path, 9)


def test_publishing_replaces_files_and_folders(tmp_path):
    for kind in ("file", "folder"):
        partial, final = tmp_path / f"{kind}.partial", tmp_path / kind
        for text in ("old", "new"):
            if kind == "folder":
                partial.mkdir()
                (partial / "a").write_text(text)
            else:
                partial.write_text(text)
            publish(partial, final)
        found = (final / "a" if kind == "folder" else final).read_text()
        assert found == "new"
        assert not partial.exists()
    write_text(tmp_path / "t", "µ")
    assert (tmp_path / "t").read_text(encoding="utf8") == "µ"

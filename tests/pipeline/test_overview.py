"""Slices and samples of a volume: the right voxels, and never all of a large one."""

import numpy as np
import pytest
import zarr

from xelith.materials.phases import Phase
from xelith.pipeline import overview
from xelith.pipeline.image_group import open_image, open_labels
from xelith.pipeline.overview import central_slices, draw_sample, slices_at


@pytest.fixture
def xenon(run_dir):
    return open_image(run_dir / "xenon.ome.zarr")


@pytest.fixture
def labels(run_dir):
    return open_labels(run_dir / "xenon.ome.zarr")


def test_slices_go_through_the_middle_and_the_lithium(xenon, labels):
    mu, phases = np.asarray(xenon.levels[0]), np.asarray(labels.levels[0])
    lithium = (phases == Phase.LITHIUM).sum((1, 2))
    rich = np.flatnonzero(lithium >= 0.9 * lithium.max())
    richest = int(rich[len(rich) // 2])
    across_z, across_y, across_x = central_slices(xenon, labels)
    np.testing.assert_array_equal(across_z.values, mu[richest])
    np.testing.assert_array_equal(across_z.labels, phases[richest])
    np.testing.assert_array_equal(across_y.values, mu[:, 24])
    np.testing.assert_array_equal(across_x.labels, phases[:, :, 24])
    assert (across_z.across, across_y.across, across_x.across) == (("y", "x"), ("z", "x"), ("z", "y"))
    assert across_z.position_um == richest * 2.0
    assert across_x.voxel_um == (2.0, 2.0)


def test_another_image_is_cut_at_the_same_places(xenon, labels, run_dir):
    places = central_slices(xenon, labels)
    fraction = open_image(run_dir / "xenon.ome.zarr" / "fractions" / "lithium")
    for place, cut in zip(places, slices_at(fraction, places), strict=True):
        assert (cut.axis, cut.position_um) == (place.axis, place.position_um)
        np.testing.assert_array_equal(cut.values == 1, place.labels == Phase.LITHIUM)


def test_without_labels_the_middle_is_taken(xenon):
    slices = central_slices(xenon)
    assert [plane.position_um for plane in slices] == [30.0, 48.0, 48.0]
    assert all(plane.labels is None for plane in slices)


def test_a_large_volume_is_shown_from_a_coarser_level(xenon, labels, monkeypatch):
    monkeypatch.setattr(overview, "LONGEST_SIDE", 24)
    across_z, _, across_x = central_slices(xenon, labels)
    mu, phases = np.asarray(xenon.levels[1]), np.asarray(labels.levels[0])
    height = round(across_z.position_um / 4.0)
    np.testing.assert_array_equal(across_z.values, mu[height])
    np.testing.assert_array_equal(across_z.labels, phases[2 * height, ::2, ::2])  # nearest label
    np.testing.assert_array_equal(across_x.labels, phases[::2, ::2, 24])
    assert across_x.voxel_um == (4.0, 4.0)


def test_sample_of_a_small_volume_is_all_of_it_but_the_outside(xenon, labels):
    mu, phases = np.asarray(xenon.levels[0]), np.asarray(labels.levels[0])
    sample = draw_sample(xenon, labels)
    inside = phases != Phase.OUTSIDE
    assert sample.share == 1
    assert sorted(sample.values) == sorted(mu[inside])
    for phase in Phase:
        mean = mu[phases == phase].mean() if phase != Phase.OUTSIDE else None
        found = sample.values[sample.labels == phase]
        assert found.mean() == pytest.approx(mean, rel=1e-5) if mean is not None else not found.size


def test_sample_leaves_out_nan_and_labels_of_another_grid(run_dir, labels):
    array = zarr.open_group(str(run_dir / "xenon.ome.zarr"), mode="r+")["0"]
    array[:3] = np.nan
    image = open_image(run_dir / "xenon.ome.zarr")
    assert draw_sample(image).values.size == 27 * 48 * 48
    coarse = open_image(run_dir / "argon.ome.zarr")
    other = type(coarse)(coarse.path, coarse.levels[1:], coarse.voxels_um[1:])
    assert draw_sample(other, labels).labels is None


def test_sample_of_a_large_volume_reads_few_chunks_at_every_height(tmp_path):
    group = zarr.open_group(str(tmp_path / "big"), mode="w")
    array = group.create_array("0", shape=(4096, 2048, 2048), chunks=(16, 256, 256), dtype="f4", fill_value=1.5)
    reads: list[int] = []

    class Counted:
        shape, chunks, dtype = array.shape, array.chunks, array.dtype

        def __getitem__(self, key):
            reads.append(key[0].start)
            return array[key]

    image = overview.ImageGroup(tmp_path, (Counted(),), ((1.0, 1.0, 1.0),))
    sample = draw_sample(image)
    assert len(reads) * 2**20 == overview.READ_VOXELS
    assert np.diff(sorted(set(reads))).max() == 16  # no slab of chunks is passed over
    assert sample.values.size <= 1.3 * overview.SAMPLE_VOXELS  # the step between voxels is rounded
    assert sample.share < 0.01
    assert (sample.values == 1.5).all()

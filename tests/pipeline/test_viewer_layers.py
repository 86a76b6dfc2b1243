"""Layers of a run folder: names, scale, unit, window and colours, without a window."""

import json
import logging

import dask.array as da
import numpy as np
import pytest

from xelith.materials.phases import COLOURS, Phase
from xelith.pipeline.image_group import open_image
from xelith.pipeline.store import open_level
from xelith.pipeline.viewer_folder import folder_layers, part_layers
from xelith.pipeline.viewer_layers import collector_height_um, grey_window, phase_colours


def by_name(layers):
    return {options["name"]: (data, options, kind) for data, options, kind in layers}


def test_a_run_folder_shows_every_part_at_true_scale(run_dir):
    layers = by_name(folder_layers(run_dir))
    assert [*layers] == [
        "xenon µ (cm⁻¹)",
        "argon µ (cm⁻¹)",
        "xenon - argon (cm⁻¹)",
        "lithium fraction (1 = all)",
        "phases",
        "thickness (µm)",
        "thickness on the collector (µm)",
    ]
    for name, (_, options, kind) in layers.items():
        assert options["units"][0] == "micrometer", name
        if kind != "surface":
            assert options["scale"] == (2.0,) * len(options["units"]), name
    data, options, kind = layers["phases"]
    assert kind == "labels"
    assert options["features"]["phase"][2] == "lithium"
    assert isinstance(data[0], da.Array)


def test_all_gases_share_one_window_in_which_lithium_and_gas_differ(run_dir):
    layers = by_name(folder_layers(run_dir))
    windows = {layers[f"{gas} µ (cm⁻¹)"][1]["contrast_limits"] for gas in ("argon", "xenon")}
    assert windows == {(-1.27, 2.54)}  # the brightest of void, lithium, carbon and casing is xenon at 1.27


def test_labels_have_the_colours_of_the_phases():
    colours = phase_colours()
    for phase in Phase:
        rgb = tuple(round(255 * v) for v in colours[int(phase)][:3])
        assert "#" + bytes(rgb).hex() == COLOURS[phase]
    assert colours[0][3] == colours[None][3] == 0  # outside and unlabelled voxels are clear


def test_the_difference_is_xenon_less_argon_and_left_out_where_they_are_apart(run_dir, caplog):
    data, _, _ = by_name(folder_layers(run_dir))["xenon - argon (cm⁻¹)"]
    volumes = {gas: open_level(run_dir / f"{gas}.ome.zarr")[5] for gas in ("argon", "xenon")}
    np.testing.assert_array_equal(data[0][5].compute(), volumes["xenon"] - volumes["argon"])
    results = json.loads((run_dir / "results.json").read_text())
    results["registration"]["shift_um"] = [0.0, 4.0, 0.0]
    (run_dir / "results.json").write_text(json.dumps(results))
    with caplog.at_level(logging.WARNING):
        layers = by_name(folder_layers(run_dir))
    assert "xenon - argon (cm⁻¹)" not in layers
    assert "no difference is shown" in caplog.text
    assert layers["argon µ (cm⁻¹)"][1]["translate"] == (-0.0, -4.0, -0.0)


def test_the_map_lies_on_the_collector(run_dir):
    labels = open_image(run_dir / "xenon.ome.zarr" / "labels" / "phases")
    height = collector_height_um(labels, (48, 48))
    assert set(np.unique(height)) == {7.0}  # the fourth voxel of 2 µm ends the collector: its face is at index 3.5
    (vertices, faces, values), options, _ = by_name(folder_layers(run_dir))["thickness on the collector (µm)"]
    assert vertices.shape == (48 * 48, 3) and values.shape == (48 * 48,)
    measured = values[faces]
    flat = by_name(folder_layers(run_dir))["thickness (µm)"]
    assert measured.max() == np.nanmax(flat[0]) and options["contrast_limits"] == flat[1]["contrast_limits"]
    assert np.isfinite(flat[0].ravel()[np.unique(faces)]).all()  # no triangle touches a column without a value


def test_no_collector_no_drape(run_dir):
    labels = open_image(run_dir / "xenon.ome.zarr" / "labels" / "phases")
    array = open_image(labels.path).levels[0]
    import zarr

    group = zarr.open_group(labels.path, mode="r+")
    group["0"][:] = np.where(array[:] == Phase.COLLECTOR, 0, array[:])
    with pytest.raises(ValueError, match="has no collector; label it"):
        collector_height_um(labels, (4, 4))
    assert "thickness on the collector (µm)" not in by_name(folder_layers(run_dir))


def test_parts_open_alone(run_dir):
    assert [*by_name(part_layers(run_dir / "argon.ome.zarr"))] == ["argon µ (cm⁻¹)"]
    assert [*by_name(part_layers(run_dir / "xenon.ome.zarr" / "labels" / "phases"))] == ["phases"]
    assert [*by_name(part_layers(run_dir / "xenon.ome.zarr" / "fractions" / "lithium"))] == [
        "lithium fraction (1 = all)"
    ]
    ((_, options, _),) = part_layers(run_dir / "thickness.tif")
    assert options["scale"] == pytest.approx((2.0, 2.0))  # from the resolution tags


def test_a_window_without_expected_mu_comes_from_the_coarsest_level(run_dir):
    image = open_image(run_dir / "xenon.ome.zarr")
    low, high = np.percentile(image.levels[-1][:], (1, 99))
    assert grey_window(image, {}) == pytest.approx((low, high))


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds nothing to show; give a run folder"):
        folder_layers(tmp_path)


def test_truth_stands_beside_the_result(small_run):
    layers = by_name(folder_layers(small_run))
    truth, options, kind = layers["truth"]
    assert kind == "labels" and options["visible"] is False
    mine = layers["phases"][0][0].compute()
    agree = mine == truth[0].compute()
    assert agree[truth[0].compute() == Phase.LITHIUM].mean() > 0.9  # of lithium's voxels; its edge lies between voxels

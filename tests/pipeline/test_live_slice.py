"""One slice again and again: the same as the run's, for the run's axis."""

import numpy as np
import pytest

from xelith.pipeline.live_slice import read_slice
from xelith.pipeline.loading import load_config
from xelith.pipeline.steps import Rings
from xelith.pipeline.store import open_level
from xelith.pipeline.viewer_folder import read_results

ROW = 24


@pytest.fixture(scope="module")
def config(small_run):
    return load_config(small_run.parent / "run.yaml")


def test_the_slice_is_the_run_s(small_run, config):
    centre = read_results(small_run)["scans"]["xenon"]["centre_px"]
    ours = read_slice(config, "xenon", ROW).at(centre)
    run = open_level(small_run / "xenon.ome.zarr")[ROW]
    assert np.nanmax(abs(ours - run)) < 1e-5  # the same float32 operations, in blocks of another height


def test_rings_removed_once_are_removed_for_every_axis(small_run, config):
    slice_ = read_slice(config, "xenon", ROW)
    prepared = slice_.prepared()
    assert not any(isinstance(step, Rings) for step in prepared.steps)
    np.testing.assert_array_equal(prepared.at(88.0), slice_.at(88.0))
    wide = slice_.prepared(Rings(size=31))
    assert abs(wide.at(88.0) - prepared.at(88.0)).max() > 1e-3


def test_moving_the_axis_blurs_the_slice(config):
    slice_ = read_slice(config, "xenon", ROW).prepared()
    right = read_slice(config, "xenon", ROW).selection.centre_px(91.8)
    assert right == pytest.approx(91.8)
    assert abs(slice_.at(91.8) - slice_.at(85.8)).max() > 1


def test_a_row_outside_and_a_ready_volume_are_refused(config, tmp_path):
    with pytest.raises(ValueError, match="row is 999, and scan xenon has rows 0 to 63"):
        read_slice(config, "xenon", 999)
    (tmp_path / "slices").mkdir()
    ready = config.scans["xenon"].model_copy(update={"path": None, "volume": tmp_path / "slices"})
    with pytest.raises(ValueError, match="is a ready volume; it has no projections"):
        read_slice(config.model_copy(update={"scans": {"xenon": ready}}), "xenon", 0)


def test_a_cone_beam_shows_its_central_slice(tmp_path):
    from xelith.pipeline.experiment import simulate
    from xelith.pipeline.twin_design import Size, design_twin

    size = Size(diameter_um=120.0, height_um=80.0, rows=24, columns=80, views=40)
    design = design_twin(cell="ham-symmetric", setup="ham-versa", gases=["argon:1"], size=size)
    config = load_config(simulate(tmp_path / "cone", design, advance=lambda stage, done, total: None))
    slice_ = read_slice(config, "argon", 2).prepared()
    assert slice_.row == 12  # whatever row was asked for: the central ray stands at 11.5
    sharp, blurred = slice_.at(slice_.geometry.centre_px), slice_.at(slice_.geometry.centre_px + 6)
    assert sharp.shape == (80, 80) and np.isfinite(sharp).all()
    assert abs(sharp - blurred).max() > 1

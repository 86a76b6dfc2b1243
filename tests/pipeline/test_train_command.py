"""`xelith train` and `xelith evaluate` on files."""

import json

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from xelith.pipeline.cli import app
from xelith.pipeline.training_files import Checkpoint, open_images, read_labels

torch = pytest.importorskip("torch")


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(5)
    truth = np.full((16, 24, 24), 4, np.uint8)
    truth[:10], truth[:5] = 3, 2
    grey = np.array([0, 0, 10, 60, 200.0])[truth] + rng.normal(0, 8, truth.shape)
    scribbles = np.where(rng.random(truth.shape) < 0.02, truth, np.uint8(255))
    for name, values in (("grey", grey.astype(np.float32)), ("truth", truth), ("scribbles", scribbles)):
        tifffile.imwrite(tmp_path / f"{name}.tif", values, photometric="minisblack")
    return tmp_path


def invoke(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_a_forest_labels_an_image_and_is_scored(files):
    out = files / "labels.tif"
    told = invoke("train", files / "grey.tif", "--labels", files / "scribbles.tif", "--out", out, "--json")
    assert json.loads(told)["labelled_share"] < 0.03
    assert tifffile.imread(out).shape == (16, 24, 24)
    assert tifffile.imread(files / "labels-confidence.tif").max() <= 1
    scored = json.loads(
        invoke("evaluate", out, "--truth", files / "truth.tif", "--out", files / "scores", "--voxel-um", 2, "--json",
               "--confidence", files / "labels-confidence.tif")
    )  # fmt: skip
    assert scored["mean_iou"] > 0.8 and scored["voxel_um"] == 2
    assert scored["phases"]["lithium"]["iou"] > 0.8 and scored["calibration_error"] is not None
    assert (files / "scores" / "evaluation.json").is_file() and len(list((files / "scores").glob("slice-*.png"))) == 4
    table = invoke("evaluate", out, "--truth", files / "truth.tif")
    assert "electrolyte" in table and "RMSE" in table


def test_inputs_that_do_not_fit_are_refused(files):
    small = files / "small.tif"
    tifffile.imwrite(small, np.zeros((4, 5, 6), np.uint8), photometric="minisblack")
    with pytest.raises(ValueError, match="use its own grid"):
        invoke("train", files / "grey.tif", "--labels", small, "--out", files / "x.tif")
    with pytest.raises(ValueError, match="no run with a known beam"):
        invoke("train", files / "grey.tif", "--labels", files / "scribbles.tif", "--out", files / "x", "--method",
               "network")  # fmt: skip
    with pytest.raises(ValueError, match="give forest or network"):
        invoke("train", files / "grey.tif", "--labels", files / "scribbles.tif", "--out", files / "x", "--method", "a")
    with pytest.raises(FileNotFoundError, match="nothing at"):
        open_images(files / "nowhere")
    with pytest.raises(FileNotFoundError, match="no labels at"):
        read_labels(files / "nowhere.tif", (1, 1, 1))


def test_a_checkpoint_belongs_to_its_training_and_survives_a_broken_write(tmp_path):
    checkpoint = Checkpoint(tmp_path / "a.checkpoint", "one")
    assert checkpoint.read() is None
    checkpoint.write({"step": 3, "tensor": torch.ones(2)})
    (tmp_path / "a.checkpoint.partial").write_bytes(b"half a file")
    found = checkpoint.read()
    assert found["step"] == 3 and torch.equal(found["tensor"], torch.ones(2))
    assert Checkpoint(checkpoint.path, "another").read() is None

"""`xelith train` and `xelith evaluate` on files."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
import yaml
import zarr
from typer.testing import CliRunner

from xelith.pipeline.cli import app
from xelith.pipeline.map_files import write_map
from xelith.pipeline.ready_volume import open_volume
from xelith.pipeline.train_command import tune_network
from xelith.pipeline.training_files import Checkpoint, open_images, read_labels, write_labels
from xelith.segmentation.unet import build_network, weights_bytes, weights_from_bytes, weights_of

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
    assert "electrolyte" in table and "no file states the voxel" in table


def test_labels_carry_their_voxel_and_meet_others_of_one_grid_only(files):
    labels = np.asarray(tifffile.imread(files / "truth.tif"))
    write_labels(files / "own.tif", labels, np.ones(labels.shape, np.float32), voxel_um=1.08)
    assert open_volume(files / "own.tif").voxel_um == pytest.approx(1.08, rel=1e-4)
    assert "0.00 µm RMSE" in invoke("evaluate", files / "own.tif", "--truth", files / "truth.tif")
    write_labels(files / "coarse.tif", labels, np.ones(labels.shape, np.float32), voxel_um=2.16)
    with pytest.raises(ValueError, match=r"voxels are 1.08 µm in the labels and 2.16 µm in"):
        invoke("evaluate", files / "own.tif", "--truth", files / "coarse.tif")
    tifffile.imwrite(files / "longer.tif", np.concatenate([labels, labels]), photometric="minisblack")
    with pytest.raises(ValueError, match=r"are \(32, 24, 24\), the volume \(16, 24, 24\) voxels"):
        invoke("evaluate", files / "own.tif", "--truth", files / "longer.tif")
    group = zarr.create_group(files / "twin" / "truth.ome.zarr")
    group.create_array("0", data=labels)
    group.attrs["ome"] = {"multiscales": [{"axes": [], "datasets": [{"path": "0"}]}]}
    write_map(files / "twin" / "truth_thickness.tif", np.ones((24, 24)), 1.08)  # no labels, though a TIFF
    assert "0.00 µm RMSE" in invoke("evaluate", files / "own.tif", "--truth", files / "twin")
    with pytest.raises(FileNotFoundError, match="no confidence at"):
        invoke("evaluate", files / "own.tif", "--truth", files / "truth.tif", "--confidence", files / "none.tif")


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
    with pytest.raises(ValueError, match=r"--out is .*scribbles.tif, which is read; give another name"):
        invoke("train", files / "grey.tif", "--labels", files / "scribbles.tif", "--out", files / "scribbles.tif")
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


def tuning(run, labels, start, out):
    """Command of a training of 50 steps that looks, and saves, every 25."""
    command = [sys.executable, "-m", "xelith.pipeline", "train", run, "--labels", labels, "--out", out, "--quiet"]
    return [*map(str, command), "--method", "network", "--start", str(start), "--steps", "50", "--patience", "9"]


@pytest.mark.validate
def test_a_training_that_is_killed_goes_on_from_its_checkpoint(run_dir, tmp_path, monkeypatch):
    scans = {gas: {"path": f"{gas}.h5", "gas": {"name": gas, "pressure_atm": 6}} for gas in ("argon", "xenon")}
    config = {"sample": "layers", "source": {"energy_kev": 17.48}, "scans": scans}
    (run_dir / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf8")
    truth = zarr.open_array(run_dir / "xenon.ome.zarr" / "labels" / "phases" / "0", mode="r")[:]
    labels = np.where(np.random.default_rng(3).random(truth.shape) < 0.05, truth, np.uint8(255))
    tifffile.imwrite(tmp_path / "strokes.tif", labels, photometric="minisblack")
    torch.manual_seed(4)
    start = tmp_path / "start.safetensors"
    start.write_bytes(weights_bytes(weights_of(build_network(2, (2, 2, 2, 2)), ["argon", "xenon"])))
    killed, whole = tmp_path / "killed.safetensors", tmp_path / "whole.safetensors"
    command = tuning(run_dir, tmp_path / "strokes.tif", start, killed)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # sums in one order
    process = subprocess.Popen(command, start_new_session=True)
    checkpoint = tmp_path / "killed.safetensors.checkpoint"
    while process.poll() is None and not checkpoint.is_file():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    # what stands under a final name is whole
    assert torch.load(checkpoint, weights_only=True)["trainer"]["step"] < 50
    before = weights_from_bytes(killed.read_bytes()) if killed.exists() else None
    assert before is None or before.channels == (2, 2, 2, 2)
    seen = []
    options = {"start": start, "steps": 50, "patience": 9, "seed": 0, "tensorboard": None}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for out in (killed, whole):
            steps = []
            tune_network(
                run_dir,
                tmp_path / "strokes.tif",
                out,
                options=options,
                advance=lambda _, done, total, steps=steps: steps.append(done),
            )
            seen.append(steps[0])
    finally:
        torch.set_num_threads(threads)
    assert seen[0] > 25 and seen[1] == 1  # the killed one went on, the other began
    found, expected = (weights_from_bytes(path.read_bytes()) for path in (killed, whole))
    assert found.notes == expected.notes
    for name, values in expected.tensors.items():
        np.testing.assert_allclose(found.tensors[name], values, rtol=1e-3, atol=1e-3)  # kept as float16
    assert not list(tmp_path.glob("*.partial"))

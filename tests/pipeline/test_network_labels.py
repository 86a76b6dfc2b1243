"""A run whose phases the network names: from volumes to film thickness, with confidence beside the image."""

import re

import numpy as np
import pytest
import tifffile
import yaml
import zarr

from xelith.materials import Phase
from xelith.pipeline.config import Config
from xelith.pipeline.integrity import verify_run
from xelith.pipeline.network_labels import read_weights, weights_mark
from xelith.pipeline.network_wanted import network_faults
from xelith.pipeline.run import run_config

pytestmark = pytest.mark.usefixtures("no_pictures")

pytest.importorskip("torch")
pytest.importorskip("monai")
SHAPE, VOXEL_UM, FILM = (56, 64, 64), 2.0, 20
LEVELS = {"argon": (0.02, 0.11, 1.15), "xenon": (1.27, 0.11, 1.15)}


def quiet(stage, done, total):
    pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Slices of a cell of flat layers: collector, 20 rows of lithium, carbon, electrolyte; void in the lithium."""
    path = tmp_path_factory.mktemp("slices")
    rng = np.random.default_rng(4)
    z, y, x = np.indices(SHAPE)
    radius = np.hypot(y - 31.5, x - 31.5)
    for gas, (void, lithium, carbon) in LEVELS.items():
        mu = np.where(z < 8, 290.0, np.where(z < 8 + FILM, lithium, np.where(z < 38, carbon, 64.0)))
        mu[(z - 18) ** 2 + (y - 30) ** 2 + (x - 26) ** 2 < 20] = void
        mu[radius > 24] = 0.89
        mu[radius > 28] = void
        noisy = mu + rng.normal(0, 0.25, SHAPE)
        tifffile.imwrite(path / f"{gas}.tif", noisy.astype(np.float32))
    return path


def write_config(folder, **segmentation):
    scans = {
        gas: {
            "volume": str(folder / f"{gas}.tif"),
            "voxel_um": VOXEL_UM,
            "gas": {"name": gas, "pressure_atm": 6 if gas == "xenon" else 1},
            "grey": {"unit": "per_cm"},
        }
        for gas in LEVELS
    }
    values = {
        "sample": "layers",
        "source": {"energy_kev": 17.48},
        "scans": scans,
        "cell": {"preset": "kodama-process-3", "inner_diameter_mm": 0.096, "outer_diameter_mm": 0.112},
        "segmentation": segmentation,
    }
    path = folder / f"{'-'.join(map(str, segmentation.values()))}.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf8")
    return path


def test_the_network_names_the_phases_of_a_run(folder):
    results = run_config(write_config(folder, method="unet"), folder / "out", advance=quiet)
    # surfaces stay those of the scan: a tenth of a voxel of noise and the void, 0.1 µm over the bore
    assert results["deposit"]["mean_thickness_um"] == pytest.approx(FILM * VOXEL_UM, rel=0.03)
    image = folder / "out" / "xenon.ome.zarr"
    labels = zarr.open_array(image / "labels" / "phases" / "0", mode="r")[:]
    assert (labels[10:26, 20:44, 20:44] == Phase.LITHIUM).mean() > 0.95
    assert (labels[44:52, 20:44, 20:44] == Phase.ELECTROLYTE).mean() > 0.95
    assert labels[18, 30, 26] == Phase.VOID
    confidence = zarr.open_array(image / "confidence" / "phases" / "0", mode="r")[:]
    assert confidence.min() > 1 / 7 and confidence.max() <= 1
    assert confidence[10:26, 20:44, 20:44].mean() > 0.6


def labels_of(run):
    image = run / "xenon.ome.zarr"
    return [zarr.open_array(image / name / "phases" / "0", mode="r")[:] for name in ("labels", "confidence")]


@pytest.mark.validate
def test_workers_label_by_the_network_to_the_same_bits(folder):
    path = write_config(folder, method="unet")
    run_config(path, folder / "here", advance=quiet)
    config = yaml.safe_load(path.read_text()) | {"compute": {"scheduler": "local", "workers": 2, "memory_gib": 8}}
    (folder / "local.yaml").write_text(yaml.safe_dump(config), encoding="utf8")
    run_config(folder / "local.yaml", folder / "there", advance=quiet)
    for here, there in zip(labels_of(folder / "here"), labels_of(folder / "there"), strict=True):
        np.testing.assert_array_equal(here, there)


@pytest.mark.validate
def test_damaged_confidence_is_named_and_redone(folder):
    path, out = write_config(folder, method="unet"), folder / "out"
    run_config(path, out, advance=quiet)
    before = labels_of(out)
    assert verify_run(out) == []
    name = "xenon.ome.zarr/confidence/phases/0/c/1/0/0"
    data = bytearray((out / name).read_bytes())
    data[100] ^= 1
    (out / name).write_bytes(data)
    assert verify_run(out) == [name]
    run_config(path, out, advance=quiet)
    for found, expected in zip(labels_of(out), before, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert verify_run(out) == []


def test_what_the_network_lacks_is_said_before_the_run(folder, monkeypatch):
    path = write_config(folder, method="unet", weights="missing.safetensors")
    with pytest.raises(ValueError, match="is no file; give one that `xelith train` wrote"):
        run_config(path, folder / "other", advance=quiet)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    scan = {"path": "a", "gas": {"name": "xenon", "pressure_atm": 6}}
    config = Config.model_validate({"sample": "s", "scans": {"a": scan}, "segmentation": {"method": "unet"}})
    assert "pip install 'xelith[ml]'" in network_faults(config)[0]
    assert network_faults(config.model_copy(update={"segmentation": Config.model_fields["segmentation"].default})) == []


@pytest.mark.parametrize(
    ("gas", "segmentation", "message"),
    [
        ("argon", {"method": "two-gas"}, r"method is two-gas, but the scans have argon; give a scan in argon and one"),
        ("argon", {"method": "unet"}, r"method is unet, but the scans have argon; give a scan in xenon"),
        ("xenon", {"method": "unet", "weights": "pair"}, r"are for argon and xenon, the run has xenon; give weights"),
        ("xenon", {"method": "unet", "weights": "text"}, r"no safetensors file .*; give weights that `xelith train`"),
    ],
)
def test_methods_that_the_scans_cannot_feed_are_refused_before_the_run(tmp_path, gas, segmentation, message):
    from importlib import resources

    (tmp_path / "text").write_text("no weights")
    shipped = resources.files("xelith.segmentation.weights").joinpath("argon-xenon.safetensors")
    (tmp_path / "pair").write_bytes(shipped.read_bytes())
    named = {key: str(tmp_path / value) if key == "weights" else value for key, value in segmentation.items()}
    scan = {"path": "a", "gas": {"name": gas, "pressure_atm": 6}}
    config = Config.model_validate({"sample": "s", "scans": {"a": scan}, "segmentation": named})
    (fault,) = network_faults(config)
    assert re.search(message, fault)


def test_weights_for_other_scans_are_refused(folder, tmp_path):
    from xelith.segmentation.unet import build_network, weights_bytes, weights_of

    path = tmp_path / "own.safetensors"
    path.write_bytes(weights_bytes(weights_of(build_network(1), ["xenon"])))
    values = {"sample": "s", "scans": {"a": {"path": "a"}}, "segmentation": {"method": "unet", "weights": str(path)}}
    config = Config.model_validate(values)
    assert read_weights(config, ["xenon"]).scans == ("xenon",)
    before = weights_mark(config)
    path.write_bytes(weights_bytes(weights_of(build_network(1), ["xenon"], temperature=2.0)))
    assert weights_mark(config) != before  # trained anew under the same name: the run does its phases again
    with pytest.raises(ValueError, match="are for xenon, the run has argon and xenon"):
        read_weights(config, ["argon", "xenon"])


def test_argon_alone_is_refused(folder):
    path = write_config(folder, method="unet")
    values = yaml.safe_load(path.read_text())
    del values["scans"]["xenon"]
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(ValueError, match="give a scan in xenon"):
        run_config(path, folder / "argon-alone", advance=quiet)

"""A run whose light phases are told apart in denoised µ: labels change, surfaces and amounts do not."""

import numpy as np
import pytest
import tifffile
import yaml
import zarr
from pydantic import ValidationError

from xelith.materials import Phase
from xelith.pipeline import phase_map, phase_task
from xelith.pipeline.phase_task import PhasesTask
from xelith.pipeline.run import run_config
from xelith.pipeline.sections import Segmentation
from xelith.pipeline.store import open_level
from xelith.segmentation import denoising

pytestmark = pytest.mark.usefixtures("no_pictures")

SHAPE, VOXEL_UM, FILM = (48, 56, 56), 2.0, 16
LEVELS = {"argon": (0.02, 0.11, 1.15), "xenon": (1.27, 0.11, 1.15)}


def write_config(folder, **segmentation):
    rng = np.random.default_rng(4)
    z, y, x = np.indices(SHAPE)
    radius = np.hypot(y - 27.5, x - 27.5)
    for gas, (void, lithium, carbon) in LEVELS.items():
        mu = np.where(z < 8, 290.0, np.where(z < 8 + FILM, lithium, np.where(z < 32, carbon, 64.0)))
        mu[radius > 22] = 0.89
        mu[radius > 26] = void
        tifffile.imwrite(folder / f"{gas}.tif", (mu + rng.normal(0, 0.9, SHAPE)).astype(np.float32))
    scans = {
        gas: {
            "volume": f"{gas}.tif",
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
        "cell": {"preset": "kodama-process-3", "inner_diameter_mm": 0.088, "outer_diameter_mm": 0.104},
        "registration": {"method": "none"},
        "segmentation": segmentation,
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf8")
    return path


@pytest.mark.parametrize("method", ["none", "tv"])
def test_denoised_or_not_the_film_is_that_of_the_scan(tmp_path, monkeypatch, method):
    smoothed, work = [], denoising.total_variation

    def counted(volume, **options):
        smoothed.append(volume.shape)
        return work(volume, **options)

    monkeypatch.setattr(denoising, "total_variation", counted)
    results = run_config(
        write_config(tmp_path, denoise=method), tmp_path / "out", advance=lambda stage, done, total: None
    )
    labels = zarr.open_array(tmp_path / "out" / "xenon.ome.zarr" / "labels" / "phases" / "0", mode="r")[:]
    assert bool(smoothed) == (method == "tv")
    # 0.9 cm^-1 of noise in each of 1500 columns of 16 rows: 0.01 of the film; its surface 0.1 voxel
    assert results["deposit"]["mean_thickness_um"] == pytest.approx(FILM * VOXEL_UM, rel=0.03)
    assert (labels[40:46, 20:36, 20:36] == Phase.ELECTROLYTE).all()
    assert (labels[26:29, 20:36, 20:36] == Phase.CARBON).mean() > 0.98
    assert (labels[12:20, 20:36, 20:36] == Phase.LITHIUM).mean() > 0.98


def test_labels_are_those_of_denoised_values(tmp_path, monkeypatch):
    """What is told to be smooth lithium is lithium in the labels, where the scan has a light phase."""
    lithium = LEVELS["argon"][1]
    monkeypatch.setattr(denoising, "total_variation", lambda volume, **options: np.full_like(volume, lithium))
    run_config(write_config(tmp_path, denoise="tv"), tmp_path / "out", advance=lambda stage, done, total: None)
    labels = zarr.open_array(tmp_path / "out" / "xenon.ome.zarr" / "labels" / "phases" / "0", mode="r")[:]
    assert (labels[26:29, 20:36, 20:36] == Phase.LITHIUM).all()
    assert (labels[40:46, 20:36, 20:36] == Phase.ELECTROLYTE).all()


@pytest.mark.parametrize("method", ["unet", "none"])
def test_what_has_no_thresholds_is_not_denoised(method):
    with pytest.raises(ValidationError, match="it serves the thresholds"):
        Segmentation(method=method, denoise="tv")


IMAGES = ("labels/phases", "fractions/lithium")


def voxels(folder):
    return [np.asarray(open_level(folder / "xenon.ome.zarr" / name, 0)[:]) for name in IMAGES]


def test_parts_label_as_the_whole_does(tmp_path, monkeypatch):
    config, widths = write_config(tmp_path), []
    work = PhasesTask._part

    def seen(task, slab, y, x):
        widths.append(len(x))
        return work(task, slab, y, x)

    monkeypatch.setattr(PhasesTask, "_part", seen)
    run_config(config, tmp_path / "whole", advance=lambda stage, done, total: None)
    assert set(widths) == {56}
    monkeypatch.setattr(phase_map, "PART_OF_MEMORY", 0.0)
    monkeypatch.setattr(phase_task, "SMALLEST_PART", 20)
    run_config(config, tmp_path / "parts", advance=lambda stage, done, total: None)
    assert set(widths) == {56, 20, 16}
    for whole, parts in zip(voxels(tmp_path / "whole"), voxels(tmp_path / "parts"), strict=True):
        np.testing.assert_array_equal(parts, whole)

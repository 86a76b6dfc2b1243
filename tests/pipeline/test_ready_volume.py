"""Vendor volumes: grey values tied to µ by named references, polarity found, voxel size never guessed."""

import numpy as np
import pytest
import tifffile

from xelith.pipeline.config import Cell, Config, Grey, Reference, ScanEntry
from xelith.pipeline.integrity import verify_run
from xelith.pipeline.ready_volume import find_calibration, open_volume
from xelith.pipeline.run import run_config
from xelith.pipeline.store import create_image, open_level, plan_layout, write_slab

pytestmark = pytest.mark.usefixtures("no_pictures")

N, VOXEL_UM = 80, 10.0
CASING, INSIDE = 0.9, 5.0


def quiet(stage: str, done: int, total: int) -> None:
    """Stand in for progress bars."""


def tube_of_mu(n_z: int = 12) -> np.ndarray:
    """Electrolyte of µ 5 in a tube of 0.9, air around it."""
    y, x = np.ogrid[:N, :N]
    radius = np.hypot(y - (N - 1) / 2, x - (N - 1) / 2)
    plane = np.select([radius < 20, radius < 32], [INSIDE, CASING], 0.0)
    noise = np.random.default_rng(3).normal(0, 0.05, (n_z, N, N))
    return (plane + noise).astype(np.float32)


def config_with(folder, references, **changes):
    entry = {"volume": folder, "voxel_um": VOXEL_UM, "grey": Grey(references=references)} | changes
    return Config(sample="v", scans={"main": ScanEntry(**entry)}, cell=Cell(inner_diameter_mm=0.4))


@pytest.mark.parametrize("slope", [250.0, -250.0])
@pytest.mark.parametrize(
    "references",
    [
        (Reference(name="air", mu_per_cm=0), Reference(name="casing", mu_per_cm=CASING)),
        (Reference(name="air", mu_per_cm=0, grey=20_000), Reference(name="pellet", mu_per_cm=INSIDE, grey=None,
                                                                   region=((0, 12), (35, 45), (35, 45)))),
    ],
    ids=["by place", "by grey and region"],
)  # fmt: skip
def test_slope_and_polarity_are_found(tmp_path, slope, references):
    values = (20_000 + slope * tube_of_mu()).round().astype(np.uint16)
    config = config_with(tmp_path, references)
    calibration = find_calibration(values, config.scans["main"], config, VOXEL_UM)
    assert calibration.is_inverted == (slope < 0)
    mu = calibration.mu_per_cm(values.astype(np.float32))
    assert mu[:, 35:45, 35:45].mean() == pytest.approx(INSIDE, rel=0.02)  # medians of noisy, rounded grey
    assert mu[:, :5, 40].mean() == pytest.approx(0, abs=0.02)


def test_a_reference_without_a_place_is_refused(tmp_path):
    config = config_with(tmp_path, (Reference(name="air", mu_per_cm=0), Reference(name="gold", mu_per_cm=100)))
    with pytest.raises(ValueError, match="reference gold has no place that is known; give its grey value"):
        find_calibration(tube_of_mu(), config.scans["main"], config, VOXEL_UM)


def test_a_place_that_is_not_uniform_is_refused(tmp_path):
    values = tube_of_mu()
    values[:, :, :] += np.hypot(*np.ogrid[-39.5:40, -39.5:40]).astype(np.float32)  # a bowl: no two circles alike
    references = (Reference(name="air", mu_per_cm=0), Reference(name="casing", mu_per_cm=0.05, grey=39.5))
    config = config_with(tmp_path, references)
    with pytest.raises(ValueError, match="reference air: its usual place is not uniform"):
        find_calibration(values, config.scans["main"], config, VOXEL_UM)


def test_references_of_one_grey_are_refused(tmp_path):
    references = (Reference(name="air", mu_per_cm=0, grey=5), Reference(name="b", mu_per_cm=1, grey=5))
    config = config_with(tmp_path, references)
    with pytest.raises(ValueError, match="all read 5"):
        find_calibration(tube_of_mu(), config.scans["main"], config, VOXEL_UM)


def test_slices_and_zarr_open_alike(tmp_path):
    volume = tube_of_mu()
    (tmp_path / "slices").mkdir()
    for z, plane in enumerate(volume):
        tifffile.imwrite(tmp_path / "slices" / f"s_{z + 1}.tif", plane)
    tifffile.imwrite(tmp_path / "pages.tif", volume, photometric="minisblack")
    layout = plan_layout(volume.shape, voxel_um=2.5)
    create_image(tmp_path / "v.ome.zarr", layout, name="v", attributes={})
    write_slab(tmp_path / "v.ome.zarr", layout, layout.slabs[0], volume)
    for name, voxel_um in (("slices", None), ("pages.tif", None), ("v.ome.zarr", 2.5)):
        source = open_volume(tmp_path / name)
        np.testing.assert_array_equal(np.asarray(source.values[3:5, 10:20, :]), volume[3:5, 10:20])
        assert source.voxel_um == voxel_um


def test_a_missing_slice_is_refused(tmp_path):
    for z in (1, 2, 4):
        tifffile.imwrite(tmp_path / f"s_{z}.tif", np.zeros((8, 8), np.uint16))
    with pytest.raises(ValueError, match="3"):
        open_volume(tmp_path)


def test_a_folder_without_slices_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no TIFF slices"):
        open_volume(tmp_path)


def test_a_run_on_slices_ends_in_absolute_units(tmp_path):
    values = (20_000 - 250 * tube_of_mu()).round().astype(np.uint16)
    tifffile.imwrite(tmp_path / "pages.tif", values, photometric="minisblack")
    text = (
        "sample: v\nscans:\n  main:\n    volume: pages.tif\n    voxel_um: 10\n"
        "    grey: {references: [[air, 0], [casing, 0.9]]}\ncell: {inner_diameter_mm: 0.4}\n"
    )
    (tmp_path / "v.yaml").write_text(text)
    results = run_config(tmp_path / "v.yaml", tmp_path / "out", advance=quiet)
    mu = open_level(tmp_path / "out" / "main.ome.zarr")[:]
    assert mu[:, 35:45, 35:45].mean() == pytest.approx(INSIDE, rel=0.02)  # medians of noisy, rounded grey
    assert results["scans"]["main"]["voxel_um"] == 10
    chunk = tmp_path / "out" / "main.ome.zarr" / "0" / "c" / "0" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"?")
    assert verify_run(tmp_path / "out") == ["main.ome.zarr/0/c/0/0/0"]
    run_config(tmp_path / "v.yaml", tmp_path / "out", advance=quiet)
    np.testing.assert_array_equal(open_level(tmp_path / "out" / "main.ome.zarr")[:], mu)
    assert verify_run(tmp_path / "out") == []
    (tmp_path / "v.yaml").write_text(text.replace("    voxel_um: 10\n", ""))
    with pytest.raises(ValueError, match="states no voxel size; give voxel_um"):
        run_config(tmp_path / "v.yaml", tmp_path / "other", advance=quiet)

"""Cells made up on the command line: scans that the readers read, truth beside them, and no half a file."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
import tifffile

from xelith.materials import Phase
from xelith.pipeline.experiment import FORMATS, STAMP, simulate
from xelith.pipeline.loading import load_config
from xelith.pipeline.store import open_level
from xelith.pipeline.twin_design import Size, design_twin
from xelith.scans import open_scan
from xelith.simulation import build_cell, truth_of
from xelith.simulation.twin import centred

SMALL = Size(diameter_um=120, height_um=84, rows=36, columns=90, views=12)


def quiet(stage: str, done: int, total: int) -> None:
    """Stand in for progress bars."""


def make(folder, *, file_format="data-exchange", before=False, advance=quiet, memory_gib=4.0, **changes):
    names = {"cell": "kodama-process-3", "setup": "demo", "size": SMALL, "seed": 1} | changes
    design = design_twin(**names)
    return simulate(
        folder, design, file_format=file_format, before=before, memory_gib=memory_gib, threads=1, advance=advance
    )


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """A twin on disk, before its charge too."""
    folder = tmp_path_factory.mktemp("twin") / "made"
    make(folder, before=True)
    return folder


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_format_is_read_back(tmp_path, file_format, twin):
    config = load_config(make(tmp_path / "twin", file_format=file_format))
    assert set(config.scans) == {"argon", "xenon"}
    for name, entry in config.scans.items():
        scan = open_scan(entry.path, **entry.hints())
        assert scan.shape == (12, 36, 90)
        assert scan.missing == ()
        assert scan.geometry.pixel_um == pytest.approx(2.0)
        first = open_scan(twin / f"{name}.h5")
        for stack in ("projections", "flats", "darks"):
            counts = np.asarray(getattr(scan, stack)[:])
            assert counts.dtype == np.uint16  # raw whole counts
            np.testing.assert_array_equal(counts, np.asarray(getattr(first, stack)[:]))
        np.testing.assert_allclose(np.rad2deg(scan.theta), np.arange(12) * 15.0, atol=1e-9)


def test_files_follow_the_formats_of_others(tmp_path, twin):
    with h5py.File(twin / "argon.h5") as file:  # as dxchange and tomopy-cli read it
        assert file["exchange/data"].dtype == file["exchange/data_white"].dtype == np.uint16
        assert file["exchange/data"].shape == (12, 36, 90)
        assert len(file["exchange/data_dark"]) == 20
        assert file["exchange/theta"][1] == pytest.approx(15.0)
        assert file["exchange/theta"].attrs["units"] == "degrees"
    make(tmp_path / "nexus", file_format="nxtomo", gases=("argon:1",))
    with h5py.File(tmp_path / "nexus" / "argon.nxs") as file:  # as NeXus has it: httomo and savu read these
        detector, keys = file["entry/instrument/detector"], file["entry/instrument/detector/image_key"][:]
        assert file["entry"].attrs["NX_class"] == "NXentry"
        assert file["entry/definition"].asstr()[()] == "NXtomo"
        assert detector["data"].dtype == np.uint16
        assert len(detector["data"]) == len(keys) == len(file["entry/sample/rotation_angle"])
        assert np.bincount(keys).tolist() == [12, 20, 20]  # projections, flats, darks
    make(tmp_path / "tiff", file_format="tiff", gases=("argon:1",))
    names = sorted(path.name for path in (tmp_path / "tiff" / "argon" / "projections").iterdir())
    assert names[0] == "projection_00000.tif"
    assert len(names) == 12
    assert tifffile.imread(tmp_path / "tiff" / "argon" / "flats" / "flat_00000.tif").dtype == np.uint16


def test_the_truth_is_written_whole(twin):
    design = design_twin(cell="kodama-process-3", setup="demo", size=SMALL, seed=1)
    cell = build_cell(design.preset.design, design.preset.charge, seed=1)
    truth = truth_of(cell, design.acquisition, centred(cell, design.acquisition))
    group = twin / "truth.ome.zarr"
    np.testing.assert_array_equal(open_level(group)[:], truth.labels)
    np.testing.assert_allclose(open_level(group / "fractions" / "lithium")[:], truth.lithium, atol=1e-6)
    total = sum(
        open_level(group / "fractions" / name)[:]
        for name in ("outside", "void", "lithium", "carbon", "electrolyte", "collector", "casing")
    )
    np.testing.assert_allclose(total, 1.0, atol=1e-5)  # no sub-voxel mixture in this cell
    assert json.loads((twin / "truth.json").read_text()) == truth.summary()
    np.testing.assert_allclose(tifffile.imread(twin / "truth_thickness.tif"), truth.thickness_um, rtol=1e-6)


def test_the_scan_before_is_of_the_same_cell(twin):
    assert set(load_config(twin / "run.yaml").before) == {"argon", "xenon"}
    assert json.loads((twin / "before" / "truth.json").read_text())["volume_um3"] == 0
    before, after = (open_level(folder / "truth.ome.zarr")[:] for folder in (twin / "before", twin))
    assert not np.any(before == 2)
    assert np.any(after == 2)


def test_the_scan_before_has_photons_of_its_own(twin):
    states = (twin / "before", twin)
    darks = []
    for folder in states:
        with h5py.File(folder / "argon.h5") as file:
            darks.append(file["exchange/data_dark"][:].astype(float))
    noise = [frames - frames.mean(axis=0) for frames in darks]
    # the same cell, other noise: of so many independent values the correlation is below 0.05 by far
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.05


def test_the_charge_is_that_of_the_protocol(tmp_path):
    config = load_config(make(tmp_path / "twin", gases=("xenon:6",)))
    capacity = config.charge.current_density_ma_per_cm2 * config.charge.duration_min / 60
    preset = design_twin(cell="kodama-process-3", size=SMALL).preset
    assert capacity == pytest.approx(preset.charge.areal_capacity_mah_per_cm2, rel=1e-6)
    own = tmp_path / "own.yaml"
    own.write_text("charge: {declared_area_share: 0.5, efficiency: 0.8}")
    wrong = load_config(make(tmp_path / "wrong", gases=("xenon:6",), file=own))
    declared = wrong.charge.current_density_ma_per_cm2 * wrong.charge.duration_min / 60
    assert declared == pytest.approx(2 * capacity, rel=1e-6)
    assert load_config(make(tmp_path / "other", cell="kodama-uncharged", gases=("xenon:6",))).charge is None


def test_what_is_there_is_not_made_again(tmp_path):
    folder, stages = tmp_path / "twin", []

    class StoppedError(Exception):
        pass

    def _stop(stage, done, total):
        stages.append(stage)
        if stage.startswith("xenon"):
            raise StoppedError

    with pytest.raises(StoppedError):
        make(folder, advance=_stop)
    assert (folder / "argon.h5").exists()
    left = {path.name for path in folder.iterdir()}
    assert left == {"argon.h5", STAMP}  # nothing half-written, under any name
    stages.clear()
    make(folder, advance=lambda stage, done, total: stages.append(stage))
    assert not any(stage.startswith("argon") for stage in stages)
    assert (folder / "run.yaml").exists()
    stages.clear()
    make(folder, advance=lambda stage, done, total: stages.append(stage))
    assert stages == []
    with pytest.raises(ValueError, match=r"holds another simulation, see simulation.json in it"):
        make(folder, seed=2)


def test_little_memory_and_many_threads_change_nothing(tmp_path, twin):
    design = design_twin(cell="kodama-process-3", setup="demo", size=SMALL, seed=1)
    simulate(tmp_path / "twin", design, memory_gib=0.001, threads=3, advance=quiet)
    for name in ("argon", "xenon"):
        with h5py.File(tmp_path / "twin" / f"{name}.h5") as one, h5py.File(twin / f"{name}.h5") as other:
            for stack in ("data", "data_white", "data_dark"):
                np.testing.assert_array_equal(one[f"exchange/{stack}"][:], other[f"exchange/{stack}"][:])


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"file_format": "png"}, "format 'png' is not known"), ({"size": Size(voxel_um=9.0)}, "make the truth's as fine")],
)
def test_faults_are_named(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        make(tmp_path / "twin", **changes)
    assert not (tmp_path / "twin").exists()


def test_a_cell_that_did_not_fit_the_view_leaves_the_folder_to_the_next_one(tmp_path):
    low = replace(SMALL, height_um=60)
    with pytest.raises(ValueError, match=r"the rows see .* of a cell of 60 µm"):
        make(tmp_path, size=low)
    assert make(tmp_path, gases=("argon:1",)).exists()


def test_an_electrolyte_may_be_a_formula(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("cell: {preset: kodama-process-3, electrolyte: {material: Li3PS4@1.87}}")
    config = load_config(make(tmp_path / "twin", cell=None, gases=("argon:1",), file=own))
    solids = config.cell.materials()
    assert solids[Phase.ELECTROLYTE].formula == "Li3PS4"
    labels = np.asarray(open_level(tmp_path / "twin" / "truth.ome.zarr")[:])
    assert (labels == Phase.ELECTROLYTE).mean() > 0.1


def test_a_folder_with_files_is_left_alone(tmp_path):
    (tmp_path / "a").write_text("mine")
    with pytest.raises(ValueError, match="holds files"):
        make(tmp_path)

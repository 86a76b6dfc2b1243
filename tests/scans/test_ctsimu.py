"""CTSimU: the tetrahedron's mesh must fall on its own shadow, view by view."""

import json
import shutil

import numpy as np
import pytest

from xelith.scans import ConeBeam, ParallelBeam, ScanError, open_scan

PLACE_MM = np.array([9.428083, 0, 8.888888])  # of the middle of the mesh's box on the stage, from tetra.json


def surface_points(path):
    """Points inside the triangles of a binary STL, (n, 3) in mm."""
    kind = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("spare", "<u2")])
    triangles = np.fromfile(path, kind, offset=84)["corners"].astype(float)
    weights = np.concatenate([np.eye(3), np.random.default_rng(5).dirichlet([1, 1, 1], 20)])  # corners, inside
    return np.einsum("wk,tkx->twx", weights, triangles).reshape(-1, 3)


def project(points, theta, geometry, direction):
    """Column and row of points (x, y, z) of the volume, by the formulas of docs/conventions.md."""
    cosine, sine = np.cos(direction * theta), np.sin(direction * theta)
    across, along = points[:, 0] * cosine + points[:, 1] * sine, -points[:, 0] * sine + points[:, 1] * cosine
    scale = geometry.source_detector_mm / (geometry.source_axis_mm + along) / (geometry.pixel_um / 1e3)
    return geometry.centre_px + across * scale, geometry.row_px + points[:, 2] * scale


@pytest.fixture
def tetrahedron(data_dir):
    folder = data_dir / "conebeam/ctsimu_tetrahedron"
    return folder, open_scan(folder / "projections/tetra_metadata.json", allow_outside=True)


@pytest.mark.data
def test_facts_of_the_tetrahedron(tetrahedron):
    _, scan = tetrahedron
    assert scan.format == "CTSimU"
    assert scan.shape == (21, 150, 150)
    assert scan.flats.shape == (3, 150, 150)
    assert np.all(scan.darks[:] == 120)
    np.testing.assert_allclose(np.degrees(scan.theta), np.arange(21) * 18)  # the last angle is included
    assert scan.geometry == ConeBeam(1300.0, 300.0, 400.0, 74.5, 74.5, direction=-1)
    assert scan.provenance["tube_kv"] == 130


@pytest.mark.data
def test_mesh_falls_on_its_shadow_in_every_view(tetrahedron):
    folder, scan = tetrahedron
    mesh = surface_points(folder / "tetra.stl")
    world = mesh - (mesh.min(0) + mesh.max(0)) / 2 + PLACE_MM  # X along the beam, Y, Z up
    points = np.stack([-world[:, 1], world[:, 0], -world[:, 2]], axis=1)  # axes of a reconstructed volume
    flat, dark = scan.flats[:].mean(0), scan.darks[:].mean(0)
    transmission = (scan.projections[:] - dark) / (flat - dark)
    lit = dict.fromkeys((scan.geometry.direction, -scan.geometry.direction), 0.0)
    for direction in lit:
        for view, theta in enumerate(scan.theta):
            column, row = project(points, theta, scan.geometry, direction)
            seen = transmission[view, np.round(row).astype(int), np.round(column).astype(int)]
            lit[direction] += np.mean(seen > 0.97) / len(scan.theta)
    assert lit[-1] < 0.03  # corners on the very rim may fall into a lit pixel
    assert lit[1] > 0.25  # the wrong direction puts many points beside the shadow


@pytest.mark.data
def test_geometry_outside_the_folder_needs_leave(data_dir):
    path = data_dir / "conebeam/ctsimu_tetrahedron/projections/tetra_metadata.json"
    with pytest.raises(
        ScanError, match=r"path_to_CTSimU_JSON names \.\./tetra.json, which lies outside .*allow_outside"
    ):
        open_scan(path)


@pytest.fixture
def copied(data_dir, tmp_path):
    """A copy of the set with its scenario beside the frames; a function that rewrites it."""
    folder = data_dir / "conebeam/ctsimu_tetrahedron"
    for file in (folder / "projections").iterdir():
        shutil.copy(file, tmp_path)
    scenario = json.loads((folder / "tetra.json").read_text())
    metadata = json.loads((folder / "projections/tetra_metadata.json").read_text())
    metadata["acquisition_geometry"]["path_to_CTSimU_JSON"] = "tetra.json"

    def write(change=lambda metadata, scenario: None):
        change(metadata, scenario)
        (tmp_path / "tetra.json").write_text(json.dumps(scenario, indent="\t"))
        (tmp_path / "tetra_metadata.json").write_text(json.dumps(metadata, indent="\t"))
        return tmp_path / "tetra_metadata.json"

    return write


@pytest.mark.data
def test_offset_source_and_stage_move_axis_and_row(copied):
    def change(_, scenario):
        scenario["geometry"]["stage"]["center"]["y"]["value"] = 13.0  # columns grow along -Y
        scenario["geometry"]["source"]["center"]["z"]["value"] = 2.6  # rows grow along -Z

    geometry = open_scan(copied(change)).geometry
    assert geometry.centre_px == pytest.approx(74.5 - 13 * 400 / 300 / 1.3)
    assert geometry.row_px == pytest.approx(74.5 - 2)


@pytest.mark.data
@pytest.mark.parametrize(("turn", "up", "expected"), [("CW", 1, 1), ("CCW", -1, 1), ("CW", -1, -1)])
def test_direction_follows_axis_and_turn(copied, turn, up, expected):
    def change(_, scenario):
        scenario["acquisition"]["direction"] = turn
        scenario["geometry"]["stage"]["vector_w"]["z"]["value"] = up

    assert open_scan(copied(change)).geometry.direction == expected


@pytest.mark.data
def test_parallel_source_turns_the_angles(copied):
    def change(_, scenario):
        scenario["geometry"]["source"]["type"] = "parallel"
        scenario["geometry"]["stage"]["center"]["y"]["value"] = 13.0

    scan = open_scan(copied(change))
    assert scan.geometry == ParallelBeam(1300.0, 64.5)
    np.testing.assert_allclose(np.degrees(scan.theta), -np.arange(21) * 18)


@pytest.mark.data
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m, s: m["output"].pop("projections"), "has no section 'projections'"),
        (lambda m, s: m["output"]["projections"].update(number=10**9), "number of projections is 1000000000"),
        (lambda m, s: m["output"]["projections"].update(number=22), "945000 bytes, and 22 x 150 x 150 values"),
        (lambda m, s: m["output"]["projections"].update(datatype="object"), "holds object values"),
        (lambda m, s: m["output"]["projections"].update(filename=None), "names no projections"),
        (lambda m, s: s["detector"].pop("pixel_pitch"), "has no detector.pixel_pitch.u"),
        (lambda m, s: s["geometry"]["stage"]["center"].pop("x"), "has no geometry.stage.center with x, y and z"),
        (lambda m, s: s["geometry"]["detector"]["vector_u"]["z"].update(value=1), "not square to beam and axis"),
        (
            lambda m, s: s["geometry"]["stage"]["center"]["x"].update(value=500),
            "the axis 500 mm and the detector 400 mm",
        ),
    ],
)
def test_faults_are_named(copied, change, message):
    with pytest.raises(ScanError, match=message):
        open_scan(copied(change))


@pytest.mark.data
def test_missing_frames_are_named(copied):
    path = copied(lambda m, s: m["output"]["projections"].update(filename="other.raw"))
    with pytest.raises(FileNotFoundError, match="other.raw matches no file"):
        open_scan(path)

"""Cone-beam scans of balls through a whole run: every kind of orbit and detector, cut into slabs or windows."""

import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from xelith.pipeline.looking import find_scan_centre
from xelith.pipeline.preview import preview_config
from xelith.pipeline.run import run_config
from xelith.pipeline.store import open_level
from xelith.scans import write_data_exchange
from xelith.scans.geometry import ConeBeam
from xelith.scans.scan import Scan

pytestmark = pytest.mark.usefixtures("no_pictures")

SHAPE = (40, 72)
OPEN_BEAM, DARK = 50_000.0, 100.0
PIXEL_UM, SOURCE_AXIS_MM, SOURCE_DETECTOR_MM = 60.0, 15.0, 36.0
VOXEL_MM = PIXEL_UM * SOURCE_AXIS_MM / SOURCE_DETECTOR_MM / 1000  # 25 µm
BALLS = (
    # x, y, z from the axis and the central ray, radius: in voxels; µ in cm^-1
    (9.0, -7.0, -6.0, 7.0, 6.0),
    (-12.0, 6.0, 5.0, 6.0, 4.0),
    (4.0, 15.0, 2.0, 5.0, 5.0),
)


def chords(theta, beam, balls=BALLS, shape=SHAPE, fine=3):
    """Line integrals of balls, mean over each pixel, by the conventions: source, axis, detector, its tilt."""
    steps = (np.arange(fine) + 0.5) / fine - 0.5
    j = (np.arange(shape[1])[:, None] + steps).ravel() - beam.centre_px
    i = (np.arange(shape[0])[:, None] + steps).ravel()[:, None] - beam.row_px
    tilt, pixel = beam.detector_tilt_rad, beam.pixel_um / 1000
    u, v = (j * math.cos(tilt) - i * math.sin(tilt)) * pixel, (j * math.sin(tilt) + i * math.cos(tilt)) * pixel
    length = np.sqrt(u**2 + v**2 + beam.source_detector_mm**2)
    total = np.zeros((len(theta), *shape), np.float32)
    for k, angle in enumerate(np.asarray(theta) * beam.direction):
        across, ahead = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
        frame = np.zeros(u.shape)
        for x, y, z, r, mu in balls:
            centre = np.array([x, y]) * VOXEL_MM + beam.source_axis_mm * ahead  # seen from the source
            a, b, c = centre @ across, centre @ ahead, z * VOXEL_MM
            along = (a * u + b * beam.source_detector_mm + c * v) / length
            square = a * a + b * b + c * c - along**2
            frame += mu * 0.1 * 2 * np.sqrt(np.clip((r * VOXEL_MM) ** 2 - square, 0, None))
        total[k] = frame.reshape(shape[0], fine, shape[1], fine).mean((1, 3))
    return total


def write_scan(
    folder: Path, theta, *, centre_px=36.8, row_px=19.5, direction=1, tilt_rad=0.0, said_tilt_rad=0.0, balls=BALLS
):
    """Write counts of the balls as DataExchange; the file does not tell the axis."""
    beam = ConeBeam(PIXEL_UM, SOURCE_AXIS_MM, SOURCE_DETECTOR_MM, centre_px, row_px, direction, tilt_rad)
    counts = DARK + OPEN_BEAM * np.exp(-chords(theta, beam, balls))
    told = ConeBeam(
        PIXEL_UM, SOURCE_AXIS_MM, SOURCE_DETECTOR_MM, None, row_px, direction, detector_tilt_rad=said_tilt_rad
    )
    scan = Scan(
        counts.astype(np.float32),
        np.full((2, *SHAPE), DARK + OPEN_BEAM, np.float32),
        np.full((2, *SHAPE), DARK, np.float32),
        np.asarray(theta, float),
        told,
    )
    write_data_exchange(folder / "scan.h5", scan)


def configure(folder: Path, **changes) -> Path:
    values = {
        "sample": "balls",
        "source": {"energy_kev": 25},
        "scans": {"main": {"path": "scan.h5"}},
        "reconstruction": [{"step": "flat-field"}, {"step": "centre"}, {"step": "fdk", "window": "ramp"}],
    } | changes
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf8")
    return path


def quiet(stage: str, done: int, total: int) -> None:
    """Stand in for progress bars."""


def ran(folder: Path, **changes):
    results = run_config(configure(folder, **changes), folder / "out", advance=quiet)
    return results["scans"]["main"], np.asarray(open_level(folder / "out" / "main.ome.zarr"))


def mean_in(volume, ball, *, first_row=0, row_px=19.5):
    """Mean µ in the inner three quarters of a ball, whose place follows from the conventions alone."""
    x, y, z, r, _ = ball
    k, j, i = np.indices(volume.shape)
    middle = (volume.shape[1] - 1) / 2
    inside = (i - middle - x) ** 2 + (j - middle - y) ** 2 + (k + first_row - row_px - z) ** 2 < (0.75 * r) ** 2
    return float(volume[inside].mean())


def full(n=180):
    return np.arange(n) * 2 * np.pi / n


FAN = 2 * math.atan(36 * PIXEL_UM / 1000 / SOURCE_DETECTOR_MM)
ORBITS = {
    "full turn, both ends, backwards": (np.linspace(0, 2 * np.pi, 181), {"direction": -1}),
    "short scan": (0.7 + np.linspace(0, np.pi + FAN + 0.1, 130), {"centre_px": 34.1}),
    "shifted detector": (full(200), {"centre_px": 21.3}),
    "shifted the other way, backwards": (full(200), {"centre_px": 52.2, "direction": -1}),
}


@pytest.mark.parametrize("name", ORBITS)
def test_every_orbit_gives_the_balls_their_attenuation(tmp_path, name):
    theta, changes = ORBITS[name]
    write_scan(tmp_path, theta, **changes)
    facts, volume = ran(tmp_path)
    assert facts["centre_px"] == pytest.approx(changes.get("centre_px", 36.8), abs=0.25)
    assert facts["centre_verdict"] == "resolved"
    assert facts["voxel_um"] == pytest.approx(25.0)
    assert facts["biased"] is False
    for ball in BALLS:
        # 1 %: balls of 5 to 7 voxels, 5 voxels off the plane of the orbit, the centre off by a tenth of a pixel
        assert mean_in(volume, ball) == pytest.approx(ball[4], rel=0.01 if len(theta) != 130 else 0.02)
    assert abs(float(volume[:, 30:42, 8:14].mean())) < 0.06  # air stays empty: directions are right


def many_balls():
    """Balls at all heights, so that every row has a centre of its own."""
    rng = np.random.default_rng(4)
    r, phi = 24 * np.sqrt(rng.uniform(size=40)), rng.uniform(0, 2 * np.pi, 40)
    z, size = rng.uniform(-26, 26, 40), rng.uniform(2, 5, 40)
    return tuple(zip(r * np.cos(phi), r * np.sin(phi), z, size, rng.uniform(3, 9, 40), strict=True))


def test_a_tilted_detector_that_the_file_tells_of_is_straightened(tmp_path):
    tilt = math.radians(2.5)
    write_scan(tmp_path, full(), tilt_rad=tilt, said_tilt_rad=tilt)
    _, volume = ran(tmp_path)
    for ball in BALLS:
        assert mean_in(volume, ball) == pytest.approx(ball[4], rel=0.01)


def test_a_tilted_detector_that_nobody_told_of_is_found(tmp_path):
    write_scan(tmp_path, full(120), tilt_rad=math.radians(2.0), balls=many_balls())
    facts, _ = ran(tmp_path)
    assert facts["axis_tilt_deg"] == pytest.approx(2.0, abs=0.5)
    assert facts["axis_tilt_corrected"] is True


def test_windows_of_rows_and_slabs_are_parts_of_the_whole(tmp_path):
    write_scan(tmp_path, full(90), row_px=15.5)
    _, whole = ran(tmp_path)
    entry = {"scans": {"main": {"path": "scan.h5", "centre_px": 36.8}}}
    for rows in ((4, 20), (20, 36)):
        folder = tmp_path / str(rows[0])
        folder.mkdir()
        (folder / "scan.h5").symlink_to(tmp_path / "scan.h5")
        _, part = ran(folder, region={"rows": list(rows)}, **entry)
        assert part.shape == (rows[1] - rows[0], *whole.shape[1:])
        # rows beyond the window are missing to slices near its ends: those inside are the same
        inner = slice(3, -3) if rows[0] == 4 else slice(7, -3)
        difference = part[inner] - whole[rows[0] : rows[1]][inner]
        assert np.sqrt((difference**2).mean()) < 0.02 * whole.max()


def test_the_preview_of_a_cone_shows_slices_and_leaves_the_folder_to_the_run(tmp_path):
    write_scan(tmp_path, full(90))
    config = configure(tmp_path)
    (picture,) = preview_config(config, tmp_path / "out", advance=quiet)
    assert picture.read_bytes().startswith(b"\x89PNG")
    results = run_config(config, tmp_path / "out", advance=quiet)
    assert results["scans"]["main"]["centre_verdict"] == "resolved"


def test_the_centre_of_a_cone_comes_with_a_contact_sheet(tmp_path):
    write_scan(tmp_path, full(120), centre_px=20.6)
    found, axis = find_scan_centre(tmp_path / "scan.h5", {}, sheet=tmp_path / "sheet.png")
    assert found["centre_px"] == pytest.approx(20.6, abs=0.15)
    assert list(found) == ["centre_px", "verdict", "confidence", "candidates"]
    assert axis.text().startswith("centre 20.")
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_a_cell_wider_than_the_view_of_a_cone_is_flagged(tmp_path, caplog):
    wide = ((0.0, 0.0, 0.0, 60.0, 1.0),)
    beam = ConeBeam(PIXEL_UM, SOURCE_AXIS_MM, SOURCE_DETECTOR_MM, 35.5, 19.5)
    integrals = chords(full(24), beam, wide)
    told = ConeBeam(PIXEL_UM, SOURCE_AXIS_MM, SOURCE_DETECTOR_MM, None, 19.5)
    write_data_exchange(tmp_path / "scan.h5", Scan(integrals, None, None, full(24), told, is_line_integral=True))
    facts, _ = ran(tmp_path, scans={"main": {"path": "scan.h5", "centre_px": 35.5, "is_line_integral": True}})
    assert facts["biased"] is True
    assert "cut off by the detector" in caplog.text

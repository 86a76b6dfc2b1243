"""Scans and volumes in zarr: read where they are sliced, refused in words where they are damaged."""

import json
import pickle

import numpy as np
import pytest
import zarr

from xelith.scans import ScanError, open_scan
from xelith.scans.zarr_frames import ZarrFrames, is_zarr

COUNTS = np.random.default_rng(5).integers(0, 60_000, (6, 4, 10)).astype("u2")


def write(path, zarr_format=3, prefix="exchange/", **more):
    group = zarr.open_group(str(path), mode="w", zarr_format=zarr_format)
    parts = {"data": COUNTS, "data_white": COUNTS[:2], "data_dark": COUNTS[:1], "theta": np.arange(6) * 30.0} | more
    for name, values in parts.items():
        if values is not None:
            group.create_array(prefix + name, data=values, chunks=tuple(min(n, 3) for n in values.shape))
    return path


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("prefix", ["exchange/", ""])
def test_a_group_laid_out_as_data_exchange_is_a_scan(tmp_path, zarr_format, prefix):
    scan = open_scan(write(tmp_path / "scan.zarr", zarr_format, prefix), pixel_um=2.0)
    assert scan.format == "Zarr"
    assert scan.missing == ()
    np.testing.assert_array_equal(scan.projections[2:5, 1:3, 4:9], COUNTS[2:5, 1:3, 4:9])
    np.testing.assert_array_equal(scan.flats[:], COUNTS[:2])
    np.testing.assert_allclose(np.degrees(scan.theta), np.arange(6) * 30.0)


def test_a_bare_array_is_projections_that_hints_describe(tmp_path):
    zarr.create_array(tmp_path / "p.zarr", data=COUNTS)
    scan = open_scan(tmp_path / "p.zarr", theta_range_deg=(0, 180))
    assert scan.shape == COUNTS.shape
    assert scan.missing == ("flats", "darks", "pixel_um")


def test_angles_may_be_in_rad(tmp_path):
    path = write(tmp_path / "scan.zarr")
    zarr.open_group(str(path))["exchange/theta"].attrs["units"] = "radian"
    np.testing.assert_array_equal(open_scan(path).theta, np.arange(6) * 30.0)


def test_frames_travel_to_other_processes(tmp_path):
    frames = ZarrFrames(write(tmp_path / "scan.zarr"), "exchange/data")
    assert frames.shape == COUNTS.shape
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames))[:], COUNTS)


def test_a_folder_of_other_things_is_no_zarr(tmp_path):
    assert not is_zarr(tmp_path)
    zarr.open_group(str(tmp_path / "g.zarr"), mode="w").create_array("other", data=COUNTS)
    with pytest.raises(ScanError, match="holds no TIFF files and no zarr"):
        open_scan(tmp_path / "g.zarr")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": [2**40, 2**40, 4]}, "claims 1099511627776 x 1099511627776 x 4"),
        ({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2**20, 2**14, 4]}}}, "chunks of"),
        ({"shape": [6, 40]}, "cannot be read as zarr|three axes"),
        ({"data_type": "complex64"}, "cannot be read as zarr|complex64"),
        ({"codecs": []}, "cannot be read as zarr"),
        ({"node_type": None}, "cannot be read as zarr|no TIFF files"),
    ],
)
def test_absurd_metadata_are_refused_before_memory_is_taken(tmp_path, changes, message):
    path = write(tmp_path / "scan.zarr")
    meta = path / "exchange" / "data" / "zarr.json"
    meta.write_text(json.dumps(json.loads(meta.read_text()) | changes))
    with pytest.raises(ScanError, match=message):
        open_scan(path)


def test_a_damaged_chunk_is_named(tmp_path):
    path = write(tmp_path / "scan.zarr")
    chunk = path / "exchange" / "data" / "c" / "0" / "0" / "0"
    chunk.write_bytes(b"rubbish")
    scan = open_scan(path)
    with pytest.raises(ScanError, match=r"scan\.zarr/exchange/data cannot be read as zarr .*copy it again"):
        scan.projections[:]


def test_theta_of_another_shape_is_refused(tmp_path):
    with pytest.raises(ScanError, match="one angle for each projection"):
        open_scan(write(tmp_path / "scan.zarr", theta=np.ones((3, 2))))

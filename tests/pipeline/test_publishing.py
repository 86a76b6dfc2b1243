"""Scans out of an S3 store and finished runs into it, against a real server on this machine."""

import json
import os

import numpy as np
import pytest
import zarr

from xelith.pipeline.ledger import Ledger
from xelith.pipeline.loading import load_config
from xelith.pipeline.publishing import copy_to_store
from xelith.pipeline.run import run_config
from xelith.pipeline.store import open_level
from xelith.scans.remote import remote_files, remote_url
from xelith.scans.zarr_frames import ZarrFrames


def quiet(stage: str, done: int, total: int) -> None:
    """Stand in for progress bars."""


@pytest.fixture
def bucket(monkeypatch):
    """An empty bucket of a server that speaks S3."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    fsspec = pytest.importorskip("s3fs")
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    fsspec.S3FileSystem.clear_instance_cache()
    name = f"cells-{os.urandom(4).hex()}"
    fsspec.S3FileSystem().mkdir(name)
    yield f"s3://{name}"
    fsspec.S3FileSystem.clear_instance_cache()
    server.stop()


def put_scan(disc_run, url):
    """The scan as zarr in the store."""
    group = zarr.open_group(url, mode="w")
    group.create_array("exchange/data", data=disc_run.counts(90, 20), chunks=(16, 20, 64))
    group.create_array("exchange/data_white", data=np.full((2, 20, 64), disc_run.FLAT, "f4"))
    group.create_array("exchange/data_dark", data=np.full((2, 20, 64), disc_run.DARK, "f4"))
    group.create_array("exchange/theta", data=np.arange(90) * 2.0)


def test_a_scan_in_a_store_gives_what_it_gives_here_and_its_run_goes_back(disc_run, bucket):
    folder = disc_run.folder
    put_scan(disc_run, f"{bucket}/scan.zarr")
    entry = {"path": f"{bucket}/scan.zarr", "pixel_um": 10.0, "centre_px": disc_run.CENTRE_PX}
    config = disc_run.config("far.yaml", scans={"main": entry}, output={"publish": f"{bucket}/out/"})
    results = run_config(config, folder / "far", advance=quiet)
    run_config(disc_run.config(), folder / "near", advance=quiet)
    image = open_level(folder / "far" / "main.ome.zarr")[:]
    np.testing.assert_array_equal(image, open_level(folder / "near" / "main.ome.zarr")[:])
    assert results["scans"]["main"]["path"] == f"{bucket}/scan.zarr"
    assert results["scans"]["main"]["sha256"] is None and len(results["scans"]["main"]["frames_sha256"]) == 32

    there = ZarrFrames(f"{bucket}/out/main.ome.zarr", "0")
    np.testing.assert_array_equal(there[:], image)
    assert {"results.json", "report.html"} <= set(remote_files(f"{bucket}/out"))

    again = {"scans": {"main": {"volume": f"{bucket}/out/main.ome.zarr", "grey": {"unit": "per_cm"}}}}
    ready = run_config(disc_run.config("volume.yaml", **again), folder / "ready", advance=quiet)
    assert ready["scans"]["main"]["voxel_um"] == pytest.approx(10.0)
    np.testing.assert_array_equal(open_level(folder / "ready" / "main.ome.zarr")[:], image)

    put_scan(disc_run, f"{bucket}/scan.zarr")  # the same values anew are the same scan: nothing is done again
    before = remote_files(f"{bucket}/out")
    run_config(config, folder / "far", advance=quiet)
    assert remote_files(f"{bucket}/out") == before


def test_only_what_has_changed_is_sent_and_stale_chunks_go(tmp_path, bucket):
    run = tmp_path / "run"
    group = zarr.open_group(str(run / "a.ome.zarr"), mode="w")
    group.create_array("0", data=np.ones((4, 4, 4), "f4"), chunks=(1, 4, 4))
    (run / "results.json").write_text(json.dumps({"a": 1}))
    ledger = Ledger(tmp_path / "ledger.jsonl")
    copy_to_store(run, f"{bucket}/x", ledger, quiet)
    first = remote_files(f"{bucket}/x")
    (run / "results.json").write_text(json.dumps({"a": 22}))
    (run / "a.ome.zarr" / "0" / "c" / "3" / "0" / "0").unlink()
    copy_to_store(run, f"{bucket}/x", ledger, quiet)
    second = remote_files(f"{bucket}/x")
    assert set(first) - set(second) == {"a.ome.zarr/0/c/3/0/0"}
    assert second["results.json"] != first["results.json"]


def test_a_store_that_is_not_there_is_said(disc_run, bucket):
    entry = {"path": f"{bucket}/gone.zarr", "pixel_um": 10.0, "centre_px": disc_run.CENTRE_PX}
    config = disc_run.config(scans={"main": entry})
    with pytest.raises(FileNotFoundError, match=r"^s3://.*gone\.zarr holds no zarr; from a store"):
        run_config(config, disc_run.folder / "out", advance=quiet)


def test_addresses_survive_a_path(tmp_path):
    from pathlib import Path

    assert remote_url(Path("s3://bucket/a b/c.zarr/")) == "s3://bucket/a b/c.zarr"
    assert remote_url("s3://bucket") == "s3://bucket"
    assert remote_url("scan.h5") is None and remote_url("/s3:/x") is None and remote_url("s3x://b") is None
    path = tmp_path / "run.yaml"
    path.write_text("sample: a\nscans: {main: {path: 's3://b/x.zarr'}}\noutput: {publish: 'ftp://x'}\n")
    with pytest.raises(ValueError, match=r"output\.publish"):
        load_config(path)

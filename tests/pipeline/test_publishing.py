"""Scans out of an S3 store and finished runs into it, against a real server on this machine."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import zarr

from xelith.pipeline import publishing
from xelith.pipeline.ledger import Ledger
from xelith.pipeline.loading import load_config
from xelith.pipeline.publishing import copy_to_store, verify_copy
from xelith.pipeline.run import run_config
from xelith.pipeline.status import run_status
from xelith.pipeline.store import open_level
from xelith.scans.remote import file_system, remote_files, remote_url
from xelith.scans.zarr_frames import ZarrFrames

pytestmark = pytest.mark.usefixtures("no_pictures")


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


def written_run(folder, n_chunks=200):
    """A run folder with an image of many chunks and what stands beside it."""
    group = zarr.open_group(str(folder / "a.ome.zarr"), mode="w")
    values = np.random.default_rng(1).random((n_chunks, 16, 16), "f4")
    group.create_array("0", data=values, chunks=(1, 16, 16))
    (folder / "results.json").write_text("{}")
    (folder / ".xelith").mkdir()
    return values


def counted(monkeypatch):
    """Addresses in the order in which they are sent."""
    sent = []
    work = publishing.upload
    monkeypatch.setattr(
        publishing, "upload", lambda pairs, **how: sent.extend(url for _, url in pairs) or work(pairs, **how)
    )
    return sent


SENDS = """
import sys
from pathlib import Path
from xelith.pipeline import publishing
from xelith.pipeline.ledger import Ledger
from xelith.pipeline.publishing import copy_to_store, verify_copy
run = Path(sys.argv[1])
copy_to_store(run, sys.argv[2], Ledger(run / ".xelith" / "ledger.jsonl"), lambda *told: None)
"""


def test_a_copy_that_was_killed_goes_on_and_is_not_readable_before_it_is_whole(tmp_path, bucket, monkeypatch):
    run, url = tmp_path / "run", f"{bucket}/x"
    values = written_run(run)
    process = subprocess.Popen([sys.executable, "-c", SENDS, str(run), url])
    while len(there := remote_files(f"{url}/a.ome.zarr")) < 70 and process.poll() is None:
        pass
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it was done before it could be killed"
    time.sleep(0.5)  # for what the server had taken already
    there = remote_files(f"{url}/a.ome.zarr")
    assert 70 <= len(there) < 200 and not [name for name in there if name.endswith("zarr.json")]
    sent, told = counted(monkeypatch), []
    ledger = Ledger(run / ".xelith" / "ledger.jsonl")
    copy_to_store(run, url, ledger, lambda *progress: told.append(progress))
    assert not {url.split("/", 4)[-1] for url in sent} & set(there), "what had arrived was sent again"
    assert len(sent) == 203 - len(there) and sent[-2:] == [f"{url}/a.ome.zarr/zarr.json", f"{url}/results.json"]
    assert told[-1] == ("copy to the store", 203, 203)
    np.testing.assert_array_equal(ZarrFrames(f"{url}/a.ome.zarr", "0")[:], values)
    copy_to_store(run, url, ledger, quiet)
    assert len(sent) == 203 - len(there)


def test_an_object_that_changed_in_the_store_is_named_and_sent_again(tmp_path, bucket, monkeypatch):
    run, url = tmp_path / "run", f"{bucket}/x"
    values = written_run(run, n_chunks=70)
    ledger = Ledger(run / ".xelith" / "ledger.jsonl")
    copy_to_store(run, url, ledger, quiet)
    assert verify_copy(run) == []
    store = file_system(url)
    changed, gone = (f"{url}/a.ome.zarr/0/c/{z}/0/0" for z in (3, 68))
    size = store.info(changed)["size"]
    store.pipe(changed, bytes(size))
    store.rm(gone)
    shown = subprocess.run(
        [sys.executable, "-m", "xelith.pipeline", "status", str(run), "--verify", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 1
    assert json.loads(shown.stdout)["corrupt"] == {str(run): sorted([changed, gone])}
    assert run_status(run).state == "corrupt"
    sent = counted(monkeypatch)
    copy_to_store(run, url, Ledger(run / ".xelith" / "ledger.jsonl"), quiet)
    assert sent == [changed, gone, f"{url}/a.ome.zarr/0/zarr.json", f"{url}/a.ome.zarr/zarr.json"]
    assert verify_copy(run) == []
    np.testing.assert_array_equal(ZarrFrames(f"{url}/a.ome.zarr", "0")[:], values)


def test_few_large_files_are_in_memory_at_a_time(tmp_path, bucket, monkeypatch):
    run = tmp_path / "run"
    written_run(run, n_chunks=4)
    at_once, work = [], publishing.upload
    monkeypatch.setattr(publishing, "upload", lambda pairs, **how: at_once.append(how["at_once"]) or work(pairs, **how))
    monkeypatch.setattr(publishing, "MEMORY_BYTES", 3 * 1024)  # a chunk has 1 KiB
    copy_to_store(run, f"{bucket}/x", Ledger(run / ".xelith" / "ledger.jsonl"), quiet)
    assert at_once[0] == 3 and max(at_once) <= 16


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

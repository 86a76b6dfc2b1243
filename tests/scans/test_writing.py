"""Writers: what is written comes back, and nothing half-written stays under a final name."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from xelith.scans import (
    ArrayFrames,
    ConeBeam,
    ParallelBeam,
    Scan,
    ScanError,
    open_scan,
    write_data_exchange,
    write_nxtomo,
    write_tiff_stack,
)

WRITERS = [(write_data_exchange, "a.h5"), (write_nxtomo, "a.nxs"), (write_tiff_stack, "a")]


def counts(n, seed, dtype=np.uint16):
    """Random frames of 5 x 6 pixels."""
    return ArrayFrames(np.random.default_rng(seed).integers(0, 60_000, (n, 5, 6)).astype(dtype))


@pytest.fixture
def scan():
    """A cone-beam scan of 7 views with two flats before and two after."""
    return Scan(
        projections=counts(7, 1),
        flats=counts(4, 2),
        darks=counts(2, 3),
        theta=np.linspace(0.1, 3, 7),
        geometry=ConeBeam(0.54, 10.0, 20.0, 2.5, 1.5, -1, 0.01),
        energy_kev=25.0,
        exposure_s=0.5,
        flat_positions=np.array([0, 0, 7, 7]),
    )


def assert_same(found, scan):
    """All that the scan knows came back."""
    for name in ("projections", "flats", "darks"):
        ours, theirs = getattr(scan, name), getattr(found, name)
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert theirs.dtype == ours.dtype
            np.testing.assert_array_equal(theirs[:], ours[:])
    if scan.theta is None:
        assert found.theta is None
    else:
        np.testing.assert_allclose(found.theta, scan.theta, rtol=1e-15)  # through degrees and back
    assert found.geometry == scan.geometry
    for name in ("energy_kev", "exposure_s", "is_line_integral"):
        assert getattr(found, name) == getattr(scan, name)
    np.testing.assert_array_equal(found.flat_positions, scan.flat_positions)


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_comes_back(tmp_path, scan, write, name):
    assert write(tmp_path / name, scan) == tmp_path / name
    assert_same(open_scan(tmp_path / name), scan)
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_parallel_beam_comes_back(tmp_path, scan, write, name):
    scan = replace(scan, geometry=ParallelBeam(0.54, 2.25), flat_positions=np.array([0, 3, 3, 7]))
    write(tmp_path / name, scan, compression="zlib" if name == "a" else "gzip")
    assert_same(open_scan(tmp_path / name), scan)


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_bare_scan_comes_back(tmp_path, write, name):
    scan = Scan(projections=counts(3, 1, np.float32))
    write(tmp_path / name, scan)
    assert_same(open_scan(tmp_path / name), scan)


@pytest.mark.parametrize(("write", "name"), [WRITERS[0], WRITERS[2]])
def test_line_integrals_come_back(tmp_path, write, name):
    scan = Scan(projections=counts(3, 1, np.float32), is_line_integral=True)
    write(tmp_path / name, scan)
    assert_same(open_scan(tmp_path / name), scan)


def test_nxtomo_refuses_what_it_cannot_hold(tmp_path, scan):
    with pytest.raises(ScanError, match="has line integrals; NXtomo holds counts of one type"):
        write_nxtomo(tmp_path / "a.nxs", replace(scan, is_line_integral=True))
    with pytest.raises(ScanError, match="has frames of float32 and uint16; NXtomo holds counts of one type"):
        write_nxtomo(tmp_path / "a.nxs", replace(scan, flats=counts(4, 2, np.float32)))


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_existing_name_is_kept_unless_told(tmp_path, scan, write, name):
    write(tmp_path / name, scan)
    with pytest.raises(FileExistsError, match="exists; choose another name, or pass overwrite=True"):
        write(tmp_path / name, scan)
    other = replace(scan, projections=counts(7, 9))
    write(tmp_path / name, other, overwrite=True)
    assert_same(open_scan(tmp_path / name), other)


class Failing(ArrayFrames):
    """Frames whose reading fails, as on a full disk or a broken mount."""

    def __getitem__(self, key):
        raise OSError("no space left on device")


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_failure_leaves_nothing(tmp_path, scan, write, name):
    with pytest.raises(OSError, match="no space left"):
        write(tmp_path / name, replace(scan, darks=Failing(scan.darks.array)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_contradiction_is_refused(tmp_path, scan, write, name):
    with pytest.raises(ScanError, match="7 angles and 6 projections"):
        write(tmp_path / name, replace(scan, projections=counts(6, 1)))
    assert list(tmp_path.iterdir()) == []


def test_blocks_are_read_one_after_another(tmp_path, scan, monkeypatch):
    monkeypatch.setattr("xelith.scans.whole_files.BLOCK_BYTES", 2 * 5 * 6 * 2)  # two frames
    for write, name in WRITERS:
        write(tmp_path / name, scan)
        assert_same(open_scan(tmp_path / name), scan)


def test_nxtomo_is_as_defined(tmp_path, scan):
    with h5py.File(write_nxtomo(tmp_path / "a.nxs", scan)) as file:
        entry = file["entry"]
        assert entry.attrs["NX_class"] == "NXentry"
        assert entry["definition"][()] == b"NXtomo"
        np.testing.assert_array_equal(entry["instrument/detector/image_key"], [2, 2, 1, 1] + 7 * [0] + [1, 1])
        assert entry["sample/rotation_angle"].shape == (13,)
        assert entry["data/data"].shape == (13, 5, 6)
        assert entry["instrument"].attrs["NX_class"] == "NXinstrument"

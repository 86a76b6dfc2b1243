"""Sidecars: where they are found, what they may say and where their paths may lead."""

import numpy as np
import pytest

from xelith.scans import ScanError
from xelith.scans.hints import Hints
from xelith.scans.sidecar import find_sidecar, held_path, is_sidecar, load_mapping, read_angles, sidecar_hints


def text(path, content):
    """Write a text file."""
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["scan.yaml", "xelith.yaml", "scan.json"])
def test_sidecar_of_a_folder(tmp_path, name):
    text(tmp_path / name, "pixel_um: 1")
    assert find_sidecar(tmp_path) == tmp_path / name


@pytest.mark.parametrize("name", ["cell7.yaml", "cell7.h5.yaml", "cell7.yml"])
def test_sidecar_of_a_file(tmp_path, name):
    (tmp_path / "cell7.h5").touch()
    text(tmp_path / name, "pixel_um: 1")
    text(tmp_path / "scan.yaml", "pixel_um: 2")  # of the folder, not of this file
    assert find_sidecar(tmp_path / "cell7.h5") == tmp_path / name


def test_no_sidecar(tmp_path):
    assert find_sidecar(tmp_path) is None
    assert find_sidecar(tmp_path / "a.yaml") is None


def test_keys_are_those_of_hints(tmp_path):
    path = text(
        tmp_path / "scan.yaml",
        "pixel_um: 0.54\nenergy_kev: 25\ntheta_file: a.txt\nflats: flats\ngeometry: {beam: parallel}\n",
    )
    hints = sidecar_hints(path)
    assert (hints.pixel_um, hints.energy_kev, hints.angles, hints.flats) == (0.54, 25, "a.txt", "flats")
    assert not hints.trusted


def test_json_with_tabs(tmp_path):
    assert sidecar_hints(text(tmp_path / "scan.json", '{\n\t"pixel_um": 0.54\n}')).pixel_um == 0.54


def test_yaml_in_braces(tmp_path):
    assert sidecar_hints(text(tmp_path / "scan.yaml", "{pixel_um: 0.54}")).pixel_um == 0.54


def test_configuration_of_a_run_is_no_sidecar(tmp_path):
    assert sidecar_hints(text(tmp_path / "a.yaml", "scans: {argon: {path: a.h5}}\nsample: x\n")) == Hints()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("pixel_size: 1", "scan.yaml: 'pixel_size' is no hint for a scan; did you mean 'pixel_um'"),
        ("pixel_um: [1", "is no valid YAML or JSON"),
        ("- 1", "holds no mapping"),
        ("", "holds no mapping"),
        ("a: &x [1]\nb: *x", r"aliases \(\*name\) are not allowed"),
        ("pixel_um: !!python/object/apply:os.system ['true']", "is no valid YAML"),
        ("allow_outside: true", "only the caller may allow paths out of the folder"),
        ("pixel_um: -1", r"pixel_um is -1; give a number above 0"),
        ("{" * 800, "is no valid YAML or JSON"),
        ("[" * 800, "is no valid YAML or JSON"),
    ],
)
def test_faults_are_named(tmp_path, content, message):
    with pytest.raises(ScanError, match=message):
        sidecar_hints(text(tmp_path / "scan.yaml", content))


def test_huge_sidecar_is_refused(tmp_path):
    with pytest.raises(ScanError, match="a sidecar has at most 256 KiB: list angles in a file"):
        load_mapping(text(tmp_path / "scan.yaml", "a: 1\n" * 300_000))


def test_text_that_is_not_unicode(tmp_path):
    (tmp_path / "scan.yaml").write_bytes(b"pixel_um: \xff\xfe")
    with pytest.raises(ScanError, match="is no valid YAML or JSON"):
        load_mapping(tmp_path / "scan.yaml")


def test_is_sidecar(tmp_path):
    assert is_sidecar(text(tmp_path / "a", "projections: p.npy"))
    assert not is_sidecar(text(tmp_path / "b", "pixel_um: 1"))
    assert not is_sidecar(text(tmp_path / "c", "[x"))


@pytest.mark.parametrize("name", ["../a.txt", "/etc/passwd", "link/a.txt", "below/../../a.txt"])
def test_paths_are_held_to_the_folder(tmp_path, name):
    folder = tmp_path / "scan"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(ScanError, match=r"scan.yaml names .*, which lies outside .*allow_outside=True"):
        held_path(name, folder, allow_outside=False, source="scan.yaml")
    assert held_path(name, folder, allow_outside=True, source="scan.yaml") == folder / name


def test_paths_inside_are_let_through(tmp_path):
    for name in ("a.txt", "below/a.txt", "below/../a.txt", str(tmp_path / "a.txt")):
        held_path(name, tmp_path, allow_outside=False, source="scan.yaml")


@pytest.mark.parametrize(
    ("name", "content", "expected_deg"),
    [
        ("a.txt", "0\n0.5\n1\n", [0, 0.5, 1]),
        ("a.txt", "# angles\n0\n\n0.5 # second\n", [0, 0.5]),
        ("a.csv", "frame,theta_deg\n1,0\n2,0.5\n", [0, 0.5]),
        ("a.csv", "frame;angle;time\n1;10;5\n2;20;5\n", [10, 20]),
        ("a.csv", "theta_rad\n0\n3.141592653589793\n", [0, 180]),
        ("angles_rad.txt", "3.141592653589793\n", [180]),
        ("anglesRad.txt", "3.141592653589793\n", [180]),
        ("radio.txt", "3\n", [3 * 180 / np.pi]),
        ("gradual.txt", "3\n", [3]),
        ("a.txt", "\ufeff1e1\n-2E1\n", [10, -20]),
    ],
)
def test_angles(tmp_path, name, content, expected_deg):
    np.testing.assert_allclose(np.degrees(read_angles(text(tmp_path / name, content))), expected_deg)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no single column of angles"),
        ("1 2\n3 4\n", "holds no single column of angles; name one column theta_deg or theta_rad"),
        ("theta,angle\n1,2\n", "holds no single column of angles"),
        ("1\nx\n", "angle 1 is 'x'; each line holds one number"),
        ("frame,theta\n1,2\n3\n", "angle 1 is '3'; each line holds one number"),
        ("1\nnan\n", "angle 1 is 'nan'"),
    ],
)
def test_angles_that_are_none(tmp_path, content, message):
    with pytest.raises(ScanError, match=message):
        read_angles(text(tmp_path / "a.txt", content))


def test_angles_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="a.txt does not exist; give the text file of angles"):
        read_angles(tmp_path / "a.txt")

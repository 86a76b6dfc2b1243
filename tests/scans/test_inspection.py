"""Inspection: the facts of a scan, what is missing and how to supply it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from xelith.scans import ArrayFrames, ConeBeam, ParallelBeam, Scan, ScanError, inspect, open_scan, thumbnail
from xelith.scans.inspection import REMEDIES, angle_facts, plain


def frames(*values):
    return ArrayFrames(np.stack([np.full((2, 3), v, np.float32) for v in values]))


SCAN = Scan(
    projections=frames(60, 70, 80, 90),
    flats=frames(100, 120, 110),
    darks=frames(10),
    theta=np.radians([0, 45, 90, 135]),
    geometry=ConeBeam(50.0, 20.0, 80.0),
    flat_positions=np.array([0, 2, 4]),
    provenance={"notes": ("a note",), "sample": "cell 7", "number": np.float32(1.5), "list": np.array([1, 2])},
)


def test_facts():
    facts = inspect(SCAN).as_dict()
    assert facts["projections"] == {"frames": 4, "rows": 2, "columns": 3, "dtype": "float32", "gib": 0.0}
    assert facts["flats_taken"] == {"before": 1, "during": 1, "after": 1}
    assert facts["angles"] == {
        "count": 4,
        "first_deg": 0.0,
        "last_deg": 135.0,
        "step_deg": 45.0,
        "coverage_deg": 180.0,
        "order": "rising",
        "even": True,
    }
    assert facts["geometry"]["beam"] == "cone"
    assert facts["geometry"]["magnification"] == 4
    assert facts["geometry"]["voxel_um"] == 12.5
    assert facts["missing"] == {}
    assert facts["warnings"] == ["a note"]
    assert facts["provenance"] == {"sample": "cell 7", "number": 1.5, "list": [1, 2]}


def test_facts_are_json():
    facts = inspect(SCAN).as_dict()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_lacks_come_with_remedies():
    facts = inspect(Scan(projections=frames(1, 2)))
    assert facts.missing == {name: REMEDIES[name] for name in ("flats", "darks", "theta", "pixel_um")}
    assert "--theta-range" in facts.missing["theta"]
    assert "--pixel-um" in facts.missing["pixel_um"]
    assert facts.flats is None
    assert facts.angles is None


def test_every_lack_has_a_remedy():
    assert set(Scan(projections=frames(1)).missing) <= set(REMEDIES)


def test_contradictions_are_warnings():
    facts = inspect(replace(SCAN, theta=np.arange(5.0)))
    assert any("5 angles and 4 projections" in warning for warning in facts.warnings)


@pytest.mark.parametrize(
    ("degrees", "order", "even"),
    [
        ([0, 1, 2], "rising", True),
        ([3, 2, 1], "falling", True),
        ([0, 1, 3], "rising", False),
        ([0, 2, 1], "mixed", False),
        ([0, 0, 1], "mixed", False),
    ],
)
def test_order_of_angles(degrees, order, even):
    facts = angle_facts(np.radians(degrees))
    assert (facts["order"], facts["even"]) == (order, even)


def test_one_angle():
    assert angle_facts(np.radians([30.0]))["step_deg"] is None


def test_path_with_hints(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((3, 2, 2)))
    facts = inspect(tmp_path / "a.npy", is_line_integral=True, theta_step_deg=60)
    assert facts.missing == {"pixel_um": REMEDIES["pixel_um"]}
    assert facts.format == "NumPy stack"


def test_plain():
    assert plain({"a": (np.int64(1), np.bool_(True)), "b": None, "c": 1j}) == {"a": [1, True], "b": None, "c": "1j"}


def test_thumbnail_is_the_middle_transmission():
    expected = (80 - 10) / ((100 + 120 + 110) / 3 - 10)
    np.testing.assert_allclose(thumbnail(SCAN), np.full((2, 3), expected), rtol=1e-6)  # float32
    assert thumbnail(SCAN).dtype == np.float32


def test_thumbnail_without_flats_or_of_line_integrals():
    for scan in (replace(SCAN, flats=None, flat_positions=None), replace(SCAN, is_line_integral=True)):
        np.testing.assert_array_equal(thumbnail(scan), np.full((2, 3), 80))


def test_thumbnail_without_darks():
    np.testing.assert_allclose(thumbnail(replace(SCAN, darks=None)), np.full((2, 3), 80 / 110), rtol=1e-6)


def test_thumbnail_with_flats_of_another_size():
    odd = ArrayFrames(np.ones((3, 2, 4), np.float32))
    with pytest.raises(ScanError, match="has flats of 2 x 4 and projections of 2 x 3 pixels"):
        thumbnail(replace(SCAN, flats=odd))


def test_pixels_without_light_are_nan():
    assert np.isnan(thumbnail(replace(SCAN, flats=frames(10, 10, 10)))).all()


@pytest.mark.data
def test_tooth(data_dir):
    path = data_dir / "projections/dataexchange/tooth.h5"
    facts = inspect(path)
    assert facts.angles["count"] == 181
    assert facts.angles["coverage_deg"] == 180
    assert facts.missing == {"pixel_um": REMEDIES["pixel_um"]}
    image = thumbnail(open_scan(path))
    assert 0 < np.nanmin(image) < 0.5  # enamel in the middle, air at the sides
    assert np.median(image[:, :20]) == pytest.approx(1, abs=0.05)
    assert facts.geometry == {"beam": "parallel"}
    assert inspect(path, pixel_um=2.0).geometry == {"beam": "parallel", "pixel_um": 2.0}
    assert ParallelBeam(2.0) == open_scan(path, pixel_um=2.0).geometry

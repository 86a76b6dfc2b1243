"""The report's tables: nothing lost, nothing invented, units from the keys."""

from xelith.pipeline.report_facts import (
    budget_rows,
    contrast_table,
    facts,
    notes,
    phase_rows,
    quality_tables,
)


def texts(part) -> dict[str, str]:
    return {row["name"]: row["text"] for row in facts(part, "a")}


def test_values_of_every_kind():
    part = {
        "voxel_um": 0.54,
        "mean_thickness_um": 64.68,
        "mean_thickness_um_std": 1.2,
        "shape": [90, 240, 240],
        "shift_um": [0.1, -0.25],
        "starved_share": 0.0123,
        "is_closed": True,
        "sha256": None,
        "empty": [],
        "path": "a.h5",
        "alone_std": 2.0,
    }
    assert texts(part) == {
        "voxel": "0.540 µm",
        "mean thickness": "64.7 ± 1.2 µm",
        "shape": "90, 240, 240",
        "shift": "0.100, −0.250 µm",
        "starved share": "1.23 %",
        "is closed": "yes",
        "sha256": "not measured",
        "empty": "none",
        "path": "a.h5",
        "alone std": "2.00",
    }


def test_nested_parts_keep_their_path_and_versions_stand_on_one_line():
    rows = list(facts({"repaired": {"zingers": 7123456}, "versions": {"numpy": "2.4", "zarr": "3.1"}}, "scans.xenon"))
    assert rows == [
        {"key": "scans.xenon.repaired.zingers", "name": "repaired: zingers", "text": "7\u202f123\u202f456"},
        {"key": "scans.xenon.versions", "name": "versions", "text": "numpy 2.4, zarr 3.1"},
    ]


def test_quality_leaves_out_what_is_empty_or_null():
    results = {
        "scans": {"xenon": {"noise_per_cm": 0.3}, "argon": None},
        "registration": {"shift_um": None},
        "report": {"quality": {"stripes": "weak"}},
    }
    tables = quality_tables(results)
    assert [table["caption"] for table in tables] == ["Scan: xenon", "Scan: stripes"]
    assert tables[1]["rows"][0]["text"] == "weak"
    assert quality_tables({}) == []


def test_expected_and_found_mu_stand_side_by_side():
    results = {
        "report": {
            "expected_mu": {"xenon": {"void": {"mu_per_cm": 1.27, "low": 1.2, "high": 1.3, "name": "xenon"}}},
            "found_mu": {"xenon": {"void": 1.25, "carbon": 1.15}},
        }
    }
    assert phase_rows(results, "xenon") == [
        {"name": "void (xenon)", "mu": "1.27", "range": "1.20 to 1.30", "found": "1.25"},
        {"name": "carbon", "mu": "", "range": "", "found": "1.15"},
    ]
    assert phase_rows(results, "argon") == []


def test_contrast_of_pairs():
    pair = {"first": "void", "second": "carbon", "scans": ["xenon"], "d_prime": 0.4, "verdict": "not separable"}
    both = pair | {"scans": ["argon", "xenon"], "d_prime": 6.5, "verdict": "separable"}
    other = {"first": "void", "second": "lithium", "scans": ["xenon"], "d_prime": None, "verdict": None}
    table = contrast_table({"report": {"separability": [pair, both, other]}})
    assert table["scans"] == ["xenon", "argon and xenon"]
    assert table["rows"] == [
        {"name": "void and carbon", "texts": ["0.400, not separable", "6.50, separable"]},
        {"name": "void and lithium", "texts": ["not measured", ""]},
    ]
    assert contrast_table({"report": {"separability": None}}) == {"scans": [], "rows": []}


def test_budget_and_notes():
    results = {
        "report": {
            "error_budget": [{"name": "charge", "std_um": 0.6, "share": 0.25}, "odd"],
            "notes": ["Void and carbon look alike."],
            "calibration": {"xenon": "calibrated"},
        }
    }
    assert budget_rows(results) == [{"key": "", "name": "charge", "text": "0.600 µm, 25.0 %"}]
    assert notes(results) == ["The grey values of the xenon scan are calibrated.", "Void and carbon look alike."]
    assert (budget_rows({}), notes({"report": None})) == ([], [])

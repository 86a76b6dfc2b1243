"""Plans on the command line: the table, its warnings, and µ over energy."""

import pytest

from xelith.pipeline.scan_plan import plan_table, planned, save_mu_curves
from xelith.pipeline.twin_design import design_twin

KODAMA = {"cell": "kodama-process-3", "setup": "kodama-nano3dx"}


def test_a_plan_warns_where_xenon_looks_like_carbon():
    found = planned(design_twin(**KODAMA, gases=("xenon:6",)), error=0.05, photons_per_s=100)
    assert any("looks like carbon" in warning for warning in found.warnings)
    assert found.hours == pytest.approx(1e4 / 100 * 1000 / 3600, rel=0.2)  # flats and darks come on top
    table = plan_table(found)
    assert table.row_count == len(found.contrasts)
    assert "looks like carbon" in str(table.caption)


@pytest.mark.parametrize("name", ["mu.png", "mu.svg"])
def test_mu_is_drawn(tmp_path, name):
    save_mu_curves(tmp_path / name, design_twin(**KODAMA))
    assert (tmp_path / name).stat().st_size > 5000

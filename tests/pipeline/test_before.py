"""Scans before charging: what their entries inherit, and rows counted from the interface."""

from pathlib import Path

import numpy as np

from xelith.metrology.mixed_zone import RowShares
from xelith.pipeline.before import config_before, on_same_rows
from xelith.pipeline.loading import parse_config


def config(**changes):
    values = {
        "sample": "cell 7",
        "source": {"energy_kev": 25},
        "scans": {
            "argon": {"path": "a.h5", "gas": {"name": "argon"}, "pixel_um": 2.0, "centre_px": 40.5},
            "xenon": {"path": "x.h5", "gas": {"name": "xenon", "pressure_atm": 6}},
        },
        "charge": {"current_density_ma_per_cm2": 0.2, "duration_min": 4000},
    }
    return parse_config(values | changes, folder=Path("/data"))


def test_an_entry_inherits_what_it_leaves_out_but_not_its_axis():
    fresh = config_before(config(before={"argon": {"path": "fresh_ar.h5"}, "xenon": {"path": "fresh_xe.h5"}}))
    assert fresh.scans["argon"].path == Path("/data/fresh_ar.h5")
    assert fresh.scans["argon"].gas.name == "argon"
    assert fresh.scans["argon"].pixel_um == 2.0
    assert fresh.scans["argon"].centre_px is None
    assert fresh.scans["xenon"].gas.pressure_atm == 6
    assert (fresh.charge, fresh.truth, fresh.before) == (None, None, {})
    assert fresh.sample == "cell 7, before charging"


def test_what_an_entry_says_itself_is_kept():
    fresh = config_before(config(before={"xenon": {"path": "f.h5", "gas": {"name": "xenon", "pressure_atm": 8}}}))
    assert list(fresh.scans) == ["xenon"]
    assert fresh.scans["xenon"].gas.pressure_atm == 8


def test_without_scans_before_there_is_no_run_of_them():
    assert config_before(config()) is None


def test_rows_are_cut_to_those_both_have():
    long, short = (RowShares(*(np.zeros((n, 6)) for _ in range(3)), np.full(6, 1 / 6), 3, 2.0) for n in (20, 14))
    assert [len(s.gas) for s in on_same_rows(long, short)] == [14, 14]
    assert [len(s.lithium) for s in on_same_rows(short, long)] == [14, 14]

from types import SimpleNamespace

import numpy as np
import pytest

from xelith.materials import Phase
from xelith.pipeline.config import Config
from xelith.pipeline.gas_check import gas_fault, share_fault
from xelith.pipeline.phase_map import label_phases
from xelith.segmentation import ExpectedMu


def labelled(gas, found, expected):
    known = {Phase.VOID: ExpectedMu(expected, expected, expected, gas)}
    thresholds = SimpleNamespace(levels={gas: {Phase.VOID: found}})
    return SimpleNamespace(thresholds=thresholds, expected={gas: known})


@pytest.mark.parametrize(("found", "expected"), [(1.49, 0.24), (0.24, 1.49)])
def test_voids_that_read_another_pressure_are_named(found, expected):
    message = gas_fault(labelled("xenon", found, expected))
    assert message is not None
    assert f"voids read {found:g} cm^-1 in xenon where its gas should read {expected:g}" in message
    assert "check pressure_atm, which is absolute" in message


@pytest.mark.parametrize(
    ("gas", "found", "expected"),
    # a gauge's pressure, blurred voids, and argon, which reads little
    [("xenon", 1.49, 1.69), ("xenon", 1.0, 1.44), ("argon", 0.1, 0.024)],
)
def test_what_blur_and_noise_may_do_to_voids_is_let_through(gas, found, expected):
    assert gas_fault(labelled(gas, found, expected)) is None


def test_more_electrolyte_than_there_is_room_for_is_named():
    message = share_fault(np.array([1.44, 1.43, 1.45, np.nan]))
    assert message is not None
    assert message.startswith("the electrolyte fills 144 % of itself, where at most 125 % may be: check tube, kv")


@pytest.mark.parametrize("share", [0.6, 1.05, np.nan])
def test_shares_that_can_be_are_let_through(share):
    assert share_fault(np.full(3, share)) is None


def test_a_pair_of_unlike_voxels_is_refused(tmp_path, caplog):
    scans = {gas: {"path": f"{gas}.h5", "gas": {"name": gas}} for gas in ("argon", "xenon")}
    config = Config.model_validate(
        {
            "sample": "a",
            "source": {"energy_kev": 20},
            "scans": {"old": {"path": "old.h5", "gas": {"name": "xenon"}}, **scans},
            "cell": {"preset": "kodama-process-3"},
            "segmentation": {"method": "two-gas"},
        }
    )
    volumes = {
        gas: SimpleNamespace(layout=SimpleNamespace(voxel_um=edge_um), mark="")
        for gas, edge_um in (("argon", 2.5), ("xenon", 2.0))
    }
    with pytest.raises(ValueError, match=r"voxels are 2.5 µm in argon and 2 µm in xenon; .* give both scans one"):
        label_phases(config, volumes, tmp_path, None, advance=lambda *told: None, workers=None)
    assert "scan old has no gas, or that of another scan" in caplog.text

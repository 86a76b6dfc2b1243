"""results.json: every number of a run under its name and unit, null where it was not measured."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..segmentation.bodies import least_body_um3
from .balance_terms import bodies_are_known
from .config import Config
from .job import Reconstructed
from .measured_numbers import (
    balance_section,
    cut_notes,
    deposit_section,
    electrolyte_section,
    penetration_section,
    report_section,
)
from .measuring import Measured
from .phase_map import Labelled, Unlabelled
from .store import open_level

SCHEMA = "xelith.results/1"

TRUTH = ("mean_thickness_um", "volume_um3", "in_electrolyte_um", "mixed_zone_um", "in_carbon_um", "isolated_um")


def build_results(
    config: Config,
    volumes: Mapping[str, Reconstructed],
    labelled: Labelled | Unlabelled,
    measured: Measured,
    sources: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Gather the numbers of a run.

    Parameters
    ----------
    config : Config
        The configuration.
    volumes : mapping
        Finished volumes by scan.
    labelled : Labelled or Unlabelled
        Phases, or why there are none.
    measured : Measured
        Film, charge and balance.
    sources : mapping
        Path and hash of each scan's input.

    Returns
    -------
    dict
        JSON-able: no NaN, no infinities.
    """
    noise = labelled.thresholds.noise_per_cm if isinstance(labelled, Labelled) else {}
    results = {
        "schema": SCHEMA,
        "sample": config.sample,
        "scans": {
            name: _scan(volume, sources[name], noise.get(_gas(config, name), noise_of_middle(volume.image)))
            for name, volume in volumes.items()
        },
        "registration": _registration(labelled),
        "deposit": deposit_section(measured),
        "penetration": penetration_section(
            measured.survey, is_known=_tells_bodies(labelled), least_body_um3=_least_body_um3(labelled)
        ),
        "electrolyte": electrolyte_section(measured.survey),
        "coulometry": _coulometry(measured),
        "balance": balance_section(measured),
        "truth": _truth(config.truth),
        "report": _for_report(labelled, volumes, cut_notes(measured.survey)) | report_section(measured),
    }
    return _plain(results)


def _tells_bodies(labelled: Labelled | Unlabelled) -> bool:
    return isinstance(labelled, Labelled) and bodies_are_known(labelled.thresholds)


def _least_body_um3(labelled: Labelled | Unlabelled) -> float | None:
    return least_body_um3(labelled.thresholds) if isinstance(labelled, Labelled) else None


def _registration(labelled: Labelled | Unlabelled) -> dict[str, Any]:
    if isinstance(labelled, Unlabelled):
        return {"shift_um": None, "rotation_deg": None, "residual_um": None}
    return labelled.aligned.as_dict()


def _gas(config: Config, name: str) -> str:
    gas = config.scans[name].gas
    return "" if gas is None else gas.name.lower()


def _scan(volume: Reconstructed, source: Mapping[str, Any], noise: float | None) -> dict[str, Any]:
    light = volume.mean_transmission
    samples = volume.repaired.get("samples", 0)
    starved = volume.repaired.get("nonpositive", 0)
    tilt_std = volume.centre.tilt_std_rad
    tilt_std = None if tilt_std is None else math.degrees(tilt_std)
    return {
        **source,
        "voxel_um": volume.layout.voxel_um,
        "shape": list(volume.layout.shape),
        "centre_px": volume.centre.centre_px,
        "centre_verdict": volume.centre.verdict,
        "centre_confidence": volume.centre.confidence,
        "axis_tilt_deg": None if tilt_std is None else math.degrees(volume.centre.tilt_rad),
        "axis_tilt_deg_std": tilt_std,
        "axis_tilt_corrected": not volume.centre.is_upright,
        "noise_per_cm": noise,
        "mean_transmission": float(light.mean()) if np.isfinite(light).all() else None,
        "starved_share": starved / samples if samples else None,
        "repaired": volume.repaired,
        "biased": volume.biased,
        "floor_share": volume.floor.get("share"),
        "floor_share_std": volume.floor.get("std"),
        "quality": dict(volume.quality) or None,
    }


def _coulometry(measured: Measured) -> dict[str, Any]:
    names = ("charge_mah", "areal_capacity_mah_per_cm2", "expected_thickness_um", "expected_thickness_um_std")
    if measured.charge is None:
        return dict.fromkeys(names)
    known = asdict(measured.charge)
    return {name: known.get(name) for name in names}


def _truth(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    if not path.is_file():
        raise FileNotFoundError(f"truth: nothing at {path}; take the key out, or mend its path")
    stated = json.loads(path.read_text(encoding="utf8"))
    if not isinstance(stated, dict):
        raise ValueError(f"truth: {path} holds {type(stated).__name__}; a simulated cell's truth is a mapping")
    return {name: stated.get(name) for name in TRUTH}


def _for_report(
    labelled: Labelled | Unlabelled, volumes: Mapping[str, Reconstructed], more_notes: tuple[str, ...]
) -> dict[str, Any]:
    """What the report draws: expected µ, levels found, separability, quality."""
    expected = {
        gas: {
            phase.name.lower(): {"mu_per_cm": e.mu_per_cm, "low": e.low_per_cm, "high": e.high_per_cm, "name": e.name}
            for phase, e in table.items()
        }
        for gas, table in labelled.expected.items()
    }
    if isinstance(labelled, Unlabelled):
        return {"expected_mu": expected, "not_labelled": labelled.reason}
    t = labelled.thresholds
    pairs = [
        {
            "first": c.first.name.lower(),
            "second": c.second.name.lower(),
            "scans": list(c.scans),
            "contrast_per_cm": list(c.contrast_per_cm),
            "d_prime": c.d_prime,
            "verdict": c.verdict,
        }
        for c in t.separability
    ]
    levels = {gas: {phase.name.lower(): mu for phase, mu in table.items()} for gas, table in t.levels.items()}
    calibration = {gas: c.state for gas, c in t.calibration.items()}
    return {
        "expected_mu": expected,
        "found_mu": levels,
        "separability": pairs,
        "calibration": calibration,
        "notes": [*t.notes, *more_notes],
        "voxels": {name: list(volume.layout.shape) for name, volume in volumes.items()},
    }


def _plain(value: Any) -> Any:
    """Turn NumPy numbers into Python's, tuples into lists, and what is not finite into null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def noise_of_middle(group: Path) -> float:
    """Return a plain estimate of noise where phases are unknown: the spread of differences between slices.

    Parameters
    ----------
    group : Path
        OME-Zarr image.

    Returns
    -------
    float
        Robust standard deviation of µ in cm^-1, over the middle of the volume.
    """
    array = open_level(group)
    z = array.shape[0] // 2
    pair = np.asarray(array[max(z - 1, 0) : max(z - 1, 0) + 2], np.float64)
    n_y, n_x = pair.shape[1:]
    y, x = np.ogrid[:n_y, :n_x]
    seen = np.hypot(y - (n_y - 1) / 2, x - (n_x - 1) / 2) < 0.35 * min(n_y, n_x)
    seen = seen & (pair != 0).all(axis=0)  # beyond the reach of the detector every voxel is 0
    if len(pair) < 2 or seen.sum() < 50:
        return math.nan
    return float(1.4826 * np.median(np.abs(pair[1] - pair[0])[seen]) / math.sqrt(2))

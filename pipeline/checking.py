"""`xelith check`: whether a configuration is valid, its files are there, and what it will take."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from ..arrays.gpu import gpu_problem
from ..scans.geometry import ConeBeam
from .config import Config
from .loading import load_config
from .network_wanted import network_faults
from .opening import Opened, open_entry
from .planning import Cost, estimate, plan_blocks

if TYPE_CHECKING:
    from rich.table import Table

GIB = 2**30


@dataclass
class ScanPlan:
    """What one scan will take, or why it cannot be run.

    Parameters
    ----------
    name : str
        Name of the scan.
    facts : dict
        Sizes, blocks and cost, for the table and the JSON.
    faults : list of str
        Reasons against running; empty where it can run.
    """

    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


@dataclass
class RunPlan:
    """What a run will take.

    Parameters
    ----------
    sample : str
        Name of the sample.
    scans : list of ScanPlan
        One a scan.
    warnings : list of str
        What the user should know; does not hinder the run.
    """

    sample: str
    scans: list[ScanPlan]
    warnings: list[str]

    @property
    def runnable(self) -> bool:
        """True if no scan has a fault."""
        return not any(scan.faults for scan in self.scans)

    def as_dict(self) -> dict[str, Any]:
        """Return the plan for a script.

        Returns
        -------
        dict
            JSON-able.
        """
        return {
            "sample": self.sample,
            "runnable": self.runnable,
            "scans": {scan.name: scan.facts | {"faults": scan.faults} for scan in self.scans},
            "warnings": self.warnings,
        }

    def table(self) -> "Table":
        """Return the plan for a reader.

        Returns
        -------
        rich.table.Table
            One line a fact, one column a scan.
        """
        from rich.table import Table
        from rich.text import Text

        verdict = "can run" if self.runnable else "cannot run"
        table = Table(
            title=Text(f"{self.sample}: {verdict}"), caption=Text("\n".join(self.warnings)), title_justify="left"
        )
        table.add_column("")
        for scan in self.scans:
            table.add_column(scan.name)
        keys = dict.fromkeys(key for scan in self.scans for key in scan.facts)
        for key in keys:
            table.add_row(key.replace("_", " "), *[Text(str(scan.facts.get(key, ""))) for scan in self.scans])
        if not self.runnable:
            table.add_row("faults", *[Text("\n".join(scan.faults)) for scan in self.scans])
        return table


def check_config(path: Path) -> RunPlan:
    """Check a configuration and the scans it names; reads headers only.

    Parameters
    ----------
    path : Path
        YAML configuration.

    Returns
    -------
    RunPlan
        Per scan: sizes, blocks, memory, disk, time; or the fault.

    Raises
    ------
    ConfigError
        If the configuration itself is at fault.
    """
    config = load_config(path)
    scans = [_plan_scan(config, name) for name in config.scans]
    return RunPlan(config.sample, scans, _warnings(config, scans, path.parent))


def _plan_scan(config: Config, name: str) -> ScanPlan:
    plan = ScanPlan(name)
    try:
        opened = open_entry(config, name)
    except (ValueError, TypeError, OSError) as error:
        plan.faults.append(str(error))
        return plan
    if opened.scan is None or opened.selection is None:
        plan.facts["input"] = f"ready volume {opened.source.name}"
        return plan
    chain = config.chain(name)
    cost = estimate(opened.selection, config.compute, chain)
    blocks = plan_blocks(opened.selection, config.compute, chain)
    plan.facts |= _scan_facts(opened) | _cost_facts(cost)
    plan.facts["sections"] = (
        f"projections in blocks of {blocks.views} views, {blocks.batch} in memory, then slabs of {blocks.slab} rows; "
        f"{blocks.at_once} at a time, {blocks.threads} threads each"
    )
    plan.faults += [*_missing(opened, config), *network_faults(config)]
    if config.compute.device == "gpu" and (problem := gpu_problem()):
        plan.faults.append(f"compute.device is gpu, and {problem}, or set device: cpu")
    if cost.memory_bytes > config.compute.memory_gib * GIB:
        plan.faults.append(
            f"needs {cost.memory_bytes / GIB:.2f} GiB, more than memory_gib of {config.compute.memory_gib:g}; "
            "raise it, or take region.bin: 2"
        )
    return plan


def _scan_facts(opened: Opened) -> dict[str, Any]:
    scan, selection = opened.scan, opened.selection
    if scan is None or selection is None:
        return {}
    centre, pixel_um = scan.geometry.centre_px, scan.geometry.pixel_um
    shrink = scan.geometry.magnification if isinstance(scan.geometry, ConeBeam) else 1.0
    return {
        "input": f"{scan.format} {opened.source.name}",
        "views_rows_columns": list(selection.shape),
        "volume_voxels": [selection.shape[1], selection.shape[2], selection.shape[2]],
        "voxel_um": None if pixel_um is None else pixel_um * selection.bin / shrink,
        "centre_px": "to be found" if centre is None else centre,
    }


def _cost_facts(cost: Cost) -> dict[str, Any]:
    return {
        "memory_gib": round(cost.memory_bytes / GIB, 2),
        "disk_gib": round((cost.output_bytes + cost.scratch_bytes) / GIB, 2),
        "of_which_scratch_gib": round(cost.scratch_bytes / GIB, 2),
        "estimated_minutes": round(cost.seconds / 60, 1),
    }


_REMEDIES = {
    "flats": "flat_path: a file or folder (or is_line_integral: true)",
    "theta": "theta_range_deg: [first, end] or theta_file",
    "pixel_um": "pixel_um",
}


def _missing(opened: Opened, config: Config) -> list[str]:
    if opened.scan is None:
        return []
    faults = [
        f"{what} missing: give {_REMEDIES[what]} in its entry" for what in opened.scan.missing if what in _REMEDIES
    ]
    steps = {step.model_dump()["step"] for step in config.chain(opened.name)}
    if opened.scan.geometry.centre_px is None and "centre" not in steps:
        faults.append("centre unknown: give centre_px in its entry, or the step {step: centre}")
    return faults


def _warnings(config: Config, scans: list[ScanPlan], folder: Path) -> list[str]:
    found = []
    free = shutil.disk_usage(folder).free / GIB
    needed = sum(scan.facts.get("disk_gib", 0) for scan in scans)
    if needed > free:
        found.append(f"the run needs {needed:.1f} GiB of disk and {free:.1f} are free beside the configuration")
    available = psutil.virtual_memory().available / GIB
    if config.compute.memory_gib > available:
        found.append(f"memory_gib is {config.compute.memory_gib:g} but {available:.1f} GiB are free")
    gases = {entry.gas.name.lower() for entry in config.scans.values() if entry.gas is not None}
    if gases == {"xenon"}:
        found.append("xenon alone: void and carbon have nearly the same µ; scan in argon too to tell them apart")
    if gases == {"argon"}:
        found.append("argon alone: lithium and void look the same; scan in xenon too to tell them apart")
    if unused := config.recorded_only():
        found.append(f"recorded but not corrected for: {', '.join(unused)}")
    if config.charge is None:
        found.append("no charge given: the lithium found is not compared with coulometry")
    return found

"""The configuration that runs a simulated twin, in the words a user would write for a real cell."""

from typing import Any

import yaml

from ..materials import material
from ..simulation import Charge
from .config import Config
from .presets import CELL_PRESETS
from .twin_design import TwinDesign

CURRENT_MA_PER_CM2 = 0.2


def config_text(design: TwinDesign, ending: str, *, before: bool) -> str:
    """Write the configuration of a twin.

    Parameters
    ----------
    design : TwinDesign
        The twin.
    ending : str
        What the names of its raw files end in.
    before : bool
        Whether there are scans before the charge.

    Returns
    -------
    str
        YAML.
    """
    values: dict[str, Any] = {
        "sample": f"simulated {design.preset.design.name}, seed {design.seed}",
        "source": design.source,
        "scans": _scans(design, "", ending),
        "cell": _cell(design),
        "truth": "truth.json",
    }
    if before and "before" in Config.model_fields:
        values["before"] = _scans(design, "before/", ending)
    if _reaches_out(design):
        chain = ("flat-field", "zingers", "rings", "truncation", "centre", "fourier-fbp")
        values["reconstruction"] = [{"step": step} for step in chain]
    charge: Charge = design.preset.charge
    if charge.areal_capacity_mah_per_cm2 > 0:
        values["charge"] = {
            "current_density_ma_per_cm2": CURRENT_MA_PER_CM2,
            "duration_min": round(charge.declared_mah_per_cm2 / CURRENT_MA_PER_CM2 * 60, 6),
        }
    return str(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def _scans(design: TwinDesign, folder: str, ending: str) -> dict[str, Any]:
    """Describe the scans, with the gas beside the cell."""
    optics = design.acquisition.optics
    scans: dict[str, Any] = {}
    for name, gas in design.gases.items():
        fill = {"name": gas.name, "pressure_atm": gas.pressure_atm, "temperature_k": gas.temperature_k}
        entry: dict[str, Any] = {"path": f"{folder}{name}{ending}", "gas": fill}
        if optics.jig_gas_mm > 0:
            entry["gas_path_mm"] = optics.jig_gas_mm
            if optics.flats_in_jig:
                entry["flats"] = {"jig": "in", "gas": gas.name, "pressure_atm": gas.pressure_atm}
        scans[name] = entry
    return scans


def _cell(design: TwinDesign) -> dict[str, Any]:
    """Describe the cell: a preset where it is one, and whatever differs from it."""
    cell, bore = design.preset.design, design.preset.design.bore
    values: dict[str, Any] = {"preset": _preset_like(design)}
    if values["preset"] == "generic":
        parts = {"electrolyte": cell.electrolyte.material, "collector": cell.collector.material, "casing": bore.casing}
        parts |= {"carbon": "carbon"} if cell.carbon is not None else {}
        for part, name in parts.items():
            solid = material(name)
            values[part] = {"formula": solid.formula, "density_g_cm3": solid.density_g_cm3}
    values["inner_diameter_mm"] = bore.inner_diameter_um * 1e-3
    values["outer_diameter_mm"] = (bore.inner_diameter_um + 2 * sum(bore.walls_um)) * 1e-3
    values["collector_end"] = "low"
    return values


def _preset_like(design: TwinDesign) -> str:
    """Name the preset of a configuration with these materials: the cell's own, else Kodama's process 3 or the like."""
    cell = design.preset.design
    names = {"electrolyte": cell.electrolyte.material, "collector": cell.collector.material, "lithium": "lithium"}
    names |= {"casing": cell.bore.casing} | ({"carbon": "carbon"} if cell.carbon is not None else {})
    solids = {part: material(name) for part, name in names.items()}
    wanted = {part: (solid.formula, solid.density_g_cm3) for part, solid in solids.items()}
    for name in (cell.name, "kodama-process-3", "kodama-no-interlayer", "ham-symmetric"):
        if name in CELL_PRESETS and CELL_PRESETS[name].materials == wanted:
            return name
    return "generic"


def _reaches_out(design: TwinDesign) -> bool:
    """Whether a parallel beam's view is narrower than the tubes."""
    bore, acquisition = design.preset.design.bore, design.acquisition
    view_um = acquisition.detector.n_cols * acquisition.detector.pixel_um
    return acquisition.cone is None and bore.inner_diameter_um + 2 * sum(bore.walls_um) > view_um

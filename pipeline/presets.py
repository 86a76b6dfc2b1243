"""Cells that a configuration can name: materials and bore, with their sources."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CellPreset:
    """What a named cell is made of.

    Parameters
    ----------
    materials : dict
        Phase name to (formula, density in g/cm^3).
    inner_diameter_mm : float or None
        Bore of the tube, in mm; None where it differs from cell to cell.
    lithium_at : str
        Where plated lithium is expected: "collector", "electrolyte", "both" or "unknown".
    """

    materials: dict[str, tuple[str, float]]
    inner_diameter_mm: float | None
    lithium_at: str


_LITHIUM = ("Li", 0.534)
_PEEK = ("C19H12O3", 1.32)
_STEEL = ("Fe", 7.9)
_BROMINE_ARGYRODITE = ("Li5.5PS4.5Br1.5", 2.0)
_KODAMA = {
    "lithium": _LITHIUM,
    "electrolyte": _BROMINE_ARGYRODITE,
    "collector": _STEEL,
    "casing": _PEEK,
}
_KODAMA_CARBON = {**_KODAMA, "carbon": ("C", 2.0)}

CELL_PRESETS: dict[str, CellPreset] = {
    "generic": CellPreset({"lithium": _LITHIUM}, None, "unknown"),
    "kodama-no-interlayer": CellPreset(_KODAMA, 1.0, "both"),
    "kodama-process-1": CellPreset(_KODAMA_CARBON, 1.0, "electrolyte"),
    "kodama-process-2": CellPreset(_KODAMA_CARBON, 1.0, "electrolyte"),
    "kodama-process-3": CellPreset(_KODAMA_CARBON, 1.0, "collector"),
    "ham-symmetric": CellPreset(
        {
            "lithium": _LITHIUM,
            "electrolyte": ("Li6PS5Cl", 1.87),
            "collector": _STEEL,
            "casing": ("C2F4", 2.2),
        },
        2.0,
        "both",
    ),
}
"""Kodama's four cells (J. Power Sources Adv. 26 (2024) 100142) and a symmetric PTFE cell of 2 mm."""

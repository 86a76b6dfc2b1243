"""Known truth: cells with exact phases and the scans they would give. Shares no code with reconstruction.

Public names: `CellDesign` and its parts, `Charge`, `Preset`, `PRESETS`, `shrunk`, `build_cell`, `Cell`; `Detector`,
`Acquisition`, `Cone`, `Optics`, `Drift`, `Pose`, `SETUPS`, `resized`, `acquire`, `streamed`; `Twin`, `twin`,
`Truth`, `truth_of`, `TruthGrid`, `truth_grid`, `Balance`, `balance_of`, `demo_scans`; `Plan`, `plan`.
"""

from .acquisition import Acquisition, Cone, Drift, Optics, Pose
from .building import build_cell
from .cell import Cell, Ring
from .charge import Charge
from .demo import demo_acquisition, demo_scans
from .design import Bore, Carbon, CellDesign, Collector, Deposit, Electrolyte, Film
from .detector import Detector
from .planning import Plan, plan
from .presets import PRESETS, Preset, shrunk
from .scanning import acquire, streamed
from .setups import SETUPS, resized
from .tissues import Fill, Site, Tissue
from .truth import Balance, Truth, TruthGrid, balance_of, truth_grid, truth_of
from .twin import Twin, twin

__all__ = [
    "PRESETS",
    "SETUPS",
    "Acquisition",
    "Balance",
    "Bore",
    "Carbon",
    "Cell",
    "CellDesign",
    "Charge",
    "Collector",
    "Cone",
    "Deposit",
    "Detector",
    "Drift",
    "Electrolyte",
    "Fill",
    "Film",
    "Optics",
    "Plan",
    "Pose",
    "Preset",
    "Ring",
    "Site",
    "Tissue",
    "Truth",
    "TruthGrid",
    "Twin",
    "acquire",
    "balance_of",
    "build_cell",
    "demo_acquisition",
    "demo_scans",
    "plan",
    "resized",
    "shrunk",
    "streamed",
    "truth_grid",
    "truth_of",
    "twin",
]

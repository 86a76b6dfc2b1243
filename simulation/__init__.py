"""Known truth: cells with exact phases and the scans they would give. Shares no code with reconstruction.

Public names: `CellDesign` and its parts, `Charge`, `PRESETS`, `build_cell`; `Cell`, `Truth`, `truth_of`;
`Detector`, `Acquisition`, `Cone`, `Optics`, `Drift`, `Pose`, `acquire`; `demo_scans`.
"""

from .acquisition import Acquisition, Cone, Drift, Optics, Pose
from .building import build_cell
from .cell import Cell, Ring
from .charge import Charge
from .demo import demo_acquisition, demo_scans
from .design import Bore, Carbon, CellDesign, Collector, Deposit, Electrolyte, Film
from .detector import Detector
from .presets import PRESETS, Preset, shrunk
from .scanning import acquire
from .tissues import Fill, Site, Tissue
from .truth import Truth, truth_of

__all__ = [
    "PRESETS",
    "Acquisition",
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
    "Pose",
    "Preset",
    "Ring",
    "Site",
    "Tissue",
    "Truth",
    "acquire",
    "build_cell",
    "demo_acquisition",
    "demo_scans",
    "shrunk",
    "truth_of",
]

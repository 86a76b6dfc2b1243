"""Known truth: cells with exact phases and the scans they would give. Shares no code with reconstruction.

Public names: `Cell`, `Ring`, `Tissue`, `ProcessThree`, `process_three`; `Detector`, `Acquisition`, `Pose`,
`acquire`; `Truth`, `truth_of`; `demo_scans`.
"""

from .acquisition import Acquisition, Pose
from .cell import Cell, Ring
from .demo import demo_acquisition, demo_scans
from .detector import Detector
from .process_three import ProcessThree, process_three
from .scanning import acquire
from .tissues import Fill, Site, Tissue
from .truth import Truth, truth_of

__all__ = [
    "Acquisition",
    "Cell",
    "Detector",
    "Fill",
    "Pose",
    "ProcessThree",
    "Ring",
    "Site",
    "Tissue",
    "Truth",
    "acquire",
    "demo_acquisition",
    "demo_scans",
    "process_three",
    "truth_of",
]

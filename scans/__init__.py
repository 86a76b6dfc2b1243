"""Raw data in: the scan record, its geometry, the readers that fill it and the writers that store it.

`open_scan` opens a scan of any known layout by its content and reads its description only; frames come from
the disk when they are sliced. Public names: `Scan`, `Frames`, `ParallelBeam`, `ConeBeam`, `Geometry`,
`ScanError`, `ArrayFrames`, `READERS`, `open_scan`, `check_scan`, `write_data_exchange`, `write_nxtomo`,
`write_tiff_stack`.
"""

from .checking import check_scan
from .errors import ScanError
from .frames import ArrayFrames
from .geometry import ConeBeam, Geometry, ParallelBeam
from .opening import READERS, open_scan
from .scan import Frames, Scan
from .writing import write_data_exchange, write_nxtomo, write_tiff_stack

__all__ = [
    "READERS",
    "ArrayFrames",
    "ConeBeam",
    "Frames",
    "Geometry",
    "ParallelBeam",
    "Scan",
    "ScanError",
    "check_scan",
    "open_scan",
    "write_data_exchange",
    "write_nxtomo",
    "write_tiff_stack",
]

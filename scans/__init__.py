"""Raw data in: the scan record, its geometry, the readers that fill it and the writers that store it.

`open_scan` opens a scan of any known layout by its content and reads its description only; frames come from
the disk when they are sliced. Public names: `Scan`, `Frames`, `ParallelBeam`, `ConeBeam`, `Geometry`,
`ScanError`, `ArrayFrames`, `READERS`, `open_scan`, `check_scan`, `inspect`, `thumbnail`,
`write_data_exchange`, `write_nxtomo`, `write_tiff_stack`.
"""

from .checking import check_scan
from .errors import ScanError
from .frames import ArrayFrames
from .geometry import ConeBeam, Geometry, ParallelBeam
from .inspection import Inspection, inspect, thumbnail
from .opening import READERS, open_scan
from .scan import Frames, Scan
from .writing import write_data_exchange, write_nxtomo, write_tiff_stack

__all__ = [
    "READERS",
    "ArrayFrames",
    "ConeBeam",
    "Frames",
    "Geometry",
    "Inspection",
    "ParallelBeam",
    "Scan",
    "ScanError",
    "check_scan",
    "inspect",
    "open_scan",
    "thumbnail",
    "write_data_exchange",
    "write_nxtomo",
    "write_tiff_stack",
]

"""µ in, phases out.

Public names: `CellLayout`; `ExpectedMu`, `expected_mu`, `Contrast`, `contrast_table`; `Reference`, `Calibration`,
`calibrate`, `region_reference`; `Surface`, `collector_surface_from_transmission`; `Thresholds`, `prepare`, `apply`,
`HALO_VOXELS`; `RigidMove`, `Registration`, `register`; `Fractions`,
`two_gas_fractions`.
"""

from .calibration import Calibration, Reference, calibrate, region_reference
from .contrast import Contrast, ExpectedMu, contrast_table, expected_mu
from .fractions import Fractions, two_gas_fractions
from .layout import CellLayout
from .preparation import prepare
from .registration import register
from .rigid import RigidMove
from .rigid_fit import Registration
from .surfaces import Surface, collector_surface_from_transmission
from .thresholds import HALO_VOXELS, Thresholds, apply

__all__ = [
    "HALO_VOXELS",
    "Calibration",
    "CellLayout",
    "Contrast",
    "ExpectedMu",
    "Fractions",
    "Reference",
    "Registration",
    "RigidMove",
    "Surface",
    "Thresholds",
    "apply",
    "calibrate",
    "collector_surface_from_transmission",
    "contrast_table",
    "expected_mu",
    "prepare",
    "region_reference",
    "register",
    "two_gas_fractions",
]

"""Labels in, numbers with uncertainty out: thickness, penetration, coulometry and the lithium balance.

Public names: `thickness_map`, `ThicknessSum`, `deposit_statistics`, `Deposit`;
`measure_penetration`, `Penetration`; `charge_mah`, `charge_of_density`, `charge_over_area`, `Charge`;
`read_cycler`, `CyclerRecord`, `plated_charge_mah`, `PlatedCharge`; `balance`, `Balance`, `Amount`, `error_budget`;
`find_frame`, `Frame`; `survey_labels`, `Survey`: all that one label volume tells, in one call. Further measures
stand in their modules: `uniformity`, `local_thickness`, `ligament`, `filaments`, `electrolyte`, `excess`, `carbon`,
`uncertainty`, `series`.
"""

from .coulometry import Charge, charge_mah, charge_of_density, charge_over_area
from .cycler import read_cycler
from .cycler_record import CyclerRecord, PlatedCharge, plated_charge_mah
from .deposit import Deposit, deposit_statistics
from .frame import Frame, find_frame
from .inventory import Amount, Balance, balance, error_budget
from .penetration import Penetration, measure_penetration
from .survey import Survey, survey_labels
from .thickness import ThicknessSum, thickness_map

__all__ = [
    "Amount",
    "Balance",
    "Charge",
    "CyclerRecord",
    "Deposit",
    "Frame",
    "Penetration",
    "PlatedCharge",
    "Survey",
    "ThicknessSum",
    "balance",
    "charge_mah",
    "charge_of_density",
    "charge_over_area",
    "deposit_statistics",
    "error_budget",
    "find_frame",
    "measure_penetration",
    "plated_charge_mah",
    "read_cycler",
    "survey_labels",
    "thickness_map",
]

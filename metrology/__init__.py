"""Labels in, numbers with uncertainty out: thickness, penetration, coulometry and the lithium balance.

Public names: `thickness_map`, `ThicknessSum`, `deposit_statistics`, `Deposit`;
`measure_penetration`, `Penetration`; `charge_mah`, `charge_of_density`, `charge_over_area`, `Charge`;
`open_cycler`, `CyclerRecord`, `plated_charge`, `PlatedCharge`; `balance`, `Balance`, `Amount`, `error_budget`.
"""

from .coulometry import Charge, charge_mah, charge_of_density, charge_over_area
from .cycler import open_cycler
from .cycler_record import CyclerRecord, PlatedCharge, plated_charge
from .deposit import Deposit, deposit_statistics
from .inventory import Amount, Balance, balance, error_budget
from .penetration import Penetration, measure_penetration
from .thickness import ThicknessSum, thickness_map

__all__ = [
    "Amount",
    "Balance",
    "Charge",
    "CyclerRecord",
    "Deposit",
    "Penetration",
    "PlatedCharge",
    "ThicknessSum",
    "balance",
    "charge_mah",
    "charge_of_density",
    "charge_over_area",
    "deposit_statistics",
    "error_budget",
    "measure_penetration",
    "open_cycler",
    "plated_charge",
    "thickness_map",
]

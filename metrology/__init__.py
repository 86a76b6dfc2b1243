"""Labels in, numbers with uncertainty out: thickness, penetration, coulometry and the lithium balance.

Public names: `thickness_map`, `ThicknessSum`, `deposit_statistics`, `Deposit`; `measure_penetration`, `Penetration`;
`charge_mah`, `charge_of_density`, `charge_over_area`, `Charge`; `balance`, `Balance`, `Amount`, `error_budget`.
"""

from .coulometry import Charge, charge_mah, charge_of_density, charge_over_area
from .deposit import Deposit, deposit_statistics
from .inventory import Amount, Balance, balance, error_budget
from .penetration import Penetration, measure_penetration
from .thickness import ThicknessSum, thickness_map

__all__ = [
    "Amount",
    "Balance",
    "Charge",
    "Deposit",
    "Penetration",
    "ThicknessSum",
    "balance",
    "charge_mah",
    "charge_of_density",
    "charge_over_area",
    "deposit_statistics",
    "error_budget",
    "measure_penetration",
    "thickness_map",
]

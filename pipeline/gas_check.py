"""Whether voids and electrolyte read what gas, beam and materials say: a wrong pressure or tube shows there."""

import numpy as np

from ..arrays import Array
from ..materials import Phase
from .phase_map import Labelled

FACTOR = 1.7
"""Voids may read so many times more or less than the gas: small ones are blurred, and a gauge is off by little."""

LEAST_PER_CM = 0.15
"""What must lie between, in cm^-1: argon reads too little to be judged."""

MOST_ELECTROLYTE = 1.25
"""Share of electrolyte in itself above which beam or material are not the true ones."""


def gas_fault(labelled: Labelled) -> str | None:
    """Say in which scan the voids read another gas, or another pressure, than is given.

    Parameters
    ----------
    labelled : Labelled
        Levels that were found, and the expected ones.

    Returns
    -------
    str or None
        One sentence with the remedy; None where every gas reads what it should.
    """
    for gas, levels in labelled.thresholds.levels.items():
        expected = labelled.expected.get(gas, {}).get(Phase.VOID)
        found = levels.get(Phase.VOID)
        if expected is None or found is None or abs(found - expected.mu_per_cm) < LEAST_PER_CM:
            continue
        if not expected.mu_per_cm / FACTOR < found < expected.mu_per_cm * FACTOR:
            return (
                f"voids read {found:.3g} cm^-1 in {gas} where its gas should read {expected.mu_per_cm:.3g}, more "
                f"than a factor of {FACTOR:g} apart: check pressure_atm, which is absolute (gauge + 1), and the gas"
            )
    return None


def share_fault(electrolyte: Array) -> str | None:
    """Say whether more electrolyte was found than there is room for.

    Parameters
    ----------
    electrolyte : (n_rows,) array
        Mean share of electrolyte in rows that it fills, dimensionless; NaN where unknown.

    Returns
    -------
    str or None
        One sentence with the remedy; None where the shares can be.
    """
    known = np.asarray(electrolyte)[np.isfinite(electrolyte)]
    if known.size == 0 or (middle := float(np.median(known))) <= MOST_ELECTROLYTE:
        return None
    return (
        f"the electrolyte fills {100 * middle:.0f} % of itself, where at most {100 * MOST_ELECTROLYTE:.0f} % may be: "
        "check tube, kv and filters of the source, and formula and density of the electrolyte"
    )

"""Lithium finer than a voxel in a run: rows of the shares that its pair of scans was decomposed into."""

import logging
from dataclasses import replace
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from ..metrology.mixed_zone import LEAST_ROWS, MixedZone, RowShares, mixed_zone, row_shares
from ..metrology.survey import Survey
from .before import Stage, on_same_rows
from .gas_check import gas_fault, share_fault
from .phase_map import Labelled
from .store import open_level
from .two_gas import TwoGas
from .two_gas_task import RIM_PX

log = logging.getLogger(__name__)


def mixed_of(labelled: Labelled, survey: Survey, shares: TwoGas | str, before: Stage | None = None) -> MixedZone | str:
    """Measure the lithium finer than a voxel from the shares of electrolyte and gas.

    Parameters
    ----------
    labelled : Labelled
        Phases on disk.
    survey : Survey
        Where the electrolyte begins and ends.
    shares : TwoGas or str
        Shares, or why there are none.
    before : Stage, optional
        What the scans before charging have shown; reference in place of electrolyte far from the anode.

    Returns
    -------
    MixedZone or str
        Amount over the area in view, or why it was not measured.
    """
    if isinstance(shares, str):
        return shares
    if shares.biased:
        return "the view cuts the cell off, so that shares of electrolyte are uncertain"
    interface = survey.frame.interface
    if interface is None or survey.penetration is None:
        return "the labels hold no electrolyte"
    begins = float(np.mean(interface.heights_px()))
    rows, fresh = shares_by_row(labelled, survey, shares), None
    if before is not None and before.rows is not None:
        fresh = registered_rows(rows, labelled, survey, before.rows)
    elif before is not None and (fresh := _rows_before(before)) is not None:
        rows, fresh = on_same_rows(rows, fresh)
    fault = gas_fault(labelled) or share_fault(rows.electrolyte @ rows.weights)
    if fault is not None:
        log.warning("lithium finer than a voxel was not measured: %s", fault)
        return fault
    hidden = survey.penetration.tolerance_um / labelled.layout.voxel_um
    try:
        return mixed_zone(rows, begins=begins, hidden_rows=hidden, before=fresh)
    except ValueError as error:
        return str(error)


def _rows_before(before: Stage) -> RowShares | None:
    labelled, survey, shares = before.labelled, before.survey, before.shares
    if not isinstance(labelled, Labelled) or not isinstance(shares, TwoGas) or survey is None:
        return None
    return None if survey.frame.interface is None else shares_by_row(labelled, survey, shares)


def shares_by_row(labelled: Labelled, survey: Survey, shares: TwoGas) -> RowShares:
    """Average the shares of a run over rows of its electrolyte, in order away from the anode.

    Parameters
    ----------
    labelled : Labelled
        Phases on disk.
    survey : Survey
        Where the electrolyte begins and ends.
    shares : TwoGas
        Shares of electrolyte and gas.

    Returns
    -------
    RowShares
        Means over rings of the bore, its rim left out.
    """
    _, n_y, n_x = labelled.layout.shape
    bore = labelled.thresholds.bore
    first, rows = _rows(labelled, survey)
    found = row_shares(
        shares.electrolyte,
        shares.gas,
        open_level(labelled.labels),
        radius_px=bore.distance(n_y, n_x),
        reach_px=bore.radius_px - RIM_PX,
        rows=rows,
        row_um=labelled.layout.voxel_um,
    )
    return replace(found, first=first)


def _rows(labelled: Labelled, survey: Survey) -> tuple[int, range]:
    """Rows of the electrolyte in order away from the anode, and how many from its end the first one is."""
    n_z, frame = labelled.layout.shape[0], survey.frame
    heights = [0.0 if s is None else float(np.mean(s.heights_px())) for s in (frame.interface, frame.counter)]
    first, last = max(floor(heights[0]) + 1, 0), min(ceil(heights[1]), n_z) - (1 if survey.counter_in_view else 0)
    return first, range(first, last) if frame.anode == "low" else range(n_z - 1 - first, n_z - 1 - last, -1)


def registered_rows(rows: RowShares, labelled: Labelled, survey: Survey, before: NDArray[np.float32]) -> RowShares:
    """Return the same voxels before charging, as the cell was moved onto the charged scan.

    Rows that its view does not reach at the far end take the mean of the last ones that it does: electrolyte before
    charging is alike there, but for its pores.

    Parameters
    ----------
    rows : RowShares
        Of the charged scan.
    labelled : Labelled
        Its phases.
    survey : Survey
        Where its electrolyte begins and ends.
    before : (n_z, 3, n_rings) array of float32
        Means before charging over the rows of the charged scan, NaN where unknown.

    Returns
    -------
    RowShares
        In the same order.
    """
    parts = before[list(_rows(labelled, survey)[1])].astype(np.float64)
    known = np.flatnonzero(np.isfinite(parts).all(axis=(1, 2)))
    if known.size >= LEAST_ROWS:
        parts[known[-1] + 1 :] = parts[known[-LEAST_ROWS:]].mean(axis=0)
    return replace(rows, electrolyte=parts[:, 0], gas=parts[:, 1], lithium=parts[:, 2])

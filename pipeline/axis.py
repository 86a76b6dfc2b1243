"""The rotation axis of one scan: given, or found from a few of its rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..reconstruction.centre import find_centre
from .selection import Selection
from .steps import Centre

MOST_ROWS = 8
MOST_SLABS = 3


@dataclass(frozen=True)
class Axis:
    """The column of the rotation axis, and how far it can be trusted.

    Parameters
    ----------
    centre_px : float
        Pixel-centre index.
    verdict : str
        "given", or the verdict of `find_centre`: resolved, at-edge, ambiguous or flat.
    confidence : float
        Between 0 and 1, dimensionless; 1 where it was given.
    """

    centre_px: float
    verdict: str = "given"
    confidence: float = 1.0

    @property
    def is_trusted(self) -> bool:
        """Whether it was given or resolved."""
        return self.verdict in ("given", "resolved")


def find_axis(integrals: Any, theta: NDArray[np.float64], step: Centre, selection: Selection) -> Axis:
    """Find the rotation axis from the rows with the most structure.

    Parameters
    ----------
    integrals : zarr array or array
        (n_theta, n_rows, n_cols) line integrals, read when sliced; three slabs of rows at most are read.
    theta : (n_theta,) array
        In rad.
    step : Centre
        Range to search, in columns of the whole detector.
    selection : Selection
        The part of the detector in use.

    Returns
    -------
    Axis
        In columns of the selection.
    """
    n_rows = integrals.shape[1]
    height = integrals.chunks[1] if hasattr(integrals, "chunks") else n_rows
    slabs = np.linspace(0, (n_rows - 1) // height, min(MOST_SLABS, -(-n_rows // height))).round().astype(int)
    parts = [np.asarray(integrals[:, s * height : (s + 1) * height]) for s in np.unique(slabs)]
    rows = np.concatenate(parts, axis=1)
    structure = rows.std(axis=(0, 2))
    best = np.sort(np.argsort(structure)[::-1][:MOST_ROWS])
    low_high = None
    if step.search_px is not None:
        low_high = (selection.centre_px(step.search_px[0]), selection.centre_px(step.search_px[1]))
    found = find_centre(np.ascontiguousarray(rows[:, best]), theta, search_px=low_high)
    return Axis(found.centre_px, found.verdict, found.confidence)

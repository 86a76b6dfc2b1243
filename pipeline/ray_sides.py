"""One scan of a pair: its sinograms as the tube gives them, stripes taken out and half views joined."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..reconstruction.half_acquisition import half_turn, joined_columns
from ..reconstruction.hardening import Linearisation, hardened
from .chain import joined
from .steps import HalfAcquisition, Step

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Side:
    """One scan of the pair.

    Parameters
    ----------
    integrals : zarr.Array
        (n_theta, n_rows, n_cols) corrected line integrals, dimensionless.
    raw_theta : (n_theta,) array
        Angle of each projection, in rad.
    raw_centre_px : float
        Column of the rotation axis in them, pixel-centre index.
    steps : tuple of Step
        Its sinogram steps.
    hardening : Linearisation or None
        Map that the line integrals went through.
    beside : float
        Line integral of the gas beside the cell that was subtracted, dimensionless.
    n_flats : int
        Flats that were averaged; 0 where the scan holds line integrals.
    """

    integrals: Any
    raw_theta: NDArray[np.float64]
    raw_centre_px: float
    steps: tuple[Step, ...]
    hardening: Linearisation | None
    beside: float
    n_flats: int = 0

    @property
    def _is_half(self) -> bool:
        return any(isinstance(step, HalfAcquisition) for step in self.steps)

    @cached_property
    def theta(self) -> NDArray[np.float64]:
        """Angles of the sinograms, in rad."""
        return half_turn(self.raw_theta) if self._is_half else self.raw_theta

    @property
    def n_cols(self) -> int:
        """Columns of the sinograms."""
        n_cols = int(self.integrals.shape[2])
        return joined_columns(n_cols, self.raw_centre_px)[0] if self._is_half else n_cols

    @property
    def centre_px(self) -> float:
        """Column of the rotation axis in the sinograms, pixel-centre index."""
        n_cols = int(self.integrals.shape[2])
        return joined_columns(n_cols, self.raw_centre_px)[1] if self._is_half else self.raw_centre_px

    def rows(self, first: int, stop: int) -> Floats:
        """Return sinograms as the tube gives them, without stripes.

        Parameters
        ----------
        first, stop : int
            Half-open range of rows.

        Returns
        -------
        (stop - first, n_theta, n_cols) array of float32
            Line integrals of cell and gas, dimensionless.
        """
        sinograms = np.ascontiguousarray(np.swapaxes(np.asarray(self.integrals[:, first:stop]), 0, 1))
        sinograms, _, _ = joined(sinograms, self.raw_theta, self.steps, centre_px=self.raw_centre_px)
        if self.hardening is not None:
            sinograms = hardened(sinograms, self.hardening)
        return sinograms + np.float32(self.beside)

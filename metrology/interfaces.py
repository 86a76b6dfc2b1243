"""Where the electrolyte begins and ends: the surfaces from which depth is counted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..materials import Phase
from .stack import Stack
from .surfaces import column_limits, fit_surface

TOLERANCE_STDS = 3.0
"""Lithium that rises above a fitted interface by less than so many standard deviations is roughness of the film."""


@dataclass(frozen=True, eq=False)
class Interfaces:
    """Where the electrolyte begins and ends, counted from the anode.

    Parameters
    ----------
    near_px : (n_y, n_x) array of float64
        Index at which the electrolyte begins on the anode's side; a face lies at half an index.
    far_px : (n_y, n_x) array of float64
        Index at which it ends on the counter side.
    tolerance_px : float
        Roughness of the near surface that is no growth, in pixels.
    electrode : (n_y, n_x) array of bool or None
        Columns whose lithium counts; None counts all.
    """

    near_px: NDArray[np.float64]
    far_px: NDArray[np.float64]
    tolerance_px: float = 0.0
    electrode: NDArray[np.bool_] | None = None

    @property
    def lowest_px(self) -> float:
        """Least index at which the electrolyte begins."""
        return float(self.near_px.min())

    def lithium(self, plane: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Tell which voxels of a plane are lithium that counts.

        Parameters
        ----------
        plane : (n_y, n_x) array of uint8
            Phases.

        Returns
        -------
        (n_y, n_x) array of bool
            Lithium on the electrode.
        """
        found = plane == Phase.LITHIUM
        return found if self.electrode is None else found & self.electrode


def find_interfaces(
    stack: Stack,
    *,
    interface_px: ArrayLike | None = None,
    counter_px: ArrayLike | None = None,
    degree: int = 1,
) -> Interfaces:
    """Find where the electrolyte begins and ends, or take what is given.

    Parameters
    ----------
    stack : Stack
        Labels seen from the anode.
    interface_px, counter_px : float or (n_y, n_x) array, optional
        Pixel-centre indices along the axis of the volume; None fits a surface.
    degree : int
        1 for a plane, 2 for a parabolic surface.

    Returns
    -------
    Interfaces
        Counted from the anode.

    Raises
    ------
    ValueError
        If there is no electrolyte to fit, or it ends before it begins.
    """
    near, far, tolerance = None, None, 0.0
    if interface_px is not None:
        near = stack.oriented_px(np.asarray(interface_px, dtype=np.float64))
    if counter_px is not None:
        far = stack.oriented_px(np.asarray(counter_px, dtype=np.float64))
    if near is None or far is None:
        first, last = column_limits(stack, Phase.ELECTROLYTE)
        if not np.isfinite(first).any():
            raise ValueError("labels hold no electrolyte; depth is counted from its surface: label it, value 4")
        if near is None:
            surface = fit_surface(first - 0.5, degree=degree)
            near, tolerance = surface.heights_px(), TOLERANCE_STDS * surface.std_px
        if far is None:
            far = fit_surface(last + 0.5, degree=degree).heights_px()
    near, far = (np.broadcast_to(px, stack.shape).astype(np.float64) for px in (near, far))
    if not (far > near).all():
        raise ValueError(
            "the electrolyte ends before it begins in some column; check anode, interface_px and counter_px"
        )
    return Interfaces(near, far, tolerance)

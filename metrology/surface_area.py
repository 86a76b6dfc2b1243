"""Surface of bodies in a volume of voxels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RASTER = 1.5
"""A surface made of voxel faces is so many times larger than the smooth one, averaged over directions."""


def surface_um2(body: NDArray[np.bool_], *, voxel_um: Sequence[float]) -> float:
    """Return the surface of bodies: their voxels' faces, over what a raster adds.

    Parameters
    ----------
    body : (n, n_y, n_x) array of bool
        The bodies; the borders of the volume are no surface.
    voxel_um : (3,) sequence of float
        Edges of a voxel along the three axes, in µm.

    Returns
    -------
    float
        In µm^2.
    """
    z, y, x = voxel_um
    total = 0.0
    last: NDArray[np.bool_] | None = None
    for plane in body:
        total += 0.0 if last is None else y * x * float(np.count_nonzero(plane != last))
        total += z * x * float(np.count_nonzero(plane[1:] != plane[:-1]))
        total += z * y * float(np.count_nonzero(plane[:, 1:] != plane[:, :-1]))
        last = plane
    return total / RASTER

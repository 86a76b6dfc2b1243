"""A rigid move between two scans of one cell: where each voxel of the first lies in the second."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, array_namespace
from .filters import ndimage_of

SPLINE_REACH = 4
"""Rows beyond those asked for that a cubic spline feels."""

WINDOW_REACH = 16
"""The same sideways, where it costs little: what a spline feels falls to a quarter with every voxel."""

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class RigidMove:
    """The point p of the first volume lies at `centre + R (p - centre) + shift` of the second.

    Parameters
    ----------
    shift_px : (3,) tuple of float
        Shift along z, y and x, in voxels.
    rotation_rad : (3,) tuple of float
        Rotation vector along z, y and x, in rad; about z counter-clockwise seen from above, x towards y.
    centre_px : (3,) tuple of float
        Centre of the rotation, as a voxel-centre index (z, y, x).
    """

    shift_px: Triple = (0.0, 0.0, 0.0)
    rotation_rad: Triple = (0.0, 0.0, 0.0)
    centre_px: Triple = (0.0, 0.0, 0.0)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 3) rotation matrix for (z, y, x) vectors, by the formula of Rodrigues."""
        z, y, x = self.rotation_rad
        angle = float(np.sqrt(z * z + y * y + x * x))
        # Rows and columns stand in the order z, y, x; the cross product of the rotation vector with (z, y, x).
        cross = np.array([[0.0, x, -y], [-x, 0.0, z], [y, -z, 0.0]])
        if angle == 0:
            return np.eye(3)
        return np.eye(3) + np.sin(angle) / angle * cross + (1 - np.cos(angle)) / angle**2 * cross @ cross

    @property
    def turn_rad(self) -> float:
        """Turn about z in rad, between -pi and pi, whatever the tilt."""
        matrix = self.matrix
        return math.atan2(matrix[1, 2] - matrix[2, 1], matrix[1, 1] + matrix[2, 2])

    @property
    def tilt_rad(self) -> float:
        """Angle between the axes of both volumes in rad, 0 or more."""
        matrix = self.matrix
        return math.atan2(math.hypot(matrix[1, 0], matrix[2, 0]), matrix[0, 0])

    def moved(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where points of the first volume lie in the second.

        Parameters
        ----------
        points : (3, n) array
            Voxel-centre indices z, y, x.

        Returns
        -------
        (3, n) array
            Voxel-centre indices of the second volume.
        """
        centre = np.array(self.centre_px)[:, None]
        return centre + self.matrix @ (points - centre) + np.array(self.shift_px)[:, None]

    def resampled(
        self,
        second: Array,
        first_row: int,
        stop_row: int,
        window: tuple[slice, slice] | None = None,
        *,
        order: Literal[1, 3] = 3,
    ) -> Array:
        """Bring rows of the second volume onto the grid of the first, by splines.

        Parameters
        ----------
        second : (n_z, n_y, n_x) array
            The second volume; only what is needed of it is read.
        first_row, stop_row : int
            Half-open range of rows of the first volume.
        window : (2,) tuple of slice, optional
            Range along y and along x, start and stop inside the first volume; default whole slices of the second.
        order : {1, 3}
            Of the spline: linear or cubic.

        Returns
        -------
        (stop_row - first_row, n_y, n_x) array of float32
            The second volume on the first one's grid; beyond its edges the nearest voxel is repeated.
        """
        size = second.shape
        sides = [slice(0, n) for n in size[1:]] if window is None else window
        wanted = [(first_row, stop_row), *((side.start, side.stop) for side in sides)]
        corners = np.array(np.meshgrid(*[(first, stop - 1) for first, stop in wanted], indexing="ij"))
        places = self.moved(corners.reshape(3, -1).astype(np.float64))
        reach = np.array([SPLINE_REACH, WINDOW_REACH, WINDOW_REACH])
        low = np.clip(np.floor(places.min(axis=1)) - reach, 0, np.array(size) - 1).astype(int)
        high = np.clip(np.ceil(places.max(axis=1)) + reach + 1, low + 1, size).astype(int)
        if window is None:
            low[1:], high[1:] = 0, size[1:]
        slab = second[tuple(slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True))]
        xp = array_namespace(slab)
        matrix, centre = self.matrix, np.array(self.centre_px)
        # affine_transform reads its input at matrix @ output index + offset.
        offset = centre + np.array(self.shift_px) - matrix @ centre
        offset = offset + matrix @ np.array([first for first, _ in wanted]) - low
        return ndimage_of(slab).affine_transform(
            slab.astype(xp.float32),
            xp.asarray(matrix),
            offset=xp.asarray(offset),
            output_shape=tuple(stop - first for first, stop in wanted),
            order=order,
            mode="nearest",
        )

    def on_projections(self, theta: NDArray[np.float64]) -> tuple[float, float, NDArray[np.float64]]:
        """Return how the move shows in the second scan's parallel projections.

        Parameters
        ----------
        theta : (n_theta,) array
            Angle of each projection, in rad.

        Returns
        -------
        row_px : float
            Shift along the rows.
        turn_rad : float
            Angle to subtract from the second scan's theta, to see the cell as the first one's theta does.
        column_px : (n_theta,) array
            Shift of each projection along the columns, a sinusoid of its angle.

        Raises
        ------
        ValueError
            If the move tilts the rotation axis, which no shift of projections undoes.
        """
        turn, *tilt = self.rotation_rad
        if math.hypot(*tilt) > 1e-3:
            raise ValueError(
                f"the cell is tilted by {math.degrees(math.hypot(*tilt)):.2f} degrees between the scans; projections "
                "can only be shifted and turned: register the volumes instead"
            )
        dz, dy, dx = self.shift_px
        return dz, turn, dx * np.cos(theta) + dy * np.sin(theta)

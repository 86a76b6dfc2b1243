"""The argon scan on the grid of the xenon scan: a rigid move, measured, and applied slab by slab where it matters."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..segmentation.registration import register
from ..segmentation.rigid import RigidMove
from ..segmentation.rigid_fit import Registration
from ..segmentation.thresholds import Thresholds

log = logging.getLogger(__name__)

NEGLIGIBLE_PX = 0.05
"""A move below this everywhere is recorded and not applied: interpolation would cost more than it mends."""


@dataclass(frozen=True)
class Moved:
    """A volume seen on another one's grid; slices are resampled when they are read.

    Parameters
    ----------
    volume : array
        (n_z, n_y, n_x) µ in cm^-1, read when sliced.
    move : RigidMove
        From the other volume to this one.
    shape : tuple of int
        (n_z, n_y, n_x) of the grid.
    """

    volume: Any
    move: RigidMove
    shape: tuple[int, int, int]

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        """Resample what is asked for; whole slices where it is no window of them."""
        rows, *rest = key if isinstance(key, tuple) else (key,)
        first, stop, step = rows.indices(self.shape[0]) if isinstance(rows, slice) else (rows, rows + 1, 1)
        if step != 1:
            raise ValueError(f"rows are sliced in steps of {step}; slice them in steps of 1")
        if stop <= first:
            return np.zeros((0, *self.shape[1:]), np.float32)[(slice(None), *rest)]
        window = _window(rest, self.shape[1:])
        found = np.asarray(self.move.resampled(self.volume, first, stop, window))
        found = found[(slice(None), *rest)] if window is None else found
        return found if isinstance(rows, slice) else found[0]


def _window(rest: list[Any], size: tuple[int, ...]) -> tuple[slice, slice] | None:
    """The part of the slices that two ranges ask for; None where they do not, or ask for nothing."""
    if len(rest) != 2 or not all(isinstance(part, slice) for part in rest):
        return None
    (y0, y1, dy), (x0, x1, dx) = (part.indices(n) for part, n in zip(rest, size, strict=True))
    if dy != 1 or dx != 1 or y1 <= y0 or x1 <= x0:
        return None
    return slice(y0, y1), slice(x0, x1)


@dataclass(frozen=True)
class Aligned:
    """A pair of volumes on one grid.

    Parameters
    ----------
    volumes : mapping
        µ by gas.
    registration : Registration or None
        The measured move; None where it was not measured.
    voxel_um : float
        Edge of a voxel, in µm.
    note : str or None
        Why it was not measured.
    """

    volumes: Mapping[str, Any]
    registration: Registration | None
    voxel_um: float
    note: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the move under the keys of results.json.

        Returns
        -------
        dict
            Shift (z, y, x) in µm, turn about the axis in degrees, residual in µm, None where not measured; and the
            rotation vector in degrees with the point that it turns about, in voxels, for `recorded_move`.
        """
        if self.registration is None:
            return {"shift_um": None, "rotation_deg": None, "residual_um": None}
        found = self.registration
        return {
            "shift_um": [self.voxel_um * px for px in found.move.shift_px],
            "shift_um_std": [self.voxel_um * px for px in found.shift_std_px],
            "rotation_deg": math.degrees(found.move.rotation_rad[0]),
            "rotation_vector_deg": [math.degrees(angle) for angle in found.move.rotation_rad],
            "about_px": list(found.move.centre_px),
            "residual_um": self.voxel_um * found.residual_px,
            "correlation": found.correlation,
        }


def recorded_move(registration: Mapping[str, Any], voxel_um: float) -> RigidMove | None:
    """Read the move that `Aligned.as_dict` has written.

    Parameters
    ----------
    registration : mapping
        `registration` of results.json.
    voxel_um : float
        Edge of a voxel, in µm.

    Returns
    -------
    RigidMove or None
        From the xenon to the argon volume; None where it was not measured, or not written down whole.
    """
    shift_um, turn_deg, about_px = (registration.get(key) for key in ("shift_um", "rotation_vector_deg", "about_px"))
    if shift_um is None or turn_deg is None or about_px is None:
        return None
    (z, y, x), (a, b, c), (v, w, u) = shift_um, turn_deg, about_px
    turn_rad = math.radians(a), math.radians(b), math.radians(c)
    return RigidMove((z / voxel_um, y / voxel_um, x / voxel_um), turn_rad, (v, w, u))


def align(volumes: Mapping[str, Any], alone: Mapping[str, Thresholds], voxel_um: float) -> Aligned:
    """Bring the argon volume onto the grid of the xenon volume.

    Parameters
    ----------
    volumes : mapping
        µ by gas, "argon" and "xenon", of one shape; read when sliced.
    alone : mapping
        What was found in each scan alone.
    voxel_um : float
        Edge of a voxel, in µm.

    Returns
    -------
    Aligned
        With the argon volume as it is where the move is negligible or could not be measured; the note says which.
    """
    try:
        found = register(volumes["xenon"], volumes["argon"], alone["xenon"], alone["argon"])
    except ValueError as error:
        note = f"argon and xenon were not brought into register: {error}"
        log.warning("%s", note)
        return Aligned(volumes, None, voxel_um, note)
    shape = volumes["xenon"].shape
    if largest_shift_px(found.move, shape) < NEGLIGIBLE_PX:
        return Aligned(volumes, found, voxel_um)
    log.info("argon lies %s voxels (z, y, x) beside xenon, and is resampled", np.round(found.move.shift_px, 2).tolist())
    return Aligned({**volumes, "argon": Moved(volumes["argon"], found.move, shape)}, found, voxel_um)


def largest_shift_px(move: RigidMove, shape: tuple[int, int, int]) -> float:
    """Return how far a move takes the corners of a volume.

    Parameters
    ----------
    move : RigidMove
        The move.
    shape : tuple of int
        (n_z, n_y, n_x).

    Returns
    -------
    float
        Largest distance, in voxels.
    """
    corners = np.array(np.meshgrid(*[[0.0, n - 1.0] for n in shape], indexing="ij")).reshape(3, -1)
    return float(np.linalg.norm(move.moved(corners) - corners, axis=0).max())

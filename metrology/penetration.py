"""How deep lithium has grown from the anode into the electrolyte, and what lies there unconnected."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from ..arrays import Array, to_host
from ..materials import Phase
from .thickness import check_labels, check_phases
from .voxels import VoxelSize, axis_index, map_voxel_um

Side = Literal["low", "high"]
FULL_NEIGHBOURHOOD = np.ones((3, 3, 3), dtype=bool)


@dataclass(frozen=True)
class Penetration:
    """Lithium beyond the anode's interface.

    Parameters
    ----------
    depth_um : (n_y, n_x) array of float32
        Depth of the deepest connected lithium of each column below the interface, in µm; 0 where none.
    max_depth_um : float
        Largest of `depth_um`, in µm.
    volume_um3 : float
        Volume of connected lithium beyond the interface, in µm^3.
    electrolyte_crossed : float
        Largest share of the electrolyte that connected lithium crosses in one column, dimensionless, 1 = all.
    is_shorted : bool
        True if connected lithium reaches the counter side of the electrolyte.
    isolated_volume_um3 : float
        Volume of lithium beyond the interface that no lithium connects to the anode, in µm^3.
    isolated_count : int
        Number of such pieces.
    """

    depth_um: NDArray[np.float32]
    max_depth_um: float
    volume_um3: float
    electrolyte_crossed: float
    is_shorted: bool
    isolated_volume_um3: float
    isolated_count: int


def measure_penetration(
    labels: Array,
    *,
    voxel_um: VoxelSize,
    axis: int = 0,
    anode: Side = "low",
    interface_px: ArrayLike | None = None,
    counter_px: ArrayLike | None = None,
) -> Penetration:
    """Measure the lithium that has grown from the anode into the electrolyte.

    Lithium is connected if it touches, by face, edge or corner, lithium on the anode's side of the interface,
    or lies against the interface itself: a filament one voxel wide that runs aslant holds together.

    Parameters
    ----------
    labels : (n_z, n_y, n_x) array of uint8
        Values of `Phase`, 255 where not labelled.
    voxel_um : float or (3,) sequence of float
        Edge of a cubic voxel, or the edges (z, y, x), in µm.
    axis : int
        Stack axis of the cell.
    anode : {"low", "high"}
        Whether the anode lies at low or high indices of `axis`.
    interface_px : float or (n_y, n_x) array, optional
        Where the electrolyte begins, as a pixel-centre index along `axis` (a face lies at half an index).
        None takes the median over the columns of the first electrolyte voxel's face.
    counter_px : float or (n_y, n_x) array, optional
        Where the electrolyte ends, likewise; None takes the median of the last electrolyte voxel's face.

    Returns
    -------
    Penetration
        Depths, volumes and shares; zeros where there is no lithium in the electrolyte.

    Raises
    ------
    TypeError
        If labels are not uint8.
    ValueError
        If labels are empty, not 3-D or hold no electrolyte, or the interface lies beyond the counter side.
    """
    depth_um, pixel_um = map_voxel_um(voxel_um, axis)
    volume = _grown_upwards(labels, axis, anode)
    near, far = _surfaces(volume, interface_px, counter_px, anode)
    lithium = volume == Phase.LITHIUM
    pieces, count = ndimage.label(lithium, structure=FULL_NEIGHBOURHOOD)
    index = np.arange(volume.shape[0], dtype=np.float64)[:, None, None]
    is_rooted = np.zeros(count + 1, dtype=bool)
    is_rooted[np.unique(pieces[lithium & (index <= near + 1)])] = True
    is_rooted[0] = False
    beyond = lithium & (index > near)
    connected = is_rooted[pieces] & beyond
    deepest = np.where(connected, index + 0.5, -np.inf).max(axis=0)
    depth = np.where(connected.any(axis=0), deepest - near, 0.0)
    voxel_um3 = depth_um * pixel_um[0] * pixel_um[1]
    loose = beyond & ~connected
    crossed = np.minimum(depth / (far - near), 1.0)
    return Penetration(
        depth_um=(depth * depth_um).astype(np.float32),
        max_depth_um=float(depth.max() * depth_um),
        volume_um3=float(connected.sum() * voxel_um3),
        electrolyte_crossed=float(crossed.max()),
        is_shorted=bool((connected & (index >= far - 1)).any()),
        isolated_volume_um3=float(loose.sum() * voxel_um3),
        isolated_count=int(np.unique(pieces[loose]).size),
    )


def _grown_upwards(labels: Array, axis: int, anode: Side) -> NDArray[np.uint8]:
    """Return host labels with the stack axis first and the anode at low indices."""
    check_labels(labels)
    check_phases(labels)
    volume = np.moveaxis(to_host(labels), axis_index(axis), 0)
    if anode not in ("low", "high"):
        raise ValueError(f"anode is {anode!r}; say 'low' or 'high', the end of the axis at which it lies")
    return volume if anode == "low" else volume[::-1]


def _surfaces(
    volume: NDArray[np.uint8], interface_px: ArrayLike | None, counter_px: ArrayLike | None, anode: Side
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where the electrolyte begins and ends, per column, along the oriented axis."""
    is_solid = volume == Phase.ELECTROLYTE
    has_any = is_solid.any(axis=0)
    if not has_any.any():
        raise ValueError("labels hold no electrolyte; depth is counted from its surface: label it, value 4")
    last_index = volume.shape[0] - 1
    first = np.median(is_solid.argmax(axis=0)[has_any]) - 0.5
    last = last_index - np.median(is_solid[::-1].argmax(axis=0)[has_any]) + 0.5
    given = [None if px is None else np.asarray(px, dtype=np.float64) for px in (interface_px, counter_px)]
    if anode == "high":
        given = [None if px is None else last_index - px for px in given]
    shape = volume.shape[1:]
    near = np.broadcast_to(first if given[0] is None else given[0], shape)
    far = np.broadcast_to(last if given[1] is None else given[1], shape)
    if not (far > near).all():
        raise ValueError(
            "the electrolyte ends before it begins in some column; check anode, interface_px and counter_px"
        )
    return near, far

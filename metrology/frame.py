"""The frame of all maps: stack axis, the anode's end, the surfaces of the layers, electrode and tilt."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, hypot, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..materials import Phase
from .deposit import UM2_PER_CM2
from .stack import Side, Stack
from .surfaces import Surface, column_limits, fit_surface
from .thickness import check_labels
from .voxels import VoxelSize

AXIS_RATIO = 1.5
"""The stack axis must stand out from the next one by this ratio of variances."""

HIDDEN_STD_PX = 3.0
"""An electrolyte whose first voxels scatter more than this may be hidden by lithium that grew from all of it."""

MIN_EDGE_PIXELS = 24
MIN_ARC_SHARE = 0.15
EDGE_STD_PX = 1 / sqrt(12)

_INSIDE = (Phase.LITHIUM, Phase.CARBON, Phase.ELECTROLYTE)


@dataclass(frozen=True, eq=False)
class Edge:
    """The circle that bounds the electrode.

    Parameters
    ----------
    centre_px : tuple of float
        Row and column of its centre, as pixel-centre indices.
    radius_um : float
        Radius in µm.
    radius_um_std : float
        Standard deviation of the radius, in µm.
    """

    centre_px: tuple[float, float]
    radius_um: float
    radius_um_std: float


@dataclass(frozen=True, eq=False)
class Frame:
    """Where the layers of a cell lie in its label volume; indices counted from the anode.

    Parameters
    ----------
    axis : int
        Stack axis of the volume.
    anode : {"low", "high"}
        End of that axis at which the anode lies.
    collector : Surface or None
        Where the collector ends; None where the labels have none.
    interface : Surface or None
        Where the electrolyte begins; None where the labels have none.
    counter : Surface or None
        Where the electrolyte ends.
    electrode : (n_y, n_x) array of bool
        Columns that stand on the electrode and are in view.
    area_in_view_cm2 : float
        Area of those columns along the collector's surface, in cm^2.
    area_cm2 : float or None
        Area of the whole electrode: declared, or of the circle found; None where neither is known.
    area_cm2_std : float or None
        Its standard deviation, in cm^2.
    tilt_rad : float
        Angle between the stack axis and the collector's normal (the interface's without collector), in rad.
    edge : Edge or None
        Circle found about the electrode; None where the view is narrower than the cell.
    """

    axis: int
    anode: Side
    collector: Surface | None
    interface: Surface | None
    counter: Surface | None
    electrode: NDArray[np.bool_]
    area_in_view_cm2: float
    area_cm2: float | None
    area_cm2_std: float | None
    tilt_rad: float
    edge: Edge | None

    def along_normal_um(self, map_um: Array) -> Array:
        """Turn thickness along the stack axis into thickness along the collector's normal.

        Parameters
        ----------
        map_um : (n_y, n_x) array
            Column thickness in µm.

        Returns
        -------
        (n_y, n_x) array
            Thickness in µm; the volume over the area of the tilted collector is its mean.
        """
        return map_um * cos(self.tilt_rad)


def find_axis(labels: Array) -> int:
    """Find the axis along which the layers are stacked: phases change most from plane to plane along it.

    Parameters
    ----------
    labels : (n_z, n_y, n_x) array of uint8
        Values of `Phase`, 255 where not labelled.

    Returns
    -------
    int
        0, 1 or 2.

    Raises
    ------
    TypeError
        If labels are not uint8.
    ValueError
        If no axis stands out.
    """
    check_labels(labels)
    strides = tuple(slice(None, None, max(1, n // 96)) for n in labels.shape)
    sample = np.asarray(labels[strides])
    spread = [sum(_plane_variance(sample == phase, axis) for phase in Phase) for axis in range(3)]
    order = np.argsort(spread)[::-1]
    best, second = spread[order[0]], spread[order[1]]
    if best == 0 or best < AXIS_RATIO * second:
        shown = ", ".join(f"{value:.3g}" for value in spread)
        raise ValueError(
            f"no stack axis stands out (variance of the phases' shares between planes: {shown} along axes "
            "0, 1, 2); name the axis"
        )
    return int(order[0])


def find_frame(
    labels: Array,
    *,
    voxel_um: VoxelSize,
    axis: int | None = None,
    anode: Side | None = None,
    degree: int = 1,
    mask: Array | None = None,
    area_cm2: tuple[float, float] | None = None,
) -> Frame:
    """Find the layers of a cell in its labels.

    Parameters
    ----------
    labels : (n_z, n_y, n_x) array of uint8
        Values of `Phase`, 255 where not labelled.
    voxel_um : float or (3,) sequence of float
        Edge of a cubic voxel, or the edges (z, y, x), in µm.
    axis : int, optional
        Stack axis; None finds it.
    anode : {"low", "high"}, optional
        End of the axis at which the anode lies; None takes the side of the electrolyte on which lithium and
        carbon lie.
    degree : int
        1 for plane surfaces, 2 for parabolic ones (a bent collector).
    mask : (n_y, n_x) array of bool, optional
        Columns of the electrode; None takes those that hold lithium, carbon or electrolyte.
    area_cm2 : (area, std), optional
        Area of the whole electrode and its standard deviation, in cm^2, where known.

    Returns
    -------
    Frame
        Surfaces, electrode, area and tilt.

    Raises
    ------
    TypeError
        If labels are not uint8.
    ValueError
        If no axis or no anode stands out, or no column holds a layer of the cell.
    """
    axis = find_axis(labels) if axis is None else axis
    anode = _anode_side(Stack(labels, voxel_um, axis)) if anode is None else anode
    stack = Stack(labels, voxel_um, axis, anode)
    first, last = column_limits(stack, Phase.ELECTROLYTE)
    electrode = _electrode(stack) if mask is None else np.asarray(mask, dtype=bool)
    if not electrode.any():
        raise ValueError("no column holds lithium, carbon or electrolyte; label the cell, or give the mask")
    first, last = (np.where(electrode, limit, np.nan) for limit in (first, last))
    collector = _collector(stack, electrode, first, degree)
    interface = _interface(stack, electrode, first, degree)
    counter = _fitted(last + 0.5, degree)
    tilt = _tilt(stack, collector or interface)
    edge = find_edge(electrode, stack.pixel_um)
    area, area_std = area_cm2 or _circle_area(edge)
    row_um, column_um = stack.pixel_um
    in_view = float(electrode.sum()) * row_um * column_um / UM2_PER_CM2 / cos(tilt)
    return Frame(axis, anode, collector, interface, counter, electrode, in_view, area, area_std, tilt, edge)


def find_edge(electrode: NDArray[np.bool_], pixel_um: Sequence[float]) -> Edge | None:
    """Fit a circle to the rim of the electrode, algebraically [1]_.

    Parameters
    ----------
    electrode : (n_y, n_x) array of bool
        Columns of the electrode.
    pixel_um : sequence of float
        Edges of a column along rows and columns, in µm.

    Returns
    -------
    Edge or None
        None where less than 15 % of the rim is in view, or it is no circle.

    References
    ----------
    .. [1] Taubin, IEEE Trans. Pattern Anal. Mach. Intell. 13, 1115 (1991); here Kåsa's simpler form.
    """
    y, x = _rim(electrode)
    if y.size < MIN_EDGE_PIXELS:
        return None
    v, u = y * pixel_um[0], x * pixel_um[1]
    v0, u0 = v.mean(), u.mean()
    terms = np.stack([v - v0, u - u0, np.ones(v.size)], axis=1)
    (b, a, c), *_ = np.linalg.lstsq(terms, (v - v0) ** 2 + (u - u0) ** 2, rcond=None)
    radius = sqrt(max(c + (a * a + b * b) / 4, 0.0))
    centre = v0 + b / 2, u0 + a / 2
    residual = np.hypot(v - centre[0], u - centre[1]) - radius
    pixel = sqrt(pixel_um[0] * pixel_um[1])
    share = y.size * pixel / (2 * pi * max(radius, pixel))
    if share < MIN_ARC_SHARE or residual.std() > max(0.02 * radius, 2 * pixel):
        return None
    statistical = float(residual.std()) / sqrt(y.size)
    return Edge((centre[0] / pixel_um[0], centre[1] / pixel_um[1]), radius, hypot(EDGE_STD_PX * pixel, statistical))


def _plane_variance(is_phase: NDArray[np.bool_], axis: int) -> float:
    others = tuple(i for i in range(3) if i != axis)
    return float(is_phase.mean(axis=others).var())


def _anode_side(stack: Stack) -> Side:
    """Tell from labels on which side of the electrolyte lithium and carbon lie."""
    counts = np.zeros((2, stack.depth))
    for index, slab in stack.slabs():
        planes = slice(index, index + slab.shape[0])
        counts[0, planes] = ((slab == Phase.LITHIUM) | (slab == Phase.CARBON)).sum(axis=(1, 2))
        counts[1, planes] = (slab == Phase.ELECTROLYTE).sum(axis=(1, 2))
    if not counts.any(axis=1).all():
        raise ValueError("labels do not show both electrolyte and lithium or carbon; say on which side the anode is")
    order = np.arange(stack.depth)
    middle = np.average(order, weights=counts[1])
    low, high = counts[0][order < middle].sum(), counts[0][order > middle].sum()
    if max(low, high) < 2 * min(low, high):
        raise ValueError(
            f"lithium and carbon lie on both sides of the electrolyte ({low:.0f} and {high:.0f} voxels); "
            "say which electrode is the anode: 'low' or 'high'"
        )
    return "low" if low > high else "high"


def _electrode(stack: Stack) -> NDArray[np.bool_]:
    inside = np.zeros(stack.shape, dtype=bool)
    for _, slab in stack.slabs():
        for phase in _INSIDE:
            inside |= (slab == phase).any(axis=0)
    return inside


def _collector(stack: Stack, electrode: NDArray[np.bool_], first: NDArray[np.float64], degree: int) -> Surface | None:
    """Fit the end of the collector that lies before the electrolyte."""
    known = np.isfinite(first)
    stop = int(np.median(first[known])) if known.any() else stack.depth
    _, last = column_limits(stack, Phase.COLLECTOR, stop=stop)
    return _fitted(np.where(electrode, last, np.nan) + 0.5, degree)


def _interface(stack: Stack, electrode: NDArray[np.bool_], first: NDArray[np.float64], degree: int) -> Surface | None:
    """Fit where the electrolyte begins; where growths hide that, the far side of the carbon that it was pressed on."""
    found = _fitted(first - 0.5, degree)
    if found is None or found.std_px <= HIDDEN_STD_PX:
        return found
    _, last = column_limits(stack, Phase.CARBON)
    carbon = _fitted(np.where(electrode, last, np.nan) + 0.5, degree)
    return carbon if carbon is not None and 2 * carbon.std_px < found.std_px else found


def _fitted(heights_px: NDArray[np.float64], degree: int) -> Surface | None:
    size = 3 if degree == 1 else 6
    return fit_surface(heights_px, degree=degree) if np.isfinite(heights_px).sum() >= size else None


def _tilt(stack: Stack, surface: Surface | None) -> float:
    if surface is None:
        return 0.0
    slopes = (s * stack.depth_um / pixel for s, pixel in zip(surface.slope(), stack.pixel_um, strict=True))
    return float(np.arctan(hypot(*slopes)))


def _rim(electrode: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places half-way between a column of the electrode and a neighbour that is none; the view's border is no rim."""
    places = []
    for axis in (0, 1):
        change = np.diff(electrode.astype(np.int8), axis=axis) != 0
        y, x = (index.astype(np.float64) for index in np.nonzero(change))
        places.append((y + 0.5 * (axis == 0), x + 0.5 * (axis == 1)))
    return np.concatenate([p[0] for p in places]), np.concatenate([p[1] for p in places])


def _circle_area(edge: Edge | None) -> tuple[float | None, float | None]:
    if edge is None:
        return None, None
    area = pi * edge.radius_um**2 / UM2_PER_CM2
    return area, 2 * area * edge.radius_um_std / edge.radius_um

"""The deposit in numbers: how much lithium lies over the electrode in view, and how evenly."""

from dataclasses import dataclass

import numpy as np

from ..arrays import Array, to_host
from .voxels import VoxelSize, map_voxel_um

UM2_PER_CM2 = 1e8


@dataclass(frozen=True)
class Deposit:
    """Thickness of the lithium over the electrode area in view; bare columns count as zero everywhere.

    Parameters
    ----------
    area_in_view_cm2 : float
        Electrode area that was measured, in cm^2.
    mean_thickness_um : float or None
        Lithium volume over `area_in_view_cm2`, in µm; None where no column was measured.
    median_um, p05_um, p95_um : float or None
        Median, 5th and 95th percentile of the column thickness, in µm.
    coverage : float or None
        Share of the area in view that bears lithium, dimensionless.
    sq_um : float or None
        Root mean square deviation from the mean thickness (Sq of ISO 25178-2), in µm.
    uniformity_cv : float or None
        `sq_um` over `mean_thickness_um`, dimensionless; None where the mean is not positive.
    mean_thickness_um_std : float or None
        Standard deviation of `mean_thickness_um`, in µm; None where unknown.
    area_cm2 : float or None
        Area of the whole electrode, in cm^2; None where unknown.
    """

    area_in_view_cm2: float
    mean_thickness_um: float | None
    median_um: float | None
    p05_um: float | None
    p95_um: float | None
    coverage: float | None
    sq_um: float | None
    uniformity_cv: float | None
    mean_thickness_um_std: float | None = None
    area_cm2: float | None = None


def deposit_statistics(
    map_um: Array,
    mask: Array | None = None,
    *,
    voxel_um: VoxelSize,
    axis: int = 0,
    bare_below_um: float | None = None,
    mean_std_um: float | None = None,
    area_cm2: float | None = None,
) -> Deposit:
    """Describe a thickness map over the electrode area in view.

    Parameters
    ----------
    map_um : (n_y, n_x) array
        Column thickness in µm, NaN where not measured.
    mask : (n_y, n_x) array of bool, optional
        Columns that stand on the electrode; None takes all.
    voxel_um : float or (3,) sequence of float
        Edge of a cubic voxel, or the edges (z, y, x), in µm.
    axis : int
        Axis along which the columns of the map run.
    bare_below_um : float, optional
        A column thinner than this is bare, in µm; None is half a voxel. Give the detection limit where the
        map comes from noisy fractions.
    mean_std_um : float, optional
        Standard deviation of the mean thickness, in µm, to be carried along.
    area_cm2 : float, optional
        Area of the whole electrode, in cm^2, to be carried along.

    Returns
    -------
    Deposit
        All numbers over the finite columns of `mask`, bare ones counted as they are. Without such a column
        the area is 0 and the rest None.

    Raises
    ------
    ValueError
        If the map is not 2-D, or the mask has another shape.
    """
    thickness = np.asarray(to_host(map_um), dtype=np.float64)
    if thickness.ndim != 2:
        raise ValueError(f"the thickness map has shape {thickness.shape}; give a map with two axes")
    chosen = np.ones(thickness.shape, bool) if mask is None else np.asarray(to_host(mask), dtype=bool)
    if chosen.shape != thickness.shape:
        raise ValueError(f"the mask is {chosen.shape} and the map {thickness.shape}; give one value per column")
    depth_um, (row_um, column_um) = map_voxel_um(voxel_um, axis)
    columns = thickness[chosen & np.isfinite(thickness)]
    area_in_view_cm2 = columns.size * row_um * column_um / UM2_PER_CM2
    if columns.size == 0:
        nothing = dict.fromkeys(_MEASURED)
        return Deposit(area_in_view_cm2, **nothing, mean_thickness_um_std=None, area_cm2=area_cm2)
    mean = float(columns.mean())
    sq = float(columns.std())
    p05, median, p95 = (float(value) for value in np.percentile(columns, [5, 50, 95]))
    limit_um = 0.5 * depth_um if bare_below_um is None else bare_below_um
    return Deposit(
        area_in_view_cm2=area_in_view_cm2,
        mean_thickness_um=mean,
        median_um=median,
        p05_um=p05,
        p95_um=p95,
        coverage=float((columns >= limit_um).mean()),
        sq_um=sq,
        uniformity_cv=sq / mean if mean > 0 else None,
        mean_thickness_um_std=mean_std_um,
        area_cm2=area_cm2,
    )


_MEASURED = ("mean_thickness_um", "median_um", "p05_um", "p95_um", "coverage", "sq_um", "uniformity_cv")

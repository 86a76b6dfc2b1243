"""Column thickness: lithium volume over column area, the thickness that coulometry predicts.

On rough layers the column sum is exact, the largest sphere reads up to 23 % too thick and twice the distance
transform up to 19 % too thin; only the column sum may be compared with a charge.
"""

from typing import Any

import numpy as np

from ..arrays import Array, array_namespace, blocks
from ..materials import NOT_LABELLED, Phase
from .voxels import VoxelSize, axis_index, map_voxel_um

LAST_PHASE = max(Phase)
PLANES_PER_BLOCK = 16


def check_labels(labels: Array) -> None:
    """Refuse what is not a volume of phases.

    Parameters
    ----------
    labels : (n_z, n_y, n_x) array of uint8
        Values of `Phase`, 255 where not labelled. The values themselves are checked by `check_phases`.

    Raises
    ------
    TypeError
        If the values are not uint8.
    ValueError
        If there are not three axes, or no voxel.
    """
    if str(labels.dtype) != "uint8":
        raise TypeError(f"labels are {labels.dtype}; phases are stored as uint8: convert with .astype('uint8')")
    if len(labels.shape) != 3:
        raise ValueError(f"labels have shape {labels.shape}; give a volume with the three axes (z, y, x)")
    if 0 in labels.shape:
        raise ValueError(f"labels have shape {labels.shape}: no voxel; give at least one along each axis")


def check_phases(labels: Array) -> None:
    """Refuse values that are neither a phase nor 255.

    Parameters
    ----------
    labels : array of uint8
        Values of `Phase`, 255 where not labelled; any shape.

    Raises
    ------
    ValueError
        If a value is unknown.
    """
    if int((labels + labels.dtype.type(1)).max()) <= LAST_PHASE + 1:  # 255 turns over to 0
        return
    unknown = (labels > LAST_PHASE) & (labels != NOT_LABELLED)
    if bool(unknown.any()):
        value, count = int(labels[unknown][0]), int(unknown.sum())
        raise ValueError(
            f"labels hold {value} ({count} voxels are no phase); allowed are 0 to {int(LAST_PHASE)} and "
            f"{NOT_LABELLED} (not labelled): map your labels onto xelith.materials.Phase"
        )


class ThicknessSum:
    """The lithium of each column, added up slab by slab, so that a volume need not fit in memory.

    Slabs are cut along the axis of the columns, which comes first here; they may come in any order, each
    voxel once. All slabs live on one device, and so does the result.

    Parameters
    ----------
    depth_um : float
        Edge of a voxel along the columns, in µm.
    """

    def __init__(self, depth_um: float) -> None:
        self.depth_um = depth_um
        self.n_planes = 0
        self._lithium: Array = None
        self._missing: Array = None

    def add(self, labels: Array | None, *, fractions: Array | None = None, within: Array | None = None) -> None:
        """Add a slab.

        Parameters
        ----------
        labels : (n, n_y, n_x) array of uint8, or None
            Phases of the slab; 255 is not labelled. None where only fractions are known.
        fractions : (n, n_y, n_x) array of float32, optional
            Share of lithium in each voxel, dimensionless, used instead of the label lithium. Values below 0
            and above 1 are noise and are kept; NaN is not measured.
        within : (n, n_y, n_x) array of bool, optional
            Voxels that count; the others are taken to hold no lithium.

        Raises
        ------
        ValueError
            If neither labels nor fractions are given, shapes differ, or a label is no phase.
        """
        if labels is None and fractions is None:
            raise ValueError("neither labels nor fractions were given; one of them tells where lithium is")
        given = [a for a in (labels, fractions, within) if a is not None]
        shapes = {tuple(a.shape) for a in given}
        if len(shapes) != 1:
            raise ValueError(f"labels, fractions and within have shapes {sorted(shapes)}; give one shape to all")
        xp = array_namespace(*given)
        lithium, missing = _columns(labels, fractions, within, xp)
        if self._lithium is None:
            self._lithium, self._missing = lithium, missing
        elif self._lithium.shape != lithium.shape:
            raise ValueError(
                f"this slab has columns {lithium.shape} and the slabs before it {self._lithium.shape}; "
                "cut slabs along the axis of the columns only"
            )
        else:
            self._lithium, self._missing = self._lithium + lithium, self._missing + missing
        self.n_planes += given[0].shape[0]

    def thickness_um(self, *, max_unlabelled: float = 0.1) -> Array:
        """Return the column thickness of what was added so far.

        Parameters
        ----------
        max_unlabelled : float
            Largest share of unlabelled voxels in a column, dimensionless. Below it they count as free of
            lithium (`unlabelled_um` tells how much that may hide); above it the column is NaN.

        Returns
        -------
        (n_y, n_x) array of float32
            Lithium volume over column area, in µm; NaN where not measured.

        Raises
        ------
        ValueError
            If nothing was added.
        """
        lithium, missing = self._filled()
        xp = array_namespace(lithium)
        thickness = (lithium * self.depth_um).astype(xp.float32)
        return xp.where(missing > max_unlabelled * self.n_planes, xp.float32(xp.nan), thickness)

    def unlabelled_um(self) -> Array:
        """Return how much of each column is not labelled: the most that its thickness may be short.

        Returns
        -------
        (n_y, n_x) array of float32
            Unlabelled voxels times their edge, in µm.
        """
        _, missing = self._filled()
        return (missing * self.depth_um).astype(array_namespace(missing).float32)

    def _filled(self) -> tuple[Array, Array]:
        if self._lithium is None:
            raise ValueError("no slab was added; add the labels or fractions of at least one plane")
        return self._lithium, self._missing


def thickness_map(
    labels: Array | None,
    *,
    voxel_um: VoxelSize,
    axis: int = 0,
    fractions: Array | None = None,
    within: Array | None = None,
    max_unlabelled: float = 0.1,
) -> Array:
    """Return the column thickness of lithium: its volume over the area of each column.

    Parameters
    ----------
    labels : (n_z, n_y, n_x) array of uint8, or None
        Values of `Phase`, 255 where not labelled. None where only fractions are known.
    voxel_um : float or (3,) sequence of float
        Edge of a cubic voxel, or the edges (z, y, x), in µm.
    axis : int
        Axis along which the columns run, the stack axis of the cell.
    fractions : (n_z, n_y, n_x) array of float32, optional
        Share of lithium in each voxel, dimensionless, used instead of the label lithium: a surface is then
        found within a voxel. Never clipped: negative values are noise, and cancel in the sum.
    within : (n_z, n_y, n_x) array of bool, optional
        Voxels that count, for instance those of the film; the others are taken to hold no lithium.
    max_unlabelled : float
        Largest share of unlabelled voxels in a column, dimensionless. Below it they count as free of lithium;
        above it the column is NaN. A column whose voxels are all unlabelled is always NaN.

    Returns
    -------
    (n_y, n_x) array of float32
        Thickness in µm over the two axes that remain, in their order, on the device of the input. Zero where
        there is no lithium, NaN where not measured.

    Raises
    ------
    TypeError
        If labels are not uint8, or fractions not floating point.
    ValueError
        If a volume is empty or not 3-D, shapes differ, a label is no phase, or the voxel not positive.
    """
    depth_um, _ = map_voxel_um(voxel_um, axis)
    if labels is not None:
        check_labels(labels)
    if fractions is not None:
        _check_fractions(fractions)
    volumes = [None if a is None else _along_first(a, axis) for a in (labels, fractions, within)]
    first = next((a for a in volumes if a is not None), None)
    total = ThicknessSum(depth_um)
    for block in blocks(0 if first is None else first.shape[0], PLANES_PER_BLOCK):
        slab = [None if a is None else a[block.slice] for a in volumes]
        total.add(slab[0], fractions=slab[1], within=slab[2])
    if first is None:
        total.add(None)
    return total.thickness_um(max_unlabelled=min(max_unlabelled, np.nextafter(1.0, 0.0)))


def _along_first(volume: Array, axis: int) -> Array:
    axis = axis_index(axis)
    return array_namespace(volume).moveaxis(volume, axis, 0)


def _check_fractions(fractions: Array) -> None:
    if str(fractions.dtype) not in {"float16", "float32", "float64"}:
        raise TypeError(f"fractions are {fractions.dtype}; give floating point, 1 = a voxel full of lithium")
    if len(fractions.shape) != 3 or 0 in fractions.shape:
        raise ValueError(f"fractions have shape {fractions.shape}; give a volume of three axes, none empty")


def _columns(labels: Array | None, fractions: Array | None, within: Array | None, xp: Any) -> tuple[Array, Array]:
    """Sum lithium (in voxels) and count missing voxels along the first axis of a slab."""
    unlabelled: Array = False
    if labels is not None:
        check_phases(labels)
        unlabelled = labels == NOT_LABELLED
    if fractions is None:
        lithium = labels == Phase.LITHIUM
        if within is not None:
            lithium = lithium & within
        return xp.sum(lithium, axis=0, dtype=xp.int64), xp.sum(unlabelled, axis=0, dtype=xp.int64)
    absent = xp.isnan(fractions) | unlabelled
    skipped = absent if within is None else absent | ~within
    lithium = xp.where(skipped, xp.zeros((), dtype=fractions.dtype), fractions)
    return xp.sum(lithium, axis=0, dtype=xp.float64), xp.sum(absent, axis=0, dtype=xp.int64)

"""Lithium too fine or too faint to label: a small excess over undisturbed electrolyte, with its detection limit.

One per cent of lithium in 500 µm of electrolyte is 5 µm. It is a small difference of large numbers, so it is
taken relative to the scan before charging or to electrolyte far from the anode at the same radius, where beam
hardening is the same; sums use unclipped fractions.
"""

from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, blocks, to_host
from .inventory import Amount
from .voxels import VoxelSize, axis_index, map_voxel_um

CURRIE = 3.29
"""Detection limit in standard deviations, for 5 % of false alarms and 5 % of misses."""

BLOCK_VOXELS = 16
RINGS = 8
LEAST_FILLING = 0.5


@dataclass(frozen=True)
class Excess:
    """Lithium of a zone over what a reference says of undisturbed electrolyte.

    Parameters
    ----------
    amount : Amount
        Excess over the area in view, in µm, with its standard deviation.
    detection_limit_um : float
        Least excess that is told from none [1]_, in µm.
    is_detected : bool
        True if the excess is above the limit.
    reference : {"before", "same radius"}
        What it was taken relative to.

    References
    ----------
    .. [1] Currie, Anal. Chem. 40, 586 (1968).
    """

    amount: Amount
    detection_limit_um: float
    is_detected: bool
    reference: str


def excess_lithium(
    fractions: Array,
    zone: Array,
    *,
    voxel_um: VoxelSize,
    area_in_view_um2: float,
    before: Array | None = None,
    reference: Array | None = None,
    axis: int = 0,
    block: int = BLOCK_VOXELS,
) -> Excess:
    """Sum the lithium of a zone above a reference.

    The noise of a tomogram is correlated, so it is not taken from single voxels: the scatter of the means of
    blocks gives it, of the difference to the scan before charging, or of the reference about its ring means.

    Parameters
    ----------
    fractions : (n_z, n_y, n_x) array of float32
        Lithium fraction, dimensionless, unclipped; NaN where unknown.
    zone : (n_z, n_y, n_x) array of bool
        Electrolyte or mixed zone to sum over, without lithium that is counted elsewhere.
    voxel_um : float or (3,) sequence of float
        Edge of a cubic voxel, or the edges (z, y, x), in µm.
    area_in_view_um2 : float
        Electrode area in view, in µm^2.
    before : (n_z, n_y, n_x) array of float32, optional
        Lithium fraction in the registered scan before charging.
    reference : (n_z, n_y, n_x) array of bool, optional
        Undisturbed electrolyte far from the anode; used ring by ring about the view's middle. With `before`,
        it is where the two scans are balanced.
    axis : int
        Stack axis of the cell.
    block : int
        Edge of the blocks, in voxels; longer than the noise is correlated.

    Returns
    -------
    Excess
        Amount, its standard deviation and the detection limit.

    Raises
    ------
    ValueError
        If neither reference is given, shapes differ, or zone or reference hold too few blocks.
    """
    if before is None and reference is None:
        raise ValueError("no reference was given; give the scan before charging or undisturbed electrolyte")
    shapes = {tuple(a.shape) for a in (fractions, zone, before, reference) if a is not None}
    if len(shapes) != 1:
        raise ValueError(f"volumes are {sorted(shapes)} voxels; give one shape to all")
    depth_um, pixel_um = map_voxel_um(voxel_um, axis)
    within = _block_sums(fractions, zone, before, axis, block)
    if within.count.sum() == 0:
        raise ValueError("the zone holds no voxel with a known fraction; widen it")
    apart = None if reference is None else _block_sums(fractions, reference, before, axis, block)
    base, base_std, scatter = _baseline(within, apart, block)
    excess = float((within.total - base * within.count).sum())
    independent = max(float(within.count.sum()) / block**3, 1.0)
    std = hypot(scatter * within.count.sum() / sqrt(independent), float((base_std * within.count).sum()))
    scale = depth_um * pixel_um[0] * pixel_um[1] / area_in_view_um2
    limit = CURRIE * std * scale
    amount = Amount(excess * scale, std * scale)
    return Excess(amount, limit, amount.um > limit, "same radius" if before is None else "before")


@dataclass(frozen=True, eq=False)
class _Blocks:
    """Sums over blocks of voxels: (n_z, n_y, n_x) arrays of the fraction's total and the number of voxels."""

    total: NDArray[np.float64]
    count: NDArray[np.float64]

    def full(self, block: int) -> NDArray[np.bool_]:
        return self.count >= LEAST_FILLING * block**3

    def rings(self) -> NDArray[np.int64]:
        """Ring of each block about the middle of the view."""
        n_y, n_x = self.total.shape[1:]
        rows, columns = np.indices((n_y, n_x))
        distance = np.hypot(rows - (n_y - 1) / 2, columns - (n_x - 1) / 2)
        ring = np.minimum(RINGS * distance / max(distance.max(), 1.0), RINGS - 1).astype(np.int64)
        return np.broadcast_to(ring, self.total.shape)


def _block_sums(fractions: Array, where: Array, before: Array | None, axis: int, block: int) -> _Blocks:
    """Sum a volume, or its difference to the one before, over blocks, a slab at a time."""
    axis = axis_index(axis)
    parts = []
    for piece in blocks(fractions.shape[axis], block):
        cut = tuple(piece.slice if i == axis else slice(None) for i in range(3))
        values = np.asarray(to_host(fractions[cut]), dtype=np.float64)
        if before is not None:
            values = values - np.asarray(to_host(before[cut]), dtype=np.float64)
        known = np.asarray(to_host(where[cut]), dtype=bool) & np.isfinite(values)
        pair = (np.moveaxis(a, axis, 0).sum(axis=0) for a in (np.where(known, values, 0.0), known.astype(float)))
        parts.append([_tiled(plane, block) for plane in pair])
    return _Blocks(np.stack([p[0] for p in parts]), np.stack([p[1] for p in parts]))


def _tiled(plane: NDArray[np.float64], block: int) -> NDArray[np.float64]:
    padded = np.pad(plane, [(0, -n % block) for n in plane.shape])
    rows, columns = (n // block for n in padded.shape)
    return np.asarray(padded.reshape(rows, block, columns, block).sum(axis=(1, 3)))


def _baseline(
    within: _Blocks, apart: _Blocks | None, block: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Fraction of undisturbed electrolyte for each block of the zone, its std, and the scatter of a full block."""
    if apart is None:
        full = within.full(block)
        _enough(full, "zone")
        means = within.total[full] / within.count[full]
        # blocks with lithium widen the upper half only: the lower half tells the noise about the median
        low = means[means <= np.median(means)]
        scatter = float(np.sqrt(np.mean((low - np.median(means)) ** 2)))
        zero = np.zeros(within.total.shape)
        return zero, zero, scatter
    full, ring = apart.full(block), apart.rings()
    _enough(full, "reference")
    base, base_std = np.zeros(RINGS), np.zeros(RINGS)
    residual = []
    means = np.divide(apart.total, apart.count, out=np.zeros_like(apart.total), where=apart.count > 0)
    overall = float(means[full].mean())
    for k in range(RINGS):
        chosen = means[full & (ring == k)]
        base[k] = chosen.mean() if chosen.size else overall
        residual.append(chosen - base[k])
        base_std[k] = chosen.size
    spread = np.concatenate(residual)
    used = int((base_std > 0).sum())
    scatter = float(np.sqrt((spread**2).sum() / max(spread.size - used, 1)))
    base_std = scatter / np.sqrt(np.maximum(base_std, 1))
    return base[within.rings()], base_std[within.rings()], scatter


def _enough(full: NDArray[np.bool_], name: str) -> None:
    if full.sum() < 8:
        raise ValueError(
            f"the {name} holds {int(full.sum())} full blocks; 8 are needed to know the noise: widen it, or "
            "take smaller blocks"
        )

"""Bodies called lithium in the electrolyte's rows: each must be shown, as a whole, to be no pore and no carbon."""

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from ..arrays import Array, array_namespace, to_host
from ..materials import Phase
from .filters import dilate, erode, ndimage_of
from .place import Place

if TYPE_CHECKING:
    from .thresholds import Thresholds

DOUBT = 3.0
"""Standard deviations of its mean by which a body must lack xenon before it is called lithium."""

CORE_VOXELS = 2
"""Voxels further than this inside a body owe next to nothing to the blur of the electrolyte around it."""

BESIDE_VOXELS = 3
"""Void this near to a body at carbon is judged with it."""

BODY_VOXELS = 20
"""A slab may not see the whole of a body that reaches further; its halo is wider than that."""


def judged(t: "Thresholds", slabs: list[Array], labels: Array, place: Place) -> Array:
    """Take back the word lithium where the scan does not bear it out.

    A body is lithium that hangs together, most of it in rows of the electrolyte. Two gases are asked for the mean of
    `lack_of_xenon` over all of it: beyond doubt against a pore, and against carbon, with the gas that the carbon layer
    holds, at all where the body touches carbon and may be a hollow filled with it. Xenon alone is asked for µ in the
    body's core, which must lie below half-way from lithium to the gas beyond doubt. A body that reaches further than
    `BODY_VOXELS`, along the rows alone where it touches carbon, is taken back only if two gases show beyond doubt that
    it holds xenon.

    Parameters
    ----------
    t : Thresholds
        Levels and noise.
    slabs : list of (n_z, n_y, n_x) array
        µ in cm^-1 of each scan, in the order of `t.scans`.
    labels : (n_z, n_y, n_x) array of uint8
        Values of `Phase`.
    place : Place
        Where the voxels lie.

    Returns
    -------
    (n_z, n_y, n_x) array of uint8
        Bodies that fail are carbon where they touch it, else void. Nothing is asked without a scan in xenon.
    """
    if "xenon" not in t.dense_noise_per_cm or not bool(place.beside_electrolyte.any()):
        return labels
    dense = (place.in_collector >= 0) | t.is_counter(place.rows)
    parts, chosen, reach = _bodies((labels == Phase.LITHIUM) & place.bore & ~dense, place)
    if not bool(chosen.any()):
        return labels
    xp = place.xp
    rows = _rows_of(chosen[parts])
    parts, near, volumes = xp.where(chosen[parts], parts, 0)[rows], labels[rows], [slab[rows] for slab in slabs]
    touches = xp.zeros(chosen.size, dtype=bool)
    if t.layout.has_carbon:
        touches[xp.unique(parts[dilate(near == Phase.CARBON, 1)])] = True
    mask, is_long = place.mask[rows], reach.max(axis=0) > BODY_VOXELS
    if len(slabs) == 2:
        is_long &= ~touches | (reach[0] > BODY_VOXELS)  # hollows of a rough electrolyte are wide
        whole = _with_void_beside(parts, touches, (near == Phase.VOID) & place.deep_electrolyte[rows])
        fails = _fails_in_both(t, volumes, xp.where(mask, whole, 0), touches, is_long)
    else:
        fails = ~is_long & (_core_certainty(t, volumes[0], parts, mask, chosen.size) < DOUBT)
    fails &= chosen
    rest = xp.where(touches, xp.uint8(Phase.CARBON), xp.uint8(Phase.VOID))
    labels[rows] = xp.where(fails[parts], rest[parts], near)
    return labels


def lack_of_xenon(t: "Thresholds", slabs: list[Array], share: float = 1.0) -> Array:
    """Return half of the gas that the open part of each voxel would hold, less what a pair of scans shows.

    Parameters
    ----------
    t : Thresholds
        Levels.
    slabs : list of array
        µ in argon and in xenon, in cm^-1, of one shape.
    share : float
        Of the open part that gas would fill, dimensionless: 1 in a pore, less in carbon.

    Returns
    -------
    array
        In cm^-1; positive where lithium is likelier.
    """
    argon, xenon = (t.levels[scan] for scan in ("argon", "xenon"))
    contrast = share * t.gas_behind_electrolyte * (xenon[Phase.VOID] - argon[Phase.VOID])
    # A small body is blurred: how dark it is tells how much of each voxel is open.
    opened = (argon[Phase.ELECTROLYTE] - slabs[0]) / (argon[Phase.ELECTROLYTE] - argon[Phase.LITHIUM])
    return np.float32(0.5 * contrast) * opened - (slabs[1] - slabs[0])


def least_body_um3(t: "Thresholds") -> float | None:
    """Return the volume below which the noise of a scan lets no body of lithium be told from a pore.

    Parameters
    ----------
    t : Thresholds
        Levels and noise.

    Returns
    -------
    float or None
        In µm^3, as if the body were not blurred: one that is must be larger. With xenon alone that of a ball with a
        core of this size, at most one of `BODY_VOXELS`, from where on nothing is asked. None without a scan in xenon
        or without electrolyte.
    """
    if "xenon" not in t.dense_noise_per_cm:
        return None
    xenon = t.levels["xenon"]
    if len(t.scans) == 2:
        contrast = t.gas_behind_electrolyte * (xenon[Phase.VOID] - t.levels["argon"][Phase.VOID])
        return float((2.0 * DOUBT * _noise_of_pair(t) / contrast) ** 2 * t.voxel_um**3)
    core = (DOUBT * t.dense_noise_per_cm["xenon"] / (_halfway(t) - xenon[Phase.LITHIUM])) ** 2
    radius = min((0.75 * core / math.pi) ** (1 / 3) + CORE_VOXELS, 0.5 * BODY_VOXELS)
    return float(4.0 / 3.0 * math.pi * (radius * t.voxel_um) ** 3)


def _bodies(lithium: Array, place: Place) -> tuple[Array, Array, Array]:
    """Number what hangs together of lithium; tell which bodies lie in the electrolyte, and how far each reaches."""
    xp = place.xp
    parts, count = ndimage_of(lithium).label(lithium, xp.ones((3, 3, 3), dtype=bool))
    size = int(count) + 1
    voxels = xp.bincount(parts.ravel(), minlength=size)
    within = xp.bincount(parts[place.beside_electrolyte[:, 0, 0]].ravel(), minlength=size)
    chosen = 2 * within > voxels
    chosen[0] = False
    boxes = ndimage.find_objects(to_host(parts))
    reach = np.array([[0, 0, 0], *([side.stop - side.start for side in box] for box in boxes)], dtype=np.int64)
    return parts, chosen, xp.asarray(reach.T)


def _with_void_beside(parts: Array, touches: Array, void: Array) -> Array:
    """Add to bodies at carbon the void beside them, which noise may have left out of a hollow that holds some gas."""
    xp = array_namespace(parts)
    nearest = ndimage_of(parts).maximum_filter(xp.where(touches[parts], parts, 0), 2 * BESIDE_VOXELS + 1)
    return xp.where((parts == 0) & void, nearest, parts)


def _fails_in_both(t: "Thresholds", volumes: list[Array], parts: Array, touches: Array, is_long: Array) -> Array:
    xp, seen, noise = array_namespace(parts), parts > 0, _noise_of_pair(t)
    where, body = parts[seen], [volume[seen] for volume in volumes]
    pore = _certainty(lack_of_xenon(t, body), where, touches.size, noise)
    fails = xp.where(is_long, pore < -DOUBT, pore < DOUBT)
    if t.layout.has_carbon:
        carbon = _certainty(lack_of_xenon(t, body, _gas_in_carbon(t)), where, touches.size, noise)
        fails |= touches & ~is_long & (carbon < 0)
    return fails


def _core_certainty(t: "Thresholds", xenon: Array, parts: Array, mask: Array, size: int) -> Array:
    seen = (parts > 0) & mask
    core = erode(seen | ~mask, CORE_VOXELS) & seen
    return _certainty(np.float32(_halfway(t)) - xenon[core], parts[core], size, t.dense_noise_per_cm["xenon"])


def _rows_of(mask: Array) -> slice:
    """Rows that hold a mask, and one to either side."""
    rows = np.flatnonzero([bool(plane.any()) for plane in mask])
    return slice(max(int(rows[0]) - 1, 0), int(rows[-1]) + 2)


def _noise_of_pair(t: "Thresholds") -> float:
    """Noise of the difference of two scans in a voxel, for means over bodies.

    Reconstruction leaves less noise in them than independent voxels would. Resampling one scan takes noise from its
    voxels and leaves it in the means: the louder scan counts for both.
    """
    return math.sqrt(2.0) * max(t.dense_noise_per_cm.values())


def _gas_in_carbon(t: "Thresholds") -> float:
    """Share of the gas's contrast that the carbon layer shows, pores and uptake together."""
    change = {phase: t.levels["xenon"][phase] - t.levels["argon"][phase] for phase in (Phase.CARBON, Phase.VOID)}
    return min(max(change[Phase.CARBON] / change[Phase.VOID], 0.0), 1.0)


def _halfway(t: "Thresholds") -> float:
    """µ in xenon half-way from lithium to the darkest that gas or carbon are in the electrolyte's rows, in cm^-1."""
    level = t.levels["xenon"]
    others = [level[Phase.VOID], *([level[Phase.CARBON]] if t.layout.has_carbon else [])]
    return 0.5 * (level[Phase.LITHIUM] + t.gas_behind_electrolyte * min(others))


def _certainty(values: Array, parts: Array, size: int, noise_per_cm: float) -> Array:
    """Mean of each body over the noise of that mean, dimensionless; 0 where there is nothing of it."""
    xp = array_namespace(values)
    count = xp.bincount(parts, minlength=size)
    total = xp.bincount(parts, values, minlength=size)
    return total / (noise_per_cm * xp.sqrt(xp.maximum(count, 1)))

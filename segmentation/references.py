"""What stands at a known place of the scan, and reads what it should: casing, its surroundings, electrolyte."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, to_host
from ..materials import Phase
from .bore import Bore, radial_profile
from .calibration import Reference
from .contrast import ExpectedMu
from .levels import robust_std
from .surfaces import Surface

Expected = Mapping[Phase, ExpectedMu]

MOST_SLICES = 32

AT_ONCE = 4
"""Neighbouring slices read together."""

MIN_VOXELS = 50
WALL_VOXELS = 3
"""Distance from a surface of the casing at which nothing of it is seen any more."""

WALL_CHANGE = 0.15
"""Change of µ, as a share of it, at which the inner wall of the casing ends."""

THINNEST_RINGS = 3
"""A wall of fewer voxels than this between its blurred edges is not read."""

COUNTER = 1.5
"""A counter electrode of steel or indium reads more than so many times the electrolyte."""

UNDISTURBED = 0.7
"""Quantile of the rows' medians taken for electrolyte without lithium or voids in it."""

PLAUSIBLE = (0.4, 2.5)
"""Measured over expected µ of casing and electrolyte; outside of it the volume is not in cm^-1."""


def planes(volume: Array, rows: NDArray[np.intp]) -> Iterator[NDArray[Any]]:
    """Read slices one after another; neighbours together, because a chunk is unpacked for each reading of it.

    Parameters
    ----------
    volume : (n_z, n_y, n_x) array
        Any quantity; a few slices at a time are read.
    rows : (n,) array of int
        Slices.

    Yields
    ------
    (n_y, n_x) array
        Each slice in turn, on the host.
    """
    for run in np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1):
        for part in (run[first : first + AT_ONCE] for first in range(0, run.size, AT_ONCE)):
            yield from to_host(volume[int(part[0]) : int(part[-1]) + 1])


def mean_plane(volume: Array, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Average slices of a volume.

    Parameters
    ----------
    volume : (n_z, n_y, n_x) array
        Any quantity; read slice by slice.
    rows : (n,) array of int
        Slices; of many, 32 spread over them are taken.

    Returns
    -------
    (n_y, n_x) array of float64
        Their mean.
    """
    chosen = rows[np.linspace(0, rows.size - 1, min(MOST_SLICES, rows.size)).astype(int)]
    total = np.zeros(volume.shape[1:])
    for plane in planes(volume, chosen):
        total += plane
    return total / chosen.size


def deep_rows(electrolyte: Surface, n_z: int) -> NDArray[np.intp]:
    """Return the rows that the electrolyte fills, or the deepest that there are.

    Parameters
    ----------
    electrolyte : Surface
        Its surface.
    n_z : int
        Rows of the volume.

    Returns
    -------
    (n,) array of int
        At least one row.
    """
    depth = electrolyte.depth(np.arange(n_z))
    return np.flatnonzero(depth > min(electrolyte.settled, float(depth.max()) - 2))


def find_references(
    volumes: Mapping[str, Array],
    expected: Mapping[str, Expected],
    rows: NDArray[np.intp],
    electrolyte: Surface | None,
    bore: Bore,
) -> dict[str, dict[Phase, Reference]]:
    """Read the casing and what lies around it in light rows, and the electrolyte in its own.

    Of a tube in a tube only the inner wall is taken: between the walls there is gas.

    Parameters
    ----------
    volumes : mapping of str to (n_z, n_y, n_x) array
        µ in cm^-1 of each scan; a few rows are read.
    expected : mapping of str to mapping of Phase to ExpectedMu
        What each phase should read.
    rows : (n,) array of int
        Rows without dense layers.
    electrolyte : Surface or None
        Its surface.
    bore : Bore
        Axis and radii.

    Returns
    -------
    dict of str to dict of Phase to Reference
        For each scan casing and electrolyte, and the surroundings as void (gas) or outside (open beam), as far
        as they are in view.

    Raises
    ------
    ValueError
        If casing or electrolyte read what no volume in cm^-1 would.
    """
    means = {s: mean_plane(v, rows) for s, v in volumes.items()}
    first = next(iter(means.values()))
    distance = bore.distance(*first.shape)
    profile = radial_profile(first, bore)
    rings = _wall_rings(profile, bore)
    casing = np.isin(np.rint(distance), rings)
    around = (distance > (bore.outer_radius_px or np.inf) + WALL_VOXELS) & (distance < profile.size - 2)
    found: dict[str, dict[Phase, Reference]] = {}
    for scan, plane in means.items():
        found[scan] = _reference(Phase.CASING, expected[scan], plane[casing])
        found[scan] |= _around(expected[scan], plane[around])
        if electrolyte is not None:
            rows_in = deep_rows(electrolyte, volumes[scan].shape[0])
            most = (
                COUNTER * expected[scan][Phase.ELECTROLYTE].high_per_cm
                if Phase.ELECTROLYTE in expected[scan]
                else np.inf
            )
            within = distance < bore.radius_px - WALL_VOXELS
            inner = undisturbed_plane(volumes[scan], rows_in, within, most_per_cm=most)
            found[scan] |= _reference(Phase.ELECTROLYTE, expected[scan], inner)
    return found


def undisturbed_plane(
    volume: Array, rows: NDArray[np.intp], within: NDArray[np.bool_], *, most_per_cm: float = np.inf
) -> NDArray[np.float64]:
    """Return the electrolyte in the row that lithium and voids lower least: that of the 70 % quantile of row medians.

    Parameters
    ----------
    volume : (n_z, n_y, n_x) array
        µ in cm^-1; some rows are read.
    rows : (n,) array of int
        Rows that the electrolyte fills.
    within : (n_y, n_x) array of bool
        Columns in the bore.
    most_per_cm : float
        Rows whose median is above belong to a counter electrode, in cm^-1; they are passed over where others are left.

    Returns
    -------
    (n_inner,) array of float64
        Its voxels, in cm^-1.
    """
    chosen = rows[np.linspace(0, rows.size - 1, min(MOST_SLICES, rows.size)).astype(int)]
    inner = [np.asarray(plane, dtype=np.float64)[within] for plane in planes(volume, chosen)]
    medians = np.array([np.median(values) for values in inner])
    order = np.argsort(medians, kind="stable")
    order = order[: int((medians <= most_per_cm).sum()) or order.size]
    return inner[int(order[round(UNDISTURBED * (order.size - 1))])]


def counter_row(volume: Array, electrolyte: Surface, bore: Bore, *, level_per_cm: float) -> int | None:
    """Find where a dense counter electrode begins behind the electrolyte, by halving the rows in between.

    Parameters
    ----------
    volume : (n_z, n_y, n_x) array
        µ in cm^-1; a dozen rows are read.
    electrolyte : Surface
        Its surface.
    bore : Bore
        Axis and radius.
    level_per_cm : float
        What the electrolyte reads, in cm^-1.

    Returns
    -------
    int or None
        Two rows before the first one, going away from the anode, whose median is more than half above the
        electrolyte: it is blurred into them. None if the last row is not.
    """
    within = bore.distance(*volume.shape[1:]) < bore.radius_px - WALL_VOXELS
    rows = np.sort(deep_rows(electrolyte, volume.shape[0]))
    rows = rows if electrolyte.end == "high" else rows[::-1]
    low, high, limit = 0, rows.size - 1, COUNTER * level_per_cm
    if limit <= 0 or _row_median(volume, rows[high], within) <= limit or _row_median(volume, rows[low], within) > limit:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _row_median(volume, rows[middle], within) > limit else (middle, high)
    return int(rows[max(high - 2, 0)])


def _row_median(volume: Array, row: np.intp, within: NDArray[np.bool_]) -> float:
    return float(np.median(np.asarray(to_host(volume[int(row) : int(row) + 1])[0])[within]))


def _wall_rings(profile: NDArray[np.float64], bore: Bore) -> NDArray[np.intp]:
    """Distances from the axis, in voxels, that lie well within the inner wall; none where it is too thin."""
    first = math.ceil(bore.radius_px + 1.5)
    last = min(math.floor(bore.outer_radius_px - 1.5), profile.size) if bore.outer_radius_px else profile.size
    wall = profile[first:last]
    if wall.size < THINNEST_RINGS:
        return np.array([], dtype=np.intp)
    level = wall[:THINNEST_RINGS].max()
    leaves = np.flatnonzero(np.abs(wall - level) > WALL_CHANGE * abs(level))
    rings = int(leaves[0]) if leaves.size else wall.size
    return first + np.arange(rings if rings >= THINNEST_RINGS else 0)


def _around(expected: Expected, values: NDArray[np.float64]) -> dict[Phase, Reference]:
    """Around the casing lies the gas, or nothing: the jig's gas may be in the flats too."""
    if values.size < MIN_VOXELS:
        return {}
    gas, grey = expected[Phase.VOID], float(np.median(values))
    std = max(robust_std(values) / values.size**0.5, 0.02)
    if abs(grey - gas.mu_per_cm) < abs(grey):
        return {Phase.VOID: Reference(f"{gas.name} around the casing", gas.mu_per_cm, grey, std)}
    return {Phase.OUTSIDE: Reference("open beam around the casing", 0.0, grey, std)}


def _reference(phase: Phase, expected: Expected, values: NDArray[np.float64]) -> dict[Phase, Reference]:
    if phase not in expected or values.size < MIN_VOXELS:
        return {}
    should = expected[phase]
    grey = float(np.median(values))
    spread = robust_std(values) / values.size**0.5
    # The path that each voxel is seen through is not known: a quarter of the range stands for it.
    std = float(np.hypot(spread, 0.25 * (should.high_per_cm - should.low_per_cm)))
    low, high = PLAUSIBLE
    if should.low_per_cm > 0.2 and not low * should.low_per_cm < grey < high * should.high_per_cm:
        raise ValueError(
            f"{should.name} reads {grey:.3g} where {should.low_per_cm:.3g} to {should.high_per_cm:.3g} cm^-1 are "
            "expected: check the unit of the volume (µ in cm^-1), the pixel size and the cell's materials"
        )
    return {phase: Reference(should.name, should.mu_per_cm, grey, max(std, 1e-3))}

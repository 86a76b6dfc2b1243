"""Rows between collector and electrolyte in which the light phases can be measured, and what to do without any."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, to_host
from ..materials import Phase
from .bore import Bore
from .filters import dilate, gaussian_within
from .levels import SIGMAS_PX, Levels, Sample, measure_levels
from .references import WALL_VOXELS
from .surfaces import Surface

MAX_SAMPLE_VOXELS = 8_000_000
FEW_ROWS = 8
LEAST_ROWS = 3
DENSE_REACH = 3
"""Voxels around the electrolyte that it may be blurred into."""

FILLED = 0.1
"""Where the electrolyte fills more than this share of the lightest rows, no row is free of it."""

IMPOSSIBLE = 2.5
"""Rows that read more than so many times the least of the electrolyte are not in cm^-1."""

WHITE_TO_SMOOTH = 0.1
"""Assumed noise after the default Gaussian over that before it, where it cannot be measured."""


def reaches_collector(
    volume: Array, profile: NDArray[np.float64], bore: Bore, *, light_per_cm: float, dense_per_cm: float
) -> bool:
    """Tell whether the electrolyte begins at the collector: even the lightest rows hold some of it.

    Parameters
    ----------
    volume : (n_z, n_y, n_x) array
        µ in cm^-1; six rows are read.
    profile : (n_z,) array of float64
        Transmission of each row.
    bore : Bore
        Axis and radius.
    light_per_cm, dense_per_cm : float
        What the light phases at most and the electrolyte at least should read, in cm^-1.

    Returns
    -------
    bool
        True if its share of the lightest rows exceeds 0.1.
    """
    within = bore.distance(*volume.shape[1:]) < 0.8 * bore.radius_px
    order = np.argsort(profile)

    chosen = order[-LEAST_ROWS:], order[order.size // 2 :][:LEAST_ROWS]
    lightest, middle = (_mean_within(volume, rows, within) for rows in chosen)
    is_filled = lightest > light_per_cm + FILLED * (dense_per_cm - light_per_cm)
    return is_filled and middle < IMPOSSIBLE * dense_per_cm


def _mean_within(volume: Array, rows: NDArray[np.intp], within: NDArray[np.bool_]) -> float:
    planes = [np.asarray(to_host(volume[int(z) : int(z) + 1])[0], dtype=np.float64) for z in rows]
    return float(np.mean([plane[within].mean() for plane in planes]))


def row_choices(n_z: int, collector: Surface | None, electrolyte: Surface | None) -> list[NDArray[np.intp]]:
    """Return the rows that may be free of dense layers, the best choice first.

    Parameters
    ----------
    n_z : int
        Rows of the volume.
    collector, electrolyte : Surface or None
        Surfaces of the dense layers.

    Returns
    -------
    list of (n,) array of int
        Rows clear of both; where a rough electrolyte leaves fewer than 8, then those that it covers less than
        half, then again the few clear ones. Each holds at least 3 rows; empty if there are none.
    """
    rows = np.arange(n_z)
    clear = np.ones(n_z, dtype=bool) if collector is None else collector.depth(rows) < -collector.guard - 0.5
    if electrolyte is None:
        choices = [clear]
    else:
        strictly = clear & (electrolyte.depth(rows) < -electrolyte.guard - 0.5)
        mostly = clear & (electrolyte.depth(rows) < -0.5)
        choices = [strictly] if strictly.sum() >= FEW_ROWS else [mostly, strictly]
    return [rows[chosen] for chosen in choices if chosen.sum() >= LEAST_ROWS]


def lightest_rows(profile: NDArray[np.float64], collector: Surface | None) -> NDArray[np.intp]:
    """Return some rows beside the collector that transmit most, for looking at the casing.

    Parameters
    ----------
    profile : (n_z,) array of float64
        Transmission of each row.
    collector : Surface or None
        Rows that it touches are left out.

    Returns
    -------
    (n,) array of int
        At most 8 rows, in order.
    """
    rows = np.arange(profile.size)
    free = rows if collector is None else rows[collector.depth(rows) < -collector.guard - 0.5]
    free = free if free.size else rows
    return np.sort(free[np.argsort(profile[free])[-FEW_ROWS:]])


def settle_levels(
    volumes: Mapping[str, Array],
    choices: list[NDArray[np.intp]],
    bore: Bore,
    start: Mapping[str, Mapping[Phase, float]],
    *,
    halfway: float,
    phases: tuple[Phase, ...],
    noise_per_cm: Mapping[str, float],
) -> tuple[NDArray[np.intp], Levels, str | None]:
    """Measure the levels of the light phases in the first choice of rows that gives possible ones.

    Parameters
    ----------
    volumes : mapping of str to (n_z, n_y, n_x) array
        µ in cm^-1.
    choices : list of (n,) array of int
        From `row_choices`.
    bore : Bore
        Axis and radius.
    start : mapping of str to mapping of Phase to float
        Expected levels, scaled by the casing, in cm^-1.
    halfway : float
        Half-way from the light phases to the electrolyte, in cm^-1.
    phases : tuple of Phase
        The light phases, lithium first.
    noise_per_cm : mapping of str to float
        Noise of a voxel, used where no row is clear, in cm^-1.

    Returns
    -------
    rows : (n,) array of int
        The rows that were taken; empty if none.
    levels : Levels
        Measured, or the expected ones.
    note : str or None
        Set where they are the expected ones.

    Raises
    ------
    ValueError
        If many rows are clear, and something dense was taken for light in them.
    """
    for place, rows in enumerate(choices):
        found = measure_levels([sample_rows(volumes, rows, bore, halfway)], start, phases)
        fault = _fault(found, start)
        if fault is None:
            return rows, found, None
        if rows.size >= FEW_ROWS and place == len(choices) - 1:
            raise ValueError(fault)
    assumed = {scan: {phase: start[scan][phase] for phase in phases} for scan in start}
    smooth = {scan: WHITE_TO_SMOOTH * noise for scan, noise in noise_per_cm.items()}
    levels = Levels(assumed, dict(noise_per_cm), smooth, SIGMAS_PX[1], dict.fromkeys(phases, 0))
    note = (
        "no row lies clear of collector and electrolyte: the levels of the light phases are the expected ones, "
        "scaled by the casing"
    )
    return np.array([], dtype=np.intp), levels, note


def sample_rows(volumes: Mapping[str, Array], rows: NDArray[np.intp], bore: Bore, halfway: float) -> Sample:
    """Read rows within a square of the bore, all of it where that is small enough; mask what is dense.

    Parameters
    ----------
    volumes : mapping of str to (n_z, n_y, n_x) array
        µ in cm^-1.
    rows : (n,) array of int
        Rows in order.
    bore : Bore
        Axis and radius.
    halfway : float
        What is above is dense, in cm^-1.

    Returns
    -------
    Sample
        For `measure_levels`.
    """
    n_y, n_x = next(iter(volumes.values())).shape[1:]
    z = slice(int(rows[0]), int(rows[-1]) + 1)
    side = min(2 * bore.radius_px + 2, (MAX_SAMPLE_VOXELS / rows.size) ** 0.5)
    y, x = (
        slice(max(round(centre - side / 2), 0), min(round(centre + side / 2) + 1, n))
        for centre, n in ((bore.y, n_y), (bore.x, n_x))
    )
    within = bore.distance(n_y, n_x)[y, x] < bore.radius_px - WALL_VOXELS
    read = {s: np.asarray(to_host(v[z, y, x]), dtype=np.float32) for s, v in volumes.items()}
    mask = np.broadcast_to(within, next(iter(read.values())).shape)
    dense = gaussian_within(sum(read.values()) / np.float32(len(read)), mask, 1.0) > halfway
    return Sample(read, mask & ~dilate(dense, DENSE_REACH))


def _fault(found: Levels, start: Mapping[str, Mapping[Phase, float]]) -> str | None:
    """Say which level no phase between the layers can have: something dense was taken for light."""
    for scan, levels in found.levels.items():
        brightest = max(start[scan][phase] for phase in levels)
        for phase, mu in levels.items():
            if abs(mu - start[scan][phase]) > brightest:
                return (
                    f"{phase.name.lower()} reads {mu:.3g} cm^-1 in {scan} where {start[scan][phase]:.3g} are expected: "
                    "check the cell's layers and materials, that its rows are all in view, and the unit (µ in cm^-1)"
                )
    return None

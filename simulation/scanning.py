"""Scan a simulated cell: expected projections, noise, counts."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Block, blocks, thread_map
from ..materials import Gas
from ..scans.scan import Scan
from .acquisition import Acquisition, Pose
from .cell import Cell
from .detector import Patterns, expose_dark, expose_flat, expose_view, flicker, patterns
from .light import light_path
from .projection import expected_views

VIEWS_PER_TASK = 8
"""Views that a thread works on before it takes the next."""


def acquire(
    cell: Cell,
    gas: Gas,
    acquisition: Acquisition,
    *,
    seed: int = 0,
    pose: Pose | None = None,
    threads: int | None = None,
    progress: Callable[[int], Any] | None = None,
) -> Scan:
    """Scan a cell with a gas in its open pores.

    Parameters
    ----------
    cell : Cell
        The cell.
    gas : Gas
        What fills open pores and gaps.
    acquisition : Acquisition
        How the scan is taken.
    seed : int
        Seed of noise and detector patterns, not negative; the same seed gives the same scan on any number of
        threads.
    pose : Pose, optional
        Where the cell stands; None is on the axis.
    threads : int, optional
        Threads to use; None is one per core.
    progress : callable, optional
        Called with the number of views that are done.

    Returns
    -------
    Scan
        Counts in memory. Its geometry does not tell the axis: that is to be found, and is in the provenance as
        "true_centre_px".

    Raises
    ------
    ValueError
        If the seed is negative, or the rows of the detector reach beyond the cell's ends.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}; give 0 or more")
    detector, theta, n_views = acquisition.detector, acquisition.theta, acquisition.n_views
    path, fixed = light_path(cell, gas, acquisition, pose), patterns(detector, seed=seed)
    times = np.arange(n_views) / max(n_views - 1, 1)
    moved_um = (times - 0.5)[:, None] * np.asarray(acquisition.drift.sample_um)
    projections = np.empty((n_views, *detector.shape), dtype=np.uint16)

    def _take(block: Block) -> int:
        expected = expected_views(path, theta[block.slice], moved_um[block.slice])
        for view, frame in enumerate(expected, start=block.start):
            beam = open_beam(acquisition, fixed, times[view], seed=seed, frame=acquisition.n_flats + view)
            projections[view] = expose_view(detector, fixed, beam * frame, seed=seed, index=view)
        return block.stop

    for done in thread_map(_take, blocks(n_views, VIEWS_PER_TASK), threads=threads):
        if progress is not None:
            progress(done)
    level = np.float32(path.open_beam if acquisition.optics.flats_in_jig else 1.0)
    flats = _flats(acquisition, fixed, level, seed)
    darks = [expose_dark(detector, fixed, seed=seed, index=i) for i in range(acquisition.n_darks)]
    positions = np.repeat([0, n_views], [acquisition.n_flats, acquisition.n_late_flats])
    return Scan(
        projections=projections,
        flats=flats,
        darks=np.stack(darks),
        theta=theta,
        geometry=acquisition.geometry,
        energy_kev=_single_energy(acquisition),
        flat_positions=positions if acquisition.n_late_flats else None,
        format="simulated",
        provenance=_provenance(cell, gas, acquisition, seed),
    )


def open_beam(acquisition: Acquisition, fixed: Patterns, time: float, *, seed: int, frame: int) -> NDArray[np.float32]:
    """Return the expected photons of the open beam in each pixel at one moment.

    Parameters
    ----------
    acquisition : Acquisition
        How the scan is taken.
    fixed : Patterns
        Beam profile and its change.
    time : float
        Moment, 0 at the first view and 1 at the last.
    seed : int
        Seed of the scan.
    frame : int
        Frame, in order of time over flats, views and late flats.

    Returns
    -------
    (n_rows, n_cols) array of float32
        Photons per pixel.
    """
    drift = acquisition.drift
    level = acquisition.photons * (1 + drift.beam * time)
    if drift.flicker > 0:
        level *= max(1 + drift.flicker * flicker(seed, frame), 0.0)
    profile = fixed.beam + np.float32(drift.profile * time) * fixed.change
    return np.maximum(profile, 0) * np.float32(level)


def _flats(acquisition: Acquisition, fixed: Patterns, level: np.float32, seed: int) -> NDArray[np.uint16]:
    """Take the flats before and after the views."""
    early, late, views = acquisition.n_flats, acquisition.n_late_flats, acquisition.n_views
    frames = []
    for index in range(early + late):
        time, frame = (0.0, index) if index < early else (1.0, index + views)
        beam = open_beam(acquisition, fixed, time, seed=seed, frame=frame) * level
        frames.append(expose_flat(acquisition.detector, fixed, beam, seed=seed, index=index))
    return np.stack(frames)


def _provenance(cell: Cell, gas: Gas, acquisition: Acquisition, seed: int) -> dict[str, Any]:
    """Say how the scan was made."""
    return {
        "cell": cell.name,
        "gas": gas.name,
        "pressure_atm": gas.pressure_atm,
        "temperature_k": gas.temperature_k,
        "spectrum": acquisition.spectrum.name,
        "photons": acquisition.photons,
        "true_centre_px": acquisition.axis_px,
        "seed": seed,
    }


def _single_energy(acquisition: Acquisition) -> float | None:
    """Return the beam's energy in keV if it has only one."""
    energy: NDArray[np.float64] = acquisition.spectrum.energy_kev
    return float(energy[0]) if energy.size == 1 else None

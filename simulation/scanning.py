"""Scan a simulated cell: expected projections, noise, counts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays.blocks import thread_count
from ..materials import Gas
from ..scans.scan import Scan
from .acquisition import Acquisition, Pose
from .cell import Cell
from .detector import Patterns, expose_dark, expose_flat, patterns
from .frames import SimulatedFrames, open_beam
from .light import light_path


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
    scan = streamed(cell, gas, acquisition, seed=seed, pose=pose, threads=threads, progress=progress)
    return replace(scan, projections=scan.projections[:])


def streamed(
    cell: Cell,
    gas: Gas,
    acquisition: Acquisition,
    *,
    seed: int = 0,
    pose: Pose | None = None,
    threads: int | None = None,
    memory_gib: float = 4.0,
    progress: Callable[[int], Any] | None = None,
) -> Scan:
    """Scan a cell whose projections are made as they are read, for scans larger than the memory.

    Counts are those of `acquire`. Writers of `scans` read block by block in order of the views, and each view is made
    once; views read out of order are made again.

    Parameters
    ----------
    cell, gas, acquisition
        As for `acquire`.
    seed : int
        Seed of noise and detector patterns, not negative.
    pose : Pose, optional
        Where the cell stands; None is on the axis.
    threads : int, optional
        Threads to use; None is one per core.
    memory_gib : float
        Memory to keep to in GiB, the cell's labels included; the counts do not depend on it.
    progress : callable, optional
        Called with the number of views that are done.

    Returns
    -------
    Scan
        Flats and darks in memory, projections made when they are sliced.

    Raises
    ------
    ValueError
        If the seed is negative, or the rows of the detector reach beyond the cell's ends.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}; give 0 or more")
    path, fixed = light_path(cell, gas, acquisition, pose), patterns(acquisition.detector, seed=seed)
    frames = SimulatedFrames(path, fixed, seed, thread_count(threads), memory_gib, progress)
    level = np.float32(path.open_beam if acquisition.optics.flats_in_jig else 1.0)
    flats = _flats(acquisition, fixed, level, seed)
    darks = [expose_dark(acquisition.detector, fixed, seed=seed, index=i) for i in range(acquisition.n_darks)]
    positions = np.repeat([0, acquisition.n_views], [acquisition.n_flats, acquisition.n_late_flats])
    return Scan(
        projections=frames,
        flats=flats,
        darks=np.stack(darks),
        theta=acquisition.theta,
        geometry=acquisition.geometry,
        energy_kev=_single_energy(acquisition),
        flat_positions=positions if acquisition.n_late_flats else None,
        format="simulated",
        provenance=_provenance(cell, gas, acquisition, seed),
    )


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

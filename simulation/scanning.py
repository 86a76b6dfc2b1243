"""Scan a simulated cell: expected projections, noise, counts."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Block, blocks, thread_map
from ..materials import Gas
from ..scans.geometry import ParallelBeam
from ..scans.scan import Scan
from .acquisition import Acquisition, Pose
from .cell import Cell
from .detector import expose_dark, expose_flat, expose_view, patterns
from .projection import expected_views, light_path

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
    detector, theta, photons = acquisition.detector, acquisition.theta, acquisition.photons
    path, fixed = light_path(cell, gas, acquisition, pose), patterns(detector, seed=seed)
    projections = np.empty((acquisition.n_views, *detector.shape), dtype=np.uint16)

    def _take(block: Block) -> int:
        expected = expected_views(path, theta[block.slice])
        for view, frame in enumerate(expected, start=block.start):
            projections[view] = expose_view(detector, fixed, frame, photons, seed=seed, index=view)
        return block.stop

    for done in thread_map(_take, blocks(acquisition.n_views, VIEWS_PER_TASK), threads=threads):
        if progress is not None:
            progress(done)
    flats = [expose_flat(detector, fixed, photons, seed=seed, index=i) for i in range(acquisition.n_flats)]
    darks = [expose_dark(detector, fixed, seed=seed, index=i) for i in range(acquisition.n_darks)]
    return Scan(
        projections=projections,
        flats=np.stack(flats),
        darks=np.stack(darks),
        theta=theta,
        geometry=ParallelBeam(pixel_um=detector.pixel_um),
        energy_kev=_single_energy(acquisition),
        format="simulated",
        provenance={
            "cell": cell.name,
            "gas": gas.name,
            "pressure_atm": gas.pressure_atm,
            "temperature_k": gas.temperature_k,
            "spectrum": acquisition.spectrum.name,
            "photons": photons,
            "true_centre_px": acquisition.axis_px,
            "seed": seed,
        },
    )


def _single_energy(acquisition: Acquisition) -> float | None:
    """Return the beam's energy in keV if it has only one."""
    energy: NDArray[np.float64] = acquisition.spectrum.energy_kev
    return float(energy[0]) if energy.size == 1 else None

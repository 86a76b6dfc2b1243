"""A digital twin: a cell, its scans in some gases, and what is really in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..materials import Gas
from ..scans.scan import Scan
from .acquisition import Acquisition, Pose
from .building import build_cell
from .cell import Cell
from .presets import Preset
from .scanning import acquire
from .truth import Truth, truth_of


@dataclass(frozen=True, eq=False)
class Twin:
    """A simulated cell, its scans, and its truth.

    Parameters
    ----------
    cell : Cell
        The cell on its fine grid.
    scans : mapping of str to Scan
        Counts, by the name of the scan.
    truth : Truth
        What is in the cell, on the grid of a reconstruction of the first scan.
    """

    cell: Cell
    scans: Mapping[str, Scan]
    truth: Truth


def twin(
    preset: Preset,
    acquisition: Acquisition,
    gases: Mapping[str, Gas],
    *,
    seed: int = 0,
    noise_seed: int | None = None,
    poses: Mapping[str, Pose] | None = None,
    threads: int | None = None,
    progress: Callable[[str, int], Any] | None = None,
) -> Twin:
    """Build a cell and scan it in some gases.

    Parameters
    ----------
    preset : Preset
        The cell and its charge.
    acquisition : Acquisition
        How it is scanned.
    gases : mapping of str to Gas
        Gas of each scan, by the scan's name.
    seed : int
        Seed of the cell and of the noise, not negative; every scan has its own noise and detector patterns.
    noise_seed : int, optional
        Seed of the noise where it is not that of the cell: other scans of one cell, as in a series, are told by it.
    poses : mapping of str to Pose, optional
        Where the cell stands in each scan, for cells that settle between the fills; None is in the middle of the
        rows. Scans that are not named stand where the first does.
    threads : int, optional
        Threads to use; None is one per core.
    progress : callable, optional
        Called with the scan's name and the number of its views that are done.

    Returns
    -------
    Twin
        Cell, scans and truth.

    Raises
    ------
    ValueError
        If no gas is given, or the cell's voxels are larger than the scan's.
    """
    if not gases:
        raise ValueError("no gas was given; name at least one scan, for instance {'xenon': Gas('xenon', 6)}")
    bore = preset.design.bore
    if bore.voxel_um > acquisition.voxel_um:
        raise ValueError(
            f"voxels of the truth are {bore.voxel_um:g} µm, those of the scan {acquisition.voxel_um:g} µm; make the "
            "truth's as fine, better half as large"
        )
    cell = build_cell(preset.design, preset.charge, seed=seed)
    places = {name: (poses or {}).get(name) for name in gases}
    first = next(iter(places.values())) or centred(cell, acquisition)
    scans, first_seed = {}, len(gases) * (seed if noise_seed is None else noise_seed)
    for index, (name, gas) in enumerate(gases.items()):
        report = None if progress is None else (lambda done, name=name: progress(name, done))
        scans[name] = acquire(
            cell,
            gas,
            acquisition,
            seed=first_seed + index,
            pose=places[name] or first,
            threads=threads,
            progress=report,
        )
    upright = replace(first, shift_um=(first.shift_um[0], 0.0, 0.0), turn_rad=0.0)
    return Twin(cell, scans, truth_of(cell, acquisition, upright))


def centred(cell: Cell, acquisition: Acquisition) -> Pose:
    """Return the pose that puts the middle of a cell's height into the middle row.

    Parameters
    ----------
    cell : Cell
        The cell.
    acquisition : Acquisition
        The scan.

    Returns
    -------
    Pose
        Shifted along z only.
    """
    view_um = acquisition.detector.n_rows * acquisition.voxel_um
    return Pose(shift_um=((view_um - cell.height_um) / 2, 0.0, 0.0))

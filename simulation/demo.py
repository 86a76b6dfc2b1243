"""The demo: a small process-3 cell, and its scans in argon and in xenon."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ..materials import Gas, tube
from ..scans.scan import Scan
from .acquisition import Acquisition, Pose
from .building import build_cell
from .cell import Cell
from .charge import Charge
from .design import Bore, CellDesign, Collector, Film
from .detector import Detector
from .presets import KODAMA_MAH_PER_CM2
from .scanning import acquire
from .truth import Truth, truth_of

CHARGE = Charge(KODAMA_MAH_PER_CM2)
"""0.2 mA cm^-2 for 4000 min: 13.33 mAh cm^-2, 64.7 µm of lithium."""

GASES: Mapping[str, Gas] = MappingProxyType({"argon": Gas("argon", 1.0), "xenon": Gas("xenon", 6.0)})
"""Gas of each scan, by the scan's name."""

FILTERS = (("Al", 0.2),)
"""Filter of the demo's tube: 0.2 mm of aluminium."""

DESIGN = CellDesign(
    bore=Bore(inner_diameter_um=380.0, height_um=192.0, walls_um=(12.0, 8.0, 14.0)),
    collector=Collector(thickness_um=23.0),
    film=Film(correlation_um=40.0),
    name="demo",
)
"""A process-3 cell: 0.38 mm wide inside a double PEEK tube, small enough to lie in the view with the casing."""

POSE = Pose(shift_um=(-6.4, 0.0, 0.0))
"""The view begins inside the collector, whose surface lies at 8.3 rows: between two rows, as in real scans."""


def demo_acquisition() -> Acquisition:
    """Return how the demo is scanned.

    Returns
    -------
    Acquisition
        360 views over 180 degrees, 90 x 240 pixels of 2 µm, Mo tube at 44 kV behind 0.2 mm of aluminium, the axis
        3.3 pixels off the middle.
    """
    detector = Detector(n_rows=90, n_cols=240, pixel_um=2.0)
    spectrum = tube("Mo", 44.0, filters=FILTERS).trimmed()
    return Acquisition(detector, spectrum, n_views=360, centre_px=119.5 + 3.3, photons=4e4)


def demo_scans(
    seed: int = 0,
    *,
    threads: int | None = None,
    progress: Callable[[str, int], Any] | None = None,
) -> tuple[Cell, dict[str, Scan], Truth]:
    """Build the demo's cell and scan it in argon and in xenon.

    Parameters
    ----------
    seed : int
        Seed of the cell and of the noise, not negative.
    threads : int, optional
        Threads to use; None is one per core.
    progress : callable, optional
        Called with the scan's name and the number of its views that are done.

    Returns
    -------
    cell : Cell
        The cell on its fine grid.
    scans : dict of str to Scan
        Counts by the name of the gas.
    truth : Truth
        What is in the cell, on the grid of the reconstruction.
    """
    cell = build_cell(DESIGN, CHARGE, seed=seed)
    acquisition = demo_acquisition()
    scans = {}
    for index, (name, gas) in enumerate(GASES.items()):
        report = None if progress is None else (lambda done, name=name: progress(name, done))
        scans[name] = acquire(
            cell, gas, acquisition, seed=2 * seed + index, pose=POSE, threads=threads, progress=report
        )
    return cell, scans, truth_of(cell, acquisition, POSE)
